//! A funnel as a picture: steps as boxes, ways as arrows, as Mermaid text or as an SVG. PURE.

mod layout;
mod mermaid;
mod svg;

use super::html;
use super::model::{ButtonAction, Funnels, Keyboard, SEQUENCE_MARK, Step, StepText, Target};
use crate::sequence::{Days, Rule};
pub use mermaid::mermaid;
pub use svg::svg;

/// Longest text in a box and on an arrow.
const BOX_TEXT: usize = 64;
const EDGE_TEXT: usize = 28;

/// What is drawn.
struct Picture {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Say,
    /// Waits for the lead.
    Ask,
    /// Another funnel, the end, a person.
    Exit,
}

struct Node {
    id: String,
    text: String,
    look: Look,
}

struct Edge {
    from: usize,
    to: usize,
    label: String,
    /// Happens by itself: `next`, silence.
    dashed: bool,
}

/// Builds the picture of one funnel; `None` when there is no such funnel.
fn picture(funnels: &Funnels, id: &str) -> Option<Picture> {
    let ix = *funnels.by_id.get(id)?;
    let funnel = &funnels.list[ix];
    let name = funnel.id.trim_start_matches(SEQUENCE_MARK);
    let title = format!("{} ({name})", funnels.static_text(&funnel.title, 0));
    let mut order: Vec<usize> = (0..funnel.steps.len()).collect();
    order.sort_by_key(|at| (*at != funnel.first, funnel.steps[*at].line));
    let nodes = order
        .iter()
        .map(|at| step_node(funnels, &funnel.steps[*at]))
        .collect();
    let mut drawing = Drawing {
        funnels,
        order,
        picture: Picture {
            title,
            nodes,
            edges: Vec::new(),
        },
    };
    let sequence = funnels.sequences.iter().find(|known| known.home == ix);
    for (from, at) in drawing.order.clone().into_iter().enumerate() {
        let step = &funnel.steps[at];
        drawing.buttons_of(from, step);
        match sequence {
            None => drawing.edges_of(from, step),
            Some(sequence) => {
                let next = sequence.plans.get(at + 1);
                let to = next.map_or(Target::End, |_| Target::Step(at + 1));
                let label = next.map(|plan| rule_words(&plan.rule)).unwrap_or_default();
                drawing.edge(from, to, label, true);
            }
        }
    }
    Some(drawing.picture)
}

fn step_node(funnels: &Funnels, step: &Step) -> Node {
    let text = match &step.text {
        Some(StepText::One(words)) => funnels.static_text(words, 0),
        Some(StepText::Variants(variants)) => variants
            .first()
            .map(|first| funnels.static_text(&first.text, 0))
            .unwrap_or_default(),
        None if step.media.is_some() => "(медиа)".into(),
        None => String::new(),
    };
    let text = html::plain(&text)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let look = if step.awaits() { Look::Ask } else { Look::Say };
    Node {
        id: step.id.to_string(),
        text: html::clean(&text, BOX_TEXT),
        look,
    }
}

struct Drawing<'a> {
    funnels: &'a Funnels,
    order: Vec<usize>,
    picture: Picture,
}

