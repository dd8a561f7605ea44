//! A report, filled in as far as the journal knows, for a person who checks and completes it.
//!
//! Every fact carries the entries that say it. What nobody has recorded stands there as not known, with the question; nothing
//! is left out because it is not known, and nothing is guessed. A tenant's report holds facts about this tenant and about the incident as
//! a whole (when it was noticed, cut off, restarted), never about another tenant: free texts that name one are withheld.

use askama::Template;
use estate::Id;
use estate::model::{Estate, Tenant};
use incident::duty::Duty;
use jiff::tz::TimeZone;
use message::harmless;
use page::{Html, Page, Style, filled};
use serde::Serialize;

use crate::clock::dated;
use crate::facts::{AlarmFact, At, ReportFacts};
use crate::rule::{Owed, Rule, Step};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    De,
    En,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::De, Language::En];

    pub fn tag(self) -> &'static str {
        match self {
            Language::De => "de",
            Language::En => "en",
        }
    }

    fn of<'w>(self, de: &'w str, en: &'w str) -> &'w str {
        match self {
            Language::De => de,
            Language::En => en,
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub label: String,
    /// What is known; `None`: nothing is.
    pub known: Option<String>,
    /// What has to be found out, or said by a person.
    pub not_known: Option<String>,
    /// The entries that say it.
    pub entries: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub language: &'static str,
    pub title: String,
    pub law: String,
    pub rule: String,
    pub rows: Vec<Row>,
    pub as_of: String,
}

/// What is reported, by which rule, for whom.
pub struct ReportRequest<'a> {
    pub facts: &'a ReportFacts,
    pub rule: &'a Rule,
    pub step: &'a Step,
    pub tenant: Option<&'a Id>,
    /// The clock, if it was started.
    pub clock: Option<&'a Duty>,
    pub now_ms: i64,
}

/// The report in one language.
pub fn report(wish: &ReportRequest<'_>, language: Language) -> Report {
    let writing = Writing { wish, language, zone: wish.rule.time_zone() };
    let words = |words: &crate::rule::Words| language.of(&words.de, &words.en).to_owned();
    let rule = wish.rule;
    Report {
        language: language.tag(),
        title: format!("{}: {}", words(&rule.title), words(&wish.step.title)),
        law: rule.law.clone(),
        rule: format!("{} ({}, version {}, {})", words(&rule.text), rule.source, rule.version, rule.as_of),
        rows: writing.rows(),
        as_of: format!(
            "{} {}, {} {}",
            language.of("Entwurf vom", "Draft of"),
            dated(wish.now_ms, &writing.zone),
            language.of("nach dem Journal bis Eintrag", "by the journal up to entry"),
            wish.facts.entries.saturating_sub(1)
        ),
    }
}

struct Writing<'a> {
    wish: &'a ReportRequest<'a>,
    language: Language,
    zone: TimeZone,
}

