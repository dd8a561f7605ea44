//! The report for people: one file that needs nothing else, on a screen or on paper.
//!
//! The verdict stands at the top; everything below it is the evidence, and at the end stands what this run does not
//! prove. Colour never carries a meaning alone. How it is written stands in `templates/report.html`; the style sheet and
//! the words for numbers are those of `page`, which knows nothing of the product.

use askama::Template;
use page::words::{self, counted, number, unbroken};
use page::{Html, Page, Style, filled, filters};

use crate::drawing;
use crate::report::{FundReport, Report};
use crate::story::Act;

#[derive(Template)]
#[template(path = "report.html")]
struct Sheet<'a> {
    report: &'a Report,
    began: Html,
    insured: String,
    verdict: Verdict,
    seconds: String,
    figures: Vec<(String, &'static str)>,
    timeline: Html,
    happenings: Vec<HappeningRow>,
    curve: Option<Curve>,
    acts: Vec<ActRow<'a>>,
    funds: Vec<FundRow<'a>>,
    sums: Vec<String>,
    sum: String,
    prices: Option<Prices>,
    restart: Vec<RestartRow<'a>>,
    /// How much cheaper any plan could be at most.
    gap: Option<String>,
    measured: Vec<(Html, Html)>,
}

struct Verdict {
    class: &'static str,
    word: &'static str,
    line: String,
}

struct HappeningRow {
    at: String,
    class: &'static str,
    sign: &'static str,
    text: Html,
}

struct Curve {
    drawing: Html,
    /// Lowest shares, in percent.
    served: String,
    accepted: String,
}

struct ActRow<'a> {
    number: usize,
    title: &'a str,
    is_bad: bool,
    state: String,
    promises: Vec<PromiseRow<'a>>,
}

struct PromiseRow<'a> {
    class: &'static str,
    word: &'static str,
    text: &'a str,
    evidence: Html,
}

struct FundRow<'a> {
    name: &'a str,
    site: &'a str,
    numbers: Vec<String>,
    disagreements: String,
}

struct Prices {
    words: String,
    bars: Vec<Bar>,
}

struct Bar {
    class: &'static str,
    words: &'static str,
    /// In percent of the longest.
    width: u64,
    value: String,
}

struct RestartRow<'a> {
    service: &'a str,
    planned: Bar,
    measured: Option<Bar>,
}

/// The page.
pub fn render(report: &Report) -> String {
    let line = |fund: &FundReport| -> [u64; 12] {
        let (line, account) = (&fund.line, &fund.line.account);
        [
            fund.insured,
            line.receipts,
            account.accepted,
            account.applied,
            account.already_there,
            account.conflict,
            account.refused,
            account.pending,
            line.in_core,
            line.on_list,
            line.lost,
            line.doubled,
        ]
    };
    let wrong = report.account.iter().map(|fund| fund.line.disagreements.len()).sum::<usize>();
    let sheet = Sheet {
        report,
        began: words::moment(&report.began),
        insured: number(report.insured),
        verdict: verdict(report),
        seconds: format!("{:.0} seconds", report.seconds),
        figures: figures(report),
        timeline: drawing::timeline(&report.acts, &report.happenings, report.seconds),
        happenings: report.happenings.iter().map(happening).collect(),
        curve: curve(report),
        acts: report.acts.iter().enumerate().map(|(at, one)| act(at + 1, one)).collect(),
        funds: report
            .account
            .iter()
            .map(|fund| FundRow {
                name: &fund.name,
                site: &fund.site,
                numbers: line(fund).map(number).into(),
                disagreements: fund.line.disagreements.join("; "),
            })
            .collect(),
        sums: (0..12)
            .map(|at| number(report.account.iter().map(|fund| line(fund)[at]).sum::<u64>()))
            .collect(),
        sum: if wrong == 0 { "right".to_owned() } else { format!("{wrong} wrong") },
        prices: prices(report),
        restart: restart(report),
        gap: report.plan_gap.map(|gap| unbroken(&format!("{:.1} %", gap * 100.0))),
        measured: measured(report),
    };
    let said = if report.ok { "every promise held" } else { "not every promise held" };
    let title = format!("Blackstart drill, seed {}: {said}", report.seed);
    let body = filled(&sheet);
    Page { language: "en", title: &title, style: Style::TextAndDrawings, body: &body }.written()
}

