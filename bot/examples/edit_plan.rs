//! How long the plan of an edit takes over 100,000 waiting leads:
//! `cargo run --release -p bot --example edit_plan [leads]`.

use std::time::Instant;

use bot::funnel::event::{TimerData, TimerName, Waiting};
use bot::funnel::{EditPlan, Funnels, SourceFile, compile};
use bot::partner::Partner;

const NOW_MS: i64 = 1_768_471_200_000;
const HOUR_MS: i64 = 3_600_000;

const FUNNEL: &str = "funnel: main
title: Главная
enter: { start: [main] }
first: a
steps: { a: { say: Да, enroll: letters, next: end } }
";

fn letters(hour: u32, extra: &str) -> String {
    let mut text = "sequence: letters\ntitle: Письма\nsteps:\n".to_owned();
    for step in 0..8 {
        if step == 4 {
            text.push_str(extra);
        }
        text.push_str(&format!(
            "  - {{ id: s{step}, after: 3d, at: \"{hour}:00\", days: [mon..sat], say: Слово }}\n"
        ));
    }
    text
}

fn loaded(letters: &str) -> Funnels {
    let files = [
        SourceFile::new("funnels/main.yaml", FUNNEL),
        SourceFile::new("funnels/sequences/letters.yaml", letters),
    ];
    let partner = Partner {
        timezone: "Asia/Almaty".into(),
        ..Partner::default()
    };
    let compiled = compile(&files, &partner);
    compiled.funnels.expect("the files are sound")
}

fn main() {
    let leads: i64 = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let live = loaded(&letters(10, ""));
    let next = loaded(&letters(
        19,
        "  - { id: new, after: 1d, at: \"12:00\", say: Новое }\n",
    ));
    let zones = [
        "Asia/Almaty",
        "Europe/Moscow",
        "Asia/Vladivostok",
        "Europe/Berlin",
    ];
    let name = TimerName::Sequence("letters".into());
    let rows: Vec<(i64, String)> = (1..=leads)
        .map(|lead| {
            let step = lead % 8;
            let planned_ms = NOW_MS + (lead % 72) * HOUR_MS;
            let waiting = Waiting {
                step: format!("s{step}"),
                entry: 1,
                passed: (0..step).map(|step| format!("s{step}")).collect(),
                anchor_ms: planned_ms - 72 * HOUR_MS,
                planned_ms,
                zone: zones[lead as usize % zones.len()].into(),
            };
            let text = serde_json::to_string(&TimerData::Sequence(waiting));
            (lead, text.unwrap_or_default())
        })
        .collect();
    // As the rows come from the store: as text.
    let start = Instant::now();
    let mut plan = EditPlan::new(&live, &next, NOW_MS);
    for (lead, text) in &rows {
        if let Ok(data) = serde_json::from_str(text) {
            plan.count(*lead, &name, &data);
        }
    }
    let report = plan.report();
    let planned = start.elapsed();
    for line in report.lines.iter().take(4) {
        println!("{line}");
    }
    println!("… {} lines", report.lines.len());
    let start = Instant::now();
    let mut moved = 0;
    for (_, text) in &rows {
        let Ok(data) = serde_json::from_str::<TimerData>(text) else {
            continue;
        };
        let TimerData::Sequence(waiting) = &data else {
            continue;
        };
        let again = next.replan(&name, &data, &waiting.zone, NOW_MS);
        moved += usize::from(again.is_some_and(|(_, new)| new != data));
    }
    println!(
        "{leads} leads: plan {} ms, re-plan {} ms ({moved} rows move)",
        planned.as_millis(),
        start.elapsed().as_millis()
    );
}
