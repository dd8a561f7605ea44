//! The estate as one picture: who depends on whom, what stands alone, what is wrong where.
//!
//! It stands here and not in `estate`, because that knows nothing of pages: the model is read by everybody, the picture by
//! people who have to decide.
//!
//! Layered: whatever needs nothing lies at the bottom, its dependents above. Within a layer things are ordered so that
//! few lines cross (each goes to the middle of its neighbours, a few times up and down). Sites are frames side by
//! side. Kinds of dependencies differ by the line, not only by colour, because it is printed. Self-contained SVG
//! without script; the same estate gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use estate::finding::{Finding, Grade};
use estate::layers::{self, Layers};
use estate::model::{EdgeKind, Estate};
use estate::{Id, Kind};
use page::drawing::{Drawing, Path, Point, Shape};
use page::words::{counted, shortened};

const BOX_WIDTH: i64 = 168;
const BOX_HEIGHT: i64 = 30;
const GAP: i64 = 16;
/// Between the rows of one layer, and between layers.
const ROW_GAP: i64 = 14;
const LAYER_GAP: i64 = 64;
const MARGIN: i64 = 24;
const FRAME: i64 = 18;
/// Boxes side by side in one frame; a fuller layer goes on in a further row.
const COLUMNS_MAX: usize = 9;
/// Letters that fit into a box.
const LETTERS_MAX: usize = 24;
const SWEEPS: usize = 12;

/// The picture, as a file of its own. Findings are marked at the things they are about.
pub fn svg(estate: &Estate, findings: &[Finding]) -> String {
    let plan = lay_out(estate);
    let title = title(estate);
    let about = "Services, stores and outside parties in layers: an arrow leads from what depends to what it depends on, \
                 down. Every box and every arrow says in words what it is.";
    let mut drawing = Drawing::new("map", at(plan.width, plan.height), &title, about);
    drawing.arrows();
    drawing.add(Shape::text(at(MARGIN, 34), title).class("large"));
    for Frame { x, y, width, height, label } in &plan.frames {
        drawing.add(Shape::rect(at(*x, *y), at(*width, *height)).class("frame"));
        drawing.add(Shape::text(at(x + 8, y + 14), label.as_str()).class("dim"));
    }
    edges(&mut drawing, estate, &plan);
    let marks = marks(findings);
    for (id, (x, y)) in &plan.places {
        node(&mut drawing, estate, id, (*x, *y), marks.get(id));
    }
    legend(&mut drawing, plan.legend_y);
    drawing.file()
}

/// Places are whole numbers, so that the same estate gives the same picture everywhere.
fn at(x: i64, y: i64) -> Point {
    (x as f64, y as f64)
}

fn title(estate: &Estate) -> String {
    let name = if estate.provider.is_empty() { "Estate" } else { &estate.provider };
    let (services, stores, edges) = (estate.services.len(), estate.stores.len(), estate.edges.len());
    format!(
        "{name}: {}, {}, {}",
        counted(services as u128, "service", "services"),
        counted(stores as u128, "store", "stores"),
        counted(edges as u128, "dependency", "dependencies")
    )
}

struct Frame {
    x: i64,
    y: i64,
    width: i64,
    height: i64,
    label: String,
}

/// Where everything lies.
struct Layout {
    places: BTreeMap<Id, (i64, i64)>,
    frames: Vec<Frame>,
    width: i64,
    height: i64,
    legend_y: i64,
}

