//! Bursts are driven by hand: each look is given its time, so nothing waits.

#![allow(clippy::disallowed_methods, reason = "waits for the watch with a deadline")]

use std::fs;

use super::*;
use judge::specimens::{Dice, attacked, promised, text};

struct Live {
    folder: tempfile::TempDir,
    watch: StoreWatch,
    now_ms: i64,
}

impl Live {
    fn new(seed: u64) -> Live {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in promised(seed) {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let watch =
            StoreWatch::new("store:core".parse().unwrap(), folder.path().to_owned(), Limits::default());
        let now_ms = jiff::Timestamp::now().as_millisecond() + 10_000;
        let mut live = Live { folder, watch, now_ms };
        let look = live.look();
        assert_eq!(look.files, promised(seed).len());
        assert!(live.watch.burst_at_start(&look).is_none());
        live
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn encrypt(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        fs::write(self.path(name), attacked("full", &bytes, 3)).unwrap();
    }

    fn look(&mut self) -> Look {
        self.watch.hear(self.now_ms, &mut |_| true);
        self.watch.look(self.now_ms, &mut |_| true)
    }

    /// The burst that there is, if there is one only.
    fn burst(&self) -> Option<Burst> {
        let mut bursts = self.watch.bursts(self.now_ms);
        assert!(bursts.len() < 2, "{bursts:?}");
        bursts.pop()
    }

    /// What came before counts no more.
    fn a_minute_later(&mut self) {
        self.now_ms += 61_000;
        self.look();
    }

    /// Nothing rests from being judged.
    fn rested(&mut self) {
        self.watch.known.values_mut().for_each(|known| known.rest_until = None);
    }

    /// Looks until nothing is left to judge. Files rest between two judgements for as long as judging
    /// them took; the deadline is far beyond that.
    fn settle(&mut self) -> Option<Burst> {
        let deadline = Instant::now() + std::time::Duration::from_secs(60);
        self.rested();
        loop {
            self.now_ms += 200;
            self.look();
            if self.watch.pending.is_empty() || Instant::now() > deadline {
                self.now_ms += 200;
                self.look();
                return self.burst();
            }
        }
    }
}

#[test]
fn two_broken_files_are_an_accident_and_three_are_an_alarm_raised_once() {
    let mut live = Live::new(1);
    live.encrypt("letter.txt");
    live.encrypt("letter.docx");
    assert_eq!(live.settle(), None);
    live.encrypt("core.sqlite");
    let burst = live.settle().unwrap();
    assert_eq!((burst.files, burst.about), (3, About::Bad(Suspicion::Encrypted)));
    assert!(burst.examples.iter().any(|path| path.ends_with("letter.docx")), "{burst:?}");
    live.watch.settled(&burst);
    assert_eq!(live.settle(), None, "the same files do not count again");
}

#[test]
fn files_that_went_bad_long_ago_do_not_add_up() {
    let mut live = Live::new(2);
    live.encrypt("letter.txt");
    live.encrypt("letter.docx");
    assert_eq!(live.settle(), None);
    live.now_ms += 61_000;
    live.encrypt("core.sqlite");
    assert_eq!(live.settle(), None);
}

#[test]
fn a_restored_time_does_not_hide_a_change() {
    let mut live = Live::new(3);
    for name in ["letter.txt", "letter.docx", "notice.pdf"] {
        let before = fs::metadata(live.path(name)).unwrap().modified().unwrap();
        live.encrypt(name);
        let file = fs::OpenOptions::new().write(true).open(live.path(name)).unwrap();
        file.set_times(fs::FileTimes::new().set_modified(before)).unwrap();
    }
    assert_eq!(live.settle().unwrap().files, 3);
}

#[test]
fn a_new_name_alone_takes_nothing_from_anybody_and_with_other_content_it_is_an_alarm() {
    let mut live = Live::new(4);
    for number in 0..24 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 2000)).unwrap();
    }
    assert_eq!(live.settle(), None);
    let renamed = |number: u64| format!("letter-{number}.txt.blackened");
    for number in 0..12 {
        fs::rename(live.path(&format!("letter-{number}.txt")), live.path(&renamed(number))).unwrap();
    }
    assert_eq!(live.settle(), None, "as every inbox of a batch interface does");
    for number in 12..24 {
        let from = live.path(&format!("letter-{number}.txt"));
        fs::write(&from, text(number + 100, 3000)).unwrap();
        fs::rename(&from, live.path(&renamed(number))).unwrap();
    }
    let burst = live.settle().unwrap();
    assert_eq!((burst.files, burst.about), (12, About::Bad(Suspicion::Suspicious)));
}

