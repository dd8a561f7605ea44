//! Units of systemd. Start and stop are safe to repeat: the second one changes nothing. A running unit is known again by
//! its invocation id, which the host draws anew with every start.
//!
//! - **stop** ends also what would start the unit again (its sockets, timers and paths), first; of a timer or socket
//!   also what it has started.
//! - **hold** lays a link to `/dev/null` over the unit in `/etc/systemd/system.control`, the first place where systemd
//!   looks: it wins over unit files anywhere else (`systemctl mask` does not over one in `/etc`), survives a reboot, and
//!   keeps its sockets and timers from starting as well. Stopped is first, with the unit's own way of stopping, which
//!   the link would hide.
//!   A unit that is meant by another of its names is refused: under its own it would go on.
//! - **release** removes that link and nothing else: what somebody else has put there is left and said.
//! - What needs the unit (`RequiredBy`) goes down with it and does not come back by itself: it is shown.

use estate::hands::Become;

use crate::facts::{Reading, UnitState, taken_apart};
use crate::shell::word;
use crate::{Script, Verb};

const FOLDER: &str = "/etc/systemd/system.control";

const PROPERTIES: [&str; 12] = [
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "Type",
    "InvocationID",
    "NRestarts",
    "TriggeredBy",
    "RequiredBy",
    "BoundBy",
];

pub(crate) fn script(verb: Verb, unit: &str, becomes: Become) -> Script {
    let body = match verb {
        Verb::Probe => "look after\n",
        Verb::Start => {
            "look before\ncode=0\nfor other in $(triggers); do\n  if systemctl --quiet is-enabled \"$other\" >&2; then root systemctl start \"$other\" >&2 || code=$?; fi\ndone\nroot systemctl start \"$unit\" >&2 || code=$?\nlook after\nexit \"$code\"\n"
        }
        Verb::Stop => {
            "look before\ncode=0\nfor other in $(triggers) \"$unit\" $(triggered); do\n  root systemctl stop \"$other\" >&2 || code=$?\ndone\nlook after\nexit \"$code\"\n"
        }
        Verb::Hold => {
            "look before\nid=$(systemctl show -p Id --value \"$unit\")\nif [ \"$id\" != \"$unit\" ]; then echo \"it is another name of $id: to hold it would leave that free; write $id into the estate\" >&2; exit 65; fi\nif [ -e \"$link\" ] || [ -L \"$link\" ]; then\n  if ! ours; then echo \"$link is not ours: nothing was done\" >&2; exit 75; fi\nfi\ncode=0\nothers=$(triggers)\nbegun=$(triggered)\nfor other in $others \"$unit\" $begun; do\n  root systemctl stop \"$other\" >&2 || code=$?\ndone\nif ! ours; then\n  root mkdir -p \"$folder\" >&2 || code=$?\n  root ln -s /dev/null \"$link\" >&2 || code=$?\n  root systemctl daemon-reload >&2 || code=$?\nfi\n# Whatever started it between the two.\nfor other in $others \"$unit\" $begun; do\n  root systemctl stop \"$other\" >&2 || code=$?\ndone\nlook after\nexit \"$code\"\n"
        }
        Verb::Release => {
            "look before\ncode=0\nif ours; then\n  root rm \"$link\" >&2 || code=$?\n  root systemctl daemon-reload >&2 || code=$?\nelif [ -e \"$link\" ] || [ -L \"$link\" ]; then\n  echo \"$link is not ours: it was left\" >&2\n  code=75\nfi\nlook after\nexit \"$code\"\n"
        }
        Verb::Rehearse => {
            "look after\nfor other in $(triggers) \"$unit\" $(triggered); do\n  can systemctl start \"$other\"\n  can systemctl stop \"$other\"\ndone\ncan mkdir -p \"$folder\"\ncan ln -s /dev/null \"$link\"\ncan rm \"$link\"\ncan systemctl daemon-reload\n"
        }
    };
    let needs = match verb {
        Verb::Probe => "",
        Verb::Rehearse => can(becomes),
        Verb::Start | Verb::Stop | Verb::Hold | Verb::Release => root(becomes),
    };
    let look = format!(
        "look() {{\n  printf '%s boot %s\\n' \"$1\" \"$(cat /proc/sys/kernel/random/boot_id)\"\n  if ours; then printf '%s held yes\\n' \"$1\"; fi\n  systemctl show --no-pager -p {} \"$unit\" | sed \"s/^/$1 /\"\n}}\n",
        PROPERTIES.join(",")
    );
    let head = format!(
        "# Blackstart: {} {unit}\nunit={}\nfolder={FOLDER}\nlink=$folder/$unit\nours() {{ [ \"$(readlink \"$link\")\" = /dev/null ]; }}\ntriggers() {{ systemctl show -p TriggeredBy --value \"$unit\"; }}\ntriggered() {{ systemctl show -p Triggers --value \"$unit\"; }}\n",
        verb.word(),
        word(unit),
    );
    Script { verb, text: format!("{head}{needs}{look}{body}") }
}

/// Who changes something, and how it is asked for: never with a question that nobody would answer.
pub(crate) fn root(becomes: Become) -> &'static str {
    match becomes {
        Become::Nobody => "root() { \"$@\"; }\n",
        Become::Sudo => "root() { sudo -n -- \"$@\"; }\n",
    }
}

/// Whether it would be allowed, without doing it.
pub(crate) fn can(becomes: Become) -> &'static str {
    match becomes {
        Become::Nobody => {
            "can() { if [ \"$(id -u)\" = 0 ]; then printf 'may %s\\n' \"$*\"; else printf 'not %s\\n' \"$*\"; fi; }\n"
        }
        Become::Sudo => {
            "can() { if sudo -n -l -- \"$@\" >/dev/null 2>&1; then printf 'may %s\\n' \"$*\"; else printf 'not %s\\n' \"$*\"; fi; }\n"
        }
    }
}

pub(crate) fn reading(output: &str) -> Reading {
    let (before, after, may, may_not, talk) = taken_apart(output);
    let mark = |facts: &crate::HostFacts| match standing(facts) {
        UnitState::Up | UnitState::Moving => facts.get("InvocationID").to_owned(),
        UnitState::Down | UnitState::Failed | UnitState::Missing | UnitState::NotKnown => String::new(),
    };
    Reading {
        standing: standing(&after),
        stood: standing(&before),
        mark: mark(&after),
        marked: mark(&before),
        boot: after.get("boot").to_owned(),
        is_held: after.get("held") == "yes",
        before,
        after,
        may,
        may_not,
        talk,
    }
}

fn standing(facts: &crate::HostFacts) -> UnitState {
    match (facts.get("LoadState"), facts.get("ActiveState")) {
        (_, "active" | "reloading" | "refreshing") => UnitState::Up,
        (_, "activating" | "deactivating" | "maintenance") => UnitState::Moving,
        (_, "failed") => UnitState::Failed,
        ("not-found", "inactive") => UnitState::Missing,
        ("loaded" | "masked" | "merged", "inactive") => UnitState::Down,
        // Its file cannot be read: it cannot be started, and whether it ran is not said.
        (_, _) => UnitState::NotKnown,
    }
}
