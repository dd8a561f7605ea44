//! What goes over the hand-over socket: a greeting, then requests and replies, each with its length before it.
//!
//! Every length is bounded before anything is allocated, and bytes that are not exactly a request end the
//! connection. Both sides are the same program on the same machine, so there is one version and no negotiation:
//! another version has another greeting.

use std::io::{self, Read};

use crate::checkpoint::Checkpoint;
use crate::offer::{
    AppendError, Appended, BATCH_BYTES_MAX, BATCH_RECORDS_MAX, EXPECTED_KINDS_MAX, Expect, Offer,
};
use crate::record::{Draft, KIND_ERASED, take};

/// The start of a greeting; the number of records on disk follows, as 8 bytes.
pub(crate) const GREETING: &[u8; 8] = b"BShand01";
/// A request is a batch and a little more.
pub(crate) const REQUEST_BYTES_MAX: usize = BATCH_BYTES_MAX + 1024 * 1024;
/// A reply holds at most a checkpoint or a message.
pub(crate) const REPLY_BYTES_MAX: usize = 128 * 1024;

/// What a client wants of the writer.
pub(crate) enum Request {
    Append(Offer),
    Erase(Offer),
    Checkpoint,
}

/// What the writer answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Appended(Result<Appended, AppendError>),
    Checkpoint(Result<Checkpoint, AppendError>),
}

/// Reads one message of at most `limit` bytes; `None` when the other side has ended the connection.
pub(crate) fn read_message(from: &mut impl Read, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message longer than allowed"));
    }
    // Grows with what really comes, so that a claimed length alone costs nothing.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Ok(None);
    }
    Ok(Some(bytes))
}

/// The message with its length before it.
fn with_length(body: Vec<u8>) -> Vec<u8> {
    let mut message = u32::try_from(body.len()).expect("messages are bounded").to_be_bytes().to_vec();
    message.extend(body);
    message
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).expect("fields are bounded").to_be_bytes());
    out.extend_from_slice(bytes);
}

fn get<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u32::from_be_bytes(take(rest)?) as usize;
    let (field, others) = rest.split_at_checked(length)?;
    *rest = others;
    Some(field)
}

fn get_text(rest: &mut &[u8]) -> Option<String> {
    String::from_utf8(get(rest)?.to_vec()).ok()
}

fn get_number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

pub(crate) fn encode_request(request: &Request) -> Vec<u8> {
    let mut out = Vec::new();
    match request {
        Request::Append(offer) => encode_offer(&mut out, 1, offer),
        Request::Erase(offer) => encode_offer(&mut out, 2, offer),
        Request::Checkpoint => out.push(3),
    }
    with_length(out)
}

fn encode_offer(out: &mut Vec<u8>, tag: u8, offer: &Offer) {
    out.push(tag);
    out.extend_from_slice(&offer.batch);
    out.push(u8::from(offer.again_since.is_some()));
    out.extend_from_slice(&offer.again_since.unwrap_or(0).to_be_bytes());
    let (tag, at, kinds) = match &offer.expect {
        Expect::Anything => (0, 0, &[][..]),
        Expect::NothingSince(at) => (1, *at, &[][..]),
        Expect::NoneOfSince { at, kinds } => (2, *at, &kinds[..]),
    };
    out.push(tag);
    out.extend_from_slice(&at.to_be_bytes());
    out.extend_from_slice(&u32::try_from(kinds.len()).expect("bounded by Offer").to_be_bytes());
    kinds.iter().for_each(|kind| put(out, kind.as_bytes()));
    out.extend_from_slice(&u32::try_from(offer.drafts.len()).expect("bounded by Offer").to_be_bytes());
    for draft in &offer.drafts {
        out.extend_from_slice(&draft.time_ms.to_be_bytes());
        out.extend_from_slice(&draft.version.to_be_bytes());
        put(out, draft.actor.as_bytes());
        put(out, draft.kind.as_bytes());
        put(out, &draft.payload);
    }
}

