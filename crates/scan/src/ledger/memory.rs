//! Records of this scan only. What differs from file to file is a few numbers; type and reasons repeat, so each
//! combination of them is kept once.

use std::collections::HashMap;
use std::rc::Rc;

use super::{FACT_NUMBERS, HEAD_OF_BODY_BYTES, Key, head, piece};
use judge::Verdict;

/// Combinations that are shared. Where nearly every file has reasons of its own, sharing would cost more than it saves.
const REPEATED_MAX: u32 = 50_000;
/// Stands for a place in `repeated`: the rest follows, with 2 bytes of length before it.
const NOT_SHARED: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Records {
    /// One after the other: 2 length of the facts, their numbers, 4 place of the rest in `repeated`.
    bytes: Vec<u8>,
    /// The name of the type, then the reasons.
    repeated: Vec<Rc<[u8]>>,
    places: HashMap<Rc<[u8]>, u32>,
}

impl Records {
    /// Keeps a body without its key, which whoever asks for it has; returns where.
    pub(super) fn put(&mut self, body: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        let facts = HEAD_OF_BODY_BYTES + 2;
        let (start, rest) = body.split_at(facts + numbers_length(&body[facts..]));
        let place = self.place(rest);
        self.bytes.extend(&start[HEAD_OF_BODY_BYTES..]);
        self.bytes.extend(place.to_le_bytes());
        if place == NOT_SHARED {
            self.bytes.extend(u16::try_from(rest.len()).expect("bodies are limited").to_le_bytes());
            self.bytes.extend(rest);
        }
        at
    }

    fn place(&mut self, rest: &[u8]) -> u32 {
        let next = self.places.len() as u32;
        match self.places.get(rest) {
            Some(place) => *place,
            None if next >= REPEATED_MAX => NOT_SHARED,
            None => {
                let rest: Rc<[u8]> = rest.into();
                self.repeated.push(rest.clone());
                self.places.insert(rest, next);
                next
            }
        }
    }

    /// The body as it came.
    pub(super) fn body(&self, key: &Key, verdict: Verdict, at: u64) -> Option<Vec<u8>> {
        let record = self.bytes.get(usize::try_from(at).ok()?..)?;
        let (numbers, after) = record.split_at_checked(2 + numbers_length(record.get(2..)?))?;
        let (place, mut after) = after.split_at_checked(4)?;
        let rest = match u32::from_le_bytes(place.try_into().ok()?) {
            NOT_SHARED => piece(&mut after)?,
            place => self.repeated.get(place as usize)?,
        };
        Some([&head(key, verdict), numbers, rest].concat())
    }
}

/// How many bytes the numbers of the facts take: the last byte of each has its highest bit clear.
fn numbers_length(facts: &[u8]) -> usize {
    let ends = facts.iter().enumerate().filter(|(_, byte)| **byte < 0x80);
    ends.map(|(at, _)| at + 1).nth(FACT_NUMBERS - 1).unwrap_or(facts.len())
}

#[cfg(test)]
mod tests {
    use super::super::{body, parse};
    use super::*;
    use judge::{Facts, Judgement};

    #[test]
    fn what_repeats_is_kept_once_and_what_does_not_is_kept_as_well() {
        let judgement = |number: u32| {
            let reasons = vec![format!("broken at byte {number}"), "ä".to_owned()];
            let facts = Facts { kind: "PDF".to_owned(), length: number.into(), ..Facts::default() };
            Judgement { verdict: Verdict::Damaged, reasons, facts }
        };
        let key = |number: u32| Key::of([&number.to_le_bytes()[..]]);
        let mut records = Records::default();
        let mut put = |number: u32, like: u32| {
            let judgement = Judgement { facts: judgement(number).facts, ..judgement(like) };
            (records.put(&body(&key(number), &judgement)), judgement)
        };
        let many = REPEATED_MAX + 100;
        let own: Vec<_> = (0..many).map(|number| put(number, number)).collect();
        let alike: Vec<_> = (0..many).map(|number| put(many + number, 7)).collect();
        assert_eq!(records.repeated.len() as u32, REPEATED_MAX);
        for (number, (at, judgement)) in (0..).zip(own.into_iter().chain(alike)) {
            let body = records.body(&key(number), Verdict::Damaged, at).unwrap();
            assert_eq!(parse(&body), Some((key(number), judgement)));
        }
    }
}