fn lay_out(estate: &Estate) -> Layout {
    let layers = layers::of(estate);
    let ends: BTreeSet<&Id> = estate.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).collect();
    let (joined, alone): (Vec<&Id>, Vec<&Id>) = layers.of.keys().partition(|id| ends.contains(*id));
    let mut sites: BTreeMap<Option<&Id>, Vec<&Id>> = BTreeMap::new();
    for id in joined {
        sites.entry(site(estate, id)).or_default().push(id);
    }
    let order = ordered(estate, &layers);
    let highest = layers.of.values().max().copied().unwrap_or(0);
    let rows: BTreeMap<Option<&Id>, Vec<Vec<Id>>> =
        sites.into_iter().map(|(site, members)| (site, rows(&members, &layers, &order, highest))).collect();
    // Rows of a layer are as many as its fullest site needs, so that layers are level over all sites.
    let rows_of =
        |layer: usize| rows.values().map(|rows| rows[layer].len().div_ceil(COLUMNS_MAX)).max().unwrap_or(0);
    let top = 60 + FRAME;
    let mut layer_y: Vec<i64> = vec![0; highest + 1];
    let mut y = top;
    for layer in (0..=highest).rev() {
        layer_y[layer] = y;
        let rows = i64::try_from(rows_of(layer)).unwrap_or(0);
        if rows > 0 {
            y += rows * BOX_HEIGHT + (rows - 1) * ROW_GAP + LAYER_GAP;
        }
    }
    let bottom = if rows.is_empty() { top } else { y - LAYER_GAP + FRAME };
    let mut layout = Layout { places: BTreeMap::new(), frames: Vec::new(), width: 0, height: 0, legend_y: 0 };
    let mut x = MARGIN;
    let several = rows.len() > 1;
    for (site, rows) in &rows {
        let columns = rows.iter().map(|row| row.len().min(COLUMNS_MAX)).max().unwrap_or(1);
        let width = span(columns) + 2 * FRAME;
        for (row, layer_y) in rows.iter().zip(&layer_y) {
            for (at, chunk) in row.chunks(COLUMNS_MAX).enumerate() {
                let left = x + (width - span(chunk.len())) / 2;
                let at = i64::try_from(at).unwrap_or(0);
                place(&mut layout, chunk, left, layer_y + at * (BOX_HEIGHT + ROW_GAP));
            }
        }
        if several || site.is_some() {
            let label = site.map_or_else(|| "no site".to_owned(), Id::to_string);
            layout.frames.push(Frame {
                x,
                y: top - FRAME - 4,
                width,
                height: bottom - top + FRAME + 4,
                label,
            });
        }
        x += width + GAP;
    }
    let right = alone_below(&mut layout, &alone, bottom + GAP);
    layout.width = x.max(right).max(900) - GAP + MARGIN;
    layout.height = layout.legend_y + 96;
    layout
}

/// The members of each layer in their order, lowest layer first.
fn rows(members: &[&Id], layers: &Layers, order: &BTreeMap<Id, usize>, highest: usize) -> Vec<Vec<Id>> {
    let mut rows: Vec<Vec<Id>> = vec![Vec::new(); highest + 1];
    for id in members {
        rows[layers.of[*id]].push((*id).clone());
    }
    for row in &mut rows {
        row.sort_by(|a, b| (order[a], a).cmp(&(order[b], b)));
    }
    rows
}

/// What stands alone, in a frame of its own below. Returns its right edge.
fn alone_below(layout: &mut Layout, alone: &[&Id], y: i64) -> i64 {
    layout.legend_y = y + 10;
    if alone.is_empty() {
        return 0;
    }
    let width = span(alone.len().min(COLUMNS_MAX)) + 2 * FRAME;
    let mut row_y = y + FRAME + 8;
    for chunk in alone.chunks(COLUMNS_MAX) {
        let ids: Vec<Id> = chunk.iter().copied().cloned().collect();
        place(layout, &ids, MARGIN + FRAME, row_y);
        row_y += BOX_HEIGHT + ROW_GAP;
    }
    let label = format!("no known dependency: {}", alone.len());
    layout.frames.push(Frame { x: MARGIN, y, width, height: row_y - y + 4, label });
    layout.legend_y = row_y + 24;
    MARGIN + width + GAP
}

fn span(boxes: usize) -> i64 {
    let boxes = i64::try_from(boxes).unwrap_or(0);
    (boxes * (BOX_WIDTH + GAP) - GAP).max(BOX_WIDTH)
}

