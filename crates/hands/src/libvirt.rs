//! Virtual machines of libvirt, by virsh on their host. A running one is known again by its uuid and the number that
//! libvirt gives it with every start.
//!
//! - **stop** asks the machine to shut down, and after a minute and a half takes its power away: that is said.
//! - **hold** also keeps it from starting with its host (autostart). What that was before is kept in the domain's own
//!   metadata, where a second hold does not overwrite it. Whoever has rights on the host can start it by hand all the same,
//!   and knocking shows that.
//! - **release** gives autostart back as it was, and removes that note.

use estate::hands::Become;

use crate::facts::{HostFacts, Reading, UnitState, taken_apart};
use crate::shell::word;
use crate::systemd::{can, root};
use crate::{Script, Verb};

const LOOK: &str = "v() { root virsh --connect qemu:///system \"$@\"; }
note() { v metadata \"$domain\" --config --uri urn:blackstart:held 2>/dev/null; }
state() { v domstate \"$domain\" | head -n 1; }
look() {
  printf '%s boot %s\\n' \"$1\" \"$(cat /proc/sys/kernel/random/boot_id)\"
  all=$(v list --all --name) || return 0
  if ! printf '%s\\n' \"$all\" | grep -qxF -e \"$domain\"; then printf '%s found no\\n' \"$1\"; return 0; fi
  v dominfo \"$domain\" | sed -n -e 's/^Id: */id /p' -e 's/^UUID: */uuid /p' -e 's/^State: */state /p' -e 's/^Autostart: */autostart /p' | sed \"s/^/$1 /\"
  case $(note) in *held*) printf '%s held yes\\n' \"$1\" ;; esac
}
down() {
  if [ \"$(state)\" != 'shut off' ]; then
    v shutdown \"$domain\" >&2 || code=$?
    for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
      if [ \"$(state)\" = 'shut off' ]; then break; fi
      sleep 3
    done
  fi
  if [ \"$(state)\" != 'shut off' ]; then
    echo 'it did not shut down by itself: its power was taken away' >&2
    v destroy \"$domain\" >&2 || code=$?
  fi
}
";

pub(crate) fn script(verb: Verb, domain: &str, becomes: Become) -> Script {
    let body = match verb {
        Verb::Probe => "look after\n",
        Verb::Start => {
            "look before\ncode=0\ncase $(note) in *held*) echo 'it is held by a cut: lift that first' >&2; exit 75 ;; esac\nif [ \"$(state)\" != running ]; then v start \"$domain\" >&2 || code=$?; fi\nlook after\nexit \"$code\"\n"
        }
        Verb::Stop => "look before\ncode=0\ndown\nlook after\nexit \"$code\"\n",
        Verb::Hold => {
            "look before\ncode=0\ncase $(note) in\n  *held*) ;;\n  *)\n    was=$(v dominfo \"$domain\" | sed -n 's/^Autostart: *//p')\n    v metadata \"$domain\" --config --uri urn:blackstart:held --key blackstart --set \"<held autostart='$was'/>\" >&2 || exit 69\n    ;;\nesac\nv autostart --disable \"$domain\" >&2 || code=$?\ndown\nlook after\nexit \"$code\"\n"
        }
        Verb::Release => {
            "look before\ncode=0\nwas=$(note)\ncase $was in *held*enable*) v autostart \"$domain\" >&2 || code=$? ;; esac\ncase $was in *held*) v metadata \"$domain\" --config --uri urn:blackstart:held --remove >&2 || code=$? ;; esac\nlook after\nexit \"$code\"\n"
        }
        Verb::Rehearse => {
            "look after\nfor what in start shutdown destroy autostart metadata; do can virsh --connect qemu:///system \"$what\" \"$domain\"; done\n"
        }
    };
    let more = if verb == Verb::Rehearse { can(becomes) } else { "" };
    let text = format!(
        "# Blackstart: {} {domain}\ndomain={}\n{}{more}{LOOK}{body}",
        verb.word(),
        word(domain),
        root(becomes)
    );
    Script { verb, text }
}

pub(crate) fn reading(output: &str) -> Reading {
    let (before, after, may, may_not, talk) = taken_apart(output);
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

fn standing(facts: &HostFacts) -> UnitState {
    if facts.get("found") == "no" {
        return UnitState::Missing;
    }
    match facts.get("state") {
        "running" => UnitState::Up,
        "paused" | "in shutdown" | "pmsuspended" => UnitState::Moving,
        "shut off" => UnitState::Down,
        "crashed" => UnitState::Failed,
        _ => UnitState::NotKnown,
    }
}

fn mark(facts: &HostFacts) -> String {
    match standing(facts) {
        UnitState::Up | UnitState::Moving => format!("{}@{}", facts.get("uuid"), facts.get("id")),
        UnitState::Down | UnitState::Failed | UnitState::Missing | UnitState::NotKnown => String::new(),
    }
}
