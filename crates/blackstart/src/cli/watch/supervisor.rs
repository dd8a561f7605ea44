//! Tells the service manager that the watch is at work (sd_notify(3)): one that hangs is started anew, and one that has not yet
//! looked at everything once is not called ready. Without a service manager nothing happens.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// Everything was looked at once.
pub(super) fn ready() {
    tell("READY=1\nSTATUS=watching");
}

pub(super) fn alive() {
    tell("WATCHDOG=1");
}

/// Best effort: whoever listens takes silence for what it is.
fn tell(what: &str) {
    let Some(place) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match place.to_str().and_then(|place| place.strip_prefix('@')) {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(Path::new(&place)),
    };
    if let (Ok(address), Ok(socket)) = (address, UnixDatagram::unbound()) {
        drop(socket.send_to_addr(what.as_bytes(), &address));
    }
}
