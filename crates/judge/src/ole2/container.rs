//! The file system inside an OLE2 file: sectors, chains, the folder of streams.

use std::io;

use crate::source::{Source, little16, little32};
use crate::structure::Structure;

/// Sectors of a file that is looked at: 4 GiB of sectors of 512 bytes.
const SECTORS_MAX: u64 = 1 << 23;
const STREAMS_MAX: usize = 100_000;
const END: u32 = 0xffff_fffe;
const NOTHING: u32 = 0xffff_ffff;
/// Everything from here on is a mark, not a sector.
const MARKS: u32 = 0xffff_fffa;

pub(super) struct Stream {
    pub(super) name: String,
    /// The entry of the folder it lies in: documents inside documents have streams of the same names.
    pub(super) storage: usize,
    pub(super) size: u64,
    /// Sectors, or small sectors if `mini`.
    pub(super) chain: Vec<u32>,
    pub(super) mini: bool,
}

pub(super) struct Container {
    pub(super) sector_size: u64,
    mini_size: u64,
    /// Sectors of the stream in which all small streams lie.
    mini_stream: Vec<u32>,
    mini_bytes: u64,
    pub(super) streams: Vec<Stream>,
    /// The table of sectors: for each the next one, or a mark.
    table: Vec<u32>,
}

struct Head {
    sector_size: u64,
    mini_size: u64,
    table_sectors: u32,
    folder: u32,
    cutoff: u64,
    mini_table: u32,
    more: u32,
    first: Vec<u32>,
}

type Wrong<T> = io::Result<Result<T, Structure>>;

impl Container {
    pub(super) fn read(source: &mut dyn Source) -> Wrong<Container> {
        let length = source.length();
        let mut bytes = [0; 512];
        if source.read_at(0, &mut bytes)? < 512 {
            return Ok(Err(cut(length, "within its head")));
        }
        let head = match head(&bytes) {
            Ok(head) => head,
            Err(why) => return Ok(Err(Structure::broken(24, why.to_owned()))),
        };
        let sectors = (length.saturating_sub(head.sector_size.max(512))).div_ceil(head.sector_size);
        if sectors > SECTORS_MAX {
            return Ok(Err(Structure::Partly("is an OLE2 file larger than is looked at".to_owned())));
        }
        let (list, table) = match table(source, &head, sectors)? {
            Ok(table) => table,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let used = vec![false; table.len()];
        let layout = Layout { size: head.sector_size, length };
        let mut chains = Chains { table: &table, list: &list, layout, sectors, used, is_file: true };
        let folder = match chains.follow(head.folder, None) {
            Ok(folder) => folder,
            Err(fault) => return Ok(Err(chains.wrong(fault, "the folder of its streams", 48))),
        };
        let mini_list = match chains.follow(head.mini_table, None) {
            Ok(chain) => chain,
            Err(fault) => return Ok(Err(chains.wrong(fault, "its table of small sectors", 60))),
        };
        let entries = match entries(source, &folder, head.sector_size)? {
            Ok(entries) => entries,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let mini_table = numbers(source, &mini_list, head.sector_size)?;
        let (mini_stream, streams) = match streams(&head, &entries, &mut chains, &mini_table, &mini_list) {
            Ok(found) => found,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let (sector_size, mini_size, mini_bytes) = (head.sector_size, head.mini_size, entries[0].size);
        Ok(Ok(Container { sector_size, mini_size, mini_stream, mini_bytes, streams, table }))
    }

    pub(super) fn find(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name.eq_ignore_ascii_case(name))
    }

    /// In the same folder as another one.
    pub(super) fn find_beside(&self, other: &Stream, name: &str) -> Option<&Stream> {
        let beside =
            |stream: &&Stream| stream.storage == other.storage && stream.name.eq_ignore_ascii_case(name);
        self.streams.iter().find(beside)
    }

    /// Sectors that belong to nothing: place and size.
    pub(super) fn free(&self, length: u64) -> Vec<(u64, usize)> {
        let layout = Layout { size: self.sector_size, length };
        let size = usize::try_from(self.sector_size).expect("512 or 4096");
        let is_free = |(sector, next): (u32, &u32)| {
            let at = layout.place(sector);
            (*next == NOTHING && at + self.sector_size <= length).then_some((at, size))
        };
        (0..).zip(&self.table).filter_map(is_free).collect()
    }

    /// The rests of the last sectors of all streams, and of the one in which the small ones lie: place and size.
    pub(super) fn slack(&self) -> Vec<(u64, usize)> {
        let rest = |chain: &[u32], bytes: u64| {
            let used = bytes % self.sector_size;
            let last = chain.get(usize::try_from(bytes / self.sector_size).ok()?)?;
            let at = self.sector_size.max(512) + u64::from(*last) * self.sector_size + used;
            let size = usize::try_from(self.sector_size - used).ok()?;
            (used > 0).then_some((at, size))
        };
        let large = self.streams.iter().filter(|stream| !stream.mini);
        let small = rest(&self.mini_stream, self.mini_bytes);
        large.filter_map(|stream| rest(&stream.chain, stream.size)).chain(small).collect()
    }

    /// Where in the file a place of a stream lies.
    pub(super) fn place(&self, stream: &Stream, at: u64) -> u64 {
        let size = if stream.mini { self.mini_size } else { self.sector_size };
        let nth = |chain: &[u32], number: u64| {
            usize::try_from(number).ok().and_then(|number| chain.get(number).copied()).map(u64::from)
        };
        let Some(sector) = nth(&stream.chain, at / size) else { return 0 };
        if !stream.mini {
            return self.sector_size.max(512) + sector * self.sector_size + at % size;
        }
        let inside = sector * self.mini_size + at % size;
        let outer = nth(&self.mini_stream, inside / self.sector_size);
        outer.map_or(0, |outer| {
            self.sector_size.max(512) + outer * self.sector_size + inside % self.sector_size
        })
    }

    pub(super) fn reader<'a>(&'a self, source: &'a mut dyn Source, stream: &'a Stream) -> Reader<'a> {
        Reader { container: self, source, stream }
    }
}

