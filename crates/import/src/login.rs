//! How the host of an import is reached, as far as whoever imports it has said.

use estate::hands::{Become, Ssh, is_address, is_host_key, is_path, is_user};
use estate::model::Host;

/// The same for every source that lies on a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// `None`: by its name.
    pub address: Option<String>,
    pub user: Option<String>,
    /// Its user may only by way of sudo.
    pub sudo: bool,
    /// File on the machine of Blackstart with the key that opens it.
    pub identity: Option<String>,
    /// It is the machine on which Blackstart runs.
    pub here: bool,
}

/// Something was said that is not an address, user or path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address, user or path that ssh would take for just that")]
pub struct Unfit(String);

impl Login {
    pub fn checked(self) -> Result<Login, Unfit> {
        let unfit = self.address.iter().find(|text| !is_address(text));
        let unfit = unfit.or(self.user.as_ref().filter(|text| !is_user(text)));
        match unfit.or(self.identity.as_ref().filter(|text| !is_path(text))) {
            Some(unfit) => Err(Unfit(unfit.clone())),
            None => Ok(self),
        }
    }

    /// `keys`: the host's own public keys, where its files were at hand. What is missing is found by `check`.
    pub fn host(&self, name: &str, keys: &[String]) -> Host {
        let host = Host { name: name.to_owned(), ..Host::default() };
        if self.here {
            return Host { local: true, ..host };
        }
        let address = self.address.clone().or_else(|| Some(name.to_owned()).filter(|name| is_address(name)));
        let Some(address) = address else { return host };
        let ssh = Ssh {
            address,
            user: self.user.clone(),
            becomes: if self.sudo { Become::Sudo } else { Become::Nobody },
            identity: self.identity.clone(),
            host_key: keys.iter().filter(|key| is_host_key(key)).cloned().collect(),
            ..Ssh::default()
        };
        Host { ssh: Some(ssh), ..host }
    }
}
