//! The picture of an estate: complete, harmless, the same every time, and without boxes on top of each other.

use super::*;
use crate::{check, layers, map};

fn drawn(text: &str) -> String {
    let reading = read_toml(text);
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
    assert!(svg.matches("class=\"blocking\"").count() >= 2, "the ring is marked at both of its ends");
    for kind in ["hard", "order", "data"] {
        assert!(svg.contains(&format!("<path class=\"{kind}\" marker-end=\"url(#tip)\" d=\"M")), "{kind}");
    }
}

#[test]
fn names_cannot_break_out_of_the_picture() {
    let svg = drawn("provider = \"<script>alert(1)</script>\"\n[service.a]\nname = \"a\\\"/><b>\\u001b\"\n");
    assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains('\u{1b}'));
}

#[test]
fn layers_stand_on_what_they_need_and_rings_do_not_hang() {
    let estate = read_toml("[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.soft = [\"c\"]\n[service.c]\nneeds.hard = [\"a\"]\n[service.d]\nneeds.order = [\"a\", \"nobody\"]\n").estate;
    let layers = layers::of(&estate);
    assert_eq!(layers.left_out.len(), 1);
    let of = |name: &str| layers.of[&format!("service:{name}").parse().unwrap()];
    assert_eq!((of("c"), of("b"), of("a"), of("d")), (0, 1, 2, 3));
    assert_eq!(layers::depth(&estate), 4);
    assert_eq!(layers::depth(&crate::Estate::default()), 0);
}
