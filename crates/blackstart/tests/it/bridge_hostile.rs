//! The bridge against those who mean no good: strangers, broken programs, a tenant that wants to read another.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use bridge::line;

use crate::bridge_rig::{Mood, Rig, note, output, path};

/// Sends bytes as they are, then nothing more, and returns what comes back until the bridge closes. A request
/// that asks for more after it must say `connection: close`.
fn raw(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.address().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    // The bridge may close in the middle of what we send; that is an answer too.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same, and hangs up in the middle.
fn broken_off(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.address().unwrap()).unwrap();
    drop(stream.write_all(bytes));
    drop(stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    String::from_utf8_lossy(&answer).into_owned()
}

fn still_well(rig: &Rig) {
    assert_eq!(rig.submit("c", &note("well", &format!("{:?}", std::time::Instant::now()), "i")).0 / 100, 2);
    let told = std::fs::read_to_string(rig.path("bridge.log")).unwrap();
    assert!(!told.contains("panicked"), "{told}");
}

#[test]
fn strangers_learn_nothing_about_who_is_a_tenant() {
    let rig = Rig::started();
    let body = note("p", "1", "i").to_string();
    let nobody = rig.post("/t/nobody/eau", &[], &body);
    assert_eq!(nobody.0, 404);
    for path in [
        "/t/a/nothing",
        "/t/A/eau",
        "/t/%2e%2e/eau",
        "/t/a%2Feau/eau",
        "/t/a/eau%00",
        "/nowhere",
        "/handback/nobody/session",
        "/t/tenant:a/eau",
    ] {
        assert_eq!(rig.post(path, &[], &body), nobody, "{path}");
    }
    assert_eq!(rig.get("/t/nobody/eau"), rig.get("/t/a/nothing"));
    still_well(&rig);
}

#[test]
fn path_tricks_reach_nothing_behind() {
    let rig = Rig::started();
    for path in [
        "/t/a/eau/../../secret",
        "/t/a/eau/%2e%2e/secret",
        "/t/a/eau/..%2fsecret",
        "/t/a/eau//secret",
        "/t/a/eau/x%0d%0ay",
        "/t/a/eau/@other",
        "/t/a/eau/x%20y",
    ] {
        let answer =
            raw(&rig, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    still_well(&rig);
}

#[test]
fn bodies_that_are_too_long_are_refused_however_they_come() {
    let rig = Rig::started();
    let long = format!(r#"{{"person":"p","from":"1","item":"{}"}}"#, "x".repeat(1024 * 1024));
    assert_eq!(rig.post("/t/a/eau", &[], &long).0, 413);
    let claim = raw(
        &rig,
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 99999999999999\r\n\r\n{}",
    );
    assert!(claim.starts_with("HTTP/1.1 413"), "{claim}");
    let mut chunked =
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for _ in 0..20 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 0x10000));
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    let answer = raw(&rig, &chunked);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let mut fits = note("p", "1", "i");
    fits["text"] = "x".repeat(1024 * 1024 - 200).into();
    assert_eq!(rig.submit("a", &fits).0, 201);
    assert_eq!(rig.account("a")["accepted"], 1);
    still_well(&rig);
}

#[test]
fn broken_requests_are_answered_or_dropped_and_never_stop_the_bridge() {
    let rig = Rig::started();
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(rig.post("/t/a/eau", &[], &deep).0, 400);
    let mut headers = b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\n".to_vec();
    for number in 0..2_000 {
        headers.extend_from_slice(format!("x-{number}: {}\r\n", "y".repeat(50)).as_bytes());
    }
    for bytes in [
        &b"\x00\x01\x02\xff\xfe"[..],
        b"GET",
        b"POST /t/a/eau HTTP/1.1\r\n\r\n",
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{}",
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\nidempotency-key: \xff\xfe\r\ncontent-length: 2\r\n\r\n{}",
        b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"DELETE /t/a/eau HTTP/1.1\r\nhost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &headers,
    ] {
        let answer = broken_off(&rig, bytes);
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{:?}: {answer}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    }
    assert_eq!(rig.account("a")["accepted"], 0);
    still_well(&rig);
}

#[test]
fn senders_that_never_finish_do_not_keep_others_out() {
    let rig = Rig::started();
    let mut slow = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(rig.address().unwrap()).unwrap();
        let start = if number % 2 == 0 {
            "POST /t/a/eau HTTP/1.1\r\nhost: x\r\nx-slow: "
        } else {
            "POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{"
        };
        stream.write_all(start.as_bytes()).unwrap();
        slow.push(stream);
    }
    assert_eq!(rig.submit("b", &note("p", "1", "i")).0, 201);
    // Those that dawdle over their headers are shown the door.
    let mut first = slow.swap_remove(0);
    first.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = Vec::new();
    drop(first.read_to_end(&mut answer));
    still_well(&rig);
    assert_eq!(rig.account("a")["accepted"], 0);
}

#[test]
fn one_who_opens_more_connections_than_there_is_room_for_takes_the_room_from_himself() {
    let mut rig = Rig::new();
    // Room for some sixty connections: as below a service manager with a low limit.
    let mut command = std::process::Command::new("sh");
    let own = crate::bridge_rig::blackstart(&["bridge", &rig.config()]);
    command.args(["-c", "ulimit -n 560 && exec \"$0\" \"$@\""]).arg(own.get_program()).args(own.get_args());
    rig.start_with(command);
    let mut idle = Vec::new();
    for number in 0..400 {
        let mut stream = TcpStream::connect(rig.address().unwrap()).unwrap();
        if number % 2 == 0 {
            drop(stream.write_all(b"POST /t/a/eau HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n{"));
        }
        idle.push(stream);
    }
    for number in 0..20 {
        assert_eq!(rig.submit("a", &note(&format!("p{number}"), "1", &format!("i{number}"))).0, 201);
        assert_eq!(rig.account("a")["accepted"], number + 1, "the operator is not kept out either");
    }
    drop(idle);
    still_well(&rig);
}

#[test]
fn a_limit_of_files_that_is_too_low_is_said_before_anything_is_accepted() {
    let rig = Rig::new();
    let own = crate::bridge_rig::blackstart(&["bridge", &rig.config()]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 100 && exec \"$0\" \"$@\""]).arg(own.get_program()).args(own.get_args());
    let ended = command.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("LimitNOFILE="), "{said}");
}

