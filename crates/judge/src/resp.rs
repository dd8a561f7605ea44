//! Redis append-only files: commands in RESP, every argument framed by its length, so that bytes of any kind may stand in
//! them (Redis, "Redis serialization protocol specification").

use std::io;

use crate::peek::Peek;
use crate::source::Source;
use crate::structure::Structure;
use crate::work::Work;

const WORD: &str = "log (Redis)";

pub(super) fn begins_here(head: &[u8]) -> bool {
    let line = head.iter().take(12).position(|byte| *byte == b'\n');
    line.is_some_and(|end| number(&head[..=end], b'*').is_some() && head.get(end + 1) == Some(&b'$'))
}

/// `*3\r\n` or `$5\r\n`.
fn number(line: &[u8], mark: u8) -> Option<u64> {
    let digits = line.strip_prefix(&[mark])?.strip_suffix(b"\r\n")?;
    let short = (1..=10).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| short)?.parse().ok()
}

fn line(peek: &mut Peek<'_>, at: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = peek.bytes(at, 16)?;
    Ok(bytes.iter().position(|byte| *byte == b'\n').map(|end| bytes[..=end].to_vec()))
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let (mut at, mut commands) = (0, 0_u64);
    while at < peek.length {
        let Some(count) = line(&mut peek, at)?.and_then(|line| Some((number(&line, b'*')?, line.len())))
        else {
            return Ok(ended(&peek, at, commands));
        };
        at += count.1 as u64;
        for _ in 0..count.0 {
            if !work.spend(16) {
                return Ok(Work::exhausted(WORD));
            }
            let Some(size) = line(&mut peek, at)?.and_then(|line| Some((number(&line, b'$')?, line.len())))
            else {
                return Ok(ended(&peek, at, commands));
            };
            let end = at + size.1 as u64 + size.0;
            if peek.bytes(end, 2)? != b"\r\n" {
                return Ok(ended(&peek, end, commands));
            }
            at = end + 2;
        }
        commands += 1;
    }
    Ok(Structure::Whole(format!("Redis: {commands} commands follow each other to the end")))
}

fn ended(peek: &Peek<'_>, at: u64, commands: u64) -> Structure {
    if at + 16 >= peek.length {
        return Structure::Cut {
            at: peek.length,
            why: format!("Redis: it ends within command {}", commands + 1),
        };
    }
    Structure::broken(at, format!("Redis: no command follows the first {commands}"))
}
