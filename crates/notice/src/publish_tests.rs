//! Killed after any thing that was done to the disk, a publication leaves readers the whole old or the whole new site,
//! and nobody else's files are touched.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::mark::{self, About};
use super::publish::{PublishFault, Published, publish, publish_watched, standing};
use super::site::{self, Files};

fn version(text: &str) -> (Files, About) {
    let paths = [
        "index.html",
        "de.html",
        "alpha/de.html",
        "alpha/status.json",
        "beta/api/v2/summary.json",
        "beta/de.html",
    ];
    let files: Files = paths.into_iter().map(|path| (path.to_owned(), format!("{text} of {path}"))).collect();
    let about = About { journal: "blackstart/test".to_owned(), as_of_entry: 3, digest: site::digest(&files) };
    (files, about)
}

fn published(text: &str, place: &Path) -> Result<Published, PublishFault> {
    let (files, about) = version(text);
    publish(&files, &about, place)
}

fn holds(text: &str, place: &Path) -> bool {
    version(text)
        .0
        .iter()
        .all(|(path, text)| fs::read_to_string(place.join(path)).is_ok_and(|found| found == *text))
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Publishes and stops, as a kill would, after so many things were done. `false`: it was over before.
fn killed_after(steps: usize, text: &str, place: &Path) -> bool {
    let (files, about) = version(text);
    let mut left = steps;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut between = || {
            if left == 0 {
                resume_unwind(Box::new("killed"));
            }
            left -= 1;
        };
        publish_watched(&files, &about, place, exchanged, &mut between).unwrap();
    }));
    ended.is_err()
}

fn exchanged(one: &Path, other: &Path) -> io::Result<()> {
    let here = rustix::fs::CWD;
    Ok(rustix::fs::renameat_with(here, one, here, other, rustix::fs::RenameFlags::EXCHANGE)?)
}

#[test]
fn killed_at_any_step_readers_see_the_old_or_the_new_site_and_the_next_publication_tidies_up() {
    let (mut steps, mut saw_old, mut saw_new) = (0, false, false);
    loop {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("site");
        for foreign in ["site.old", "site.new", ".site.blackstart-mine"] {
            fs::create_dir(folder.path().join(foreign)).unwrap();
            fs::write(folder.path().join(foreign).join("thesis.txt"), "ten years of work").unwrap();
        }
        published("old", &place).unwrap();
        let was_killed = killed_after(steps, "new", &place);
        let (is_old, is_new) = (holds("old", &place), holds("new", &place));
        assert!(is_old != is_new, "after {steps} steps readers see neither or a mixture");
        saw_old |= is_old;
        saw_new |= is_new && was_killed;
        // A second kill at the same place, while the first one's remains lie there.
        killed_after(steps, "newer", &place);
        assert!(["old", "new", "newer"].iter().filter(|text| holds(text, &place)).count() == 1);
        published("newest", &place).unwrap();
        assert!(holds("newest", &place));
        let expected = ["site", "site.old", "site.new", ".site.blackstart-mine"].map(str::to_owned);
        assert_eq!(names(folder.path()), expected.into(), "after {steps} steps something is left");
        for foreign in &names(folder.path()) {
            assert!(foreign == "site" || folder.path().join(foreign).join("thesis.txt").exists());
        }
        if !was_killed {
            break;
        }
        steps += 1;
    }
    assert!(saw_old && saw_new && steps > 10, "the kills have to hit both sides of the exchange");
}

#[test]
fn a_first_publication_that_is_killed_shows_nothing_or_all_of_it() {
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("site");
        if steps % 2 == 0 {
            fs::create_dir(&place).unwrap();
        }
        let was_killed = killed_after(steps, "new", &place);
        let is_empty = !place.exists() || names(&place).is_empty();
        assert!(is_empty || holds("new", &place));
        published("newer", &place).unwrap();
        assert_eq!(names(folder.path()), ["site".to_owned()].into());
        if !was_killed {
            break;
        }
    }
}

#[test]
fn a_reader_that_looks_all_the_time_sees_one_version_and_never_none() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    published("version 0", &place).unwrap();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut looks, mut versions) = (0_u32, BTreeSet::new());
            while !is_over.load(Ordering::Relaxed) || looks == 0 {
                let nonce = || fs::read_to_string(place.join(mark::NAME)).expect("there is always a site");
                let before = nonce();
                let read = |path: &String| fs::read_to_string(place.join(path));
                let (paths, _) = version("");
                let texts: Vec<io::Result<String>> = paths.keys().map(read).collect();
                let shown: BTreeSet<String> = texts
                    .into_iter()
                    .map(|text| text.expect("every page is always there"))
                    .map(|text| text.split(" of ").next().unwrap().to_owned())
                    .collect();
                // Only if the site was exchanged between two looks may they differ.
                assert!(shown.len() == 1 || nonce() != before, "a mixture: {shown:?}");
                versions.extend(shown);
                looks += 1;
            }
            versions.len()
        });
        for number in 1..=60 {
            published(&format!("version {number}"), &place).unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 1, "the reader has to see several versions");
    });
}

