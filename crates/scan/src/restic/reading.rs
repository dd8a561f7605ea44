//! Reads what has to be judged, in the order in which it lies on the disk, on all cores.
//!
//! Files of one blob are judged in the same pass in which their pack is read. A file of several blobs is read on its
//! own afterwards, with a few of its blobs in memory at a time. Whatever cannot be read becomes `unread` with the
//! reason; a checker that fails on hostile bytes costs that file and not the scan.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use rustic_core::DataId;

use super::vault::{Opener, Place, Vault};
use crate::ledger::Key;
use crate::rules::Rules;
use judge::{Beside, Facts, Judgement, Source, Verdict, compare, judge};

/// Read at once: at most this much is repeated by each thread when a scan is stopped and begun again.
const STRETCH_BYTES_MAX: u64 = 4 << 20;
/// And at most so many files: where they are tiny, their verdicts wait in memory to be kept.
const STRETCH_FILES_MAX: usize = 1000;
/// A hole that is cheaper to read than to jump over.
const HOLE_BYTES_MAX: u64 = 128 << 10;
/// Blobs that a thread keeps while it reads a file of several.
const KEPT_BYTES_MAX: u64 = 24 << 20;
const THREADS_MAX: usize = 16;

/// What a file is judged under.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) name: String,
    pub(super) beside: Beside,
}

/// A file of one blob. Small: a scan may hold a million of them.
#[derive(Clone, Copy)]
pub(super) struct Single {
    pub(super) place: Place,
    /// Place in `Judging::kinds`.
    pub(super) kind: u32,
}

/// A file of several blobs.
pub(super) struct Spread {
    pub(super) places: Vec<Place>,
    pub(super) kind: u32,
    pub(super) key: Key,
}

/// What a verdict is kept under.
pub(super) fn key(name: &str, beside: Beside, bytes: u64, blobs: &[DataId]) -> Key {
    let beside = [u8::from(beside == Beside::Journal)];
    let bytes = bytes.to_le_bytes();
    let blobs: Vec<_> = blobs.iter().map(|id| id.to_hex()).collect();
    let head = [name.as_bytes(), &beside, &bytes];
    Key::of(head.into_iter().chain(blobs.iter().map(|id| id.as_str().as_bytes())))
}

/// A file beside its previous version.
pub(super) struct Pair {
    pub(super) now: Vec<Place>,
    pub(super) judgement: Judgement,
    pub(super) before: Vec<Place>,
    pub(super) facts: Facts,
    pub(super) name: String,
    pub(super) key: Key,
}

/// How files are judged.
#[derive(Clone, Copy)]
pub(super) struct Judging<'a> {
    pub(super) kinds: &'a [Kind],
    pub(super) rules: Option<&'a Rules>,
}

/// What was found, and how many bytes were read for it.
pub(super) struct Found {
    pub(super) key: Key,
    pub(super) judgement: Judgement,
    pub(super) bytes: u64,
}

pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get().min(THREADS_MAX))
}

/// Judges files of one blob, in the order in which they come: that of the disk.
pub(super) fn singles(vault: &Vault, singles: &[Single], how: Judging<'_>, done: &mut dyn FnMut(Vec<Found>)) {
    let stretches = stretches(singles);
    in_parallel(
        vault,
        &stretches,
        |opener, stretch: &Range<usize>| judge_stretch(opener, &singles[stretch.clone()], how),
        done,
    );
}

/// Judges files of several blobs, one after the other.
pub(super) fn spread(
    vault: &Vault,
    mut files: Vec<Spread>,
    how: Judging<'_>,
    done: &mut dyn FnMut(Vec<Found>),
) {
    files.sort_by_key(|file| file.places.first().map(|place| (place.pack, place.offset)));
    in_parallel(
        vault,
        &files,
        |opener, file: &Spread| {
            let mut source = Blobs::new(opener, &file.places);
            let bytes = source.length;
            let kind = &how.kinds[file.kind as usize];
            let judgement = how.judged(&kind.name, &mut source, kind.beside);
            vec![Found { key: file.key, judgement, bytes }]
        },
        done,
    );
}

/// Judges files once more, each beside its previous version.
pub(super) fn pairs(vault: &Vault, pairs: &[Pair], done: &mut dyn FnMut(Vec<Found>)) {
    in_parallel(vault, pairs, |opener, pair: &Pair| vec![compared(opener, pair)], done);
}

/// One file beside its previous version; reads of both only what it needs.
pub(super) fn compared(opener: &mut Opener<'_>, pair: &Pair) -> Found {
    let mut other = opener.another();
    let (mut now, mut before) = (Blobs::new(opener, &pair.now), Blobs::new(&mut other, &pair.before));
    let bytes = now.length;
    let judgement =
        whatever_happens(|| compare(&pair.name, &mut now, &pair.judgement, &mut before, &pair.facts));
    Found { key: pair.key, judgement, bytes }
}

impl Judging<'_> {
    /// The verdict on one file alone, with the rules if there are any.
    pub(super) fn judged(&self, name: &str, source: &mut dyn Source, beside: Beside) -> Judgement {
        whatever_happens(|| {
            let judgement = judge(name, source, beside);
            match self.rules {
                Some(rules) if judgement.verdict != Verdict::Unread => rules.judge(source, judgement),
                _ => judgement,
            }
        })
    }
}

