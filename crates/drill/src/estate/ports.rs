//! Ports for the practice processes, chosen once and written down, because a service that is started again must have
//! the port it had.

use std::net::{Ipv4Addr, TcpListener};

use crate::{Fault, Result};

/// Where the system takes ports for outgoing connections from, if it does not say.
const EPHEMERAL_START: u16 = 32_768;
const LOWEST: u16 = 18_000;

/// Free ports on 127.0.0.1, below those that the system gives to outgoing connections: a closed door must find its
/// port free when it opens again, and a port from that range may be lent to anybody meanwhile.
pub struct Ports {
    next: u16,
    first: u16,
    end: u16,
}

impl Ports {
    /// Begins at a place of its own for each process, so that drills side by side rarely meet.
    pub fn new() -> Ports {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let end = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(EPHEMERAL_START);
        let span = u32::from(end.saturating_sub(LOWEST).max(1));
        let offset = u16::try_from(std::process::id().wrapping_mul(97) % span).unwrap_or(0);
        Ports { next: LOWEST + offset, first: LOWEST + offset, end: end.max(LOWEST + 1) }
    }

    /// The next port that nobody listens on now.
    pub fn free(&mut self) -> Result<u16> {
        loop {
            let port = self.next;
            self.next = if port + 1 >= self.end { LOWEST } else { port + 1 };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
            if self.next == self.first {
                return Err(Fault::new(format!(
                    "no port from {LOWEST} to {} is free on 127.0.0.1. The drill needs about 25; end what \
                     listens there (`ss -ltn` shows it).",
                    self.end
                )));
            }
        }
    }
}

impl Default for Ports {
    fn default() -> Ports {
        Ports::new()
    }
}