#[test]
fn most_files_of_a_store_or_of_one_kind_gone_is_an_alarm_and_replacing_them_is_not() {
    let mut live = Live::new(8);
    for number in 0..300 {
        fs::write(live.path(&format!("{number}.csv")), text(number, 300)).unwrap();
        fs::write(live.path(&format!("{number}.txt")), text(number, 300)).unwrap();
    }
    assert_eq!(live.settle(), None);
    for number in 0..120 {
        fs::remove_file(live.path(&format!("{number}.csv"))).unwrap();
        fs::write(live.path(&format!("new-{number}.csv")), text(number, 300)).unwrap();
    }
    assert_eq!(live.settle(), None, "another version is checked out");
    live.now_ms += 61_000;
    for number in 120..300 {
        fs::remove_file(live.path(&format!("{number}.csv"))).unwrap();
    }
    let burst = live.settle().unwrap();
    assert_eq!((burst.files, burst.about), (180, About::Vanished), "{burst:?}");
}

#[test]
fn a_store_of_one_file_has_an_alarm_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.txt");
    fs::write(&path, text(1, 9000)).unwrap();
    let watch = StoreWatch::new("store:core".parse().unwrap(), path.clone(), Limits::default());
    let now_ms = jiff::Timestamp::now().as_millisecond() + 10_000;
    let mut live = Live { folder, watch, now_ms };
    live.look();
    assert_eq!(live.settle(), None);
    fs::write(&path, attacked("full", &text(1, 9000), 3)).unwrap();
    assert_eq!(live.settle().unwrap().files, 1);
}

#[test]
fn a_store_that_cannot_be_looked_at_is_not_quiet() {
    let mut live = Live::new(9);
    let (root, aside) = (live.folder.path().to_owned(), live.folder.path().with_extension("aside"));
    let not_watched = |live: &mut Live| {
        live.now_ms += 200;
        live.look().not_watched
    };
    assert_eq!(not_watched(&mut live), None);
    fs::rename(&root, &aside).unwrap();
    std::os::unix::fs::symlink(&aside, &root).unwrap();
    assert!(not_watched(&mut live).unwrap().contains("replaced by a link"));
    fs::remove_file(&root).unwrap();
    assert!(not_watched(&mut live).unwrap().contains("is not there"));
    // A folder that is gone has taken its files along.
    let burst = live.burst().unwrap();
    assert_eq!(burst.about, About::Vanished);
    fs::rename(&aside, &root).unwrap();
    assert_eq!(not_watched(&mut live), None);
}

#[test]
fn what_an_open_alarm_is_about_goes_on_being_counted() {
    let mut live = Live::new(10);
    for number in 0..40 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 3000)).unwrap();
    }
    assert_eq!(live.settle(), None);
    let encrypt = |live: &Live, numbers: std::ops::Range<u64>| {
        numbers.for_each(|number| live.encrypt(&format!("letter-{number}.txt")));
    };
    encrypt(&live, 0..4);
    let first = live.settle().unwrap();
    live.watch.settled(&first);
    live.now_ms += 61_000;
    encrypt(&live, 4..40);
    let more = live.settle().unwrap();
    assert_eq!((first.total, more.files, more.total), (4, 36, 40));
}

