//! What the alert rules of `docs/monitoring` need beside the bots' own figures. PURE.

use std::fmt::Write;

use super::judge::{Look, is_refused, is_second_poller};

/// Prometheus text of one look.
pub fn text(look: &Look) -> String {
    let mut text = String::new();
    let mut family = |name: &str, help: &str, samples: Vec<(String, f64)>| {
        if samples.is_empty() {
            return;
        }
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
    };
    let flag = |on: bool| f64::from(u8::from(on));
    let bots = |value: &dyn Fn(&super::judge::BotSeen) -> f64| {
        let sample = |bot| (format!("partner=\"{}\"", bot_id(bot)), value(bot));
        look.bots.iter().map(sample).collect::<Vec<_>>()
    };
    family(
        "partner_bot_wanted",
        "1 when it was started and not stopped since",
        bots(&|bot| flag(bot.wanted)),
    );
    family(
        "partner_bot_up",
        "1 when its process is there, well or waiting for something",
        bots(&|bot| flag(bot.running)),
    );
    family(
        "partner_bot_refused",
        "1 when its token or its configuration is refused",
        bots(&|bot| flag(is_refused(bot))),
    );
    family(
        "partner_bot_second_poller",
        "1 when somebody else reads its updates",
        bots(&|bot| flag(is_second_poller(bot))),
    );
    if look.backups {
        family(
            "partner_backup_timestamp_seconds",
            "when its newest backup was taken; 0 for never",
            bots(&|bot| bot.backup_at as f64 / 1_000.0),
        );
    }
    let disks = |value: &dyn Fn(&(String, u64, u64)) -> f64| {
        let sample = |disk: &(String, u64, u64)| (format!("path=\"{}\"", disk.0), value(disk));
        look.disks.iter().map(sample).collect::<Vec<_>>()
    };
    family(
        "partner_host_disk_free_ratio",
        "free share of the disks with data and backups",
        disks(&|(_, percent, _)| *percent as f64 / 100.0),
    );
    family(
        "partner_host_disk_free_bytes",
        "free bytes of the same",
        disks(&|(_, _, bytes)| *bytes as f64),
    );
    text
}

fn bot_id(bot: &super::judge::BotSeen) -> &str {
    &bot.id
}

#[cfg(test)]
mod tests {
    use super::super::judge::BotSeen;
    use super::*;

    #[test]
    fn one_look_in_the_words_of_prometheus() {
        let look = Look {
            bots: vec![BotSeen {
                id: "north".to_owned(),
                wanted: true,
                failed: true,
                exit_code: Some(78),
                ..BotSeen::default()
            }],
            disks: vec![("/var".to_owned(), 9, 512)],
            ..Look::default()
        };
        let text = text(&look);
        for line in [
            "partner_bot_wanted{partner=\"north\"} 1",
            "partner_bot_up{partner=\"north\"} 0",
            "partner_bot_refused{partner=\"north\"} 1",
            "partner_host_disk_free_ratio{path=\"/var\"} 0.09",
        ] {
            assert!(text.lines().any(|said| said == line), "{line} in {text}");
        }
        assert!(
            !text.contains("partner_backup"),
            "no backups are set up: {text}"
        );
    }
}
