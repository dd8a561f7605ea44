//! Files that a command writes for people: plans, maps, pictures. All or nothing.

use std::io::Write;
use std::path::Path;

use super::Failure;

/// The file holds either all of the text or what it held before, also after a crash.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    written(path, text).map_err(|error| {
        Failure::fault(
            format!("cannot write {}: {error}", path.display()),
            "there is no such file; what was there before is untouched",
            "look at the path, its permissions and the free space, then call again",
        )
    })
}

fn written(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    let mut file = std::fs::File::create(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| std::fs::rename(&new, path));
    if placed.is_err() {
        // The first error is the one to report; a leftover has a name that says what it is.
        let _ = std::fs::remove_file(&new);
    }
    placed?;
    std::fs::File::open(folder)?.sync_all()
}