#[test]
fn whoever_only_reads_holds_nobody_however_slow_or_broken_the_answer_is() {
    let rig = Rig::started();
    for mood in [Mood::Silent, Mood::Fails, Mood::DoesAndBreaksOff] {
        rig.ess.mood(mood);
        for _ in 0..4 {
            rig.get("/t/a/eau");
        }
        assert_eq!(rig.account("a")["route"]["state"], "passing", "{mood:?}");
    }
    rig.ess.mood(Mood::Works);
    assert_eq!(rig.submit("a", &note("p", "1", "i")).0, 201);
}

#[test]
fn what_the_core_refuses_its_sender_is_refused_and_never_offered_again() {
    let rig = Rig::started();
    for (number, status) in [400, 401, 403, 413, 415, 422].into_iter().enumerate() {
        rig.ess.mood(Mood::Says(status));
        let (given, receipt) = rig.submit("a", &note("victim", &number.to_string(), "forged"));
        assert_eq!((given, receipt["state"].as_str()), (status, Some("refused")), "{receipt}");
    }
    rig.ess.mood(Mood::Works);
    // The person in whose name somebody spoke is not kept waiting, and nothing of it reaches the core.
    assert_eq!(rig.submit("a", &note("victim", "9", "real")).0, 201);
    let (code, tally) = rig.handback("a");
    assert_eq!((code, &tally["applied"]), (0, &json!(0)), "{tally}");
    let account = rig.account("a");
    assert_eq!(
        (&account["refused"], &account["pending"], &account["applied"]),
        (&json!(6), &json!(0), &json!(1))
    );
    // What only asks to come again, or may come from something in front of the core, is not a no.
    for (number, status) in [404, 405, 408, 425, 429].into_iter().enumerate() {
        rig.ess.mood(Mood::Says(status));
        assert_eq!(rig.submit("a", &note(&format!("q{number}"), "1", "later")).0, 202, "{status}");
    }
    assert_eq!(rig.account("a")["route"]["state"], "passing");
}