fn or_dash(known: Option<u64>) -> String {
    known.map_or_else(|| "–".to_owned(), number)
}

fn verdict(report: &Report) -> Verdict {
    let promises = report.acts.iter().map(|act| act.promises.len()).sum::<usize>();
    let broken = report.acts.iter().map(|act| act.broken().count()).sum::<usize>();
    let unplayed = report.acts.iter().filter(|act| act.began_s.is_none()).count();
    if report.ok {
        let line = format!("All {promises} promises of all ten acts held.");
        return Verdict { class: "good", word: "HELD", line };
    }
    let missing = if unplayed > 0 {
        format!(" {} could not be played.", counted(unplayed as u128, "act", "acts"))
    } else {
        String::new()
    };
    let line = format!("{broken} of {promises} promises did not hold.{missing}");
    Verdict { class: "bad", word: "DID NOT HOLD", line }
}

fn figures(report: &Report) -> Vec<(String, &'static str)> {
    let detect = report.detect_seconds.map_or_else(|| "–".to_owned(), |s| unbroken(&words::seconds(s)));
    vec![
        (or_dash(report.accepted), "submissions taken in, each with a receipt"),
        (or_dash(report.lost), "receipts lost"),
        (or_dash(report.doubled), "entered or paid twice"),
        (detect, "from the first encrypted file to the alarm"),
        (
            or_dash(report.recovery_point_submissions),
            "acknowledged submissions younger than the backup, brought back",
        ),
        (report.killed.len().to_string(), "times a process of the product was killed (SIGKILL)"),
    ]
}

fn happening(happening: &crate::story::Happening) -> HappeningRow {
    HappeningRow {
        at: unbroken(&words::seconds(happening.at_s)),
        class: drawing::class(happening.kind),
        sign: drawing::sign(happening.kind),
        text: words::sentence(&happening.text),
    }
}

/// `None` if no business was sent in.
fn curve(report: &Report) -> Option<Curve> {
    let lowest = |of: fn(&crate::curve::Point) -> f64| {
        let lowest = report.curve.points.iter().map(of).fold(1.0_f64, f64::min) * 100.0;
        unbroken(&format!("{lowest:.0} %"))
    };
    (!report.curve.points.is_empty()).then(|| Curve {
        drawing: drawing::served(&report.curve, &report.happenings, report.seconds),
        served: lowest(|point| point.served),
        accepted: lowest(|point| point.accepted),
    })
}

fn act(number: usize, act: &Act) -> ActRow<'_> {
    let seconds = unbroken(&words::seconds(act.seconds));
    let (is_bad, state) = match (act.began_s, act.ok) {
        (None, _) => (true, "not played".to_owned()),
        (Some(_), true) => (false, seconds),
        (Some(_), false) => (true, format!("did not hold · {seconds}")),
    };
    let promises = act.promises.iter().map(|promise| PromiseRow {
        class: if promise.held { "good" } else { "bad" },
        word: if promise.held { "HELD" } else { "BROKEN" },
        text: &promise.text,
        evidence: words::sentence(&promise.evidence),
    });
    ActRow { number, title: act.title, is_bad, state, promises: promises.collect() }
}

fn bar(class: &'static str, words: &'static str, amount: u64, most: u64, value: String) -> Bar {
    Bar { class, words, width: amount.saturating_mul(100) / most.max(1), value }
}

