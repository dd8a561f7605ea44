//! MPEG transport streams (ISO 13818-1): packets of 188 bytes that begin with the letter G. Cameras and recorders write them
//! to the end; what stands in a packet is not looked into.

use std::io;

use crate::peek::Peek;
use crate::source::Source;
use crate::structure::Structure;
use crate::work::Work;

const PACKET: u64 = 188;
const SYNC: u8 = 0x47;

pub(super) fn begins_here(head: &[u8]) -> bool {
    head.len() >= 3 * 188 && head.iter().step_by(188).all(|first| *first == SYNC)
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let mut at = 0;
    while at < peek.length {
        if !work.spend(16) {
            return Ok(Work::exhausted("MPEG transport stream"));
        }
        if peek.bytes(at, 1)? != [SYNC] {
            return Ok(Structure::broken(
                at,
                "a packet of the stream does not begin with its mark".to_owned(),
            ));
        }
        at += PACKET;
    }
    Ok(Structure::Partly(format!("{} packets of a film follow each other", at / PACKET)))
}
