//! PDF: its head, its end, the table of its objects, and every stream compressed with Flate.
//!
//! A Flate stream carries a checksum, so damage inside it shows. Pictures in other codings and streams
//! without coding are passed over: damage that hits only those is not seen here.

use std::io::{BufReader, Read};

use crate::inflate::Inflater;
use crate::jpeg;
use crate::source::{At, Part, Source, is_format_error};
use crate::statistics::{self, Statistics, WINDOW};
use crate::structure::Structure;
use crate::work::Work;

/// The table of objects may lie this far from where the end says.
const NEAR: usize = 16;
const PIECE: usize = 32 * 1024;
/// Streams looked at per file.
const STREAMS_MAX: u32 = 100_000;
/// The dictionary before a stream is looked for in so many bytes.
const HEAD_MAX: usize = 4096;

pub(super) fn check(
    source: &mut dyn Source,
    statistics: &Statistics,
    work: &mut Work,
) -> std::io::Result<Structure> {
    let length = source.length();
    let mut tail = vec![0; 2048];
    let from = length.saturating_sub(2048);
    let read = source.read_at(from, &mut tail)?;
    let tail = &tail[..read];
    let Some(end) = rfind(tail, b"%%EOF") else {
        return without_end(source, statistics, work);
    };
    let table = rfind(&tail[..end], b"startxref").and_then(|at| number(&tail[at + 9..end]));
    let Some(table) = table else {
        return Ok(Structure::broken(from, "does not say where its table of objects lies".to_owned()));
    };
    // Some programs put bytes before the head; then every offset is counted from the head.
    let mut head = [0; 1024];
    let read = source.read_at(0, &mut head)?;
    let shift = find(&head[..read], b"%PDF-").unwrap_or(0) as u64;
    if let Some(wrong) = table_at(source, table, shift)? {
        return Ok(wrong);
    }
    let trailing = tail.len() - end - 5;
    if trailing > 1024 {
        return Ok(Structure::Trailing { at: length - trailing as u64, bytes: trailing as u64 });
    }
    let mut at_table = [0; 2048];
    let read_table = source.read_at(table.saturating_add(shift), &mut at_table)?;
    if [tail, &head[..read], &at_table[..read_table]]
        .into_iter()
        .any(|part| find(part, b"/Encrypt").is_some())
    {
        return Ok(Structure::Declared("PDF with a password or restricted rights (/Encrypt)".to_owned()));
    }
    let mut walk = Walk::new(work);
    if let Some(wrong) = walk.streams(source)? {
        return Ok(wrong);
    }
    Ok(walk.answer(source.length(), statistics))
}

/// A PDF that was cut off is right up to its last byte; one whose end was encrypted is not.
fn without_end(
    source: &mut dyn Source,
    statistics: &Statistics,
    work: &mut Work,
) -> std::io::Result<Structure> {
    let length = source.length();
    let mut walk = Walk::new(work);
    let wrong = walk.streams(source)?;
    Ok(match wrong.unwrap_or_else(|| walk.answer(length, statistics)) {
        Structure::Random { at, why } => {
            Structure::Random { at, why: format!("its end mark is gone, and it {why}") }
        }
        Structure::Broken { at, why, .. } => {
            Structure::broken(at, format!("its end mark is gone, and {why}"))
        }
        _ => Structure::Cut { at: length, why: "the PDF ends before its end mark".to_owned() },
    })
}

