//! Is everything there, and only once? The drill's own answer, from what senders hold and what lies in the databases.
//!
//! The oracle takes four books that were kept apart: what the senders sent and which receipts they hold (the drill's own
//! ledger), what lies in the cores, what the bank outside has paid, and which receipts are on a fund's list for people.
//! Only the fifth, the account of the bridge, comes from the product; it is what is being checked. This file is pure, so
//! that its tests can show it a loss, a doubled payment and a wrong sum and see that it says so. Reading the books is
//! done by the act `account`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::traffic::Intent;

/// One thing somebody sent, as the drill's ledger has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sent {
    pub tenant: String,
    /// The sender's own id of the business. Sent again on another channel it is the same item.
    pub item: String,
    pub intent: Intent,
    /// What the sender holds. `None`: nobody ever answered.
    pub receipt: Option<String>,
    /// For a payment, what the bank must pay, in cents.
    pub cents: Option<u64>,
}

/// One row in a core.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    pub tenant: String,
    pub item: String,
    /// Under which receipt it came in.
    pub receipt: Option<String>,
}

/// One transfer the bank has made.
#[derive(Clone, Debug, PartialEq)]
pub struct Paid {
    /// The item it was paid for.
    pub reference: String,
    pub cents: u64,
}

/// One receipt on a fund's list for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Listed {
    pub tenant: String,
    pub receipt: String,
    pub why: Why,
}

/// Why something is on a list for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Somebody must decide between two statements.
    Conflict,
    /// The core declined it, with a reason.
    Refused,
}

/// What the bridge says about one fund.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    pub accepted: u64,
    pub applied: u64,
    pub already_there: u64,
    pub conflict: u64,
    pub refused: u64,
    pub pending: u64,
}

/// All books at one moment, traffic at rest.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub sent: Vec<Sent>,
    pub entered: Vec<Entered>,
    pub paid: Vec<Paid>,
    pub listed: Vec<Listed>,
    pub accounts: BTreeMap<String, Account>,
}

/// One fund: what the bridge says, what the drill found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FundLine {
    pub tenant: String,
    #[serde(flatten)]
    pub account: Account,
    /// Different receipts that senders hold.
    pub receipts: u64,
    /// Of these, how many have their item in the core.
    pub in_core: u64,
    /// Of these, how many are on a list for people.
    pub on_list: u64,
    /// Of these, how many are nowhere.
    pub lost: u64,
    /// Rows and transfers too many.
    pub doubled: u64,
    /// What does not agree, one sentence each. Empty: the sum is right.
    pub disagreements: Vec<String>,
}

/// What the oracle says.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Judgement {
    pub lines: Vec<FundLine>,
    /// Receipts that are neither in a core nor on a list.
    pub lost: Vec<String>,
    /// Items that are in a core more than once.
    pub doubled: Vec<String>,
    /// Payments the bank made more than once.
    pub paid_twice: Vec<String>,
    /// Payments in a core that the bank has not made, or not with this amount.
    pub paid_wrongly: Vec<String>,
    /// Rows, transfers and list entries for something nobody sent.
    pub invented: Vec<String>,
    /// Receipts that are in a core and also on a list: people would enter them a second time.
    pub in_core_and_on_list: Vec<String>,
    /// Edits made on an outdated version, and requests that must be refused, that are in a core all the same.
    pub entered_wrongly: Vec<String>,
    /// Submissions nobody ever answered.
    pub unanswered: u64,
}

impl Judgement {
    /// Sums over all funds, as the bridge says them.
    pub fn total(&self) -> Account {
        self.lines.iter().fold(Account::default(), |sum, line| Account {
            accepted: sum.accepted + line.account.accepted,
            applied: sum.applied + line.account.applied,
            already_there: sum.already_there + line.account.already_there,
            conflict: sum.conflict + line.account.conflict,
            refused: sum.refused + line.account.refused,
            pending: sum.pending + line.account.pending,
        })
    }

    /// Receipts that are nowhere.
    pub fn lost(&self) -> u64 {
        count(&self.lost)
    }

    /// Business done more than once, in a core or at the bank.
    pub fn doubled(&self) -> u64 {
        self.lines.iter().map(|line| line.doubled).sum::<u64>()
    }

    /// Disagreements of all funds.
    pub fn disagreements(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().flat_map(|line| &line.disagreements)
    }
}

