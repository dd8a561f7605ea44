//! Made-up histories: contents are numbers, and the verdict on each is told.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use super::{Archive, BadVersion, Digest, LastClean, Node, Series, Step, Version};
use judge::{Beside, Judgement, Verdict};

#[derive(Default)]
struct MadeUp {
    trees: Vec<Vec<(OsString, Node<usize, u32>)>>,
    verdicts: BTreeMap<u32, Verdict>,
    /// Contents whose verdict changes when they are compared with a good version.
    beside: BTreeMap<u32, Verdict>,
    /// By a person.
    accepted: BTreeSet<u32>,
}

fn version(content: u32) -> Version<u32> {
    Version { content, bytes: 1000 + u64::from(content % 7), modified_ns: Some(1), beside: Beside::Nothing }
}

type Nodes = Vec<(OsString, Node<usize, u32>)>;

impl MadeUp {
    /// A tree from paths of at most two parts.
    fn tree(&mut self, files: &[(&str, u32)]) -> usize {
        let mut folders: BTreeMap<&str, Nodes> = BTreeMap::new();
        let mut root = Vec::new();
        for (path, content) in files {
            match path.split_once('/') {
                Some((folder, name)) => {
                    folders.entry(folder).or_default().push((name.into(), Node::File(version(*content))));
                }
                None => root.push(((*path).into(), Node::File(version(*content)))),
            }
        }
        for (folder, nodes) in folders {
            let number = self.number(nodes);
            root.push((folder.into(), Node::Folder(number)));
        }
        self.number(root)
    }

    /// The same entries, the same number: as a hash would.
    fn number(&mut self, nodes: Vec<(OsString, Node<usize, u32>)>) -> usize {
        self.trees.iter().position(|known| *known == nodes).unwrap_or_else(|| {
            self.trees.push(nodes);
            self.trees.len() - 1
        })
    }

    fn is(&mut self, content: u32, verdict: Verdict) {
        self.verdicts.insert(content, verdict);
    }
}

fn judgement(verdict: Verdict) -> Rc<Judgement> {
    Rc::new(Judgement { verdict, ..Judgement::unread("because") })
}

impl Archive for MadeUp {
    type Tree = usize;
    type Content = u32;

    fn folder(&self, tree: usize) -> Result<Vec<(OsString, Node<usize, u32>)>, String> {
        self.trees.get(tree).cloned().ok_or_else(|| "its pack is missing".to_owned())
    }

    fn judged(&self, _: &OsStr, version: &Version<u32>) -> Rc<Judgement> {
        judgement(self.verdicts.get(&version.content).copied().unwrap_or(Verdict::Clean))
    }

    fn digest(&self, content: &u32) -> Digest {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&content.to_le_bytes());
        digest
    }

    fn is_accepted(&self, content: &u32) -> bool {
        self.accepted.contains(content)
    }

    fn compared(&self, name: &OsStr, now: &Version<u32>, _: (&OsStr, &Version<u32>)) -> Rc<Judgement> {
        self.beside.get(&now.content).map_or_else(|| self.judged(name, now), |verdict| judgement(*verdict))
    }
}

struct Played {
    steps: Vec<Step>,
    bad: Vec<BadVersion>,
}

impl Played {
    fn is_clean(&self, at: usize) -> bool {
        self.steps[at].tally.complaints(None).is_empty()
    }

    fn bad(&self, path: &str) -> &BadVersion {
        self.bad.iter().find(|bad| *bad.path == *Path::new(path)).unwrap()
    }
}

fn play(archive: &MadeUp, trees: &[usize]) -> Played {
    let mut series: Series<MadeUp> = Series::new(Vec::new());
    let steps = trees.iter().enumerate().map(|(at, tree)| series.step(archive, at, *tree)).collect();
    Played { steps, bad: series.end().bad().collect() }
}

fn last_clean(snapshot: usize, path: &str) -> Option<LastClean> {
    Some(LastClean { snapshot, path: Path::new(path).into() })
}