impl Drawing<'_> {
    fn buttons_of(&mut self, from: usize, step: &Step) {
        for button in &step.buttons {
            let text = self.funnels.static_text(&button.text, 0);
            match &button.action {
                ButtonAction::To(target) => self.edge(from, *target, text, false),
                ButtonAction::Next | ButtonAction::Link { .. } => {}
            }
        }
    }

    fn edges_of(&mut self, from: usize, step: &Step) {
        if let Some(Keyboard::Rows(rows)) = &step.keyboard {
            for key in rows.iter().flatten() {
                self.edge(from, key.to, self.funnels.static_text(&key.text, 0), false);
            }
        }
        if let Some(skip) = &step.skip {
            self.edge(
                from,
                skip.to,
                self.funnels.static_text(&skip.text, 0),
                false,
            );
        }
        if let Some(called) = step.call {
            let to = self.exit(from, &format!("@{}", self.funnels.list[called].id));
            self.picture.edges.push(Edge {
                from,
                to,
                label: "и обратно".into(),
                dashed: true,
            });
        }
        for (at, case) in step.next.iter().enumerate() {
            let label = match &case.when {
                Some(when) => self.funnels.templates.source(when).to_owned(),
                None if at > 0 => "иначе".into(),
                None => self.answer_label(step),
            };
            self.edge(from, case.to, label, !step.awaits());
        }
        for branch in step.own_silent.iter().flatten() {
            if let Some(to) = branch.to {
                self.edge(
                    from,
                    to,
                    format!("молчит {}", duration(branch.after_ms)),
                    true,
                );
            }
        }
        if step.then_is_written {
            self.edge(
                from,
                step.after_times,
                format!("не понял ×{}", step.times),
                true,
            );
        }
    }

    /// What leads to `next` of a question: its own buttons without a target, or the answer.
    fn answer_label(&self, step: &Step) -> String {
        let leading = step
            .buttons
            .iter()
            .filter(|button| matches!(button.action, ButtonAction::Next));
        let texts: Vec<String> = leading
            .map(|button| self.funnels.static_text(&button.text, 0))
            .collect();
        match (step.expect.is_some(), texts.is_empty()) {
            (true, _) => "ответ".into(),
            (false, false) => texts.join(" / "),
            (false, true) => String::new(),
        }
    }

    fn edge(&mut self, from: usize, target: Target, label: String, dashed: bool) {
        let to = match target {
            Target::Step(step) => self.order.iter().position(|at| *at == step).unwrap_or(0),
            Target::Funnel(funnel, step) => {
                let other = &self.funnels.list[funnel];
                let name = if step == other.first {
                    format!("@{}", other.id)
                } else {
                    format!("@{}.{}", other.id, other.steps[step].id)
                };
                self.exit(from, &name)
            }
            Target::End => self.exit(from, "конец"),
            Target::Human => self.exit(from, "человек"),
            Target::Back => self.exit(from, "назад"),
            Target::Stay => from,
        };
        let label = html::clean(label.trim(), EDGE_TEXT);
        let same = self
            .picture
            .edges
            .iter_mut()
            .find(|edge| edge.from == from && edge.to == to && edge.dashed == dashed);
        match same {
            Some(edge) if !label.is_empty() && edge.label != label => {
                edge.label = format!("{}\n{label}", edge.label)
            }
            Some(_) => {}
            None => self.picture.edges.push(Edge {
                from,
                to,
                label,
                dashed,
            }),
        }
    }

    /// Each step has ways out of its own: arrows to one shared end would cross the whole picture.
    fn exit(&mut self, from: usize, text: &str) -> usize {
        let is_known = |edge: &&Edge| {
            let node = &self.picture.nodes[edge.to];
            edge.from == from && node.look == Look::Exit && node.id == text
        };
        if let Some(edge) = self.picture.edges.iter().find(is_known) {
            return edge.to;
        }
        self.picture.nodes.push(Node {
            id: text.to_owned(),
            text: String::new(),
            look: Look::Exit,
        });
        self.picture.nodes.len() - 1
    }
}

/// When a step of a sequence comes, as its file says.
fn rule_words(rule: &Rule) -> String {
    let mut words = Vec::new();
    if rule.after_ms > 0 {
        words.push(duration(rule.after_ms));
    }
    words.extend(rule.at.map(|at| at.strftime("%H:%M").to_string()));
    if rule.days != Days::ALL {
        words.push(rule.days.to_string());
    }
    if let Some(window) = &rule.window {
        let (from, to) = (window.from.strftime("%H:%M"), window.to.strftime("%H:%M"));
        words.push(format!("{from}–{to}"));
    }
    words.join(" · ")
}

fn duration(ms: i64) -> String {
    let units = [
        (86_400_000, "д"),
        (3_600_000, "ч"),
        (60_000, "мин"),
        (1_000, "с"),
    ];
    let unit = units.iter().find(|(unit, _)| ms >= *unit && ms % unit == 0);
    unit.map_or_else(
        || format!("{ms} мс"),
        |(unit, name)| format!("{} {name}", ms / unit),
    )
}
