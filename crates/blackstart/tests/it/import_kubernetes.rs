//! `blackstart import kubernetes`: the golden JSON, what is refused, and that the estate can be used.

use crate::import_rig::Rig;

const SHOP: &str = "\
kind: PriorityClass
metadata: {name: gold}
value: 1000
---
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: cart}}
    spec:
      priorityClassName: gold
      initContainers:
      - {name: wait, image: busybox, command: [sh, -c, until nc -z db 5432; do sleep 1; done]}
      containers:
      - name: cart
        image: registry.example/cart:3
        ports: [{containerPort: 8080}]
        env:
        - {name: PRICE_URL, value: 'http://price.shop.svc.cluster.local:8080/v1'}
        - name: DB_PASSWORD
          valueFrom: {secretKeyRef: {name: keys, key: password}}
        resources: {requests: {memory: 256Mi, cpu: 500m}}
        readinessProbe: {httpGet: {path: /ready, port: 8080}}
---
kind: Deployment
metadata: {name: price, namespace: shop}
spec:
  template:
    metadata: {labels: {app: price}}
    spec:
      containers: [{name: price, image: registry.example/price:1, ports: [{containerPort: 8080}]}]
---
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - name: db
        image: postgres:16
        readinessProbe: {tcpSocket: {port: 5432}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {resources: {requests: {storage: 20Gi}}}
---
kind: Service
metadata: {name: cart, namespace: shop}
spec: {clusterIP: 10.0.0.1, selector: {app: cart}, ports: [{port: 8080}]}
---
kind: Service
metadata: {name: price, namespace: shop}
spec: {clusterIP: 10.0.0.2, selector: {app: price}, ports: [{port: 8080}]}
---
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.0.0.3, selector: {app: db}, ports: [{port: 5432}]}
---
kind: Ingress
metadata: {name: front, namespace: shop}
spec: {rules: [{http: {paths: [{path: /, backend: {service: {name: cart, port: {number: 8080}}}}]}}]}
---
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {password: hunter2-in-the-clear}
---
kind: Kafka
metadata: {name: bus, namespace: shop}
";

#[test]
fn manifests_as_json() {
    let rig = Rig::new(&[("in/shop.yaml", SHOP)]);
    let answer = rig.answer("kubernetes", "in", &[]);
    assert!(!answer.contains("hunter2"));
    insta::assert_snapshot!(answer);
    rig.is_usable();
    for file in std::fs::read_dir(rig.path("estate")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"), "{}", path.display());
        }
    }
}

#[test]
fn what_is_no_manifest_is_refused_with_its_line() {
    let rig = Rig::new(&[
        ("chart/deployment.yaml", "kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n"),
        ("bad.yaml", "kind: Deployment\nmetadata: [\n"),
        ("tab.yaml", "kind: Deployment\nmetadata:\n\tname: a\n"),
        ("binary.yaml", "kind: \0\n"),
        ("empty/readme.md", "no\n"),
    ]);
    rig.is_refused("kubernetes", "chart", &["deployment.yaml:3", "helm template"]);
    rig.is_refused("kubernetes", "bad.yaml", &["bad.yaml:"]);
    rig.is_refused("kubernetes", "tab.yaml", &["tab.yaml:", "tab"]);
    rig.is_refused("kubernetes", "binary.yaml", &["binary.yaml:1", "zero byte"]);
    rig.is_refused("kubernetes", "empty", &["no file in this folder"]);
}
