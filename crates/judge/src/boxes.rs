//! RIFF (WAV, AVI, WebP) and MP4/QuickTime: boxes inside boxes, each with its length and a name.
//!
//! What a box holds is compressed and mostly without checksums. Two things are looked at inside: uncompressed
//! sound, which never looks random, and coded pictures of films, which are pieces with a length in front.

use std::io;

use crate::peek::Peek;
use crate::source::{Source, big32, little16, little32};
use crate::statistics::{Statistics, WINDOW};
use crate::structure::Structure;
use crate::work::Work;

/// Windows of code in which there must be one more place that looks random: 512 KiB.
const PLACE_EVERY: u64 = 128;
const DEPTH_MAX: usize = 16;
const BOXES_MAX: u64 = 2_000_000;
const MOVIE_MAX: u64 = 64 << 20;

/// The first window from `from` to `to` that looks random.
pub(super) fn random_between(statistics: &Statistics, from: u64, to: u64) -> Option<u64> {
    let window = WINDOW as u64;
    (from.div_ceil(window)..to / window)
        .find(|number| statistics.even_window(usize::try_from(*number).unwrap_or(usize::MAX)))
        .map(|number| number * window)
}

/// As `random_between`, but tables of random numbers, which programs for encryption hold, are tolerated: they lie in one
/// piece. Damage is spread: so much code holds at least two places that look random, and so on.
pub(super) fn random_places_between(statistics: &Statistics, from: u64, to: u64) -> Option<u64> {
    let window = WINDOW as u64;
    let (first, last) = (from.div_ceil(window), to / window);
    let even = |number: u64| usize::try_from(number).is_ok_and(|number| statistics.even_window(number));
    let begins = |number: &u64| even(*number) && (*number == first || !even(number - 1));
    let places = (first..last).filter(begins).count() as u64;
    let wanted = last.saturating_sub(first) / PLACE_EVERY;
    (places > wanted).then(|| random_between(statistics, from, to)).flatten()
}

pub(super) fn riff(
    source: &mut dyn Source,
    statistics: &Statistics,
    work: &mut Work,
) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let Some(head) = peek.array::<12>(0)? else { return Ok(cut(peek.length, "RIFF file")) };
    let end = u64::from(little32(&head, 4)) + 8;
    let form = String::from_utf8_lossy(&head[8..12]).into_owned();
    let (mut at, mut ends, mut plain_sound) = (12_u64, vec![end], false);
    let mut odd = false;
    for number in 0.. {
        if number == BOXES_MAX {
            return Ok(Work::exhausted("RIFF file"));
        }
        while ends.last().is_some_and(|end| at >= *end) {
            ends.pop();
        }
        let Some(end) = ends.last().copied() else { break };
        if at >= peek.length {
            break;
        }
        let Some(head) = peek.array::<12>(at)?.or(peek.array::<8>(at)?.map(|eight| {
            let mut twelve = [0; 12];
            twelve[..8].copy_from_slice(&eight);
            twelve
        })) else {
            // A byte of filling at the end.
            return Ok(ended(&peek, at, &form));
        };
        let size = u64::from(little32(&head, 4));
        let is_name = |name: &[u8]| name.iter().all(|byte| (0x20..0x7f).contains(byte));
        // Careless writers leave out the byte that makes an odd length even.
        if odd && !is_name(&head[..4]) && peek.array::<4>(at - 1)?.is_some_and(|name| is_name(&name)) {
            (at, odd) = (at - 1, false);
            continue;
        }
        if !is_name(&head[..4]) {
            return Ok(Structure::broken(at, format!("a chunk of the {form} file begins with nonsense")));
        }
        if at + 8 + size > end + 1 && at + 8 + size <= peek.length {
            // Its name is one: these bytes were not encrypted.
            let why = format!("a chunk of the {form} file reaches beyond its own");
            return Ok(Structure::Broken { at, why, framing: false });
        }
        if head.starts_with(b"fmt ") {
            plain_sound = little16(peek.bytes(at + 8, 2)?, 0) == 1;
        }
        if head.starts_with(b"data") && form == "WAVE" && !plain_sound {
            work.leave("its sound is coded, and was not decoded");
        }
        if head.starts_with(b"data") && form == "WAVE" && plain_sound {
            let to = (at + 8 + size).min(peek.length);
            if let Some(random) = random_between(statistics, at + 8, to) {
                return Ok(Structure::Random {
                    at: random,
                    why: "uncompressed sound looks random".to_owned(),
                });
            }
        }
        if head.starts_with(b"LIST") && ends.len() < DEPTH_MAX {
            ends.push(at + 8 + size);
            (at, odd) = (at + 12, false);
        } else {
            (at, odd) = (at + 8 + size + (size & 1), size & 1 == 1);
        }
        if !work.spend(8) {
            return Ok(Work::exhausted("RIFF file"));
        }
    }
    Ok(if at > peek.length + 1 { cut(peek.length, &format!("{form} file")) } else { ended(&peek, at, &form) })
}

