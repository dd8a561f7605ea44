//! Any name to an id, in a way that can be undone: the id is made to fit, the name is kept in the field `name`.
//!
//! Ids allow `a-z 0-9 . _ -` only. Umlauts are written out, capitals made small, everything else becomes `-`.
//! A name that fits already always gets itself. Where two names would get the same id, those that had to be
//! changed get a short digest of their name at the end, so that the answer does not depend on the order.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use estate::id::{Id, Kind, NAME_BYTES_MAX};

/// The ids of the names of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    ids: BTreeMap<String, Id>,
}

impl Names {
    /// All names of one kind at once: whether a name has to give way depends on the others.
    pub fn new<'n>(kind: Kind, names: impl IntoIterator<Item = &'n str>) -> Names {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
        for name in &names {
            *wanted.entry(fitted(name)).or_default() += 1;
        }
        let ids = names.into_iter().map(|name| {
            let fit = fitted(name);
            let alone = fit == name || wanted[&fit] == 1;
            let id = if alone { fit } else { marked(&fit, name) };
            let id = Id::new(kind, &id).expect("a fitted name has only letters that fit, and not too many");
            (name.to_owned(), id)
        });
        Names { ids: ids.collect() }
    }

    pub fn id(&self, name: &str) -> Option<&Id> {
        self.ids.get(name)
    }

    /// Names with their ids, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Id)> {
        self.ids.iter().map(|(name, id)| (name.as_str(), id))
    }
}

/// The id of one name that stands alone (a reference to something outside, for example).
pub fn single(kind: Kind, name: &str) -> Id {
    Id::new(kind, &fitted(name)).expect("a fitted name has only letters that fit, and not too many")
}

fn fitted(name: &str) -> String {
    let mut fit = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => fit.push(letter),
            'A'..='Z' => fit.push(letter.to_ascii_lowercase()),
            'ä' | 'Ä' => fit.push_str("ae"),
            'ö' | 'Ö' => fit.push_str("oe"),
            'ü' | 'Ü' => fit.push_str("ue"),
            'ß' => fit.push_str("ss"),
            'à' | 'â' | 'À' | 'Â' => fit.push('a'),
            'é' | 'è' | 'ê' | 'ë' | 'É' | 'È' | 'Ê' => fit.push('e'),
            'î' | 'ï' => fit.push('i'),
            'ô' => fit.push('o'),
            'û' | 'ù' => fit.push('u'),
            'ç' | 'Ç' => fit.push('c'),
            _ if fit.ends_with('-') => {}
            _ => fit.push('-'),
        }
    }
    if fit.is_empty() || (fit == "-" && name != "-") {
        return marked("unnamed", name);
    }
    if fit.len() > NAME_BYTES_MAX { marked(&fit, name) } else { fit }
}

/// The name with eight digits of a digest of what it was, cut so that it fits.
fn marked(fit: &str, name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    let mark = estate::hex(&digest[..4]);
    let room = NAME_BYTES_MAX - mark.len() - 1;
    // Only ASCII in a fitted name, so every byte is a place to cut.
    format!("{}-{mark}", &fit[..fit.len().min(room)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fits_keeps_itself_and_the_others_are_told_apart() {
        let names = Names::new(Kind::Service, ["web", "Web", "WEB", "Büro Süd", "a/b", ""]);
        let ids: BTreeSet<&str> = names.iter().map(|(_, id)| id.name()).collect();
        assert_eq!(ids.len(), 6, "{ids:?}");
        assert_eq!(names.id("web").unwrap().name(), "web");
        assert_eq!(names.id("Büro Süd").unwrap().name(), "buero-sued");
        assert_eq!(names.id("a/b").unwrap().name(), "a-b");
        assert!(names.id("Web").unwrap().name().starts_with("web-"));
        let turned = Names::new(Kind::Service, ["", "a/b", "WEB", "Büro Süd", "Web", "web"]);
        assert_eq!(names, turned, "the order does not matter");
    }

    #[test]
    fn a_name_without_end_is_cut_and_still_its_own() {
        let (one, two) = ("x".repeat(300), "x".repeat(301));
        let names = Names::new(Kind::Store, [one.as_str(), two.as_str()]);
        assert_ne!(names.id(&one), names.id(&two));
        assert!(names.iter().all(|(_, id)| id.name().len() <= NAME_BYTES_MAX));
        assert_ne!(single(Kind::Store, "日本"), single(Kind::Store, "中国"));
    }
}
