//! From evidence to votes, and from votes to a verdict. Here and nowhere else.

use crate::declared::{self, Tool};
use crate::facts::Facts;
use crate::judgement::{Judgement, Verdict};
use crate::kinds::Kind;
use crate::name::Promise;
use crate::statistics::{Statistics, repeated_key};
use crate::structure::Structure;
use crate::text::{Complaint, TextWatch};

/// So many blocks of 64 bytes must mix text with random bytes before that is called encryption: a few bytes that do not
/// belong there are damage.
const MIXED_MIN: u64 = 4;

/// What one piece of evidence speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaning {
    /// The structure was verified.
    Whole,
    /// The frame was verified, and nearly all is content that was not.
    Framed,
    /// Nothing wrong, not all checked.
    Partly,
    /// It says itself that it is encrypted.
    Declared,
    /// The content is not of the type that the name promises.
    TypeLost,
    /// The structure is wrong.
    Broken,
    /// Bytes look random where they should not.
    Random,
    /// Unusual for this name or type; says nothing alone.
    Odd,
}

/// One piece of evidence, for people and for the weighing.
#[derive(Clone, Debug)]
pub(super) struct Vote {
    pub(super) leaning: Leaning,
    pub(super) reason: String,
    /// Further evidence in the same breath.
    pub(super) random: bool,
}

pub(super) fn vote(leaning: Leaning, reason: impl Into<String>) -> Vote {
    Vote { leaning, reason: reason.into(), random: false }
}

/// The table, from the strongest evidence down.
pub(super) fn weigh(votes: Vec<Vote>, facts: Facts) -> Judgement {
    let has = |leaning| votes.iter().any(|vote| vote.leaning == leaning);
    let random = has(Leaning::Random) || votes.iter().any(|vote| vote.random);
    let destroyed = has(Leaning::TypeLost) || has(Leaning::Broken);
    let verdict = if destroyed && (random || has(Leaning::Declared)) {
        Verdict::Encrypted
    } else if has(Leaning::Broken) {
        Verdict::Damaged
    } else if has(Leaning::Declared) {
        Verdict::DeclaredEncrypted
    } else if has(Leaning::Random) && !has(Leaning::Whole) && !has(Leaning::Framed) {
        Verdict::Encrypted
    } else if has(Leaning::TypeLost) || has(Leaning::Odd) {
        Verdict::Suspicious
    } else if has(Leaning::Whole) {
        Verdict::Clean
    } else {
        Verdict::CleanUnverified
    };
    Judgement { verdict, reasons: votes.into_iter().map(|vote| vote.reason).collect(), facts }
}

/// What name, first bytes, statistics and text say.
pub(super) fn from_bytes(
    promise: &Promise,
    shown: Option<Kind>,
    head: &[u8],
    statistics: &Statistics,
    text: &TextWatch,
) -> Vec<Vote> {
    let mut votes = Vec::new();
    if statistics.length == 0 {
        votes.push(vote(Leaning::Whole, "is empty"));
        return votes;
    }
    if let Some(tool) = declared_tool(head, statistics.length, shown) {
        votes.push(vote(Leaning::Declared, format!("is encrypted, and says with what: {}", tool.word())));
        if !is_undisguised(promise, tool) {
            votes.push(lost(promise));
        }
        return votes;
    }
    if promise.piece && shown.is_none() && statistics.rhythm_throughout().is_none() {
        let why = "is one piece of an archive, by its name; only all pieces together can be looked into";
        return vec![vote(Leaning::Partly, why)];
    }
    match (promise.kind, shown) {
        (Some((promised, _)), None) if promised.is_text() => {
            votes.extend(not_text(promise, promised, statistics, text));
        }
        (Some((promised, true)), Some(shown)) if only_begins(promised, shown, promise, statistics) => {
            votes.push(vote(
                Leaning::TypeLost,
                format!(
                    "is called .{} but begins as a {}, and what follows is not looked into",
                    promise.ending,
                    shown.word()
                ),
            ));
        }
        (Some((promised, _)), Some(shown)) if shown.is_called_like_text() && promised.is_text() => {}
        (Some((promised, _)), Some(shown)) if promised.is_text() && !shown.is_text() => {
            votes.push(vote(
                Leaning::Partly,
                format!("is a {}, although its name ends in .{}", shown.word(), promise.ending),
            ));
        }
        (Some((promised, strict)), None) => {
            votes.extend(without_magic(promise, promised, strict, head, statistics));
        }
        // `archive.zip.uu`: the ending in the middle is of what was written as text. Letters of a cipher show by themselves.
        (Some((promised, true)), Some(shown))
            if shown.is_text() && !promised.is_text() && promise.appended.is_none() =>
        {
            votes.push(vote(Leaning::TypeLost, format!("is called .{} but holds only text", promise.ending)));
        }
        (Some(_), Some(_)) => {}
        (None, None) => votes.extend(unknown(promise, head, statistics, text)),
        (None, Some(_)) => {}
    }
    if let Some(kind) = shown {
        votes.extend(too_random(kind, statistics));
    }
    votes
}

