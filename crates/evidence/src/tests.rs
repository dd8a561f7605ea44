//! A bundle of a real journal: taken apart, changed in every way, and read by somebody else's programs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use estate::model::{Estate, Tenant};
use estate::{Id, canonical};
use incident::Event;
use incident::event::{Account, BridgeEvent, CommandEvent};
use incident::store::{self, Incident};
use journal::{PublicKey, SecretKey};
use proof::archive::{Writer, list};
use proof::{Report, Scope, Seal};
use signed_note::{Note, StandardVerifier, VerifierList};
use tempfile::TempDir;
use tlog_tiles::{Error, Hash, RecordProof, Tile, TileHashReader, TileReader};

use crate::{PackFault, Packed, Request, export, pack};

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

struct Rig {
    folder: TempDir,
}

impl Rig {
    /// An incident of two funds, whose journal has a few entries of everybody and of each.
    fn new() -> Rig {
        let rig = Rig { folder: tempfile::tempdir().unwrap() };
        let mut estate = Estate { provider: "P".to_owned(), ..Estate::default() };
        for (name, called) in [("north", "Nordkasse"), ("south", "Südkasse")] {
            let tenant = Tenant { name: called.to_owned(), insured: 10, ..Tenant::default() };
            estate.tenants.insert(id(&format!("tenant:{name}")), tenant);
        }
        let text = canonical::text(&estate);
        let first = store::opening("storm", &canonical::hash(&estate), &text);
        let mut incident =
            store::create(&rig.incident(), &rig.path("key"), "provider.example/storm", "anna", &first, 1_000)
                .unwrap();
        incident.record(&account("north", 5), 2_000).unwrap();
        incident.record(&[account("south", 7), account("north", 6)].concat(), 3_000).unwrap();
        incident.record(&[hold("tenant:south", "asked for")], 4_000).unwrap();
        incident.record(&[hold("tenant:north", "as at Südkasse")], 5_000).unwrap();
        rig
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn incident(&self) -> PathBuf {
        self.path("incident")
    }

    fn open(&self) -> Incident {
        Incident::open(&self.incident(), "bert").unwrap()
    }

    fn key(&self) -> PublicKey {
        store::public_key(&self.incident()).unwrap()
    }

    fn secret(&self) -> SecretKey {
        SecretKey::load(&self.path("key")).unwrap()
    }

    fn pack(&self, tenant: Option<&str>, out: &str) -> Result<Packed, PackFault> {
        let tenant = tenant.map(id);
        pack(&Request {
            folder: &self.incident(),
            tenant: tenant.as_ref(),
            out: &self.path(out),
            now_ms: 9_000,
            sentence: &|record| format!("{} <b>&", record.kind),
        })
    }

    fn packed(&self, tenant: Option<&str>) -> Vec<u8> {
        let out = tenant.unwrap_or("whole").replace(':', "-");
        self.pack(tenant, &out).unwrap();
        fs::read(self.path(&out)).unwrap()
    }

    fn check(&self, bundle: &[u8]) -> Report {
        proof::check_in(&mut Cursor::new(bundle), &self.key()).unwrap()
    }
}

fn account(tenant: &str, accepted: u64) -> Vec<Event> {
    let account = Account { accepted, pending: accepted, ..Account::default() };
    let accounts = BTreeMap::from([(id(&format!("tenant:{tenant}")), account)]);
    vec![Event::Bridge(BridgeEvent::AccountReceived { accounts, checkpoint: "bridge\n5\n".to_owned() })]
}

fn hold(on: &str, reason: &str) -> Event {
    Event::Command(CommandEvent::HoldPlaced { on: id(on), reason: reason.to_owned() })
}

fn note(number: usize) -> Event {
    Event::Command(CommandEvent::NoteWritten { text: format!("note {number}") })
}

type Members = Vec<(String, Vec<u8>)>;

fn members(bundle: &[u8]) -> Members {
    let mut bundle = Cursor::new(bundle);
    let found = list(&mut bundle).unwrap().unwrap();
    let mut members = Vec::new();
    for found in found {
        bundle.seek(SeekFrom::Start(found.at)).unwrap();
        let mut bytes = vec![0; usize::try_from(found.member.size).unwrap()];
        bundle.read_exact(&mut bytes).unwrap();
        members.push((found.member.path, bytes));
    }
    members
}

fn member<'a>(members: &'a Members, path: &str) -> &'a [u8] {
    &members.iter().find(|(name, _)| name == path).unwrap_or_else(|| panic!("no {path}")).1
}

