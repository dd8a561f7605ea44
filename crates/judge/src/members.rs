//! Which members of a ZIP came in the place of which, compared with its previous version?
//!
//! Sums prove that a member is what was packed. Whoever packs cipher text under a harmless name gets right sums as well,
//! and can put a large empty member beside it; so what counts is what lies in the file, not what it unpacks to. Members with
//! the same name, sum and size are the same and are not looked at again.

use std::collections::HashSet;
use std::io;

use crate::inner::Part;
use crate::source::Source;
use crate::votes::{Leaning, Vote, vote};
use crate::zip::{self, Member};

/// Members looked into, of either version.
const LOOKED_AT_MAX: usize = 4096;
/// Less than this may be a key or a signature.
const RANDOM_MIN: u64 = 1024;

/// What is only in one of two versions.
#[derive(Default)]
struct Only {
    /// Packed bytes that look random and are of no known type, and those of all the others.
    random: u64,
    others: u64,
    first: Option<String>,
}

/// `document`: of an office program, which never stores what nobody can read.
pub(super) fn exchanged(
    document: bool,
    now: &mut dyn Source,
    before: &mut dyn Source,
) -> io::Result<Option<Vote>> {
    let (Some(new), Some(old)) = (zip::directory(now)?, zip::directory(before)?) else { return Ok(None) };
    let (in_new, in_old) = (keys(&new.members), keys(&old.members));
    let came = only(now, &new, &in_old)?;
    if came.random < RANDOM_MIN {
        return Ok(None);
    }
    let gone = only(before, &old, &in_new)?;
    let all: u64 = old.members.iter().map(Member::packed_bytes).sum();
    let much = document || gone.others * 4 >= all;
    let most = document || came.random >= came.others;
    let instead = gone.others >= RANDOM_MIN / 2 && came.random * 2 >= gone.others && most;
    Ok((much && instead).then(|| {
        let reason = format!(
            "{} of its bytes lie in members that look random and are of no known type (`{}` is the first), where its previous \
version had {} bytes of other members",
            came.random,
            came.first.unwrap_or_default(),
            gone.others
        );
        vote(Leaning::Random, reason)
    }))
}

type Key<'a> = (&'a [u8], u32, u64);

fn keys(members: &[Member]) -> HashSet<Key<'_>> {
    members.iter().map(Member::key).collect()
}

fn only(source: &mut dyn Source, directory: &zip::Directory, other: &HashSet<Key<'_>>) -> io::Result<Only> {
    let mut only = Only::default();
    let members = directory.members.iter().filter(|member| !other.contains(&member.key()));
    for member in members.take(LOOKED_AT_MAX) {
        let name = member.name();
        let mut part = Part::new(&name);
        if let Some(head) = zip::head_of(source, directory, member)? {
            part.take(&head);
        }
        if part.is_random() {
            only.random += member.packed_bytes();
            only.first.get_or_insert(name);
        } else {
            only.others += member.packed_bytes();
        }
    }
    Ok(only)
}
