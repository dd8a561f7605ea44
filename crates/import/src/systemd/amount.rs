//! Times, sizes and addresses as systemd writes them.

/// `90`, `1min 30s`, `500ms` in milliseconds. `None`: without end, or not understood.
pub fn milliseconds(value: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = value.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|letter: char| letter.is_ascii_digit()).len();
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest.len() - rest.trim_start_matches(|letter: char| letter.is_alphabetic()).len();
        let unit_ms = match &rest[..letters] {
            "" | "s" | "sec" | "second" | "seconds" => 1_000,
            "us" | "usec" | "µs" | "ns" => 0,
            "ms" | "msec" => 1,
            "m" | "min" | "minute" | "minutes" => 60_000,
            "h" | "hr" | "hour" | "hours" => 3_600_000,
            "d" | "day" | "days" => 86_400_000,
            "w" | "week" | "weeks" => 604_800_000,
            _ => return None,
        };
        total = total.saturating_add(number.saturating_mul(unit_ms));
        rest = rest[letters..].trim_start();
    }
    Some(total)
}

/// `512M`, `2G`, plain bytes: in mebibytes, rounded up. `None` for `infinity`, a share, or what is not understood.
pub fn mebibytes(value: &str) -> Option<u64> {
    let value = value.trim();
    let (number, shift) = match value.chars().last()?.to_ascii_uppercase() {
        'K' => (&value[..value.len() - 1], 10),
        'M' => (&value[..value.len() - 1], 20),
        'G' => (&value[..value.len() - 1], 30),
        'T' => (&value[..value.len() - 1], 40),
        _ => (value, 0),
    };
    let bytes = number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)?;
    // A limit that is no limit: `systemctl show` writes the largest number for it.
    (bytes < u64::MAX >> 1).then(|| bytes.div_ceil(1 << 20))
}

/// The port of a `ListenStream`, with the address if it is a particular one. `None`: a path or another family.
pub fn port(listen: &str) -> Option<(Option<&str>, u16)> {
    let (address, port) = match listen.rsplit_once(':') {
        Some((address, port)) => (Some(address), port),
        None => (None, listen),
    };
    let port: u16 = port.parse().ok().filter(|port| *port > 0)?;
    let anywhere = |address: &&str| !matches!(*address, "" | "0.0.0.0" | "[::]" | "*");
    let address = address.filter(anywhere);
    let fits = address.is_none_or(|address| {
        address.chars().all(|letter| letter.is_ascii_hexdigit() || ".:[]".contains(letter))
    });
    fits.then_some((address, port))
}
