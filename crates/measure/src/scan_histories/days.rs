//! What happens to a provider's files from one snapshot to the next: ordinary days, and an attack.

use drill::attack::{self, Pattern};
use drill::rng::Rng;

use super::files::{self, Base};
use super::provider::{Files, Held, Provider};

/// An ordinary day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Day {
    Edits,
    NewFiles,
    Upgrade,
    PictureImport,
    LogRotation,
    UserEncryption,
    MassRename,
    FolderMoved,
    Deletions,
    Restored,
    Touched,
    DumpGrown,
}

impl Day {
    pub(super) const ALL: [Day; 12] = [
        Day::Edits,
        Day::NewFiles,
        Day::Upgrade,
        Day::PictureImport,
        Day::LogRotation,
        Day::UserEncryption,
        Day::MassRename,
        Day::FolderMoved,
        Day::Deletions,
        Day::Restored,
        Day::Touched,
        Day::DumpGrown,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Day::Edits => "edits: lines changed, documents saved anew",
            Day::NewFiles => "new files",
            Day::Upgrade => "upgrade: a third of a folder replaced by other versions",
            Day::PictureImport => "many new files in a new folder, as from a camera",
            Day::LogRotation => "logs rotated and compressed",
            Day::UserEncryption => "somebody adds an encrypted archive of his own",
            Day::MassRename => "a third of all files renamed",
            Day::FolderMoved => "a folder moved",
            Day::Deletions => "a tenth of all files deleted",
            Day::Restored => "files put back as they were before",
            Day::Touched => "all times changed, no content",
            Day::DumpGrown => "a database dump written anew, longer",
        }
    }
}

/// The folder, its past, and the clock.
pub(super) struct Diary<'a> {
    pub(super) files: Files,
    base: &'a [Base],
    /// Earlier states, newest last.
    past: Vec<Files>,
    clock: i128,
}