#[test]
fn encrypted_copies_under_other_names_count_for_the_files_they_replace() {
    let mut live = Live::new(5);
    for (number, name) in ["letter.txt", "letter.docx", "notice.pdf"].into_iter().enumerate() {
        let bytes = fs::read(live.path(name)).unwrap();
        fs::write(live.path(&format!("{number}f3a")), attacked("full", &bytes, 1)).unwrap();
        fs::remove_file(live.path(name)).unwrap();
    }
    assert_eq!(live.settle().unwrap().files, 3);
}

#[test]
fn a_normal_day_does_not_alarm() {
    let mut live = Live::new(6);
    let database = rusqlite::Connection::open(live.path("live.sqlite")).unwrap();
    database.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE t (a TEXT, b BLOB);").unwrap();
    let old = rusqlite::Connection::open(live.path("old.sqlite")).unwrap();
    old.execute_batch("CREATE TABLE t (a TEXT, b BLOB);").unwrap();
    let mut dice = Dice::new(6);
    for round in 0..12 {
        for one in [&database, &old] {
            one.execute_batch("BEGIN").unwrap();
            for _ in 0..40 {
                one.execute("INSERT INTO t VALUES (?, ?)", ("text", dice.bytes(3000))).unwrap();
            }
        }
        live.now_ms += 200;
        live.look();
        for one in [&database, &old] {
            one.execute_batch("COMMIT").unwrap();
        }
        let mut log =
            fs::OpenOptions::new().create(true).append(true).open(live.path("service.log")).unwrap();
        std::io::Write::write_all(&mut log, &text(round, 500)).unwrap();
        fs::write(live.path(&format!("case-{round}.json")), judge::specimens::json(round, 20)).unwrap();
        fs::write(live.path(&format!("scan-{round}.png")), judge::specimens::png(round, 30)).unwrap();
        fs::write(live.path("half.json"), b"{\"a\": [1, 2").unwrap();
        let mut sealed = b"Salted__".to_vec();
        sealed.extend(dice.bytes(5000));
        fs::write(live.path(&format!("mine-{round}.enc")), &sealed).unwrap();
        assert_eq!(live.settle(), None, "round {round}: {:?}", live.watch.signs);
    }
    fs::rename(live.path("service.log"), live.path("service.log.1")).unwrap();
    assert_eq!(live.settle(), None);
}

#[test]
fn what_was_encrypted_while_nobody_watched_is_an_alarm_at_the_start() {
    let live = Live::new(7);
    for name in ["letter.txt", "letter.docx", "notice.pdf"] {
        live.encrypt(name);
    }
    let mut again =
        StoreWatch::new("store:core".parse().unwrap(), live.folder.path().to_owned(), Limits::default());
    let look = again.look(live.now_ms, &mut |_| true);
    assert_eq!(again.burst_at_start(&look).unwrap().files, 3);
}

/// Without what the kernel tells, as on a share.
fn deaf(live: &mut Live) {
    live.watch.told = TellTale::Looking("for this test".to_owned());
}

#[test]
fn an_alarm_comes_when_there_is_enough_and_not_when_the_look_is_over() {
    let mut live = Live::new(11);
    for number in 0..40 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 3000)).unwrap();
    }
    assert_eq!(live.settle(), None);
    deaf(&mut live);
    (0..40).for_each(|number| live.encrypt(&format!("letter-{number}.txt")));
    live.rested();
    live.now_ms += 200;
    live.look();
    live.now_ms += 200;
    let (mut bursts, mut steps, now_ms) = (Vec::new(), 0, live.now_ms);
    live.watch.look(now_ms, &mut |watch| {
        steps += 1;
        if watch.has_news() {
            bursts.extend(watch.bursts(now_ms).into_iter().map(|burst| burst.files));
        }
        true
    });
    assert_eq!(bursts.first(), Some(&3), "{bursts:?}");
    assert!(steps >= 40, "whoever waits hears of every file: {steps}");
}