impl Writing<'_> {
    fn w<'w>(&self, de: &'w str, en: &'w str) -> &'w str {
        self.language.of(de, en)
    }

    fn known(&self, label: (&str, &str), text: impl AsRef<str>, entries: &[u64]) -> Row {
        Row {
            label: self.w(label.0, label.1).to_owned(),
            known: Some(harmless(text.as_ref())),
            not_known: None,
            entries: entries.to_vec(),
        }
    }

    fn not_known(&self, label: (&str, &str), de: &str, en: &str) -> Row {
        Row {
            label: self.w(label.0, label.1).to_owned(),
            known: None,
            not_known: Some(self.w(de, en).to_owned()),
            entries: Vec::new(),
        }
    }

    fn time(&self, at: At) -> String {
        dated(at.time_ms, &self.zone)
    }

    /// A free text of a person, if whoever gets the report may read it.
    fn free(&self, label: (&str, &str), text: &str, entry: u64) -> Row {
        match self.wish.facts.for_tenant(self.wish.tenant, text) {
            Some(text) => self.known(label, text, &[entry]),
            None => Row {
                entries: vec![entry],
                ..self.not_known(
                    label,
                    "der Text nennt andere und steht deshalb nicht hier",
                    "the text names others and is therefore not here",
                )
            },
        }
    }

    fn rows(&self) -> Vec<Row> {
        let mut rows = vec![self.case()];
        rows.extend(self.parties());
        rows.extend(self.awareness());
        rows.extend(self.course());
        rows.extend(self.extent());
        rows.extend(self.earlier());
        rows.extend(self.wish.step.ask.iter().map(|ask| self.asked(ask)));
        if !self.wish.facts.not_read.is_empty() {
            let row = self.not_known(
                ("Nicht lesbare Einträge", "Entries that cannot be read"),
                "diese Version kann sie nicht lesen; dort können weitere Tatsachen stehen",
                "this version cannot read them; there may be further facts in them",
            );
            rows.push(Row { entries: self.wish.facts.not_read.clone(), ..row });
        }
        rows
    }

    fn case(&self) -> Row {
        let label = ("Vorfall", "Incident");
        match &self.wish.facts.name {
            Some((name, at)) => self.free(label, name, at.entry),
            None => self.not_known(label, "das Journal nennt keinen Namen", "the journal names none"),
        }
    }

    fn estate(&self) -> Option<(&Estate, u64)> {
        self.wish.facts.estate.as_ref().map(|(estate, at)| (estate, at.entry))
    }

    fn tenant(&self) -> Option<(&Tenant, u64)> {
        let (estate, entry) = self.estate()?;
        Some((estate.tenants.get(self.wish.tenant?)?, entry))
    }

    fn parties(&self) -> Vec<Row> {
        let reporter = ("Meldende Stelle", "Reported by");
        let addressee = ("An", "To");
        let contact =
            ("Kontakt der meldenden Stelle, rund um die Uhr", "Contact of whoever reports, day and night");
        let not_in_estate = |label| self.not_known(label, "steht nicht im Verbund", "not in the estate");
        let controller = self
            .tenant()
            .map(|(tenant, entry)| (tenant.controller.clone().unwrap_or_else(|| tenant.name.clone()), entry));
        let provider = self.estate().filter(|(estate, _)| !estate.provider.is_empty());
        let provider = provider.map(|(estate, entry)| (estate.provider.clone(), entry));
        let said = |label, who: Option<(String, u64)>| {
            who.map_or_else(|| not_in_estate(label), |(who, entry)| self.known(label, who, &[entry]))
        };
        let to = self.w(&self.wish.rule.to.de, &self.wish.rule.to.en);
        match self.wish.rule.owed_by {
            Owed::Provider => {
                vec![said(reporter, provider), self.known(addressee, to, &[]), not_in_estate(contact)]
            }
            Owed::ProviderToTenant => {
                vec![said(reporter, provider), said(addressee, controller), not_in_estate(contact)]
            }
            Owed::Tenant => {
                let supervisor =
                    self.tenant().and_then(|(tenant, entry)| Some((tenant.supervisor.clone()?, entry)));
                let contacts = self.tenant().filter(|(tenant, _)| !tenant.contacts.is_empty());
                let contacts = contacts.map(|(tenant, entry)| (tenant.contacts.join(", "), entry));
                vec![
                    said(reporter, controller),
                    self.known(addressee, to, &[]),
                    said(("Zuständige Behörde", "Competent authority"), supervisor),
                    said(contact, contacts),
                ]
            }
        }
    }

    fn awareness(&self) -> Vec<Row> {
        let label = ("Kenntnis seit", "Aware since");
        let Some(clock) = self.wish.clock else {
            return vec![self.not_known(
                label,
                "niemand hat festgehalten, seit wann jemand davon weiß",
                "nobody has recorded since when somebody was aware",
            )];
        };
        let entry = clock.corrected.last().map_or(clock.sequence, |last| last.sequence);
        let mut rows = vec![
            self.known(label, dated(clock.aware_since_ms, &self.zone), &[entry]),
            self.free(("Woher", "How it is known"), &clock.reason, clock.sequence),
        ];
        // Each time that was said before, and why it was taken back.
        for was in &clock.corrected {
            let earlier = ("Zuvor angegeben, berichtigt", "Said before, corrected");
            rows.push(self.known(earlier, dated(was.was_ms, &self.zone), &[was.sequence]));
            rows.push(self.free(
                ("Grund der Berichtigung", "Why it was corrected"),
                &was.reason,
                was.sequence,
            ));
        }
        rows
    }

    fn course(&self) -> Vec<Row> {
        let facts = self.wish.facts;
        let happened = |label, at: Option<At>, de: &str, en: &str| match at {
            Some(at) => self.known(label, self.time(at), &[at.entry]),
            None => self.not_known(label, de, en),
        };
        let ended = match facts.run_ended {
            Some((true, at)) => self.known(
                ("Wiederanlauf beendet", "Restart ended"),
                format!("{} {}", self.time(at), self.w("(alle Schritte getan)", "(every step done)")),
                &[at.entry],
            ),
            Some((false, at)) => self.known(
                ("Wiederanlauf unterbrochen", "Restart stopped"),
                format!(
                    "{} {}",
                    self.time(at),
                    self.w("(nicht alle Schritte getan)", "(not every step done)")
                ),
                &[at.entry],
            ),
            None => self.not_known(
                ("Wiederanlauf beendet", "Restart ended"),
                "im Journal steht kein Ende",
                "no end stands in the journal",
            ),
        };
        let alarm = ("Erster Alarm", "First alarm");
        let first = match (facts.first_alarm(), facts.alarms.values().next()) {
            (Some(at), _) => self.known(alarm, self.time(at), &[at.entry]),
            (None, Some(dismissed)) => {
                let count = facts.alarms.len();
                let all = self.w("Alle Alarme wurden verworfen", "every alarm was dismissed");
                let by = dismissed.dismissed.as_ref().map(|(_, at)| at.entry);
                let entries: Vec<u64> = std::iter::once(dismissed.at.entry).chain(by).collect();
                self.known(alarm, format!("{} ({all}: {count})", self.time(dismissed.at)), &entries)
            }
            (None, None) => self.not_known(
                alarm,
                "im Journal steht kein Alarm; das heißt nicht, dass es kein Anzeichen gab",
                "no alarm stands in the journal; that does not mean that there was no sign",
            ),
        };
        vec![
            first,
            happened(
                ("Abtrennung beschlossen", "Cut decided"),
                facts.first_cut,
                "im Journal steht keine Abtrennung",
                "no cut stands in the journal",
            ),
            happened(
                ("Wiederanlauf begonnen", "Restart begun"),
                facts.run_begun,
                "im Journal steht kein Beginn",
                "no beginning stands in the journal",
            ),
            ended,
        ]
    }

    fn extent(&self) -> Vec<Row> {
        let persons = (
            "Versicherte Personen (Obergrenze der Betroffenen)",
            "Insured people (upper bound of those concerned)",
        );
        let concerned = self.not_known(
            ("Zahl der betroffenen Personen", "Number of persons concerned"),
            "nicht festgestellt; nur die Obergrenze steht fest",
            "not established; only the upper bound is known",
        );
        let no_account = |label| {
            self.not_known(
                label,
                "keine Abrechnung der Brücke im Journal",
                "no account of the bridge in the journal",
            )
        };
        let mut rows = Vec::new();
        match (self.wish.tenant, self.estate()) {
            (Some(_), _) => match self.tenant() {
                Some((tenant, entry)) => rows.push(self.known(persons, tenant.insured.to_string(), &[entry])),
                None => rows.push(self.not_known(persons, "steht nicht im Verbund", "not in the estate")),
            },
            (None, Some((estate, entry))) => {
                let sum: u128 = estate.tenants.values().map(|tenant| u128::from(tenant.insured)).sum();
                let of = self.w("bei", "of");
                let tenants = self.w("Mandanten", "tenants");
                rows.push(self.known(
                    persons,
                    format!("{sum} {of} {} {tenants}", estate.tenants.len()),
                    &[entry],
                ));
            }
            (None, None) => {
                rows.push(self.not_known(persons, "kein lesbarer Verbund", "no estate that can be read"));
            }
        }
        rows.push(concerned);
        let business = (
            "Im Notbetrieb angenommen, davon noch nicht zurückgeführt",
            "Accepted in emergency operation, of these not handed back yet",
        );
        let own =
            self.wish.facts.accounts.iter().filter(|(id, _)| self.wish.tenant.is_none_or(|own| own == *id));
        let own: Vec<_> = own.map(|(_, known)| known).collect();
        if own.is_empty() {
            rows.push(no_account(business));
        } else {
            let sum = |of: fn(&incident::event::Account) -> u64| -> u128 {
                own.iter().map(|(account, _)| u128::from(of(account))).sum()
            };
            let text = format!("{}, {}", sum(|account| account.accepted), sum(|account| account.pending));
            let mut entries: Vec<u64> = own.iter().map(|(_, at)| at.entry).collect();
            entries.sort_unstable();
            entries.dedup();
            rows.push(self.known(business, text, &entries));
        }
        if self.wish.tenant.is_none() {
            rows.push(self.alarmed());
        }
        rows
    }

    /// The provider's own: stores are shared, so no tenant gets to see this.
    fn alarmed(&self) -> Row {
        let label = (
            "Alarme an Datenbeständen (Dateien, als er ausgelöst wurde)",
            "Alarms on stores (files when it was raised)",
        );
        let alarms = &self.wish.facts.alarms;
        if alarms.is_empty() {
            return self.not_known(label, "im Journal steht kein Alarm", "no alarm stands in the journal");
        }
        let dismissed = |alarm: &AlarmFact| match &alarm.dismissed {
            Some((reason, _)) => format!("; {}: {reason}", self.w("verworfen", "dismissed")),
            None => String::new(),
        };
        let stores: Vec<String> = alarms
            .values()
            .map(|alarm| format!("{} ({}{})", alarm.store.name(), alarm.files, dismissed(alarm)))
            .collect();
        let told =
            |alarm: &AlarmFact| [Some(alarm.at.entry), alarm.dismissed.as_ref().map(|(_, at)| at.entry)];
        let mut entries: Vec<u64> = alarms.values().flat_map(told).flatten().collect();
        entries.sort_unstable();
        entries.dedup();
        self.known(label, stores.join(", "), &entries)
    }

    fn earlier(&self) -> Vec<Row> {
        let filed = ReportFacts::filed(self.wish.clock);
        let row = |filed: &incident::duty::Filed| {
            let step = self.wish.rule.step(&filed.step);
            let title = step.map_or(filed.step.as_str(), |step| self.w(&step.title.de, &step.title.en));
            let label = format!("{}: {title}", self.w("Bereits gemeldet", "Reported before"));
            let when = dated(filed.filed_at_ms, &self.zone);
            let text = format!("{when}, {} {}", self.w("Beleg", "receipt"), filed.receipt);
            Row { label, ..self.free(("", ""), &text, filed.sequence) }
        };
        filed.iter().map(row).collect()
    }

    /// What a report asks and no journal knows.
    fn asked(&self, ask: &str) -> Row {
        let (label, de, en) = match ask {
            "malicious" => (
                ("Rechtswidrige oder böswillige Handlung", "Unlawful or malicious act"),
                "ja, nein oder unbekannt: entscheidet eine Person",
                "yes, no or unknown: a person decides",
            ),
            "cross_border" => (
                ("Grenzüberschreitende Auswirkungen", "Effects across borders"),
                "ja, nein oder unbekannt: entscheidet eine Person",
                "yes, no or unknown: a person decides",
            ),
            "severity" => (
                ("Schweregrad und Auswirkungen", "Severity and effects"),
                "bewertet eine Person",
                "a person assesses",
            ),
            "indicators" => (
                ("Kompromittierungsindikatoren", "Indicators of compromise"),
                "von der Forensik zu nennen",
                "to be named by the forensic team",
            ),
            "cause" => (("Ursache", "Cause"), "nicht festgestellt", "not established"),
            "measures" => (
                ("Weitere Maßnahmen", "Further measures"),
                "was außerhalb des Journals getan wurde, trägt eine Person nach",
                "what was done outside of the journal, a person adds",
            ),
            "categories" => (
                ("Kategorien der Personen und Daten", "Categories of persons and data"),
                "nicht festgestellt",
                "not established",
            ),
            "records" => (
                ("Ungefähre Zahl der Datensätze", "Approximate number of records"),
                "nicht festgestellt",
                "not established",
            ),
            "officer" => (
                ("Datenschutzbeauftragte Person", "Data protection officer"),
                "steht nicht im Verbund",
                "not in the estate",
            ),
            "consequences" => (
                ("Wahrscheinliche Folgen", "Likely consequences"),
                "bewertet eine Person",
                "a person assesses",
            ),
            other => ((other, other), "zu ergänzen", "to be filled in"),
        };
        self.not_known(label, de, en)
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct Whole<'a> {
    report: &'a Report,
    draft: &'a str,
    entry: &'a str,
    entries: &'a str,
    missing: &'a str,
}