#[test]
fn a_file_that_goes_bad_blocks_until_it_is_good_again_and_its_last_clean_version_is_named() {
    let mut archive = MadeUp::default();
    archive.is(9, Verdict::Suspicious);
    let clean = archive.tree(&[("d/a", 1), ("d/b", 2)]);
    let more = archive.tree(&[("d/a", 1), ("d/b", 2), ("e/c", 3)]);
    let bad = archive.tree(&[("d/a", 9), ("d/b", 2), ("e/c", 3)]);
    let still = archive.tree(&[("d/a", 9), ("d/b", 4), ("e/c", 3)]);
    let healed = archive.tree(&[("d/a", 1), ("d/b", 4), ("e/c", 3)]);
    let played = play(&archive, &[clean, more, bad, still, healed]);
    assert_eq!((0..5).map(|at| played.is_clean(at)).collect::<Vec<_>>(), [true, true, false, false, true]);
    let found = played.bad("/d/a");
    assert_eq!((found.from, found.until, &found.last_clean), (2, Some(4), &last_clean(1, "/d/a")));
    assert_eq!(played.bad.len(), 1);
    assert_eq!(played.steps[3].tally.files(), 3, "versions that are gone are no longer counted");
}

#[test]
fn a_file_under_an_appended_name_has_the_past_of_the_file_it_replaced() {
    let mut archive = MadeUp::default();
    archive.is(9, Verdict::Suspicious);
    let clean = archive.tree(&[("a.docx", 1), ("b.docx", 2)]);
    let renamed = archive.tree(&[("a.docx.locked", 9), ("b.docx", 2)]);
    let copied = archive.tree(&[("a.docx", 1), ("a.docx.locked", 9), ("b.docx", 2)]);
    let played = play(&archive, &[clean, renamed]);
    assert!(!played.is_clean(1));
    assert_eq!(played.bad("/a.docx.locked").last_clean, last_clean(0, "/a.docx"));
    let played = play(&archive, &[clean, copied]);
    assert!(played.bad("/a.docx.locked").last_clean.is_none(), "the original is still there");
}

#[test]
fn an_archive_of_ones_own_that_was_encrypted_once_more_is_seen_beside_what_it_was() {
    let mut archive = MadeUp::default();
    [5, 6, 7].into_iter().for_each(|own| archive.is(own, Verdict::DeclaredEncrypted));
    archive.beside.insert(7, Verdict::Suspicious);
    let clean = archive.tree(&[("d/a", 1)]);
    let added = archive.tree(&[("d/a", 1), ("d/own.age", 5)]);
    let again = archive.tree(&[("d/a", 1), ("d/own.age", 6)]);
    let hit = archive.tree(&[("d/a", 1), ("d/own.age", 7)]);
    let played = play(&archive, &[clean, added, again, hit]);
    assert_eq!((0..4).map(|at| played.is_clean(at)).collect::<Vec<_>>(), [true, true, true, false]);
    let found = played.bad.iter().find(|bad| bad.from == 3).unwrap();
    assert_eq!(found.last_clean, last_clean(2, "/d/own.age"));
    let own = played.bad.iter().find(|bad| bad.from == 1).unwrap();
    assert!(own.tolerable && own.last_clean.is_none(), "{own:?}");
}

/// Eighteen bytes show nothing, and a program that nobody knows has endings that nobody knows.
#[test]
fn other_content_and_an_unknown_ending_in_one_step_are_not_clean_however_small_and_unknown_the_file_is() {
    let mut archive = MadeUp::default();
    for (content, verdict) in [(7, Verdict::CleanUnverified), (8, Verdict::Clean)] {
        archive.is(content, verdict);
    }
    let clean = archive.tree(&[("d/a.xyz", 1), ("d/b", 2), ("d/c.xyz", 3), ("d/e.xyz", 7), ("d/f.xyz", 6)]);
    let next = archive.tree(&[
        ("d/a.xyz.qzx7", 7),
        ("d/b.qzx7", 7),
        ("d/c.xyz.qzx7", 3),
        ("d/e.xyz.old", 7),
        ("d/f.xyz.qzx7", 8),
    ]);
    let played = play(&archive, &[clean, next]);
    let mut bad: Vec<&str> = played.bad.iter().filter_map(|bad| bad.path.to_str()).collect();
    bad.sort_unstable();
    // What was only renamed, what people append, and what its type's checker verified is clean.
    assert_eq!(bad, ["/d/a.xyz.qzx7", "/d/b.qzx7"]);
    assert_eq!(played.bad("/d/b.qzx7").last_clean, last_clean(0, "/d/b"));
    // Not in one step: whatever is called like it now need not be the same file.
    let without = archive.tree(&[("d/a.xyz", 1), ("d/c.xyz", 3)]);
    let later = archive.tree(&[("d/a.xyz", 1), ("d/b.qzx7", 7), ("d/c.xyz", 3)]);
    assert!(play(&archive, &[clean, without, later]).bad.is_empty());
}

