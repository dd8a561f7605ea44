//! The report for people: one file that needs nothing else, on a screen or on paper.
//!
//! The verdict stands at the top; everything below it is the evidence, and at the end stands what this run does not
//! prove. Colour never carries a meaning alone.

use crate::drawing;
use crate::report::{FundReport, Report, RestartLine};
use crate::story::Act;

/// The page.
pub fn render(report: &Report) -> String {
    let sections = [
        head(report),
        figures(report),
        timeline(report),
        curve(report),
        promises(&report.acts),
        account(report),
        prices(report),
        restart(report),
        measured(report),
        not_proven(),
        check_yourself(report),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{}</title>\n<style>\n{}</style></head>\n<body>\n{}</body></html>\n",
        escape(&format!("Blackstart drill, seed {}: {}", report.seed, verdict_words(report))),
        include_str!("report.css"),
        sections.concat()
    )
}

/// Text as it may stand in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
        out
    })
}

/// `25,000,000`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn counted(number: Option<u64>) -> String {
    number.map_or_else(|| "not measured".to_owned(), grouped)
}

fn verdict_words(report: &Report) -> &'static str {
    if report.ok { "every promise held" } else { "not every promise held" }
}

fn head(report: &Report) -> String {
    let promises = report.acts.iter().map(|act| act.promises.len()).sum::<usize>();
    let broken = report.acts.iter().map(|act| act.broken().count()).sum::<usize>();
    let unplayed = report.acts.iter().filter(|act| act.began_s.is_none()).count();
    let (class, word, line) = if report.ok {
        ("good", "HELD", format!("All {promises} promises of all ten acts held."))
    } else {
        let missing =
            if unplayed > 0 { format!(" {unplayed} acts could not be played.") } else { String::new() };
        ("bad", "DID NOT HOLD", format!("{broken} of {promises} promises did not hold.{missing}"))
    };
    format!(
        "<header><p class=\"kicker\">Blackstart · report of a drill</p>\n\
         <h1>{} insured, one data centre encrypted: was anybody turned away, was anything lost?</h1>\n\
         <p><span class=\"verdict {class}\">{word}</span> &nbsp;{}</p>\n\
         <p class=\"soft\">A fictional provider that serves {} health funds from two data centres was started on this machine as \
         real processes with real files. Somebody encrypted one data centre. The built <code>blackstart</code> program was run \
         through the incident as an operator would run it, and was killed on the way. This page is written by the drill, \
         which shares no code with the program; what it counts, it counted itself.</p>\n\
         <p class=\"soft\">{} · seed {} · attack pattern “{}” · {:.0} seconds</p></header>\n",
        grouped(report.insured),
        escape(&line),
        report.funds,
        escape(&report.began),
        report.seed,
        escape(&report.attack),
        report.seconds
    )
}

fn figures(report: &Report) -> String {
    let detect = report.detect_seconds.map_or_else(|| "–".to_owned(), |seconds| format!("{seconds:.1} s"));
    let or_dash = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), grouped);
    let figures = [
        (or_dash(report.accepted), "submissions taken in, each with a receipt"),
        (or_dash(report.lost), "receipts lost"),
        (or_dash(report.doubled), "entered or paid twice"),
        (detect, "from the first encrypted file to the alarm"),
        (
            or_dash(report.recovery_point_submissions),
            "acknowledged submissions younger than the backup, brought back",
        ),
        (report.killed.len().to_string(), "times a process of the product was killed (SIGKILL)"),
    ];
    let cells: String = figures
        .iter()
        .map(|(number, what)| format!("<div><b>{}</b><span>{what}</span></div>", escape(number)))
        .collect();
    format!("<section class=\"figures\">{cells}</section>\n")
}

fn timeline(report: &Report) -> String {
    let entries: String = report
        .happenings
        .iter()
        .map(|happening| {
            format!(
                "<li><b>{:.1} s</b><i class=\"{}\">{}</i><span>{}</span></li>\n",
                happening.at_s,
                if matches!(drawing::class(happening.kind), "attack" | "kill") { "bad" } else { "soft" },
                drawing::sign(happening.kind),
                escape(&happening.text)
            )
        })
        .collect();
    format!(
        "<section><h2>What happened, and when</h2>\n<figure>{}<figcaption>Ten acts on one time axis. ▼ the attacker, \
         ◆ an alarm, ✕ a kill, ● a step of people or product; all are listed below.</figcaption></figure>\n<ol class=\"when\">{entries}</ol></section>\n",
        drawing::timeline(&report.acts, &report.happenings, report.seconds)
    )
}

