//! Ports for the practice processes, chosen once and written down, because a service that is started again must have
//! the port it had.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Fault, Result};

/// Where the system takes ports for outgoing connections from, if it does not say.
const EPHEMERAL_START: u32 = 32_768;
const LOWEST: u32 = 18_000;

/// How many ports this process has looked at: two worlds in one process must not choose the same.
static LOOKED_AT: AtomicU32 = AtomicU32::new(0);

/// Free ports on 127.0.0.1, below those that the system gives to outgoing connections: a closed door must find its
/// port free when it opens again, and a port from that range may be lent to anybody meanwhile.
#[derive(Clone, Debug)]
pub struct Ports {
    /// Begins at a place of its own for each process, so that drills side by side rarely meet.
    offset: u32,
    /// How many there are to choose from.
    span: u32,
}

impl Ports {
    pub fn new() -> Ports {
        let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
        let end = range.split_whitespace().next().and_then(|low| low.parse().ok()).unwrap_or(EPHEMERAL_START);
        let span = end.min(u32::from(u16::MAX)).saturating_sub(LOWEST).max(1);
        Ports { offset: std::process::id().wrapping_mul(97) % span, span }
    }

    /// The next port that nobody listens on now.
    pub fn free(&self) -> Result<u16> {
        for _ in 0..self.span {
            let step = LOOKED_AT.fetch_add(1, Ordering::SeqCst) % self.span;
            let port = u16::try_from(LOWEST + (self.offset + step) % self.span).unwrap_or(u16::MAX);
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(port);
            }
        }
        Err(Fault::new(format!(
            "no port from {LOWEST} to {} is free on 127.0.0.1. The drill needs about 25; end what listens there \
             (`ss -ltn` shows it).",
            LOWEST + self.span - 1
        )))
    }
}

impl Default for Ports {
    fn default() -> Ports {
        Ports::new()
    }
}