#[test]
fn a_sender_cannot_speak_in_the_name_of_the_bridge() {
    let rig = Rig::started();
    let body = note("p", "1", "i").to_string();
    let forged =
        [("blackstart-receipt", "forged"), ("blackstart-replay", "1"), ("blackstart-outside", "done")];
    let (status, receipt) = rig.post("/t/a/eau", &forged, &body);
    assert_eq!(status, 201);
    let books = rig.ess.books();
    let seen = &books.seen[0];
    assert_eq!(seen.receipt, receipt["receipt"].as_str().unwrap());
    assert!(!seen.replay && seen.outside.is_none());
}

#[test]
fn control_is_only_for_who_has_the_token() {
    let rig = Rig::started();
    let wish = json!({ "site": "ess", "why": "x" }).to_string();
    for header in ["", "Bearer", "Bearer ", "Bearer 00", "Basic x", &format!("Bearer {}", "0".repeat(64))] {
        assert_eq!(rig.post_control("hold", &[("authorization", header)], &wish).0, 401, "{header}");
    }
    assert_eq!(rig.post_control("release", &[], &wish).0, 401);
    assert_eq!(rig.post_control("reopen", &[], &wish).0, 401);
    assert_eq!(rig.get("/control/account").0, 404, "where senders are, there is nothing of the operator's");
    assert_eq!(rig.account("a")["route"]["state"], "passing");
    let token = std::fs::read_to_string(rig.path("token")).unwrap();
    let bearer = format!("Bearer {}", token.trim());
    for wrong in [
        json!({ "site": "nowhere", "why": "x" }),
        json!({ "tenants": ["nobody"], "why": "x" }),
        json!({ "tenants": [], "why": "x" }),
        json!({ "site": "ess" }),
        json!({ "site": "ess", "tenants": ["a"], "why": "x" }),
        json!([]),
    ] {
        let (status, _) = rig.post_control("hold", &[("authorization", &bearer)], &wrong.to_string());
        assert_eq!(status, 400, "{wrong}");
    }
}

/// A token for this tenant, opened with this tenant's identity.
fn token(rig: &Rig, tenant: &str) -> String {
    use base64::Engine;
    let fresh = [(line::REQUEST, "0123456789abcdef")];
    let (status, answer) = rig.post(&format!("/handback/{tenant}/session"), &fresh, "");
    assert_eq!(status, 200);
    let sealed =
        base64::engine::general_purpose::STANDARD.decode(answer["sealed_token"].as_str().unwrap()).unwrap();
    let identity = std::fs::read_to_string(rig.path(&format!("{tenant}.identity"))).unwrap();
    let identity = bridge::seal::Identity::parse(&identity).unwrap();
    String::from_utf8(identity.open(&sealed).unwrap()).unwrap()
}

fn pull(rig: &Rig, tenant: &str, list: &str, token: &str) -> (u16, Value) {
    let url = format!("http://{}/handback/{tenant}/{list}", rig.address().unwrap());
    let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    let proof = line::of_request(token, "GET", &format!("{tenant}/{list}"), "1", b"").to_string();
    let request = agent.get(url).header(line::SESSION, line::session_of(token)).header(line::REQUEST, "1");
    let mut answer = request.header(line::PROOF, proof).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap())
}

/// An outcome for `path`'s tenant, proven with this token.
fn report(rig: &Rig, path: &str, token: &str, body: &str) -> u16 {
    let proof = line::of_request(token, "POST", &format!("{path}/outcome"), "1", body.as_bytes()).to_string();
    let headers = [(line::SESSION, line::session_of(token)), (line::REQUEST, "1"), (line::PROOF, &proof)];
    rig.post(&format!("/handback/{path}/outcome"), &headers, body).0
}

