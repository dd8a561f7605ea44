//! Workloads of a cluster, by kubectl where its host has it, or on this machine. Started and stopped by their number of
//! copies, and only from the number that was just read (`--current-replicas`), so that nobody's change is run over. Known
//! again by the object's uid and its generation.
//!
//! - **hold** writes an annotation first, then sets the number to none and waits until no copy is left. A start by
//!   Blackstart refuses what carries the annotation; an operator or a person with rights in the cluster can scale it up all
//!   the same, and knocking shows that.
//! - **release** removes the annotation and leaves the number as it is.

use estate::hands::{Become, Workload};

use crate::facts::{HostFacts, Reading, UnitState, taken_apart};
use crate::shell::word;
use crate::systemd::root;
use crate::{Script, Verb};

const LOOK: &str = "look() {
  said=$(k get \"$kind\" \"$name\" --ignore-not-found -o jsonpath='uid={.metadata.uid}{\"\\n\"}generation={.metadata.generation}{\"\\n\"}observed={.status.observedGeneration}{\"\\n\"}wanted={.spec.replicas}{\"\\n\"}there={.status.replicas}{\"\\n\"}ready={.status.readyReplicas}{\"\\n\"}held={.metadata.annotations.blackstart/held}{\"\\n\"}') || return 0
  if [ -z \"$said\" ]; then printf '%s found no\\n' \"$1\"; return 0; fi
  printf '%s\\n' \"$said\" | sed \"s/^/$1 /\"
}
wanted() { k get \"$kind\" \"$name\" -o jsonpath='{.spec.replicas}'; }
held() { [ \"$(k get \"$kind\" \"$name\" -o jsonpath='{.metadata.annotations.blackstart/held}')\" = yes ]; }
down() {
  now=$(wanted) || exit 69
  if [ \"$now\" != 0 ]; then k scale \"$kind\" \"$name\" --current-replicas=\"$now\" --replicas=0 >&2 || code=$?; fi
  for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    there=$(k get \"$kind\" \"$name\" -o jsonpath='{.status.replicas}') || exit 69
    case $there in ''|0) break ;; esac
    sleep 2
  done
}
";

pub(crate) fn script(verb: Verb, workload: &Workload, becomes: Become) -> Script {
    let body = match verb {
        Verb::Probe => "look after\n",
        Verb::Start => {
            "look before\ncode=0\nif held; then echo 'it is held by a cut: lift that first' >&2; exit 75; fi\nnow=$(wanted) || exit 69\nif [ \"$now\" = 0 ]; then k scale \"$kind\" \"$name\" --current-replicas=0 --replicas=\"$replicas\" >&2 || code=$?; fi\nlook after\nexit \"$code\"\n"
        }
        Verb::Stop => "look before\ncode=0\ndown\nlook after\nexit \"$code\"\n",
        Verb::Hold => {
            "look before\ncode=0\nk annotate \"$kind\" \"$name\" --overwrite blackstart/held=yes >&2 || exit 69\ndown\nlook after\nexit \"$code\"\n"
        }
        Verb::Release => {
            "look before\ncode=0\nk annotate \"$kind\" \"$name\" blackstart/held- >&2 || code=$?\nlook after\nexit \"$code\"\n"
        }
        Verb::Rehearse => {
            "look after\nmay() { if k auth can-i \"$@\" >/dev/null 2>&1; then printf 'may kubectl %s\\n' \"$*\"; else printf 'not kubectl %s\\n' \"$*\"; fi; }\nmay get \"$kind\"\nmay patch \"$kind\"\nmay patch \"$kind\" --subresource=scale\n"
        }
    };
    let context = workload.context.as_ref();
    let context = context.map_or_else(String::new, |context| format!(" --context {}", word(context)));
    let text = format!(
        "# Blackstart: {} {} {} in {}\nkind={}\nname={}\nreplicas={}\n{}k() {{ root kubectl{context} --namespace {} --request-timeout=20s \"$@\"; }}\n{LOOK}{body}",
        verb.word(),
        workload.kind,
        workload.name,
        workload.namespace,
        word(&workload.kind),
        word(&workload.name),
        workload.replicas,
        root(becomes),
        word(&workload.namespace),
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
        boot: String::new(),
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
    let number = |name: &str| match facts.get(name) {
        "" => Some(0),
        text => text.parse::<u64>().ok(),
    };
    let seen = (facts.get("uid").is_empty(), facts.get("wanted").parse::<u64>().ok());
    let (false, Some(wanted)) = seen else { return UnitState::NotKnown };
    let (Some(there), Some(ready)) = (number("there"), number("ready")) else { return UnitState::NotKnown };
    let is_taken_up = number("observed") >= number("generation");
    match wanted {
        0 if there == 0 && is_taken_up => UnitState::Down,
        0 => UnitState::Moving,
        _ if ready >= wanted && is_taken_up => UnitState::Up,
        _ => UnitState::Moving,
    }
}

fn mark(facts: &HostFacts) -> String {
    match standing(facts) {
        UnitState::Up | UnitState::Moving => format!("{}@{}", facts.get("uid"), facts.get("generation")),
        UnitState::Down | UnitState::Failed | UnitState::Missing | UnitState::NotKnown => String::new(),
    }
}
