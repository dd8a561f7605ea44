//! How many attacked files does the scan find, and how many clean ones does it accuse?
//!
//! Takes a folder of clean files, makes attacked copies of each in memory with the drill's patterns, and judges
//! them as `blackstart scan` does: alone, and beside their previous version. A file that is not clean when
//! nobody has attacked it (many collections hold broken files on purpose) is counted among the false alarms,
//! but not among the attacked: finding it again would prove nothing. Rates come with their 95 % interval after
//! Wilson, because a rate of ten files is an anecdote.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use drill::attack::damage::{self, Damage};
use drill::attack::{self, Pattern};
use judge::{Beside, Judgement, Verdict, compare, judge};

mod options;
mod shown;

use options::Options;

/// Where the sizes are split, and what the classes are called.
const SIZES: [(u64, &str); 6] = [
    (1 << 10, "< 1 KiB"),
    (4 << 10, "1-4 KiB"),
    (64 << 10, "4-64 KiB"),
    (1 << 20, "64 KiB-1 MiB"),
    (8 << 20, "1-8 MiB"),
    (u64::MAX, "> 8 MiB"),
];

/// A file and what was said of it untouched.
struct Clean {
    path: String,
    name: String,
    bytes: Vec<u8>,
    judgement: Judgement,
}

impl Clean {
    fn kind(&self) -> String {
        let ending = self.name.rsplit_once('.').map_or("", |(_, ending)| ending).to_lowercase();
        match self.judgement.facts.kind.as_str() {
            "" => format!("no known type (.{ending})"),
            kind => kind.to_owned(),
        }
    }

    fn size_class(&self) -> usize {
        SIZES.iter().position(|(bound, _)| (self.bytes.len() as u64) < *bound).unwrap_or(SIZES.len() - 1)
    }
}

/// Found and all.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    found: u64,
    all: u64,
}

impl Rate {
    fn add(&mut self, found: bool) {
        self.found += u64::from(found);
        self.all += 1;
    }

    fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { self.found as f64 * 100.0 / self.all as f64 }
    }

    /// The 95 % interval after Wilson, in percent.
    fn wilson(self) -> (f64, f64) {
        if self.all == 0 {
            return (0.0, 100.0);
        }
        let (n, z) = (self.all as f64, 1.96_f64);
        let share = self.found as f64 / n;
        let middle = share + z * z / (2.0 * n);
        let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
        let scale = 100.0 / (1.0 + z * z / n);
        (((middle - spread) * scale).max(0.0), ((middle + spread) * scale).min(100.0))
    }
}

/// One way of changing files, and how often it was found.
#[derive(Default)]
struct Row {
    name: &'static str,
    /// Files of at least 4 KiB, judged alone: anything but clean, and called encrypted.
    alone: Rate,
    encrypted: Rate,
    /// Beside the previous version.
    beside: Rate,
    beside_encrypted: Rate,
    kinds: BTreeMap<String, (Rate, Rate)>,
    sizes: [(Rate, Rate); 6],
    /// Missed when judged alone, and missed even beside the previous version.
    misses_alone: Vec<String>,
    misses: Vec<String>,
}

/// What was said of files that nobody attacked.
#[derive(Default)]
struct Calm {
    verdicts: BTreeMap<String, BTreeMap<&'static str, u64>>,
    accused: Vec<(String, &'static str, Vec<String>)>,
    bytes: u64,
    files: u64,
    /// Replaced by another file of its type, or changed as programs change files.
    transitions: BTreeMap<&'static str, Rate>,
    transition_alarms: Vec<String>,
}

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let options = Options::parse(args)?;
    if let Some(unknown) = unknown(&options) {
        return Err(unknown);
    }
    let files = options.files()?;
    if files.is_empty() {
        return Err(format!(
            "no files to measure in {}: check the folder and --only, --holdout, --except",
            options.folder.display()
        ));
    }
    let mut calm = Calm::default();
    let mut rows: Vec<Row> = names(&options).map(|name| Row { name, ..Row::default() }).collect();
    let mut previous: BTreeMap<String, Clean> = BTreeMap::new();
    for path in &files {
        let Some(clean) = read(&options, path, &mut calm)? else { continue };
        if !clean.judgement.verdict.is_clean() || clean.bytes.is_empty() {
            continue;
        }
        let other = previous.get(&clean.kind());
        transitions(&clean, other, &mut calm);
        for row in &mut rows {
            attack_one(row, &clean, other.map_or(&[][..], |other| &other.bytes), &options)?;
        }
        previous.insert(clean.kind(), clean);
    }
    if options.json {
        shown::json(&options, &calm, &rows, out)
    } else {
        shown::text(&options, &calm, &rows, out)
    }
}

