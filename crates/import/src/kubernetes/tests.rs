//! What the reader of manifests promises, one sentence per test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use super::gather::{Text, gather, text};
use super::{Draft, Options, StartBy, read};
use crate::Unreadable;
use crate::draft::Noted;
use crate::draft_lines::{codes, proposed, said_at, service, services, stated};
use estate::Grade;
use estate::hands::Driver;
use estate::model::{Probe, StartClass};

fn texts(files: &[(&str, &str)]) -> Vec<Text> {
    files.iter().map(|(name, text)| Text { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

fn try_read(yaml: &str) -> Result<Draft, Unreadable> {
    read(&texts(&[("all.yaml", yaml)]), &Options::default())
}

fn draft(yaml: &str) -> Draft {
    try_read(yaml).unwrap()
}

/// A Deployment with its Service, in as few words as possible.
fn app(name: &str, port: u16, container: &str) -> String {
    format!(
        "---\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: main\n        image: example/{name}:1\n        ports: [{{containerPort: {port}, name: web}}]\n{container}\n---\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: {port}}}]}}\n"
    )
}

#[test]
fn addresses_in_settings_propose_dependencies_with_their_evidence() {
    let yaml = app(
        "web",
        80,
        "        env:\n        - {name: DB_URL, value: 'postgres://u:hunter2@db:5432/x'}\n        - {name: CACHE, value: 'cache.default.svc.cluster.local:6379'}\n        - {name: MAIL_HOST, value: mail.default.svc}\n        args: ['--queue=http://queue.default:80/x']\n",
    ) + &app("db", 5432, "")
        + &app("cache", 6379, "")
        + &app("mail", 25, "")
        + &app("queue", 80, "");
    let draft = draft(&yaml);
    assert_eq!(stated(&draft), Vec::<String>::new(), "nothing that is only seen is stated");
    assert_eq!(
        proposed(&draft),
        ["web soft cache 950", "web hard db 950", "web soft mail 850", "web soft queue 900"]
    );
    let db = &draft.proposed[1];
    assert_eq!(db.evidence, "environment DB_URL names db (all.yaml:13)");
    assert!(!format!("{draft:?}").contains("hunter2"), "values hold passwords");
}

#[test]
fn names_count_in_their_own_namespace_only() {
    let in_shop = |text: String| text.replace("metadata: {name:", "metadata: {namespace: shop, name:");
    let yaml = in_shop(app(
        "web",
        80,
        "        env: [{name: DB_HOST, value: db}, {name: B_HOST, value: db.bank}]\n",
    )) + &app("db", 5432, "")
        + &app("db", 5432, "").replace("metadata: {name:", "metadata: {namespace: bank, name:");
    let draft = draft(&yaml);
    assert_eq!(services(&draft), ["db", "db.bank", "web.shop"]);
    assert_eq!(
        proposed(&draft),
        ["web.shop hard db.bank 850"],
        "`db` alone would be that of the namespace shop"
    );
}

#[test]
fn a_container_that_waits_before_the_others_proposes_what_it_waits_for() {
    let wait = |command: &str| {
        let container = format!(
            "      initContainers:\n      - name: wait\n        image: busybox\n        command: ['sh', '-c', {command:?}]\n"
        );
        let yaml = app("web", 80, &container) + &app("db", 5432, "") + &app("gate", 80, "");
        proposed(&draft(&yaml))
    };
    assert_eq!(wait("until nc -z db 5432; do echo waiting; sleep 2; done"), ["web hard db 900"]);
    assert_eq!(
        wait("until nslookup gate.$(cat /var/run/x/namespace).svc.cluster.local; do sleep 2; done"),
        ["web start_only gate 900"]
    );
    assert_eq!(wait("while ! wget -qO- http://gate:80/ready; do sleep 1; done"), ["web start_only gate 950"]);
    assert_eq!(wait("pg_isready -h db -p 5432"), ["web hard db 850"]);
    assert_eq!(wait("sleep 5"), Vec::<String>::new());
}

#[test]
fn config_maps_are_followed_by_reference() {
    let yaml = app(
        "web",
        80,
        "        envFrom: [{configMapRef: {name: settings}}]\n        env:\n        - name: QUEUE_HOST\n          valueFrom: {configMapKeyRef: {name: other, key: q}}\n        - {name: TARGET, value: '$(DB_HOST):5432'}\n      volumes:\n      - name: conf\n        configMap: {name: files}\n",
    ) + &app("db", 5432, "")
        + &app("queue", 80, "")
        + &app("ldap", 389, "")
        + &app("far", 80, "")
        + "---\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {DB_HOST: db}\n---\nkind: ConfigMap\nmetadata: {name: other}\ndata: {q: queue}\n---\nkind: ConfigMap\nmetadata: {name: files}\ndata:\n  app.ini: |\n    # far:80\n    [directory]\n    url = ldap://ldap:389\n";
    let draft = draft(&yaml);
    assert_eq!(
        proposed(&draft),
        ["web hard db 950", "web soft ldap 950", "web soft queue 850"]
            .map(|line| line.replace("soft ldap", &format!("{} ldap", draft.proposed[1].kind.word())))
    );
    assert!(draft.proposed[2].evidence.contains("environment QUEUE_HOST from config map other"));
}

#[test]
fn nothing_of_a_secret_is_read_but_its_name() {
    let yaml = app(
        "web",
        80,
        "        envFrom: [{secretRef: {name: keys}}]\n        env:\n        - name: DB_HOST\n          valueFrom: {secretKeyRef: {name: keys, key: host}}\n        volumeMounts: [{name: s, mountPath: /s}]\n      volumes: [{name: s, secret: {secretName: keys}}]\n",
    ) + &app("db", 5432, "")
        + "---\nkind: Secret\nmetadata:\n  name: keys\n  annotations: {kubectl.kubernetes.io/last-applied-configuration: 'annotated-hunter2'}\nstringData: {host: db, password: plain-hunter2}\ndata: {token: Y29kZWQtaHVudGVyMg==}\n";
    let draft = draft(&yaml);
    let all = format!("{draft:?}");
    for secret in ["hunter2", "Y29kZWQ"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert_eq!(proposed(&draft), ["web hard db 500"], "by the name of the variable alone");
}

#[test]
fn claims_become_stores_with_their_size_and_who_mounts_them_waits() {
    let yaml = "kind: StatefulSet\nmetadata: {name: db}\nspec:\n  replicas: 3\n  template: {spec: {containers: [{name: c, image: postgres}]}}\n  volumeClaimTemplates:\n  - metadata: {name: data}\n    spec: {resources: {requests: {storage: 10Gi}}}\n---\nkind: PersistentVolumeClaim\nmetadata: {name: files}\nspec: {resources: {requests: {storage: 500M}}}\n---\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {volumes: [{name: x, persistentVolumeClaim: {claimName: files}}]}}}\n---\nkind: Deployment\nmetadata: {name: b}\nspec: {template: {spec: {volumes: [{name: x, persistentVolumeClaim: {claimName: files}}, {name: y, hostPath: {path: /srv/x}}]}}}\n";
    let draft = draft(yaml);
    assert_eq!(
        stated(&draft),
        [
            "a data store:files all.yaml:16",
            "b data store:files all.yaml:20",
            "db data store:data-db all.yaml:7"
        ]
    );
    let sizes: Vec<u64> = draft.estate.stores.values().map(|store| store.size).collect();
    assert_eq!(sizes, [30_720, 477]);
    assert_eq!(proposed(&draft), ["b soft a 150"]);
    assert!(codes(&draft).contains(&"kubernetes-host-path"));
}

#[test]
fn a_probe_that_becomes_no_gate_and_times_that_cannot_be_read_are_said_with_their_place() {
    let said = |probe: &str| {
        let draft = draft(&app("web", 8080, &format!("        readinessProbe: {probe}\n")));
        let of_probe = |noted: &&Noted| noted.finding.message.what.contains("the probe of web");
        let shown = |noted: &Noted| {
            let place = noted.origin.as_ref().unwrap();
            (noted.finding.grade, noted.finding.code, format!("{place}: {}", noted.finding.message.what))
        };
        draft.findings.iter().filter(of_probe).map(shown).collect::<Vec<_>>()
    };
    assert_eq!(said("{httpGet: {path: /ready, port: web}}"), []);
    let port = said("{httpGet: {path: /ready, port: metrics}}");
    assert_eq!((port.len(), port[0].0, port[0].1), (1, Grade::Serious, "kubernetes-probe-port"), "{port:?}");
    assert!(port[0].2.contains("yaml:") && port[0].2.contains("`metrics`"), "{port:?}");
    let inside = said("{httpGet: {port: 9999}}");
    assert_eq!((inside.len(), inside[0].0, inside[0].1), (1, Grade::Note, "kubernetes-probe-inside"));
    assert_eq!(said("{ping: {}}")[0].1, "kubernetes-probe-unknown");
    let times =
        said("{tcpSocket: {port: 8080}, initialDelaySeconds: soon, periodSeconds: 5, failureThreshold: [1]}");
    assert_eq!(times.len(), 2, "{times:?}");
    assert!(times.iter().any(|(_, _, what)| what.contains("initialDelaySeconds") && what.contains("soon")));
}

#[test]
fn probes_become_gates_at_the_address_of_the_service() {
    let gate = |probe: &str, service: &str| {
        let yaml = app("web", 8080, &format!("        readinessProbe: {probe}\n"))
            .replace("{selector:", &format!("{{{service}selector:"));
        let draft = draft(&yaml);
        super::tests::service(&draft, "web").gates.iter().map(|gate| gate.probe.clone()).collect::<Vec<_>>()
    };
    let http = |url: &str| vec![Probe::Http { url: url.to_owned(), status: 200 }];
    assert_eq!(
        gate("{httpGet: {path: /ready, port: 8080}}", ""),
        http("http://web.default.svc.cluster.local:8080/ready")
    );
    assert_eq!(
        gate("{httpGet: {path: /ready, port: web}}", "clusterIP: 10.0.0.7, "),
        http("http://10.0.0.7:8080/ready")
    );
    let tcp = [Probe::Tcp("10.0.0.7:8080".to_owned())];
    for probe in
        ["{tcpSocket: {port: 8080}}", "{grpc: {port: 8080}}", "{httpGet: {port: 8080, scheme: HTTPS}}"]
    {
        assert_eq!(gate(probe, "clusterIP: 10.0.0.7, "), tcp, "{probe}");
    }
    let exec = [
        "kubectl",
        "--namespace",
        "default",
        "exec",
        "deployment/web",
        "--container",
        "main",
        "--",
        "pg_isready",
        "-q",
    ];
    assert_eq!(
        gate("{exec: {command: [pg_isready, -q]}}", ""),
        [Probe::Command(exec.map(str::to_owned).to_vec())]
    );
    let rollout =
        ["kubectl", "--namespace", "default", "rollout", "status", "deployment/web", "--timeout=1s"];
    assert_eq!(
        gate("{httpGet: {port: 9999}}", ""),
        [Probe::Command(rollout.map(str::to_owned).to_vec())],
        "no Service leads there"
    );
}

#[test]
fn sizes_classes_nodes_and_starts_are_taken_over() {
    let yaml = "kind: PriorityClass\nmetadata: {name: gold}\nvalue: 1000\n---\nkind: PriorityClass\nmetadata: {name: base}\nvalue: 10\nglobalDefault: true\n---\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2\n  template:\n    spec:\n      priorityClassName: gold\n      nodeName: node-1\n      containers:\n      - {name: x, image: 'x:1', resources: {requests: {memory: 1Gi, cpu: 700m}, limits: {memory: 2Gi}}}\n      - {name: y, image: 'y:1', resources: {limits: {memory: 512Mi}}}\n---\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {containers: [{name: c}]}}}\n---\nkind: CronJob\nmetadata: {name: nightly}\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c}]}}}}}\n";
    let draft = draft(yaml);
    let a = service(&draft, "a");
    assert_eq!((a.memory, a.cpu_boot, a.tier, a.image.as_deref()), (3072, 2, Some(1), Some("x:1")));
    assert_eq!(a.host.as_ref().unwrap().name(), "node-1");
    let Some(Driver::Kubernetes(driven)) = a.run.as_ref().unwrap().driver.clone() else {
        panic!("by its driver")
    };
    assert_eq!(
        (driven.namespace.as_str(), driven.kind.as_str(), driven.name.as_str(), driven.replicas),
        ("default", "deployment", "a", 2)
    );
    let nightly = service(&draft, "nightly").run.clone().unwrap();
    assert!(nightly.driver.is_none() && nightly.start.contains(&"cronjob/nightly".to_owned()));
    assert_eq!(
        (service(&draft, "once").start_class, service(&draft, "once").tier),
        (StartClass::Once, Some(2))
    );
    let by_hand =
        read(&texts(&[("a.yaml", yaml)]), &Options { start_by: StartBy::Hand, ..Options::default() })
            .unwrap();
    assert!(
        by_hand.estate.services.values().all(|service| service.run.is_none() && service.gates.is_empty())
    );
}

#[test]
fn a_dump_is_a_list_and_what_a_controller_made_is_not_counted_twice() {
    let json = r#"{"apiVersion":"v1","kind":"List","items":[
        {"kind":"Deployment","metadata":{"name":"web","namespace":"default"},"spec":{"template":{"spec":{"containers":[{"name":"c","image":"w"}]}}}},
        {"kind":"ReplicaSet","metadata":{"name":"web-7f","namespace":"default","ownerReferences":[{"kind":"Deployment","name":"web"}]},"spec":{}},
        {"kind":"Pod","metadata":{"name":"web-7f-x","namespace":"default","ownerReferences":[{"kind":"ReplicaSet","name":"web-7f"}]},"spec":{}},
        {"kind":"Pod","metadata":{"name":"lone-1","namespace":"default","ownerReferences":[{"kind":"StatefulSet","name":"lone"}]},"spec":{}},
        {"kind":"Pod","metadata":{"name":"lone-2","namespace":"default","ownerReferences":[{"kind":"StatefulSet","name":"lone"}]},"spec":{}},
        {"kind":"StatefulSet","metadata":{"name":"pg-main","namespace":"default","ownerReferences":[{"kind":"postgresql","name":"pg"}]},"spec":{}}
    ]}"#;
    let draft = draft(json);
    assert_eq!(services(&draft), ["lone", "pg-main", "web"]);
    assert_eq!(draft.origins[&"service:web".parse().unwrap()].to_string(), "all.yaml:2");
}

#[test]
fn templates_and_kustomizations_are_told_to_be_rendered_first() {
    for yaml in [
        "kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n",
        "{{- if .Values.on }}\nkind: Deployment\n{{- end }}\n",
        "kind: Deployment\nmetadata:\n  name: \"{{ .Release.Name }}-web\"\n",
        "kind: Kustomization\nresources: [a.yaml]\n",
    ] {
        let fault = try_read(yaml).unwrap_err();
        assert!(fault.to_do.to_string().contains("render it first"), "{yaml}: {fault} {}", fault.to_do);
        assert!(fault.origin.line > 0);
    }
    let dashboards =
        app("web", 80, "") + "---\nkind: ConfigMap\nmetadata: {name: d}\ndata: {x: '{{ template }}'}\n";
    assert_eq!(services(&draft(&dashboards)), ["web"], "in a value it is somebody else's template");
}

#[test]
fn what_is_not_known_is_counted_and_what_is_no_manifest_is_refused() {
    let yaml = app("web", 80, "")
        + "---\nkind: Postgresql\nmetadata: {name: p}\n---\nfoo: bar\n---\nkind: Service\nmetadata: {name: nowhere}\nspec: {selector: {app: gone}}\n";
    let draft = draft(&yaml);
    let unknown =
        draft.findings.iter().find(|noted| noted.finding.code == "kubernetes-unknown-kind").unwrap();
    assert!(
        unknown.finding.message.what.contains("1 Postgresql, 1 without `kind`"),
        "{}",
        unknown.finding.message.what
    );
    assert!(codes(&draft).contains(&"kubernetes-unbacked"));
    for (yaml, says) in [("", "no workload"), ("foo: bar\n", "no workload"), ("a: [\n", "not YAML")] {
        assert!(try_read(yaml).unwrap_err().what.contains(says), "{yaml}");
    }
    assert!(text("a", b"a: \0".to_vec()).is_err() && text("a", b"\xff".to_vec()).is_err());
}

#[test]
fn two_of_the_same_name_are_told_apart_or_named() {
    let yaml = app("web", 80, "")
        + "---\nkind: Job\nmetadata: {name: web}\nspec: {}\n---\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n";
    let draft = draft(&yaml);
    assert_eq!(services(&draft), ["web", "web-job"]);
    assert!(codes(&draft).contains(&"kubernetes-twice"));
}

#[test]
fn a_name_that_leads_outside_is_an_external_party() {
    let yaml = app("web", 80, "        env: [{name: BANK_URL, value: 'https://bank/x'}]\n")
        + "---\nkind: Service\nmetadata: {name: bank}\nspec: {type: ExternalName, externalName: api.bank.example}\n";
    let draft = draft(&yaml);
    assert_eq!(proposed(&draft), ["web soft api.bank.example 900"]);
    assert_eq!(draft.estate.externals.len(), 1);
}

#[test]
fn in_a_folder_no_link_is_followed_and_only_manifests_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/a.yml"), app("web", 80, "")).unwrap();
    std::fs::write(folder.path().join("readme.md"), "no").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("b.yaml")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("c.yaml"), 0o600.into()).unwrap();
    let texts = gather(&[folder.path().to_owned()]).unwrap();
    assert_eq!(texts.iter().map(|text| text.name.as_str()).collect::<Vec<_>>(), ["sub/a.yml"]);
    assert!(gather(&[folder.path().join("c.yaml")]).unwrap_err().what.contains("not a plain file"));
    assert!(gather(&[folder.path().join("none")]).is_err());
}

