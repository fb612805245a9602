//! The status page: all bots on one screen, no script, renewed by itself. PURE.

use std::fmt::Write as _;

use crate::commands::status::{COLUMNS, cells, needs_a_look};
use crate::output::{Tone, count};
use crate::state::{BotState, State};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8883; --dim: #808890; --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; --head: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --warn: #d29922; --bad: #f85149; --head: #161b22; } body { background: #0d1117; color: #e6edf3; } }
body { font: 14px/1.45 system-ui, sans-serif; margin: 0; }
header { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: baseline; padding: 16px 20px 12px; }
h1 { font-size: 18px; margin: 0; } header b { font-size: 18px; font-variant-numeric: tabular-nums; }
header span { color: var(--dim); } header a { color: inherit; margin-left: auto; }
main { overflow-x: auto; padding: 0 20px 20px; } table { border-collapse: collapse; width: 100%; }
th { position: sticky; top: 0; background: var(--head); text-align: left; font-weight: 600; font-size: 12px; color: var(--dim); }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); font-weight: 600; } .dim { color: var(--dim); }
.why td { white-space: normal; padding: 0 10px 8px; color: var(--dim); } tr.has-why td { border-bottom: 0; padding-bottom: 2px; }
.empty { padding: 40px; text-align: center; color: var(--dim); }
";

pub fn render(bots: &[BotState], only_problems: bool) -> String {
    let shown: Vec<&BotState> = bots
        .iter()
        .filter(|bot| !only_problems || needs_a_look(bot))
        .collect();
    let mut html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=refresh content=5><title>{}</title><style>{STYLE}</style>",
        title(bots)
    );
    header(bots, only_problems, &mut html);
    html.push_str("<main>");
    if shown.is_empty() {
        html.push_str("<p class=empty>All is well.</p>");
    } else {
        table(&shown, &mut html);
    }
    html.push_str("</main></html>");
    html
}

fn title(bots: &[BotState]) -> String {
    match bots.iter().filter(|bot| needs_a_look(bot)).count() {
        0 => format!("{} — all well", count(bots.len(), "bot")),
        troubled => format!("({troubled}) {}", count(bots.len(), "bot")),
    }
}

fn header(bots: &[BotState], only_problems: bool, html: &mut String) {
    let running = bots
        .iter()
        .filter(|bot| bot.state == State::Running)
        .count();
    let troubled = bots.iter().filter(|bot| needs_a_look(bot)).count();
    let sum = |figure: fn(&BotState) -> Option<i64>| bots.iter().filter_map(figure).sum::<i64>();
    let (today, hot) = (sum(|bot| bot.leads_today), sum(|bot| bot.hot));
    let link = match only_problems {
        true => "<a href=\"/\">all bots</a>",
        false => "<a href=\"/?problems\">only those that want a look</a>",
    };
    let tone = if troubled > 0 { "bad" } else { "dim" };
    let _ = write!(
        html,
        "<header><h1>Bots</h1><span><b>{running}</b> of {} running</span><span class={tone}><b>{troubled}</b> want a look</span>\
         <span><b>{today}</b> leads today</span><span><b>{hot}</b> hot</span>{link}</header>",
        bots.len()
    );
}

fn table(bots: &[&BotState], html: &mut String) {
    html.push_str("<table><thead><tr>");
    for column in COLUMNS {
        match column.strip_suffix('>') {
            Some(column) => write!(html, "<th class=n>{column}"),
            None => write!(html, "<th>{column}"),
        }
        .ok();
    }
    html.push_str("<tbody>");
    for bot in bots {
        let class = if bot.reason.is_some() {
            " class=has-why"
        } else {
            ""
        };
        let _ = write!(html, "<tr{class}>");
        for (column, cell) in COLUMNS.iter().zip(cells(bot)) {
            let number = if column.ends_with('>') { "n " } else { "" };
            let _ = write!(
                html,
                "<td class=\"{number}{}\">{}",
                tone(cell.tone),
                escaped(&cell.text)
            );
        }
        if let Some(reason) = &bot.reason {
            let _ = write!(
                html,
                "<tr class=why><td><td colspan={}>{}",
                COLUMNS.len() - 1,
                escaped(reason)
            );
        }
    }
    html.push_str("</table>");
}

fn tone(tone: Tone) -> &'static str {
    match tone {
        Tone::Plain => "",
        Tone::Good => "good",
        Tone::Warn => "warn",
        Tone::Bad => "bad",
        Tone::Dim => "dim",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