/// Renamed one by one or together with much else, two for one, back again, and moved under such a name.
#[test]
fn however_a_file_got_its_appended_name_its_past_is_found() {
    let mut archive = MadeUp::default();
    [8, 9].into_iter().for_each(|bad| archive.is(bad, Verdict::Suspicious));
    let clean = archive.tree(&[("d/a.docx", 1), ("d/b.docx", 2), ("d/c.docx", 3), ("e/x.docx", 4)]);
    let renamed = archive.tree(&[
        ("d/a.docx.locked", 9),
        ("d/a.docx.qqq", 8),
        ("d/b.docx.locked", 9),
        ("e/c.docx.locked", 3),
    ]);
    let back = archive.tree(&[("d/a.docx", 1), ("d/b.docx.locked", 9), ("e/x.docx", 4)]);
    let played = play(&archive, &[clean, renamed, back]);
    for (name, former) in [("a.docx.locked", "a.docx"), ("a.docx.qqq", "a.docx"), ("b.docx.locked", "b.docx")]
    {
        let found = played.bad(&format!("/d/{name}"));
        assert_eq!(found.last_clean, last_clean(0, &format!("/d/{former}")), "{name}");
        assert!(!found.tolerable);
    }
    assert_eq!(played.bad.len(), 3, "what was only moved is clean: {:?}", played.bad);
    assert_eq!((played.bad("/d/a.docx.locked").until, played.bad("/d/b.docx.locked").until), (Some(2), None));
    assert_eq!(played.steps[2].tally.files(), 3);
    let signs = &played.steps[1].signs;
    assert!(signs.iter().all(|sign| !sign.contains("vanished")), "{signs:?}");
}

/// Packed into an archive with a password and deleted: nothing is left that could be compared.
#[test]
fn an_archive_with_a_password_stands_for_what_vanished_around_it() {
    let mut archive = MadeUp::default();
    archive.is(9, Verdict::DeclaredEncrypted);
    let files: Vec<(String, u32)> = (0..30).map(|n| (format!("d/{n}.docx"), 10 + n)).collect();
    let tree = |archive: &mut MadeUp, kept: usize, more: &[(&str, u32)]| {
        let kept = files[..kept].iter().map(|(path, content)| (path.as_str(), *content));
        let files: Vec<(&str, u32)> = kept.chain(more.iter().copied()).collect();
        archive.tree(&files)
    };
    let before = tree(&mut archive, 30, &[]);
    let added = tree(&mut archive, 30, &[("d/own.zip", 9)]);
    let deleted = tree(&mut archive, 20, &[]);
    let taken = tree(&mut archive, 0, &[("d.zip", 9)]);
    let one = tree(&mut archive, 29, &[("d/own.zip", 9)]);
    let still = tree(&mut archive, 28, &[("d/own.zip", 9)]);
    assert!(play(&archive, &[before, added]).is_clean(1), "somebody's own archive, nothing is gone");
    assert!(
        play(&archive, &[before, deleted, added]).is_clean(1),
        "files that are only deleted are no attack"
    );
    assert!(!play(&archive, &[before, taken]).is_clean(1));
    let played = play(&archive, &[before, one, still]);
    assert_eq!((played.is_clean(1), played.is_clean(2)), (false, false), "and it stays so");
}

#[test]
fn a_file_under_a_random_name_takes_the_past_of_one_of_its_size_that_vanished_beside_it() {
    let mut archive = MadeUp::default();
    archive.is(10_006, Verdict::Suspicious);
    let mut files: Vec<(String, u32)> = (0..1000).map(|n| (format!("d/{n}.docx"), 10 + n * 7)).collect();
    let before = files.clone();
    files[3] = ("d/qwjx".to_owned(), 10_006);
    fn borrowed(files: &[(String, u32)]) -> Vec<(&str, u32)> {
        files.iter().map(|(name, content)| (name.as_str(), *content)).collect()
    }
    let (clean, dirty) = (archive.tree(&borrowed(&before)), archive.tree(&borrowed(&files)));
    let played = play(&archive, &[clean, dirty]);
    assert!(!played.is_clean(1), "one of a thousand would be tolerated if nothing had vanished");
    assert_eq!(played.bad("/d/qwjx").last_clean, last_clean(0, "/d/3.docx"));
}