fn all_names() -> impl Iterator<Item = &'static str> {
    Pattern::ALL.into_iter().map(Pattern::name).chain(Damage::ALL.into_iter().map(Damage::name))
}

/// Whoever asks for a pattern that is none would take its missing row for a good sign.
fn unknown(options: &Options) -> Option<String> {
    let unknown = options.patterns.iter().find(|wanted| !all_names().any(|name| name == **wanted))?;
    let known: Vec<&str> = all_names().collect();
    Some(format!("there is no pattern `{unknown}`; there are {}", known.join(", ")))
}

fn names(options: &Options) -> impl Iterator<Item = &'static str> {
    all_names()
        .filter(|name| options.patterns.is_empty() || options.patterns.iter().any(|wanted| wanted == name))
}

fn read(options: &Options, path: &Path, calm: &mut Calm) -> Result<Option<Clean>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let judgement = judge(&name, &mut bytes.as_slice(), Beside::Nothing);
    let shown = path.strip_prefix(&options.folder).unwrap_or(path).to_string_lossy().into_owned();
    let clean = Clean { path: shown, name, bytes, judgement };
    calm.files += 1;
    calm.bytes += clean.bytes.len() as u64;
    *calm.verdicts.entry(clean.kind()).or_default().entry(clean.judgement.verdict.word()).or_default() += 1;
    if !clean.judgement.verdict.is_clean() {
        let verdict = clean.judgement.verdict.word();
        calm.accused.push((clean.path.clone(), verdict, clean.judgement.reasons.clone()));
    }
    Ok(Some(clean))
}

fn attack_one(row: &mut Row, clean: &Clean, other: &[u8], options: &Options) -> Result<(), String> {
    let seed = drill::rng::Rng::named(options.seed, &clean.path).next();
    let mut name = clean.name.clone();
    let pattern = Pattern::ALL.into_iter().find(|pattern| pattern.name() == row.name);
    let bytes = if let Some(pattern) = pattern {
        let mut bytes = clean.bytes.clone();
        attack::apply(pattern, &mut bytes, &[0x5a; 32], seed);
        if pattern.renames() {
            name.push_str(".locked");
        }
        bytes
    } else {
        let damage = Damage::ALL.into_iter().find(|damage| damage.name() == row.name);
        let damage = damage.expect("every name is a pattern or a damage");
        if damage == Damage::Swapped && other.is_empty() {
            return Ok(());
        }
        damage::apply(damage, &clean.bytes, other, seed)
    };
    if bytes == clean.bytes {
        return Ok(());
    }
    let alone = judge(&name, &mut bytes.as_slice(), Beside::Nothing);
    let beside =
        compare(&name, &mut bytes.as_slice(), &alone, &mut clean.bytes.as_slice(), &clean.judgement.facts);
    count(row, clean, &alone, &beside);
    match &options.keep {
        Some(folder) if !is_found(&alone) || !is_found(&beside) => {
            keep(folder, row.name, clean, &name, &bytes)
        }
        _ => Ok(()),
    }
}

