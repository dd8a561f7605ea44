//! The escape, the words, the drawings, and the style sheet's promises.

use crate::drawing::{Drawing, Path, Shape, stairs};
use crate::words::{self, State};
use crate::{Colour, Html, Page, Style, filled, filters, form, sheet};

const HOSTILE: &str = "</title><script>alert('1')</script>\" onload=\"x\u{202e}gnp.exe\u{1b}[2J & ä";

#[derive(askama::Template)]
#[template(source = "<p title=\"{{ text }}\">{{ text }} {{ known|html }}</p>", ext = "html")]
struct Sample<'a> {
    text: &'a str,
    known: Html,
}

fn assert_harmless(html: &str) {
    for part in ["<script", "</title><", "\" onload", "\u{202e}", "\u{1b}"] {
        assert!(!html.contains(part), "{part:?} is in {html}");
    }
    assert!(html.contains("&lt;script&gt;") && html.contains("\\u{202e}gnp.exe"), "{html}");
}

#[test]
fn a_template_escapes_every_value_and_takes_html_as_it_is() {
    let html = filled(&Sample { text: HOSTILE, known: words::hash("abc") });
    assert_harmless(html.as_str());
    assert!(html.as_str().contains("<code class=\"hash\"><span>abc</span>"), "{html}");
}

#[test]
fn a_drawing_escapes_every_text_title_and_name() {
    let mut drawing = Drawing::new("one", (100.0, 50.0), HOSTILE, HOSTILE);
    drawing.hatched();
    drawing.arrows();
    drawing.add(Shape::text((1.0, 2.25), HOSTILE).class(HOSTILE).title(HOSTILE));
    let path = Path::from((0.0, 0.0)).bend((1.0, 1.0), (2.0, 2.0), (3.04, -0.01));
    drawing.add(Shape::group(vec![Shape::path(&path).arrow(), Shape::circle((1.0, 1.0), 2.0)]));
    assert_harmless(drawing.drawn().as_str());
    assert_harmless(&drawing.file());
    assert!(drawing.file().contains("d=\"M0 0C1 1 2 2 3 0\""), "{}", drawing.file());
}

#[test]
fn a_page_is_complete_and_forbids_the_browser_everything_else() {
    let body = Html::escaped(HOSTILE);
    for style in [Style::Text, Style::TextAndDrawings] {
        let page = Page { language: "en", title: HOSTILE, style, body: &body }.written();
        assert_harmless(&page);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{}", &page[..80]);
        assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
        assert_eq!(form::fault(&page).as_deref(), Some("its headings are []"), "and nothing else is wrong");
        assert!(!page.contains("animation") && !page.contains("transition"), "nothing moves");
    }
}

#[test]
fn only_a_colour_is_taken_as_a_colour() {
    assert!(["#abc", "#00FF7f"].iter().all(|text| Colour::read(text).is_some()));
    for text in ["", "red", "#12", "#12345", "#1234567", "#ggg", "#abc;}</style>", "abc"] {
        assert_eq!(Colour::read(text), None, "{text}");
    }
}

#[test]
fn numbers_stand_in_groups_of_three_and_do_not_break_on_a_page() {
    let shown: Vec<String> = [0, 999, 1000, 25_000_000].into_iter().map(words::grouped).collect();
    assert_eq!(shown, ["0", "999", "1 000", "25 000 000"]);
    assert_eq!(words::number(25_000_000_u64), "25\u{202f}000\u{202f}000");
    assert_eq!(words::counted(1_u64, "file", "files"), "1 file");
    assert_eq!(words::counted(0_u64, "file", "files"), "0 files");
    assert_eq!(words::counted(2000_u64, "file", "files"), "2 000 files");
    assert_eq!(words::percent(words::share(1, 3)), "33.3 %");
    assert_eq!(words::share(0, 0), 1000, "of nothing everything");
}

#[test]
fn durations_and_moments_are_written_one_way() {
    assert_eq!(
        [0, 59, 3600, 359_999, 360_000].map(words::clock).join(" "),
        "0:00:00 0:00:59 1:00:00 99:59:59 4 d 04:00:00"
    );
    assert_eq!([0, 330, 360, 5400].map(words::short_clock).join(" "), "0:00 0:05:30 0:06 1:30");
    assert_eq!(words::hours(5_400_000_000), "1 500 000.0");
    assert_eq!(words::seconds(0.25), "0.2 s");
    assert_eq!(words::utc(1_682_373_600_000), "2023-04-24 22:00 UTC");
    assert_eq!(words::utc(951_782_399_999), "2000-02-28 23:59 UTC");
    assert_eq!(words::utc(951_782_400_000), "2000-02-29 00:00 UTC");
    assert_eq!(words::utc(-1), "1969-12-31 23:59 UTC");
    assert_eq!(words::utc(4_107_542_400_000), "2100-03-01 00:00 UTC");
    for ms in [i64::MIN, i64::MAX] {
        assert_eq!(words::utc(ms), format!("{ms} ms"));
    }
}

