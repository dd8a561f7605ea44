//! What looks like an attack and is none, and what an attack looks like where no checker reads everything.

use super::specimens::{self, Dice, attacked, promised, text, zlib};
use std::io;

use crate::statistics::{Statistics, count};
use crate::structure::Structure;
use crate::work::Work;
use crate::*;

fn judged(name: &str, bytes: &[u8]) -> Judgement {
    judge_bytes(name, bytes)
}

fn assert_clean(name: &str, bytes: &[u8]) {
    let judgement = judged(name, bytes);
    assert!(judgement.verdict.is_clean(), "{name}: {judgement:?}");
}

fn assert_bad(name: &str, bytes: &[u8]) {
    let judgement = judged(name, bytes);
    assert!(!judgement.verdict.is_clean(), "{name}: {judgement:?}");
}

/// From `from` on as a cipher leaves it.
fn encrypted_from(bytes: &[u8], from: usize, seed: u64) -> Vec<u8> {
    [&bytes[..from], &Dice::new(seed).bytes(bytes.len() - from)].concat()
}

/// A table of numbers of a program that nobody knows.
fn table(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| (number % 1000).to_le_bytes()).take(length).collect()
}

#[test]
fn what_is_packed_with_zlib_needs_no_ending_as_the_objects_of_git_have_none() {
    let name = "03e86cc90d2d213df60caa4385f06e3987124a";
    let photo = Dice::new(1).bytes(30_000);
    let object = specimens::zlib(&[&b"blob 30000\0"[..], &photo].concat());
    assert_eq!(judged(name, &object).verdict, Verdict::Clean);
    assert_bad(name, &encrypted_from(&object, 0, 2));
    assert_bad(name, &encrypted_from(&object, 4096, 3));
    let behind_a_length = [&[0, 0, 0x75, 0x30][..], &specimens::zlib(&specimens::text(4, 30_000))].concat();
    assert_clean("base.rdb", &behind_a_length);
    assert_bad("base.rdb", &encrypted_from(&behind_a_length, 0, 5));
}

#[test]
fn a_file_of_no_known_type_that_is_random_from_its_middle_to_its_end_is_suspicious() {
    let plain = table(40_000);
    assert_clean("values.abc", &plain);
    assert_eq!(judged("values.abc", &encrypted_from(&plain, 8192, 1)).verdict, Verdict::Suspicious);
    let mut with_an_end = encrypted_from(&plain, 8192, 2);
    with_an_end.extend(table(3000));
    assert_clean("values.abc", &with_an_end);
    // Three of its five windows of 4 KiB, and the two between them plainly not.
    let mut by_turns = plain[..20_480].to_vec();
    for window in [0, 2, 4] {
        by_turns[window * 4096..][..4096].copy_from_slice(&Dice::new(window as u64 + 9).bytes(4096));
    }
    assert_bad("values.abc", &by_turns);
}

fn record(kind: u32, content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len() + 8).unwrap();
    [&kind.to_le_bytes()[..], &size.to_le_bytes(), content].concat()
}