/// Writes an attacked file beside the one it was made from, for whoever wants to know why it was missed.
fn keep(folder: &Path, pattern: &str, clean: &Clean, name: &str, bytes: &[u8]) -> Result<(), String> {
    let flat = clean.path.replace('/', "_");
    let folder = folder.join(pattern).join(flat);
    let wrong = |error: std::io::Error| format!("cannot write to {}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(wrong)?;
    std::fs::write(folder.join(name), bytes).map_err(wrong)?;
    std::fs::write(folder.join(format!("before-{name}")), &clean.bytes).map_err(wrong)
}

fn is_found(judgement: &Judgement) -> bool {
    matches!(
        judgement.verdict,
        Verdict::Encrypted | Verdict::Suspicious | Verdict::Damaged | Verdict::Malware
    )
}

fn count(row: &mut Row, clean: &Clean, alone: &Judgement, beside: &Judgement) {
    let class = clean.size_class();
    row.sizes[class].0.add(is_found(alone));
    row.sizes[class].1.add(is_found(beside));
    if class < 2 {
        return;
    }
    row.alone.add(is_found(alone));
    row.encrypted.add(alone.verdict == Verdict::Encrypted);
    row.beside.add(is_found(beside));
    row.beside_encrypted.add(beside.verdict == Verdict::Encrypted);
    let kind = row.kinds.entry(clean.kind()).or_default();
    kind.0.add(is_found(alone));
    kind.1.add(is_found(beside));
    if !is_found(alone) {
        row.misses_alone.push(clean.path.clone());
    }
    if !is_found(beside) {
        row.misses.push(clean.path.clone());
    }
}

/// What happens to files on every ordinary day, with the previous version beside it.
fn transitions(clean: &Clean, other: Option<&Clean>, calm: &mut Calm) {
    let mut changes: Vec<(&'static str, Vec<u8>)> = Vec::new();
    if let Some(other) = other.filter(|other| !other.bytes.is_empty()) {
        // An upgrade, a new photo, a document saved anew: another whole file of the type under the same name.
        let judgement = judge(&other.name, &mut other.bytes.as_slice(), Beside::Nothing);
        let name = &other.name;
        let after = judge(name, &mut clean.bytes.as_slice(), Beside::Nothing);
        let named_right = ending(name) == ending(&clean.name);
        if named_right {
            let beside = compare(
                name,
                &mut clean.bytes.as_slice(),
                &after,
                &mut other.bytes.as_slice(),
                &judgement.facts,
            );
            note(calm, "replaced by another of its type", &clean.path, &beside);
        }
    }
    if clean.judgement.facts.kind.starts_with("text") {
        let lines: Vec<&[u8]> = clean.bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let without = |from: usize, to: usize| [lines[..from].concat(), lines[to..].concat()].concat();
        changes.push(("a line less at the beginning", without(0, 1.min(lines.len()))));
        changes.push(("half of the lines gone", without(lines.len() / 2, lines.len())));
        changes.push(("a line more in the middle", {
            let middle = lines.len() / 2;
            [lines[..middle].concat(), b"another line\n".to_vec(), lines[middle..].concat()].concat()
        }));
    }
    for (what, bytes) in changes {
        let after = judge(&clean.name, &mut bytes.as_slice(), Beside::Nothing);
        let beside = compare(
            &clean.name,
            &mut bytes.as_slice(),
            &after,
            &mut clean.bytes.as_slice(),
            &clean.judgement.facts,
        );
        note(calm, what, &clean.path, &beside);
    }
}

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase())
}

fn note(calm: &mut Calm, what: &'static str, path: &str, judgement: &Judgement) {
    let alarm = !judgement.verdict.is_clean();
    calm.transitions.entry(what).or_default().add(alarm);
    if alarm {
        let reasons = judgement.reasons.join("; ");
        calm.transition_alarms.push(format!("{what}: {path}: {}: {reasons}", judgement.verdict.word()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_wilsons() {
        let (low, high) = Rate { found: 95, all: 100 }.wilson();
        assert!((low - 88.8).abs() < 0.1 && (high - 97.8).abs() < 0.1, "{low} {high}");
        let (low, high) = Rate { found: 0, all: 8163 }.wilson();
        assert!(low < 0.001 && (0.04..0.06).contains(&high), "{low} {high}");
    }

    #[test]
    fn a_folder_of_text_is_measured_and_every_full_encryption_in_it_found() {
        let folder = tempfile::tempdir().unwrap();
        for source in ["one", "two"] {
            std::fs::create_dir(folder.path().join(source)).unwrap();
            let text = format!("line of {source}\n").repeat(600);
            std::fs::write(folder.path().join(source).join("a.txt"), text).unwrap();
        }
        let mut out = Vec::new();
        let path = folder.path().display().to_string();
        run(&[path.clone(), "--json".into(), "--holdout".into(), "two".into()], &mut out).unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer["files"], 1);
        let full = answer["patterns"].as_array().unwrap().iter().find(|row| row["name"] == "full").unwrap();
        assert_eq!((&full["alone"]["found"], &full["alone"]["of"]), (&1.into(), &1.into()));
        let refused = run(&[path.clone(), "--patterns".into(), "full,ful".into()], &mut Vec::new());
        assert!(refused.unwrap_err().contains("no pattern `ful`"));
        assert!(run(&[path, "--holdout".into(), "three".into()], &mut Vec::new()).is_err());
    }
}
