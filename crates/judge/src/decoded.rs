//! Is what took the place of coded picture data a coded picture? Only decoding tells, and of a file that changed all is decoded.

use crate::beside::Beside;
use crate::difference::Difference;
use crate::facts::{Facts, State};
use crate::judgement::{Judgement, Verdict};
use crate::judging::judge_to_the_end;
use crate::source::Source;
use crate::votes::{Leaning, Vote, vote};

/// A footer of an attacker is at most this long.
pub(crate) const FOOTER_MAX: u64 = 4096;

/// Types that hold pictures of JPEG, of which long ones are not decoded where nothing is known of a file but itself.
const DECODED: &[&str] = &["JPEG picture", "PDF", "TIFF picture", "old Office document (OLE2)"];

/// Few files change, so of those all is decoded; what is wrong then counts.
pub(super) fn to_the_end(name: &str, now: &mut dyn Source, judgement: &Judgement) -> Judgement {
    let present = &judgement.facts;
    if present.state != State::Partly || !DECODED.contains(&present.kind.as_str()) {
        return judgement.clone();
    }
    let all = judge_to_the_end(name, now, Beside::Nothing);
    if all.verdict == Verdict::Unread { judgement.clone() } else { all }
}

/// Most of a JPEG was replaced in place, by bytes that are as even as a cipher's but for FF, which are rare or missing where
/// somebody kept the rule of JPEG, and what stands there is no picture or cannot be decoded.
pub(super) fn codes_replaced(
    difference: &Difference,
    length: u64,
    previous: u64,
    present: &Facts,
    facts: &Facts,
) -> Option<Vote> {
    let picture = present.kind == DECODED[0] && facts.kind == present.kind && !present.is_valid();
    let footer_max = if present.state == State::Broken { FOOTER_MAX } else { 0 };
    let in_place = length >= previous && length - previous <= footer_max;
    let bytes = difference.dense_bytes();
    let share = bytes * 100 / difference.common.max(1);
    (picture && in_place && share >= 50 && bytes >= 1024 && difference.is_random_now_but_for_marks()).then(|| {
        let reason = format!(
            "{share} % of its previous version were replaced in place by bytes that look random and are no coded picture"
        );
        vote(Leaning::Random, reason)
    })
}