fn place(layout: &mut Layout, ids: &[Id], left: i64, y: i64) {
    let mut x = left;
    for id in ids {
        layout.places.insert(id.clone(), (x, y));
        x += BOX_WIDTH + GAP;
    }
}

fn site<'e>(estate: &'e Estate, id: &Id) -> Option<&'e Id> {
    match id.kind() {
        Kind::Service => estate.site_of(id),
        Kind::Store => estate.stores.get(id)?.site.as_ref(),
        _ => None,
    }
}

/// A position for everything in its layer: each goes to the mean of its neighbours, layer by layer, down and up.
fn ordered(estate: &Estate, layers: &Layers) -> BTreeMap<Id, usize> {
    let mut neighbours: [BTreeMap<&Id, Vec<&Id>>; 2] = [BTreeMap::new(), BTreeMap::new()];
    for edge in estate.edges.iter().filter(|edge| edge.from != edge.to) {
        if layers.of.contains_key(&edge.from) && layers.of.contains_key(&edge.to) {
            neighbours[0].entry(&edge.from).or_default().push(&edge.to);
            neighbours[1].entry(&edge.to).or_default().push(&edge.from);
        }
    }
    let mut rows: BTreeMap<usize, Vec<&Id>> = BTreeMap::new();
    for (id, layer) in &layers.of {
        rows.entry(*layer).or_default().push(id);
    }
    // Positions are compared as shares of their layer, in millionths: layers are of different lengths.
    let mut position: BTreeMap<&Id, u64> = BTreeMap::new();
    let number = |row: &[&'_ Id]| -> Vec<u64> {
        let count = row.len() as u64;
        (0..count).map(|at| (2 * at + 1) * 500_000 / count.max(1)).collect()
    };
    for row in rows.values() {
        position.extend(row.iter().copied().zip(number(row)));
    }
    for sweep in 0..SWEEPS {
        let side = sweep % 2;
        let keys: Vec<usize> =
            if side == 0 { rows.keys().copied().collect() } else { rows.keys().rev().copied().collect() };
        for layer in keys {
            let Some(row) = rows.get_mut(&layer) else { continue };
            let mean = |id: &Id| -> u64 {
                let near = neighbours[side].get(id).map_or(&[][..], Vec::as_slice);
                let sum: u64 = near.iter().map(|other| position[*other]).sum();
                sum.checked_div(near.len() as u64).unwrap_or(position[id])
            };
            let mut keyed: Vec<(u64, &Id)> = row.iter().map(|id| (mean(id), *id)).collect();
            keyed.sort();
            *row = keyed.into_iter().map(|(_, id)| id).collect();
            let numbers = number(row);
            position.extend(row.iter().copied().zip(numbers));
        }
    }
    rows.values().flat_map(|row| row.iter().enumerate().map(|(at, id)| ((*id).clone(), at))).collect()
}

/// How a kind of dependency is called in the style sheet.
fn class(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Hard => "edge hard",
        EdgeKind::Soft => "edge lenient",
        EdgeKind::StartOnly => "edge start-only",
        EdgeKind::Data => "edge data",
        EdgeKind::Order => "edge order",
    }
}

fn edges(drawing: &mut Drawing, estate: &Estate, layout: &Layout) {
    for edge in &estate.edges {
        let (Some((x1, y1)), Some((x2, y2))) = (layout.places.get(&edge.from), layout.places.get(&edge.to))
        else {
            continue;
        };
        let down = y2 > y1;
        let (x1, x2) = (x1 + BOX_WIDTH / 2, x2 + BOX_WIDTH / 2);
        let (y1, y2) = if down { (y1 + BOX_HEIGHT, *y2) } else { (*y1, y2 + BOX_HEIGHT) };
        let bend = ((y2 - y1).abs() / 2).max(20) * if down { 1 } else { -1 };
        let guess = if edge.confidence < 1000 { " guess" } else { "" };
        let path = Path::from(at(x1, y1)).bend(at(x1, y1 + bend), at(x2, y2 - bend), at(x2, y2));
        let line = Shape::path(&path).class(format!("{}{guess}", class(edge.kind))).arrow();
        drawing.add(line.title(format!("{} needs {} ({})", edge.from, edge.to, edge.kind.word())));
    }
}