/// The table of objects: the classic one is checked entry by entry, a compressed one is a stream.
fn table_at(source: &mut dyn Source, table: u64, shift: u64) -> std::io::Result<Option<Structure>> {
    let mut bytes = vec![0; 64 * 1024];
    // Some writers miss by a few bytes; readers forgive that, and so does this.
    let from = table.saturating_add(shift).saturating_sub(NEAR as u64);
    let read = source.read_at(from, &mut bytes)?;
    let exact = usize::try_from(table.saturating_add(shift) - from).expect("at most NEAR").min(read);
    let near = find(&bytes[..read.min(2 * NEAR + 4)], b"xref").unwrap_or(exact);
    let text = bytes[near..read].trim_ascii_start();
    let wrong = |at| Some(Structure::broken(at, "its table of objects is not where its end says".to_owned()));
    if text.first().is_some_and(u8::is_ascii_digit) {
        let object = find(&text[..text.len().min(40)], b" obj").is_some();
        return Ok(if object { None } else { wrong(table) });
    }
    let Some(mut rest) = text.strip_prefix(b"xref") else { return Ok(wrong(table)) };
    // `first count`, then `count` lines of 20 bytes: ten digits of offset, five of version, n or f.
    rest = rest.trim_ascii_start();
    while rest.first().is_some_and(u8::is_ascii_digit) {
        let Some(line_end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else { break };
        let mut words = rest[..line_end].split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let (Some(first), Some(count)) = (words.next().and_then(number), words.next().and_then(number))
        else {
            return Ok(wrong(table));
        };
        rest = rest[line_end..].trim_ascii_start();
        for object in first..first.saturating_add(count.min(100_000)) {
            let Some(line) = rest.get(..18) else { return Ok(None) };
            if !matches!(line[17], b'n' | b'f') {
                return Ok(Some(Structure::broken(table, "its table of objects holds nonsense".to_owned())));
            }
            if line[17] == b'n' && !object_at(source, number(&line[..10]), object, shift)? {
                let at = number(&line[..10]).unwrap_or(table);
                return Ok(Some(Structure::broken(
                    at,
                    format!("object {object} is not where its table says"),
                )));
            }
            rest = rest[18..].trim_ascii_start();
        }
    }
    Ok(None)
}

fn object_at(source: &mut dyn Source, at: Option<u64>, object: u64, shift: u64) -> std::io::Result<bool> {
    // Offset zero is what careless writers put for objects that do not exist.
    let Some(at) = at.filter(|at| *at > 0) else { return Ok(true) };
    // Some writers miss by a few bytes; readers forgive that, and so does this.
    let mut bytes = [0; 2 * NEAR + 32];
    let from = at.saturating_add(shift).saturating_sub(NEAR as u64);
    let read = source.read_at(from, &mut bytes)?;
    let exact = usize::try_from(at.saturating_add(shift) - from).expect("at most NEAR").min(read);
    if number(bytes[exact..read].trim_ascii_start()) == Some(object) {
        return Ok(true);
    }
    let written = format!("{object} ");
    Ok(find(&bytes[..read], b" obj").is_some_and(|end| find(&bytes[..end], written.as_bytes()).is_some()))
}

/// A picture that is a JPEG as it stands, with nothing around it.
fn is_jpeg(head: &[u8]) -> bool {
    let has = |what: &[u8]| find(head, what).is_some();
    has(b"/DCTDecode") && !has(b"/FlateDecode") && !has(b"/ASCII") && !has(b"/Crypt") && !has(b"/LZW")
}

fn picture(
    source: &mut dyn Source,
    at: u64,
    size: u64,
    work: &mut Work,
) -> std::io::Result<Option<Structure>> {
    let mut part = Part { source, from: at, length: size };
    let mut magic = [0; 2];
    part.read_at(0, &mut magic)?;
    let broken = match jpeg::check(&mut part, work)? {
        _ if magic != [0xff, 0xd8] => Some((0, "does not begin as one".to_owned())),
        Structure::Broken { at, why, .. } => Some((at, why)),
        _ => None,
    };
    Ok(broken.map(|(inner, why)| Structure::Broken {
        at: at + inner,
        why: format!("a JPEG picture in it is broken: {why}"),
        framing: false,
    }))
}

enum Inflated {
    /// So many compressed bytes.
    Used(u64),
    CutOff,
    /// Does not unpack, or does not fit its checksum.
    Wrong,
}

/// One pass over the file from stream to stream.
struct Walk<'a> {
    /// Where coded streams lie: even bytes are normal there.
    coded: Vec<(u64, u64)>,
    work: &'a mut Work,
    inflater: Inflater,
    streams: u32,
    cut_short: bool,
    /// No stream ends from here on: looked for once, not again for each of thousands that pretend to begin.
    no_end_from: u64,
}