#[test]
fn the_records_of_a_metafile_lead_to_its_last_one() {
    let mut head = vec![0; 80];
    head[32..36].copy_from_slice(b" EMF");
    let lines: Vec<u8> =
        (0..2000_u32).flat_map(|at| record(54, &[at, at + 1].map(u32::to_le_bytes).concat())).collect();
    let end = record(14, &[0; 12]);
    let drawing = [record(1, &head), lines, end].concat();
    assert_eq!(judged("a.emf", &drawing).verdict, Verdict::Clean);
    assert_eq!(judged("a.emf", &drawing[..20_000]).verdict, Verdict::Damaged);
    assert_eq!(judged("a.emf", &encrypted_from(&drawing, 4096, 1)).verdict, Verdict::Encrypted);

    let mut old = vec![1, 0, 9, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for _ in 0..2000 {
        old.extend([5, 0, 0, 0, 0x13, 0x02, 7, 0, 9, 0]);
    }
    old.extend([3, 0, 0, 0, 0, 0]);
    assert_eq!(judged("a.wmf", &old).verdict, Verdict::Clean);
    assert_bad("a.wmf", &old[..9000]);
    assert_bad("a.wmf", &encrypted_from(&old, 4096, 2));
}

#[test]
fn the_tables_of_a_font_fit_their_sums_or_at_least_do_not_look_random() {
    let outlines = table(40_000);
    let sum = outlines
        .chunks(4)
        .fold(0_u32, |sum, four| sum.wrapping_add(u32::from_be_bytes(four.try_into().unwrap())));
    let entry = |sum: u32| {
        [&b"glyf"[..], &sum.to_be_bytes(), &28_u32.to_be_bytes(), &40_000_u32.to_be_bytes()].concat()
    };
    let font = |sum: u32| [&[0, 1, 0, 0, 0, 1, 0, 16, 0, 0, 0, 0][..], &entry(sum), &outlines].concat();
    assert_eq!(judged("a.ttf", &font(sum)).verdict, Verdict::Clean);
    assert_eq!(judged("a.ttf", &font(sum + 1)).verdict, Verdict::CleanUnverified, "old sums are common");
    let mut hit = font(sum);
    hit[16_384..20_480].copy_from_slice(&Dice::new(1).bytes(4096));
    assert_eq!(judged("a.ttf", &hit).verdict, Verdict::Encrypted);
    assert_bad("a.ttf", &encrypted_from(&font(sum), 4096, 2));
}

/// An OLE2 file of one stream of an unknown form, at its end a free sector.
fn ole2(stream: &[u8]) -> Vec<u8> {
    let sectors = u32::try_from(stream.len().div_ceil(512)).unwrap();
    let mut head = vec![0; 512];
    head[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    head[24..34].copy_from_slice(&[0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0]);
    let mut set = |at: usize, value: u32| head[at..at + 4].copy_from_slice(&value.to_le_bytes());
    let end = 0xffff_fffe;
    for (at, value) in [(44, 1), (48, 1), (56, 4096), (60, end), (68, end), (76, 0)] {
        set(at, value);
    }
    (1..109).for_each(|at| set(76 + at * 4, u32::MAX));
    let mut numbers = vec![0xffff_fffd, end];
    numbers.extend(3..sectors + 2);
    numbers.push(end);
    numbers.resize(128, u32::MAX);
    let entry = |name: &str, kind: u8, child: u32, start: u32, size: u32| {
        let mut entry = vec![0; 128];
        for (at, letter) in name.bytes().enumerate() {
            entry[at * 2] = letter;
        }
        entry[64] = u8::try_from(name.len() * 2 + 2).unwrap();
        (entry[66], entry[67]) = (kind, 1);
        for (at, value) in [(68, u32::MAX), (72, u32::MAX), (76, child), (116, start), (120, size)] {
            entry[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        entry
    };
    let folder = [
        entry("Root Entry", 5, 1, end, 0),
        entry("Something", 2, u32::MAX, 2, u32::try_from(stream.len()).unwrap()),
        entry("", 0, u32::MAX, 0, 0),
        entry("", 0, u32::MAX, 0, 0),
    ]
    .concat();
    let mut all =
        [head, numbers.into_iter().flat_map(u32::to_le_bytes).collect(), folder, stream.to_vec()].concat();
    all.resize(all.len().next_multiple_of(512) + 512, 0);
    all
}

#[test]
fn a_packed_stream_in_an_old_document_is_clean_unless_all_around_it_looks_random_too() {
    let document = ole2(&Dice::new(1).bytes(20_100));
    assert_eq!(judged("a.vsd", &document).verdict, Verdict::Clean);
    assert_bad("a.vsd", &encrypted_from(&document, 4096, 2));
    assert_bad("a.vsd", &encrypted_from(&document, 16_384, 3));
}

#[test]
fn a_broken_table_beside_a_packed_stream_is_damage_and_no_encryption() {
    let mut document = ole2(&Dice::new(1).bytes(20_100));
    // Its stream begins in the middle of its folder.
    document[512 + 512 + 128 + 116] = 1;
    assert_eq!(judged("a.vsd", &document).verdict, Verdict::Damaged);
    let mut encrypted = ole2(&Dice::new(1).bytes(20_100));
    encrypted[512..].copy_from_slice(&Dice::new(4).bytes(21_504 + 512));
    assert_eq!(judged("a.vsd", &encrypted).verdict, Verdict::Encrypted);
}

#[test]
fn packed_streams_of_a_pdf_need_not_say_that_they_are_packed() {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let own = pdf.len();
    pdf.extend(b"1 0 obj\n<</Length 20000>>stream\n");
    pdf.extend(Dice::new(1).bytes(20_000));
    pdf.extend(b"\nendstream\nendobj\n");
    let table = pdf.len();
    pdf.extend(format!("xref\n0 2\n0000000000 65535 f \n{own:010} 00000 n \ntrailer<</Size 2>>\n").bytes());
    pdf.extend(format!("startxref\n{table}\n%%EOF\n").bytes());
    assert_clean("drawing.ai", &pdf);
    let mut hit = pdf.clone();
    hit[own + 40..own + 12_000].fill(b' ');
    assert_eq!(judged("drawing.ai", &hit).verdict, Verdict::Encrypted, "a part of the stream is plain");
}

#[test]
fn picture_data_behind_a_broken_mark_is_damage_and_random_bytes_are_encryption() {
    let picture = specimens::jpeg(1, 60_000);
    let mut broken = picture.clone();
    broken[20] = 0;
    assert_eq!(judged("a.jpg", &broken).verdict, Verdict::Damaged);
    assert_eq!(judged("a.jpg", &encrypted_from(&picture, 4096, 2)).verdict, Verdict::Encrypted);
}

#[test]
fn tables_of_colours_are_no_bytes_written_as_numbers() {
    let rows: String =
        (0..512).map(|at| format!("{},{},{}\n", at / 2, 255 - at / 2, (at * 7 / 5) % 256)).collect();
    assert_clean("colours.csv", rows.as_bytes());
    let random: String = Dice::new(1).bytes(3000).iter().map(|byte| format!("{byte},")).collect();
    assert_bad("numbers.csv", random.as_bytes());
}

#[test]
fn text_in_sixteen_bits_needs_no_mark_and_a_few_odd_bytes_are_no_encryption() {
    let wide: Vec<u8> = "Служба восстановления данных работает.\n"
        .repeat(40)
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(judged("notes.txt", &wide).verdict, Verdict::Clean);
    assert_bad("notes.txt", &encrypted_from(&wide, 0, 1));
    let mut page = specimens::text(1, 3000);
    page[640..680].copy_from_slice(&Dice::new(2).bytes(40));
    page[640] = 1;
    assert_eq!(judged("page.html", &page).verdict, Verdict::Damaged);
    page[640..1640].copy_from_slice(&Dice::new(3).bytes(1000));
    assert_eq!(judged("page.html", &page).verdict, Verdict::Encrypted);
}

#[test]
fn an_ending_in_the_middle_of_a_name_promises_little() {
    assert_clean("table.lz4.feather", &table(9000));
    assert_clean("archive.zip.uu", &specimens::text(1, 4000));
    assert_bad("table.lz4.feather", &encrypted_from(&table(9000), 0, 1));
    assert_bad("archive.zip", &specimens::text(1, 4000));
}

#[test]
fn what_rises_in_equal_steps_is_no_key() {
    let steps: Vec<u8> = (0..=255_u8).cycle().take(4096).collect();
    assert_clean("steps.dat", &steps);
    let key = Dice::new(1).bytes(256);
    let mostly_zeros: Vec<u8> =
        table(4096).iter().zip(key.iter().cycle()).map(|(byte, key)| byte & 3 ^ key).collect();
    assert_bad("zeros.dat", &mostly_zeros);
}

#[test]
fn a_table_of_random_numbers_in_a_large_program_is_let_pass() {
    let mut statistics = Statistics::new();
    for number in 0..600_u64 {
        let window = if (200..230).contains(&number) { Dice::new(number).bytes(4096) } else { table(4096) };
        statistics.window(&window, &count(&window));
    }
    assert_eq!(boxes::random_places_between(&statistics, 0, 600 * 4096), None);
    assert!(
        boxes::random_places_between(&statistics, 190 * 4096, 240 * 4096).is_some(),
        "much of a small one"
    );
}

/// Counts what is read, where a clock would measure the machine.
struct Counted<'a> {
    bytes: &'a [u8],
    read: u64,
}

impl Source for Counted<'_> {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(offset, into)?;
        self.read += read as u64;
        Ok(read)
    }
}

#[test]
fn thousands_of_streams_without_an_end_are_not_each_followed_to_the_end() {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    for number in 0..4000 {
        pdf.extend(format!("{number} 0 obj\n<</Filter/ASCIIHexDecode/Length 9 0 R>>stream\nab\n").bytes());
    }
    pdf.extend(b"startxref\n9\n%%EOF\n");
    pdf.resize(pdf.len() + 400_000, b' ');
    pdf.extend(b"startxref\n9\n%%EOF\n");
    let mut source = Counted { bytes: &pdf, read: 0 };
    judge("a.pdf", &mut source, Beside::default());
    // A piece of 32 KiB for each that seems to begin, and the file a few times.
    assert!(source.read < 4000 * 33_000 + 4 * pdf.len() as u64, "{} of {} bytes", source.read, pdf.len());
}

#[test]
fn an_end_far_behind_thousands_of_whole_streams_is_not_looked_for_from_each_of_them() {
    let stream = zlib(b"little");
    let mut pdf = b"%PDF-1.4\n".to_vec();
    for number in 0..4000 {
        pdf.extend(format!("{number} 0 obj\n<</Filter/FlateDecode/Length 9 0 R>>stream\n").bytes());
        pdf.extend(&stream);
    }
    pdf.resize(pdf.len() + 2_000_000, b' ');
    pdf.extend(b"endstream\nstartxref\n9\n%%EOF\n");
    let mut source = Counted { bytes: &pdf, read: 0 };
    let mut work = Work::for_length(0).at_most(8_000_000);
    let found = pdf::check(&mut source, &Statistics::new(), &mut work).expect("memory can be read");
    assert!(work.is_spent(), "{found:?}");
    // Looked for within the limit, read twice, and what is left is passed over once.
    assert!(source.read < 3 * 8_000_000 + 2 * pdf.len() as u64, "{} of {} bytes", source.read, pdf.len());
}

#[test]
fn tables_of_a_font_that_lie_over_each_other_cost_no_more_than_a_file_may() {
    let mut font = vec![0, 1, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0];
    for _ in 0..200 {
        font.extend(b"glyf");
        font.extend([0_u32, 0, 40_000].map(u32::to_be_bytes).concat());
    }
    font.resize(40_000, 0);
    let mut source = Counted { bytes: &font, read: 0 };
    let mut work = Work::for_length(0).at_most(100_000);
    let found = font::check(&mut source, &Statistics::new(), &mut work).expect("memory can be read");
    assert!(matches!(found, Structure::Partly(_)), "takes too much work");
    assert!(source.read < 100_000, "{} bytes", source.read);
}

#[test]
fn a_place_far_beyond_the_end_is_no_place() {
    for place in [u64::MAX, u64::MAX - 1023, 1 << 63] {
        let pdf = format!("%PDF-1.4\n{}\nstartxref\n{place}\n%%EOF\n", "1 0 obj\n<<>>\nendobj\n".repeat(300));
        assert_bad("a.pdf", pdf.as_bytes());
    }
}

/// As a file in a repository: read at places, not there as a whole.
struct AtPlaces<'a>(&'a [u8]);