fn prices(report: &Report) -> Option<Prices> {
    let (planned, usual) = (report.planned_insured_hours?, report.usual_insured_hours()?);
    let most = usual.into_iter().fold(planned, u64::max);
    let cheapest = usual.into_iter().fold(u64::MAX, u64::min);
    let words = match cheapest.checked_sub(planned) {
        Some(0) => "On this estate one of the usual orders costs the same: with so few services there is little to reorder."
            .to_owned(),
        Some(more) => format!("The cheapest of the usual orders would have cost {} insured-hours more.", number(more)),
        None => format!(
            "On this estate one of the usual orders would have been cheaper by {} insured-hours: the plan was not the best.",
            number(planned - cheapest)
        ),
    };
    let [fifo, tier, size] = usual;
    let bars = [
        ("", "the plan that was run", planned),
        ("other", "first come, first served", fifo),
        ("other", "tier by tier", tier),
        ("other", "smallest store first", size),
    ]
    .map(|(class, words, hours)| bar(class, words, hours, most, number(hours)));
    Some(Prices { words, bars: bars.into() })
}

/// Plan and reality of the restart, a row for each service.
fn restart(report: &Report) -> Vec<RestartRow<'_>> {
    let planned = report.restart.iter().map(|line| line.planned_s);
    let most = planned.chain(report.restart.iter().filter_map(|line| line.measured_s)).max().unwrap_or(0);
    let shown = |class, words, seconds: u64| {
        bar(class, words, seconds, most, unbroken(&format!("{} s", words::grouped(seconds.into()))))
    };
    report
        .restart
        .iter()
        .map(|line| RestartRow {
            service: &line.service,
            planned: shown("", "planned", line.planned_s),
            measured: line.measured_s.map(|seconds| shown("other", "as it was", seconds)),
        })
        .collect()
}

fn measured(report: &Report) -> Vec<(Html, Html)> {
    let not_measured = || "not measured".to_owned();
    let known = |known: Option<u64>| known.map_or_else(not_measured, number);
    let detect = report
        .detect_seconds
        .map_or_else(not_measured, |s| format!("{s:.2} s after the first encrypted file"));
    let mut rows = vec![
        ("alarm".to_owned(), detect),
        ("files encrypted before the alarm".to_owned(), known(report.files_lost_before_alarm)),
        ("files encrypted when it was stopped".to_owned(), known(report.files_lost)),
        ("insured-hours without an answer of a core, in this run".to_owned(), known(report.insured_hours)),
        (
            "insured-hours without even a receipt, in this run".to_owned(),
            known(report.insured_hours_turned_away),
        ),
        ("killed with SIGKILL".to_owned(), report.killed.join(", ")),
        ("machine".to_owned(), machine(report)),
    ];
    rows.extend(report.versions.iter().cloned());
    rows.extend(
        report.choices.iter().map(|(what, choice)| (format!("chosen by the seed: {what}"), choice.clone())),
    );
    rows.iter().map(|(what, value)| (words::sentence(what), words::sentence(value))).collect()
}

