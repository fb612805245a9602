//! Kills and faults while the bot speaks first: nothing is said twice, nothing is lost in silence, and what nobody can
//! know is counted and listed. Two controls play what other programs do, and must be caught.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use partnerctl::sandbox::{FaultKind, FaultRule};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Dice, Ledger, Order};
use crate::support::Rig;

const FUNNEL: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: warm, next: end }
";

/// Steps a minute apart; every text is unlike the others.
fn sequence(steps: usize) -> String {
    let mut text = "sequence: warm\ntitle: Прогрев\npurpose: service\nmax_late: 7d\nwhile_in_funnel: beside\nsteps:\n".to_owned();
    for step in 1..=steps {
        text.push_str(&format!(
            "  - {{ id: s{step}, after: 1m, say: \"{}\" }}\n",
            words(step)
        ));
    }
    text
}

fn words(step: usize) -> String {
    format!("Письмо номер {step}.")
}

const STEPS: usize = 4;
const MINUTE: i64 = 60_000;
/// Fast enough to be short, slow enough that a kill rarely meets two calls under way.
const CONFIG: &str = "limits: { inputs_at_once: 0, messages_per_second: 100 }\n";

pub async fn prove(order: &Order) -> Ledger {
    let leads = usize::try_from(order.count("leads", 60, 2_000)).unwrap();
    let mut ledger = Ledger::default();
    let mut storm = Storm::begin(order.dice(), leads).await;
    storm.rage().await;
    storm.count(&mut ledger).await;
    assert_eq!(storm.rig.stop().await, 0);
    drop(storm);
    controls(order, &mut ledger).await;
    ledger
}

struct Storm {
    rig: Rig,
    leads: Vec<i64>,
    dice: Dice,
    kills: u64,
    /// Faults after which nobody can know: a 5xx, an answer that is lost.
    ambiguous: u64,
}

/// 3 % 429, 2 % 5xx before anything is done, 2 % done with the answer lost.
fn faults() -> Vec<FaultRule> {
    let rule = |kind, probability, retry_after| FaultRule {
        probability,
        retry_after,
        ..FaultRule::new("sendMessage", kind)
    };
    vec![
        rule(FaultKind::Status(429), 0.03, 1),
        rule(FaultKind::Status(500), 0.02, 0),
        rule(FaultKind::LostAnswer, 0.02, 0),
    ]
}

impl Storm {
    async fn begin(dice: Dice, leads: usize) -> Storm {
        let mut rig = Rig::new();
        std::fs::create_dir_all(rig.place.funnels().join("sequences")).unwrap();
        std::fs::write(rig.place.funnels().join("weight.yaml"), FUNNEL).unwrap();
        std::fs::write(
            rig.place.funnels().join("sequences/warm.yaml"),
            sequence(STEPS),
        )
        .unwrap();
        rig.place.write_config(CONFIG);
        rig.set_env("BOT_MOVABLE_CLOCK", "1");
        rig.start().await;
        let mut people = Vec::new();
        for number in 0..leads {
            let lead = rig.person(&format!("Лид{number}"));
            rig.opens(lead, "weight");
            people.push(lead);
        }
        for lead in &people {
            rig.hears(*lead, "Здравствуйте!").await;
        }
        rig.quiet().await;
        Storm {
            rig,
            leads: people,
            dice,
            kills: 0,
            ambiguous: 0,
        }
    }

    /// Step by step: the minute passes, then the bot is killed until everybody has heard or is in doubt.
    async fn rage(&mut self) {
        for step in 1..=STEPS {
            self.rig.skip(MINUTE).await;
            self.rig
                .world
                .set_faults(faults(), Some(self.dice.random()));
            let mut unheard = self.leads.clone();
            let mut still = 0;
            while still < 3 {
                self.live_and_die().await;
                let before = unheard.len();
                unheard.retain(|lead| self.rig.count(*lead, &words(step)) == 0);
                // Nobody new heard anything, twice in a row and more: what is left is in doubt.
                let few = unheard.len() * 50 <= self.leads.len() * 6;
                still = if few && before == unheard.len() {
                    still + 1
                } else {
                    0
                };
            }
            self.ambiguous += self.fired();
            self.rig.no_faults();
            self.rig.state("running").await;
            self.rig.quiet().await;
        }
    }

    fn fired(&self) -> u64 {
        let rules = self.rig.world.faults();
        let told =
            |rule: &&FaultRule| matches!(rule.kind, FaultKind::Status(500) | FaultKind::LostAnswer);
        rules.iter().filter(told).map(|rule| rule.fired).sum()
    }

    async fn live_and_die(&mut self) {
        let up = Instant::now() + Duration::from_secs(10);
        while self.rig.get("/health").await["state"] != "running" && Instant::now() < up {
            sleep(Duration::from_millis(2)).await;
        }
        sleep(Duration::from_millis(80 + self.dice.throw(170))).await;
        self.rig.kill().await;
        self.kills += 1;
        self.rig.spawn();
    }

