//! The picture as a standalone SVG. PURE.

use std::fmt::Write;

use super::layout::{Layout, layout};
use super::{Edge, Look, Node, Picture, picture};
use crate::funnel::html::escape;
use crate::funnel::model::Funnels;

const BOX_WIDTH: f64 = 220.0;
const BEND_WIDTH: f64 = 90.0;
const GAP: f64 = 36.0;
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
    let spots = spots(&layout, &texts);
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

fn spots(layout: &Layout, texts: &[Vec<String>]) -> Vec<Spot> {
    let size = |at: usize| match texts.get(at) {
        Some(lines) => (BOX_WIDTH, lines.len() as f64 * LINE + 2.0 * PAD),
        None => (BEND_WIDTH, 0.0),
    };
    let width_of = |layer: &Vec<usize>| layer.iter().map(|at| size(*at).0 + GAP).sum::<f64>() - GAP;
    let widest = layout.layers.iter().map(width_of).fold(0.0, f64::max);
    let mut spots: Vec<Spot> = layout
        .places
        .iter()
        .map(|_| Spot {
            x: 0.0,
            y: 0.0,
            width: 0.0,
            height: 0.0,
        })
        .collect();
    let mut y = MARGIN + TITLE;
    for layer in &layout.layers {
        let mut x = MARGIN + (widest - width_of(layer)) / 2.0;
        let tallest = layer.iter().map(|at| size(*at).1).fold(0.0, f64::max);
        for at in layer {
            let (width, height) = size(*at);
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
            x += width + GAP;
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
        let start_x = from.x + from.width * share(picture, layout, spots, at, true);
        let end_x = to.x + to.width * share(picture, layout, spots, at, false);
        let (path, label_x, label_y) = if to.y > from.y {
            down(
                from,
                to,
                (start_x, end_x),
                bends.iter().map(|bend| &spots[*bend]),
            )
        } else {
            up(from, to)
        };
        let dashed = if edge.dashed { " dashed" } else { "" };
        let _ = writeln!(
            out,
            "<path class=\"way{dashed}\" marker-end=\"url(#tip)\" d=\"{path}\"/>"
        );
        for (line, text) in edge
            .label
            .split('\n')
            .filter(|text| !text.is_empty())
            .enumerate()
        {
            let y = label_y + line as f64 * 13.0;
            let _ = writeln!(
                labels,
                "<text class=\"label halo\" text-anchor=\"middle\" x=\"{label_x:.1}\" y=\"{y:.1}\">{}</text>",
                escape(text)
            );
        }
    }
    labels
}

/// Where along a box's side an arrow starts or ends: arrows of one box stand in the order of their other ends.
fn share(picture: &Picture, layout: &Layout, spots: &[Spot], at: usize, starts: bool) -> f64 {
    let end = |edge: &Edge| if starts { edge.from } else { edge.to };
    let mine = end(&picture.edges[at]);
    let far = |at: usize| {
        let edge = &picture.edges[at];
        let bends = &layout.bends[at];
        let near = if starts { bends.first() } else { bends.last() };
        let spot = &spots[near
            .copied()
            .unwrap_or(if starts { edge.to } else { edge.from })];
        spot.x + spot.width / 2.0
    };
    let edges = picture.edges.iter().enumerate();
    let mut all: Vec<usize> = edges
        .filter(|(_, edge)| end(edge) == mine)
        .map(|(at, _)| at)
        .collect();
    all.sort_by(|a, b| far(*a).total_cmp(&far(*b)));
    let place = all.iter().position(|other| *other == at).unwrap_or(0);
    (place as f64 + 1.0) / (all.len() as f64 + 1.0)
}

fn down<'a>(
    from: &Spot,
    to: &Spot,
    (start_x, end_x): (f64, f64),
    bends: impl Iterator<Item = &'a Spot>,
) -> (String, f64, f64) {
    let (mut x, mut y) = (start_x, from.y + from.height);
    let mut path = format!("M{x:.1} {y:.1}");
    let mut label = None;
    let mut curve = |next_x: f64, next_y: f64| {
        let middle = (y + next_y) / 2.0;
        let _ = write!(
            path,
            "C{x:.1} {middle:.1} {next_x:.1} {middle:.1} {next_x:.1} {next_y:.1}"
        );
        label.get_or_insert((x + (next_x - x) * 0.35, y + (next_y - y) * 0.42));
        (x, y) = (next_x, next_y);
    };
    let mut straight = Vec::new();
    for bend in bends {
        straight.push((bend.x + bend.width / 2.0, bend.y, bend.y + bend.height));
    }
    for (next_x, top, bottom) in straight {
        curve(next_x, top);
        curve(next_x, bottom);
    }
    curve(end_x, to.y);
    let (label_x, label_y) = label.unwrap_or((x, y));
    (path, label_x, label_y)
}

/// A way back up leaves and enters at the right side.
fn up(from: &Spot, to: &Spot) -> (String, f64, f64) {
    let (x1, y1) = (from.x + from.width, from.y + from.height * 0.6);
    let (x2, y2) = (to.x + to.width, to.y + to.height * 0.4);
    let out = x1.max(x2) + 46.0;
    let y1 = if y1 == y2 { y1 + 8.0 } else { y1 };
    (
        format!("M{x1:.1} {y1:.1}C{out:.1} {y1:.1} {out:.1} {y2:.1} {x2:.1} {y2:.1}"),
        out - 8.0,
        (y1 + y2) / 2.0,
    )
}