#[test]
fn marks_of_identity_break_only_where_it_does_not_hurt() {
    assert_eq!(
        words::hash("0123456789abcdef01").as_str(),
        "<code class=\"hash\"><span>0123456789abcdef</span><wbr><span>01</span><wbr></code>"
    );
    assert_eq!(words::id("store:a-b").as_str(), "<span class=\"id\">store:<wbr>a-<wbr>b<wbr></span>");
    assert_eq!(
        words::moment("2023-04-24T22:00:07Z").as_str(),
        "<time datetime=\"2023-04-24T22:00:07Z\">2023-04-24</time> <time>22:00:07 UTC</time>"
    );
    let with_fraction = words::moment("2023-04-24T22:00:07.123+02:00");
    assert!(with_fraction.as_str().ends_with("<time>22:00:07+02:00</time>"), "{with_fraction}");
    assert_eq!(words::moment("Tuesday <b>").as_str(), "Tuesday &lt;b&gt;");
    assert_eq!(
        words::sentence("judge store:a-b now --yes").as_str(),
        "judge <span class=\"w\">store:a-b</span> now <span class=\"w\">--yes</span>"
    );
    assert_eq!(words::sentence(&"a-".repeat(99)).as_str(), "a-".repeat(99), "it would not fit on a phone");
    for written in [words::hash, words::id, words::moment, words::sentence].map(|write| write(HOSTILE)) {
        let whole = written.as_str().replace("<wbr>", "").replace("</span><span>", "");
        assert_harmless(&whole);
    }
}

#[test]
fn a_long_name_keeps_its_beginning_and_its_end() {
    assert_eq!(words::shortened("core-muc", 8), "core-muc");
    assert_eq!(words::shortened("archive of documents, Munich", 12), "archiv…unich");
    assert_eq!(words::shortened("äöü", 0), "…");
}

#[test]
fn a_state_is_a_sign_of_its_own_and_not_known_is_not_good() {
    let signs: std::collections::BTreeSet<&str> =
        [State::Good, State::Otherwise, State::Bad, State::Unknown].map(State::sign).into();
    assert_eq!(signs.len(), 4);
    assert_ne!(State::Unknown.class(), State::Good.class());
}

#[test]
fn a_value_holds_until_the_next_one() {
    assert_eq!(stairs(&[(0.0, 1.0), (2.0, 5.0)]), [(0.0, 1.0), (2.0, 1.0), (2.0, 5.0)]);
    assert!(stairs(&[]).is_empty());
}

/// The colours of a scheme by name, later blocks over earlier ones.
fn scheme(blocks: usize) -> std::collections::BTreeMap<String, [f64; 3]> {
    let mut colours = std::collections::BTreeMap::new();
    for block in sheet::COLOURS.split(":root{").skip(1).take(blocks) {
        let block = block.split('}').next().unwrap_or_default();
        for (name, value) in block.split(';').filter_map(|rule| rule.trim().split_once(":#")) {
            let long = if value.len() == 3 {
                value.chars().flat_map(|digit| [digit, digit]).collect()
            } else {
                value.to_owned()
            };
            let part = |at: usize| f64::from(u8::from_str_radix(&long[at..at + 2], 16).expect("a colour"));
            colours.insert(name.to_owned(), [part(0), part(2), part(4)]);
        }
    }
    colours
}

/// As WCAG 2.2 defines it.
fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let light = |colour: [f64; 3]| {
        let [red, green, blue] = colour.map(|part| {
            let part = part / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_stands_out_from_what_it_is_written_on_in_light_dark_and_print() {
    let mut pairs = vec![("--on-bad", "--tint-bad"), ("--ink", "--panel"), ("--soft", "--panel")];
    pairs.extend(["--ink", "--soft", "--link", "--good", "--bad", "--warn"].map(|text| (text, "--paper")));
    pairs.extend(
        ["--tint-good", "--tint-warm", "--tint-warn", "--tint-cold", "--tint-none"]
            .map(|tint| ("--ink", tint)),
    );
    for (name, blocks) in [("light", 1), ("dark", 2), ("print", 3)] {
        let colours = scheme(blocks);
        for (text, ground) in &pairs {
            let seen = contrast(colours[*text], colours[*ground]);
            assert!(seen >= 4.5, "{name}: {text} on {ground} is {seen:.2}");
        }
        // What is drawn needs less than what is read.
        for line in ["--deep", "--warm", "--bad"] {
            let seen = contrast(colours[line], colours["--paper"]);
            assert!(seen >= 3.0, "{name}: {line} on --paper is {seen:.2}");
        }
    }
}

#[test]
fn a_page_that_is_torn_or_needs_something_else_is_seen() {
    assert_eq!(form::fault("<h1>a</h1><p>b<br></p><h2>c</h2>"), None);
    for (html, wrong) in [
        ("<h1>a</h1><p>", "<p> is never closed"),
        ("<h1>a</h1><p></b>", "</b> where Some(\"p\") is open"),
        ("<h1>a</h1><h3>b</h3>", "its headings are [1, 3]"),
        ("<h2>a</h2>", "its headings are [2]"),
        ("<h1><script></script></h1>", "it holds <script"),
        ("<h1>\u{1b}</h1>", "it holds the control character \\u{1b}"),
    ] {
        assert_eq!(form::fault(html).as_deref(), Some(wrong), "{html}");
    }
}
