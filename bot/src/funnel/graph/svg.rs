//! The picture as a standalone SVG. PURE.

use std::fmt::Write;

use super::layout::{Layout, layout};
use super::{Edge, Look, Node, Picture, picture};
use crate::funnel::html::escape;
use crate::funnel::model::Funnels;

const BOX_WIDTH: f64 = 220.0;
/// Ways out and arrows that pass a layer take less room.
const EXIT_WIDTH: f64 = 96.0;
const BEND_WIDTH: f64 = 8.0;
const GAP: f64 = 32.0;
const BEND_GAP: f64 = 16.0;
const LINE: f64 = 17.0;
const PAD: f64 = 12.0;
const LAYER_GAP: f64 = 92.0;
const MARGIN: f64 = 32.0;
const TITLE: f64 = 40.0;
/// Characters of a line in a box.
const WRAP: usize = 26;

const STYLE: &str = "text{font-family:system-ui,'DejaVu Sans',Arial,sans-serif;font-size:13px;fill:#1f2937}\
.id{font-weight:600}.label{font-size:11.5px;fill:#374151}.halo{stroke:#fff;stroke-width:4px;paint-order:stroke}\
.title{font-size:18px;font-weight:600}.say{fill:#f1f5f9;stroke:#94a3b8}.ask{fill:#e0f2fe;stroke:#0284c7}\
.exit{fill:#fef3c7;stroke:#d97706}.way{fill:none;stroke:#475569;stroke-width:1.4}.dashed{stroke-dasharray:5 4}";

#[derive(Default)]
struct Spot {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// A standalone SVG; `None` when there is no such funnel.
pub fn svg(funnels: &Funnels, funnel: &str) -> Option<String> {
    let picture = picture(funnels, funnel)?;
    let layout = layout(&picture);
    let texts: Vec<Vec<String>> = picture.nodes.iter().map(lines).collect();
    let spots = spots(&picture, &layout, &texts);
    let width = spots
        .iter()
        .map(|spot| spot.x + spot.width)
        .fold(0.0, f64::max)
        + MARGIN
        + 60.0;
    let height = spots
        .iter()
        .map(|spot| spot.y + spot.height)
        .fold(0.0, f64::max)
        + MARGIN;
    let mut out = String::new();
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\n<style>{STYLE}</style>\n\
         <defs><marker id=\"tip\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"#475569\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text class=\"title\" x=\"{MARGIN}\" y=\"{:.0}\">{}</text>\n",
        MARGIN + 4.0,
        escape(&picture.title)
    );
    let labels = ways(&picture, &layout, &spots, &mut out);
    for ((node, spot), lines) in picture.nodes.iter().zip(&spots).zip(&texts) {
        draw_box(node, spot, lines, &mut out);
    }
    out.push_str(&labels);
    out.push_str("</svg>\n");
    Some(out)
}

fn lines(node: &Node) -> Vec<String> {
    let mut lines = vec![node.id.clone()];
    let mut line = String::new();
    for word in node.text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WRAP {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Width, height and the room to the right of a place.
fn size(picture: &Picture, texts: &[Vec<String>], at: usize) -> (f64, f64, f64) {
    match (texts.get(at), picture.nodes.get(at)) {
        (Some(lines), Some(node)) => {
            let height = lines.len() as f64 * LINE + 2.0 * PAD;
            let width = if node.look == Look::Exit {
                EXIT_WIDTH
            } else {
                BOX_WIDTH
            };
            (width, height, GAP)
        }
        _ => (BEND_WIDTH, 0.0, BEND_GAP),
    }
}

fn spots(picture: &Picture, layout: &Layout, texts: &[Vec<String>]) -> Vec<Spot> {
    let size = |at: usize| size(picture, texts, at);
    let width_of = |layer: &Vec<usize>| {
        let widths = layer.iter().map(|at| size(*at));
        widths.map(|(width, _, gap)| width + gap).sum::<f64>()
    };
    let widest = layout.layers.iter().map(width_of).fold(0.0, f64::max);
    let mut spots: Vec<Spot> = layout.places.iter().map(|_| Spot::default()).collect();
    let mut y = MARGIN + TITLE;
    for layer in &layout.layers {
        let mut x = MARGIN + (widest - width_of(layer)) / 2.0;
        let tallest = layer.iter().map(|at| size(*at).1).fold(0.0, f64::max);
        for at in layer {
            let (width, height, gap) = size(*at);
            let height = if layout.places[*at].is_node {
                height
            } else {
                tallest
            };
            spots[*at] = Spot {
                x,
                y,
                width,
                height,
            };
            x += width + gap;
        }
        y += tallest + LAYER_GAP;
    }
    spots
}

fn draw_box(node: &Node, spot: &Spot, lines: &[String], out: &mut String) {
    let (class, radius) = match node.look {
        Look::Say => ("say", 6.0),
        Look::Ask => ("ask", 6.0),
        Look::Exit => ("exit", spot.height / 2.0),
    };
    let Spot {
        x,
        y,
        width,
        height,
    } = spot;
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius:.1}\"/>"
    );
    for (at, line) in lines.iter().enumerate() {
        let class = if at == 0 { " class=\"id\"" } else { "" };
        let (x, anchor) = if node.look == Look::Exit {
            (x + width / 2.0, " text-anchor=\"middle\"")
        } else {
            (x + PAD, "")
        };
        let y = y + PAD + LINE * (at as f64 + 0.75);
        let _ = writeln!(
            out,
            "<text{class}{anchor} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escape(line)
        );
    }
}