/// Compares the books.
pub fn judge(books: &Books) -> Judgement {
    let index = Index::of(books);
    let mut judgement = Judgement::default();
    let tenants: BTreeSet<&str> = books
        .sent
        .iter()
        .map(|sent| sent.tenant.as_str())
        .chain(books.accounts.keys().map(String::as_str))
        .collect();
    for tenant in tenants {
        let line = judge_fund(books, &index, tenant, &mut judgement);
        judgement.lines.push(line);
    }
    judge_bank(&index, &mut judgement);
    find_invented(books, &index, &mut judgement);
    judgement.unanswered = count_where(&books.sent, |sent| sent.receipt.is_none());
    judgement
}

/// The books, by what they are looked up with.
struct Index<'a> {
    /// First submission of each item.
    sent: BTreeMap<&'a str, &'a Sent>,
    rows: BTreeMap<(&'a str, &'a str), Vec<&'a Entered>>,
    transfers: BTreeMap<&'a str, Vec<u64>>,
    listed: BTreeMap<(&'a str, &'a str), Why>,
}

impl<'a> Index<'a> {
    fn of(books: &'a Books) -> Index<'a> {
        let mut index = Index {
            sent: BTreeMap::new(),
            rows: BTreeMap::new(),
            transfers: BTreeMap::new(),
            listed: BTreeMap::new(),
        };
        for sent in &books.sent {
            index.sent.entry(&sent.item).or_insert(sent);
        }
        for row in &books.entered {
            index.rows.entry((&row.tenant, &row.item)).or_default().push(row);
        }
        for transfer in &books.paid {
            index.transfers.entry(&transfer.reference).or_default().push(transfer.cents);
        }
        for listed in &books.listed {
            index.listed.insert((&listed.tenant, &listed.receipt), listed.why);
        }
        index
    }

    fn rows(&self, tenant: &'a str, item: &'a str) -> &[&'a Entered] {
        self.rows.get(&(tenant, item)).map_or(&[], Vec::as_slice)
    }
}

fn judge_fund<'a>(
    books: &'a Books,
    index: &Index<'a>,
    tenant: &'a str,
    judgement: &mut Judgement,
) -> FundLine {
    let account = books.accounts.get(tenant).copied();
    let mut line =
        FundLine { tenant: tenant.to_owned(), account: account.unwrap_or_default(), ..FundLine::default() };
    if account.is_none() {
        line.disagreements.push(format!("{tenant}: the bridge has no account of this fund"));
    }
    let mut receipts: BTreeMap<&str, &Sent> = BTreeMap::new();
    let mut items: BTreeSet<&str> = BTreeSet::new();
    for sent in books.sent.iter().filter(|sent| sent.tenant == tenant) {
        items.insert(&sent.item);
        if let Some(receipt) = &sent.receipt {
            receipts.entry(receipt).or_insert(sent);
        }
    }
    let (mut conflicts, mut refused) = (0, 0);
    line.receipts = u64::try_from(receipts.len()).unwrap_or(u64::MAX);
    for (receipt, sent) in receipts {
        let rows = index.rows(tenant, &sent.item);
        let why = index.listed.get(&(tenant, receipt)).copied();
        match why {
            Some(Why::Conflict) => conflicts += 1,
            Some(Why::Refused) => refused += 1,
            None => {}
        }
        match (rows.is_empty(), why.is_some()) {
            (true, false) => {
                line.lost += 1;
                judgement.lost.push(format!("{tenant}: receipt {receipt}, item {}", sent.item));
            }
            (true, true) => line.on_list += 1,
            (false, false) => line.in_core += 1,
            (false, true) => {
                line.on_list += 1;
                if rows.iter().any(|row| row.receipt.as_deref() == Some(receipt)) {
                    judgement.in_core_and_on_list.push(format!("{tenant}: receipt {receipt}"));
                }
            }
        }
    }
    for item in items {
        judge_item(index, tenant, item, &mut line, judgement);
    }
    agree(&mut line, conflicts, refused);
    line
}

/// One item in the core, whoever sent it and however often.
fn judge_item<'a>(
    index: &Index<'a>,
    tenant: &'a str,
    item: &'a str,
    line: &mut FundLine,
    judgement: &mut Judgement,
) {
    let rows = index.rows(tenant, item).len();
    let Some(sent) = index.sent.get(item) else { return };
    if rows > 1 {
        line.doubled += u64::try_from(rows - 1).unwrap_or(u64::MAX);
        judgement.doubled.push(format!("{tenant}: item {item} is {rows} times in the core"));
    }
    if rows > 0 && matches!(sent.intent, Intent::Outdated | Intent::Wrong) {
        judgement.entered_wrongly.push(format!("{tenant}: item {item}, sent as {:?}", sent.intent));
    }
    let Some(cents) = sent.cents else { return };
    let transfers = index.transfers.get(item).map_or(&[][..], Vec::as_slice);
    if transfers.len() > 1 {
        line.doubled += u64::try_from(transfers.len() - 1).unwrap_or(u64::MAX);
        judgement.paid_twice.push(format!("{tenant}: item {item} was paid {} times", transfers.len()));
    }
    if rows > 0 && transfers.first() != Some(&cents) {
        judgement.paid_wrongly.push(format!(
            "{tenant}: item {item} is in the core with {cents} cents, the bank paid {transfers:?}"
        ));
    }
}

