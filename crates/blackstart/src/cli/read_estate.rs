//! How commands read an estate that they are going to act on: what cannot be understood stops them.

use std::path::Path;

use super::Failure;
use super::folder::chain;
use estate::{self, Estate, Grade};

/// The estate, if its form has no blocking finding. `check` judges the content and shows all findings.
pub fn read(path: &Path) -> Result<Estate, Failure> {
    let shown = path.display();
    let reading = estate::read(path).map_err(|fault| {
        Failure::fault(
            chain(&fault),
            "without the estate nothing can be decided; nothing was done",
            "name the folder that holds the estate's *.toml files, or one such file",
        )
    })?;
    match reading.findings.iter().find(|finding| finding.grade == Grade::Blocking) {
        None => Ok(reading.estate),
        Some(finding) => Err(Failure::refused(
            finding.what.clone(),
            format!("{}; acting on half an estate could start or stop the wrong thing", finding.means),
            format!("{}; see every finding with its place: blackstart check {shown}", finding.to_do),
        )),
    }
}