/// Draws the arrows; their labels come back to be drawn over the boxes.
fn ways(picture: &Picture, layout: &Layout, spots: &[Spot], out: &mut String) -> String {
    let mut labels = String::new();
    for (at, (edge, bends)) in picture.edges.iter().zip(&layout.bends).enumerate() {
        let (from, to) = (&spots[edge.from], &spots[edge.to]);
        let (place, start) = port(picture, layout, spots, at, true);
        let (_, end) = port(picture, layout, spots, at, false);
        let (path, (x, y)) = if to.y > from.y {
            let ends = (from.x + from.width * start, to.x + to.width * end);
            down(
                from,
                to,
                ends,
                bends.iter().map(|bend| &spots[*bend]),
                place,
            )
        } else {
            up(from, to)
        };
        let dashed = if edge.dashed { " dashed" } else { "" };
        let _ = writeln!(
            out,
            "<path class=\"way{dashed}\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
        );
        let lines = edge.label.split('\n').filter(|text| !text.is_empty());
        for (line, text) in lines.enumerate() {
            let y = y + line as f64 * 13.0;
            let _ = writeln!(
                labels,
                "<text class=\"label halo\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                escape(text)
            );
        }
    }
    labels
}

/// Which of a box's arrows this is, from the left, and where along the side it starts or ends:
/// they stand in the order of their other ends.
fn port(
    picture: &Picture,
    layout: &Layout,
    spots: &[Spot],
    at: usize,
    starts: bool,
) -> (usize, f64) {
    let end = |edge: &Edge| if starts { edge.from } else { edge.to };
    let mine = end(&picture.edges[at]);
    let far = |at: usize| {
        let edge = &picture.edges[at];
        let bends = &layout.bends[at];
        let near = if starts { bends.first() } else { bends.last() };
        let other = if starts { edge.to } else { edge.from };
        let spot = &spots[near.copied().unwrap_or(other)];
        spot.x + spot.width / 2.0
    };
    let edges = picture.edges.iter().enumerate();
    let mut all: Vec<usize> = edges
        .filter(|(_, edge)| end(edge) == mine)
        .map(|(at, _)| at)
        .collect();
    all.sort_by(|a, b| far(*a).total_cmp(&far(*b)));
    let place = all.iter().position(|other| *other == at).unwrap_or(0);
    (place, (place as f64 + 1.0) / (all.len() as f64 + 1.0))
}

/// A path from box to box through its bends, and the place of its label: neighbours' labels stand at different heights.
fn down<'a>(
    from: &Spot,
    to: &Spot,
    ends: (f64, f64),
    bends: impl Iterator<Item = &'a Spot>,
    place: usize,
) -> (String, (f64, f64)) {
    let (mut x, mut y) = (ends.0, from.y + from.height);
    let mut path = format!("M{x:.1} {y:.1}");
    let mut label = None;
    let mut curve = |next_x: f64, next_y: f64| {
        let middle = (y + next_y) / 2.0;
        let _ = write!(
            path,
            "C{x:.1} {middle:.1} {next_x:.1} {middle:.1} {next_x:.1} {next_y:.1}"
        );
        label.get_or_insert_with(|| {
            label_place((x, y), (next_x, next_y), [0.35, 0.52, 0.68][place % 3])
        });
        (x, y) = (next_x, next_y);
    };
    for bend in bends {
        let middle = bend.x + bend.width / 2.0;
        curve(middle, bend.y);
        curve(middle, bend.y + bend.height);
    }
    curve(ends.1, to.y);
    (path, label.unwrap_or(ends))
}

/// The point of a curve after `part` of it.
fn label_place((x, y): (f64, f64), (next_x, next_y): (f64, f64), part: f64) -> (f64, f64) {
    let rest = 1.0 - part;
    let across = 3.0 * rest * part * part + part.powi(3);
    let along = 1.5 * rest * part * (rest + part) + part.powi(3);
    (x + (next_x - x) * across, y + (next_y - y) * along + 4.0)
}

/// A way back up leaves and enters at the right side.
fn up(from: &Spot, to: &Spot) -> (String, (f64, f64)) {
    let (x1, y1) = (from.x + from.width, from.y + from.height * 0.6);
    let (x2, y2) = (to.x + to.width, to.y + to.height * 0.4);
    let out = x1.max(x2) + 46.0;
    let y1 = if y1 == y2 { y1 + 8.0 } else { y1 };
    let path = format!("M{x1:.1} {y1:.1}C{out:.1} {y1:.1} {out:.1} {y2:.1} {x2:.1} {y2:.1}");
    (path, (out - 8.0, (y1 + y2) / 2.0))
}