/// The request in these bytes. `None` if they are not exactly one; the connection then ends. A request that is
/// well formed but not allowed is answered.
pub(crate) fn decode_request(bytes: &[u8]) -> Option<Result<Request, AppendError>> {
    let (tag, mut rest) = bytes.split_first()?;
    let request = match tag {
        1 => decode_offer(&mut rest, false)?.map(Request::Append),
        2 => decode_offer(&mut rest, true)?.and_then(|offer| match &offer.drafts[..] {
            [draft] if draft.kind == KIND_ERASED => Ok(Request::Erase(offer)),
            _ => Err(AppendError::Invalid("this is not a decision to erase".to_owned())),
        }),
        3 => Ok(Request::Checkpoint),
        _ => return None,
    };
    rest.is_empty().then_some(request)
}

fn decode_offer(rest: &mut &[u8], own: bool) -> Option<Result<Offer, AppendError>> {
    let batch = take(rest)?;
    let again = take::<1>(rest)?[0];
    let since = get_number(rest)?;
    let expect_tag = take::<1>(rest)?[0];
    let at = get_number(rest)?;
    let count = u32::from_be_bytes(take(rest)?) as usize;
    if count > EXPECTED_KINDS_MAX {
        return None;
    }
    let kinds = (0..count).map(|_| get_text(rest)).collect::<Option<Vec<_>>>()?;
    let expect = match expect_tag {
        0 => Expect::Anything,
        1 => Expect::NothingSince(at),
        2 => Expect::NoneOfSince { at, kinds },
        _ => return None,
    };
    let count = u32::from_be_bytes(take(rest)?) as usize;
    if count > BATCH_RECORDS_MAX {
        return None;
    }
    let drafts = (0..count).map(|_| decode_draft(rest)).collect::<Option<Vec<_>>>()?;
    Some(Offer::new(batch, drafts, expect, own).map(|mut offer| {
        offer.again_since = (again != 0).then_some(since);
        offer
    }))
}

fn decode_draft(rest: &mut &[u8]) -> Option<Draft> {
    let time_ms = i64::from_be_bytes(take(rest)?);
    let version = u16::from_be_bytes(take(rest)?);
    let (actor, kind) = (get_text(rest)?, get_text(rest)?);
    Some(Draft { time_ms, actor, kind, version, payload: get(rest)?.to_vec() })
}

pub(crate) fn encode_reply(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    match reply {
        Reply::Appended(Ok(place)) => {
            out.push(1);
            out.extend_from_slice(&place.first.to_be_bytes());
            out.extend_from_slice(&place.next.to_be_bytes());
        }
        Reply::Checkpoint(Ok(checkpoint)) => {
            out.push(2);
            put(&mut out, checkpoint.text.as_bytes());
        }
        Reply::Appended(Err(error)) => encode_error(&mut out, 3, error),
        Reply::Checkpoint(Err(error)) => encode_error(&mut out, 4, error),
    }
    with_length(out)
}

fn encode_error(out: &mut Vec<u8>, tag: u8, error: &AppendError) {
    let (code, a, b, text) = match error {
        AppendError::Refused { decided_at, sequence, kind: None } => (1, *decided_at, *sequence, ""),
        AppendError::Refused { decided_at, sequence, kind: Some(kind) } => {
            (2, *decided_at, *sequence, &kind[..])
        }
        AppendError::Ahead { decided_at, length } => (3, *decided_at, *length, ""),
        AppendError::Invalid(why) => (4, 0, 0, &why[..]),
        AppendError::DiskFull => (5, 0, 0, ""),
        AppendError::Stopped { cause } => (6, 0, 0, &cause[..]),
        AppendError::InDoubt { why } => (7, 0, 0, &why[..]),
        AppendError::Failed(why) => (8, 0, 0, &why[..]),
    };
    out.extend_from_slice(&[tag, code]);
    out.extend_from_slice(&a.to_be_bytes());
    out.extend_from_slice(&b.to_be_bytes());
    put(out, text.as_bytes());
}

