//! In which phase is the incident? One word, and the entry it rests on.
//!
//! No entry says it; it follows from what stands. The first line that holds is the phase.
//!
//! ```text
//! the journal cannot be relied on            not known
//! a run was begun and is not complete        restart
//! a cut is in force, a plan is approved      restart approved
//! a cut is in force, a plan is recorded      plan waits for approval
//! a cut is in force                          contained
//! an alarm is open                           alarm
//! the bridge holds business                  hand-back
//! something is not known or not served       impaired
//! otherwise                                  nothing reported
//! ```

use crate::seen::Seen;

/// A word for people, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    pub(crate) word: &'static str,
    pub(crate) entry: Option<u64>,
}

pub(crate) fn phase(seen: &Seen) -> Phase {
    let (view, now) = (&seen.view, &seen.situation);
    let of_kind = |kind: &str| seen.beside.newest.get(kind).map(|mark| mark.sequence);
    let cut =
        view.contain.cuts.iter().filter(|cut| cut.state.is_in_force()).map(|cut| cut.decided_entry).max();
    let planned = view.plan.plans.values().map(|plan| plan.recorded_at_entry).max();
    let run = view.recover.run.as_ref();
    let goes_on = run.filter(|run| run.ended.as_ref().is_none_or(|ended| !ended.complete));
    let is_newer = |entry: &u64| cut.is_some_and(|cut| *entry > cut);
    let holds = now.bridge.as_ref().is_some_and(|bridge| bridge.pending + bridge.conflict > 0);
    let is_whole = now.not_served.is_empty() && now.not_described.is_empty() && now.served_known;
    let (word, entry) = match () {
        () if seen.harm.is_some() => ("not known", None),
        () if goes_on.is_some() => ("restart", goes_on.map(|run| run.begun_at_entry)),
        () if view.plan.approved_at_entry.as_ref().is_some_and(is_newer) => {
            ("restart approved", view.plan.approved_at_entry)
        }
        () if planned.as_ref().is_some_and(is_newer) => ("plan waits for approval", planned),
        () if cut.is_some() => ("contained", cut),
        () if !now.alarms.is_empty() => ("alarm", now.alarms.iter().map(|alarm| alarm.entry).max()),
        () if holds => ("hand-back", of_kind("bridge.account_received")),
        () if !is_whole => ("impaired", None),
        () => ("nothing reported", seen.newest_entry()),
    };
    Phase { word, entry }
}
