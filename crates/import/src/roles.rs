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

/// By the name of a service and its image, if it has one. The image says what it is, the name what it is for: `exporter-db` of
/// the image `postgres` is the database of an exporter. In each the last word that says anything counts: `postgres-exporter`
/// watches, `grafana-db` keeps.
pub fn role(name: &str, image: Option<&str>) -> Role {
    let last = |text: &str| {
        let all: Vec<String> = words(text).collect();
        all.iter().rev().find_map(|word| role_of(word))
    };
    image.and_then(|image| last(&essence(image))).or_else(|| last(name)).unwrap_or(Role::Serves)
}

fn role_of(word: &str) -> Option<Role> {
    let is = |beginnings: &[&str], whole: &[&str]| {
        beginnings.iter().any(|begin| word.starts_with(begin)) || whole.contains(&word)
    };
    if is(&WATCHING, &WATCHING_WORDS) {
        Some(Role::Watches)
    } else if is(&KEEPING, &KEEPING_WORDS) || (word.len() > 3 && word.ends_with("db")) {
        Some(Role::Keeps)
    } else {
        None
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
        for (name, image) in [
            ("exporter-db", Some("postgres:15")),
            ("grafana-db", None),
            ("monitoring-postgres", Some("postgres")),
        ] {
            assert_eq!(role(name, image), Role::Keeps, "{name}: what keeps data wins");
        }
        for (name, image) in [("db-metrics", Some("prom/postgres-exporter")), ("redis-exporter", None)] {
            assert_eq!(role(name, image), Role::Watches, "{name}");
        }
    }
}