/// The worst grade about each thing, with the codes.
fn marks(findings: &[Finding]) -> BTreeMap<&Id, (Grade, BTreeSet<&'static str>)> {
    let mut marks: BTreeMap<&Id, (Grade, BTreeSet<&'static str>)> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.grade < Grade::Note) {
        for id in &finding.ids {
            let (grade, codes) = marks.entry(id).or_insert((finding.grade, BTreeSet::new()));
            *grade = (*grade).min(finding.grade);
            codes.insert(finding.code);
        }
    }
    marks
}

fn node(
    drawing: &mut Drawing,
    estate: &Estate,
    id: &Id,
    (x, y): (i64, i64),
    mark: Option<&(Grade, BTreeSet<&'static str>)>,
) {
    let (class, round) = match id.kind() {
        Kind::Store => ("box store", BOX_HEIGHT / 2),
        Kind::External => ("box external", 0),
        _ => ("box", 3),
    };
    let name = match id.kind() {
        Kind::Service => estate.services.get(id).map(|service| service.name.as_str()),
        _ => None,
    };
    let called = name.filter(|name| !name.is_empty()).unwrap_or(id.name());
    let codes = mark.map_or_else(String::new, |(_, codes)| {
        format!("\n{}", codes.iter().copied().collect::<Vec<_>>().join(", "))
    });
    let middle = at(x + BOX_WIDTH / 2, y + BOX_HEIGHT / 2 + 4);
    let mut shapes = vec![
        Shape::rect(at(x, y), at(BOX_WIDTH, BOX_HEIGHT)).round(round as f64).class(class),
        Shape::text(middle, shortened(called, LETTERS_MAX)).class("small middle"),
    ];
    if let Some((grade, _)) = mark {
        shapes.extend(badge(x + BOX_WIDTH - 4, y + 4, *grade));
    }
    drawing.add(Shape::group(shapes).title(format!("{id}{codes}")));
}

/// Blocking is a filled square, serious an empty circle: they differ without colour too.
fn badge(x: i64, y: i64, grade: Grade) -> [Shape; 2] {
    let sign = |class: &str| Shape::text(at(x, y + 4), "!").class(format!("small strong middle {class}"));
    match grade {
        Grade::Blocking => {
            [Shape::rect(at(x - 7, y - 7), at(14, 14)).class("fill-bad blocking"), sign("on-bad")]
        }
        Grade::Serious | Grade::Note => [Shape::circle(at(x, y), 7.0).class("serious"), sign("bad")],
    }
}

fn legend(drawing: &mut Drawing, y: i64) {
    let mut x = MARGIN;
    for kind in EdgeKind::ALL {
        let line = Path::from(at(x, y)).to(at(x + 60, y));
        drawing.add(Shape::path(&line).class(class(kind)).arrow());
        drawing.add(Shape::text(at(x + 68, y + 4), kind.word()));
        x += 150;
    }
    let y = y + 34;
    let mut x = MARGIN;
    for (class, round, word) in
        [("box", 3.0, "service"), ("box store", 10.0, "store"), ("box external", 0.0, "outside party")]
    {
        drawing.add(Shape::rect(at(x, y - 10), at(40, 20)).round(round).class(class));
        drawing.add(Shape::text(at(x + 48, y + 4), word));
        x += 150;
    }
    for (x, grade, words) in
        [(474, Grade::Blocking, "blocking finding"), (624, Grade::Serious, "serious finding")]
    {
        badge(x + 8, y, grade).into_iter().for_each(|shape| drawing.add(shape));
        drawing.add(Shape::text(at(x + 22, y + 4), words));
    }
    let words =
        "An arrow leads from what depends to what it depends on. Pale: not stated, but observed or inferred.";
    drawing.add(Shape::text(at(MARGIN, y + 32), words).class("dim"));
}