impl Source for AtPlaces<'_> {
    fn length(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        self.0.read_at(offset, into)
    }
}

#[test]
fn a_file_is_judged_alike_whether_it_lies_in_memory_or_is_read_at_places() {
    for (name, clean) in promised(2) {
        for pattern in ["", "full", "16/16", "64/128", "keep-head-4k"] {
            let bytes = if pattern.is_empty() { clean.clone() } else { attacked(pattern, &clean, 4) };
            let at_places = judge(name, &mut AtPlaces(&bytes), Beside::Nothing);
            assert_eq!(judge_bytes(name, &bytes), at_places, "{name} {pattern}");
        }
    }
}

/// Streams whose length stands in another object, as most programs write them: only the data says where it ends.
fn pdf_with_lengths_elsewhere(end_of_line: &str) -> Vec<u8> {
    let stream = zlib(&text(4, 9000));
    let mut file = b"%PDF-1.7\n1 0 obj\n<< /Length 2 0 R /Filter /FlateDecode >>\nstream\n".to_vec();
    file.extend(&stream);
    file.extend(format!("{end_of_line}endstream\nendobj\n2 0 obj\n{}\nendobj\n", stream.len()).bytes());
    let table = file.len();
    file.extend(
        format!("xref\n0 1\n0000000000 65535 f \ntrailer << >>\nstartxref\n{table}\n%%EOF\n").bytes(),
    );
    file
}

