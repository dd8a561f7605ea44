//! Who is meant by an address in a setting or on a command line?
//!
//! Most dependencies are stated nowhere and stand only in values: `DB_HOST=mysql`, `amqp://user:pass@rabbit:5672`,
//! `--wait db:5432`. Here such addresses are found and matched with the names under which services are reached.
//! Every hit is a hint with a confidence, never a fact. Values may hold passwords, so no hint repeats a value.

use std::collections::{BTreeMap, BTreeSet};

use estate::id::Id;

/// Lines of a text that are looked through.
pub const LINES_MAX: usize = 5_000;

/// The names under which services are reached, and the ports they listen on.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    hosts: BTreeMap<String, BTreeSet<Id>>,
    /// Names with nothing but letters and digits, for variables like `ORDER_DB_HOST`. Ambiguous ones are `None`.
    stems: BTreeMap<String, Option<Id>>,
    ports: BTreeMap<Id, BTreeSet<u16>>,
}

/// A dependency that a text hints at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub to: Id,
    /// Thousandths.
    pub confidence: u16,
    /// The host name that was seen, or the variable that should hold it, in words. Never the whole value.
    pub seen: String,
}

impl Reach {
    /// `name` reaches `id`: its name in the source, host names, aliases.
    pub fn host(&mut self, name: &str, id: &Id) {
        self.hosts.entry(name.to_lowercase()).or_default().insert(id.clone());
        let stem = stem(name);
        if stem.is_empty() {
            return;
        }
        let known = self.stems.entry(stem).or_insert_with(|| Some(id.clone()));
        if known.as_ref() != Some(id) {
            *known = None;
        }
    }

    pub fn port(&mut self, id: &Id, port: u16) {
        self.ports.entry(id.clone()).or_default().insert(port);
    }

    fn found(&self, mention: &Mention, base: u16) -> Vec<Hint> {
        let host = mention.host.trim_end_matches('.').to_lowercase();
        let ids = self.hosts.get(&host).into_iter().flatten();
        ids.map(|id| {
            let fits = mention
                .port
                .is_some_and(|port| self.ports.get(id).is_some_and(|known| known.contains(&port)));
            let confidence = if fits { base + 50 } else { base };
            Hint { to: id.clone(), confidence, seen: mention.host.clone() }
        })
        .collect()
    }

    /// The service that a variable is called after: `ORDER_DB_HOST` after `order-db` or `orderdb`.
    fn called_after(&self, variable: &str) -> Option<&Id> {
        let words: Vec<&str> = variable.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
        let kept = words.iter().rposition(|word| !is_address_word(word)).map_or(0, |at| at + 1);
        if kept == words.len() || kept == 0 {
            return None;
        }
        self.stems.get(&stem(&words[..kept].concat()))?.as_ref()
    }
}

/// Hints in a setting (an environment variable, an option with its value). `unset` are the variables that the value
/// refers to and that nobody has set: their names are all there is to go by.
pub fn in_setting(reach: &Reach, variable: &str, value: &str, unset: &[String]) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for mention in mentions(value) {
        let base = match mention.how {
            How::Url | How::Address => 900,
            How::Setting => 850,
            How::Alone => match sort_of(variable) {
                Sort::Address => 850,
                Sort::Label => continue,
                Sort::Unknown if mention.host.len() >= 4 => 300,
                Sort::Unknown => continue,
            },
        };
        hints.extend(reach.found(&mention, base));
    }
    if hints.is_empty() {
        let named = |name: &str| {
            let to = reach.called_after(name)?.clone();
            Some(Hint { to, confidence: 500, seen: format!("the variable {name}, which is not set") })
        };
        hints.extend(unset.iter().filter_map(|name| named(name)));
        if hints.is_empty() && value.trim().is_empty() {
            hints.extend(named(variable));
        }
    }
    hints
}