impl<'a> Walk<'a> {
    fn new(work: &'a mut Work) -> Walk<'a> {
        let inflater = Inflater::new();
        Walk { coded: Vec::new(), work, inflater, streams: 0, cut_short: false, no_end_from: u64::MAX }
    }

    fn streams(&mut self, source: &mut dyn Source) -> std::io::Result<Option<Structure>> {
        let length = source.length();
        let mut at = 0;
        let mut piece = Piece::new();
        while at < length {
            let (bytes, is_fresh) = piece.from(source, at)?;
            if bytes.is_empty() {
                break;
            }
            let Some(found) = find_stream(bytes) else {
                // A dictionary could lie across the border of two pieces.
                match bytes.len() {
                    PIECE => at += (PIECE - HEAD_MAX) as u64,
                    read if is_fresh => at += read as u64,
                    _ => piece.read = 0,
                }
                continue;
            };
            self.streams += 1;
            if self.streams > STREAMS_MAX {
                self.cut_short = true;
                break;
            }
            let head = &bytes[found.head_from..found.word];
            let flate_only = find(head, b"/FlateDecode").is_some()
                && find(head, b"/DCTDecode").is_none()
                && find(head, b"/ASCII").is_none()
                && find(head, b"/Crypt").is_none();
            let is_coded = find(head, b"/Filter").is_some();
            let data_at = at + found.data as u64;
            // The length may stand in another object; then the compressed data itself says where it ends.
            let stated = find(head, b"/Length ").and_then(|at| direct_number(&head[at + 8..]));
            let behind = if flate_only && !self.work.is_spent() {
                match self.inflate(source, data_at, stated)? {
                    Inflated::Used(used) => data_at + used,
                    Inflated::CutOff => {
                        return Ok(Some(Structure::Cut {
                            at: length,
                            why: "the PDF ends in the middle".to_owned(),
                        }));
                    }
                    Inflated::Wrong => {
                        let why = "a compressed part of the PDF does not fit its checksum".to_owned();
                        return Ok(Some(Structure::Broken { at: data_at, why, framing: false }));
                    }
                }
            } else {
                if flate_only {
                    self.cut_short = true;
                }
                let size = match stated {
                    Some(size) => size.min(length - data_at),
                    None => self.size_to_end(source, data_at)?,
                };
                let is_picture = is_jpeg(head) && size > 0;
                if is_coded && !is_picture && !flate_only && size > 0 {
                    self.work.leave("streams in it are coded in a way that is not decoded");
                }
                if let Some(wrong) =
                    if is_picture { picture(source, data_at, size, self.work)? } else { None }
                {
                    return Ok(Some(wrong));
                }
                data_at + size
            };
            // Fonts of the first kind are scrambled by their own rule.
            let is_font = find(head, b"/Length1").is_some();
            if is_coded || is_font || is_opaque(source, data_at, behind)? {
                self.coded.push((data_at, behind));
            }
            at = behind.max(data_at);
        }
        Ok(None)
    }

    fn inflate(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        stated: Option<u64>,
    ) -> std::io::Result<Inflated> {
        let length = source.length();
        let to = match stated {
            Some(size) => at.saturating_add(size).min(length),
            None => {
                let size = self.size_to_end(source, at)?;
                end_of_data(source, at + size)?
            }
        };
        // Looking for the end and reading up to it is work: one far end may stand behind thousands of streams.
        // A stream may be said to begin behind the end.
        if to > at
            && self.work.spend(to - at)
            && let Some(unpacked) = self.inflater.zlib(source, at, to)?
        {
            self.cut_short |= !self.work.spend(unpacked);
            return Ok(Inflated::Used(to - at));
        }
        let reader = BufReader::with_capacity(16 * 1024, At::new(source, at, length));
        let mut decoder = flate2::bufread::ZlibDecoder::new(reader);
        let mut piece = vec![0; 64 * 1024];
        loop {
            match decoder.read(&mut piece) {
                Ok(0) => return Ok(Inflated::Used(decoder.total_in())),
                Ok(read) => {
                    self.work.spend(read as u64);
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(Inflated::CutOff);
                }
                Err(error) if is_format_error(&error) => return Ok(Inflated::Wrong),
                Err(error) => return Err(error),
            }
            if self.work.is_spent() {
                self.cut_short = true;
                return Ok(Inflated::Used(decoder.total_in()));
            }
        }
    }

    fn answer(&self, length: u64, statistics: &Statistics) -> Structure {
        let window = WINDOW as u64;
        let outside = |at: u64| self.coded.iter().all(|(from, to)| at + window <= *from || at >= *to);
        let odd = (0..length / window).map(|number| number * window).find(|at| {
            let number = usize::try_from(at / window).unwrap_or(usize::MAX);
            statistics.even_window(number) && outside(*at)
        });
        if let Some(at) = odd {
            let why = "looks random where the PDF has nothing compressed".to_owned();
            return Structure::Random { at, why };
        }
        if self.cut_short {
            return Structure::Partly("is a PDF that unpacks to more than is looked at".to_owned());
        }
        Structure::Whole("PDF table, objects and compressed parts fit together".to_owned())
    }

    /// Of a stream whose length stands in another object; 0 if it has no end.
    fn size_to_end(&mut self, source: &mut dyn Source, from: u64) -> std::io::Result<u64> {
        if from >= self.no_end_from {
            return Ok(0);
        }
        let end = find_end(source, from)?;
        if end.is_none() {
            self.no_end_from = from;
        }
        Ok(end.unwrap_or(from) - from)
    }
}

/// Illustrator keeps data of its own in streams that do not say how they are packed. Such a stream is packed from end to
/// end, and ends where its length says; one of which a part was encrypted is not.
fn is_opaque(source: &mut dyn Source, from: u64, to: u64) -> std::io::Result<bool> {
    if to.saturating_sub(from) < 1024 || !ends_there(source, to)? {
        return Ok(false);
    }
    let mut piece = vec![0; PIECE];
    if source.read_at(from, &mut piece)? > 0 && piece.starts_with(b"%AI12_CompressedData") {
        return Ok(true);
    }
    let mut at = from;
    while at < to {
        let wanted = usize::try_from(to - at).unwrap_or(PIECE).min(PIECE);
        let read = source.read_at(at, &mut piece[..wanted])?;
        if read == 0 || !statistics::is_opaque(&piece[..read]) {
            return Ok(false);
        }
        at += read as u64;
    }
    Ok(true)
}

/// The file from some place on, read in pieces, of which one may hold many streams.
struct Piece {
    bytes: Vec<u8>,
    from: u64,
    read: usize,
}

impl Piece {
    fn new() -> Piece {
        Piece { bytes: vec![0; PIECE], from: 0, read: 0 }
    }

