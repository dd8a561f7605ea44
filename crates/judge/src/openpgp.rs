//! The first packet of OpenPGP data (RFC 9580, sections 4.2 and 5). Its fields are looked at, because a single byte would
//! fit one file in ten.

/// What its first packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPacket {
    /// A session key for somebody, or from a password: what follows is encrypted.
    Encrypted,
    /// A signature that is all there is, or a key.
    SignatureOrKey,
}

/// Several signatures, one behind the other, are never longer.
const SIGNATURES_MAX: u64 = 4096;

struct Packet<'a> {
    tag: u8,
    length: usize,
    body: &'a [u8],
    head: usize,
}

fn packet(head: &[u8]) -> Option<Packet<'_>> {
    let (&first, rest) = head.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let byte = |at: usize| rest.get(at).map(|byte| usize::from(*byte));
    let new_form = first & 0x40 != 0;
    let (tag, length, used) = if new_form {
        match byte(0)? {
            one @ 0..=191 => (first & 0x3f, one, 1),
            one @ 192..=223 => (first & 0x3f, ((one - 192) << 8) + byte(1)? + 192, 2),
            _ => return None,
        }
    } else {
        let tag = first >> 2 & 0x0f;
        match first & 3 {
            0 => (tag, byte(0)?, 1),
            1 => (tag, byte(0)? << 8 | byte(1)?, 2),
            _ => return None,
        }
    };
    Some(Packet { tag, length, body: rest.get(used..)?, head: 1 + used })
}

/// `length`: of the whole file.
pub(crate) fn shown(head: &[u8], length: u64) -> Option<FirstPacket> {
    let packet = packet(head)?;
    let end = (packet.head + packet.length) as u64;
    // Behind the first packet stands a further one: again a byte with its highest bit set.
    let followed = packet.body.get(packet.length).is_none_or(|next| next & 0x80 != 0);
    if end > length || !followed {
        return None;
    }
    match (packet.tag, packet.body) {
        (1, [3, key @ ..])
            if (60..=1100).contains(&packet.length)
                && matches!(key.get(8), Some(1 | 2 | 16 | 18 | 25 | 26)) =>
        {
            Some(FirstPacket::Encrypted)
        }
        (3, [4, cipher, derivation, hash, ..])
            if (4..=60).contains(&packet.length)
                && (1..=13).contains(cipher)
                && matches!(derivation, 0 | 1 | 3)
                && (1..=14).contains(hash) =>
        {
            Some(FirstPacket::Encrypted)
        }
        // Version, type, algorithms, and fields with lengths that lie within.
        (2, [4, kind, key, hash, high, low, ..])
            if (end == length || length <= SIGNATURES_MAX)
                && matches!(kind, 0..=2 | 0x10..=0x13 | 0x18 | 0x19 | 0x1f | 0x20 | 0x28 | 0x30 | 0x40 | 0x50)
                && is_algorithm(*key)
                && (1..=14).contains(hash)
                && (usize::from(*high) << 8 | usize::from(*low)) + 10 <= packet.length =>
        {
            Some(FirstPacket::SignatureOrKey)
        }
        (2, [3, 5, 0 | 1, ..]) if end == length => Some(FirstPacket::SignatureOrKey),
        (5 | 6, [4, _, _, _, _, key, ..]) if is_algorithm(*key) => Some(FirstPacket::SignatureOrKey),
        _ => None,
    }
}

fn is_algorithm(number: u8) -> bool {
    matches!(number, 1..=3 | 16..=19 | 22 | 25..=28)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimens::Dice;

    #[test]
    fn a_signature_a_key_and_a_message_are_told_apart() {
        let body = Dice::new(1).bytes(300);
        let signature = [&b"\x89\x01\x33\x04\0\x01\x0a\0\x1d"[..], &body[..301 - 1]].concat();
        assert_eq!(shown(&signature, 310), Some(FirstPacket::SignatureOrKey));
        let message = [&b"\x8c\x0d\x04\x09\x03\x08"[..], &body[..9], b"\xd2", &body[..200]].concat();
        assert_eq!(shown(&message, message.len() as u64), Some(FirstPacket::Encrypted));
        assert_eq!(shown(&message, 9), None, "longer than its file");
        for cut in 0..12 {
            shown(&message[..cut], 300);
        }
    }
}
