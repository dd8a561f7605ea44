//! Act 9: the reckoning. The drill reads the practice databases itself and compares them with what senders hold.

use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::fault::During;
use crate::oracle::{Books, Entered, Judgement, Paid, Sent, judge};
use crate::practice::book::effects;
use crate::report::FundReport;
use crate::stage::Stage;
use crate::story::{Act, Kind};
use crate::traffic::{Operation, Submission};

/// How long senders may still wait for their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(30);

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("business rests; the last answers come in");
    if let Some(traffic) = stage.traffic.take() {
        traffic.stop(LAST_ANSWERS);
    }
    super::books::finish(stage)?;
    stage.say("reading the databases of both data centres and of the bank");
    let books = read(stage)?;
    let judgement = judge(&books);
    stage.report.judged(&judgement);
    stage.report.account = lines(stage, &judgement);
    promises(stage, act, &books, &judgement);
    let (config, incident) = (stage.bridge_config(), stage.incident());
    let recorded = stage.run(&["bridge", "account", &config, "--journal", &incident])?;
    stage.promise(
        act,
        "The account is recorded in the incident journal, with the bridge's checkpoint",
        recorded.code == Some(0),
        format!("{}: {}", crate::product::ended(&recorded), crate::product::said(&recorded)),
    );
    stage.happened(Kind::Step, "every receipt is accounted for");
    stage.seen.judgement = Some(judgement);
    Ok(())
}

fn promises(stage: &Stage, act: &mut Act, books: &Books, found: &Judgement) {
    let some = |list: &[String]| list[..list.len().min(3)].join("; ");
    let receipts: u64 = found.lines.iter().map(|line| line.receipts).sum();
    stage.promise(
        act,
        "Every receipt anybody holds is in a core, or on a list for people: none is lost",
        found.lost() == 0 && receipts > 0,
        format!("{receipts} receipts, {} lost {}", found.lost(), some(&found.lost)),
    );
    stage.promise(
        act,
        "Nothing is in a core twice",
        found.doubled.is_empty() && !books.entered.is_empty(),
        format!(
            "{} entries looked at; twice: {} {}",
            books.entered.len(),
            found.doubled.len(),
            some(&found.doubled)
        ),
    );
    let wrong = found.paid_twice.len() + found.paid_wrongly.len();
    stage.promise(
        act,
        "The bank paid each payment once, with the right amount",
        wrong == 0 && !books.paid.is_empty(),
        format!(
            "{} transfers; {} twice, {} wrong {}{}",
            books.paid.len(),
            found.paid_twice.len(),
            found.paid_wrongly.len(),
            some(&found.paid_twice),
            some(&found.paid_wrongly)
        ),
    );
    let disagreements: Vec<String> = found.disagreements().cloned().collect();
    stage.promise(
        act,
        "For every fund accepted = applied + already there + conflict + refused + pending, as the drill counts it",
        disagreements.is_empty() && !found.lines.is_empty(),
        format!("{} funds; {} disagreements {}", found.lines.len(), disagreements.len(), some(&disagreements)),
    );
    stage.promise(
        act,
        "Edits made on an outdated version and wrong requests changed nothing",
        found.entered_wrongly.is_empty(),
        format!("{} entered all the same {}", found.entered_wrongly.len(), some(&found.entered_wrongly)),
    );
    stage.promise(
        act,
        "Nothing is in a core and also on a list, and nothing is anywhere that nobody sent",
        found.in_core_and_on_list.is_empty() && found.invented.is_empty(),
        format!(
            "{} in both {}; {} that nobody sent {}",
            found.in_core_and_on_list.len(),
            some(&found.in_core_and_on_list),
            found.invented.len(),
            some(&found.invented)
        ),
    );
    stage.promise(
        act,
        "Every sender has an answer",
        found.unanswered == 0,
        format!("{} submissions, {} without an answer", books.sent.len(), found.unanswered),
    );
}

/// All five books, traffic at rest.
fn read(stage: &Stage) -> Result<Books> {
    let mut books = Books { sent: stage.submissions().iter().map(sent).collect(), ..Books::default() };
    for store in stage.layout.stores.iter().filter(|store| store.name.starts_with("core")) {
        for effect in effects(&store.database)? {
            books.entered.push(Entered { tenant: effect.tenant, item: effect.item, receipt: effect.receipt });
        }
    }
    books.paid = paid(stage)?;
    books.accounts = super::books::accounts(stage)?;
    for fund in &stage.layout.funds {
        books.listed.extend(super::books::listed(stage, &fund.id)?);
    }
    Ok(books)
}

fn sent(submission: &Submission) -> Sent {
    let body: Value = serde_json::from_str(&submission.body).unwrap_or_default();
    Sent {
        tenant: submission.tenant.clone(),
        item: submission.item.clone(),
        intent: submission.intent,
        receipt: submission.receipt.clone(),
        cents: body["amount_cents"].as_u64().filter(|_| submission.operation == Operation::Payment),
    }
}

/// The bank's own book, line by line.
fn paid(stage: &Stage) -> Result<Vec<Paid>> {
    let book = &stage.layout.bank_book;
    let reading = || format!("reading the bank's book {}", book.display());
    let text = std::fs::read_to_string(book).during(reading)?;
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).during(reading)?;
            let reference = line["reference"].as_str().unwrap_or_default().to_owned();
            Ok(Paid { reference, cents: line["amount_cents"].as_u64().unwrap_or(0) })
        })
        .collect()
}

fn lines(stage: &Stage, judgement: &Judgement) -> Vec<FundReport> {
    judgement
        .lines
        .iter()
        .map(|line| {
            let fund = stage.layout.funds.iter().find(|fund| fund.id == line.tenant);
            FundReport {
                name: fund.map_or_else(|| line.tenant.clone(), |fund| fund.name.clone()),
                site: fund.map(|fund| fund.site.clone()).unwrap_or_default(),
                insured: fund.map_or(0, |fund| fund.insured),
                line: line.clone(),
            }
        })
        .collect()
}
