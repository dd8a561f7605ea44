//! The run as it happens: on a terminal one picture that is redrawn, otherwise plain lines.
//!
//! Everything goes to stderr. Words and shapes carry the meaning, colour only helps (`NO_COLOR` switches it off).

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use page::words::grouped;

use crate::curve::How;
use crate::story::{ACTS, Act, Clock, Promise};

/// What can be seen of the practice world at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    /// Per site: its name, and its services with whether they run.
    pub sites: Vec<(String, Vec<(String, bool)>)>,
    /// Per site: its name, and its funds' last answers, in the order of the estate. `None`: nothing was sent yet.
    pub funds: Vec<(String, Vec<Option<How>>)>,
    pub sent: u64,
    /// Answered by a core: entered, already there, conflict or refusal.
    pub core: u64,
    /// Taken in with a receipt.
    pub held: u64,
    /// Neither.
    pub turned_away: u64,
}

/// Looks at the world for the display. Called some times a second from a thread of its own.
pub type Looker = Box<dyn Fn() -> Look + Send>;

/// Where the run is shown.
pub struct Display {
    screen: Arc<Mutex<Screen>>,
    painter: Option<std::thread::JoinHandle<()>>,
}

struct Screen {
    /// Terminal with a picture, or plain lines.
    live: bool,
    colour: bool,
    title: String,
    clock: Clock,
    acts: Vec<Line>,
    now: String,
    look: Look,
    looker: Option<Looker>,
    lines_drawn: usize,
    over: bool,
}

#[derive(Clone)]
struct Line {
    name: &'static str,
    state: State,
    seconds: f64,
    note: String,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waits,
    Plays,
    Held,
    Broken,
}

impl Display {
    /// Begins to show. On a terminal a thread redraws the picture until `end`.
    pub fn begin(title: String, clock: Clock) -> Display {
        let live = std::io::stderr().is_terminal();
        let colour = live && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if !live {
            print(&format!("{title}\n"));
        }
        let screen = Arc::new(Mutex::new(Screen::new(title, clock, live, colour)));
        let painter = live.then(|| {
            let screen = Arc::clone(&screen);
            std::thread::spawn(move || paint_until_over(&screen))
        });
        Display { screen, painter }
    }

    /// From now on the practice world can be looked at.
    pub fn look_with(&self, looker: Looker) {
        lock(&self.screen).looker = Some(looker);
    }

    /// An act begins.
    pub fn act_begins(&self, name: &str) {
        let mut screen = lock(&self.screen);
        let Some(at) = screen.acts.iter().position(|line| line.name == name) else { return };
        screen.acts[at].state = State::Plays;
        screen.now.clear();
        if !screen.live {
            print(&format!("\n{:>2}/10 {name}: {}\n", at + 1, ACTS[at].1));
        }
    }

    /// What is being done right now.
    pub fn say(&self, text: &str) {
        let mut screen = lock(&self.screen);
        text.clone_into(&mut screen.now);
        if !screen.live {
            print(&format!("      {:6.1} s  {text}\n", screen.clock.seconds()));
        }
    }

    /// A promise was looked at. On a terminal only broken ones are written out; all are in the report.
    pub fn promise(&self, promise: &Promise) {
        let mut screen = lock(&self.screen);
        let word = if promise.held { "held  " } else { "BROKEN" };
        if !screen.live {
            print(&format!("      {word}  {} [{}]\n", promise.text, promise.evidence));
        } else if !promise.held {
            let text = format!("{word}  {}\n        {}\n", promise.text, promise.evidence);
            screen.above(&text);
        }
    }

    /// An act is over.
    pub fn act_ends(&self, act: &Act) {
        let mut screen = lock(&self.screen);
        let held = act.promises.len() - act.broken().count();
        let note = match (act.began_s, act.ok) {
            (None, _) => "not played".to_owned(),
            (Some(_), true) => format!("{held} promises held"),
            (Some(_), false) => {
                format!("{} of {} promises did not hold", act.broken().count(), act.promises.len())
            }
        };
        if !screen.live {
            print(&format!("      {:6.1} s  {}: {note}\n", screen.clock.seconds(), act.name));
        }
        if let Some(line) = screen.acts.iter_mut().find(|line| line.name == act.name) {
            line.state = if act.ok { State::Held } else { State::Broken };
            line.seconds = act.seconds;
            line.note = note;
        }
    }