/// A stream, read where one wants to read.
pub(super) struct Reader<'a> {
    container: &'a Container,
    source: &'a mut dyn Source,
    stream: &'a Stream,
}

impl Source for Reader<'_> {
    fn length(&self) -> u64 {
        self.stream.size
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let size = if self.stream.mini { self.container.mini_size } else { self.container.sector_size };
        let wanted = usize::try_from(self.stream.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = wanted.min(into.len());
        let mut done = 0;
        while done < wanted {
            let at = offset + done as u64;
            let place = self.container.place(self.stream, at);
            // Sectors that lie behind each other are read at once.
            let mut piece = size - at % size;
            while piece < (wanted - done) as u64
                && self.container.place(self.stream, at + piece) == place + piece
            {
                piece += size;
            }
            let count = usize::try_from(piece).unwrap_or(usize::MAX).min(wanted - done);
            if place == 0 {
                break;
            }
            let read = self.source.read_at(place, &mut into[done..done + count])?;
            done += read;
            if read < count {
                break;
            }
        }
        Ok(done)
    }
}

fn head(bytes: &[u8; 512]) -> Result<Head, &'static str> {
    let shift = little16(bytes, 30);
    if little16(bytes, 28) != 0xfffe || !matches!(shift, 9 | 12) || little16(bytes, 32) != 6 {
        return Err("its head holds values that cannot be");
    }
    let table_sectors = little32(bytes, 44);
    Ok(Head {
        sector_size: 1 << shift,
        mini_size: 64,
        table_sectors,
        folder: little32(bytes, 48),
        cutoff: u64::from(little32(bytes, 56)),
        mini_table: little32(bytes, 60),
        more: little32(bytes, 68),
        first: (0..109).map(|at| little32(bytes, 76 + at * 4)).collect(),
    })
}

fn cut(length: u64, place: &str) -> Structure {
    Structure::Cut { at: length, why: format!("the OLE2 file ends {place}") }
}

/// The table of sectors, itself spread over sectors that are listed in the head and behind it.
/// Which sectors those are, and what stands in them.
fn table(source: &mut dyn Source, head: &Head, sectors: u64) -> Wrong<(Vec<u32>, Vec<u32>)> {
    let mut list: Vec<u32> = head.first.iter().copied().take_while(|sector| *sector < MARKS).collect();
    let mut more = head.more;
    let each = usize::try_from(head.sector_size / 4).expect("small");
    let mut steps = 0;
    while more < MARKS && u64::from(more) < sectors && steps <= sectors {
        let entries = numbers(source, &[more], head.sector_size)?;
        list.extend(entries[..each - 1].iter().copied().take_while(|sector| *sector < MARKS));
        more = entries[each - 1];
        steps += each as u64;
    }
    list.truncate(usize::try_from(head.table_sectors).unwrap_or(usize::MAX));
    if list.is_empty() {
        return Ok(Err(Structure::broken(76, "names no table of its sectors".to_owned())));
    }
    if let Some(outside) = list.iter().find(|sector| u64::from(**sector) >= sectors) {
        let length = source.length();
        // A file that was cut off still says honestly where its table was.
        return Ok(Err(if list.iter().all(|sector| u64::from(*sector) < sectors * 64 + 64) {
            cut(length, "before the table of its sectors")
        } else {
            Structure::broken(76, format!("names sector {outside}, which does not exist, as its table"))
        }));
    }
    let numbers = numbers(source, &list, head.sector_size)?;
    Ok(Ok((list, numbers)))
}