fn ended(peek: &Peek<'_>, at: u64, form: &str) -> Structure {
    if at + 1 >= peek.length {
        let what = format!("the chunks of the {form} file fit into each other");
        // Of sound that is not packed the samples themselves were looked at.
        if form == "WAVE" { Structure::Whole(what) } else { Structure::Framed(what) }
    } else {
        Structure::Trailing { at, bytes: peek.length - at }
    }
}

fn cut(length: u64, what: &str) -> Structure {
    Structure::Cut { at: length, why: format!("the {what} ends in the middle") }
}

pub(super) fn mp4(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let (mut at, mut movie, mut boxes, mut holds_something) = (0_u64, None, 0_u64, false);
    while at < peek.length {
        let Some(head) = peek.array::<8>(at)? else { break };
        // A last box without name and length is how QuickTime closes.
        if head == [0; 8] {
            break;
        }
        let (size, name) = (u64::from(big32(&head, 0)), &head[4..8]);
        let size = match size {
            0 => peek.length - at,
            1 => match peek.array::<16>(at)? {
                Some(long) => u64::from(big32(&long, 8)) << 32 | u64::from(big32(&long, 12)),
                None => return Ok(cut(peek.length, "MP4 or MOV file")),
            },
            size => size,
        };
        if size < 8 || !name.iter().all(|byte| (0x20..0x7f).contains(byte) || *byte == 0xa9) {
            return Ok(Structure::broken(at, "a box of the MP4 or MOV file begins with nonsense".to_owned()));
        }
        if at.saturating_add(size) > peek.length {
            return Ok(cut(peek.length, "MP4 or MOV file"));
        }
        holds_something |= matches!(name, b"moov" | b"moof" | b"mdat" | b"meta");
        if name == b"moov" && size <= MOVIE_MAX {
            movie = Some((at, size));
        } else if name == b"moov" {
            work.leave("its description is too long to be looked into");
        }
        at += size;
        boxes += 1;
        if boxes > BOXES_MAX || !work.spend(8) {
            return Ok(Work::exhausted("MP4 or MOV file"));
        }
    }
    if !holds_something {
        let why = "nothing of a film, sound or picture follows its first box".to_owned();
        return Ok(Structure::broken(at, why));
    }
    let Some((at, size)) = movie else {
        return Ok(Structure::Framed(format!("the {boxes} boxes of the file follow each other")));
    };
    if !work.spend(size) {
        return Ok(Work::exhausted("MP4 or MOV file"));
    }
    let mut bytes = vec![0; usize::try_from(size).expect("at most MOVIE_MAX")];
    let mut done = 0;
    while done < bytes.len() {
        let piece = peek.ahead(at + done as u64)?;
        if piece.is_empty() {
            return Ok(cut(at, "MP4 or MOV file"));
        }
        let count = piece.len().min(bytes.len() - done);
        bytes[done..done + count].copy_from_slice(&piece[..count]);
        done += count;
    }
    inside(&mut peek, at, &bytes, boxes, work)
}

fn inside(peek: &mut Peek<'_>, at: u64, movie: &[u8], boxes: u64, work: &mut Work) -> io::Result<Structure> {
    let Some(tracks) = children(&movie[8..]) else {
        return Ok(Structure::broken(at, "the boxes of the film's description do not fit".to_owned()));
    };
    for (name, track) in tracks {
        if name != *b"trak" {
            continue;
        }
        let Some(table) = find(track, &[b"mdia", b"minf", b"stbl"]) else { continue };
        let Some(track) = Track::of(table) else { continue };
        if let Some(wrong) = track.verify(peek, work)? {
            return Ok(wrong);
        }
    }
    Ok(Structure::Framed(format!(
        "the {boxes} boxes of the file fit, and the coded pictures where there are such"
    )))
}

type Boxes<'a> = Vec<([u8; 4], &'a [u8])>;