fn curve(report: &Report) -> String {
    if report.curve.points.is_empty() {
        return "<section><h2>Who was served</h2><p>Nothing was measured: no business was sent in.</p></section>\n"
            .to_owned();
    }
    let lowest = |of: fn(&crate::curve::Point) -> f64| {
        report.curve.points.iter().map(of).fold(1.0_f64, f64::min) * 100.0
    };
    format!(
        "<section><h2>Who was served</h2>\n<p>Measured from the answers that senders got: for every fund and operation the \
         last answer counts until the next one, weighed with insured × urgency. At the lowest point {:.0} % were answered by \
         a core; {:.0} % were at least taken in with a receipt.</p>\n<figure>{}<figcaption><span class=\"swatch\"></span>answered by a core \
         &nbsp; <span class=\"swatch held\"></span>core gone: accepted by the bridge, sealed, on disk, with a receipt, entered \
         later. White below 100 % would be people turned away.</figcaption></figure></section>\n",
        lowest(|point| point.served),
        lowest(|point| point.accepted),
        drawing::served(&report.curve, &report.happenings, report.seconds)
    )
}

fn promises(acts: &[Act]) -> String {
    let act = |(number, act): (usize, &Act)| {
        let state = match (act.began_s, act.ok) {
            (None, _) => "<span class=\"bad\">not played</span>".to_owned(),
            (Some(_), true) => format!("<span class=\"soft\">{:.1} s</span>", act.seconds),
            (Some(_), false) => format!("<span class=\"bad\">did not hold · {:.1} s</span>", act.seconds),
        };
        let promises: String = act
            .promises
            .iter()
            .map(|promise| {
                let (class, word) = if promise.held { ("good", "HELD") } else { ("bad", "BROKEN") };
                format!(
                    "<li><b class=\"{class}\">{word}</b><div>{}<div class=\"evidence\">{}</div></div></li>\n",
                    escape(&promise.text),
                    escape(&promise.evidence)
                )
            })
            .collect();
        format!(
            "<h3>{}. {} &nbsp;{state}</h3>\n<ul class=\"promises\">{promises}</ul>\n",
            number + 1,
            escape(act.title)
        )
    };
    let all: String = acts.iter().enumerate().map(act).collect();
    format!("<section><h2>What was promised, and what was seen</h2>\n{all}</section>\n")
}

fn account(report: &Report) -> String {
    if report.account.is_empty() {
        return "<section><h2>The account, fund by fund</h2><p>The run did not get as far as the account.</p></section>\n"
            .to_owned();
    }
    let rows: String = report.account.iter().map(account_row).collect();
    let sum = |of: fn(&FundReport) -> u64| grouped(report.account.iter().map(of).sum());
    let disagreements = report.account.iter().map(|fund| fund.line.disagreements.len()).sum::<usize>();
    format!(
        "<section><h2>The account, fund by fund</h2>\n<p>Accepted must be applied + already there + conflict + refused + \
         pending, and must be the number of receipts that senders hold. “In a core” and “on a list” are read by the drill \
         from the practice databases and the funds' own lists, not from the bridge.</p>\n<div class=\"wide\"><table>\
         <thead><tr><th>fund</th><th class=\"left\">site</th><th>insured</th><th>receipts held by senders</th><th>accepted</th>\
         <th>applied</th><th>already there</th><th>conflict</th><th>refused</th><th>pending</th><th>in a core</th>\
         <th>on a list</th><th>lost</th><th>doubled</th><th>sum</th></tr></thead>\n<tbody>{rows}</tbody>\n<tfoot><tr>\
         <td>all</td><td></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr></tfoot></table></div></section>\n",
        sum(|fund| fund.insured),
        sum(|fund| fund.line.receipts),
        sum(|fund| fund.line.account.accepted),
        sum(|fund| fund.line.account.applied),
        sum(|fund| fund.line.account.already_there),
        sum(|fund| fund.line.account.conflict),
        sum(|fund| fund.line.account.refused),
        sum(|fund| fund.line.account.pending),
        sum(|fund| fund.line.in_core),
        sum(|fund| fund.line.on_list),
        sum(|fund| fund.line.lost),
        sum(|fund| fund.line.doubled),
        if disagreements == 0 { "right".to_owned() } else { format!("{disagreements} wrong") }
    )
}

