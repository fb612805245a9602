//! The figures as a table beside those of others, with the machine and the commit.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::figures::{Figures, root};
use crate::load::share_of_bare;

const BEGIN: &str = "<!-- figures: written by tests/figures -->";
const END: &str = "<!-- end of figures -->";

/// What is wanted, and whether less is better.
enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn value(&self) -> f64 {
        match self {
            Goal::AtLeast(value) | Goal::AtMost(value) => *value,
        }
    }
}

pub fn render(figures: &Figures) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(text, "Measured on {}, commit {}.\n", machine(), commit()?)?;
    writeln!(
        text,
        "| | goal | reached | | teloxide with its storage | grammY | aiogram, the reference | the limit |"
    )?;
    writeln!(text, "|---|---:|---:|---|---:|---:|---:|---:|")?;
    let mut row = |name: &str, goals: &[Goal], seen: &[f64], others: [&str; 4]| {
        let wanted: Vec<String> = goals.iter().map(|goal| number(goal.value())).collect();
        let reached: Vec<String> = seen.iter().map(|x| number(*x)).collect();
        let met = goals.iter().zip(seen).all(|(goal, seen)| match goal {
            Goal::AtLeast(least) => seen >= least,
            Goal::AtMost(most) => seen <= most,
        });
        writeln!(
            text,
            "| {name} | {} | {} | {} | {} |",
            wanted.join(" / "),
            reached.join(" / "),
            if met { "✓" } else { "·" },
            others.join(" | ")
        )
    };
    let f = figures;
    row(
        "turns per second, 100 leads at once",
        &[Goal::AtLeast(20_000.0)],
        &[f.closed.ours(|seen| seen.turns_per_second)],
        ["3,020", "5,716", "300", "65,209"],
    )?;
    row(
        "the same with 40 ms per API call",
        &[Goal::AtLeast(3_500.0)],
        &[f.network.turns_per_second],
        ["1,767", "1,763", "258", "3,881"],
    )?;
    row(
        "reply latency p50 / p99 ms, 5 leads with pauses",
        &[Goal::AtMost(1.2), Goal::AtMost(5.0)],
        &[f.paced.p50_ms, f.paced.p99_ms],
        ["0.56 / 1.5", "0.48 / 1.9", "3.4 / 14", "0.09 / 0.36"],
    )?;
    row(
        "the same with 40 ms per API call",
        &[Goal::AtMost(22.0), Goal::AtMost(25.0)],
        &[
            f.paced_network.ours(|seen| seen.p50_ms),
            f.paced_network.ours(|seen| seen.p99_ms),
        ],
        ["22 / 82", "22 / 83", "25 / 36", "21 / 22"],
    )?;
    row(
        "CPU per 10,000 turns, s",
        &[Goal::AtMost(0.7)],
        &[f.closed.ours(|seen| seen.cpu)],
        ["3.7", "1.8", "32", "0.14"],
    )?;
    row(
        &format!("PSS per bot, {} running, idle, MiB", f.fleet.bots),
        &[Goal::AtMost(1.5)],
        &[f.fleet.pss_mib],
        ["1.4", "22", "170", "0.8"],
    )?;
    row(
        "RSS 3 s after that load, MiB",
        &[Goal::AtMost(16.0)],
        &[f.rss_after.1],
        ["21", "149", "198", "7.8"],
    )?;
    row(
        "exec to first getUpdates, ms",
        &[Goal::AtMost(15.0)],
        &[f.start_ms],
        ["9", "91", "1,968", "5"],
    )?;
    row(
        "idle CPU per bot, ms per second",
        &[Goal::AtMost(0.1)],
        &[f.fleet.cpu_ms_per_second],
        ["0.02", "0.08", "0.43", "0"],
    )?;
    row(
        "share of the allowed bulk rate used, %",
        &[Goal::AtLeast(98.0)],
        &[f.bulk.used * 100.0],
        ["", "", "", "100"],
    )?;
    row(
        "replies' p99 meanwhile, ms",
        &[Goal::AtMost(50.0)],
        &[f.bulk.reply_p99_ms],
        ["", "", "", ""],
    )?;
    row(
        "429s caused by ourselves",
        &[Goal::AtMost(0.0)],
        &[f.bulk.refused as f64],
        ["", "", "", "0"],
    )?;
    writeln!(
        text,
        "\nOurs commit every turn at `synchronous=FULL`, the others' and the bare loop's at `NORMAL`. Turns per second and processor time are the middle of {} rounds; their most turns a second were {}. The bare loop, run between them, had {} turns a second at {} s per 10,000 (middle), of which the bot beside it had {} % (20,000 of the limit's 65,209 are 31 %); its p50 / p99 with 5 leads and 40 ms per call were {} / {} ms. Also seen: p50 / p99 of 100 leads at once {} / {} ms, with 40 ms per call {} / {} ms; RSS right after the load {} MiB; private memory of an idle bot {} MiB. With what asks nothing leaving one by one, as the shipped limits have it: {} turns a second, with 40 ms per call {}.\n",
        f.closed.rounds.len(),
        number(f.closed.most()),
        number(f.closed.bare(|seen| seen.turns_per_second)),
        number(f.closed.bare(|seen| seen.cpu)),
        number(f.closed.of_each(share_of_bare)),
        number(f.paced_network.bare(|seen| seen.p50_ms)),
        number(f.paced_network.bare(|seen| seen.p99_ms)),
        number(f.closed.ours(|seen| seen.p50_ms)),
        number(f.closed.ours(|seen| seen.p99_ms)),
        number(f.network.p50_ms),
        number(f.network.p99_ms),
        number(f.rss_after.0),
        number(f.fleet.anonymous_mib),
        number(f.in_order.turns_per_second),
        number(f.in_order_network.turns_per_second)
    )?;
    writeln!(
        text,
        "| leads in the store | turns per second | CPU per 10,000 turns, s | times the smallest store's |"
    )?;
    writeln!(text, "|---:|---:|---:|---:|")?;
    let least = f.growth.first().map_or(1.0, |(_, seen)| seen.cpu);
    for (leads, seen) in &f.growth {
        writeln!(
            text,
            "| {} | {} | {} | {:.2} |",
            number(*leads as f64),
            number(seen.turns_per_second),
            number(seen.cpu),
            seen.cpu / least
        )?;
    }
    Ok(text)
}

