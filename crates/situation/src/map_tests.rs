//! The picture of an estate: complete, harmless, the same every time, and without boxes on top of each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use crate::map;
use estate::check;

/// The picture of an estate in a folder of its own.
fn drawn(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("estate.toml"), text).unwrap();
    let reading = estate::read(folder.path()).unwrap();
    map::svg(&reading.estate, &check::judge(&reading))
}

/// Upper left corners of all boxes.
fn boxes(svg: &str) -> Vec<(i64, i64)> {
    let number = |text: &str, name: &str| -> i64 {
        let at = text.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        text[at..].split('"').next().unwrap().parse().unwrap()
    };
    svg.split("<g><title>")
        .skip(1)
        .map(|node| &node[node.find("<rect").unwrap()..])
        .map(|rect| (number(rect, "x"), number(rect, "y")))
        .collect()
}

#[test]
fn every_thing_is_drawn_once_and_nothing_overlaps() {
    let mut text = String::from("[site.n]\n[site.s]\n");
    for at in 0..70 {
        let site = if at % 3 == 0 { "n" } else { "s" };
        text.push_str(&format!("[service.s{at}]\nsite = \"{site}\"\n"));
        if at > 20 {
            text.push_str(&format!(
                "needs.hard = [\"s{}\"]\nneeds.soft = [\"s{}\"]\n",
                at % 20,
                (at * 7) % 20
            ));
        }
    }
    let svg = drawn(&text);
    let boxes = boxes(&svg);
    assert_eq!(boxes.len(), 70);
    for (at, (x, y)) in boxes.iter().enumerate() {
        for (other_x, other_y) in &boxes[at + 1..] {
            assert!(
                (x - other_x).abs() >= 168 || (y - other_y).abs() >= 30,
                "boxes at {x},{y} and {other_x},{other_y}"
            );
        }
    }
    assert!(svg.contains("site:n") && svg.contains("site:s"));
    assert_eq!(svg, drawn(&text), "the same estate gives the same bytes");
}

#[test]
fn kinds_differ_by_their_line_and_findings_are_marked() {
    let svg = drawn(
        "[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.hard = [\"a\"]\nneeds.order = [\"c\"]\n[service.c]\nneeds.data = [\"store:d\"]\n[store.d]\n",
    );
    assert!(svg.matches("fill-bad blocking\"").count() >= 2, "the ring is marked at both of its ends");
    for kind in ["hard", "order", "data"] {
        assert!(svg.contains(&format!("class=\"edge {kind}\" marker-end=\"url(#tip)\"><title>")), "{kind}");
    }
}

#[test]
fn names_cannot_break_out_of_the_picture() {
    let svg = drawn("provider = \"<script>alert(1)</script>\"\n[service.a]\nname = \"a\\\"/><b>\\u001b\"\n");
    assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains('\u{1b}'));
}
