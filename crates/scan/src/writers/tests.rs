//! Needs the right CAP_SYS_ADMIN; without it nothing can be told, and that is said.

#![allow(clippy::disallowed_methods, reason = "other processes write")]

use std::process::Command;
use std::time::{Duration, Instant};

use super::*;

fn listening(roots: &[PathBuf]) -> Option<Writers> {
    match Writers::listen(roots) {
        Ok(writers) => Some(writers),
        Err(why) => {
            assert!(!rustix::process::geteuid().is_root() || !why.is_empty());
            eprintln!("NOT TESTED: {why}");
            None
        }
    }
}

/// The kernel tells it a moment later.
fn told(writers: &Writers, paths: &[PathBuf]) -> Traced {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let traced = writers.of(paths);
        if traced.not_traced == 0 || Instant::now() > until {
            return traced;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn whoever_wrote_is_named_also_under_another_name_and_what_nobody_was_seen_to_write_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("before"), "x").unwrap();
    let Some(writers) = listening(&[folder.path().to_owned()]) else { return };
    // It stays until it is looked at.
    let script = "for n in 1 2 3; do echo x > $n; done; mv 3 3.locked; read end";
    let mut child = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let files = [path("1"), path("2"), path("3.locked")];
    let until = Instant::now() + Duration::from_secs(20);
    while !files[2].exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let traced = told(&writers, &files);
    drop(child.stdin.take());
    child.wait().unwrap();
    let [writer] = &traced.writers[..] else { panic!("{traced:?}") };
    assert_eq!((writer.pid, writer.files, traced.not_traced), (i32::try_from(child.id()).unwrap(), 3, 0));
    assert!(writer.command.as_ref().unwrap().contains("read end"), "{writer:?}");
    assert_eq!(writer.uid, Some(rustix::process::getuid().as_raw()));
    assert!(!is_alive(writer.pid, writer.started.unwrap()), "it has ended");
    let nobody = writers.of(&[path("before"), path("nothing")]);
    assert_eq!((nobody.writers.len(), nobody.not_traced), (0, 2));
}

#[test]
fn the_book_has_an_end() {
    let mut book = Book::default();
    for number in 0..FILES_MAX as u64 + 10 {
        book.wrote((1, number), 7, None);
    }
    assert_eq!((book.files.len(), book.order.len()), (FILES_MAX, FILES_MAX));
    assert!(!book.files.contains_key(&(1, 9)) && book.files.contains_key(&(1, 10)));
}