#[test]
fn whatever_the_bytes_are_there_is_a_draft_or_a_fault_with_its_file() {
    let seed = app(
        "web",
        80,
        "        env:\n        - {name: A, value: '$(B)$(A)'}\n        readinessProbe: {httpGet: {port: web}, failureThreshold: 99999999999999999999}\n      initContainers:\n      - {command: [sh, -c, 'nc -z db 5432']}\n      volumes: [{persistentVolumeClaim: {claimName: x}}]\n",
    ) + &app("db", 5432, "");
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ":",
        "- ",
        "\n",
        "  ",
        "&a ",
        "*a",
        "<<: ",
        "~",
        "é",
        "'",
        "kind: List",
        "items:",
        "Gi",
        "999999999999999999999999",
        "Pod",
        "$(",
        "://",
        "replicas: -1",
    ];
    let mut state: u64 = 0x5eed_0bad_cafe_0003;
    let mut dice = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % (limit.max(1) as u64)).unwrap()
    };
    let mut read_well = 0;
    for _ in 0..600 {
        let mut bytes = seed.as_bytes().to_vec();
        for _ in 0..dice(5) {
            let at = dice(bytes.len());
            match dice(4) {
                0 => drop(bytes.splice(at..(at + dice(20)).min(seed.len().min(bytes.len())).max(at), [])),
                1 => bytes[at] = u8::try_from(dice(128)).unwrap(),
                _ => drop(bytes.splice(at..at, pieces[dice(pieces.len())].bytes())),
            }
        }
        let Ok(text) = text("x.yaml", bytes) else { continue };
        if let Ok(draft) = read(&[text], &Options::default()) {
            read_well += 1;
            let estate = draft.whole();
            for edge in &estate.edges {
                assert!(estate.contains(&edge.from) && estate.contains(&edge.to), "{edge:?}");
            }
        }
    }
    assert!(read_well > 50, "the mutations must leave some manifests readable: {read_well}");
}