/// The numbers in some sectors; what lies behind the end reads as nothing.
fn numbers(source: &mut dyn Source, sectors: &[u32], size: u64) -> io::Result<Vec<u32>> {
    let bytes_each = usize::try_from(size).expect("512 or 4096");
    let mut all = Vec::with_capacity(sectors.len() * bytes_each / 4);
    let mut bytes = vec![0; bytes_each];
    for sector in sectors {
        bytes.fill(0xff);
        source.read_at(size.max(512) + u64::from(*sector) * size, &mut bytes)?;
        all.extend((0..bytes_each / 4).map(|at| little32(&bytes, at * 4)));
    }
    Ok(all)
}

#[derive(Clone, Copy)]
struct Layout {
    size: u64,
    length: u64,
}

impl Layout {
    fn place(self, sector: u32) -> u64 {
        (self.size.max(512) + u64::from(sector) * self.size).min(self.length)
    }
}

struct Chains<'a> {
    table: &'a [u32],
    /// The sectors in which the table stands.
    list: &'a [u32],
    layout: Layout,
    sectors: u64,
    used: Vec<bool>,
    /// Of the sectors of the file, not of the small ones in their stream.
    is_file: bool,
}

/// What is wrong with a chain, and behind which sector; behind none if it does not even begin.
#[derive(Clone, Copy)]
struct ChainFault {
    what: ChainFaultKind,
    behind: Option<u32>,
}

#[derive(Clone, Copy)]
enum ChainFaultKind {
    Outside(u32),
    Shared(u32),
    Unmarked,
    Short,
}

impl Chains<'_> {
    /// From sector to sector up to the end mark; with a number of sectors, that many at least.
    fn follow(&mut self, start: u32, wanted: Option<u64>) -> Result<Vec<u32>, ChainFault> {
        let mut chain = Vec::new();
        let mut next = start;
        while next != END && !(next == NOTHING && chain.is_empty()) {
            if wanted.is_some_and(|wanted| chain.len() as u64 >= wanted) && next >= MARKS {
                break;
            }
            let behind = chain.last().copied();
            let fault = |what| Err(ChainFault { what, behind });
            if next >= MARKS {
                return fault(ChainFaultKind::Unmarked);
            }
            let place = next as usize;
            if u64::from(next) >= self.sectors || place >= self.table.len() {
                return fault(ChainFaultKind::Outside(next));
            }
            if std::mem::replace(&mut self.used[place], true) {
                return fault(ChainFaultKind::Shared(next));
            }
            chain.push(next);
            next = self.table[place];
        }
        if wanted.is_some_and(|wanted| (chain.len() as u64) < wanted) {
            return Err(ChainFault { what: ChainFaultKind::Short, behind: chain.last().copied() });
        }
        Ok(chain)
    }

    fn of_stream(&mut self, entry: &Entry, each: u64) -> Result<Vec<u32>, Structure> {
        self.follow(entry.start, Some(entry.size.div_ceil(each)))
            .map_err(|fault| self.wrong(fault, &format!("stream `{}`", entry.name), entry.at))
    }

    /// In words, at the place of the number that is wrong: in the table, or, if the chain does not begin, at `start`.
    fn wrong(&self, fault: ChainFault, what: &str, start: u64) -> Structure {
        let each = u32::try_from(self.layout.size / 4).expect("128 or 1024");
        let in_table = fault
            .behind
            .and_then(|sector| self.list.get((sector / each) as usize))
            .map(|sector| self.layout.place(*sector));
        let at = in_table.unwrap_or(start);
        let why = match fault.what {
            // A file that was cut off still says honestly where its sectors were.
            ChainFaultKind::Outside(sector)
                if self.is_file && u64::from(sector) * self.layout.size < self.layout.length * 64 =>
            {
                let why = format!("the OLE2 file ends before the end of {what}");
                return Structure::Cut { at: self.layout.length, why };
            }
            ChainFaultKind::Outside(sector) => {
                format!("leads to {}sector {sector}, which does not exist", self.small())
            }
            ChainFaultKind::Shared(sector) => {
                format!("runs into {}sector {sector}, which belongs to something else", self.small())
            }
            ChainFaultKind::Unmarked => "breaks off without an end".to_owned(),
            ChainFaultKind::Short => "is shorter than its stated size".to_owned(),
        };
        Structure::broken(at, format!("the chain of {what} {why}"))
    }

    /// Small sectors lie in a stream that was followed already: they cannot be cut off.
    fn small(&self) -> &'static str {
        if self.is_file { "" } else { "small " }
    }
}

struct Entry {
    name: String,
    kind: u8,
    /// Where the entry stands in the file.
    at: u64,
    /// Left and right of it in the same folder, and the first one in it if it is a folder.
    left: u32,
    right: u32,
    child: u32,
    start: u32,
    size: u64,
}