    /// What stands there, and whether it is all that is read at once: read anew where little of the piece is left.
    fn from(&mut self, source: &mut dyn Source, at: u64) -> std::io::Result<(&[u8], bool)> {
        let passed = at.checked_sub(self.from).and_then(|passed| usize::try_from(passed).ok());
        if let Some(passed) = passed.filter(|passed| passed + 2 * HEAD_MAX <= self.read) {
            return Ok((&self.bytes[passed..self.read], passed == 0));
        }
        self.read = source.read_at(at, &mut self.bytes)?;
        self.from = at;
        Ok((&self.bytes[..self.read], true))
    }
}

/// Where the data ends if `endstream` stands here: an end of line may stand between.
fn end_of_data(source: &mut dyn Source, mark: u64) -> std::io::Result<u64> {
    let mut before = [0; 2];
    let read = source.read_at(mark.saturating_sub(2), &mut before)?;
    Ok(match &before[..read] {
        b"\r\n" => mark - 2,
        [_, b'\n' | b'\r'] => mark - 1,
        _ => mark,
    })
}

/// Where the stream ends whose length stands in another object.
fn find_end(source: &mut dyn Source, from: u64) -> std::io::Result<Option<u64>> {
    const MARK: &[u8] = b"endstream";
    let mut piece = vec![0; PIECE];
    let mut at = from;
    loop {
        let read = source.read_at(at, &mut piece)?;
        if let Some(found) = find(&piece[..read], MARK) {
            return Ok(Some(at + found as u64));
        }
        if read < PIECE {
            return Ok(None);
        }
        at += (PIECE - MARK.len()) as u64;
    }
}

/// Whether the stream ends where its length says.
fn ends_there(source: &mut dyn Source, at: u64) -> std::io::Result<bool> {
    let mut bytes = [0; 16];
    let read = source.read_at(at, &mut bytes)?;
    Ok(bytes[..read].trim_ascii_start().starts_with(b"endstream"))
}

struct StreamPlace {
    head_from: usize,
    word: usize,
    data: usize,
}

/// The next `stream` that opens one (not `endstream`), with the dictionary before it.
fn find_stream(bytes: &[u8]) -> Option<StreamPlace> {
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], b"stream") {
        let word = from + at;
        from = word + 6;
        if word >= 3 && &bytes[word - 3..word] == b"end" {
            continue;
        }
        let data = match bytes.get(word + 6..word + 8) {
            Some([b'\r', b'\n']) => word + 8,
            Some([b'\n' | b'\r', _]) => word + 7,
            _ => continue,
        };
        let earliest = word.saturating_sub(HEAD_MAX);
        let head_from = rfind(&bytes[earliest..word], b" obj").map_or(earliest, |at| earliest + at);
        if bytes[head_from..word].trim_ascii_end().ends_with(b">>") {
            return Some(StreamPlace { head_from, word, data });
        }
    }
    None
}

/// A number that is the length itself, not a reference to an object (`12 0 R`).
fn direct_number(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.trim_ascii_start();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = bytes[digits..].trim_ascii_start();
    if rest.first().is_some_and(u8::is_ascii_digit) { None } else { number(bytes) }
}

fn number(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.trim_ascii_start();
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&bytes[..digits]).ok()?.parse().ok()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, what)
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(bytes, what)
}