fn account_row(fund: &FundReport) -> String {
    let (line, account) = (&fund.line, &fund.line.account);
    let numbers = [
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
    ];
    let numbers: String = numbers.iter().map(|number| format!("<td>{}</td>", grouped(*number))).collect();
    let sum = if line.disagreements.is_empty() {
        "<td class=\"good\">right</td>".to_owned()
    } else {
        format!("<td class=\"bad\">{}</td>", escape(&line.disagreements.join("; ")))
    };
    format!(
        "<tr><td>{}</td><td class=\"left\">{}</td>{numbers}{sum}</tr>\n",
        escape(&fund.name),
        escape(&fund.site)
    )
}

fn prices(report: &Report) -> String {
    let (Some(planned), Some(usual)) = (report.planned_insured_hours, report.usual_insured_hours()) else {
        return String::new();
    };
    let most = usual.into_iter().fold(planned, u64::max).max(1);
    let bar = |class: &str, words: &str, hours: u64| {
        format!(
            "<span>{words}</span><i class=\"{class}\" style=\"width:{}%\"></i><b>{}</b>",
            hours.saturating_mul(100) / most,
            grouped(hours)
        )
    };
    let cheapest = usual.into_iter().fold(u64::MAX, u64::min);
    let words = match cheapest.checked_sub(planned) {
        Some(0) => "On this estate one of the usual orders costs the same: with so few services there is little to reorder."
            .to_owned(),
        Some(more) => format!("The cheapest of the usual orders would have cost {} insured-hours more.", grouped(more)),
        None => format!(
            "On this estate one of the usual orders would have been cheaper by {} insured-hours: the plan was not the best.",
            grouped(planned - cheapest)
        ),
    };
    let [fifo, tier, size] = usual;
    format!(
        "<section><h2>What the order of restart costs</h2>\n<p>Insured-hours are insured people × urgency × hours without a \
         service: the price of everything. All numbers are computed by the planner from the estate's restore times, so \
         they compare orders with each other and not with this run's minutes. {words}</p>\n<div class=\"price\">{}{}{}{}</div></section>\n",
        bar("", "the plan that was run", planned),
        bar("other", "first come, first served", fifo),
        bar("other", "tier by tier", tier),
        bar("other", "smallest store first", size)
    )
}

/// Plan and reality of the restart, a row for each service.
fn restart(report: &Report) -> String {
    if report.restart.is_empty() {
        return String::new();
    }
    let last = |of: fn(&RestartLine) -> u64| report.restart.iter().map(of).max().unwrap_or(0);
    let most = last(|line| line.planned_s).max(last(|line| line.measured_s.unwrap_or(0))).max(1);
    let bar = |class: &str, seconds: u64| {
        format!(
            "<i class=\"{class}\" style=\"width:{}%\"></i><b>{} s</b>",
            seconds.saturating_mul(100) / most,
            grouped(seconds)
        )
    };
    let rows: String = report
        .restart
        .iter()
        .map(|line| {
            let measured = line
                .measured_s
                .map_or_else(|| "<i></i><b>not known</b>".to_owned(), |seconds| bar("other", seconds));
            format!(
                "<span>{}, planned</span>{}<span class=\"soft\">as it was</span>{measured}",
                escape(&line.service),
                bar("", line.planned_s)
            )
        })
        .collect();
    let gap = report.plan_gap.map_or_else(String::new, |gap| {
        format!(" No plan could have cost less than this one by more than {:.1} %.", gap * 100.0)
    });
    format!(
        "<section><h2>The restart, as planned and as it was</h2>\n<p>Seconds from the first run of the plan until each \
         service had passed its gate; reality from the journal. Two kills, a failed gate and its repair are in it, so it \
         is longer where they hit.{gap}</p>\n<div class=\"price\">{rows}</div></section>\n"
    )
}