fn machine(report: &Report) -> String {
    let memory = report.machine.memory_mib.map_or_else(String::new, |mib| format!(", {} MiB", number(mib)));
    let cores = counted(report.machine.cores as u128, "core", "cores");
    format!("{}, {cores}{memory}", report.machine.system)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Account, FundLine};
    use crate::report::RestartLine;
    use crate::story::{ACTS, Happening, Kind};

    fn report() -> Report {
        let acts = ACTS
            .iter()
            .enumerate()
            .map(|(number, (name, title))| {
                let mut act = Act::new(name, title);
                act.began_s = Some(f64::from(u32::try_from(number).expect("there are ten acts")) * 8.0);
                act.promise(format!("promise of {name}"), true, format!("seen in {name}"));
                act.end(8.0);
                act
            })
            .collect();
        let mut report = Report {
            seed: 7,
            funds: 1,
            insured: 25_000_000,
            attack: "full".to_owned(),
            seconds: 80.0,
            planned_insured_hours: Some(100),
            first_come_insured_hours: Some(150),
            tier_insured_hours: Some(140),
            size_insured_hours: Some(160),
            ..Report::default()
        };
        report.played(acts);
        report.happenings =
            vec![Happening { at_s: 9.0, text: "the first file is encrypted".to_owned(), kind: Kind::Attack }];
        let weights = [3, 1];
        let answers = [(1000, 0), (1000, 1), (5000, 1)].map(|(at_ms, pair)| crate::curve::Answer {
            at_ms,
            pair,
            how: if at_ms == 5000 { crate::curve::How::Held } else { crate::curve::How::Served },
        });
        report.curve = crate::curve::measure(&weights, &answers, 0, 500);
        let account = Account { accepted: 5, applied: 4, conflict: 1, ..Account::default() };
        let line = FundLine { tenant: "morgenrot".to_owned(), account, receipts: 5, ..FundLine::default() };
        report.account.push(FundReport {
            name: "BKK <Morgenrot>".to_owned(),
            site: "muc".to_owned(),
            insured: 25_000_000,
            line,
        });
        report
    }

    fn assert_whole(html: &str) {
        assert_eq!(page::form::fault(html), None, "{html}");
    }

    #[test]
    fn the_page_is_whole_and_needs_nothing_from_elsewhere() {
        assert_whole(&render(&report()));
    }

    #[test]
    fn hostile_text_in_any_field_stays_text() {
        let hostile = format!(
            "</td><script>x('1')</script>\" onload=\"\u{202e}gnp \u{1b}[2J {}",
            "sehr-lang".repeat(40)
        );
        let mut report = report();
        report.began.clone_from(&hostile);
        report.attack.clone_from(&hostile);
        report.killed = vec![hostile.clone()];
        report.versions = vec![(hostile.clone(), hostile.clone())];
        report.choices = vec![(hostile.clone(), hostile.clone())];
        report.machine.system.clone_from(&hostile);
        report.restart =
            vec![RestartLine { service: hostile.clone(), planned_s: 4000, measured_s: Some(5000) }];
        report.happenings[0].text.clone_from(&hostile);
        report.account[0].name.clone_from(&hostile);
        report.account[0].site.clone_from(&hostile);
        report.account[0].line.disagreements = vec![hostile.clone()];
        let mut acts = std::mem::take(&mut report.acts);
        acts[2].promise(hostile.clone(), false, hostile.clone());
        report.played(acts);
        let html = render(&report);
        assert_whole(&html);
        assert!(!html.contains('\u{202e}') && !html.contains("\" onload"));
    }

    #[test]
    fn the_verdict_stands_before_everything_else_and_every_promise_with_its_evidence() {
        let mut report = report();
        let html = render(&report);
        assert!(html.contains("All 10 promises of all ten acts held."));
        assert!(
            html.find("HELD").expect("there is a verdict") < html.find("<svg").expect("there is a drawing")
        );
        for (name, _) in ACTS {
            assert!(
                html.contains(&format!("promise of {name}")) && html.contains(&format!("seen in {name}"))
            );
        }
        let mut acts = std::mem::take(&mut report.acts);
        acts[3].promises[0].held = false;
        acts[3].end(8.0);
        report.played(acts);
        let html = render(&report);
        assert!(html.contains("DID NOT HOLD") && html.contains("1 of 10 promises did not hold."));
        assert!(html.contains("BROKEN"));
    }

    #[test]
    fn the_account_has_a_row_per_fund_and_a_sum_and_names_are_escaped() {
        let html = render(&report());
        assert!(html.contains("BKK &lt;Morgenrot&gt;</bdi></th>"));
        assert!(html.contains("<tfoot>") && html.contains("25\u{202f}000\u{202f}000"));
    }

    #[test]
    fn the_restart_is_shown_as_planned_and_as_it_was() {
        let line = |service: &str, planned_s, measured_s| RestartLine {
            service: service.to_owned(),
            planned_s,
            measured_s,
        };
        let restart = vec![line("core<muc>", 40, Some(75)), line("mail-muc", 5, None)];
        let html = render(&Report { restart, ..report() });
        assert_whole(&html);
        assert!(html.contains("core&lt;muc&gt;") && html.contains("75\u{202f}s"));
        assert!(html.contains("not known"));
    }

    #[test]
    fn a_run_that_ended_early_still_has_a_page() {
        let html = render(&Report::default());
        assert_whole(&html);
        assert!(html.contains("did not get as far as the account"));
    }
}