fn entries(source: &mut dyn Source, folder: &[u32], size: u64) -> Wrong<Vec<Entry>> {
    let mut all = Vec::new();
    let mut bytes = vec![0; usize::try_from(size).expect("512 or 4096")];
    let count = folder.len() as u64 * size / 128;
    let exists = |number: u32| number == NOTHING || u64::from(number) < count;
    for sector in folder {
        let at = size.max(512) + u64::from(*sector) * size;
        let read = source.read_at(at, &mut bytes)?;
        for (number, entry) in (0..).zip(bytes[..read].chunks_exact(128)) {
            let (name_bytes, kind) = (usize::from(little16(entry, 64)), entry[66]);
            let place = at + number * 128;
            let fits = matches!(kind, 0 | 1 | 2 | 5)
                && name_bytes <= 64
                && entry[67] <= 1
                && (kind == 0 || [68, 72, 76].into_iter().all(|field| exists(little32(entry, field))));
            if !fits || (all.is_empty() && kind != 5) {
                let why = format!("entry {} in the folder of its streams is no entry", all.len());
                return Ok(Err(Structure::broken(at, why)));
            }
            let units: Vec<u16> = entry[..name_bytes.saturating_sub(2)]
                .chunks_exact(2)
                .map(|two| u16::from_le_bytes([two[0], two[1]]))
                .collect();
            // Sectors of 512 bytes leave the upper half of the size to chance.
            let high = if size == 512 { 0 } else { u64::from(little32(entry, 124)) << 32 };
            all.push(Entry {
                name: String::from_utf16_lossy(&units),
                kind,
                at: place,
                left: little32(entry, 68),
                right: little32(entry, 72),
                child: little32(entry, 76),
                start: little32(entry, 116),
                size: u64::from(little32(entry, 120)) | high,
            });
            if all.len() > STREAMS_MAX {
                return Ok(Err(Structure::Partly(
                    "is an OLE2 file of more streams than are looked at".to_owned(),
                )));
            }
        }
    }
    if all.is_empty() {
        return Ok(Err(cut(source.length(), "before the folder of its streams")));
    }
    Ok(Ok(all))
}

/// For each entry the folder it lies in. Entries that no folder leads to lie in the root.
fn storages(entries: &[Entry]) -> Vec<usize> {
    let mut storages = vec![0; entries.len()];
    let mut seen = vec![false; entries.len()];
    let mut open = vec![(0, 0)];
    while let Some((number, storage)) = open.pop() {
        let Some(entry) = entries.get(number).filter(|_| !std::mem::replace(&mut seen[number], true)) else {
            continue;
        };
        storages[number] = storage;
        let beside = [entry.left, entry.right].map(|next| (next as usize, storage));
        let inside = (entry.child as usize, number);
        open.extend(beside.into_iter().chain([inside]).filter(|(next, _)| *next < entries.len()));
    }
    storages
}

fn streams(
    head: &Head,
    entries: &[Entry],
    chains: &mut Chains<'_>,
    mini_table: &[u32],
    mini_list: &[u32],
) -> Result<(Vec<u32>, Vec<Stream>), Structure> {
    let root = &entries[0];
    let mini_stream = match root.size {
        0 => Vec::new(),
        size => chains
            .follow(root.start, Some(size.div_ceil(head.sector_size)))
            .map_err(|fault| chains.wrong(fault, "its small streams", root.at))?,
    };
    let mut small = Chains {
        table: mini_table,
        list: mini_list,
        layout: chains.layout,
        sectors: mini_stream.len() as u64 * head.sector_size / head.mini_size,
        used: vec![false; mini_table.len()],
        is_file: false,
    };
    let mut streams = Vec::new();
    let storages = storages(entries);
    let held = entries.iter().zip(storages).filter(|(entry, _)| entry.kind == 2 && entry.size > 0);
    for (entry, storage) in held {
        let mini = entry.size < head.cutoff;
        let chain = if mini {
            small.of_stream(entry, head.mini_size)
        } else {
            chains.of_stream(entry, head.sector_size)
        }?;
        streams.push(Stream { name: entry.name.clone(), storage, size: entry.size, chain, mini });
    }
    Ok((mini_stream, streams))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(left: u32, right: u32, child: u32) -> Entry {
        Entry { name: String::new(), kind: 2, at: 0, left, right, child, start: 0, size: 0 }
    }

    #[test]
    fn every_entry_knows_its_folder_and_a_circle_ends() {
        let none = NOTHING;
        // The root holds 1 and, beside it, 2 and 3; 2 is a folder that holds 4, and 4 leads back to 1.
        let entries = [
            entry(none, none, 1),
            entry(2, 3, none),
            entry(none, none, 4),
            entry(none, none, none),
            entry(1, 9, none),
        ];
        assert_eq!(storages(&entries), [0, 0, 0, 0, 2]);
    }
}