/// The settings in a text of several lines, as configuration files have them: what is before `=` or `:`, and what is
/// after it. Comments are left out.
pub fn settings_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_said = |line: &&str| !line.is_empty() && !line.starts_with(['#', ';']) && !line.starts_with("//");
    text.lines().take(LINES_MAX).map(str::trim).filter(is_said).map(|line| {
        let (variable, value) = line.split_once(['=', ':']).unwrap_or(("", line));
        let whole = if value.starts_with("//") { line } else { value };
        // `rails['db_host']`: what counts is the last word.
        let variable = variable.trim().trim_matches(['"', '\'', ']']);
        let variable = variable.rsplit(['[', '"', '\'']).next().unwrap_or_default();
        (variable, whole.trim().trim_matches(['"', '\'', ',', ';']))
    })
}

/// Hints in a command line, word by word: addresses in it, and options like `--db-host mysql`.
pub fn in_command(reach: &Reach, words: &[&str]) -> Vec<Hint> {
    let mut hints = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let addresses = mentions(word).into_iter().filter(|mention| mention.how != How::Alone);
        hints.extend(addresses.flat_map(|mention| reach.found(&mention, 850)));
        let option = word.starts_with('-') && !word.contains('=');
        let takes_host = *word == "-h" || sort_of(word.trim_start_matches('-')) == Sort::Address;
        if option && takes_host {
            let next = words.get(at + 1).copied().unwrap_or_default();
            let alone = mentions(next).into_iter().filter(|mention| mention.how == How::Alone);
            hints.extend(alone.flat_map(|mention| reach.found(&mention, 800)));
        }
    }
    hints
}

/// Hosts outside of the estate that URLs lead to: names with a dot that nobody in `reach` has.
pub fn outside(reach: &Reach, value: &str) -> Vec<String> {
    let local = |host: &str| host == "localhost" || host.parse::<std::net::Ipv4Addr>().is_ok();
    let urls = mentions(value).into_iter().filter(|mention| mention.how == How::Url);
    urls.map(|mention| mention.host.to_lowercase())
        .filter(|host| host.contains('.') && !local(host) && !reach.hosts.contains_key(host))
        .collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mention {
    host: String,
    port: Option<u16>,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// `scheme://host`.
    Url,
    /// `host:port`.
    Address,
    /// `Host=db` inside a longer value.
    Setting,
    /// The value is a host name and nothing else, or a list of such.
    Alone,
}

/// Longest value looked into: certificates and scripts are not lists of hosts.
const VALUE_BYTES_MAX: usize = 16 << 10;

fn mentions(value: &str) -> Vec<Mention> {
    if value.len() > VALUE_BYTES_MAX {
        return Vec::new();
    }
    let mut found = Vec::new();
    let rest = urls(value, &mut found);
    for part in rest.split([';', '&', '?', '\n', ' ']) {
        if let Some((name, host)) = part.split_once('=') {
            let host = host.trim().trim_start_matches("tcp:");
            let host = host.split(',').next().unwrap_or_default();
            if is_host(host) && sort_of(name.trim().trim_start_matches('-')) == Sort::Address {
                found.push(Mention { host: host.to_owned(), port: None, how: How::Setting });
            }
        }
    }
    let apart = |letter: char| letter.is_whitespace() || "\"'`,;()[]{}<>|=@/\\&$".contains(letter);
    for token in rest.split(apart) {
        let mut parts = token.split(':');
        let (Some(host), Some(port)) = (parts.next(), parts.next()) else { continue };
        if let (true, Some(port)) = (is_host(host), port_of(port)) {
            found.push(Mention { host: host.to_owned(), port: Some(port), how: How::Address });
        }
    }
    let list: Vec<&str> = value.split(',').map(str::trim).collect();
    if list.iter().all(|host| is_host(host)) {
        found.extend(list.into_iter().map(|host| Mention {
            host: host.to_owned(),
            port: None,
            how: How::Alone,
        }));
    }
    found
}

/// Takes the URLs out of a value; what is left is returned.
fn urls(value: &str, found: &mut Vec<Mention>) -> String {
    let mut rest = String::with_capacity(value.len());
    let mut left = value;
    while let Some(at) = left.find("://") {
        let of_scheme = |letter: char| letter.is_ascii_alphanumeric() || "+.-:".contains(letter);
        rest.push_str(left[..at].trim_end_matches(of_scheme));
        rest.push(' ');
        let after = &left[at + 3..];
        let ends = |letter: char| letter.is_whitespace() || "/?#\"'`<>)]};|\\".contains(letter);
        let (authority, following) = after.split_at(after.find(ends).unwrap_or(after.len()));
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        for host in hosts.split(',') {
            let (host, port) =
                host.split_once(':').map_or((host, None), |(host, port)| (host, port_of(port)));
            if is_host(host) {
                found.push(Mention { host: host.to_owned(), port, how: How::Url });
            }
        }
        left = following;
    }
    rest.push_str(left);
    rest
}

fn is_host(text: &str) -> bool {
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || b"._-".contains(&letter);
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(fits)
        && text.bytes().any(|letter| letter.is_ascii_alphabetic())
        && !text.starts_with('-')
}

/// A port. Low numbers behind a colon are rather the version of an image (`postgres:15`).
fn port_of(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port >= 80 || matches!(port, 21 | 22 | 25 | 53)).then_some(port)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// `DB_HOST`, `--broker-url`: holds an address.
    Address,
    /// `DB_NAME`, `DB_USER`: holds anything but an address.
    Label,
    Unknown,
}