#[test]
fn what_a_writer_has_closed_counts_before_anybody_looks() {
    let mut live = Live::new(13);
    for number in 0..40 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 3000)).unwrap();
    }
    assert_eq!(live.settle(), None);
    live.rested();
    (0..20).for_each(|number| live.encrypt(&format!("letter-{number}.txt")));
    for number in 20..40 {
        let from = live.path(&format!("letter-{number}.txt"));
        let bytes = fs::read(&from).unwrap();
        fs::write(live.path(&format!("{number}-new.txt")), attacked("full", &bytes, 3)).unwrap();
        fs::remove_file(from).unwrap();
    }
    let (mut first, now_ms) = (None, live.now_ms);
    live.watch.hear(now_ms, &mut |watch| {
        first = first.take().or_else(|| watch.bursts(now_ms).pop());
        true
    });
    assert_eq!(first.unwrap().files, 3);
    assert_eq!(live.burst().unwrap().files, 40, "the new ones count for those that they replace");
    live.now_ms += 200;
    live.look();
    live.now_ms += 200;
    live.look();
    assert_eq!(live.burst().unwrap().files, 40, "a look does not count them again");
}

#[test]
fn a_look_where_something_was_told_finds_what_a_look_at_everything_finds() {
    let mut live = Live::new(14);
    fs::create_dir_all(live.path("a/b")).unwrap();
    for number in 0..30 {
        fs::write(live.path(&format!("a/b/{number}.txt")), text(number, 1000)).unwrap();
    }
    assert_eq!(live.settle(), None);
    let files = |live: &Live| live.watch.known.iter().map(|(path, _)| path).collect::<BTreeSet<_>>();
    fs::rename(live.path("a/b"), live.path("c")).unwrap();
    fs::write(live.path("c/new.txt"), text(1, 10)).unwrap();
    fs::rename(live.path("c/1.txt"), live.path("1.txt")).unwrap();
    fs::remove_file(live.path("c/2.txt")).unwrap();
    fs::create_dir_all(live.path("d/e/f")).unwrap();
    fs::write(live.path("d/e/f/deep.txt"), text(1, 10)).unwrap();
    assert_eq!(live.settle(), None);
    assert!(!live.watch.is_everything_due(), "this test took longer than {LOOK_AT_LEAST_EVERY:?}");
    let told = files(&live);
    live.watch.pending.everything = true;
    live.look();
    assert_eq!(told, files(&live));
    assert_eq!(live.watch.known.len(), told.len());
}

#[test]
fn an_empty_store_is_not_a_quiet_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch =
        StoreWatch::new("store:core".parse().unwrap(), folder.path().to_owned(), Limits::default());
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let look = watch.look(now_ms, &mut |_| true);
    assert!(look.not_watched.unwrap().contains("nothing is mounted there"));
    fs::write(folder.path().join("letter.txt"), text(1, 100)).unwrap();
    assert_eq!(watch.look(now_ms + 200, &mut |_| true).not_watched, None);
}

#[test]
fn files_that_vanish_are_an_alarm_before_others_are_judged() {
    let mut live = Live::new(12);
    for number in 0..120 {
        fs::write(live.path(&format!("{number}.csv")), text(number, 300)).unwrap();
    }
    assert_eq!(live.settle(), None);
    // The files that came are no longer set against those that go.
    live.now_ms += 61_000;
    live.encrypt("letter.txt");
    live.look();
    live.rested();
    (0..120).for_each(|number| fs::remove_file(live.path(&format!("{number}.csv"))).unwrap());
    live.now_ms += 200;
    let (mut first, now_ms) = (None, live.now_ms);
    live.watch.hear(now_ms, &mut |_| true);
    live.watch.look(now_ms, &mut |watch| {
        first.get_or_insert_with(|| watch.bursts(now_ms).pop().map(|burst| burst.about));
        true
    });
    assert_eq!(first, Some(Some(About::Vanished)));
}