/// accepted = applied + already there + conflict + refused + pending, and each of them as the drill counts it.
///
/// Applied and already there are compared together: whether the core took an item at the first offer or knew it at the
/// second is the same for its sender, and a row in a database does not show which it was.
fn agree(line: &mut FundLine, conflicts: u64, refused: u64) {
    let account = line.account;
    let sum = account.applied + account.already_there + account.conflict + account.refused + account.pending;
    let pairs = [
        ("accepted, against the sum of the outcomes", account.accepted, sum),
        ("accepted, against the receipts that senders hold", account.accepted, line.receipts),
        (
            "applied and already there, against what is in the core",
            account.applied + account.already_there,
            line.in_core,
        ),
        ("conflicts, against the list for people", account.conflict, conflicts),
        ("refused, against the list for people", account.refused, refused),
        ("still pending, against none", account.pending, 0),
    ];
    for (what, bridge, found) in pairs {
        if bridge != found {
            line.disagreements
                .push(format!("{}: {what}: the bridge says {bridge}, found {found}", line.tenant));
        }
    }
}

/// Transfers for which there is no row in the core: money went out and nobody knows what for.
fn judge_bank(index: &Index<'_>, judgement: &mut Judgement) {
    for (reference, transfers) in &index.transfers {
        let Some(sent) = index.sent.get(reference) else { continue };
        if index.rows(&sent.tenant, &sent.item).is_empty() {
            judgement.paid_wrongly.push(format!(
                "{}: item {reference} was paid ({transfers:?} cents) and is not in the core",
                sent.tenant
            ));
        }
    }
}

fn find_invented(books: &Books, index: &Index<'_>, judgement: &mut Judgement) {
    let known: BTreeSet<(&str, &str)> =
        books.sent.iter().filter_map(|sent| Some((sent.tenant.as_str(), sent.receipt.as_deref()?))).collect();
    let rows = books
        .entered
        .iter()
        .filter(|row| index.sent.get(row.item.as_str()).is_none_or(|sent| sent.tenant != row.tenant))
        .map(|row| format!("{}: item {} in the core", row.tenant, row.item));
    let transfers = books
        .paid
        .iter()
        .filter(|paid| !index.sent.contains_key(paid.reference.as_str()))
        .map(|paid| format!("transfer for {}", paid.reference));
    let listed = books
        .listed
        .iter()
        .filter(|listed| !known.contains(&(listed.tenant.as_str(), listed.receipt.as_str())))
        .map(|listed| format!("{}: receipt {} on the list for people", listed.tenant, listed.receipt));
    judgement.invented = rows.chain(transfers).chain(listed).collect();
}

fn count<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