fn archive(members: &Members) -> Vec<u8> {
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    for (path, bytes) in members {
        writer.add(path.as_str(), bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same members, sealed anew by whoever has this key.
fn sealed_anew(members: &Members, key: &SecretKey, public: &PublicKey) -> Vec<u8> {
    let seal = std::str::from_utf8(member(members, proof::SEAL)).unwrap();
    let mut seal = Seal::read(seal, public).unwrap();
    let mut writer = Writer::new(Cursor::new(Vec::new()));
    for (path, bytes) in members.iter().filter(|(path, _)| path != proof::SEAL) {
        writer.add(path.as_str(), bytes).unwrap();
    }
    seal.members = writer.members().unwrap().to_vec();
    seal.entries = member(members, proof::ENTRIES).iter().filter(|byte| **byte == b'\n').count() as u64;
    writer.add(proof::SEAL, seal.sign(key).as_bytes()).unwrap();
    writer.finish().unwrap().into_inner()
}

#[test]
fn a_bundle_holds_and_says_what_it_proves_and_what_it_does_not() {
    let rig = Rig::new();
    let whole = rig.check(&rig.packed(None));
    assert!(whole.holds(), "{whole}");
    let said = whole.to_string();
    for part in
        ["7 entries (0 to 6)", "provider.example/storm", "1 estate", "no witness", "take the key from them"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let north = rig.check(&rig.packed(Some("tenant:north")));
    assert!(north.holds(), "{north}");
    let said = north.to_string();
    for part in ["Entries 2, 4 are about tenant:north", "Entry 6 concerns tenant:north together with others"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_tenants_bundle_holds_nothing_of_another_tenant() {
    let rig = Rig::new();
    let bundle = rig.packed(Some("tenant:north"));
    for secret in
        ["south", "Südkasse", "\"accepted\\\":7", "hold_placed", "asked for", "estate_adopted", "storm <"]
    {
        let found = bundle.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} stands in the bundle of another tenant");
    }
    // Nor in another spelling: no leaf, salt or payload of an entry that is not its own.
    let whole = members(&rig.packed(None));
    let lines = std::str::from_utf8(member(&whole, proof::ENTRIES)).unwrap().lines();
    let text = String::from_utf8_lossy(&bundle);
    for (number, line) in lines.enumerate().filter(|(number, _)| ![2, 4].contains(number)) {
        let fields: serde_json::Value = serde_json::from_str(line).unwrap();
        for field in ["leaf", "salt", "payload"] {
            let value = serde_json::to_string(&fields[field]).unwrap();
            assert!(!text.contains(value.trim_matches('"')), "{field} of entry {number}");
        }
    }
}

#[test]
fn one_changed_byte_anywhere_and_the_bundle_does_not_hold() {
    let rig = Rig::new();
    for tenant in [None, Some("tenant:north")] {
        let bundle = rig.packed(tenant);
        // The style sheet of the page is long, and its bytes are no different from each other.
        let style = bundle.windows(7).position(|window| window == b"<style>").unwrap();
        let after = bundle.windows(8).position(|window| window == b"</style>").unwrap();
        let mut changed = bundle.clone();
        for at in (0..bundle.len()).filter(|at| !(style..after).contains(at) || at % 97 == 0) {
            changed[at] ^= 1 << (at % 8);
            assert!(!rig.check(&changed).holds(), "byte {at} of {tenant:?}");
            changed[at] = bundle[at];
        }
        assert!(rig.check(&changed).holds());
        for at in (0..bundle.len()).step_by(509) {
            assert!(!rig.check(&bundle[..at]).holds(), "cut at {at}");
            let mut longer = bundle.clone();
            longer.insert(at, 0);
            assert!(!rig.check(&longer).holds(), "a byte put in at {at}");
        }
        assert!(!rig.check(&[bundle.as_slice(), b"\0"].concat()).holds());
    }
}

#[test]
fn members_that_are_removed_swapped_doubled_or_put_in_are_named() {
    let rig = Rig::new();
    let members = members(&rig.packed(None));
    for at in 0..members.len() {
        let mut fewer = members.clone();
        let (path, bytes) = fewer.remove(at);
        let report = rig.check(&archive(&fewer));
        assert!(!report.holds() && report.to_string().contains(&path), "without {path}: {report}");
        for other in at + 1..members.len() {
            let mut swapped = members.clone();
            swapped.swap(at, other);
            assert!(!rig.check(&archive(&swapped)).holds(), "{path} swapped");
            let mut exchanged = members.clone();
            if exchanged[other].1 != bytes {
                exchanged[at].1 = members[other].1.clone();
                exchanged[other].1.clone_from(&bytes);
                assert!(!rig.check(&archive(&exchanged)).holds(), "content of {path} exchanged");
            }
        }
        let mut more = members.clone();
        more.insert(at, ("new.txt".to_owned(), b"x".to_vec()));
        assert!(!rig.check(&archive(&more)).holds(), "put in before {path}");
        let mut doubled = members.clone();
        doubled.insert(at, members[at].clone());
        assert!(!rig.check(&archive(&doubled)).holds(), "{path} doubled");
    }
}

/// Every way to tell the entries otherwise that a person might try who has the key to seal with.
fn told_otherwise(lines: &[String]) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for at in 0..lines.len() {
        let mut fewer = lines.to_vec();
        fewer.remove(at);
        all.push((format!("entry at {at} removed"), fewer));
        let mut doubled = lines.to_vec();
        doubled.insert(at, lines[at].clone());
        all.push((format!("entry at {at} doubled"), doubled));
        for other in at + 1..lines.len() {
            let mut swapped = lines.to_vec();
            swapped.swap(at, other);
            all.push((format!("entries at {at} and {other} swapped"), swapped));
        }
        for (from, to) in [
            ("\"actor\":\"anna\"", "\"actor\":\"bert\""),
            ("\"time_ms\":", "\"time_ms\":1"),
            ("\"payload\":\"{", "\"payload\":\" {"),
            ("\"version\":1", "\"version\":2"),
            ("\"kind\":\"", "\"kind\":\"x"),
            ("\"leaf\":\"AAAA", "\"leaf\":\"AAAB"),
            ("{\"sequence\":", "{ \"sequence\":"),
        ] {
            let mut changed = lines.to_vec();
            changed[at] = changed[at].replacen(from, to, 1);
            assert_ne!(changed[at], lines[at], "{from} stands in every line");
            all.push((format!("{from} at {at}"), changed));
        }
    }
    all
}

#[test]
fn whoever_can_seal_cannot_tell_another_story_than_the_one_that_was_signed() {
    let rig = Rig::new();
    for tenant in [None, Some("tenant:north")] {
        let members = members(&rig.packed(tenant));
        let again = sealed_anew(&members, &rig.secret(), &rig.key());
        assert!(rig.check(&again).holds(), "sealing anew changes nothing by itself");
        let text = std::str::from_utf8(member(&members, proof::ENTRIES)).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (what, lines) in told_otherwise(&lines) {
            let mut told = members.clone();
            let place = told.iter().position(|(path, _)| path == proof::ENTRIES).unwrap();
            told[place].1 = lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect();
            let report = rig.check(&sealed_anew(&told, &rig.secret(), &rig.key()));
            // A tenant's bundle is a choice of entries; that it may leave one out is said.
            let is_choice = tenant.is_some() && what.contains("removed");
            assert!(!report.holds() || is_choice, "{what} in {tenant:?}: {report}");
        }
        for at in 0..members.len() {
            let path = &members[at].0;
            let is_proof = ["log/", "proofs/", "estates/"].iter().any(|folder| path.starts_with(folder));
            if !is_proof {
                continue;
            }
            let mut changed = members.clone();
            let middle = changed[at].1.len() / 2;
            changed[at].1[middle] ^= 1;
            let report = rig.check(&sealed_anew(&changed, &rig.secret(), &rig.key()));
            assert!(!report.holds(), "{path}: {report}");
            let mut fewer = members.clone();
            fewer.remove(at);
            let may_go = path.starts_with(proof::OLDER);
            let report = rig.check(&sealed_anew(&fewer, &rig.secret(), &rig.key()));
            assert!(!report.holds() || may_go, "without {path}: {report}");
        }
    }
}

#[test]
fn a_bundle_of_another_key_does_not_hold() {
    let rig = Rig::new();
    let bundle = rig.packed(None);
    let stranger = SecretKey::from_seed("provider.example/storm", &[8; 32]).unwrap();
    let report = proof::check_in(&mut Cursor::new(&bundle), &stranger.public()).unwrap();
    assert!(!report.holds() && report.to_string().contains("another key"), "{report}");
    assert!(report.proven.is_empty());
    // Sealed by the stranger under the same name: the journal's signatures are not theirs.
    let theirs = sealed_anew(&members(&bundle), &stranger, &rig.key());
    assert!(!proof::check_in(&mut Cursor::new(&theirs), &stranger.public()).unwrap().holds());
    assert!(!rig.check(&theirs).holds());
}

#[test]
fn entries_that_nobody_signed_for_are_said() {
    let rig = Rig::new();
    // The state in which a kill leaves a journal: entries on disk, and the checkpoint before them.
    let checkpoint = rig.incident().join("journal/checkpoint");
    let before = fs::read(&checkpoint).unwrap();
    let history = rig.incident().join("journal/checkpoints");
    let history_before = fs::read(&history).unwrap();
    rig.open().record(&[note(1), hold("tenant:north", "later")], 6_000).unwrap();
    fs::write(&checkpoint, before).unwrap();
    fs::write(&history, history_before).unwrap();
    let packed = rig.pack(None, "whole").unwrap();
    assert_eq!((packed.seal.covered, packed.seal.entries, packed.unsigned), (7, 9, 2));
    let report = rig.check(&fs::read(rig.path("whole")).unwrap());
    assert!(report.holds() && report.to_string().contains("Entries 7 to 8 were recorded after"), "{report}");
    assert!(report.to_string().contains("7 entries (0 to 6)"));
    let report = rig.check(&rig.packed(Some("tenant:north")));
    assert!(report.holds() && report.to_string().contains("Entry 8 was recorded after"), "{report}");
}

#[test]
fn of_a_damaged_journal_what_is_proven_is_packed_and_the_damage_is_said() {
    let rig = Rig::new();
    rig.open().record(&(0..300).map(note).collect::<Vec<_>>(), 6_000).unwrap();
    rig.open().record(&(0..300).map(note).collect::<Vec<_>>(), 7_000).unwrap();
    let segment = fs::read_dir(rig.incident().join("journal")).unwrap().map(|entry| entry.unwrap().path());
    let segment =
        segment.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "bsj")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(8).rposition(|window| window == b"note 290").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let packed = rig.pack(None, "whole").unwrap();
    assert!(packed.seal.covered >= 307 && packed.seal.entries == 597, "{:?}", packed.seal.covered);
    let report = rig.check(&fs::read(rig.path("whole")).unwrap());
    let said = report.to_string();
    assert!(report.holds() && said.contains("was not whole when this was packed: record 597"), "{said}");
    assert!(said.contains("10 entries of the journal are not in here"), "{said}");
}

#[test]
fn a_file_that_is_there_is_never_replaced_and_nothing_half_written_stays() {
    let rig = Rig::new();
    fs::write(rig.path("mine"), "precious").unwrap();
    assert!(matches!(rig.pack(None, "mine"), Err(PackFault::AlreadyThere(_))));
    assert_eq!(fs::read_to_string(rig.path("mine")).unwrap(), "precious");
    assert!(matches!(rig.pack(None, "nowhere/out"), Err(PackFault::File { .. })));
    assert!(matches!(rig.pack(Some("tenant:west"), "out"), Err(PackFault::NoSuchTenant(_))));
    fs::write(rig.incident().join("journal/checkpoint"), "").unwrap();
    fs::write(rig.incident().join("journal/checkpoints"), "").unwrap();
    assert!(matches!(rig.pack(None, "out"), Err(PackFault::NothingSigned(_))));
    let mut left: Vec<String> = fs::read_dir(rig.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["incident", "key", "mine"]);
}

#[test]
fn the_page_in_a_bundle_is_whole_and_keeps_text_text() {
    let rig = Rig::new();
    rig.open().record(&(0..2100).map(note).collect::<Vec<_>>(), 6_000).unwrap();
    let members = members(&rig.packed(None));
    let html = std::str::from_utf8(member(&members, proof::PAGE)).unwrap();
    assert_eq!(page::form::fault(html), None);
    assert!(
        html.contains("note_written &#60;b&#62;&#38;") || html.contains("note_written &lt;b&gt;&amp;"),
        "escaped"
    );
    assert!(
        html.contains("107 entries between them") || html.contains("107\u{a0}entries"),
        "what is left out is said"
    );
}

/// Tiles as another implementation asks for them, out of the archive.
struct Tiles<'a>(&'a Members);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        // Go's paths name the height, those of C2SP do not: it is always eight.
        let path = |tile: &Tile| tile.path().replacen("tile/8/", "log/tile/", 1);
        Ok(tiles.iter().map(|tile| member(self.0, &path(tile)).to_vec()).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn their_note<'a>(text: &[u8], key: &str, room: &'a mut Vec<u8>) -> &'a [u8] {
    let note = Note::from_bytes(text).unwrap();
    let known = VerifierList::new(vec![Box::new(StandardVerifier::new(key).unwrap())]);
    let (verified, _) = note.verify(&known).unwrap();
    assert_eq!(verified.len(), 1);
    *room = note.text().to_vec();
    room
}

#[test]
fn another_implementation_of_the_published_formats_reads_and_proves_the_same() {
    let rig = Rig::new();
    rig.open().record(&(0..600).map(note).collect::<Vec<_>>(), 6_000).unwrap();
    let (whole, key) = (members(&rig.packed(None)), rig.key().to_string());
    let mut room = Vec::new();
    their_note(member(&whole, proof::SEAL), &key, &mut room);
    let body = their_note(member(&whole, proof::CHECKPOINT), &key, &mut room);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(body).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), ("provider.example/storm", 607));
    let tiles = Tiles(&whole);
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tiles);
    // Their reader proves each tile against the root before it hands out a hash.
    let mut leaves = Vec::new();
    for (_, bytes) in whole.iter().filter(|(path, _)| path.starts_with("log/tile/entries/")) {
        let mut rest = bytes.as_slice();
        while let Some((length, more)) = rest.split_first_chunk::<2>() {
            let (leaf, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.push(leaf.to_vec());
            rest = more;
        }
    }
    assert_eq!(leaves.len(), 607);
    for (number, leaf) in leaves.iter().enumerate().step_by(13) {
        let theirs = tlog_tiles::prove_record(checkpoint.size(), number as u64, &reader).unwrap();
        let hash = tlog_tiles::record_hash(leaf);
        tlog_tiles::check_record(&theirs, checkpoint.size(), *checkpoint.hash(), number as u64, hash)
            .unwrap();
    }
    // And the single proofs of a tenant.
    let north = members(&rig.packed(Some("tenant:north")));
    let lines: Vec<&str> = std::str::from_utf8(member(&north, proof::ENTRIES)).unwrap().lines().collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        let line = proof::line::read(line).unwrap();
        let number = line.leaf.sequence;
        let text = std::str::from_utf8(member(&north, &proof::proof_path(number))).unwrap();
        let (head, note) = text.split_once("\n\n").unwrap();
        let mut room = Vec::new();
        let body = their_note(note.as_bytes(), &key, &mut room);
        assert_eq!(*tlog_tiles::Checkpoint::from_bytes(body).unwrap().hash(), *checkpoint.hash());
        let path: RecordProof = head.lines().skip(2).map(|line| Hash::parse_hash(line).unwrap()).collect();
        let hash = tlog_tiles::record_hash(&line.leaf_bytes);
        tlog_tiles::check_record(&path, checkpoint.size(), *checkpoint.hash(), number, hash).unwrap();
    }
}