#[test]
fn a_stream_of_a_pdf_ends_where_its_data_ends_whatever_stands_behind_it() {
    for end_of_line in ["\n", "\r\n", "\r", "", "  \n"] {
        let file = pdf_with_lengths_elsewhere(end_of_line);
        assert_clean("a.pdf", &file);
        let mut broken = file.clone();
        broken[2000] ^= 1;
        assert_bad("a.pdf", &broken);
        // The stream is whole; what was put between it and its end is not part of it.
        let end = file.windows(9).position(|found| found == b"endstream").unwrap();
        let mut stuffed = file[..end].to_vec();
        stuffed.extend(Dice::new(8).bytes(20_000));
        stuffed.extend(&file[end..]);
        let table = stuffed.windows(5).rposition(|found| found == b"xref\n").unwrap();
        let start = stuffed.windows(9).rposition(|found| found == b"startxref").unwrap();
        stuffed.truncate(start);
        stuffed.extend(format!("startxref\n{table}\n%%EOF\n").bytes());
        assert_bad("a.pdf", &stuffed);
    }
}

#[test]
fn a_stream_that_begins_where_its_file_ends_stops_no_checker() {
    for end in ["stream", "stream\r", "stream\n", "stream\r\n"] {
        for length in ["/Length 9", "/Length 2 0 R", "/Length 0"] {
            let pdf = format!("%PDF-1.4\n1 0 obj\n<</Filter/FlateDecode{length}>>{end}");
            let judgement = judged("a.pdf", pdf.as_bytes());
            assert!(
                !judgement.reasons.iter().any(|reason| reason.contains("a fault of its own")),
                "{judgement:?}"
            );
        }
    }
}