#[test]
fn a_size_that_cannot_be_read_is_said_with_its_line() {
    let draft = draft(
        "kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: main\n    resources: {requests: {memory: 128MB}}\n",
    );
    assert_eq!(
        said_at(&draft, "value-not-read"),
        "all.yaml:6 the memory of a is written `128MB`, and that cannot be read"
    );
    assert_eq!(service(&draft, "a").memory, 0);
}

#[test]
fn an_export_made_after_everything_was_stopped_starts_what_it_was() {
    let applied = r#"{"spec":{"replicas":3}}"#;
    let yaml = format!(
        "kind: Deployment\nmetadata: {{name: a, annotations: {{kubectl.kubernetes.io/last-applied-configuration: '{applied}'}}}}\n\
         spec: {{replicas: 0, template: {{spec: {{containers: [{{name: c}}]}}}}}}\n---\n\
         kind: StatefulSet\nmetadata: {{name: b}}\nspec: {{replicas: 0, template: {{spec: {{containers: [{{name: c}}]}}}}}}\n"
    );
    let draft = draft(&yaml);
    for (name, replicas) in [("a", 3), ("b", 1)] {
        let id: estate::Id = format!("service:{name}").parse().unwrap();
        let driver = draft.estate.services[&id].run.as_ref().unwrap().driver.clone();
        assert!(matches!(driver, Some(Driver::Kubernetes(driven)) if driven.replicas == replicas));
    }
    assert_eq!(codes(&draft).iter().filter(|code| code.contains("kubernetes-scaled-to-zero")).count(), 2);
}