#[test]
fn a_deletion_is_an_alarm_before_anybody_has_looked_and_is_counted_once() {
    let mut live = Live::new(31);
    for number in 0..300 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 200)).unwrap();
    }
    assert_eq!(live.settle(), None);
    live.a_minute_later();
    for number in 0..200 {
        fs::remove_file(live.path(&format!("letter-{number}.txt"))).unwrap();
    }
    live.watch.hear(live.now_ms, &mut |_| true);
    let burst = live.burst().expect("the kernel told of 200 deletions, and nobody has looked yet");
    assert_eq!((burst.about, burst.files), (About::Vanished, 200));
    assert!(live.watch.has_news());
    live.watch.settled(&burst);
    assert_eq!(live.settle(), None, "the look does not count the same files again");
}

#[test]
fn what_is_moved_to_another_folder_is_not_lost() {
    let mut live = Live::new(32);
    for number in 0..300 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 200)).unwrap();
    }
    fs::create_dir(live.path("archive")).unwrap();
    assert_eq!(live.settle(), None);
    live.a_minute_later();
    for number in 0..250 {
        let name = format!("letter-{number}.txt");
        fs::rename(live.path(&name), live.path("archive").join(&name)).unwrap();
    }
    live.watch.hear(live.now_ms, &mut |_| true);
    assert_eq!(live.burst(), None);
    assert_eq!(live.settle(), None);
}

#[test]
fn files_that_were_made_and_moved_over_others_do_not_hide_that_others_are_gone() {
    let mut live = Live::new(33);
    for number in 0..300 {
        fs::write(live.path(&format!("letter-{number}.txt")), text(number, 200)).unwrap();
    }
    assert_eq!(live.settle(), None);
    live.a_minute_later();
    for number in 0..200 {
        let passing = live.path(&format!("passing-{number}"));
        fs::write(&passing, "x").unwrap();
        fs::remove_file(&passing).unwrap();
        fs::remove_file(live.path(&format!("letter-{number}.txt"))).unwrap();
    }
    live.watch.hear(live.now_ms, &mut |_| true);
    assert_eq!(live.burst().map(|burst| (burst.about, burst.files)), Some((About::Vanished, 200)));
}

#[test]
fn one_touched_decoy_is_an_alarm_and_looking_at_it_or_changing_its_rights_is_none() {
    use std::os::unix::fs::PermissionsExt;
    let mut live = Live::new(41);
    fs::create_dir(live.path("folder")).unwrap();
    let planned = crate::decoys::planned(&live.watch.store, live.folder.path());
    for (decoy, bytes) in &planned {
        crate::decoys::put(decoy, bytes).unwrap();
    }
    live.watch.expect_untouched(planned.iter().map(|(decoy, _)| decoy.clone()));
    assert_eq!(live.settle(), None);
    let path = |at: usize| planned[at].0.path.clone();
    assert!(!fs::read(path(0)).unwrap().is_empty());
    fs::set_permissions(path(0), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(live.settle(), None);
    fs::write(path(0), attacked("full", &planned[0].1, 3)).unwrap();
    live.watch.hear(live.now_ms, &mut |_| true);
    let burst = live.burst().expect("told before anybody has looked");
    assert_eq!((burst.files, burst.about), (1, About::Bad(Suspicion::Encrypted)));
    assert!(burst.examples[0].ends_with("(a decoy)"), "{burst:?}");
    assert!(live.watch.has_news());
    live.watch.settled(&burst);
    assert_eq!(live.settle(), None, "once");
    // Under another name, or gone; of plain text in its place too.
    fs::rename(path(1), live.path("1.locked")).unwrap();
    let burst = live.settle().expect("it is gone");
    assert_eq!((burst.files, burst.about), (1, About::Vanished));
    live.watch.settled(&burst);
    fs::write(path(2), "something else").unwrap();
    let burst = live.settle().expect("it holds something else");
    assert_eq!((burst.files, burst.about), (1, About::Bad(Suspicion::Suspicious)));
    live.watch.settled(&burst);
    assert_eq!(live.settle(), None);
}