/// The tool that the first bytes name, unless they are of a type that is packed and these are few.
pub(super) fn declared_tool(head: &[u8], length: u64, shown: Option<Kind>) -> Option<Tool> {
    let unclear = shown.is_some_and(|kind| !kind.is_text() && kind.is_packed());
    declared::recognise(head, length).filter(|tool| *tool != Tool::OpenPgp || !unclear)
}

/// Whoever encrypts something of his own lets the name say so, or leaves what is called as before by design.
fn is_undisguised(promise: &Promise, tool: Tool) -> bool {
    let promised = promise.kind.map(|(kind, _)| kind);
    match tool {
        Tool::InPlace(_) => promise.appended.is_none(),
        Tool::Parquet if promised.is_some_and(|kind| kind.word() == "Parquet table") => true,
        Tool::Volume(_) if promised.is_some_and(|kind| kind.word().starts_with("disk image")) => {
            promise.appended.is_none()
        }
        _ => {
            let open = promise.declares_encryption || promised.is_none_or(Kind::is_text);
            open && promise.appended.is_none()
        }
    }
}

/// First bytes of a type that is not looked into, under a name that promises another one. A few bytes are soon put in
/// front of anything. Of text less is promised: there it must look random as well.
fn only_begins(promised: Kind, shown: Kind, promise: &Promise, statistics: &Statistics) -> bool {
    let random = statistics.even_windows * 2 >= statistics.windows.max(1) && statistics.length >= 1024;
    let kept = if promised.is_text() { promise.appended.is_none() && random } else { true };
    shown.is_only_a_beginning() && !shown.may_be_called(promised) && kept
}

fn lost(promise: &Promise) -> Vote {
    let ending = &promise.ending;
    vote(
        Leaning::TypeLost,
        match &promise.appended {
            Some(appended) => format!(
                "was a .{ending} by its name, got `.{appended}` appended, and no longer begins as one"
            ),
            None => format!("is called .{ending} but does not begin as one"),
        },
    )
}

/// In a rhythm, which no type has; or not compressed by type, and yet random almost everywhere.
fn too_random(kind: Kind, statistics: &Statistics) -> Option<Vote> {
    let rhythm = if kind.is_packed() { statistics.rhythm_throughout() } else { statistics.rhythm() };
    if let Some(rhythm) = rhythm {
        return Some(vote(
            Leaning::Random,
            format!("{rhythm} bytes look random, those between do not: intermittent encryption"),
        ));
    }
    if kind.is_packed() {
        return None;
    }
    let percent = statistics.even_percent();
    (percent >= 90 && statistics.windows >= 4).then(|| {
        vote(Leaning::Odd, format!("{percent} % of its windows look random, unusual for a {}", kind.word()))
    })
}

