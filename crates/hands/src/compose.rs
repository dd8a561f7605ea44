//! Containers of compose, found by the labels that compose gives them: the same in its first and second version, and the
//! file of the project may be gone. A running container is known again by its id and the moment of its start.
//!
//! - **start** starts the containers that there are. Where there are none they are made anew, if the estate names the file.
//! - **hold**: a container whose policy is `always` comes back with the next start of docker, although it was stopped. So
//!   its policy becomes `no`; the one before is kept as the label of an empty volume beside it, which only docker itself
//!   has to be asked for, and which a second hold does not overwrite.
//! - **release** gives the policy back and removes that volume.

use estate::hands::Become;

use crate::facts::{HostFacts, Reading, UnitState, taken_apart};
use crate::shell::word;
use crate::systemd::{can, root};
use crate::{Script, Verb};

const BEFORE_NEW: &str = "ids=$(containers) || exit 69\n";

const HOLD: &str = "for id in $ids; do
  policy=$(root docker inspect --format '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}' \"$id\") || exit 69
  root docker volume create --label \"blackstart.policy=$policy\" \"blackstart-held-$id\" >&2 || exit 69
  root docker update --restart=no \"$id\" >&2 || code=$?
  root docker stop \"$id\" >&2 || code=$?
done
";

const RELEASE: &str = "for id in $ids; do
  policy=$(root docker volume inspect --format '{{index .Labels \"blackstart.policy\"}}' \"blackstart-held-$id\" 2>/dev/null) || continue
  case $policy in
    on-failure:0) policy=on-failure ;;
    on-failure:*) ;;
    always:*|unless-stopped:*) policy=${policy%%:*} ;;
    *) policy=no ;;
  esac
  if root docker update --restart=\"$policy\" \"$id\" >&2; then
    root docker volume rm \"blackstart-held-$id\" >&2 || code=$?
  else
    code=$?
  fi
done
";

const LOOK: &str = "look() {
  printf '%s boot %s\\n' \"$1\" \"$(cat /proc/sys/kernel/random/boot_id)\"
  ids=$(containers) || return 0
  count=0 held=0
  for id in $ids; do
    count=$((count + 1))
    if root docker volume inspect \"blackstart-held-$id\" >/dev/null 2>&1; then held=$((held + 1)); fi
    root docker inspect --format \"$1 container:{{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.HostConfig.RestartPolicy.Name}}\" \"$id\" || return 0
  done
  if [ \"$held\" -gt 0 ] && [ \"$held\" = \"$count\" ]; then printf '%s held yes\\n' \"$1\"; fi
  printf '%s containers %s\\n' \"$1\" \"$count\"
}
";

pub(crate) fn script(
    verb: Verb,
    (project, service, file): (&str, &str, Option<&str>),
    becomes: Become,
    is_job: bool,
) -> Script {
    let made_anew = match file {
        Some(_) => {
            "root docker compose -p \"$project\" -f \"$file\" up --detach --no-deps \"$service\" >&2 || code=$?\n  ids=$(containers) || exit 69\n"
        }
        None => {
            "echo 'no container of it exists, and the estate names no file to make one from' >&2\n  exit 66\n"
        }
    };
    let waits = if is_job {
        "for id in $ids; do\n  ended=$(root docker wait \"$id\") || ended=70\n  [ \"$ended\" = 0 ] || code=$ended\ndone\n"
    } else {
        ""
    };
    let body = match verb {
        Verb::Probe => "look after\n".to_owned(),
        Verb::Start => format!(
            "look before\ncode=0\n{BEFORE_NEW}if [ -z \"$ids\" ]; then\n  {made_anew}else\n  for id in $ids; do root docker start \"$id\" >&2 || code=$?; done\nfi\n{waits}look after\nexit \"$code\"\n"
        ),
        Verb::Stop => format!(
            "look before\ncode=0\n{BEFORE_NEW}for id in $ids; do root docker stop \"$id\" >&2 || code=$?; done\nlook after\nexit \"$code\"\n"
        ),
        Verb::Hold => format!("look before\ncode=0\n{BEFORE_NEW}{HOLD}look after\nexit \"$code\"\n"),
        Verb::Release => format!("look before\ncode=0\n{BEFORE_NEW}{RELEASE}look after\nexit \"$code\"\n"),
        Verb::Rehearse => {
            "look after\ncan docker ps\ncan docker inspect x\ncan docker start x\ncan docker stop x\ncan docker update --restart=no x\ncan docker volume create x\n".to_owned()
        }
    };
    let more = if verb == Verb::Rehearse { can(becomes) } else { "" };
    let file = file.map_or_else(String::new, |file| format!("file={}\n", word(file)));
    let containers = "containers() {\n  root docker ps --all --quiet --no-trunc --filter \"label=com.docker.compose.project=$project\" --filter \"label=com.docker.compose.service=$service\"\n}\n";
    let text = format!(
        "# Blackstart: {} {project}/{service}\nproject={}\nservice={}\n{file}{}{more}{containers}{LOOK}{body}",
        verb.word(),
        word(project),
        word(service),
        root(becomes),
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

fn containers(facts: &HostFacts) -> impl Iterator<Item = (&str, &str)> {
    facts.values.iter().filter_map(|(name, value)| Some((name.strip_prefix("container:")?, value.as_str())))
}

fn standing(facts: &HostFacts) -> UnitState {
    // The last line that is printed: without it not all of them were looked at.
    let Ok(count) = facts.get("containers").parse::<usize>() else { return UnitState::NotKnown };
    let states: Vec<&str> = containers(facts).filter_map(|(_, value)| value.split(' ').next()).collect();
    if states.len() != count {
        return UnitState::NotKnown;
    }
    let are = |state: &str| states.iter().filter(|known| **known == state).count();
    let down = are("exited") + are("created") + are("dead");
    match () {
        () if count == 0 => UnitState::Missing,
        () if are("running") == count => UnitState::Up,
        () if down == count => UnitState::Down,
        // Some of them, or paused, which keeps its ports and answers nobody.
        () => UnitState::Moving,
    }
}

fn mark(facts: &HostFacts) -> String {
    let running = containers(facts).filter_map(|(id, value)| {
        let mut words = value.split(' ');
        let (state, started) = (words.next()?, words.next()?);
        (state == "running").then(|| format!("{}@{started}", id.get(..12).unwrap_or(id)))
    });
    running.collect::<Vec<_>>().join(" ")
}