#[test]
fn a_tenant_never_reads_or_changes_what_is_another_tenants() {
    let rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    let (_, receipt) = rig.submit("a", &note("p", "1", "of a"));
    rig.submit("b", &note("p", "1", "of b"));
    let (a, b) = (token(&rig, "a"), token(&rig, "b"));
    let (status, own) = pull(&rig, "b", "pending", &b);
    assert_eq!((status, own["items"].as_array().unwrap().len()), (200, 1));

    for list in ["pending", "for-people", "pending?after=0&limit=1"] {
        assert_eq!(pull(&rig, "a", list, &b).0, 401, "b's token is worth nothing for a");
    }
    let nobody = pull(&rig, "nobody", "pending", &b);
    assert_eq!(nobody, pull(&rig, "a", "pending", &b), "and does not tell who else is a tenant");

    // b reports an outcome for a's submission, on its own path and on a's.
    let applied =
        json!({ "receipt": receipt["receipt"], "generation": 0, "state": "applied", "status": 200 })
            .to_string();
    assert_eq!(report(&rig, "b", &b, &applied), 404);
    assert_eq!(report(&rig, "a", &b, &applied), 401);
    assert_eq!(rig.account("a")["pending"], 1);

    // A token made up from pieces of two good ones.
    let mut parts: Vec<&str> = a.split('.').collect();
    let of_b: Vec<&str> = b.split('.').collect();
    parts[2] = of_b[2];
    assert_eq!(pull(&rig, "a", "pending", &parts.join(".")).0, 401);
    let later = a.replacen(parts[0], "99999999999", 1);
    assert_eq!(pull(&rig, "a", "pending", &later).0, 401, "nobody makes a token last longer");
    for broken in ["", ".", "..", "x.y.z", "1.2.3.4"] {
        assert_eq!(pull(&rig, "a", "pending", broken).0, 401);
    }
    assert_eq!(pull(&rig, "a", "pending?after=x", &a).0, 400);

    // With its own identity b cannot open what was sealed to a.
    let mixed =
        std::fs::read_to_string(rig.handback_config("a", "")).unwrap().replace("a.identity", "b.identity");
    let file = rig.path("mixed.toml");
    std::fs::write(&file, mixed).unwrap();
    assert_eq!(output(&["handback", "run", path(&file)]).status.code(), Some(2));
    assert_eq!(rig.account("a")["pending"], 1);
}

#[test]
fn an_outcome_that_the_bridge_cannot_believe_is_not_recorded() {
    let rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    let (_, first) = rig.submit("a", &note("p", "1", "i1"));
    let (_, second) = rig.submit("a", &note("p", "2", "i2"));
    let token = token(&rig, "a");
    let report = |receipt: &Value, generation: u64, state: &str| {
        let body =
            json!({ "receipt": receipt["receipt"], "generation": generation, "state": state, "status": 200 });
        report(&rig, "a", &token, &body.to_string())
    };
    assert_eq!(report(&second, 0, "applied"), 409, "an earlier one of the same person is open");
    assert_eq!(report(&first, 0, "held"), 400, "held is no outcome");
    assert_eq!(report(&first, 7, "applied"), 409, "seen in another state of the upstream");
    assert_eq!(report(&first, 0, "applied"), 200);
    assert_eq!(report(&first, 0, "applied"), 200, "said twice is said once");
    assert_eq!(report(&first, 0, "refused"), 409, "an outcome is not changed");
    assert_eq!(report(&second, 0, "already_there"), 200);

    rig.control("reopen", &json!({ "tenants": ["a"], "since": "1970-01-01T00:00:00Z" }));
    assert_eq!(report(&first, 0, "applied"), 409, "an answer from before the restore says nothing any more");
    let account = rig.account("a");
    assert_eq!((&account["pending"], &account["accepted"]), (&json!(2), &json!(2)));
}

