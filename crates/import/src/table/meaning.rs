//! What people write into cells: numbers, sizes, shares, criticality, types of relation, classes of things.

use estate::id::Kind;
use estate::model::EdgeKind;

/// Small letters, umlauts written out, everything else between words as one `_`. So `Größe (GB)`, `groesse_gb` and
/// `GROESSE GB` are one; the `u_` that ServiceNow puts before own columns goes.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.trim().chars().flat_map(char::to_lowercase) {
        match letter {
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'é' | 'è' | 'ê' | 'ë' => plain.push('e'),
            'à' | 'â' => plain.push('a'),
            'ç' => plain.push('c'),
            'ô' => plain.push('o'),
            'î' | 'ï' => plain.push('i'),
            'û' | 'ù' => plain.push('u'),
            letter if letter.is_alphanumeric() => plain.push(letter),
            _ if plain.is_empty() || plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    let plain = plain.trim_end_matches('_');
    plain.strip_prefix("u_").unwrap_or(plain).to_owned()
}

/// How a table writes decimals, where a number alone does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decimal {
    Comma,
    Point,
}

impl Decimal {
    /// Who separates cells by semicolons needs the comma for numbers.
    pub fn of(separator: char) -> Decimal {
        if separator == ';' { Decimal::Comma } else { Decimal::Point }
    }
}

/// A whole number with whatever separates thousands: `1.234.567`, `1,234,567`, `1 234 567`, `1'234'567`.
pub fn whole(text: &str) -> Option<u64> {
    let (digits, rest) = number_and_rest(text);
    if !rest.is_empty() {
        return None;
    }
    let groups: Vec<&str> = digits.split(is_group_mark).collect();
    let well = groups.len() == 1
        || (groups[0].len() <= 3
            && !groups[0].is_empty()
            && groups[1..].iter().all(|group| group.len() == 3));
    // `1234567.0`, as databases export integers.
    let cut = digits
        .strip_suffix(".0")
        .or_else(|| digits.strip_suffix(".00"))
        .or_else(|| digits.strip_suffix(",00"));
    match (well, cut) {
        (true, _) => groups.concat().parse().ok(),
        (false, Some(cut)) => whole(cut),
        (false, None) => None,
    }
}

fn is_group_mark(letter: char) -> bool {
    matches!(letter, '.' | ',' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '_')
}

/// The number at the beginning and what follows it.
fn number_and_rest(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end =
        text.find(|letter: char| !letter.is_ascii_digit() && !is_group_mark(letter)).unwrap_or(text.len());
    let number = text[..end].trim_end_matches(is_group_mark);
    (number, text[end..].trim())
}

/// A number with decimals, in thousandths, and what follows it.
fn thousandths(text: &str, decimal: Decimal) -> Option<(u64, &str)> {
    let (number, rest) = number_and_rest(text);
    let (point, comma) = (number.rfind('.'), number.rfind(','));
    let mark = match (point, comma) {
        // Both: the last one is the decimal mark.
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(at), None) | (None, Some(at)) => {
            let letter = number.as_bytes()[at];
            let once = number.bytes().filter(|byte| *byte == letter).count() == 1;
            let three = number.len() - at - 1 == 3;
            let fits = letter == if decimal == Decimal::Comma { b',' } else { b'.' };
            (once && (!three || fits)).then_some(at)
        }
        (None, None) => None,
    };
    let (whole_part, part) = mark.map_or((number, ""), |at| (&number[..at], &number[at + 1..]));
    if !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u64 = format!("{:0<3}", part.chars().take(3).collect::<String>()).parse().ok()?;
    let whole_part = if whole_part.is_empty() && !number.is_empty() { 0 } else { whole(whole_part)? };
    Some((whole_part.checked_mul(1000)?.checked_add(part)?, rest))
}

/// A size in mebibytes, rounded up. `unit` is that of the column, for a number without one.
pub fn mebibytes(text: &str, unit: &str, decimal: Decimal) -> Option<u64> {
    let (number, own) = thousandths(text, decimal)?;
    let own = plain(own);
    let unit = if own.is_empty() { unit } else { own.as_str() };
    let number = u128::from(number);
    let mebi: u128 = 1 << 20;
    let bytes = match unit {
        "b" | "byte" | "bytes" => 1,
        "kb" | "kib" | "k" => 1 << 10,
        "" | "mb" | "mib" | "m" | "mo" => mebi,
        "gb" | "gib" | "g" | "go" => mebi << 10,
        "tb" | "tib" | "t" | "to" => mebi << 20,
        "pb" | "pib" | "p" => mebi << 30,
        _ => return None,
    };
    u64::try_from((number * bytes).div_ceil(1000 * mebi)).ok()
}

