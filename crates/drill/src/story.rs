//! What a run is made of: acts, the promises each of them makes, and what happened on the way.
//!
//! A promise is a sentence with a yes or no and the evidence for it. An act is well only if all its promises held; a
//! run is well only if all acts are. Nothing here decides whether a promise held: the acts and the oracle do.

use std::time::Instant;

use serde::Serialize;

use crate::clock::now_ms;

/// The ten acts in their order, with the line a spectator sees. The names are fixed: scripts read them in `report.json`.
pub const ACTS: [(&str, &str); 10] = [
    ("normal_day", "A normal day: business flows, backups are made"),
    ("attack", "Somebody encrypts the Munich data centre"),
    ("containment", "Munich is cut off, Essen goes on serving"),
    ("emergency", "Emergency operation: nobody is turned away"),
    ("notices", "Every fund gets its page, in three languages"),
    ("clean_point", "Which backup is the last clean one?"),
    ("restart", "Restart in order, behind gates"),
    ("hand_back", "What was held, and the gap since the backup, is handed back"),
    ("account", "Is everything there, and only once?"),
    ("verify", "Can it be proven?"),
];

/// One sentence the drill holds the product to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Promise {
    pub text: String,
    pub held: bool,
    /// What was seen: numbers, ids, the message of the command.
    pub evidence: String,
}

/// One act, played or not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Act {
    pub name: &'static str,
    pub title: &'static str,
    pub ok: bool,
    /// Seconds of the run at which it began; `None`: it was not played.
    pub began_s: Option<f64>,
    pub seconds: f64,
    pub promises: Vec<Promise>,
}

impl Act {
    /// An act that has not begun. It has kept no promise yet, so it is not well.
    pub fn new(name: &'static str, title: &'static str) -> Act {
        Act { name, title, ok: false, began_s: None, seconds: 0.0, promises: Vec::new() }
    }

    /// Records a promise with its evidence, and says whether it held.
    pub fn promise(&mut self, text: impl Into<String>, held: bool, evidence: impl Into<String>) -> bool {
        self.promises.push(Promise { text: text.into(), held, evidence: evidence.into() });
        held
    }

    /// Ends the act. An act that promised nothing has shown nothing, so it is not well either.
    pub fn end(&mut self, seconds: f64) {
        self.seconds = seconds;
        self.ok = self.began_s.is_some()
            && !self.promises.is_empty()
            && self.promises.iter().all(|promise| promise.held);
    }

    /// The promises that did not hold.
    pub fn broken(&self) -> impl Iterator<Item = &Promise> {
        self.promises.iter().filter(|promise| !promise.held)
    }
}

/// Something worth a mark on the time line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Happening {
    /// Seconds since the run began.
    pub at_s: f64,
    pub text: String,
    /// `attack`, `alarm`, `kill`, `act`: how it is drawn.
    pub kind: Kind,
}

/// How a happening is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The attacker did something.
    Attack,
    /// The product noticed something.
    Alarm,
    /// The drill killed a process of the product.
    Kill,
    /// A step of people or product.
    Step,
}

/// The clock of one run: seconds for people, milliseconds since 1970 to compare with what processes write down.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    began_ms: u64,
}

impl Clock {
    /// Starts now.
    pub fn start() -> Clock {
        Clock { began: Instant::now(), began_ms: now_ms() }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Milliseconds since 1970 at the start.
    pub fn began_ms(&self) -> u64 {
        self.began_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(promises: &[bool]) -> Act {
        let mut act = Act::new("verify", "");
        act.began_s = Some(1.0);
        for held in promises {
            act.promise("it is so", *held, "seen");
        }
        act.end(2.0);
        act
    }

    #[test]
    fn an_act_is_well_only_if_every_promise_held() {
        assert!(played(&[true, true]).ok);
        assert!(!played(&[true, false, true]).ok);
        assert_eq!(played(&[true, false, true]).broken().count(), 1);
    }

    #[test]
    fn an_act_that_promised_nothing_or_was_not_played_is_not_well() {
        assert!(!played(&[]).ok);
        let mut never = Act::new("verify", "");
        never.promise("it is so", true, "seen");
        never.end(0.0);
        assert!(!never.ok);
    }
}