fn count_where<T>(of: &[T], so: impl Fn(&T) -> bool) -> u64 {
    u64::try_from(of.iter().filter(|one| so(one)).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUND: &str = "morgenrot";

    fn sent(item: &str, receipt: &str, intent: Intent, cents: Option<u64>) -> Sent {
        Sent {
            tenant: FUND.to_owned(),
            item: item.to_owned(),
            intent,
            receipt: Some(receipt.to_owned()),
            cents,
        }
    }

    fn row(item: &str, receipt: &str) -> Entered {
        Entered { tenant: FUND.to_owned(), item: item.to_owned(), receipt: Some(receipt.to_owned()) }
    }

    /// A sick note sent twice, a payment, an edit in conflict, a refused request: all as it should be.
    fn right() -> Books {
        let listed =
            |receipt: &str, why| Listed { tenant: FUND.to_owned(), receipt: receipt.to_owned(), why };
        Books {
            sent: vec![
                sent("a", "r1", Intent::Plain, None),
                sent("a", "r2", Intent::Resend, None),
                sent("b", "r3", Intent::Plain, Some(12_50)),
                sent("c", "r4", Intent::Outdated, None),
                sent("d", "r5", Intent::Wrong, None),
            ],
            entered: vec![row("a", "r1"), row("b", "r3")],
            paid: vec![Paid { reference: "b".to_owned(), cents: 12_50 }],
            listed: vec![listed("r4", Why::Conflict), listed("r5", Why::Refused)],
            accounts: BTreeMap::from([(
                FUND.to_owned(),
                Account { accepted: 5, applied: 2, already_there: 1, conflict: 1, refused: 1, pending: 0 },
            )]),
        }
    }

    #[test]
    fn books_that_agree_are_well() {
        let judgement = judge(&right());
        assert_eq!(judgement.disagreements().collect::<Vec<_>>(), Vec::<&String>::new());
        assert_eq!((judgement.lost(), judgement.doubled(), judgement.unanswered), (0, 0, 0));
        let nothing = Judgement { lines: judgement.lines.clone(), ..Judgement::default() };
        assert_eq!(judgement, nothing);
        assert_eq!(judgement.lines[0].in_core, 3);
    }

    #[test]
    fn a_receipt_that_is_nowhere_is_lost() {
        let mut books = right();
        books.entered.remove(0);
        let judgement = judge(&books);
        assert_eq!(judgement.lost(), 2, "both receipts of the item");
        assert_eq!(judgement.disagreements().count(), 1, "the bridge says it was applied");
    }

    #[test]
    fn a_receipt_in_the_core_of_another_fund_is_lost_there_and_invented_here() {
        let mut books = right();
        books.entered[0].tenant = "abendrot".to_owned();
        let judgement = judge(&books);
        assert_eq!(judgement.lost(), 2);
        assert_eq!(judgement.invented.len(), 1);
    }

    #[test]
    fn an_item_twice_in_the_core_is_doubled() {
        let mut books = right();
        books.entered.push(row("a", "r2"));
        let judgement = judge(&books);
        assert_eq!(judgement.doubled(), 1);
        assert_eq!(judgement.doubled.len(), 1);
    }

    #[test]
    fn a_payment_made_twice_is_doubled() {
        let mut books = right();
        books.paid.push(Paid { reference: "b".to_owned(), cents: 12_50 });
        let judgement = judge(&books);
        assert_eq!(judgement.doubled(), 1);
        assert_eq!(judgement.paid_twice.len(), 1);
    }

    #[test]
    fn a_payment_not_made_or_made_with_another_amount_is_found() {
        let mut books = right();
        books.paid[0].cents = 12_51;
        assert_eq!(judge(&books).paid_wrongly.len(), 1);
        books.paid.clear();
        assert_eq!(judge(&books).paid_wrongly.len(), 1);
    }

    #[test]
    fn money_for_something_that_is_not_in_the_core_is_found() {
        let mut books = right();
        books.entered.remove(1);
        let judgement = judge(&books);
        assert_eq!(judgement.paid_wrongly.len(), 1);
        assert_eq!(judgement.lost(), 1);
    }

    #[test]
    fn every_wrong_number_of_the_bridge_is_found() {
        let changes: [fn(&mut Account); 6] = [
            |account| account.accepted += 1,
            |account| account.applied += 1,
            |account| account.already_there -= 1,
            |account| account.conflict += 1,
            |account| account.refused -= 1,
            |account| account.pending += 1,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut books = right();
            change(books.accounts.get_mut(FUND).expect("this fund has an account"));
            assert!(judge(&books).disagreements().count() > 0, "change {number} was not noticed");
        }
    }

    #[test]
    fn a_sum_that_adds_up_but_hides_what_is_pending_is_found() {
        let mut books = right();
        let account = books.accounts.get_mut(FUND).expect("this fund has an account");
        account.applied -= 1;
        account.pending += 1;
        assert_eq!(judge(&books).disagreements().count(), 2);
    }

    #[test]
    fn a_fund_without_an_account_is_found() {
        let mut books = right();
        books.accounts.clear();
        assert!(judge(&books).disagreements().count() > 0);
    }

    #[test]
    fn an_outdated_edit_or_a_wrong_request_in_the_core_is_found() {
        let mut books = right();
        books.entered.push(row("c", "r4"));
        let judgement = judge(&books);
        assert_eq!(judgement.entered_wrongly.len(), 1);
        assert_eq!(judgement.in_core_and_on_list.len(), 1);
    }

    #[test]
    fn what_nobody_sent_is_found_in_every_book() {
        let mut books = right();
        books.entered.push(row("z", "r9"));
        books.paid.push(Paid { reference: "z".to_owned(), cents: 1 });
        books.listed.push(Listed { tenant: FUND.to_owned(), receipt: "r9".to_owned(), why: Why::Conflict });
        assert_eq!(judge(&books).invented.len(), 3);
    }

    #[test]
    fn a_sender_without_an_answer_is_counted() {
        let mut books = right();
        books.sent.push(Sent { receipt: None, ..sent("e", "", Intent::Plain, None) });
        let judgement = judge(&books);
        assert_eq!(judgement.unanswered, 1);
        assert_eq!(judgement.lost(), 0, "there is no receipt to be lost");
    }
}
