//! Which driver writes the script for a service, and reads what it printed.

use estate::hands::{self as names, Become, Driver};

use crate::facts::Reading;
use crate::{Script, Verb, systemd};

/// No script is written for a name that could be more than a name, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoScript {
    #[error("`{0}` could be more than a name: nothing is done with it")]
    Unfit(String),
    #[error("Blackstart does not drive {0} yet: a person has to do it")]
    NotDriven(&'static str),
}

/// What is to be carried out on the host. `becomes`: how its commands get the rights that they need.
pub fn script(verb: Verb, driver: &Driver, becomes: Become) -> Result<Script, NoScript> {
    match driver {
        Driver::Systemd(unit) if names::is_unit(unit) => Ok(systemd::script(verb, unit, becomes)),
        Driver::Systemd(unit) => Err(NoScript::Unfit(unit.clone())),
        Driver::Compose { .. } | Driver::Kubernetes(_) | Driver::Libvirt(_) => {
            Err(NoScript::NotDriven(driver.word()))
        }
    }
}

/// What a script of this driver says of its target.
pub fn reading(driver: &Driver, output: &str) -> Reading {
    match driver {
        Driver::Systemd(_) | Driver::Compose { .. } | Driver::Kubernetes(_) | Driver::Libvirt(_) => {
            systemd::reading(output)
        }
    }
}