#[test]
fn packing_changes_nothing_in_the_incident() {
    let rig = Rig::new();
    let state = |folder: &Path| {
        let files = fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.is_file());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let before = state(&rig.incident());
    let packed = rig.pack(Some("tenant:south"), "south").unwrap();
    assert!(matches!(packed.seal.scope, Scope::Tenant { .. }));
    assert_eq!(state(&rig.incident()), before);
}

fn exported(rig: &Rig, form: export::Form, tenant: Option<&str>, name: &str) -> (export::Exported, String) {
    let (tenant, out) = (tenant.map(id), rig.path(name));
    let wanted = export::Wanted {
        folder: &rig.incident(),
        tenant: tenant.as_ref(),
        form,
        out: &out,
        sentence: &|record| format!("={} by \"{}\"", record.kind, record.actor),
    };
    let done = export::export(&wanted).unwrap();
    assert!(matches!(export::export(&wanted), Err(PackFault::AlreadyThere(_))), "never over another");
    (done, fs::read_to_string(out).unwrap())
}

#[test]
fn a_time_line_has_every_entry_in_the_form_that_tools_ask_for_and_no_formula() {
    let rig = Rig::new();
    let (done, text) = exported(&rig, export::Form::Timesketch, None, "line.jsonl");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, done.entries);
    for (at, line) in lines.iter().enumerate() {
        assert_eq!((&line["sequence"], &line["timestamp_desc"]), (&at.into(), &"Recorded".into()));
        assert!(line["datetime"].as_str().unwrap().ends_with('Z') && line["message"].is_string(), "{line}");
    }
    let (done, table) = exported(&rig, export::Form::Csv, None, "line.csv");
    assert_eq!(table.lines().count() as u64, done.entries + 1);
    assert!(table.starts_with("\"message\",\"datetime\",\"timestamp_desc\","), "{table}");
    assert!(table.contains("\"'=command.") && !table.contains("\"=command."), "a formula: {table}");
    assert!(table.contains("by \"\"anna\"\""), "quotes are doubled: {table}");
}

#[test]
fn a_tenants_time_line_has_nothing_of_another_and_a_damaged_journal_is_said() {
    let rig = Rig::new();
    let (done, text) = exported(&rig, export::Form::Timesketch, Some("tenant:north"), "north.jsonl");
    assert!(done.entries > 0 && done.withheld > 0, "{done:?}");
    assert!(!text.to_lowercase().contains("süd") && !text.contains("south"), "{text}");
    let journal = store::journal_path(&rig.incident());
    let files = fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
    let segment = files.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(9).position(|part| part == b"asked for").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (done, text) = exported(&rig, export::Form::Timesketch, None, "damaged.jsonl");
    assert!(!done.damage.is_empty());
    assert!(text.lines().last().unwrap().contains("THE JOURNAL IS DAMAGED"), "{text}");
}

#[test]
fn a_pipe_is_no_artefact_and_nobody_waits_for_its_other_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let refused = crate::attach::read(&pipe).unwrap_err();
    assert!(refused.to_string().contains("not a file"), "{refused}");
}