fn measured(report: &Report) -> String {
    let detect = report
        .detect_seconds
        .map_or_else(|| "not measured".to_owned(), |s| format!("{s:.2} s after the first encrypted file"));
    let mut rows = vec![
        ("alarm".to_owned(), detect),
        ("files encrypted before the alarm".to_owned(), counted(report.files_lost_before_alarm)),
        ("files encrypted when it was stopped".to_owned(), counted(report.files_lost)),
        ("insured-hours without an answer of a core, in this run".to_owned(), counted(report.insured_hours)),
        (
            "insured-hours without even a receipt, in this run".to_owned(),
            counted(report.insured_hours_turned_away),
        ),
        ("killed with SIGKILL".to_owned(), report.killed.join(", ")),
        ("machine".to_owned(), machine(report)),
    ];
    rows.extend(report.versions.iter().cloned());
    rows.extend(
        report.choices.iter().map(|(what, choice)| (format!("chosen by the seed: {what}"), choice.clone())),
    );
    let rows: String = rows
        .iter()
        .map(|(what, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escape(what), escape(value)))
        .collect();
    format!("<section><h2>What was measured, and on what</h2>\n<dl>{rows}</dl></section>\n")
}

fn machine(report: &Report) -> String {
    let memory = report.machine.memory_mib.map_or_else(String::new, |mib| format!(", {} MiB", grouped(mib)));
    format!("{}, {} cores{memory}", report.machine.system, report.machine.cores)
}

fn not_proven() -> String {
    let gaps = [
        "Both data centres, the bridge and the funds ran on one machine and one disk. A network that loses packets, clocks \
         that differ and a disk that lies about having written were not part of it.",
        "SIGKILL ends a process, not a machine: what the kernel had taken was still there. Power cuts are simulated in the \
         tests of the journal, not here.",
        "One attacker, one pattern, one site, minutes instead of weeks. An attacker who waits, poisons backups slowly or \
         turns against Blackstart itself was not played.",
        "The services are small stand-ins with some thousand documents. Times and insured-hours of this run say \
         nothing about the times of a real data centre.",
        "The estate was written by hand and complete. In 2023 nobody had such a list; that is a problem of its own.",
        "People were not part of it: approvals were given by the drill at once, and nobody was tired.",
    ];
    let items: String = gaps.iter().map(|gap| format!("<li>{gap}</li>\n")).collect();
    format!("<section><h2>What this run does not prove</h2>\n<ul>{items}</ul></section>\n")
}

fn check_yourself(report: &Report) -> String {
    format!(
        "<section><h2>Check it yourself</h2>\n<p>Beside this page lie <code>report.json</code>, the incident journal, the \
         journal of the bridge and their public keys. The signing keys are gone with the run.</p>\n<pre><code>blackstart \
         journal verify incident\nblackstart journal verify bridge-journal\nblackstart journal show incident\nblackstart status \
         incident\ncargo drill --seed {} --funds {} --attack {}     # the same choices again</code></pre></section>\n",
        report.seed,
        report.funds,
        escape(&report.attack)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{Account, FundLine};
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

    /// Every opened element is closed, in order.
    fn assert_well_formed(html: &str) {
        let mut open: Vec<String> = Vec::new();
        for part in html.split('<').skip(1) {
            let tag = part.split('>').next().expect("split gives at least one part");
            if tag.starts_with('!') || tag.ends_with('/') {
                continue;
            }
            let name: String = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap_or("").to_owned();
            if tag.starts_with('/') {
                assert_eq!(open.pop().as_deref(), Some(name.as_str()), "in {open:?}");
            } else if name != "meta" {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "left open: {open:?}");
    }

    #[test]
    fn the_page_is_well_formed_and_needs_nothing_from_elsewhere() {
        let html = render(&report());
        assert_well_formed(&html);
        for from_elsewhere in ["http://", "https://", "<script", "<link", "<img", "url(", "@import"] {
            assert!(!html.contains(from_elsewhere), "{from_elsewhere} is in the page");
        }
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
        assert!(html.contains("<td>BKK &lt;Morgenrot&gt;</td>"));
        assert!(html.contains("<tfoot>") && html.contains("25,000,000"));
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
        assert_well_formed(&html);
        assert!(html.contains("core&lt;muc&gt;, planned") && html.contains("<b>75 s</b>"));
        assert!(html.contains("not known"));
    }

    #[test]
    fn a_run_that_ended_early_still_has_a_page() {
        let html = render(&Report::default());
        assert_well_formed(&html);
        assert!(html.contains("did not get as far as the account"));
    }

    #[test]
    fn numbers_are_grouped() {
        let shown: Vec<String> = [0, 999, 1000, 25_000_000].into_iter().map(grouped).collect();
        assert_eq!(shown, ["0", "999", "1,000", "25,000,000"]);
    }
}
