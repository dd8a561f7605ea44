//! TIFF, and the raw pictures of most cameras: lists of fields that say where strips of picture data lie.
//!
//! Uncompressed strips never look random; strips packed with Deflate or LZW unpack; strips that are JPEGs are checked as such.
//! Other codings are passed over.

use std::io::{self, Read};

use crate::peek::Peek;
use crate::source::{At, Part, Source, is_format_error};
use crate::stretch::random_stretch;
use crate::structure::Structure;
use crate::work::Work;
use crate::{jpeg, lzw};

const LISTS_MAX: usize = 200;
const FIELDS_MAX: u64 = 4096;
const STRIPS_MAX: u64 = 200_000;
/// A strip packed with LZW is looked at up to this length.
const STRIP_MAX: u64 = 64 << 20;

#[derive(Clone, Copy)]
struct Order {
    little: bool,
}

impl Order {
    fn number(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    }
}

/// One picture in the file.
#[derive(Default)]
struct Picture {
    coding: u64,
    offsets: Vec<u64>,
    counts: Vec<u64>,
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let length = source.length();
    let mut peek = Peek::new(source);
    let Some(head) = peek.array::<8>(0)? else { return Ok(cut(length)) };
    let order = Order { little: head[0] == b'I' };
    let mut lists = vec![order.number(&head[4..8])];
    let (mut seen, mut pictures) = (Vec::new(), Vec::new());
    while let Some(at) = lists.pop() {
        if at == 0 || seen.contains(&at) {
            continue;
        }
        if seen.len() >= LISTS_MAX {
            work.leave(format!("only {LISTS_MAX} of its lists were looked at"));
            break;
        }
        seen.push(at);
        let first = seen.len() == 1;
        match list(&mut peek, order, at, work)? {
            Ok((picture, more)) => {
                pictures.push(picture);
                lists.extend(more);
            }
            // Makers of cameras leave pointers into the blue in their own lists; the first one counts.
            Err(structure) if first => return Ok(structure),
            Err(_) => {}
        }
    }
    let mut verified = 0;
    for picture in &pictures {
        for (at, count) in picture.offsets.iter().zip(&picture.counts) {
            if at.saturating_add(*count) > length {
                return Ok(cut(length));
            }
        }
        match strips(source, picture, work)? {
            Ok(strips) => verified += strips,
            Err(structure) => return Ok(structure),
        }
    }
    Ok(Structure::Whole(format!(
        "the lists of the TIFF file fit, {verified} of its strips could be verified"
    )))
}

fn cut(length: u64) -> Structure {
    Structure::Cut { at: length, why: "the TIFF file ends before its picture does".to_owned() }
}

type Listed = Result<(Picture, Vec<u64>), Structure>;

fn list(peek: &mut Peek<'_>, order: Order, at: u64, work: &mut Work) -> io::Result<Listed> {
    let Some(count) = peek.array::<2>(at)? else { return Ok(Err(cut(peek.length))) };
    let count = order.number(&count);
    if count == 0 || count > FIELDS_MAX || !work.spend(count * 12) {
        return Ok(Err(Structure::broken(at, "a list of the TIFF file is none".to_owned())));
    }
    let (mut picture, mut more) = (Picture { coding: 1, ..Picture::default() }, Vec::new());
    let mut odd = 0;
    for field in 0..count {
        let Some(bytes) = peek.array::<12>(at + 2 + field * 12)? else { return Ok(Err(cut(peek.length))) };
        let (tag, form) = (order.number(&bytes[..2]), order.number(&bytes[2..4]));
        odd += u64::from(!(1..=18).contains(&form));
        match tag {
            259 => picture.coding = value(peek, order, &bytes, work)?.first().copied().unwrap_or(1),
            273 | 324 => picture.offsets = value(peek, order, &bytes, work)?,
            279 | 325 => picture.counts = value(peek, order, &bytes, work)?,
            330 | 34665 => more.extend(value(peek, order, &bytes, work)?.into_iter().take(16)),
            _ => {}
        }
    }
    if odd * 4 > count {
        return Ok(Err(Structure::broken(at, "a list of the TIFF file holds nonsense".to_owned())));
    }
    more.extend(peek.array::<4>(at + 2 + count * 12)?.map(|next| order.number(&next)));
    Ok(Ok((picture, more)))
}