#[test]
fn what_was_clean_stays_clean_when_it_is_only_moved() {
    let mut archive = MadeUp::default();
    let clean = archive.tree(&[("a/x.docx", 1), ("a/y.docx", 2)]);
    let moved = archive.tree(&[("b/x.txt", 1), ("b/y.txt", 2)]);
    // Under its new name it would be called suspicious; the bytes are the same.
    struct Renaming(MadeUp);
    impl Archive for Renaming {
        type Tree = usize;
        type Content = u32;
        fn folder(&self, tree: usize) -> Result<Vec<(OsString, Node<usize, u32>)>, String> {
            self.0.folder(tree)
        }
        fn judged(&self, name: &OsStr, version: &Version<u32>) -> Rc<Judgement> {
            let odd = name.to_string_lossy().ends_with(".txt");
            if odd { judgement(Verdict::Suspicious) } else { self.0.judged(name, version) }
        }
        fn digest(&self, content: &u32) -> Digest {
            self.0.digest(content)
        }
        fn compared(&self, name: &OsStr, now: &Version<u32>, _: (&OsStr, &Version<u32>)) -> Rc<Judgement> {
            self.judged(name, now)
        }
    }
    let archive = Renaming(archive);
    let mut series: Series<Renaming> = Series::new(Vec::new());
    series.step(&archive, 0, clean);
    assert!(series.step(&archive, 1, moved).tally.complaints(None).is_empty());
    // And it is still taken out of the sums under that verdict.
    let back = series.step(&archive, 2, clean);
    assert_eq!((back.tally.files(), back.tally.clean()), (2, 2));
}

#[test]
fn damage_seen_only_beside_the_last_good_version_is_not_forgotten_by_saving_the_file_once_more() {
    let mut archive = MadeUp::default();
    archive.beside.insert(5, Verdict::Damaged);
    archive.beside.insert(6, Verdict::Damaged);
    let (clean, bad, worse) =
        (archive.tree(&[("a", 1)]), archive.tree(&[("a", 5)]), archive.tree(&[("a", 6)]));
    let played = play(&archive, &[clean, bad, worse]);
    assert!(!played.is_clean(1) && !played.is_clean(2));
    assert!(played.bad.iter().all(|bad| bad.last_clean == last_clean(0, "/a")));
}

#[test]
fn a_folder_that_cannot_be_read_is_not_clean_until_it_can_be_read_again() {
    let mut archive = MadeUp::default();
    let clean = archive.tree(&[("d/a", 1), ("b", 2)]);
    let missing =
        archive.number(vec![("d".into(), Node::Folder(9999)), ("b".into(), Node::File(version(2)))]);
    let played = play(&archive, &[clean, missing, missing, clean]);
    assert_eq!((0..4).map(|at| played.is_clean(at)).collect::<Vec<_>>(), [true, false, false, true]);
    assert_eq!((played.bad("/d").from, played.bad("/d").until), (1, Some(3)));
    assert_eq!(played.steps[3].tally.files(), 2);
}

#[test]
fn two_entries_of_one_name_and_endless_nesting_are_said_and_end() {
    let mut archive = MadeUp::default();
    let twice =
        archive.number(vec![("a".into(), Node::File(version(1))), ("a".into(), Node::File(version(2)))]);
    assert!(!play(&archive, &[twice]).is_clean(0));
    // A folder in itself: no hash allows it, a forged repository might try.
    let own = archive.trees.len();
    archive.trees.push(vec![("again".into(), Node::Folder(own)), ("a".into(), Node::File(version(1)))]);
    let plain = archive.tree(&[("a", 1)]);
    let played = play(&archive, &[own, plain, own]);
    assert!(!played.is_clean(0) && played.is_clean(1) && !played.is_clean(2));
    assert_eq!((played.bad.len(), played.steps[1].tally.files()), (2, 1));
}

#[test]
fn signs_are_said_and_decide_nothing() {
    let mut archive = MadeUp::default();
    let names: Vec<String> = (0..20).map(|n| format!("d{n}/a.docx")).collect();
    let locked: Vec<String> = names.iter().map(|name| format!("{name}.locked")).collect();
    let notes: Vec<String> = (0..20).map(|n| format!("d{n}/READ_ME.txt")).collect();
    let before: Vec<(&str, u32)> = names.iter().zip(1..).map(|(name, n)| (name.as_str(), n * 7)).collect();
    let mut after: Vec<(&str, u32)> =
        locked.iter().zip(1..).map(|(name, n)| (name.as_str(), n * 7 + 3)).collect();
    after.extend(notes.iter().map(|name| (name.as_str(), 70_001)));
    let (before, after) = (archive.tree(&before), archive.tree(&after));
    let played = play(&archive, &[before, after]);
    let signs = played.steps[1].signs.join("\n");
    assert!(signs.contains("20 files got `.locked` appended"), "{signs}");
    assert!(signs.contains("20 of 20 changed files grew by exactly 3 bytes"), "{signs}");
    assert!(signs.contains("READ_ME.txt, lies in 20 folders"), "{signs}");
    assert!(played.is_clean(1), "all of them are clean, whatever they are called");
}

