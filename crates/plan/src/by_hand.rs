//! The commands of a plan as a person types them from paper: where nothing of ours runs, a POSIX shell and restic do.

use estate::hands::Driver;
use estate::model::{Run, Secret, Store};
use message::quoted;

/// A command with its words quoted for a shell.
pub fn line(command: &[String]) -> String {
    command.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// What stands before a command so that it runs where and with what the estate says.
pub fn place(run: &Run) -> String {
    let mut text = String::new();
    if let Some(directory) = &run.directory {
        text.push_str(&format!("cd {} && ", quoted(directory)));
    }
    if !run.environment.is_empty() {
        text.push_str("env ");
        for (name, value) in &run.environment {
            text.push_str(&format!("{} ", quoted(&format!("{name}={value}"))));
        }
    }
    text
}

/// What a person types on its host to start what a driver starts.
pub fn driven(driver: &Driver) -> String {
    match driver {
        Driver::Systemd(unit) => format!("systemctl start {}", quoted(unit)),
        Driver::Compose { project, service, file: Some(file) } => format!(
            "docker compose -p {} -f {} up --detach --no-deps {}",
            quoted(project),
            quoted(file),
            quoted(service)
        ),
        Driver::Compose { project, service, file: None } => {
            let label = |name: &str, value: &str| quoted(&format!("label=com.docker.compose.{name}={value}"));
            format!(
                "docker start $(docker ps -aq --filter {} --filter {})",
                label("project", project),
                label("service", service)
            )
        }
        Driver::Kubernetes(workload) => {
            let context = workload.context.as_ref();
            let context = context.map_or_else(String::new, |name| format!("--context {} ", quoted(name)));
            format!(
                "kubectl {context}-n {} scale {} {} --replicas={}",
                quoted(&workload.namespace),
                workload.kind,
                quoted(&workload.name),
                workload.replicas
            )
        }
        Driver::Libvirt(domain) => format!("virsh start {}", quoted(domain)),
    }
}

/// How a store is put back with restic itself: beside what is there, which is kept, and then in its place. Empty: nothing
/// is known from which, or to where.
pub fn restore(store: &Store, snapshot: Option<&str>) -> Vec<String> {
    let (Some(source), Some(path)) = (&store.source, &store.path) else { return Vec::new() };
    let Some(repository) = source.repository.strip_prefix("restic:") else { return Vec::new() };
    let path = path.trim_end_matches('/');
    let secret = match &source.secret {
        Secret::File(file) => format!("--password-file {}", quoted(file)),
        // restic reads its own variable; ours may be called otherwise.
        Secret::Environment(name) if name == "RESTIC_PASSWORD" => String::new(),
        Secret::Environment(name) => format!("--password-command {}", quoted(&format!("printenv {name}"))),
    };
    let beside = |end: &str| quoted(&format!("{path}.{end}"));
    // Where it lies inside the backup, which may be elsewhere than where it lives.
    let inside = match &source.paths[..] {
        [one] => one.as_str(),
        _ => path,
    };
    let what = match snapshot {
        Some(snapshot) => quoted(&format!("{snapshot}:{inside}")),
        None => format!("________:{}", quoted(inside)),
    };
    let restic =
        ["restic", "-r", &quoted(repository), &secret, "restore", &what, "--target", &beside("restored")];
    let restic: Vec<&str> = restic.into_iter().filter(|word| !word.is_empty()).collect();
    vec![
        restic.join(" "),
        format!(
            "mv {} {} && mv {} {}",
            quoted(path),
            beside("before-restore"),
            beside("restored"),
            quoted(path)
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use estate::model::Source;
    use std::collections::BTreeMap;

    #[test]
    fn a_command_can_be_typed_from_paper_as_it_stands() {
        let run = Run {
            start: ["/bin/sh", "-c", "echo \"it's up\""].map(str::to_owned).to_vec(),
            directory: Some("/srv/my app".to_owned()),
            environment: BTreeMap::from([("A".to_owned(), "b c".to_owned())]),
            ..Run::default()
        };
        let text = format!("{}{}", place(&run), line(&run.start));
        assert_eq!(text, "cd '/srv/my app' && env 'A=b c' /bin/sh -c 'echo \"it'\\''s up\"'");
    }

    #[test]
    fn what_a_driver_starts_can_be_started_from_paper() {
        let compose = |file: Option<&str>| Driver::Compose {
            project: "shop".to_owned(),
            service: "cart".to_owned(),
            file: file.map(str::to_owned),
        };
        assert_eq!(driven(&Driver::Systemd("a.service".to_owned())), "systemctl start a.service");
        assert_eq!(
            driven(&compose(Some("/srv/my shop/c.yaml"))),
            "docker compose -p shop -f '/srv/my shop/c.yaml' up --detach --no-deps cart"
        );
        assert!(driven(&compose(None)).starts_with("docker start $(docker ps -aq --filter label="));
    }

    #[test]
    fn a_store_is_put_back_beside_what_is_there() {
        let source = |secret| Source {
            repository: "restic:/backup".to_owned(),
            host: None,
            paths: Vec::new(),
            secret,
            resource: None,
        };
        let mut store = Store { path: Some("/data/core/".to_owned()), ..Store::default() };
        assert!(restore(&store, None).is_empty());
        store.source = Some(source(Secret::File("/root/pass".to_owned())));
        assert_eq!(
            restore(&store, Some("5f3c")),
            [
                "restic -r /backup --password-file /root/pass restore 5f3c:/data/core --target /data/core.restored",
                "mv /data/core /data/core.before-restore && mv /data/core.restored /data/core",
            ]
        );
        store.source = Some(source(Secret::Environment("CORE_PW".to_owned())));
        assert!(
            restore(&store, None)[0]
                .contains("--password-command 'printenv CORE_PW' restore ________:/data/core")
        );
    }
}
