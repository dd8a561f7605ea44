//! Which driver writes the script for a service, and reads what it printed.

use estate::hands::{self as names, Become, Driver};

use crate::facts::Reading;
use crate::{Script, Verb, compose, kubernetes, libvirt, systemd};

/// No script is written for a name that could be more than a name, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoScript {
    #[error("`{0}` could be more than a name: nothing is done with it")]
    Unfit(String),
    #[error("a job that ends by itself is not run by {0}: only units and containers say how they ended")]
    NoJob(&'static str),
}

/// What is to be carried out on the host. `becomes`: how its commands get the rights that they need.
pub fn script(verb: Verb, driver: &Driver, becomes: Become, is_job: bool) -> Result<Script, NoScript> {
    match driver {
        Driver::Systemd(unit) if names::is_unit(unit) => Ok(systemd::script(verb, unit, becomes)),
        Driver::Systemd(unit) => Err(NoScript::Unfit(unit.clone())),
        Driver::Compose { project, service, file } => {
            let unfit = [project, service].into_iter().find(|name| !names::is_name(name));
            let unfit = unfit.or(file.as_ref().filter(|file| !names::is_path(file)));
            match unfit {
                Some(unfit) => Err(NoScript::Unfit(unfit.clone())),
                None => Ok(compose::script(verb, (project, service, file.as_deref()), becomes, is_job)),
            }
        }
        Driver::Kubernetes(_) | Driver::Libvirt(_) if is_job => Err(NoScript::NoJob(driver.word())),
        Driver::Kubernetes(workload) => {
            let names = [&workload.namespace, &workload.kind, &workload.name];
            let unfit = names.into_iter().find(|name| !names::is_name(name));
            let context = workload.context.as_ref().filter(|context| !names::is_context(context));
            match unfit.or(context) {
                Some(unfit) => Err(NoScript::Unfit(unfit.clone())),
                None => Ok(kubernetes::script(verb, workload, becomes)),
            }
        }
        Driver::Libvirt(domain) if names::is_name(domain) => Ok(libvirt::script(verb, domain, becomes)),
        Driver::Libvirt(domain) => Err(NoScript::Unfit(domain.clone())),
    }
}

/// What a script of this driver says of its target.
pub fn reading(driver: &Driver, output: &str) -> Reading {
    match driver {
        Driver::Compose { .. } => compose::reading(output),
        Driver::Systemd(_) => systemd::reading(output),
        Driver::Kubernetes(_) => kubernetes::reading(output),
        Driver::Libvirt(_) => libvirt::reading(output),
    }
}