/// The values of a field: in it, or where it says.
fn value(peek: &mut Peek<'_>, order: Order, field: &[u8; 12], work: &mut Work) -> io::Result<Vec<u64>> {
    let size = match order.number(&field[2..4]) {
        1 => 1_u64,
        3 => 2,
        4 | 13 => 4,
        _ => return Ok(Vec::new()),
    };
    let all = order.number(&field[4..8]);
    let count = all.min(STRIPS_MAX);
    let each = usize::try_from(size).expect("at most 4");
    if count * size <= 4 {
        let bytes = &field[8..8 + usize::try_from(count * size).expect("at most 4")];
        return Ok(bytes.chunks_exact(each).map(|bytes| order.number(bytes)).collect());
    }
    let at = order.number(&field[8..12]);
    let mut values = Vec::new();
    if all > count {
        work.leave(format!("only {STRIPS_MAX} entries of a list were looked at"));
    }
    for number in 0..count {
        let bytes = peek.bytes(at + number * size, each)?;
        if bytes.len() < each || !work.spend(1) {
            break;
        }
        values.push(order.number(bytes));
    }
    Ok(values)
}

fn strips(source: &mut dyn Source, picture: &Picture, work: &mut Work) -> io::Result<Result<u64, Structure>> {
    let mut verified = 0;
    let held = picture.offsets.iter().zip(&picture.counts).filter(|(at, count)| **at > 0 && **count > 0);
    for (at, count) in held {
        match picture.coding {
            1 => {
                if !work.spend(*count) {
                    return Ok(Err(Work::exhausted("TIFF picture")));
                }
                if let Some(random) = random_stretch(source, *at, at + count)? {
                    let why = "an uncompressed strip of the picture looks random".to_owned();
                    return Ok(Err(Structure::Random { at: random, why }));
                }
                verified += 1;
            }
            8 | 32946 => match inflates(source, *at, *count, work)? {
                Some(true) => verified += 1,
                Some(false) => {
                    let why = "a packed strip of the picture does not unpack".to_owned();
                    return Ok(Err(Structure::Broken { at: *at, why, framing: false }));
                }
                None => return Ok(Err(Work::exhausted("TIFF picture"))),
            },
            5 => match unpacks(source, *at, *count, work)? {
                Some(true) => verified += 1,
                Some(false) => {
                    let why = "a strip of the picture packed with LZW does not unpack".to_owned();
                    return Ok(Err(Structure::Broken { at: *at, why, framing: false }));
                }
                None => return Ok(Err(Work::exhausted("TIFF picture"))),
            },
            // The tables of codes may stand beside the strips, or in them; other codings have these numbers as well.
            6 | 7 | 34892 => match jpeg_strip(source, *at, *count, work)? {
                Some(Structure::Whole(_)) => verified += 1,
                None => work.leave("strips of it are coded in a way that is not decoded"),
                Some(Structure::Broken { at, why, framing }) => {
                    return Ok(Err(Structure::Broken { at, why: format!("in a strip: {why}"), framing }));
                }
                _ => work.leave("strips of it could not be decoded to their end"),
            },
            _ => work.leave("strips of it are coded in a way that is not decoded"),
        }
    }
    Ok(Ok(verified))
}

fn jpeg_strip(
    source: &mut dyn Source,
    at: u64,
    count: u64,
    work: &mut Work,
) -> io::Result<Option<Structure>> {
    let mut part = Part { source, from: at, length: count };
    let mut mark = [0; 3];
    part.read_at(0, &mut mark)?;
    if mark != [0xff, 0xd8, 0xff] {
        return Ok(None);
    }
    Ok(Some(match jpeg::check(&mut part, work)? {
        Structure::Broken { at: inner, why, framing } => Structure::Broken { at: at + inner, why, framing },
        found => found,
    }))
}

/// LZW as TIFF has it. The oldest form, which has its bits the other way round, is passed over.
fn unpacks(source: &mut dyn Source, at: u64, count: u64, work: &mut Work) -> io::Result<Option<bool>> {
    let mut from = At::new(source, at, at + count).limited_to(STRIP_MAX)?.into_inner();
    if from.starts_with(&[0, 1]) || (from.len() as u64) < count {
        work.leave("a strip packed with LZW is too long, or of the oldest form, and was not unpacked");
        return Ok(Some(true));
    }
    // A strip is sometimes said to be longer than it is by what fills it up.
    while from.last() == Some(&0) {
        from.pop();
    }
    Ok(work.spend(count).then(|| lzw::unpacks(&from, lzw::Form::Tiff)))
}

fn inflates(source: &mut dyn Source, at: u64, count: u64, work: &mut Work) -> io::Result<Option<bool>> {
    let packed = io::BufReader::with_capacity(16 * 1024, At::new(source, at, at + count));
    let mut from = flate2::bufread::ZlibDecoder::new(packed);
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(Some(true)),
            Ok(read) if !work.spend(read as u64) => return Ok(None),
            Ok(_) => {}
            Err(error) if is_format_error(&error) => return Ok(Some(false)),
            Err(error) => return Err(error),
        }
    }
}
