//! The fleet in Prometheus's text format: what each bot says of itself, and what is seen from outside. PURE.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::state::{BotState, State};

/// All samples of a name stand together under one HELP and one TYPE, as the format wants it.
#[derive(Default)]
struct Family {
    head: Vec<String>,
    samples: Vec<String>,
}

pub fn render(bots: &[BotState], texts: &[String], of_host: &str) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for line in texts.iter().flat_map(|text| text.lines()) {
        take(line, &mut families);
    }
    let mut text = String::new();
    for family in families.values() {
        for line in family.head.iter().chain(&family.samples) {
            text.push_str(line);
            text.push('\n');
        }
    }
    from_outside(bots, &mut text);
    text.push_str(of_host);
    text
}

fn take(line: &str, families: &mut BTreeMap<String, Family>) {
    if let Some(rest) = line
        .strip_prefix("# HELP ")
        .or(line.strip_prefix("# TYPE "))
    {
        let name = rest.split(' ').next().unwrap_or_default();
        let head = &mut families.entry(name.to_owned()).or_default().head;
        if !head.iter().any(|known| known == line) && head.len() < 2 {
            head.push(line.to_owned());
        }
    } else if !line.is_empty() && !line.starts_with('#') {
        let end = line.find(['{', ' ']).unwrap_or(line.len());
        families
            .entry(line[..end].to_owned())
            .or_default()
            .samples
            .push(line.to_owned());
    }
}

fn from_outside(bots: &[BotState], text: &mut String) {
    type Value = fn(&BotState) -> Option<f64>;
    let figures: [(&str, &str, &str, Value); 12] = [
        (
            "running",
            "gauge",
            "1 when the bot runs and hears Telegram",
            |bot| Some(f64::from(u8::from(bot.state == State::Running))),
        ),
        (
            "enabled",
            "gauge",
            "1 when systemd is to keep it running",
            |bot| Some(f64::from(u8::from(bot.enabled))),
        ),
        (
            "restarts",
            "gauge",
            "restarts by systemd since it was started by hand",
            |bot| bot.restarts.map(|number| number as f64),
        ),
        (
            "uptime_seconds",
            "gauge",
            "since the process started",
            |bot| bot.uptime_ms.map(|ms| ms as f64 / 1_000.0),
        ),
        (
            "leads_today",
            "gauge",
            "new leads since the partner's midnight",
            |bot| bot.leads_today.map(|number| number as f64),
        ),
        (
            "hot_leads",
            "gauge",
            "hot leads that nobody has handled",
            |bot| bot.hot.map(|number| number as f64),
        ),
        (
            "queue_lag_seconds",
            "gauge",
            "how long the oldest update or message waits",
            |bot| bot.lag_ms.map(|ms| ms as f64 / 1_000.0),
        ),
        (
            "last_update_seconds",
            "gauge",
            "since the last update came",
            |bot| bot.last_update_ms.map(|ms| ms as f64 / 1_000.0),
        ),
        (
            "errors_per_minute",
            "gauge",
            "errors logged in the last minute",
            |bot| bot.errors_per_minute.map(|number| number as f64),
        ),
        (
            "memory_bytes",
            "gauge",
            "memory that is the process's alone",
            |bot| bot.memory_bytes.map(|bytes| bytes as f64),
        ),
        (
            "cpu_seconds_total",
            "counter",
            "processor time of this life",
            |bot| bot.cpu_ms.map(|ms| ms as f64 / 1_000.0),
        ),
        (
            "stuck_timers",
            "gauge",
            "timers due for more than five minutes",
            |bot| bot.stuck_timers.map(|number| number as f64),
        ),
    ];
    for (name, kind, help, value) in figures {
        let _ = writeln!(
            text,
            "# HELP partner_bot_{name} {help}\n# TYPE partner_bot_{name} {kind}"
        );
        for bot in bots {
            if let Some(value) = value(bot) {
                let _ = writeln!(
                    text,
                    "partner_bot_{name}{{partner=\"{}\"}} {value}",
                    bot.partner
                );
            }
        }
    }
    text.push_str(
        "# HELP partner_bot_state 1 for the state the bot is in\n# TYPE partner_bot_state gauge\n",
    );
    for bot in bots {
        let _ = writeln!(
            text,
            "partner_bot_state{{partner=\"{}\",state=\"{}\"}} 1",
            bot.partner,
            bot.state.word()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_of_a_name_stand_together() {
        let texts = ["north", "west"].map(|partner| {
            format!(
                "# HELP bot_turns_total updates handled\n# TYPE bot_turns_total counter\nbot_turns_total{{partner=\"{partner}\"}} 5\n\
                 # HELP bot_up 1 when running\n# TYPE bot_up gauge\nbot_up{{partner=\"{partner}\"}} 1\n"
            )
        });
        let text = render(&[], &texts, "");
        assert!(
            text.starts_with(
                "# HELP bot_turns_total updates handled\n# TYPE bot_turns_total counter\nbot_turns_total{partner=\"north\"} 5\nbot_turns_total{partner=\"west\"} 5\n# HELP bot_up"
            ),
            "{text}"
        );
    }
}
