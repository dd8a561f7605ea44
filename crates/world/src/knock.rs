//! Is anything there? Asked of an address, not of a service: whoever takes the connection is there, whatever it says.
//!
//! Refusal, silence and a knock that never left this machine are told apart: taken together as "no answer" a pulled
//! network cable would look like a closed door.

#![allow(clippy::disallowed_methods, reason = "part of the door itself")]

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::Knock;

/// `address`: host and port.
pub(super) fn tcp(address: &str, timeout: Duration) -> Knock {
    let addresses: Vec<SocketAddr> = match address.to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Knock::NotTried(format!("{address} leads nowhere: {error}")),
    };
    let knocks = addresses.iter().map(|one| {
        match TcpStream::connect_timeout(one, timeout.max(Duration::from_millis(1))) {
            Ok(_) => Knock::Answered(format!("{one} accepts connections")),
            Err(error) => not_taken(one, &error),
        }
    });
    // Several addresses: one that answers is enough, and one that was not tried is enough not to know.
    knocks.reduce(louder).unwrap_or_else(|| Knock::NotTried(format!("{address} has no address")))
}

/// The address is knocked on first: an answer that comes too late, or is no HTTP, is an answer.
pub(super) fn http(url: &str, timeout: Duration) -> Knock {
    let Some(address) = authority(url) else {
        return Knock::NotTried(format!("{url} names no address"));
    };
    match tcp(&address, timeout) {
        Knock::Answered(_) => Knock::Answered(format!("{url} is still answered")),
        other => other,
    }
}

fn not_taken(address: &SocketAddr, error: &Error) -> Knock {
    let said = format!("{address}: {error}");
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
            Knock::Refused(said)
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Knock::Silent(said),
        _ => Knock::NotTried(said),
    }
}

fn louder(one: Knock, other: Knock) -> Knock {
    let rank = |knock: &Knock| match knock {
        Knock::Answered(_) => 3,
        Knock::NotTried(_) => 2,
        Knock::Silent(_) => 1,
        Knock::Refused(_) => 0,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

/// Host and port of a web address.
pub fn authority(url: &str) -> Option<String> {
    let uri: ureq::http::Uri = url.parse().ok()?;
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, Some("http")) => 80,
        (None, _) => return None,
    };
    Some(format!("{}:{port}", uri.host()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(500);

    #[test]
    fn an_error_page_and_a_listener_that_says_nothing_are_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody knocks");
            let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.read(&mut [0; 64]);
        });
        assert!(matches!(http(&format!("http://{address}/health"), SHORT), Knock::Answered(_)));
        server.join().expect("it ends by itself");
        assert!(matches!(http(&format!("http://{address}/health"), SHORT), Knock::Refused(_)));
        assert!(matches!(tcp(&address, SHORT), Knock::Refused(_)));
    }

    #[test]
    fn what_never_left_this_machine_is_no_silence() {
        for nowhere in ["no-such-name.invalid:80", "front gate", "127.0.0.1"] {
            assert!(matches!(tcp(nowhere, SHORT), Knock::NotTried(_)), "{nowhere}");
        }
        assert!(matches!(http("portal", SHORT), Knock::NotTried(_)));
    }

    #[test]
    fn the_address_is_read_out_of_a_web_address() {
        assert_eq!(authority("https://portal.example/x"), Some("portal.example:443".to_owned()));
        assert_eq!(authority("http://[::1]:8080/"), Some("[::1]:8080".to_owned()));
        assert_eq!(authority("/x"), None);
    }
}
