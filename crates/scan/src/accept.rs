//! Which odd contents of a snapshot may a person accept, and what is recorded of it?
//!
//! A grown store holds thousands of files that are not clean and never were: forms with a password, files broken years ago. They
//! are no news, and must not hide news. A person looks at them once and accepts exactly these contents, by their digests;
//! whatever the files are called, the same bytes are the same. A content that changes is news again, and so is an accepted content
//! that takes the place of another: a file that was good once and went bad is accepted at its own path only.
//!
//! An attack leaves files that are odd, too: archives with a password in place of letters, zeros in place of content. So with all
//! others may be accepted only what was never anything else:
//!
//! | verdict | when | may be accepted |
//! |---|---|---|
//! | declared-encrypted, damaged, suspicious | in the first snapshot of its series, and never clean | yes |
//! | the same | came later, and neither was clean nor came while others vanished | yes |
//! | the same | was clean before, or came while others vanished | only by its name, one by one |
//! | encrypted | in the first snapshot of its series, and never clean | yes |
//! | encrypted | later | no: somebody did that while backups were made |
//! | malware, unread | | no: what harms, and what nobody has read, is nobody's to accept |

use std::collections::BTreeMap;
use std::path::PathBuf;

use estate::Id;
use incident::event::ScanEvent;
use incident::{Event, View};
use judge::Verdict;
use message::{Command, Message, Remedy, harmless};

use crate::history::{Digest, digest_at};
use crate::report::{Bad, RepositoryReport, SnapshotReport};

/// Digests in one entry of the journal: some 64 kB.
const CONTENTS_IN_ENTRY: usize = 900;

/// Why one content is not a person's to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Not {
    /// Only by its name.
    WentBad,
    EncryptedLately,
    Malware,
    Unread,
}

impl Not {
    pub fn words(self) -> &'static str {
        match self {
            Not::WentBad => {
                "was clean before, or came while others vanished: so an attack looks. One that is harmless is accepted by its name: --file PATH"
            }
            Not::EncryptedLately => {
                "became encrypted while backups were made: an attack, or so like one that somebody must find out"
            }
            Not::Malware => "is malware",
            Not::Unread => "could not be read",
        }
    }
}

/// What is odd in a snapshot.
#[derive(Debug, Default)]
pub struct Odd<'a> {
    /// By verdict and first reason, most files first.
    pub groups: Vec<Group<'a>>,
    pub not: BTreeMap<Not, Vec<&'a Bad>>,
}

/// Files that are odd in the same way.
#[derive(Debug)]
pub struct Group<'a> {
    pub verdict: Verdict,
    /// The first reason, without its figures.
    pub reason: String,
    pub files: Vec<&'a Bad>,
}

