//! `blackstart-verify BUNDLE KEY`: what an evidence bundle proves, said by a program that knows nothing of Blackstart but
//! the form of its journal. Exit 0: it holds. 1: it does not. 2: the call was wrong, or a file cannot be read.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use journal::PublicKey;

const USAGE: &str = "blackstart-verify BUNDLE KEY\n\
    BUNDLE  the archive that was written by `blackstart evidence bundle`\n\
    KEY     the public key (name+id+base64), or a file that holds it; from whoever keeps the journal, not from the bundle\n";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, key] = words.as_slice() else { return misused(USAGE) };
    let text = PublicKey::parse(key).map(|_| key.clone()).or_else(|_| std::fs::read_to_string(key));
    let key = match text.map(|text| PublicKey::parse(&text)) {
        Ok(Ok(key)) => key,
        Ok(Err(error)) => return misused(&format!("{key}: {error}\n")),
        Err(error) => {
            return misused(&format!("{key} is neither a public key nor a file that can be read: {error}\n"));
        }
    };
    let report = match proof::check(Path::new(bundle), &key) {
        Ok(report) => report,
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return misused(&format!("{error}{cause}\n"));
        }
    };
    match std::io::stdout().write_all(report.to_string().as_bytes()) {
        Ok(()) if report.holds() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(_) => ExitCode::from(2),
    }
}

fn misused(why: &str) -> ExitCode {
    // Nobody is there to be told that nobody can be told.
    let _ = std::io::stderr().write_all(why.as_bytes());
    ExitCode::from(2)
}
