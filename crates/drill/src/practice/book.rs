//! What the core system decides about one piece of business, and the book it keeps of what it did.
//!
//! The book has a line for each time business took effect, and nothing in the database forbids a second line for the
//! same business: if something were applied twice, two lines would say so.

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::wire::Reply;

/// Tables of the core system.
pub const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS person (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, born TEXT NOT NULL,
        street TEXT NOT NULL, city TEXT NOT NULL, version INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS insurance_case (
        id INTEGER PRIMARY KEY, person TEXT NOT NULL, kind TEXT NOT NULL, detail TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS effect (
        number INTEGER PRIMARY KEY, operation TEXT NOT NULL, tenant TEXT NOT NULL, person TEXT NOT NULL,
        item TEXT NOT NULL, receipt TEXT, content TEXT NOT NULL, at_ms INTEGER NOT NULL, replay INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS effect_item ON effect (tenant, operation, item);
    CREATE INDEX IF NOT EXISTS effect_receipt ON effect (receipt);";

/// What the core can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Business {
    SickNote,
    PaymentOrder,
    Address,
    Letter,
}

impl Business {
    pub const ALL: [Business; 4] =
        [Business::SickNote, Business::PaymentOrder, Business::Address, Business::Letter];

    /// Its path at the core, without the slash.
    pub fn word(self) -> &'static str {
        match self {
            Business::SickNote => "sick-note",
            Business::PaymentOrder => "payment-order",
            Business::Address => "address",
            Business::Letter => "letter",
        }
    }
}

/// One request to the core.
#[derive(Clone, Debug)]
pub struct Offer {
    pub business: Business,
    /// Header `Blackstart-Receipt`.
    pub receipt: Option<String>,
    /// Header `Blackstart-Replay`.
    pub replay: bool,
    pub body: Value,
}

/// Decides, and changes the tables accordingly: 201 applied, 208 already there, 409 conflict, 422 refused.
pub fn book(tables: &Connection, offer: &Offer) -> rusqlite::Result<Reply> {
    let Some(named) = Named::read(&offer.body) else {
        return Ok(Reply::because(
            422,
            "the body must be an object with texts `item`, `tenant` and `person`",
        ));
    };
    if let Some(found) = already(tables, offer, &named)? {
        return Ok(found);
    }
    let person = tables
        .query_row("SELECT tenant, version FROM person WHERE id = ?1", [named.person], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((_, version)) = person.filter(|(tenant, _)| tenant == named.tenant) else {
        let text = format!("{} is not insured with {}", named.person, named.tenant);
        return Ok(Reply::because(422, text));
    };
    if let Some(reason) = wrong(offer.business, named.fields) {
        return Ok(Reply::because(422, reason));
    }
    if offer.business == Business::Address
        && let Some(conflict) = outdated(named.fields, version)
    {
        return Ok(conflict);
    }
    take_effect(tables, offer, &named, version)
}

/// The three names without which nothing can be decided.
struct Named<'a> {
    item: &'a str,
    tenant: &'a str,
    person: &'a str,
    fields: &'a Map<String, Value>,
}

impl Named<'_> {
    fn read(body: &Value) -> Option<Named<'_>> {
        let fields = body.as_object()?;
        let text = |name: &str| fields.get(name)?.as_str().filter(|text| !text.is_empty());
        Some(Named { item: text("item")?, tenant: text("tenant")?, person: text("person")?, fields })
    }
}

/// 208 for the same receipt, or for the same business with the same content; 409 for other content.
fn already(tables: &Connection, offer: &Offer, named: &Named<'_>) -> rusqlite::Result<Option<Reply>> {
    let there = |number: i64| Reply::new(208, json!({ "effect": number, "item": named.item }));
    if let Some(receipt) = &offer.receipt {
        let number = tables
            .query_row("SELECT number FROM effect WHERE receipt = ?1", [receipt], |row| row.get(0))
            .optional()?;
        if let Some(number) = number {
            return Ok(Some(there(number)));
        }
    }
    let found = tables
        .query_row(
            "SELECT number, content FROM effect WHERE tenant = ?1 AND operation = ?2 AND item = ?3",
            params![named.tenant, offer.business.word(), named.item],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
        )
        .optional()?;
    Ok(found.map(|(number, content)| {
        if content == content_of(&offer.body) {
            there(number)
        } else {
            let reason =
                format!("item {} was applied before with other content (effect {number})", named.item);
            Reply::new(409, json!({ "reason": reason, "effect": number }))
        }
    }))
}