pub fn write(file: &Path, table: &str) -> anyhow::Result<()> {
    write_between(file, (BEGIN, END), table)
}

/// Puts the table between its marks.
pub fn write_between(file: &Path, marks: (&str, &str), table: &str) -> anyhow::Result<()> {
    let (begin, end) = marks;
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let (before, rest) = text
        .split_once(begin)
        .with_context(|| format!("{}: no line {begin}", file.display()))?;
    let (_, after) = rest
        .split_once(end)
        .with_context(|| format!("{}: no line {end}", file.display()))?;
    std::fs::write(file, format!("{before}{begin}\n{table}{end}{after}"))?;
    Ok(())
}

/// `20,000`, `256`, `22.4`, `0.69`.
pub fn number(value: f64) -> String {
    if value >= 1_000.0 {
        let whole = format!("{value:.0}");
        let (head, tail) = whole.split_at(whole.len() - 3);
        if head.len() > 3 {
            let (millions, thousands) = head.split_at(head.len() - 3);
            return format!("{millions},{thousands},{tail}");
        }
        format!("{head},{tail}")
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 2.0 || value == 0.0 {
        format!("{value:.1}").trim_end_matches(".0").to_owned()
    } else {
        format!("{value:.2}")
    }
}

pub fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} cores of {}",
        model.trim_start_matches([' ', '\t', ':'])
    )
}

pub fn commit() -> anyhow::Result<String> {
    let git = |args: &[&str]| -> anyhow::Result<String> {
        let seen = Command::new("git")
            .arg("-C")
            .arg(root())
            .args(args)
            .output()?;
        Ok(String::from_utf8_lossy(&seen.stdout).trim().to_owned())
    };
    // The page that is being written does not count as a change.
    let sources = ["--untracked-files=no", "--", ".", ":!docs/performance.md"];
    let status = [&["status", "--porcelain"][..], &sources].concat();
    let dirty = if git(&status)?.is_empty() {
        ""
    } else {
        " with changes"
    };
    Ok(format!(
        "{}{dirty}",
        git(&["rev-parse", "--short", "HEAD"])?
    ))
}