#[test]
fn a_service_of_one_pod_leads_to_the_set_that_the_pod_is_of() {
    let yaml = "kind: StatefulSet\nmetadata: {name: cache-server}\nspec: {replicas: 2, template: {metadata: {labels: {app: cache}}, spec: {containers: [{name: c, image: 'redis:7', ports: [{containerPort: 6379}]}]}}}\n---\nkind: Service\nmetadata: {name: cache-server-0}\nspec: {selector: {statefulset.kubernetes.io/pod-name: cache-server-0}, ports: [{port: 6379}]}\n---\nkind: Service\nmetadata: {name: other}\nspec: {selector: {statefulset.kubernetes.io/pod-name: cache-server}, ports: [{port: 6379}]}\n---\nkind: Deployment\nmetadata: {name: proxy}\nspec: {template: {spec: {containers: [{name: c, env: [{name: BACKENDS, value: 'cache-server-0:6379'}]}]}}}\n";
    let draft = draft(yaml);
    assert!(
        proposed(&draft).iter().any(|line| line.starts_with("proxy hard cache-server")),
        "{:?}",
        proposed(&draft)
    );
    let unbacked = codes(&draft).into_iter().filter(|code| code.contains("kubernetes-unbacked")).count();
    assert_eq!(unbacked, 1, "only the one that names no pod: {:?}", codes(&draft));
}
