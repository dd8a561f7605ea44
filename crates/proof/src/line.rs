//! One entry as a line of JSON: what people and programs read, beside the bytes that prove it.
//!
//! Everything a line says follows from leaf, salt and payload; reading makes the line again from these and compares.

use journal::{Exhibit, Leaf, base64};
use serde::{Deserialize, Serialize};

/// The fields, in the order in which they are written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    sequence: u64,
    /// For people; `time_ms` is what was recorded.
    time: String,
    time_ms: i64,
    actor: String,
    kind: String,
    version: u16,
    /// The payload, if it is text; of our events it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
    #[serde(default, skip_serializing_if = "is_no")]
    erased: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    leaf: String,
}

fn is_no(erased: &bool) -> bool {
    !*erased
}

/// An entry that was read from a line, and agrees with itself.
#[derive(Clone, Debug)]
pub struct Line {
    pub leaf: Leaf,
    /// The bytes that the hash tree covers.
    pub leaf_bytes: Vec<u8>,
    /// `None`: erased.
    pub payload: Option<Vec<u8>>,
}

/// The line of an entry, without its end. `None` if the leaf is none of ours.
pub fn write(exhibit: Exhibit<'_>) -> Option<String> {
    let leaf = Leaf::read(exhibit.leaf)?;
    let text = exhibit.body.map(|(_, payload)| std::str::from_utf8(payload));
    let fields = Fields {
        sequence: leaf.sequence,
        time: utc(leaf.time_ms),
        time_ms: leaf.time_ms,
        actor: leaf.actor,
        kind: leaf.kind,
        version: leaf.version,
        payload: text.and_then(Result::ok).map(str::to_owned),
        payload_base64: exhibit
            .body
            .filter(|_| text.is_some_and(|text| text.is_err()))
            .map(|(_, payload)| base64::encode(payload)),
        erased: exhibit.body.is_none(),
        salt: exhibit.body.map(|(salt, _)| base64::encode(salt)),
        leaf: base64::encode(exhibit.leaf),
    };
    Some(serde_json::to_string(&fields).expect("it holds only texts and numbers"))
}

/// Reads a line, and holds all that it says against the bytes that prove it.
pub fn read(line: &str) -> Result<Line, &'static str> {
    let fields: Fields = serde_json::from_str(line).map_err(|_| "it is not an entry as they are written")?;
    let leaf_bytes = base64::decode(&fields.leaf).ok_or("its leaf is damaged")?;
    let leaf = Leaf::read(&leaf_bytes).ok_or("its leaf is damaged")?;
    let payload = match (fields.payload, fields.payload_base64) {
        (Some(text), None) => Some(text.into_bytes()),
        (None, Some(text)) => Some(base64::decode(&text).ok_or("its payload is damaged")?),
        (None, None) => None,
        (Some(_), Some(_)) => return Err("it has two payloads"),
    };
    let salt = fields.salt.as_deref().map(|salt| base64::decode(salt).ok_or("its salt is damaged"));
    let salt: Option<[u8; 16]> =
        salt.transpose()?.map(|salt| salt.try_into().map_err(|_| "its salt is damaged")).transpose()?;
    let body = match (&salt, &payload) {
        (Some(salt), Some(payload)) if leaf.holds(salt, payload) => Some((salt, payload.as_slice())),
        (Some(_), Some(_)) => return Err("its payload is not the one that was recorded"),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err("it has half of a payload"),
    };
    let again = write(Exhibit { leaf: &leaf_bytes, body });
    if again.as_deref() != Some(line) {
        return Err("what it says beside its proof is not what was recorded");
    }
    Ok(Line { leaf, leaf_bytes, payload })
}

/// `2023-04-24T22:00:00.000Z`, for any number of milliseconds since 1970.
pub fn utc(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // Days since 1 March of the year 0, in eras of 400 years: then the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (seconds, thousandths) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}Z")
}
