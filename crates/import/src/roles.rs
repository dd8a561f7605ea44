//! What part does a service play: does it only watch the others, does it keep their data, or neither?
//!
//! Told by its name and image alone. It decides nothing by itself: it only chooses the kind in which a
//! dependency is proposed. Who only watches (tracing, metrics, logs) must never hold up a restart, so a
//! dependency on it is proposed as `soft`; without a database or a broker nothing goes on, so `hard`; everything
//! else is `soft`, because rings of `hard` are what keeps an estate dark.

use estate::model::EdgeKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tracing, metrics, logs.
    Watches,
    /// Databases, brokers, caches with a memory, directories.
    Keeps,
    Serves,
}

impl Role {
    /// The kind in which a dependency on it is proposed.
    pub fn proposed_kind(self) -> EdgeKind {
        match self {
            Role::Keeps => EdgeKind::Hard,
            Role::Watches | Role::Serves => EdgeKind::Soft,
        }
    }
}

/// Beginnings of words that name what watches.
const WATCHING: [&str; 24] = [
    "otel",
    "opentelemetry",
    "jaeger",
    "zipkin",
    "openzipkin",
    "prometheus",
    "promtail",
    "fluent",
    "logstash",
    "statsd",
    "telegraf",
    "datadog",
    "newrelic",
    "skywalking",
    "filebeat",
    "metricbeat",
    "packetbeat",
    "graphite",
    "cadvisor",
    "thanos",
    "alertmanager",
    "pyroscope",
    "collectd",
    "signoz",
];
/// Whole words that name what watches, too short or too common to be beginnings.
const WATCHING_WORDS: [&str; 14] = [
    "loki",
    "tempo",
    "mimir",
    "grafana",
    "prom",
    "apm",
    "alloy",
    "telemetry",
    "tracing",
    "metrics",
    "monitoring",
    "logging",
    "exporter",
    "uptrace",
];
/// Beginnings of words that name what keeps data.
const KEEPING: [&str; 33] = [
    "postgres",
    "pgsql",
    "postgis",
    "timescale",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "redis",
    "valkey",
    "keydb",
    "rabbitmq",
    "kafka",
    "redpanda",
    "zookeeper",
    "cassandra",
    "scylla",
    "elasticsearch",
    "opensearch",
    "couchdb",
    "couchbase",
    "neo4j",
    "clickhouse",
    "influx",
    "cockroach",
    "mssql",
    "oracle",
    "minio",
    "etcd",
    "consul",
    "vault",
    "openldap",
    "keycloak",
];
const KEEPING_WORDS: [&str; 11] = [
    "db",
    "database",
    "sql",
    "ldap",
    "nats",
    "broker",
    "activemq",
    "memcached",
    "pulsar",
    "solr",
    "sqlserver",
];

/// By the name of a service and its image, if it has one.
pub fn role(name: &str, image: Option<&str>) -> Role {
    let image = image.map(essence).unwrap_or_default();
    let words: Vec<String> = words(name).chain(words(&image)).collect();
    let any = |beginnings: &[&str], whole: &[&str]| {
        words.iter().any(|word| {
            beginnings.iter().any(|begin| word.starts_with(begin)) || whole.contains(&word.as_str())
        })
    };
    if any(&WATCHING, &WATCHING_WORDS) {
        Role::Watches
    } else if any(&KEEPING, &KEEPING_WORDS) || words.iter().any(|word| word.len() > 3 && word.ends_with("db"))
    {
        Role::Keeps
    } else {
        Role::Serves
    }
}

/// The last part of an image's name without its tag: the registry and the owner say nothing about what it does.
fn essence(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    last.split([':', '@']).next().unwrap_or_default().to_owned()
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_images_tell_who_watches_and_who_keeps() {
        for name in ["otel-collector", "jaeger-agent", "prometheus", "node-exporter", "loki"] {
            assert_eq!(role(name, None), Role::Watches, "{name}");
        }
        assert_eq!(role("sink", Some("docker.io/fluent/fluentd:v1.16-1")), Role::Watches);
        for name in ["openelisdb", "ts-user-mongo", "cart-redis", "valkey-cart", "mysql57", "db"] {
            assert_eq!(role(name, None), Role::Keeps, "{name}");
        }
        assert_eq!(role("store", Some("postgres:15@sha256:00")), Role::Keeps);
        assert_eq!(role("cart", Some("ghcr.io/open-telemetry/demo:latest-cart")), Role::Serves);
        assert_eq!(role("adb", None), Role::Serves);
    }
}