/// The boxes in these bytes; `None` if they do not fit.
fn children(mut bytes: &[u8]) -> Option<Boxes<'_>> {
    let mut all = Vec::new();
    while bytes.len() >= 8 {
        let size = big32(bytes, 0) as usize;
        let name = *bytes[4..].first_chunk::<4>()?;
        // Old writers close a list with four zeros.
        if size == 0 {
            break;
        }
        if size < 8 || size > bytes.len() || all.len() > 100_000 {
            return None;
        }
        all.push((name, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    Some(all)
}

fn find<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    let (first, rest) = path.split_first()?;
    let found = children(bytes)?.into_iter().find(|(name, _)| name == *first)?.1;
    if rest.is_empty() { Some(found) } else { find(found, rest) }
}

/// Coded pictures (AVC, HEVC): where each lies, and how long the lengths in front of its pieces are.
struct Track<'a> {
    length_bytes: u64,
    chunks: &'a [u8],
    wide: bool,
    groups: &'a [u8],
    sizes: &'a [u8],
    same_size: u64,
}

impl<'a> Track<'a> {
    fn of(table: &'a [u8]) -> Option<Track<'a>> {
        let list = children(table)?;
        let get = |wanted: &[u8; 4]| list.iter().find(|(name, _)| name == wanted).map(|(_, bytes)| *bytes);
        let description = get(b"stsd")?;
        let entry = description.get(8..)?;
        let coding = entry.get(4..8)?;
        // The head of a picture's description is 86 bytes long; the settings follow as a box.
        let settings = children(entry.get(86..(big32(entry, 0) as usize).min(entry.len()))?)?;
        let length_bytes = match coding {
            b"avc1" | b"avc3" => settings.iter().find(|(name, _)| name == b"avcC")?.1.get(4)? & 3,
            b"hvc1" | b"hev1" => settings.iter().find(|(name, _)| name == b"hvcC")?.1.get(21)? & 3,
            _ => return None,
        };
        let (chunks, wide) =
            get(b"stco").map(|chunks| (chunks, false)).or(get(b"co64").map(|chunks| (chunks, true)))?;
        let sizes = get(b"stsz")?;
        Some(Track {
            length_bytes: u64::from(length_bytes) + 1,
            chunks: chunks.get(8..)?,
            wide,
            groups: get(b"stsc")?.get(8..)?,
            same_size: u64::from(big32(sizes, 4)),
            sizes: sizes.get(12..)?,
        })
    }

    fn chunk(&self, number: usize) -> Option<u64> {
        if self.wide {
            let at = self.chunks.get(number * 8..number * 8 + 8)?;
            Some(u64::from(big32(at, 0)) << 32 | u64::from(big32(at, 4)))
        } else {
            self.chunks.get(number * 4..number * 4 + 4).map(|at| u64::from(big32(at, 0)))
        }
    }

    /// Pictures of all chunks, in order.
    fn verify(&self, peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Option<Structure>> {
        let (mut group, mut sample) = (0_usize, 0_usize);
        let mut number = 0;
        while let Some(chunk) = self.chunk(number) {
            let starts = |group: usize| {
                self.groups.get(group * 12..group * 12 + 8).map(|entry| big32(entry, 0) as usize)
            };
            while starts(group + 1).is_some_and(|first| first <= number + 1) {
                group += 1;
            }
            let Some(entry) = self.groups.get(group * 12..group * 12 + 8) else { return Ok(None) };
            let mut at = chunk;
            for _ in 0..big32(entry, 4) {
                let size = match self.same_size {
                    0 => match self.sizes.get(sample * 4..sample * 4 + 4) {
                        Some(size) => u64::from(big32(size, 0)),
                        None => return Ok(None),
                    },
                    size => size,
                };
                if !work.spend(64) {
                    return Ok(Some(Work::exhausted("film")));
                }
                if at.saturating_add(size) > peek.length {
                    return Ok(Some(cut(peek.length, "film")));
                }
                if !self.picture(peek, at, at + size)? {
                    let why = format!("coded picture {} of the film does not consist of pieces", sample + 1);
                    return Ok(Some(Structure::broken(at, why)));
                }
                at += size;
                sample += 1;
            }
            number += 1;
        }
        Ok(None)
    }

    /// Pieces with their length in front, and a first bit that is never set, up to the end exactly.
    fn picture(&self, peek: &mut Peek<'_>, mut at: u64, end: u64) -> io::Result<bool> {
        while at < end {
            let head = peek.bytes(at, 5)?;
            let count = usize::try_from(self.length_bytes).expect("at most 4");
            let Some((length, rest)) = head.split_at_checked(count) else { return Ok(false) };
            let length = length.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            if rest.first().is_some_and(|first| first & 0x80 != 0 && length > 0) {
                return Ok(false);
            }
            at = at.saturating_add(self.length_bytes + length);
        }
        Ok(at == end)
    }
}