/// Should be text, is not, and nothing else is recognised either.
fn not_text(promise: &Promise, promised: Kind, statistics: &Statistics, text: &TextWatch) -> Vec<Vote> {
    let mut votes = Vec::new();
    let mixed = text.mixed_blocks >= MIXED_MIN;
    let random = statistics.even_windows > 0 || statistics.trace().is_some() || mixed;
    match text.complaint(statistics.even_windows > 0 || statistics.starts_even()) {
        None => {}
        Some(Complaint::Sparse(why)) => votes.push(vote(Leaning::Partly, why)),
        // A single zero byte is a program's slip; a row of them is a wiped or never written piece.
        Some(Complaint::Zeros(why)) if statistics.zero_bytes_in_a_row() < 64 => {
            votes.push(vote(Leaning::Partly, why));
        }
        Some(Complaint::Zeros(why)) => votes.push(vote(Leaning::Broken, why)),
        // `java.xml.jmod`: the ending in the middle may mean nothing. Only the marks of an attack count.
        Some(Complaint::NotText { why, .. })
            if promise.appended.is_some()
                && !statistics.starts_even()
                && statistics.trace().is_none()
                && text.text_until() < 256 =>
        {
            votes.push(vote(Leaning::Partly, format!("{why}, and its last ending is unknown")));
        }
        // Databases and brokers call what they append to a log as well.
        Some(Complaint::NotText { why, .. })
            if promise.ending == "log" && promise.appended.is_none() && !random =>
        {
            votes.push(vote(Leaning::Partly, format!("{why}: a log that is no text")));
        }
        Some(Complaint::NotText { at, why }) => {
            // Dumps and mails may carry raw binary; then only a destroyed beginning or a rhythm counts.
            let loose =
                promised == Kind::LooseText && !statistics.starts_even() && statistics.rhythm().is_none();
            let leaning = if loose { Leaning::Odd } else { Leaning::Broken };
            let mut broken =
                vote(leaning, format!("should be text (.{}), but from byte {at} on {why}", promise.ending));
            broken.random = random && !loose;
            votes.push(broken);
            if random && !loose {
                votes.push(randomness(statistics, text));
            }
        }
    }
    if let Some(appended) = &promise.appended {
        votes.push(vote(Leaning::Partly, format!("its name got `.{appended}` appended")));
    }
    votes
}

fn randomness(statistics: &Statistics, text: &TextWatch) -> Vote {
    let reason = match statistics.trace() {
        Some(trace) => trace,
        None if statistics.even_windows > 0 => format!(
            "{} of its {} windows of 4 KiB look random, up to {} in a row",
            statistics.even_windows, statistics.windows, statistics.longest_even_run
        ),
        None => format!("{} of its blocks of 64 bytes mix text with random bytes", text.mixed_blocks),
    };
    vote(Leaning::Random, reason)
}

/// The name promises a type whose first bytes are known, and they are not there.
fn without_magic(
    promise: &Promise,
    promised: Kind,
    strict: bool,
    head: &[u8],
    statistics: &Statistics,
) -> Vec<Vote> {
    let trace = statistics.trace().or_else(|| short_key(head));
    if statistics.starts_even() || trace.is_some() {
        let how = trace.unwrap_or_else(|| {
            format!(
                "its beginning looks random; {} % of its windows of 4 KiB do, {:.2} bits per byte",
                statistics.even_percent(),
                statistics.entropy()
            )
        });
        return vec![lost(promise), vote(Leaning::Random, how)];
    }
    let first = head.first().copied().unwrap_or(0);
    // A tar without members is a few blocks of zeros.
    let empty_tar = promised == Kind::Tar && statistics.length <= 10_240;
    // What was never written on a disk is zeros, and its first sectors often are; a server writes the first page of a new
    // table last.
    let store = promised.word().starts_with("disk image") || promised.word() == "database file";
    if first == 0 && !strict && promise.ending != "iso" && store {
        return Vec::new();
    }
    if head.iter().all(|byte| *byte == first) && !(first == 0 && empty_tar) {
        let what = if first == 0 { "zeros".to_owned() } else { format!("the byte {first:#04x}") };
        return vec![lost(promise), vote(Leaning::Broken, format!("begins with nothing but {what}"))];
    }
    // `data.lz4.feather`: the ending in the middle may mean nothing, and nothing here looks random.
    if let Some(appended) = promise.appended.as_deref().filter(|_| statistics.length >= 1024) {
        return vec![vote(Leaning::Partly, format!("its last ending .{appended} is unknown"))];
    }
    if strict && !(first == 0 && empty_tar) {
        let ends = if statistics.last_is_even { "; its end looks random" } else { "" };
        return vec![
            lost(promise),
            vote(Leaning::Odd, format!("nothing of a {} was recognised{ends}", promised.word())),
        ];
    }
    Vec::new()
}

fn short_key(head: &[u8]) -> Option<String> {
    let length = repeated_key(head)?;
    Some(format!("one key of {length} bytes was laid over its beginning again and again"))
}

