//! The figures of keeping in touch as a table.

use std::fmt::Write;
use std::path::Path;

use crate::table;

const BEGIN: &str = "<!-- keeping in touch: written by tests/figures -->";
const END: &str = "<!-- end of keeping in touch -->";

#[derive(Debug, Default)]
pub struct Figures {
    pub leads: usize,
    pub burst: usize,
    pub rate: usize,
    /// Of the enrolled leads, beside a bot without any.
    pub memory_mib: f64,
    pub picture_mib: f64,
    pub idle_percent: f64,
    pub told_s: f64,
    pub replanned_s: f64,
    pub per_second: f64,
    /// p50 and p99 during the burst.
    pub reply_ms: (f64, f64),
    pub twice: usize,
    pub file_mib: f64,
    pub erased_s: f64,
    pub erased_worst_ms: f64,
}

pub fn render(f: &Figures) -> anyhow::Result<String> {
    let mut text = String::new();
    let (machine, commit) = (table::machine(), table::commit()?);
    writeln!(
        text,
        "Measured on {machine}, commit {commit}: {} leads in a sequence of one bot.\n",
        number(f.leads as f64)
    )?;
    writeln!(text, "| | goal | reached | |\n|---|---:|---:|---|")?;
    let mut row = |name: &str, goal: Option<f64>, seen: f64, met: bool| {
        let goal = goal.map_or_else(String::new, number);
        let mark = if met { "✓" } else { "·" };
        writeln!(text, "| {name} | {goal} | {} | {mark} |", number(seen))
    };
    let off = (f.per_second / f.rate as f64 - 1.0) * 100.0;
    let most = |limit: f64, seen: f64| (Some(limit), seen, seen <= limit);
    for (name, (goal, seen, met)) in [
        (
            "an edit of the file told before it goes live, s",
            most(2.0, f.told_s),
        ),
        (
            "the edit live and everybody planned anew, s",
            most(2.0, f.replanned_s),
        ),
        (
            "CPU while nothing is due, % of a core",
            most(1.0, f.idle_percent),
        ),
        (
            "private memory more than without them, MiB",
            most(1.0, f.memory_mib),
        ),
        (
            "more after the picture of a week was drawn, MiB",
            most(1.0, f.picture_mib),
        ),
    ] {
        row(name, goal, seen, met)?;
    }
    let name = format!(
        "{} steps due at once leave, a second",
        number(f.burst as f64)
    );
    row(&name, Some(f.rate as f64), f.per_second, off.abs() <= 2.0)?;
    let (goal, seen, met) = most(50.0, f.reply_ms.1);
    row("replies' p99 meanwhile, ms", goal, seen, met)?;
    row("said twice", Some(0.0), f.twice as f64, f.twice == 0)?;
    writeln!(
        text,
        "\nThe rate was {off:+.2} % of the one allowed, replies' p50 {} ms. Erasing one lead for good and writing the file of {} MiB anew took {} s; a reply waited {} ms for it at worst.",
        number(f.reply_ms.0),
        number(f.file_mib),
        number(f.erased_s),
        number(f.erased_worst_ms)
    )?;
    Ok(text)
}

fn number(value: f64) -> String {
    table::number(value)
}

pub fn write(file: &Path, table: &str) -> anyhow::Result<()> {
    table::write_between(file, (BEGIN, END), table)
}