impl Report {
    fn language(&self) -> Language {
        if self.language == "de" { Language::De } else { Language::En }
    }

    fn draft(&self) -> &'static str {
        self.language().of(
            "Entwurf: vor dem Absenden prüfen und ergänzen. Jede Angabe nennt die Einträge des Journals, aus denen sie stammt.",
            "Draft: check and complete before it is sent. Every statement names the entries of the journal that it is from.",
        )
    }

    fn missing(&self) -> &'static str {
        self.language().of("NICHT BEKANNT", "NOT KNOWN")
    }

    /// The report as plain text.
    pub fn text(&self) -> String {
        let language = self.language();
        let mut text = format!("{}\n{}\n\n{}\n\n", self.title, self.law, self.draft());
        for row in &self.rows {
            let said = match (&row.known, &row.not_known) {
                (Some(known), _) => known.clone(),
                (None, Some(question)) => format!("{}: {question}", self.missing()),
                (None, None) => self.missing().to_owned(),
            };
            let numbers: Vec<String> = row.entries.iter().map(u64::to_string).collect();
            let source = match numbers.as_slice() {
                [] => String::new(),
                [one] => format!(" [{} {one}]", language.of("Eintrag", "entry")),
                many => format!(" [{} {}]", language.of("Einträge", "entries"), many.join(", ")),
            };
            text.push_str(&format!("{}: {said}{source}\n", row.label));
        }
        text.push_str(&format!("\n{}\n{}\n", self.rule, self.as_of));
        text
    }

    /// The report as a page that needs nothing else.
    pub fn html(&self) -> String {
        let language = self.language();
        let whole = Whole {
            report: self,
            draft: self.draft(),
            entry: language.of("Eintrag", "entry"),
            entries: language.of("Einträge", "entries"),
            missing: self.missing(),
        };
        let body: Html = filled(&whole);
        Page { language: self.language, title: &self.title, style: Style::Text, body: &body }.written()
    }
}