#[test]
fn only_an_absent_or_empty_folder_or_a_site_of_ours_is_published_into() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |place: &Path, why: &str| {
        let fault = published("new", place).unwrap_err();
        assert!(matches!(fault, PublishFault::NotOurs { .. }) && fault.to_string().contains(why), "{fault}");
    };
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("index.html"), "hand-made").unwrap();
    refused(&foreign, "does not hold our mark");
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&file, "not a folder");
    let ours = folder.path().join("ours");
    published("old", &ours).unwrap();
    let link = folder.path().join("link");
    symlink(&ours, &link).unwrap();
    refused(&link, "it is a link");
    fs::write(ours.join("alpha/robots.txt"), "hand-made").unwrap();
    refused(&ours, "alpha/robots.txt, which was not written here");
    fs::remove_file(ours.join("alpha/robots.txt")).unwrap();
    fs::create_dir(ours.join("drafts")).unwrap();
    refused(&ours, "drafts/");
    refused(Path::new("/"), "no name of its own");
    assert!(holds("old", &ours) && foreign.join("index.html").exists());
    let left = names(folder.path());
    assert_eq!(left, ["foreign", "file", "ours", "link"].map(str::to_owned).into());
}

#[test]
fn a_file_system_that_cannot_exchange_is_refused_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    published("old", &place).unwrap();
    let (files, about) = version("new");
    for kind in [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported, io::ErrorKind::CrossesDevices] {
        let cannot: fn(&Path, &Path) -> io::Result<()> = match kind {
            io::ErrorKind::InvalidInput => |_, _| Err(io::ErrorKind::InvalidInput.into()),
            io::ErrorKind::Unsupported => |_, _| Err(io::ErrorKind::Unsupported.into()),
            _ => |_, _| Err(io::ErrorKind::CrossesDevices.into()),
        };
        let fault = publish_watched(&files, &about, &place, cannot, &mut || ()).unwrap_err();
        assert!(matches!(fault, PublishFault::CannotExchange { .. }), "{fault}");
        assert!(holds("old", &place));
        assert_eq!(names(folder.path()), ["site".to_owned()].into());
    }
}

#[test]
fn what_comes_into_the_old_site_while_it_is_replaced_is_kept_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    published("old", &place).unwrap();
    let (files, about) = version("new");
    let in_the_last_moment = |one: &Path, other: &Path| {
        fs::write(other.join("alpha/thesis.txt"), "ten years of work")?;
        exchanged(one, other)
    };
    let kept = publish_watched(&files, &about, &place, in_the_last_moment, &mut || ()).unwrap().kept.unwrap();
    assert!(holds("new", &place));
    assert_eq!(fs::read_to_string(kept.join("alpha/thesis.txt")).unwrap(), "ten years of work");
    published("newer", &place).unwrap();
    assert!(kept.join("alpha/thesis.txt").exists(), "it is not deleted later either");
}

#[test]
fn a_folder_that_takes_the_place_of_the_old_site_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    published("old", &place).unwrap();
    let (files, about) = version("new");
    let somebody_was_faster = |one: &Path, other: &Path| {
        if !other.with_file_name("moved").exists() {
            fs::rename(other, other.with_file_name("moved"))?;
            fs::create_dir(other)?;
            fs::write(other.join("thesis.txt"), "ten years of work")?;
        }
        exchanged(one, other)
    };
    let fault = publish_watched(&files, &about, &place, somebody_was_faster, &mut || ()).unwrap_err();
    assert!(fault.to_string().contains("was changed while"), "{fault}");
    assert!(place.join("thesis.txt").exists() && holds("old", &folder.path().join("moved")));
    assert_eq!(names(folder.path()), ["moved", "site"].map(str::to_owned).into());
}

#[test]
fn a_mark_that_leads_elsewhere_through_a_link_deletes_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    let (place, elsewhere) = (folder.path().join("site"), folder.path().join("elsewhere"));
    published("old", &place).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("de.html"), "somebody else's").unwrap();
    let aside = folder.path().join(format!(".site.blackstart-{}", "a".repeat(32)));
    fs::create_dir(&aside).unwrap();
    fs::copy(place.join(mark::NAME), aside.join(mark::NAME)).unwrap();
    symlink(&elsewhere, aside.join("alpha")).unwrap();
    published("new", &place).unwrap();
    assert!(elsewhere.join("de.html").exists());
}

#[test]
fn a_site_that_stands_is_known_by_its_mark_until_somebody_changes_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("site");
    assert_eq!(standing(&place), None);
    published("old", &place).unwrap();
    assert_eq!(standing(&place), Some((version("old").1, 4)));
    fs::write(place.join("de.html"), "changed by hand").unwrap();
    assert_eq!(standing(&place), None);
}
