//! May the process that wrote be frozen, and may it go on? Pure decisions on the view; what is done is in `freeze`.

use estate::{Estate, Id, graph};
use incident::event::ScanEvent;
use incident::frozen::{Frozen, State, Target};
use incident::{Event, View};
use message::{Command, Message, Remedy};

/// Who granted that whoever writes to this store may be frozen at an alarm, if anybody did.
pub fn granted<'e>(estate: &'e Estate, store: &Id) -> Option<&'e str> {
    let covers = |on: &[Id]| on.is_empty() || on.contains(store) || graph::expand(estate, on).contains(store);
    let grant = estate.authority.iter().find(|grant| grant.may == "freeze-writer" && covers(&grant.on));
    grant.map(|grant| grant.granted_by.as_str())
}

/// Before it is frozen. What is frozen, or to go on by a person's word, is not frozen again.
pub fn intend(
    view: &View,
    store: &Id,
    alarm: u64,
    target: &Target,
    who: &str,
    granted_by: &str,
) -> Vec<Event> {
    let known = view.scan.frozen.iter().find(|known| known.target == *target);
    let is_open = known.is_none_or(|known| match known.state {
        State::NotFrozen => true,
        State::Intended | State::Frozen | State::Thawing | State::Thawed => false,
    });
    if view.blocked_by(store).is_some() || !is_open {
        return Vec::new();
    }
    vec![Event::Scan(ScanEvent::FreezeIntended {
        store: store.clone(),
        alarm,
        target: target.clone(),
        who: who.to_owned(),
        granted_by: granted_by.to_owned(),
    })]
}

/// What came of it.
pub fn ended(store: &Id, target: &Target, done: &Result<String, String>) -> Vec<Event> {
    let (ok, detail) = said(done);
    vec![Event::Scan(ScanEvent::FreezeEnded { store: store.clone(), target: target.clone(), ok, detail })]
}

fn said(done: &Result<String, String>) -> (bool, String) {
    match done {
        Ok(detail) => (true, detail.clone()),
        Err(why) => (false, why.clone()),
    }
}

/// Why nothing is let go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("process {0} is not one that was frozen at an alarm")]
    NotFrozen(i32),
    #[error("entry {sequence} cannot be read and may be about {about}")]
    NotRead { sequence: u64, about: Id },
}

impl Refusal {
    pub fn message(&self) -> Message {
        let to_do = match self {
            Refusal::NotFrozen(_) => {
                Remedy::run_to("what is frozen is listed by", Command::new("status").incident())
            }
            Refusal::NotRead { sequence, .. } => Remedy::unread_entry(*sequence),
        };
        Message::new(self.to_string(), "nothing was changed; what is frozen is frozen", to_do)
    }
}

/// The newest process of this number that waits for a person.
pub fn waiting(view: &View, pid: i32) -> Result<&Frozen, Refusal> {
    let waiting = view.scan.frozen.iter().rev();
    let found = waiting.into_iter().find(|known| known.target.pid == pid && known.state.waits());
    found.ok_or(Refusal::NotFrozen(pid))
}

/// A person lets it go on.
pub fn thaw(view: &View, pid: i32, reason: &str) -> Result<Vec<Event>, Refusal> {
    let Frozen { store, target, .. } = waiting(view, pid)?.clone();
    if let Some(unread) = view.blocked_by(&store) {
        return Err(Refusal::NotRead { sequence: unread.sequence, about: store });
    }
    let reason = reason.to_owned();
    Ok(vec![Event::Scan(ScanEvent::ThawDecided { store, target, reason })])
}

pub fn thaw_ended(store: &Id, target: &Target, done: &Result<String, String>) -> Vec<Event> {
    let (ok, detail) = said(done);
    vec![Event::Scan(ScanEvent::ThawEnded { store: store.clone(), target: target.clone(), ok, detail })]
}

#[cfg(test)]
mod tests {
    use super::*;
    use estate::canonical;
    use incident::memory::follow;

    fn store() -> Id {
        "store:data".parse().unwrap()
    }

    fn estate(on: &str) -> Estate {
        canonical::from_text(&format!(
            "provider = \"P\"\n[site.muc]\n[site.ess]\n[store.data]\nsite = \"muc\"\n[[authority]]\nmay = \"freeze-writer\"\n{on}\ngranted_by = \"board\"\n"
        ))
        .unwrap()
    }

    #[test]
    fn only_what_was_granted_may_be_frozen() {
        for on in ["", "on = [\"store:data\"]", "on = [\"site:muc\"]"] {
            assert_eq!(granted(&estate(on), &store()), Some("board"), "{on}");
        }
        assert_eq!(granted(&estate("on = [\"site:ess\"]"), &store()), None);
        let other = canonical::from_text(
            "provider = \"P\"\n[site.muc]\n[store.data]\nsite = \"muc\"\n[[authority]]\nmay = \"stop-service\"\n",
        );
        assert_eq!(granted(&other.unwrap(), &store()), None);
    }

    #[test]
    fn a_process_is_frozen_once_and_let_go_on_by_a_person() {
        let mut view = View::default();
        let target = Target { pid: 7, started: 3, cgroup: None, boot: "b".to_owned() };
        let events = intend(&view, &store(), 1, &target, "process 7", "board");
        assert_eq!(events.len(), 1);
        events.iter().for_each(|event| follow(&mut view, event));
        assert_eq!(intend(&view, &store(), 1, &target, "process 7", "board"), Vec::new());
        // In doubt as well: whoever was to freeze it may have died.
        assert!(thaw(&view, 7, "a backup").is_ok());
        ended(&store(), &target, &Ok("stopped".to_owned())).iter().for_each(|event| follow(&mut view, event));
        assert_eq!(thaw(&view, 8, "x"), Err(Refusal::NotFrozen(8)));
        thaw(&view, 7, "a backup").unwrap().iter().for_each(|event| follow(&mut view, event));
        assert!(waiting(&view, 7).is_ok(), "nobody has seen it go on");
        let failed = thaw_ended(&store(), &target, &Err("no".to_owned()));
        failed.iter().for_each(|event| follow(&mut view, event));
        assert!(thaw(&view, 7, "again").is_ok());
        let done = thaw_ended(&store(), &target, &Ok("it goes on".to_owned()));
        done.iter().for_each(|event| follow(&mut view, event));
        assert_eq!(thaw(&view, 7, "again"), Err(Refusal::NotFrozen(7)));
        let again = intend(&view, &store(), 2, &target, "process 7", "board");
        assert_eq!(again, Vec::new(), "a person has answered for it");
        assert_eq!(view.illegal, []);
    }
}