/// A verdict even if a checker falls over.
fn whatever_happens(check: impl FnOnce() -> Judgement) -> Judgement {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
        Judgement::unread("the checker of its type failed on it, which is a fault of ours; check it by hand")
    })
}

/// Neighbours in the same pack, as far as they are read at once.
fn stretches(singles: &[Single]) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for (at, single) in singles.iter().enumerate() {
        let place = &single.place;
        let joins = all.last().is_some_and(|last| {
            singles[last.start].place.pack == place.pack
                && last.len() < STRETCH_FILES_MAX
                && u64::from(place.offset) <= end + HOLE_BYTES_MAX
                && place.end() - begin <= STRETCH_BYTES_MAX
        });
        if joins {
            all.last_mut().expect("just looked at").end = at + 1;
            end = end.max(place.end());
        } else {
            all.push(at..at + 1);
            (begin, end) = (u64::from(place.offset), place.end());
        }
    }
    all
}

fn judge_stretch(opener: &mut Opener<'_>, singles: &[Single], how: Judging<'_>) -> Vec<Found> {
    let Some(first) = singles.first() else { return Vec::new() };
    let from = first.place.offset;
    let to = singles.iter().map(|single| single.place.end()).max().unwrap_or(0);
    let bytes = opener.stretch(first.place.pack, from, to);
    let mut found: Vec<Found> = Vec::with_capacity(singles.len());
    let mut plain = Vec::new();
    let mut last: Option<(Place, Result<(), String>)> = None;
    for single in singles {
        // The same blob may be judged under names of several kinds.
        if last.as_ref().is_none_or(|(place, _)| place.blob != single.place.blob) {
            let opened = match &bytes {
                Ok(bytes) => opener.within(&single.place, bytes, from, &mut plain),
                // Not all of the stretch is there: perhaps this blob is.
                Err(_) => opener.blob(&single.place, &mut plain),
            };
            last = Some((single.place, opened));
        }
        let (_, opened) = last.as_ref().expect("just put there");
        let kind = &how.kinds[single.kind as usize];
        let judgement = match opened {
            Ok(()) => how.judged(&kind.name, &mut &plain[..], kind.beside),
            Err(why) => Judgement::unread(format!("could not be read: {why}")),
        };
        let bytes = single.place.bytes();
        let key = key(&kind.name, kind.beside, bytes, &[single.place.blob.into()]);
        found.push(Found { key, judgement, bytes });
    }
    found
}

/// Hands the jobs to as many threads as there are cores and the results to `done`, on the thread of the caller.
pub(super) fn in_parallel<J: Sync, R: Send>(
    vault: &Vault,
    jobs: &[J],
    work: impl Fn(&mut Opener<'_>, &J) -> R + Sync,
    done: &mut dyn FnMut(R),
) {
    let next = AtomicUsize::new(0);
    let (send, results) = mpsc::sync_channel(8);
    std::thread::scope(|scope| {
        for _ in 0..threads().min(jobs.len()) {
            let (send, next, work) = (send.clone(), &next, &work);
            scope.spawn(move || {
                let mut opener = Opener::new(vault);
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if send.send(work(&mut opener, job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for result in results {
            done(result);
        }
    });
}

/// A file in the repository, a few blobs of it in memory at a time.
pub(super) struct Blobs<'a, 'v> {
    opener: &'a mut Opener<'v>,
    /// Where in the file each blob begins.
    blobs: Vec<(u64, Place)>,
    length: u64,
    /// Newest last.
    kept: VecDeque<(usize, Vec<u8>)>,
    kept_bytes: u64,
}

impl<'a, 'v> Blobs<'a, 'v> {
    pub(super) fn new(opener: &'a mut Opener<'v>, places: &[Place]) -> Blobs<'a, 'v> {
        let mut length = 0;
        let mut blobs = Vec::with_capacity(places.len());
        for place in places {
            blobs.push((length, *place));
            length += place.bytes();
        }
        Blobs { opener, blobs, length, kept: VecDeque::new(), kept_bytes: 0 }
    }

    fn blob(&mut self, at: usize) -> io::Result<&[u8]> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == at);
        if let Some(kept) = kept {
            if kept + 1 != self.kept.len() {
                let used = self.kept.remove(kept).expect("just found");
                self.kept.push_back(used);
            }
        } else {
            let mut bytes = Vec::new();
            self.opener.blob(&self.blobs[at].1, &mut bytes).map_err(io::Error::other)?;
            self.kept_bytes += bytes.len() as u64;
            self.kept.push_back((at, bytes));
            while self.kept_bytes > KEPT_BYTES_MAX && self.kept.len() > 1 {
                let (_, oldest) = self.kept.pop_front().expect("there are two at least");
                self.kept_bytes -= oldest.len() as u64;
            }
        }
        Ok(&self.kept.back().expect("just put there").1)
    }
}

impl Source for Blobs<'_, '_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < into.len() && offset + (done as u64) < self.length {
            let at = offset + done as u64;
            // Empty blobs begin where the next one does; the last one that begins here holds the byte.
            let blob = self.blobs.partition_point(|(start, _)| *start <= at) - 1;
            let start = self.blobs[blob].0;
            let bytes = self.blob(blob)?;
            let from = usize::try_from(at - start).map_err(io::Error::other)?;
            let count = (into.len() - done).min(bytes.len() - from);
            into[done..done + count].copy_from_slice(&bytes[from..from + count]);
            done += count;
        }
        Ok(done)
    }
}