const ADDRESS_WORDS: [&str; 36] = [
    "host",
    "hosts",
    "hostname",
    "addr",
    "addrs",
    "address",
    "addresses",
    "server",
    "servers",
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpoints",
    "broker",
    "brokers",
    "bootstrap",
    "nodes",
    "seeds",
    "peers",
    "upstream",
    "upstreams",
    "backend",
    "backends",
    "gateway",
    "master",
    "primary",
    "target",
    "targets",
    "dsn",
    "connect",
    "connection",
    "datasource",
    "remote",
    "source",
];
const LABEL_WORDS: [&str; 31] = [
    "name",
    "user",
    "username",
    "login",
    "pass",
    "password",
    "passwd",
    "database",
    "db",
    "type",
    "driver",
    "engine",
    "dialect",
    "vendor",
    "profile",
    "profiles",
    "mode",
    "env",
    "environment",
    "tag",
    "version",
    "image",
    "role",
    "schema",
    "index",
    "topic",
    "queue",
    "bucket",
    "realm",
    "client",
    "id",
];

fn is_address_word(word: &str) -> bool {
    ADDRESS_WORDS.contains(&word.to_ascii_lowercase().as_str())
}

fn sort_of(variable: &str) -> Sort {
    let apart = humps_apart(variable);
    let words: Vec<String> =
        apart.split(|letter: char| !letter.is_ascii_alphanumeric()).map(str::to_ascii_lowercase).collect();
    let last = words.iter().rev().find(|word| !word.is_empty()).map_or("", String::as_str);
    if LABEL_WORDS.contains(&last) {
        Sort::Label
    } else if words.iter().any(|word| is_address_word(word)) {
        Sort::Address
    } else {
        Sort::Unknown
    }
}

/// `dbHost` as `db_Host`.
fn humps_apart(text: &str) -> String {
    let mut apart = String::with_capacity(text.len() + 4);
    let mut small_before = false;
    for letter in text.chars() {
        if letter.is_ascii_uppercase() && small_before {
            apart.push('_');
        }
        small_before = letter.is_ascii_lowercase();
        apart.push(letter);
    }
    apart
}

