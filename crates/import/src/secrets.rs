//! Does a command that would be copied hold a password? What stands in an estate stands in files and in a journal that is
//! never erased, so a doubt is enough to leave it out.

use std::collections::BTreeMap;

/// Parts of names after which a password tends to stand.
const NAMES: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api-key",
    "api_key",
    "credential",
    "authorization",
];
/// Shorter values are no passwords, and stand everywhere.
const VALUE_CHARS_MIN: usize = 4;

/// A name of a variable, an option or a setting that means a password.
pub(crate) fn is_name(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NAMES.iter().any(|name| word.contains(name)) || word.ends_with("_pass") || word.ends_with("_pw")
}

/// The values of what is named like a password.
pub(crate) fn values<'v>(settings: impl Iterator<Item = (&'v str, &'v str)>) -> BTreeMap<&'v str, &'v str> {
    settings
        .filter(|(name, value)| is_name(name) && value.chars().count() >= VALUE_CHARS_MIN)
        .map(|(name, value)| (value, name))
        .collect()
}

/// Whether these words hold one of these values, or look as if they held one of their own. A variable that the shell
/// puts in when the command runs (`$DB_PASSWORD`) is none.
pub(crate) fn are_in(words: &[String], values: &BTreeMap<&str, &str>) -> bool {
    words.iter().any(|word| values.keys().any(|value| word.contains(value)))
        || words.iter().flat_map(|word| word.split_whitespace()).any(seems_one)
        // `--password geheim`: the value is a word of its own.
        || words.windows(2).any(|pair| pair[0].starts_with("--") && is_name(&pair[0]) && !pair[1].contains('$'))
}

fn seems_one(word: &str) -> bool {
    let named = word.split_once(['=', ':']).is_some_and(|(name, value)| {
        is_name(name) && !value.is_empty() && !value.trim_start_matches(['"', '\'']).starts_with('$')
    });
    // `mysqladmin -pgeheim`, `redis-cli -a` has its own word; `scheme://user:password@host`.
    let short = word.strip_prefix("-p").is_some_and(|value| {
        value.len() >= VALUE_CHARS_MIN
            && !value.starts_with(['$', '"', '\''])
            && !value.chars().all(|letter| letter.is_ascii_digit())
    });
    let in_address = word.split_once("://").is_some_and(|(_, rest)| {
        let user = rest.split('/').next().unwrap_or_default().rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':'))
            .is_some_and(|(_, word)| !word.is_empty() && !word.starts_with('$'))
    });
    named || short || in_address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(line: &str) -> bool {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        are_in(&words, &values([("DB_PASSWORD", "geheim"), ("PORT", "5432")].into_iter()))
    }

    #[test]
    fn passwords_are_seen_and_variables_and_ports_are_none() {
        for line in [
            "mysqladmin ping -pgeheim",
            "sh -c mysqladmin -uroot -pgeheim",
            "redis-cli -a geheim ping",
            "curl -H Authorization:Bearer-x",
            "psql postgres://u:other@db/x",
            "check --password other",
            "env PGPASSWORD=other psql",
        ] {
            assert!(holds(line), "{line}");
        }
        for line in [
            "pg_isready -p5432",
            "mysqladmin ping -p$MYSQL_ROOT_PASSWORD",
            "check --password $DB_PASSWORD",
            "curl -f http://localhost:80/health",
            "nc -z localhost 5432",
            "psql postgres://u@db/x",
        ] {
            assert!(!holds(line), "{line}");
        }
    }
}