/// What is made of an honest answer; `None`: nothing comes back.
type Lie = fn(&str, Vec<u8>) -> Option<Vec<u8>>;

/// Sits on the line between hand-back and the bridge, passes on what it is told to, and lies about the rest.
fn liar(upstream: std::net::SocketAddr, lie: Lie) -> std::net::SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || -> Option<()> {
                let mut request = Vec::new();
                let mut buffer = [0; 65_536];
                // One request a connection is enough: the whole head, and as much body as it says.
                loop {
                    let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let Some(head) = text.find("\r\n\r\n") else { continue };
                    let length = text[..head]
                        .to_ascii_lowercase()
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
                    if request.len() >= head + 4 + length.unwrap_or(0) {
                        break;
                    }
                }
                let first = String::from_utf8_lossy(&request).lines().next()?.to_owned();
                let honest = || -> Option<Vec<u8>> {
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let closing = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                    let mut bridge = TcpStream::connect(upstream).ok()?;
                    bridge.write_all(closing.as_bytes()).ok()?;
                    let mut answer = Vec::new();
                    bridge.read_to_end(&mut answer).ok()?;
                    Some(answer)
                };
                let answer = lie(&first, honest()?)?;
                stream.write_all(&answer).ok()
            });
        }
    });
    address
}

fn answer_of(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn whoever_sits_on_the_line_loses_no_business_and_reports_no_outcome() {
    let rig = Rig::started();
    rig.control("hold", &json!({ "site": "ess", "why": "test" }));
    rig.submit("a", &note("p", "1", "i1"));
    let bridge = rig.address().unwrap();
    let lies: [(&str, Lie); 5] = [
        // "There is nothing to hand back."
        ("nothing pending", |first, honest| {
            let empty = r#"{"generation":0,"items":[],"more":false}"#;
            Some(if first.contains("/pending") { answer_of(empty) } else { honest })
        }),
        // "Your outcome is recorded", while the bridge never hears of it.
        ("recorded", |first, honest| {
            Some(if first.contains("/outcome") { answer_of(r#"{"state":"applied"}"#) } else { honest })
        }),
        // A session of somebody else's.
        ("session", |first, honest| {
            let session =
                r#"{"sealed_token":"AAAA","valid_s":3600,"bridge":"blackstart-bridge","signature":"AAAA"}"#;
            Some(if first.contains("/session") { answer_of(session) } else { honest })
        }),
        // One byte of what is handed back.
        ("a byte", |first, mut honest| {
            if first.contains("/pending") {
                let at = honest.len() - 40;
                honest[at] = if honest[at] == b'A' { b'B' } else { b'A' };
            }
            Some(honest)
        }),
        // Hangs up.
        ("nothing", |_, _| None),
    ];
    for (name, lie) in lies {
        let config = std::fs::read_to_string(rig.handback_config("a", "")).unwrap();
        let through = config.replace(&bridge.to_string(), &liar(bridge, lie).to_string());
        let file = rig.path("through.toml");
        std::fs::write(&file, through).unwrap();
        let ran = output(&["handback", "run", path(&file)]);
        let told = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{name}: {told}{}", String::from_utf8_lossy(&ran.stdout));
        if name != "nothing" {
            assert!(told.contains("does not prove to be the bridge"), "{name}: {told}");
        }
    }
    // What was reported to the liar only is still pending, and handed back in truth it is there once.
    let (code, tally) = rig.handback("a");
    assert_eq!(code, 0, "{tally}");
    assert_eq!(rig.account("a")["pending"], 0);
    rig.ess.assert_each_once(["i1".to_owned()]);

    // Without the bridge's key nothing is begun.
    let config = std::fs::read_to_string(rig.handback_config("a", "")).unwrap();
    let file = rig.path("keyless.toml");
    std::fs::write(&file, config.replace("bridge_key_file = \"bridge/public-key\"\n", "")).unwrap();
    let ran = output(&["handback", "run", path(&file)]);
    assert!(String::from_utf8_lossy(&ran.stderr).contains("bridge_key"));
}