impl Odd<'_> {
    pub fn files(&self) -> usize {
        self.groups.iter().map(|group| group.files.len()).sum()
    }

    /// Of all that may be accepted.
    pub fn digests(&self) -> Vec<Digest> {
        let files = self.groups.iter().flat_map(|group| &group.files);
        // One that went bad is accepted in its place only: the same bytes over other files are an attack.
        let of = |bad: &&Bad| match (&bad.last_clean, bad.tolerable) {
            (None, true) => bad.digest,
            (Some(_), _) | (_, false) => digest_at(&bad.digest, &bad.path),
        };
        let mut all: Vec<Digest> = files.map(of).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Everything in this snapshot that is not clean and was not accepted before. `named`: paths that a person has named one by one.
pub fn odd<'a>(report: &'a RepositoryReport, snapshot: &'a SnapshotReport, named: &[PathBuf]) -> Odd<'a> {
    let first = report.snapshots.iter().filter(|one| one.series == snapshot.series).map(|one| one.at).min();
    let mut odd = Odd::default();
    let mut groups: BTreeMap<(Verdict, String), Vec<&Bad>> = BTreeMap::new();
    for bad in report.bad_in(snapshot) {
        let always = Some(bad.from) == first && bad.last_clean.is_none();
        match bad.judgement.verdict {
            Verdict::Malware => odd.not.entry(Not::Malware).or_default().push(bad),
            Verdict::Unread => odd.not.entry(Not::Unread).or_default().push(bad),
            Verdict::Encrypted if !always => odd.not.entry(Not::EncryptedLately).or_default().push(bad),
            _ if !always && !bad.tolerable && !named.iter().any(|path| **path == *bad.path) => {
                odd.not.entry(Not::WentBad).or_default().push(bad);
            }
            verdict => groups.entry((verdict, reason(bad))).or_default().push(bad),
        }
    }
    let group = |((verdict, reason), files)| Group { verdict, reason, files };
    odd.groups = groups.into_iter().map(group).collect();
    odd.groups.sort_by_key(|group| std::cmp::Reverse(group.files.len()));
    odd
}

/// What files have in common: figures differ from file to file.
fn reason(bad: &Bad) -> String {
    let first = bad.judgement.reasons.first().map_or("no reason given", String::as_str);
    let mut text = String::new();
    for c in first.chars() {
        match (c.is_ascii_digit(), text.ends_with('N')) {
            (true, true) => {}
            (true, false) => text.push('N'),
            (false, _) => text.push(c),
        }
    }
    text
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptRefusal {
    #[error("accepting needs a reason: what was looked at")]
    NoReason,
    #[error("nothing in snapshot {0} is there to be accepted")]
    Nothing(String),
    #[error("entry {sequence} of the journal cannot be read by this version and may be about {store}")]
    Unread { store: Id, sequence: u64 },
}

impl AcceptRefusal {
    pub fn message(&self, store: &Id) -> Message {
        let to_do = match self {
            AcceptRefusal::NoReason => {
                Remedy::run(Command::new("accept").incident().with(store).open("SNAPSHOT").reason())
            }
            AcceptRefusal::Nothing(_) => Remedy::from("see what the scan says of it; name another snapshot"),
            AcceptRefusal::Unread { sequence, .. } => Remedy::run_to(
                "use the newer program that wrote it, or accept it",
                Command::accept_entry(*sequence),
            ),
        };
        Message::new(harmless(&self.to_string()), "nothing was recorded; what is not clean stays so", to_do)
    }
}

/// What to record: what is accepted already is not written twice.
pub fn accept(
    view: &View,
    store: &Id,
    snapshot: &str,
    contents: &[Digest],
    reason: &str,
) -> Result<Vec<Event>, AcceptRefusal> {
    if reason.trim().is_empty() {
        return Err(AcceptRefusal::NoReason);
    }
    if let Some(unknown) = view.blocked_by(store) {
        return Err(AcceptRefusal::Unread { store: store.clone(), sequence: unknown.sequence });
    }
    let known = view.scan.stores.get(store);
    let fresh: Vec<String> = contents
        .iter()
        .map(|digest| estate::hex(digest))
        .filter(|content| known.is_none_or(|known| !known.accepted.contains(content)))
        .collect();
    if fresh.is_empty() {
        return Err(AcceptRefusal::Nothing(crate::snapshots::short(snapshot).to_owned()));
    }
    let event = |contents: &[String]| {
        Event::Scan(ScanEvent::ContentsAccepted {
            store: store.clone(),
            snapshot: snapshot.to_owned(),
            reason: reason.to_owned(),
            contents: contents.to_vec(),
        })
    };
    Ok(fresh.chunks(CONTENTS_IN_ENTRY).map(event).collect())
}

/// As the journal writes it; `None`: it is no digest.
pub fn digest(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::Judgement;
    use std::path::Path;
    use std::rc::Rc;

    fn bad(path: &str, verdict: Verdict, reason: &str, from: usize, clean_before: bool) -> Bad {
        let judgement = Judgement { verdict, ..Judgement::unread(reason) };
        let mut digest = [0; 32];
        digest[0] = path.len() as u8;
        Bad {
            path: Path::new(path).into(),
            judgement: Rc::new(judgement),
            digest,
            last_clean: clean_before.then(|| Rc::from("0000")),
            last_clean_path: None,
            series: 0,
            from,
            until: 9,
            tolerable: true,
        }
    }

    #[test]
    fn only_what_nobody_did_lately_may_be_accepted_and_what_is_alike_is_shown_together() {
        let snapshots: Vec<SnapshotReport> =
            (0..3).map(|at| SnapshotReport { at, ..SnapshotReport::default() }).collect();
        let report = RepositoryReport {
            bad: vec![
                bad("1", Verdict::Damaged, "cut off after 12 of 99 bytes", 0, false),
                bad("22", Verdict::Damaged, "cut off after 7 of 1234 bytes", 1, false),
                bad("333", Verdict::DeclaredEncrypted, "needs a password", 2, false),
                bad("4444", Verdict::Encrypted, "looks encrypted", 0, false),
                bad("55555", Verdict::Encrypted, "looks encrypted", 1, false),
                bad("666666", Verdict::Encrypted, "looks encrypted", 0, true),
                bad("7777777", Verdict::Malware, "rule x", 0, false),
                bad("88888888", Verdict::Unread, "no", 0, false),
            ],
            snapshots,
            ..RepositoryReport::default()
        };
        let odd = odd(&report, &report.snapshots[2], &[]);
        assert_eq!((odd.files(), odd.groups[0].files.len()), (4, 2));
        assert_eq!(odd.groups[0].reason, "cut off after N of N bytes");
        let not: Vec<(Not, usize)> = odd.not.iter().map(|(not, files)| (*not, files.len())).collect();
        assert_eq!(not, [(Not::EncryptedLately, 2), (Not::Malware, 1), (Not::Unread, 1)]);
    }

    #[test]
    fn what_was_clean_or_came_for_what_vanished_is_accepted_by_its_name_only() {
        let went = |path: &str, clean_before: bool| Bad {
            tolerable: false,
            ..bad(path, Verdict::DeclaredEncrypted, "needs a password", 1, clean_before)
        };
        let report = RepositoryReport {
            bad: vec![went("/a/letter.gpg", false), went("/a/form.pdf", true)],
            snapshots: (0..3).map(|at| SnapshotReport { at, ..SnapshotReport::default() }).collect(),
            ..RepositoryReport::default()
        };
        let all = odd(&report, &report.snapshots[2], &[]);
        assert_eq!((all.files(), all.not[&Not::WentBad].len()), (0, 2));
        let one = odd(&report, &report.snapshots[2], &[PathBuf::from("/a/form.pdf")]);
        assert_eq!((one.files(), one.not[&Not::WentBad].len()), (1, 1));
        assert_eq!(
            one.digests(),
            [digest_at(&report.bad[1].digest, &report.bad[1].path)],
            "in its place only"
        );
    }

    #[test]
    fn many_contents_are_several_entries_and_none_is_written_twice() {
        let store: Id = "store:core".parse().unwrap();
        let mut view = View::default();
        let contents: Vec<Digest> = (0..2_000_u16)
            .map(|number| {
                let mut digest = [7; 32];
                digest[..2].copy_from_slice(&number.to_be_bytes());
                digest
            })
            .collect();
        assert!(contents.iter().all(|one| digest(&estate::hex(one)) == Some(*one)));
        assert_eq!(accept(&view, &store, "s", &contents, " "), Err(AcceptRefusal::NoReason));
        assert_eq!(accept(&view, &store, "s", &contents, "looked at").unwrap().len(), 3);
        view.scan.stores.entry(store.clone()).or_default().accepted =
            contents.iter().map(|one| estate::hex(one)).collect();
        assert!(matches!(accept(&view, &store, "s", &contents, "again"), Err(AcceptRefusal::Nothing(_))));
    }
}