/// Nothing is known: neither the name nor the first bytes say what it is.
fn unknown(promise: &Promise, head: &[u8], statistics: &Statistics, text: &TextWatch) -> Vec<Vote> {
    if let Some(rhythm) = statistics.rhythm() {
        let reason = format!("{rhythm} bytes look random, those between do not: intermittent encryption");
        return vec![vote(Leaning::Random, reason)];
    }
    if let Some(reason) = short_key(head) {
        return vec![vote(Leaning::Random, reason)];
    }
    let percent = statistics.even_percent();
    if promise.declares_without_mark && percent >= 90 {
        return vec![vote(
            Leaning::Declared,
            format!("looks random, and its ending .{} says encrypted", promise.ending),
        )];
    }
    if promise.declares_encryption && percent >= 90 {
        let reason = format!("looks random, and does not begin as what is called .{}", promise.ending);
        return vec![vote(Leaning::Odd, reason)];
    }
    if promise.formless {
        return Vec::new();
    }
    if statistics.is_random_throughout() {
        return vec![vote(
            Leaning::Odd,
            "looks random from end to end, and neither name nor first bytes say what it is",
        )];
    }
    // A window in which text goes over into something else is neither of both.
    let half_and_half = statistics.even_windows > 0
        && text.text_until() >= 256
        && statistics.even_windows + text.text_windows + 1 >= statistics.windows;
    if half_and_half {
        let reason = format!(
            "begins as text and is random from about byte {} on ({} of {} windows of 4 KiB)",
            text.text_until(),
            statistics.even_windows,
            statistics.windows
        );
        return vec![vote(Leaning::Odd, reason)];
    }
    // Half of it or more is text, and elsewhere it mixes with random bytes as no text does.
    if statistics.windows >= 4 && text.text_windows * 2 >= statistics.windows && text.mixed_blocks >= 16 {
        let reason = format!(
            "is text for the most part ({} of {} windows of 4 KiB); elsewhere {} blocks of 64 bytes mix text with random bytes",
            text.text_windows, statistics.windows, text.mixed_blocks
        );
        return vec![vote(Leaning::Odd, reason)];
    }
    // Rings of public keys begin like this, and carry the ending of encrypted files.
    if statistics.starts_with_only_an_even_head() && !promise.declares_encryption {
        let reason = format!(
            "its beginning looks random and what follows does not ({} of {} windows of 4 KiB), as where only the \
beginning was encrypted",
            statistics.even_windows, statistics.windows
        );
        return vec![vote(Leaning::Odd, reason)];
    }
    Vec::new()
}

/// What the checker of its type says.
/// `random_there`: where its structure breaks, the bytes themselves look random.
pub(super) fn from_structure(
    structure: Structure,
    kind: Kind,
    statistics: &Statistics,
    random_there: bool,
) -> Vote {
    let zeros = statistics.zero_bytes_in_a_row();
    match structure {
        Structure::Whole(what) | Structure::Sealed(what) => vote(Leaning::Whole, what),
        Structure::Framed(what) => {
            vote(Leaning::Framed, format!("{what}; what they hold is packed, and was not decoded"))
        }
        Structure::Partly(why) => vote(Leaning::Partly, why),
        Structure::Odd(why) => vote(Leaning::Odd, why),
        Structure::Declared(what) => vote(Leaning::Declared, format!("is encrypted, and says so: {what}")),
        Structure::Cut { at, why } => vote(Leaning::Broken, format!("{why} (byte {at})")),
        Structure::Broken { at, why, framing } => {
            // Compressed content looks random anyway, so a checksum alone cannot tell damage from encryption.
            let random = framing && random_there && zeros < 512;
            let rhythm = !kind.is_packed() && statistics.rhythm().is_some();
            let looks = if random { "; the bytes there look random" } else { "" };
            let mut broken =
                vote(Leaning::Broken, format!("begins as a {}, but {why} (byte {at}){looks}", kind.word()));
            broken.random = random || rhythm;
            broken
        }
        Structure::Random { at, why } => {
            let mut random =
                vote(Leaning::Broken, format!("begins as a {}, but {why} (byte {at})", kind.word()));
            random.random = true;
            random
        }
        Structure::Trailing { bytes, .. } if bytes >= 64 && random_there => vote(
            Leaning::Odd,
            format!("is a complete {}, followed by {bytes} bytes that look random", kind.word()),
        ),
        Structure::Trailing { bytes, .. } => {
            vote(Leaning::Partly, format!("is a complete {}, followed by {bytes} further bytes", kind.word()))
        }
    }
}
