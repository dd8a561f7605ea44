//! How a script gets to a host: on this machine, or by ssh through every host on the way. Pure: what ssh is told is a text.
//!
//! The settings are ours alone: no configuration of the user or of the machine is read, because both may be from the attacker, and
//! because another desk must do the same. Each host has its own file with its own keys, under a name of ours, so that no
//! key of one host is good for another. Every script gets a connection of its own: a shared one to a host that was cut
//! off still says that it stands, and keeps the next script waiting.

use std::fmt::Write;
use std::path::Path;

use estate::hands::{self as names, Become, Ssh};
use estate::{Estate, Id};

/// A connection must stand within this time.
const CONNECT_S: u32 = 5;
/// A host that says nothing for twice this long is given up, also in the middle of a script.
const ALIVE_S: u32 = 3;
const ALIVE_COUNT: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// The machine on which Blackstart runs.
    Here,
    /// Through each of these, the host itself last.
    Ssh(Vec<Hop>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub host: Id,
    pub ssh: Ssh,
}

/// Why no command gets there, as the estate stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWay {
    #[error("the estate does not say on which host {0} runs")]
    NoHost(Id),
    #[error("{0} is not in the estate")]
    Unknown(Id),
    #[error("the estate does not say how {0} is reached")]
    NotSaid(Id),
    #[error("the estate says that {0} is this machine, and also how it is reached from another one")]
    TwoWays(Id),
    #[error("the way to {0} leads in a circle")]
    Circle(Id),
    #[error("the estate knows no host key of {0}, and none is trusted because it was seen first")]
    NoKey(Id),
    #[error("what the estate says about reaching {0} could be more than a name")]
    Unfit(Id),
}

/// The way to this host.
pub fn to(estate: &Estate, id: &Id) -> Result<Way, NoWay> {
    let host = estate.hosts.get(id).ok_or_else(|| NoWay::Unknown(id.clone()))?;
    match (host.local, &host.ssh) {
        (true, None) => return Ok(Way::Here),
        (true, Some(_)) => return Err(NoWay::TwoWays(id.clone())),
        (false, None) => return Err(NoWay::NotSaid(id.clone())),
        (false, Some(_)) => {}
    }
    let through = estate::check::hands::way_to(&estate.hosts, id).ok_or_else(|| NoWay::Circle(id.clone()))?;
    let mut hops = Vec::new();
    for at in through {
        let host = estate.hosts.get(at).ok_or_else(|| NoWay::Unknown(at.clone()))?;
        let ssh = host.ssh.clone().ok_or_else(|| NoWay::NotSaid(at.clone()))?;
        if ssh.host_key.is_empty() {
            return Err(NoWay::NoKey(at.clone()));
        }
        if !is_fit(&ssh) {
            return Err(NoWay::Unfit(at.clone()));
        }
        hops.push(Hop { host: at.clone(), ssh });
    }
    Ok(Way::Ssh(hops))
}

/// How the commands on this host get the rights that they need.
pub fn becomes(estate: &Estate, id: &Id) -> Become {
    estate.hosts.get(id).and_then(|host| host.ssh.as_ref()).map(|ssh| ssh.becomes).unwrap_or_default()
}

fn is_fit(ssh: &Ssh) -> bool {
    names::is_address(&ssh.address)
        && ssh.user.as_deref().is_none_or(names::is_user)
        && ssh.host_key.iter().all(|key| names::is_host_key(key))
        && ssh.identity.as_deref().is_none_or(names::is_path)
}

/// What ssh calls the host: ours, so that nothing in a file of others is meant.
pub fn alias(host: &Id) -> String {
    format!("blackstart-{}", host.name())
}

/// The file of keys of one host.
pub fn keys(hop: &Hop) -> String {
    let alias = alias(&hop.host);
    let at = match hop.ssh.port {
        Some(port) if port != 22 => format!("[{}]:{port}", hop.ssh.address),
        _ => hop.ssh.address.clone(),
    };
    let mut text = String::new();
    for key in &hop.ssh.host_key {
        // An authority vouches for the address that it signed, not for a name of ours.
        let _ = match key.strip_prefix("@cert-authority ") {
            Some(key) => writeln!(text, "@cert-authority {at} {key}"),
            None => writeln!(text, "{alias} {key}"),
        };
    }
    text
}

/// Where `keys` of this host lies in `folder`.
pub fn keys_file(folder: &Path, host: &Id) -> std::path::PathBuf {
    folder.join(format!("{}.keys", host.name()))
}

/// All that ssh is told.
pub fn settings(hops: &[Hop], folder: &Path) -> String {
    let mut text = String::from("# Written by Blackstart from the estate.\n");
    let mut through: Option<String> = None;
    for hop in hops {
        let name = alias(&hop.host);
        let _ = writeln!(text, "Host {name}\n  HostName {}", hop.ssh.address);
        let _ = writeln!(text, "  Port {}", hop.ssh.port.unwrap_or(22));
        if let Some(user) = &hop.ssh.user {
            let _ = writeln!(text, "  User {user}");
        }
        let _ = writeln!(text, "  UserKnownHostsFile \"{}\"", keys_file(folder, &hop.host).display());
        if !hop.ssh.host_key.iter().any(|key| key.starts_with("@cert-authority ")) {
            let _ = writeln!(text, "  HostKeyAlias {name}");
        }
        if let Some(identity) = &hop.ssh.identity {
            let _ = writeln!(text, "  IdentityFile \"{identity}\"\n  IdentitiesOnly yes");
        }
        if let Some(through) = through.replace(name) {
            let _ = writeln!(text, "  ProxyJump {through}");
        }
    }
    let _ = writeln!(
        text,
        "Host *
  BatchMode yes
  StrictHostKeyChecking yes
  GlobalKnownHostsFile /dev/null
  UpdateHostKeys no
  VerifyHostKeyDNS no
  CheckHostIP no
  PreferredAuthentications publickey
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  ControlMaster no
  ControlPath none
  RequestTTY no
  ConnectTimeout {CONNECT_S}
  ConnectionAttempts 1
  ServerAliveInterval {ALIVE_S}
  ServerAliveCountMax {ALIVE_COUNT}
  LogLevel ERROR"
    );
    text
}

/// The one command that is ever asked of a host; what is to be done comes as its input. A clean environment: what the
/// login there sets may be from the attacker, too.
pub const REMOTE: &str =
    "env -i HOME=\"$HOME\" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C sh -s";
