//! What is done to a service on its host, and what came of it?
//!
//! A driver is pure: a verb and a target give a script (`script`), what the script printed gives a reading (`reading`).
//! One reach carries scripts to where they are carried out (`reach`): to this machine, or by ssh along the way that the
//! estate says (`way`). So every script is a golden file, what real programs print is a transcript, and a simulation
//! replaces that alone. Records nothing itself: the events are in `incident`, and whoever calls appends them.
//!
//! What the other side says is believed only as far as it goes: without the mark at its end (`envelope`) nobody knows
//! what a script has done, whatever ssh ends with.

mod compose;
mod drive;
pub mod envelope;
mod facts;
mod kubernetes;
mod libvirt;
mod order;
pub mod reach;
pub mod rehearsal;
pub mod shell;
mod side_by_side;
mod systemd;
pub mod way;

#[cfg(test)]
mod tests;

pub use drive::{reading, script};
pub use facts::{HostFacts, Reading, UnitState};
pub use order::{NoOrder, Order, OrderOutcome, order};
pub use side_by_side::side_by_side;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Looks, and changes nothing.
    Probe,
    Start,
    Stop,
    /// Stops it, and sees to it that nothing starts it again but `Release`.
    Hold,
    /// Takes back what `Hold` did besides stopping. It does not start anything.
    Release,
    /// Looks, and asks whether each of the others would be allowed.
    Rehearse,
}

impl Verb {
    pub const ALL: [Verb; 6] =
        [Verb::Probe, Verb::Start, Verb::Stop, Verb::Hold, Verb::Release, Verb::Rehearse];

    pub fn word(self) -> &'static str {
        match self {
            Verb::Probe => "probe",
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Hold => "hold",
            Verb::Release => "release",
            Verb::Rehearse => "rehearse",
        }
    }

    /// It leaves everything as it was, so it may be repeated whenever nobody knows whether it happened.
    pub fn only_looks(self) -> bool {
        match self {
            Verb::Probe | Verb::Rehearse => true,
            Verb::Start | Verb::Stop | Verb::Hold | Verb::Release => false,
        }
    }
}

/// What a host is to carry out: POSIX shell, whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    pub verb: Verb,
    pub text: String,
}

impl Script {
    /// SHA-256 of the text, 64 hexadecimal digits.
    pub fn hash(&self) -> String {
        use sha2::{Digest, Sha256};
        estate::hex(&Sha256::digest(self.text.as_bytes()))
    }
}