/// Why the core will never take this, if so.
fn wrong(business: Business, fields: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let missing = |names: &[&str]| {
        names
            .iter()
            .find(|name| text(name).is_none())
            .map(|name| format!("`{name}` is missing or not a text"))
    };
    match business {
        Business::SickNote => missing(&["from", "until"]).or_else(|| {
            (text("until") < text("from")).then(|| "the sick note ends before it begins".to_owned())
        }),
        Business::PaymentOrder => missing(&["iban"]).or_else(|| {
            let amount = fields.get("amount_cents").and_then(Value::as_u64);
            (amount.unwrap_or(0) == 0).then(|| "`amount_cents` must be a whole number above 0".to_owned())
        }),
        Business::Address => missing(&["street", "city"]).or_else(|| {
            let version = fields.get("if_version").and_then(Value::as_i64);
            version.is_none().then(|| "`if_version` must be a whole number".to_owned())
        }),
        Business::Letter => missing(&["subject", "text"]),
    }
}

/// An edit made on another version of the person than the one that is here must be looked at by people.
fn outdated(fields: &Map<String, Value>, version: i64) -> Option<Reply> {
    let made_on = fields.get("if_version").and_then(Value::as_i64)?;
    (made_on != version).then(|| {
        let why =
            if made_on < version { "somebody else changed it since" } else { "an edit before it is missing" };
        let reason =
            format!("the address was edited on version {made_on}, here it has version {version}: {why}");
        Reply::new(409, json!({ "reason": reason, "version": version }))
    })
}

fn take_effect(
    tables: &Connection,
    offer: &Offer,
    named: &Named<'_>,
    version: i64,
) -> rusqlite::Result<Reply> {
    tables.execute(
        "INSERT INTO effect (operation, tenant, person, item, receipt, content, at_ms, replay)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            offer.business.word(),
            named.tenant,
            named.person,
            named.item,
            offer.receipt,
            content_of(&offer.body),
            i64::try_from(clock::now_ms()).unwrap_or(i64::MAX),
            offer.replay
        ],
    )?;
    let number = tables.last_insert_rowid();
    let mut version = version;
    if offer.business == Business::Address {
        let text = |name: &str| named.fields.get(name).and_then(Value::as_str);
        version += 1;
        tables.execute(
            "UPDATE person SET street = ?2, city = ?3, version = ?4 WHERE id = ?1",
            params![named.person, text("street"), text("city"), version],
        )?;
    } else {
        tables.execute(
            "INSERT INTO insurance_case (person, kind, detail) VALUES (?1, ?2, ?3)",
            params![named.person, offer.business.word(), offer.body.to_string()],
        )?;
    }
    Ok(Reply::new(201, json!({ "effect": number, "item": named.item, "version": version })))
}

/// SHA-256 of the content, the same for any order of its fields.
pub fn content_of(body: &Value) -> String {
    let mut text = String::new();
    write_sorted(body, &mut text);
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            for name in names {
                text.push_str(&format!("{name:?}:"));
                write_sorted(&fields[name], text);
            }
            text.push('.');
        }
        Value::Array(values) => {
            for value in values {
                write_sorted(value, text);
            }
            text.push(']');
        }
        plain => text.push_str(&format!("{plain},")),
    }
}

/// One line of the core's book, for whoever counts afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    pub number: i64,
    /// `sick-note`, `payment-order`, `address`, `letter`.
    pub operation: String,
    pub tenant: String,
    pub person: String,
    pub item: String,
    pub receipt: Option<String>,
    pub at_ms: u64,
    /// It came by hand-back.
    pub replay: bool,
}

/// Every effect in a core database, in the order in which they happened.
pub fn effects(database: &std::path::Path) -> crate::Result<Vec<Effect>> {
    use crate::fault::During as _;
    let doing = || format!("cannot read the core's book in {}", database.display());
    let tables = super::desk::read_only(database)?;
    let mut query = tables
        .prepare(
            "SELECT number, operation, tenant, person, item, receipt, at_ms, replay FROM effect ORDER BY number",
        )
        .during(doing)?;
    let rows = query
        .query_map([], |row| {
            Ok(Effect {
                number: row.get(0)?,
                operation: row.get(1)?,
                tenant: row.get(2)?,
                person: row.get(3)?,
                item: row.get(4)?,
                receipt: row.get(5)?,
                at_ms: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
                replay: row.get(7)?,
            })
        })
        .during(doing)?;
    rows.collect::<rusqlite::Result<Vec<Effect>>>().during(doing)
}