/// A time in seconds. `unit` is that of the column, for a number without one.
pub fn seconds(text: &str, unit: &str, decimal: Decimal) -> Option<u64> {
    if let Some((hours, minutes)) = text.trim().split_once(':') {
        let (minutes, seconds) = minutes.split_once(':').unwrap_or((minutes, "0"));
        let part = |text: &str| text.trim().parse::<u64>().ok();
        return Some(
            part(hours)?.checked_mul(3600)?.checked_add(part(minutes)?.checked_mul(60)?)? + part(seconds)?,
        );
    }
    let (number, own) = thousandths(text, decimal)?;
    let own = plain(own);
    let each = match if own.is_empty() { unit } else { own.as_str() } {
        "" | "s" | "sec" | "sek" | "seconds" | "sekunden" => 1,
        "min" | "m" | "minutes" | "minuten" => 60,
        "h" | "std" | "hours" | "stunden" | "hour" | "stunde" => 3600,
        "d" | "t" | "days" | "tage" | "day" | "tag" => 86_400,
        _ => return None,
    };
    Some(number.checked_mul(each)?.div_ceil(1000))
}

/// `0,8`, `80 %`: in thousandths.
pub fn share(text: &str, decimal: Decimal) -> Option<u16> {
    // Here a single mark is always a decimal one: nobody is a thousand times sure.
    let text = text.trim().replace(',', ".");
    let (number, rest) = thousandths(&text, Decimal::Point).or_else(|| thousandths(&text, decimal))?;
    let number = match rest {
        "" if number <= 1000 => number,
        "" | "%" => number / 100,
        _ => return None,
    };
    u16::try_from(number).ok().filter(|number| *number <= 1000)
}

/// `1 - most critical`, `Tier 2`, `sehr hoch`: 1 is what must come back first.
pub fn tier(text: &str) -> Option<u64> {
    let text = plain(text);
    let digits = text.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    if !digits.is_empty() && digits.len() <= 2 {
        return digits.parse().ok();
    }
    match text.as_str() {
        "mission_critical" | "most_critical" | "business_critical" | "very_high" | "sehr_hoch"
        | "critical" | "kritisch" | "sehr_kritisch" | "highest" | "platinum" | "platin" | "tres_eleve"
        | "critique" => Some(1),
        "somewhat_critical" | "high" | "hoch" | "gold" | "eleve" | "wichtig" | "important" => Some(2),
        "less_critical" | "medium" | "mittel" | "normal" | "moderate" | "silver" | "silber" | "moyen" => {
            Some(3)
        }
        "not_critical" | "non_critical" | "low" | "niedrig" | "gering" | "unkritisch" | "bronze"
        | "faible" | "nicht_kritisch" => Some(4),
        _ => None,
    }
}

/// What a relation says, seen from the first thing to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The first needs the second.
    Needs(EdgeKind),
    /// The second needs the first.
    NeededBy(EdgeKind),
    RunsOn,
    Runs,
    LiesIn,
    /// They have to do with each other; which needs which is not said for sure.
    Vague,
    /// Known, and no dependency: who manages or owns something.
    Nothing,
    Unknown,
}