#[test]
fn files_that_vanish_together_are_said_and_named_until_they_are_back() {
    let mut archive = MadeUp::default();
    let files: Vec<(String, u32)> = (0..40).map(|n| (format!("d{}/{n}.docx", n % 3), 10 + n)).collect();
    let borrowed: Vec<(&str, u32)> = files.iter().map(|(path, content)| (path.as_str(), *content)).collect();
    let all = archive.tree(&borrowed);
    let left = archive.tree(&borrowed[..2]);
    let later = archive.tree(&[borrowed[0], borrowed[1], ("d0/new", 90)]);
    let one_folder: Vec<(&str, u32)> =
        borrowed.iter().copied().filter(|(path, _)| !path.starts_with("d1")).collect();
    let one_folder = archive.tree(&one_folder);
    let mut series: Series<MadeUp> = Series::new(Vec::new());
    let steps: Vec<Step> = [all, left, later, all, one_folder]
        .iter()
        .zip(0..)
        .map(|(tree, at)| series.step(&archive, at, *tree))
        .collect();
    let missing =
        |at: usize| steps[at].missing.iter().map(|one| (one.gone_in, one.files, one.of)).collect::<Vec<_>>();
    assert_eq!(missing(0), []);
    assert_eq!(missing(1), [(1, 38, 40)]);
    assert_eq!(missing(2), [(1, 38, 40)], "said again, or the next snapshot would look whole");
    assert_eq!(missing(3), [], "all of them are back");
    assert_eq!(missing(4), [(4, 13, 40)], "a whole folder");
    assert!(steps.iter().all(|step| step.tally.complaints(None).is_empty()), "a deletion breaks no file");
    let lost = series.end().lost;
    assert_eq!(lost.iter().filter(|lost| lost.gone_in == 1 && lost.last_clean == 0).count(), 38);
}

#[test]
fn a_few_archives_of_ones_own_are_let_pass_until_what_they_stand_beside_vanishes() {
    let mut archive = MadeUp::default();
    (90..120).for_each(|content| archive.is(content, Verdict::DeclaredEncrypted));
    let before = [("d/a.docx", 1), ("d/b.docx", 2), ("e/c", 3)];
    let tree = |archive: &mut MadeUp, files: &[(&str, u32)], more: &[(&str, u32)]| {
        let all: Vec<(&str, u32)> = files.iter().chain(more).copied().collect();
        archive.tree(&all)
    };
    let names: Vec<String> = (0..11).map(|n| format!("e/own{n}.7z")).collect();
    let many: Vec<(&str, u32)> =
        names.iter().zip(90..).map(|(name, content)| (name.as_str(), content)).collect();
    let clean = tree(&mut archive, &before, &[]);
    let two = tree(&mut archive, &before, &many[..2]);
    let saved_anew = tree(&mut archive, &before, &[(many[0].0, 110), many[1]]);
    let all = tree(&mut archive, &before, &many);
    assert!(play(&archive, &[clean, two, saved_anew]).is_clean(2), "nothing that was there is missing");
    assert!(!play(&archive, &[clean, all]).is_clean(1), "so many at once are for a person to look at");
    let copied = tree(&mut archive, &before, &[("d/a.docx.age", 90)]);
    let taken = tree(&mut archive, &before[1..], &[("d/a.docx.age", 90)]);
    let played = play(&archive, &[clean, copied, taken]);
    assert_eq!((played.is_clean(1), played.is_clean(2)), (true, false));
    assert_eq!(played.bad("/d/a.docx.age").last_clean, last_clean(1, "/d/a.docx"));
}

#[test]
fn a_file_that_was_changed_and_moved_at_once_has_the_past_of_the_one_of_its_name() {
    let mut archive = MadeUp::default();
    archive.is(90, Verdict::Suspicious);
    archive.is(91, Verdict::Encrypted);
    let clean = archive.tree(&[("d/a.docx", 1), ("d/b.docx", 2), ("e/c", 3)]);
    let moved = archive.tree(&[("f/a.docx", 90), ("f/b.docx.locked", 91), ("e/c", 3)]);
    let later = archive.tree(&[("g/a.docx", 90), ("g/b.docx.locked", 91), ("e/c", 3)]);
    let played = play(&archive, &[clean, moved, later]);
    for (path, former) in
        [("/f/a.docx", "/d/a.docx"), ("/g/a.docx", "/d/a.docx"), ("/g/b.docx.locked", "/d/b.docx")]
    {
        assert_eq!(played.bad(path).last_clean, last_clean(0, former), "{path}");
    }
}

