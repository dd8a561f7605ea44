//! Whether what is printed is coloured: decided once, from --color, NO_COLOR and where it goes. Colour only repeats what
//! the words say, so that nothing is lost without it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU8, Ordering};

/// `--color`. `Auto`: on a terminal that can show it, unless NO_COLOR is set. `Always` holds although NO_COLOR is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Choice {
    #[default]
    Auto,
    Always,
    Never,
}

impl Choice {
    /// The same for the library that prints help and usage errors.
    pub fn of_help(self) -> clap::ColorChoice {
        match self {
            Choice::Auto => clap::ColorChoice::Auto,
            Choice::Always => clap::ColorChoice::Always,
            Choice::Never => clap::ColorChoice::Never,
        }
    }
}

static CHOSEN: AtomicU8 = AtomicU8::new(0);

pub(super) fn choose(choice: Choice) {
    CHOSEN.store(choice as u8, Ordering::Relaxed);
}

pub fn on_stdout() -> bool {
    wanted(std::io::stdout().is_terminal())
}

pub fn on_stderr() -> bool {
    wanted(std::io::stderr().is_terminal())
}

fn wanted(terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match CHOSEN.load(Ordering::Relaxed) {
        chosen if chosen == Choice::Always as u8 => true,
        chosen if chosen == Choice::Never as u8 => false,
        _ => terminal && set("NO_COLOR").is_none() && set("TERM").is_some_and(|terminal| terminal != "dumb"),
    }
}

/// What the colour repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Bad,
    Doubtful,
    Good,
}

/// The text in its colour, or as it is.
pub fn painted(text: &str, tone: Tone, on: bool) -> String {
    if !on {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Bad => "1;31",
        Tone::Doubtful => "33",
        Tone::Good => "32",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// The call with the choice in front of everything: it belongs to no command, and a command that has others below it would
/// take it for a sign that none of those is meant.
pub(super) fn to_front(words: &[OsString]) -> Vec<OsString> {
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    let (mut front, mut rest): (Vec<OsString>, Vec<OsString>) = (words[..1.min(end)].to_vec(), Vec::new());
    let mut at = front.len();
    while at < end {
        let word = &words[at];
        let length = match word.to_str() {
            Some("--color") if at + 1 < end => 2,
            Some(joined) if joined.starts_with("--color=") => 1,
            _ => 0,
        };
        if length == 0 {
            rest.push(word.clone());
            at += 1;
        } else {
            front.extend_from_slice(&words[at..at + length]);
            at += length;
        }
    }
    front.extend(rest);
    front.extend_from_slice(&words[end..]);
    front
}

/// The choice in a call that is not read yet: help and usage errors are printed before anything else is understood.
/// What is wrong with it is said when it is read.
pub(super) fn typed(words: &[OsString]) -> Choice {
    let words: Vec<&str> =
        words.iter().map(|word| word.to_str().unwrap_or_default()).take_while(|word| *word != "--").collect();
    let behind = words.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    let joined = words.iter().filter_map(|word| word.strip_prefix("--color="));
    let typed = behind.chain(joined).last().unwrap_or_default();
    <Choice as clap::ValueEnum>::from_str(typed, false).unwrap_or_default()
}
