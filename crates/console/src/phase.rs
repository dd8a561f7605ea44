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

use crate::as_of::AsOf;

/// A word for people, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    pub(crate) word: &'static str,
    pub(crate) entry: Option<u64>,
}

pub(crate) fn phase(seen: &AsOf) -> Phase {
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

#[cfg(test)]
mod tests {
    use estate::canonical;
    use incident::Event;
    use incident::View;
    use incident::event::{CommandEvent, ContainEvent, CutAct, ScanEvent, Suspicion};
    use incident::memory::follow;
    use incident::recover::{RunEnd, RunView};

    use super::*;
    use crate::as_of::{Beside, Harm};

    const ESTATE: &str = "provider = \"P\"\n[service.core]\n[capability.eau]\nname = { de = \"AU\" }\nurgency = 5\n\
                          cut = \"hold\"\n[[capability.eau.served_by]]\nservice = \"core\"\ntenants = [\"a\"]\n[tenant.a]\nname = \"A\"\n\
                          insured = 10\n";

    fn opened() -> View {
        let estate = canonical::from_text(ESTATE).unwrap();
        let (hash, text) = (canonical::hash(&estate), canonical::text(&estate));
        let mut view = View::default();
        follow(&mut view, &Event::Command(CommandEvent::EstateAdopted { hash, text }));
        view
    }

    fn at(view: &View, harm: Option<Harm>) -> &'static str {
        phase(&AsOf::new(view.clone(), Beside::default(), "/incident", harm, None)).word
    }

    /// From the last line of the table to the first: each new thing takes the place of what was said before.
    #[test]
    fn the_first_line_of_the_table_that_holds_is_the_phase() {
        let mut view = opened();
        assert_eq!(at(&view, None), "nothing reported");
        let alarm = ScanEvent::AlarmRaised {
            store: "store:lonely".parse().unwrap(),
            suspicion: Suspicion::Encrypted,
            files: 4,
            examples: Vec::new(),
            seconds_observed: 1,
        };
        let away =
            ScanEvent::NotWatched { store: "store:lonely".parse().unwrap(), why: "it is gone".to_owned() };
        follow(&mut view, &Event::Scan(away));
        assert_eq!(at(&view, None), "impaired");
        follow(&mut view, &Event::Scan(alarm));
        assert_eq!(at(&view, None), "alarm");
        let cut = ContainEvent::CutDecided {
            infected: vec!["service:core".parse().unwrap()],
            acts: vec![CutAct::StopService { service: "service:core".parse().unwrap() }],
            cost_insured: 0,
            tenants: Vec::new(),
            estate_hash: String::new(),
        };
        follow(&mut view, &Event::Contain(cut));
        assert_eq!(at(&view, None), "contained");
        view.plan.approved_at_entry = Some(0);
        view.contain.cuts[0].decided_entry = 1;
        assert_eq!(at(&view, None), "contained", "what was approved before the cut is no answer to it");
        view.plan.approved_at_entry = Some(9);
        assert_eq!(at(&view, None), "restart approved");
        let run = |ended: Option<bool>| RunView {
            run: "r".to_owned(),
            plan: "p".to_owned(),
            estate_hash: String::new(),
            by: "anna".to_owned(),
            begun_at_entry: 10,
            ended: ended.map(|complete| RunEnd { at_entry: 11, complete, waiting_for: Vec::new() }),
        };
        for (ended, word) in [(None, "restart"), (Some(false), "restart"), (Some(true), "restart approved")] {
            view.recover.run = Some(run(ended));
            assert_eq!(at(&view, None), word);
        }
        for harm in [Harm::Damaged("x".to_owned()), Harm::NotRead("x".to_owned())] {
            assert_eq!(at(&view, Some(harm)), "not known");
        }
        assert_eq!(at(&View::default(), None), "not known", "it names no estate");
    }
}