#[test]
fn files_in_a_folder_that_cannot_be_read_are_not_said_to_have_vanished_until_it_can_be_read_again() {
    let mut archive = MadeUp::default();
    let files: Vec<(String, u32)> = (0..30).map(|number| (format!("d/{number}"), 100 + number)).collect();
    let some = |from: usize| -> Vec<(&str, u32)> {
        files[from..].iter().map(|(path, content)| (path.as_str(), *content)).collect()
    };
    let (all, few) = (archive.tree(&some(0)), archive.tree(&some(20)));
    let unreadable = 999;
    let played = play(&archive, &[all, unreadable, all]);
    assert_eq!(played.steps[1].missing, [], "nobody knows");
    assert!(played.steps[1].signs.is_empty(), "{:?}", played.steps[1].signs);
    assert_eq!(played.steps[2].missing, [], "and they are all there");
    let played = play(&archive, &[all, unreadable, few]);
    let [missing] = &played.steps[2].missing[..] else { panic!("{:?}", played.steps[2].missing) };
    assert_eq!((missing.gone_in, missing.files, missing.of), (2, 20, 30));
}

#[test]
fn an_accepted_content_is_no_news_until_it_changes_and_whatever_it_is_called() {
    let mut archive = MadeUp::default();
    for content in [10, 11, 12] {
        archive.is(content, Verdict::DeclaredEncrypted);
    }
    archive.is(20, Verdict::Encrypted);
    let files = |odd: [u32; 2]| [("a/1.pdf", odd[0]), ("a/2.pdf", odd[1]), ("a/3.txt", 1), ("b/4.txt", 2)];
    let first = archive.tree(&files([10, 11]));
    let moved = archive.tree(&[("a/1.pdf", 10), ("b/other name.pdf", 11), ("a/3.txt", 1), ("b/4.txt", 2)]);
    let changed = archive.tree(&[("a/1.pdf", 12), ("b/other name.pdf", 11), ("a/3.txt", 1), ("b/4.txt", 2)]);
    let attacked = archive.tree(&[("a/1.pdf", 20), ("b/other name.pdf", 11), ("a/3.txt", 1), ("b/4.txt", 2)]);
    let play = |archive: &MadeUp| {
        let mut series: Series<MadeUp> = Series::new(vec![]);
        let trees = [first, moved, changed, attacked].into_iter().enumerate();
        let steps: Vec<Step> = trees.map(|(at, tree)| series.step(archive, at, tree)).collect();
        let clean: Vec<bool> = steps.iter().map(|step| step.tally.complaints(None).is_empty()).collect();
        (clean, series.end().bad().map(|bad| bad.path.display().to_string()).collect::<Vec<_>>())
    };
    assert_eq!(play(&archive).0, [false; 4], "two files with a password in a small folder");
    archive.accepted = BTreeSet::from([10, 11]);
    let (clean, bad) = play(&archive);
    assert_eq!(
        clean,
        [true, true, false, false],
        "the same bytes elsewhere are the same; a new version of one is news"
    );
    assert_eq!(bad, ["/a/1.pdf"; 2], "{bad:?}");
}

#[test]
fn an_accepted_content_in_the_place_of_everything_else_is_no_clean_snapshot() {
    let mut archive = MadeUp::default();
    archive.is(10, Verdict::Damaged);
    archive.accepted = BTreeSet::from([10]);
    let before = archive.tree(&[("a/1", 1), ("a/2", 2), ("a/3", 3), ("a/odd", 10)]);
    let overwritten = archive.tree(&[("a/1", 10), ("a/2", 10), ("a/3", 10), ("a/odd", 10)]);
    let renamed = archive.tree(&[("a/1.x", 10), ("a/2.x", 10), ("a/3.x", 10), ("a/odd", 10)]);
    for after in [overwritten, renamed] {
        let mut series: Series<MadeUp> = Series::new(vec![]);
        assert!(series.step(&archive, 0, before).tally.complaints(None).is_empty());
        assert!(!series.step(&archive, 1, after).tally.complaints(None).is_empty());
    }
}