    /// Draws the picture a last time and stops. Then the terminal belongs to whoever comes next.
    pub fn end(&mut self) {
        {
            let mut screen = lock(&self.screen);
            screen.over = true;
            screen.looker = None;
            screen.now.clear();
        }
        if let Some(painter) = self.painter.take() {
            // A painter that panicked has nothing left to draw; the report is not affected.
            let _ = painter.join();
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.end();
    }
}

/// A painter that died while it held the lock has left text behind, no more.
fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn print(text: &str) {
    // Whoever closed the terminal does not want to see it; the run goes on and writes its report.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

fn paint_until_over(screen: &Mutex<Screen>) {
    let mut round = 0_u32;
    loop {
        let over = {
            let mut screen = lock(screen);
            if round.is_multiple_of(4)
                && let Some(looker) = &screen.looker
            {
                let look = looker();
                screen.look = look;
            }
            screen.draw();
            screen.over
        };
        if over {
            return;
        }
        round = round.wrapping_add(1);
        std::thread::sleep(Duration::from_millis(125));
    }
}

impl Screen {
    fn new(title: String, clock: Clock, live: bool, colour: bool) -> Screen {
        let acts = ACTS
            .iter()
            .map(|(name, _)| Line { name, state: State::Waits, seconds: 0.0, note: String::new() })
            .collect();
        Screen {
            live,
            colour,
            title,
            clock,
            acts,
            now: String::new(),
            look: Look::default(),
            looker: None,
            lines_drawn: 0,
            over: false,
        }
    }

    /// Draws over what was drawn before. Without wrapping, so that the number of lines is what was counted.
    fn draw(&mut self) {
        let lines = self.lines();
        let mut text = self.back_to_top();
        for line in &lines {
            text += line;
            text += "\x1b[K\n";
        }
        text += "\x1b[?7h";
        self.lines_drawn = lines.len();
        print(&text);
    }

    /// Writes something that stays, above the picture.
    fn above(&mut self, text: &str) {
        let text = format!("{}{}\x1b[?7h", self.back_to_top(), self.coloured("31", text));
        self.lines_drawn = 0;
        print(&text);
        self.draw();
    }

    fn back_to_top(&self) -> String {
        let up = if self.lines_drawn > 0 { format!("\x1b[{}A", self.lines_drawn) } else { String::new() };
        format!("\x1b[?7l{up}\r\x1b[J")
    }

    fn coloured(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn lines(&self) -> Vec<String> {
        let seconds = self.clock.seconds();
        let mut lines = vec![format!("{}   {seconds:.0} s", self.coloured("1", &self.title)), String::new()];
        lines.extend(self.acts.iter().enumerate().map(|(at, line)| self.act_line(at + 1, line)));
        if !self.look.sites.is_empty() {
            lines.push(String::new());
            lines.extend(self.look.sites.iter().map(|(site, services)| self.site_line(site, services)));
            lines.extend(self.look.funds.iter().map(|(site, funds)| self.fund_line(site, funds)));
            lines.push(self.counter_line());
            lines.push(self.coloured(
                "2",
                "   # runs  . does not     = answered by the core  o taken in, receipt given  X neither",
            ));
        }
        lines
    }

    fn act_line(&self, number: usize, line: &Line) -> String {
        let name = format!("{number:>2} {:<12}", line.name.replace('_', " "));
        match line.state {
            State::Waits => self.coloured("2", &format!("   {name}")),
            State::Plays => format!("{} {name} {}", self.coloured("36;1", "->"), self.now),
            State::Held => {
                format!("{} {name} {:5.1} s  {}", self.coloured("32", "ok"), line.seconds, line.note)
            }
            State::Broken => {
                format!("{} {name} {:5.1} s  {}", self.coloured("31;1", "!!"), line.seconds, line.note)
            }
        }
    }

    fn site_line(&self, site: &str, services: &[(String, bool)]) -> String {
        let one = |(name, runs): &(String, bool)| {
            if *runs {
                format!("{} {name}", self.coloured("32", "#"))
            } else {
                self.coloured("31", &format!(". {name}"))
            }
        };
        format!("   {site:<13} {}", services.iter().map(one).collect::<Vec<_>>().join("  "))
    }

    fn fund_line(&self, site: &str, funds: &[Option<How>]) -> String {
        let one = |how: &Option<How>| match how {
            None => " ".to_owned(),
            Some(How::Served) => self.coloured("32", "="),
            Some(How::Held) => self.coloured("33", "o"),
            Some(How::Neither) => self.coloured("31;1", "X"),
        };
        format!("   {:<13} {}", format!("{site} funds"), funds.iter().map(one).collect::<String>())
    }

    fn counter_line(&self) -> String {
        let look = &self.look;
        format!(
            "   sent {}   answered by the core {}   held with receipt {}   turned away {}",
            grouped(look.sent.into()),
            grouped(look.core.into()),
            grouped(look.held.into()),
            grouped(look.turned_away.into())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        let mut screen = Screen::new("Blackstart drill".to_owned(), Clock::start(), true, false);
        screen.acts[0].state = State::Held;
        screen.acts[1].state = State::Plays;
        screen.now = "waiting for the alarm".to_owned();
        screen.look = Look {
            sites: vec![("muc".to_owned(), vec![("core".to_owned(), false), ("mail".to_owned(), true)])],
            funds: vec![("muc".to_owned(), vec![Some(How::Served), Some(How::Held), Some(How::Neither)])],
            sent: 1234,
            ..Look::default()
        };
        screen
    }

    #[test]
    fn every_state_can_be_told_apart_without_colour() {
        let text = screen().lines().join("\n");
        for part in [
            "ok  1 normal day",
            "->  2 attack       waiting for the alarm",
            " 3 containment",
            ". core  # mail",
            "=oX",
            "sent 1 234",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn it_fits_a_small_terminal() {
        assert!(screen().lines().len() <= 24);
    }
}