fn stem(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> Id {
        format!("service:{name}").parse().unwrap()
    }

    fn reach() -> Reach {
        let mut reach = Reach::default();
        for name in ["mysql", "rabbit", "kafka", "order-db", "user", "db", "mongo-1", "mongo-2"] {
            reach.host(name, &id(name));
        }
        reach.port(&id("mysql"), 3306);
        reach
    }

    fn setting(variable: &str, value: &str) -> Vec<(String, u16)> {
        let mut hints: Vec<(String, u16)> = in_setting(&reach(), variable, value, &[])
            .into_iter()
            .map(|hint| (hint.to.name().to_owned(), hint.confidence))
            .collect();
        hints.sort();
        hints.dedup();
        hints
    }

    fn names(variable: &str, value: &str) -> Vec<String> {
        setting(variable, value).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn addresses_are_found_in_all_the_forms_that_people_write() {
        assert_eq!(names("X", "amqp://guest:guest@rabbit:5672/vhost"), ["rabbit"]);
        assert_eq!(names("X", "jdbc:mysql://mysql:3306/shop?useSSL=false"), ["mysql"]);
        assert_eq!(names("X", "mongodb://u:p@mongo-1:27017,mongo-2:27017/db"), ["mongo-1", "mongo-2"]);
        assert_eq!(names("X", "jdbc:oracle:thin:@order-db:1521:XE"), ["order-db"]);
        assert_eq!(names("X", "root:secret@tcp(mysql:3306)/shop"), ["mysql"]);
        assert_eq!(names("X", "Server=db;Database=shop;User Id=user;Password=mysql"), ["db"]);
        assert_eq!(names("KAFKA_VOTERS", "1@kafka:9093"), ["kafka"]);
        assert_eq!(names("MONGO_HOSTS", "mongo-1, mongo-2"), ["mongo-1", "mongo-2"]);
        assert_eq!(names("dbHost", "MySQL"), ["mysql"], "names of hosts have no capitals");
    }

    #[test]
    fn names_users_and_versions_are_not_addresses() {
        assert_eq!(names("MYSQL_DATABASE", "mysql"), Vec::<String>::new());
        assert_eq!(names("DB_USER", "user"), Vec::<String>::new());
        assert_eq!(names("IMAGE", "mysql:8"), Vec::<String>::new());
        assert_eq!(names("X", "https://user:4711@example.org/mysql"), Vec::<String>::new());
        assert_eq!(names("X", "db"), Vec::<String>::new());
        assert_eq!(setting("X", "kafka"), [("kafka".to_owned(), 300)]);
    }

    #[test]
    fn a_port_that_fits_makes_it_surer() {
        assert_eq!(setting("A", "mysql:3306"), [("mysql".to_owned(), 950)]);
        assert_eq!(setting("A", "mysql:3307"), [("mysql".to_owned(), 900)]);
    }

    #[test]
    fn a_variable_without_value_is_matched_by_its_own_name() {
        assert_eq!(setting("ORDERDB_HOST", ""), [("order-db".to_owned(), 500)]);
        assert_eq!(setting("ORDER_DB_SERVER_URL", ""), [("order-db".to_owned(), 500)]);
        assert_eq!(setting("ORDER_DB_PASSWORD", ""), []);
        let hints = in_setting(&reach(), "X", "http://:", &["KAFKA_HOST".to_owned()]);
        assert_eq!(hints[0].to, id("kafka"));
        assert_eq!(hints[0].seen, "the variable KAFKA_HOST, which is not set");
        let both = in_setting(&reach(), "MYSQL_HOST", "", &["KAFKA_HOST".to_owned()]);
        assert_eq!((both.len(), both[0].to.clone()), (1, id("kafka")), "what it is filled from says more");
    }

    #[test]
    fn command_lines_name_hosts_by_option_or_address() {
        let found = |words: &[&str]| -> Vec<String> {
            in_command(&reach(), words).into_iter().map(|hint| hint.to.name().to_owned()).collect()
        };
        assert_eq!(found(&["wait-for-it.sh", "mysql:3306", "--", "app"]), ["mysql"]);
        assert_eq!(found(&["mysqladmin", "-h", "mysql"]), ["mysql"]);
        assert_eq!(found(&["app", "--db-host=db", "--broker-url", "rabbit"]), ["db", "rabbit"]);
        assert_eq!(found(&["mysql", "user", "db"]), Vec::<String>::new());
    }

    #[test]
    fn hosts_outside_are_those_with_a_dot_that_nobody_has() {
        assert_eq!(
            outside(&reach(), "https://api.example.org/v1 http://127.0.0.1 http://db"),
            ["api.example.org"]
        );
    }

    #[test]
    fn any_text_is_looked_through_without_panic() {
        for text in ["://", "a://@:,", "=;=&", "::::", "é://ü:80", "@", "x://[::1]:80/", ","] {
            let _ = in_setting(&reach(), text, text, &[text.to_owned()]);
            let _ = in_command(&reach(), &[text, "-h", text]);
        }
    }
}
