//! From a table to how a host is reached, and to what starts a service there. Names that do not fit are findings, and
//! nothing is made of them.

use super::fields::{Fields, Out, shown};
use super::hands::{
    BECOMES, Driver, Ssh, Workload, is_address, is_context, is_host_key, is_name, is_path, is_unit, is_user,
};
use super::id::Kind;

/// A text that fits, or a finding and nothing.
fn fitting(
    fields: &mut Fields<'_>,
    name: &'static str,
    fits: fn(&str) -> bool,
    expected: &str,
    out: &mut Out,
) -> Option<String> {
    let text = fields.text(name, out)?;
    if fits(&text) {
        return Some(text);
    }
    fields.unfit(name, &text, expected, out);
    None
}

pub(super) fn ssh(mut fields: Fields<'_>, out: &mut Out) -> Option<Ssh> {
    let number = "an address in numbers such as 192.0.2.7, or a name of letters, digits, dots and dashes";
    if fields.lacks("address") {
        fields.missing("address", number, out);
    }
    let address = fitting(&mut fields, "address", is_address, number, out);
    let port = match fields.number("port", out).map(u16::try_from) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => {
            fields.unfit("port", "no port", "a number from 1 to 65535", out);
            None
        }
    };
    let user = fitting(&mut fields, "user", is_user, "a user name of letters, digits, dots, dashes", out);
    let becomes = fields.word("become", &BECOMES, out).unwrap_or_default();
    let jump = fields.id("jump", Kind::Host, out);
    let is_single = fields.is_text("host_key");
    let given = if is_single {
        fields.text("host_key", out).into_iter().collect()
    } else {
        fields.texts("host_key", out)
    };
    let mut host_key = Vec::new();
    for key in given {
        // The comment at the end of a `.pub` file says nothing about the key.
        let skipped = usize::from(key.starts_with("@cert-authority"));
        let key = key.split_whitespace().take(2 + skipped).collect::<Vec<_>>().join(" ");
        if is_host_key(&key) {
            host_key.push(key);
        } else {
            let expected =
                "the content of the host's /etc/ssh/ssh_host_ed25519_key.pub, such as \"ssh-ed25519 AAAA…\"";
            fields.unfit("host_key", &key, expected, out);
        }
    }
    let expected = "the absolute path of a file with a private key, never the key";
    let identity = fitting(&mut fields, "identity", is_path, expected, out);
    // As another user, on another port or with another key it would be another way.
    let is_meant = (fields.lacks("user") || user.is_some())
        && (fields.lacks("port") || port.is_some())
        && (fields.lacks("identity") || identity.is_some());
    fields.finish(out);
    if !is_meant {
        return None;
    }
    Some(Ssh { address: address?, port, user, becomes, jump, host_key, identity })
}

/// The one driver that `run` names, if it names one. Taken from `fields`, which is finished by the caller.
pub(super) fn driver(fields: &mut Fields<'_>, out: &mut Out) -> Option<Driver> {
    let unit = "the name of a unit, such as \"nginx.service\"";
    let systemd = fields.text("systemd", out).and_then(|text| {
        // systemctl itself takes a bare name for a service.
        let name = if text.contains('.') { text.clone() } else { format!("{text}.service") };
        if !is_unit(&name) {
            fields.unfit("systemd", &text, unit, out);
            return None;
        }
        Some(Driver::Systemd(name))
    });
    let compose = fields.table("compose", out).and_then(|table| compose(table, out));
    let kubernetes = fields.table("kubernetes", out).and_then(|table| kubernetes(table, out));
    let domain = "the name of a domain as `virsh list` shows it, of letters, digits, dots and dashes";
    let libvirt = fitting(fields, "libvirt", is_name, domain, out).map(Driver::Libvirt);
    let mut drivers = [systemd, compose, kubernetes, libvirt].into_iter().flatten();
    let (first, second) = (drivers.next(), drivers.next());
    let driver = first?;
    let commands = ["start", "stop", "directory", "environment", "pid_file"].into_iter();
    let others = second.iter().map(Driver::word).chain(commands.filter(|other| !fields.lacks(other)));
    let others: Vec<&str> = others.collect();
    others.iter().for_each(|other| fields.twice(driver.word(), other, out));
    others.is_empty().then_some(driver)
}

fn compose(mut fields: Fields<'_>, out: &mut Out) -> Option<Driver> {
    for name in ["project", "service"] {
        if fields.lacks(name) {
            fields.missing(name, "as `docker compose ls` and `docker compose ps` show it", out);
        }
    }
    let expected = "letters, digits, dots, dashes and underscores, as compose writes it";
    let project = fitting(&mut fields, "project", is_name, expected, out);
    let service = fitting(&mut fields, "service", is_name, expected, out);
    let file =
        fitting(&mut fields, "file", is_path, "the absolute path of the compose file on its host", out);
    fields.finish(out);
    Some(Driver::Compose { project: project?, service: service?, file })
}

fn kubernetes(mut fields: Fields<'_>, out: &mut Out) -> Option<Driver> {
    for name in ["namespace", "kind", "name"] {
        if fields.lacks(name) {
            fields.missing(name, "as the cluster calls it", out);
        }
    }
    let expected = "letters, digits, dots and dashes, as the cluster writes it";
    let context = "a context as `kubectl config get-contexts` shows it";
    let context = fitting(&mut fields, "context", is_context, context, out);
    let namespace = fitting(&mut fields, "namespace", is_name, expected, out);
    let kinds = [("deployment", "deployment"), ("statefulset", "statefulset")];
    let kind = fields.word("kind", &kinds, out);
    let name = fitting(&mut fields, "name", is_name, expected, out);
    let replicas = fields.number("replicas", out).unwrap_or(1);
    // Without the context that was meant it would be done in whatever cluster is in use there.
    let is_meant = fields.lacks("context") || context.is_some();
    fields.finish(out);
    if !is_meant {
        return None;
    }
    let workload = Workload { context, namespace: namespace?, kind: kind?.to_owned(), name: name?, replicas };
    Some(Driver::Kubernetes(workload))
}

impl Fields<'_> {
    /// Text that is there and may not be: it would not be the name of one thing.
    fn unfit(&self, name: &str, text: &str, expected: &str, out: &mut Out) {
        out.broken(
            "unfit-name",
            format!("`{name}` of {} is `{}`", self.called(), shown(text)),
            format!("write {expected}"),
            Some(self.place()),
            self.owner.as_ref(),
        );
    }

    /// Two ways of starting: whichever is meant, the other one would be left out without a word.
    fn twice(&self, first: &str, second: &str, out: &mut Out) {
        out.broken(
            "run-said-twice",
            format!("`run` of {} names both `{first}` and `{second}`", self.called()),
            format!("keep the one by which it is really started; {first} needs nothing besides it but `admit` and `job`"),
            Some(self.place()),
            self.owner.as_ref(),
        );
    }
}