    async fn count(&self, ledger: &mut Ledger) {
        let mut unknown: HashMap<i64, Vec<String>> = HashMap::new();
        let mut doubts = 0_u64;
        for number in 1..=self.leads.len() {
            let why = self.rig.get(&format!("/why?lead={number}")).await;
            let chat = why["lead"]["chat_id"].as_i64().unwrap_or(0);
            for item in why["items"].as_array().into_iter().flatten() {
                if item["state"] == "unknown" {
                    doubts += 1;
                    let text = item["text"].as_str().unwrap_or_default().to_owned();
                    unknown.entry(chat).or_default().push(text);
                }
            }
        }
        let (mut said, mut twice, mut lost, mut doubtful_and_there) = (0, 0, 0, 0);
        for lead in &self.leads {
            let heard = self.rig.heard(*lead);
            for step in 1..=STEPS {
                let times = heard.iter().filter(|text| **text == words(step)).count();
                let in_doubt = unknown
                    .get(lead)
                    .is_some_and(|texts| texts.contains(&words(step)));
                said += times.min(1);
                twice += times.saturating_sub(1);
                doubtful_and_there += usize::from(in_doubt && times > 0);
                if times == 0 && !in_doubt {
                    lost += 1;
                    ledger.trouble(format!(
                        "lead in chat {lead} never heard \"{}\"",
                        words(step)
                    ));
                }
            }
        }
        let health = self.rig.get("/health").await;
        ledger.told("kills", self.kills);
        ledger.told("faults after which nobody can know", self.ambiguous);
        ledger.told("steps meant", self.leads.len() * STEPS);
        ledger.told("steps said", said);
        ledger.none("said twice", twice);
        ledger.none("lost in silence", lost);
        ledger.at_most("unknown, each listed", doubts, self.kills + self.ambiguous);
        ledger.told("  of them arrived", doubtful_and_there);
        let counted = health["queue"]["unknown"].as_u64().unwrap_or(u64::MAX);
        ledger.at_most("  not counted by the bot", doubts.abs_diff(counted), 0_u64);
    }
}

/// What a program keeps on its disk about one message.
#[derive(Clone, Copy, PartialEq)]
enum Noted {
    Due,
    Sent,
}

/// The same leads, faults and kills against two common ways to send, played by a few lines.
async fn controls(order: &Order, ledger: &mut Ledger) {
    let leads = usize::try_from(order.count("control-leads", 60, 400)).unwrap();
    for way in [Way::RetryEverything, Way::CheckpointAtFetch] {
        let mut control = Control::begin(order.dice(), leads);
        control.rage(way).await;
        let (twice, lost) = control.count();
        match way {
            Way::RetryEverything => {
                ledger.at_least("control, retries everything: said twice", twice, 1)
            }
            Way::CheckpointAtFetch => {
                ledger.at_least("control, checkpoint at fetch: lost in silence", lost, 1)
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Sent once Telegram says so; anything else is tried again.
    RetryEverything,
    /// A batch is noted as sent when it is fetched.
    CheckpointAtFetch,
}

struct Control {
    rig: Rig,
    disk: BTreeMap<i64, Noted>,
    dice: Dice,
}

impl Control {
    fn begin(dice: Dice, leads: usize) -> Control {
        let rig = Rig::new();
        let mut disk = BTreeMap::new();
        for number in 0..leads {
            let lead = rig.person(&format!("Лид{number}"));
            rig.opens(lead, "");
            disk.insert(lead, Noted::Due);
        }
        Control { rig, disk, dice }
    }

    async fn rage(&mut self, way: Way) {
        self.rig
            .world
            .set_faults(faults(), Some(self.dice.random()));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!(
            "{}/bot{}/sendMessage",
            self.rig.url(),
            crate::support::TOKEN
        );
        for _ in 0..200 {
            let due: Vec<i64> = self
                .disk
                .iter()
                .filter(|(_, noted)| **noted == Noted::Due)
                .map(|(lead, _)| *lead)
                .collect();
            if due.is_empty() {
                break;
            }
            let life = Duration::from_millis(8 + self.dice.throw(17));
            let batch = &due[..due.len().min(50)];
            if way == Way::CheckpointAtFetch {
                for lead in batch {
                    self.disk.insert(*lead, Noted::Sent);
                }
            }
            let disk = &mut self.disk;
            let work = async {
                for lead in batch {
                    let body = json!({ "chat_id": lead, "text": "Письмо" });
                    let answer = client.post(&url).json(&body).send().await;
                    let ok = match answer {
                        Ok(answer) => answer
                            .json::<Value>()
                            .await
                            .is_ok_and(|answer| answer["ok"] == true),
                        Err(_) => false,
                    };
                    // Between the answer and the note the process may die too: the note takes a flush.
                    sleep(Duration::from_millis(1)).await;
                    if ok {
                        disk.insert(*lead, Noted::Sent);
                    }
                }
            };
            // Dropped wherever it stands, as a killed process is.
            let _ = tokio::time::timeout(life, work).await;
        }
        self.rig.no_faults();
        sleep(Duration::from_millis(200)).await;
    }

    fn count(&self) -> (usize, usize) {
        let heard = |lead: &i64| self.rig.count(*lead, "Письмо");
        let twice = self
            .disk
            .keys()
            .map(|lead| heard(lead).saturating_sub(1))
            .sum();
        let lost = self.disk.keys().filter(|lead| heard(lead) == 0).count();
        (twice, lost)
    }
}