impl<'a> Diary<'a> {
    /// `count` files in folders of about twenty.
    pub(super) fn new(
        base: &'a [Base],
        provider: &mut Provider<'_>,
        count: usize,
        rng: &mut Rng,
    ) -> Diary<'a> {
        let mut diary = Diary { files: Files::new(), base, past: Vec::new(), clock: 1_000_000 };
        for number in 0..count {
            let content = below(rng, base.len());
            diary.put(&format!("d{}", number / 20), &format!("f{number}.{}", base[content].ending), content);
        }
        let log = provider.make(files::text(rng, 6000, '\n'));
        diary.put("log", "app.log", log);
        diary
    }

    fn put(&mut self, folder: &str, name: &str, content: usize) {
        self.clock += 1000;
        let held = Held { content, modified: self.clock, is_hit: false };
        self.files.insert((folder.to_owned(), name.to_owned()), held);
    }

    fn some(&self, rng: &mut Rng, share_percent: u64) -> Vec<(String, String)> {
        let mut some: Vec<_> = self
            .files
            .keys()
            .filter(|(folder, _)| folder != "log" && rng.percent(share_percent))
            .cloned()
            .collect();
        if some.is_empty() {
            some.extend(self.files.keys().next().cloned());
        }
        some
    }

    /// Another content of the same type and ending: a document that is saved anew does not become another type.
    fn of_the_same_kind(&self, content: usize, rng: &mut Rng) -> Option<usize> {
        let now = self.base.get(content)?;
        let alike = |other: &Base| other.ending == now.ending && other.kind == now.kind;
        let same: Vec<usize> = (0..self.base.len()).filter(|at| alike(&self.base[*at])).collect();
        (!same.is_empty()).then(|| same[below(rng, same.len())])
    }

    pub(super) fn pass(&mut self, day: Day, provider: &mut Provider<'_>, rng: &mut Rng) {
        self.past.push(self.files.clone());
        self.clock += 86_400_000;
        match day {
            Day::Edits => self.edits(provider, rng, 4),
            Day::NewFiles => self.add("new", 3 + below(rng, 20), rng),
            Day::Upgrade => self.replace(rng),
            Day::PictureImport => self.add(&format!("import{}", self.clock), 20 + below(rng, 60), rng),
            Day::LogRotation => self.rotate(provider, rng),
            Day::UserEncryption => {
                let mut bytes = b"age-encryption.org/v1\n-> X25519 c2FsdA\n--- ".to_vec();
                let length = 2000 + below(rng, 60_000);
                bytes.extend(files::random(rng, length));
                let content = provider.make(bytes);
                self.put("d0", &format!("private-{}.tar.age", self.clock), content);
            }
            Day::MassRename => {
                for (folder, name) in self.some(rng, 33) {
                    if let Some(held) = self.files.remove(&(folder.clone(), name.clone())) {
                        self.files.insert((folder, format!("2023 {name}")), held);
                    }
                }
            }
            Day::FolderMoved => {
                let moved: Vec<_> = self.files.keys().filter(|(folder, _)| folder == "d0").cloned().collect();
                for key in moved {
                    let held = self.files.remove(&key).expect("just listed");
                    self.files.insert((format!("archive{}", self.clock), key.1), held);
                }
            }
            Day::Deletions => {
                let gone = self.some(rng, 10);
                self.files.retain(|key, _| !gone.contains(key));
            }
            Day::Restored => {
                let first = self.past.first().cloned().unwrap_or_default();
                for key in self.some(rng, 10) {
                    if let Some(held) = first.get(&key) {
                        self.files.insert(key, *held);
                    }
                }
            }
            Day::Touched => self.files.values_mut().for_each(|held| held.modified = self.clock),
            Day::DumpGrown => {
                let old = self.files.get(&("log".to_owned(), "dump.sql".to_owned())).map(|held| held.content);
                let mut bytes = old.map_or_else(Vec::new, |content| provider.bytes(content).to_vec());
                bytes.extend(files::text(rng, 20_000, ','));
                let content = provider.make(bytes);
                self.put("log", "dump.sql", content);
            }
        }
    }

    /// Text gets another line somewhere; other documents are saved anew, which is another one of their kind.
    fn edits(&mut self, provider: &mut Provider<'_>, rng: &mut Rng, share_percent: u64) {
        for (folder, name) in self.some(rng, share_percent) {
            let held = self.files[&(folder.clone(), name.clone())];
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_owned();
            let content = if matches!(ending.as_str(), "txt" | "csv" | "log" | "md") {
                let mut lines: Vec<Vec<u8>> = provider
                    .bytes(held.content)
                    .split_inclusive(|byte| *byte == b'\n')
                    .map(<[u8]>::to_vec)
                    .collect();
                let at = below(rng, lines.len() + 1);
                lines.insert(at, format!("{} {}\n", files::word(rng), rng.below(9999)).into_bytes());
                provider.make(lines.concat())
            } else {
                self.of_the_same_kind(held.content, rng).unwrap_or(held.content)
            };
            self.put(&folder, &name, content);
        }
    }

    fn replace(&mut self, rng: &mut Rng) {
        let keys: Vec<_> =
            self.files.keys().filter(|(folder, _)| folder == "d0" || folder == "d1").cloned().collect();
        for (folder, name) in keys {
            let held = self.files[&(folder.clone(), name.clone())];
            if let Some(content) = self.of_the_same_kind(held.content, rng).filter(|_| rng.percent(33)) {
                self.put(&folder, &name, content);
            }
        }
    }

    fn add(&mut self, folder: &str, count: usize, rng: &mut Rng) {
        for number in 0..count {
            let content = below(rng, self.base.len());
            let name = format!("n{}-{number}.{}", self.clock, self.base[content].ending);
            self.put(folder, &name, content);
        }
    }

    fn rotate(&mut self, provider: &mut Provider<'_>, rng: &mut Rng) {
        let key = |name: &str| ("log".to_owned(), name.to_owned());
        if let Some(old) = self.files.remove(&key("app.log.1")) {
            let packed = provider.make(files::gzip(provider.bytes(old.content)));
            self.put("log", "app.log.2.gz", packed);
        }
        if let Some(held) = self.files.remove(&key("app.log")) {
            self.files.insert(key("app.log.1"), held);
        }
        let fresh = provider.make(files::text(rng, 3000, '\n'));
        self.put("log", "app.log", fresh);
    }

    /// Files of at least a kibibyte that nobody has attacked yet, in random order.
    pub(super) fn targets(&self, provider: &Provider<'_>, rng: &mut Rng) -> Vec<(String, String)> {
        let mut all: Vec<_> = self
            .files
            .iter()
            .filter(|(_, held)| !held.is_hit && provider.bytes(held.content).len() >= 1024)
            .map(|(key, _)| key.clone())
            .collect();
        for at in (1..all.len()).rev() {
            all.swap(at, below(rng, at + 1));
        }
        all
    }

    /// Attacks these files.
    pub(super) fn hit(
        &mut self,
        how: Attack,
        targets: &[(String, String)],
        provider: &mut Provider<'_>,
        rng: &mut Rng,
    ) {
        let key = [7; 32];
        for (folder, name) in targets {
            let Some(held) = self.files.remove(&(folder.clone(), name.clone())) else { continue };
            let mut bytes = provider.bytes(held.content).to_vec();
            attack::apply(how.pattern, &mut bytes, &key, rng.next());
            let content = provider.make(bytes);
            let name = match how.names {
                Names::Kept if how.pattern.renames() => format!("{name}.locked"),
                Names::Kept => name.clone(),
                Names::Appended => format!("{name}.qzx7"),
                Names::Random => format!("{:016x}", rng.next()),
            };
            let modified = if how.hides_times { held.modified } else { self.clock };
            self.files.insert((folder.clone(), name), Held { content, modified, is_hit: true });
        }
        if how.leaves_notes && !targets.is_empty() {
            let note = provider.make(b"ALL YOUR FILES ARE ENCRYPTED. This is practice.\n".to_vec());
            let folders: std::collections::BTreeSet<&String> =
                targets.iter().map(|(folder, _)| folder).collect();
            for folder in folders {
                self.put(folder, "READ_ME_NOW.txt", note);
            }
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.files.values().any(|held| held.is_hit)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Attack {
    pub(super) pattern: Pattern,
    pub(super) names: Names,
    pub(super) hides_times: bool,
    pub(super) leaves_notes: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Names {
    Kept,
    Appended,
    Random,
}

impl Attack {
    pub(super) fn drawn(pattern: Pattern, rng: &mut Rng) -> Attack {
        let names = match rng.below(10) {
            0..6 => Names::Kept,
            6..9 => Names::Appended,
            _ => Names::Random,
        };
        let hides_times = pattern.hides_times() || rng.percent(30);
        Attack { pattern, names, hides_times, leaves_notes: rng.percent(30) }
    }
}

pub(super) fn below(rng: &mut Rng, bound: usize) -> usize {
    usize::try_from(rng.below(bound as u64)).unwrap_or(0)
}
