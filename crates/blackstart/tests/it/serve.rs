//! `blackstart serve`: what a browser is shown, to whom, and that it stands in nobody's way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::bridge_rig::until;
use super::restart::Provider;

/// Longer than any answer takes.
const DEADLINE: Duration = Duration::from_secs(60);
const PAGES: [&str; 9] =
    ["/", "/tenants", "/plan", "/run", "/cuts", "/findings", "/points", "/bridge", "/journal"];

/// A console at work; ended with the test, however that ends.
struct Served {
    child: Child,
    address: String,
    code: String,
    _out: BufReader<std::process::ChildStdout>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Served {
    fn begin(provider: &Provider) -> Served {
        let mut command = provider.command(&["serve", "--journal", "incident", "--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = || {
            let mut text = String::new();
            out.read_line(&mut text).unwrap();
            text.trim().to_owned()
        };
        let (address, code) = (line(), line());
        let address = address.strip_prefix("http://").unwrap().to_owned();
        Served { child, address, code: code.strip_prefix("code ").unwrap().to_owned(), _out: out }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        let host =
            if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn enter(&self, code: &str, more: &str) -> Answer {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{more}");
        self.send("POST", "/enter", &headers, &format!("code={code}"))
    }

    /// The header with which a browser shows that it is in.
    fn cookie(&self) -> String {
        let answer = self.enter(&self.code, "");
        assert_eq!(answer.status, 303, "{}", answer.head);
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
        assert!(cookie.contains("httponly") && cookie.contains("samesite=strict"), "{cookie}");
        format!("Cookie: {}\r\n", cookie.split(';').next().unwrap())
    }

    fn page(&self, cookie: &str, path: &str) -> String {
        let answer = self.send("GET", path, cookie, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        answer.body
    }
}

fn opened() -> Provider {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider
}

#[test]
fn the_console_says_what_status_says_and_follows_the_journal_while_others_write() {
    let provider = opened();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    let quiet = served.page(&cookie, "/");
    assert!(quiet.contains("nothing reported") && quiet.contains("100.0 %"), "{quiet}");
    assert!(quiet.contains("no bridge has sent its account"), "what nobody reported is not 0");
    // The command line is not locked out, and what it records is shown.
    provider.works(&[
        "plan",
        "estate",
        "--journal",
        "incident",
        "-o",
        "plan",
        "--schedules",
        "20",
        "--by",
        "anna",
    ]);
    provider.works(&["hold", "incident", "service:core", "--reason", "images", "--by", "bert"]);
    until("the hold is shown", || served.page(&cookie, "/run").contains("service:core</code> by <bdi>bert"));
    let status = provider.works(&["status", "incident"]);
    let command = status.lines().find(|line| line.contains("blackstart approve")).unwrap().trim().to_owned();
    let shown = served.page(&cookie, "/");
    assert!(
        command.split(' ').all(|word| shown.contains(word)) && shown.contains("waits for approval"),
        "{shown}"
    );
    for path in PAGES {
        assert!(served.page(&cookie, path).contains("<h1"), "{path}");
    }
    // As it was then: no plan and no hold, on every page, and links stay there.
    let then = served.page(&cookie, "/?at=1");
    assert!(then.contains("after entry 1, not now") && then.contains("href=\"/run?at=1\""), "{then}");
    assert!(!then.contains("waits for approval") && !served.page(&cookie, "/run?at=1").contains("bert"));
    let asked = served.send("GET", "/?at=9999", &cookie, "");
    assert!(asked.status == 404 && asked.body.contains("There is no entry 9999"), "{}", asked.body);
    for path in ["/?at=x", "/entry/x", "/entry/-1", "/journal?before=x", "/?at=99999999999999999999999"] {
        let asked = served.send("GET", path, &cookie, "");
        assert!(
            asked.status == 400 && asked.body.contains("Entries are whole numbers"),
            "{path}: {}",
            asked.body
        );
    }
    // A number leads to its entry, which says what was recorded.
    let hold = provider.view().command.holds.values().next().unwrap().sequence;
    let entry = served.page(&cookie, &format!("/entry/{hold}"));
    assert!(entry.contains("command.hold_placed") && entry.contains("images"), "{entry}");
    let found = served.page(&cookie, "/journal?q=IMAGES");
    assert!(found.contains(&format!("/entry/{hold}")) && !found.contains("/entry/0\""), "{found}");
}

#[test]
fn nobody_without_the_code_sees_anything_and_no_page_elsewhere_gets_in() {
    let provider = opened();
    let served = Served::begin(&provider);
    let more = ["/tenants/a", "/entry/0", "/live", "/?at=0"];
    for path in PAGES.iter().chain(&more) {
        for cookie in ["", "Cookie: blackstart=\r\n", "Cookie: blackstart=00\r\n"] {
            let answer = served.send("GET", path, cookie, "");
            assert_eq!(answer.status, 401, "{path}");
            assert!(
                !answer.body.contains("anna") && !answer.body.contains("service:"),
                "{path}: {}",
                answer.body
            );
        }
    }
    assert_eq!(served.enter("guess", "").status, 403);
    let elsewhere = "Origin: http://elsewhere.example\r\n";
    assert_eq!(served.enter(&served.code, elsewhere).status, 403, "a form of another page");
    let cookie = served.cookie();
    // Somebody who leads a name of his own to this machine.
    let led = served.send("GET", "/", &format!("Host: elsewhere.example\r\n{cookie}"), "");
    assert_eq!(led.status, 421);
    for path in ["/", "/nowhere", "/console.css"] {
        let head = served.send("GET", path, &cookie, "").head;
        assert!(head.contains("default-src 'none'") && head.contains("no-store"), "{path}: {head}");
        assert!(!head.contains("unsafe"), "{head}");
    }
    assert_eq!(served.send("POST", "/leave", &cookie, "").status, 303);
    assert_eq!(served.send("GET", "/", &cookie, "").status, 401, "the session is over");
    // Only this machine is listened to.
    let output = provider.call(&["serve", "--journal", "incident", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ssh -L"));
}

#[test]
fn text_from_anywhere_stays_text_on_every_page() {
    let provider = opened();
    let script = "<script>alert(1)</script>\u{202e}\"'";
    provider.works(&["note", "incident", script, "--by", script]);
    // The command line takes no such reason; a journal may hold one all the same.
    let hold = incident::event::CommandEvent::HoldPlaced {
        on: "service:core".parse().unwrap(),
        reason: script.to_owned(),
    };
    super::status::record(&provider, incident::Event::Command(hold));
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    let last = provider.view().entries - 1;
    let own =
        [format!("/entry/{last}"), "/journal?q=%3Cscript%3Ealert(1)%22".to_owned(), "/tenants/a".to_owned()];
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain(own) {
        let page = served.page(&cookie, &path);
        assert!(!page.contains("<script>") && !page.contains('\u{202e}'), "{path}: {page}");
        assert_eq!(page.matches("<script").count(), 1, "{path}: only the own script");
    }
    assert!(served.page(&cookie, "/run").contains("&lt;script&gt;alert(1)"));
}

#[test]
fn the_first_screen_says_what_has_to_be_reported_what_is_not_watched_and_what_the_public_was_promised() {
    let provider = opened();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    let page = served.page(&cookie, "/");
    assert!(page.contains("no clock was started") && page.contains("none promised"), "{page}");
    assert!(page.contains("Whether a watch runs is not known here"), "{page}");
    let started =
        ["duty", "start", "incident", "nis2-de", "--aware-since", "2020-01-01T05:00", "--reason", "x"];
    provider.works(&started);
    super::status::record(
        &provider,
        incident::Event::Scan(incident::event::ScanEvent::NotWatched {
            store: "store:data".parse().unwrap(),
            why: "/srv/data is not there".to_owned(),
        }),
    );
    until("both are shown", || {
        let page = served.page(&cookie, "/");
        page.contains("nis2-de") && page.contains("OVERDUE") && page.contains("NOT WATCHED: store:data")
    });
}

#[test]
fn a_damaged_journal_shows_nothing_as_good() {
    let provider = opened();
    provider.works(&["note", "incident", "first", "--by", "anna"]);
    provider.works(&["note", "incident", "second", "--by", "anna"]);
    let folder = provider.root().join("incident/journal");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = bytes.windows(5).position(|part| part == b"first").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    for path in PAGES {
        let page = served.page(&cookie, path);
        assert!(page.contains("Nothing good on this page may be relied on"), "{path}: {page}");
        assert!(!page.contains("100.0 %") && !page.contains("✔"), "{path}: {page}");
    }
    // A list that is empty because entries are missing is no good news, here or in `status`.
    let screen = served.page(&cookie, "/");
    for good in ["No alarm is open", "No cut was decided", "none promised", "no clock was started"] {
        assert!(!screen.contains(good), "{good}: {screen}");
    }
    let status = provider.call(&["status", "incident"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(!status.contains("no clock was started"), "{status}");
    for said in ["not known whether a clock was started: the journal is damaged", "ALARMS", "CUT OFF"] {
        assert!(status.contains(said), "{said}: {status}");
    }
    // What waits is what `status` says, and nothing else.
    let status = provider.call(&["status", "incident", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let next = status["decide_next"].as_array().unwrap();
    assert_eq!(next.len(), 1, "{next:?}");
    assert!(next[0]["command"].as_str().unwrap().contains("journal succeed"), "{next:?}");
    assert!(served.page(&cookie, "/").contains("journal succeed"));
}

#[test]
fn who_only_holds_connections_open_or_never_reads_keeps_nobody_out() {
    let provider = opened();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    // More than it keeps: idle ones, and such as ask for the line and never read it.
    let crowd: Vec<TcpStream> = (0..900)
        .map(|at| {
            let mut stream = served.connect();
            if at % 3 == 0 {
                let _ = write!(stream, "GET /live HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", served.address);
            }
            stream
        })
        .collect();
    assert!(served.page(&cookie, "/").contains("<h1"), "the next one is served");
    provider.works(&["note", "incident", "recorded beside the crowd", "--by", "anna"]);
    until("the note is shown", || served.page(&cookie, "/").contains("recorded beside the crowd"));
    for stream in crowd {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

#[test]
fn a_browser_hears_at_once_what_is_recorded() {
    let provider = opened();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    let mut line = served.connect();
    write!(line, "GET /live HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n", served.address).unwrap();
    let mut said = BufReader::new(line).lines().map_while(Result::ok);
    let before = provider.view().entries;
    assert!(said.any(|line| line == format!("data: {before}")), "it begins with what is known");
    provider.works(&["note", "incident", "new", "--by", "anna"]);
    let after = provider.view().entries;
    assert!(after > before && said.any(|line| line == format!("data: {after}")));
}

#[test]
fn a_journal_that_is_gone_is_said_and_is_over_when_it_is_back() {
    let provider = opened();
    let served = Served::begin(&provider);
    let cookie = served.cookie();
    let (here, away) = (provider.root().join("incident/journal"), provider.root().join("away"));
    std::fs::rename(&here, &away).unwrap();
    until("the fault is said", || served.page(&cookie, "/").contains("Nothing good on this page"));
    assert!(!served.page(&cookie, "/").contains("100.0 %"));
    std::fs::rename(&away, &here).unwrap();
    until("it is over", || !served.page(&cookie, "/").contains("Nothing good on this page"));
    assert!(served.page(&cookie, "/").contains("100.0 %"));
}
