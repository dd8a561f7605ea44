//! What the judge says of whole, attacked, odd and hostile files. The specimens are also lent to the tests of others.

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod doubts;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod names;
pub mod specimens;
#[cfg(test)]
mod stores;
#[cfg(test)]
mod verdicts;
#[cfg(test)]
mod versions;