pub(crate) fn decode_reply(bytes: &[u8]) -> Option<Reply> {
    let (tag, mut rest) = bytes.split_first()?;
    let reply = match tag {
        1 => Reply::Appended(Ok(Appended { first: get_number(&mut rest)?, next: get_number(&mut rest)? })),
        2 => Reply::Checkpoint(Ok(Checkpoint::parse(&get_text(&mut rest)?).ok()?)),
        3 => Reply::Appended(Err(decode_error(&mut rest)?)),
        4 => Reply::Checkpoint(Err(decode_error(&mut rest)?)),
        _ => return None,
    };
    rest.is_empty().then_some(reply)
}

fn decode_error(rest: &mut &[u8]) -> Option<AppendError> {
    let code = take::<1>(rest)?[0];
    let (a, b, text) = (get_number(rest)?, get_number(rest)?, get_text(rest)?);
    Some(match code {
        1 => AppendError::Refused { decided_at: a, sequence: b, kind: None },
        2 => AppendError::Refused { decided_at: a, sequence: b, kind: Some(text) },
        3 => AppendError::Ahead { decided_at: a, length: b },
        4 => AppendError::Invalid(text),
        5 => AppendError::DiskFull,
        6 => AppendError::Stopped { cause: text },
        7 => AppendError::InDoubt { why: text },
        8 => AppendError::Failed(text),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn offer() -> Offer {
        let draft = |kind: &str| Draft {
            time_ms: -5,
            actor: "a".into(),
            kind: kind.into(),
            version: 2,
            payload: vec![1, 2, 3],
        };
        let expect = Expect::NoneOfSince { at: 9, kinds: vec!["x".into(), "y".into()] };
        let mut offer = Offer::new([7; 16], vec![draft("k"), draft("l")], expect, false).unwrap();
        offer.again_since = Some(4);
        offer
    }

    #[test]
    fn a_batch_arrives_as_it_was_offered() {
        let message = encode_request(&Request::Append(offer()));
        let Some(Ok(Request::Append(arrived))) = decode_request(&message[4..]) else {
            panic!("not read back")
        };
        let sent = offer();
        assert_eq!((arrived.batch, arrived.again_since), (sent.batch, sent.again_since));
        assert_eq!((arrived.drafts, arrived.expect), (sent.drafts, sent.expect));
    }

    #[test]
    fn every_answer_arrives_as_it_was_given() {
        let errors = [
            AppendError::Refused { decided_at: 1, sequence: 2, kind: None },
            AppendError::Refused { decided_at: 1, sequence: 2, kind: Some("k".into()) },
            AppendError::Ahead { decided_at: 3, length: 2 },
            AppendError::Invalid("why".into()),
            AppendError::DiskFull,
            AppendError::Stopped { cause: "why".into() },
            AppendError::InDoubt { why: "why".into() },
            AppendError::Failed("why".into()),
        ];
        for error in errors {
            let reply = Reply::Appended(Err(error));
            assert_eq!(decode_reply(&encode_reply(&reply)[4..]), Some(reply));
        }
        let reply = Reply::Appended(Ok(Appended { first: 1, next: 3 }));
        assert_eq!(decode_reply(&encode_reply(&reply)[4..]), Some(reply));
    }

    proptest! {
        #[test]
        fn changed_messages_are_read_or_refused_without_panic(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..200) {
            let mut message = encode_request(&Request::Append(offer()));
            message.remove(0);
            let length = message.len();
            message[at % length] = byte;
            let _ = decode_request(&message);
            prop_assert!(decode_request(&message[..cut % length]).is_none_or(|request| request.is_err()));
            let _ = decode_reply(&message);
        }
    }
}