/// Types of relation in the words of CMDBs. Of `parent::child` forms the first half counts, said of the parent.
pub fn relation(text: &str) -> Meaning {
    let (first, second) = text.split_once("::").unwrap_or((text, ""));
    let (first, second) = (plain(first), plain(second));
    match first.as_str() {
        "used_by" | "wird_genutzt_von" | "wird_verwendet_von"
            if matches!(second.as_str(), "uses" | "nutzt" | "verwendet") =>
        {
            Meaning::NeededBy(EdgeKind::Soft)
        }
        "depends_on" | "depend_on" | "dependson" | "dependency" | "requires" | "needs" | "hard"
        | "haengt_ab_von" | "haengt_ab" | "abhaengig_von" | "ist_abhaengig_von" | "abhaengigkeit"
        | "benoetigt" | "braucht" | "erfordert" | "setzt_voraus" | "depend_de" | "necessite"
        | "stores_data_in" | "stores_data_on" | "speichert_in" | "speichert_auf" | "supported_by" => {
            Meaning::Needs(EdgeKind::Hard)
        }
        "used_by"
        | "required_by"
        | "needed_by"
        | "supports"
        | "wird_genutzt_von"
        | "wird_verwendet_von"
        | "wird_benoetigt_von"
        | "wird_gebraucht_von"
        | "unterstuetzt"
        | "utilise_par"
        | "provides_storage_for"
        | "stores_data_for" => Meaning::NeededBy(EdgeKind::Hard),
        "soft" | "uses" | "nutzt" | "verwendet" | "utilise" | "consumes" | "receives_data_from"
        | "reads_from" | "liest_von" | "erhaelt_daten_von" | "bekommt_daten_von" => {
            Meaning::Needs(EdgeKind::Soft)
        }
        "consumed_by" | "provides" => Meaning::NeededBy(EdgeKind::Soft),
        "data" | "needs_data_of" | "needs_data_from" | "braucht_daten_von" => Meaning::Needs(EdgeKind::Data),
        "start_only" | "needs_at_start" | "nur_beim_start" => Meaning::Needs(EdgeKind::StartOnly),
        "order" | "after" | "starts_after" | "startet_nach" | "nach" => Meaning::Needs(EdgeKind::Order),
        "before" | "starts_before" | "startet_vor" | "vor" => Meaning::NeededBy(EdgeKind::Order),
        "runs_on" | "hosted_on" | "installed_on" | "laeuft_auf" | "gehostet_auf" | "installiert_auf"
        | "betrieben_auf" | "liegt_auf" | "virtualized_by" | "instantiated_by" => Meaning::RunsOn,
        "runs" | "hosts" | "hostet" | "betreibt" | "virtualizes" => Meaning::Runs,
        "located_in" | "located_at" | "steht_in" | "standort" | "befindet_sich_in" | "lies_in" => {
            Meaning::LiesIn
        }
        "connects_to"
        | "connected_by"
        | "connected_to"
        | "verbunden_mit"
        | "exchanges_data_with"
        | "sends_data_to"
        | "writes_to"
        | "schreibt_nach"
        | "sendet_daten_an"
        | "tauscht_daten_mit"
        | "contains"
        | "contained_by"
        | "enthaelt"
        | "members"
        | "member_of"
        | "mitglied_von"
        | "cluster_of"
        | "cluster"
        | "impacts"
        | "impacted_by"
        | "communicates_with" => Meaning::Vague,
        "managed_by" | "manages" | "owned_by" | "owns" | "verwaltet_von" | "gehoert_zu" | "backup_for"
        | "backed_up_by" | "monitors" | "monitored_by" | "ueberwacht" => Meaning::Nothing,
        _ => Meaning::Unknown,
    }
}

/// The kind of thing that a CMDB's class stands for. `None`: not known.
pub fn class(text: &str) -> Option<Kind> {
    let text = plain(text);
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if text.is_empty() {
        None
    } else if has(&[
        "db_instance",
        "db_mssql",
        "db_ora",
        "db_mysql",
        "db_postgres",
        "datenbankinstanz",
        "app_server",
        "web_server",
    ]) {
        Some(Kind::Service)
    } else if has(&[
        "storage",
        "volume",
        "file_system",
        "speicher",
        "_san",
        "_nas",
        "datenbestand",
        "database_catalog",
    ]) {
        Some(Kind::Store)
    } else if has(&["datacenter", "location", "standort", "rechenzentrum", "gebaeude", "site"]) {
        Some(Kind::Site)
    } else if has(&[
        "server",
        "host",
        "hardware",
        "computer",
        "vm_instance",
        "esx",
        "rechner",
        "virtuelle_maschine",
    ]) {
        Some(Kind::Host)
    } else if has(&["customer", "kunde", "mandant", "tenant", "organisation", "company"]) {
        Some(Kind::Tenant)
    } else if has(&["service", "appl", "dienst", "anwendung", "software", "cluster", "database", "datenbank"])
    {
        Some(Kind::Service)
    } else {
        None
    }
}

/// A row about something that is no longer there.
pub fn is_gone(status: &str) -> bool {
    matches!(
        plain(status).as_str(),
        "retired"
            | "decommissioned"
            | "disposed"
            | "ausser_betrieb"
            | "stillgelegt"
            | "archiviert"
            | "geloescht"
            | "abgebaut"
            | "7"
            | "hors_service"
    )
}
