//! Does a file stand under its former name with something appended that nobody uses, and hold something else?

use std::ffi::OsStr;
use std::rc::Rc;

use judge::name_before;
use judge::{Judgement, Verdict};

/// A shorter file of a type whose content no checksum covers may be half encrypted and show nothing.
const SHOWS_LITTLE: std::ops::Range<u64> = 1..4096;

/// Something that nobody uses was appended to the former name.
pub(super) fn is_renamed_by(name: &OsStr, former: &OsStr) -> bool {
    name.to_str().and_then(name_before).is_some_and(|before| former == before)
}

/// Too short to show anything, or of a type that nobody knows: but other content and an ending that nobody uses, both in
/// one step, are what an attack leaves.
pub(super) fn also_renamed(judgement: Rc<Judgement>) -> Rc<Judgement> {
    let facts = &judgement.facts;
    let nameless = judgement.verdict == Verdict::CleanUnverified && facts.kind.is_empty();
    let short = judgement.verdict.is_clean() && SHOWS_LITTLE.contains(&facts.length) && !facts.is_sealed();
    if !nameless && !short {
        return judgement;
    }
    let mut judgement = (*judgement).clone();
    judgement.verdict = Verdict::Suspicious;
    judgement
        .reasons
        .push("got other content and an unknown ending appended to its name in one step".to_owned());
    Rc::new(judgement)
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::judge_bytes;

    #[test]
    fn a_short_file_counts_unless_its_content_is_covered_by_what_was_verified() {
        let verdict = |name: &str, bytes: &[u8]| also_renamed(Rc::new(judge_bytes(name, bytes))).verdict;
        let mut bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x02\0\0\0\x02\0\0\0\x01\0\x18\0".to_vec();
        bitmap.resize(70, 0);
        assert!(judge_bytes("a.bmp.qzx7", &bitmap).verdict.is_clean());
        assert_eq!(verdict("a.bmp.qzx7", &bitmap), Verdict::Suspicious);
        assert!(verdict("a.txt.qzx7", b"Dear all, this is a letter.\n").is_clean());
    }
}
