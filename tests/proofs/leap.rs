//! The machine's clock jumps by hours and by a month under a live bot whose leads are in a sequence (libfaketime; its
//! monotonic clock does not): nothing is said while it is unclear which time is true, the jump is told, and then
//! everybody hears one step, at the allowed rate, and none twice. The control does not freeze, and speaks at once.

use std::time::Duration;

use partnerctl::sandbox::Arrival;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::clock::{Watch, library};
use super::{Ledger, Order};
use crate::support::BOT;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const RATE: u64 = 20;
const FUNNEL: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: С чего начнём?, enroll: warm, next: end }
";
const SERIES: &str = "\
sequence: warm
title: Прогрев
purpose: service
max_late: 90d
while_in_funnel: beside
steps:
  - { id: a, after: 1h, say: Первое письмо }
  - { id: b, after: 20h, say: Второе письмо }
  - { id: c, after: 3d, say: Третье письмо }
";
const STEPS: [&str; 3] = ["Первое письмо", "Второе письмо", "Третье письмо"];
/// A bot looks at its clock twice a minute when nobody talks, and at once when somebody does.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn prove(order: &Order) -> Ledger {
    let mut ledger = Ledger::default();
    let leads = usize::try_from(order.count("leads", 6, 200)).unwrap();
    let freeze = order.count("freeze-seconds", 2, 60);
    if library().is_none() {
        ledger.skip("libfaketime is missing; run: apt-get install faketime");
        return ledger;
    }
    let mut leap = Leap::begin(leads, freeze).await;
    for (name, ahead, most) in [
        ("two hours ahead", 2 * HOUR, 1),
        ("a month ahead", 31 * DAY, 1),
        ("a month back", 2 * HOUR, 0),
        ("forty days ahead", 40 * DAY, 1),
    ] {
        leap.jump(name, ahead, most, &mut ledger).await;
    }
    leap.sum_up(&mut ledger).await;
    ledger.none(
        "exit code of a stop afterwards",
        leap.watch.rig.stop().await,
    );
    let mut control = Leap::begin(leads, 0).await;
    control.watch.set(2 * HOUR).await;
    let early = control.said_within(Duration::from_secs(freeze)).await;
    ledger.at_least("control without a freeze: said at once", early, 1_u64);
    ledger
}

struct Leap {
    watch: Watch,
    leads: Vec<i64>,
    freeze: Duration,
    arrivals: mpsc::UnboundedReceiver<(i64, Instant)>,
    jumps: u64,
}

impl Leap {
    async fn begin(leads: usize, freeze: u64) -> Leap {
        let library = library().expect("it was found before");
        let mut watch = Watch::prepare(library);
        let funnels = watch.rig.place.funnels();
        std::fs::create_dir_all(funnels.join("sequences")).unwrap();
        std::fs::write(funnels.join("weight.yaml"), FUNNEL).unwrap();
        std::fs::write(funnels.join("sequences/warm.yaml"), SERIES).unwrap();
        watch.rig.place.write_config(&format!(
            "contact_policy: {{ quiet_hours: none, per_day: 0, per_week: 0, min_gap: 1h }}\n\
             limits: {{ inputs_at_once: 0, messages_per_second: {RATE} }}\n"
        ));
        watch
            .rig
            .set_env("BOT_CLOCK_FREEZE_MS", &(freeze * 1_000).to_string());
        watch.rig.start().await;
        let mut people = Vec::new();
        for number in 0..leads {
            let lead = watch.rig.person(&format!("Лид{number}"));
            watch.rig.opens(lead, "weight");
            watch.rig.hears(lead, "С чего начнём?").await;
            people.push(lead);
        }
        watch.rig.quiet().await;
        let (told, arrivals) = mpsc::unbounded_channel();
        let known = people.clone();
        watch.rig.world.on_arrival(move |arrival| {
            if let Arrival::Message { chat, .. } = *arrival
                && known.contains(&chat)
            {
                let _ = told.send((chat, Instant::now()));
            }
        });
        Leap {
            watch,
            leads: people,
            freeze: Duration::from_secs(freeze),
            arrivals,
            jumps: 0,
        }
    }

    /// Steps said within this time.
    async fn said_within(&mut self, time: Duration) -> u64 {
        sleep(time).await;
        let mut count = 0;
        while self.arrivals.try_recv().is_ok() {
            count += 1;
        }
        count
    }

    /// One jump: silence for the freeze, then at most `most` steps for everybody, at the rate.
    async fn jump(&mut self, name: &str, ahead: i64, most: usize, ledger: &mut Ledger) {
        self.watch.set(ahead).await;
        self.jumps += 1;
        let early = self.said_within(self.freeze.mul_f64(0.8)).await;
        ledger.none(&format!("{name}: said while it was unclear"), early);
        let mut times = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while times.len() < most * self.leads.len() && Instant::now() < deadline {
            let rest = deadline - Instant::now();
            match tokio::time::timeout(rest, self.arrivals.recv()).await {
                Ok(Some((_, at))) => times.push(at),
                _ => break,
            }
        }
        // Whoever would speak once more has had the time for it.
        sleep(Duration::from_secs(1)).await;
        while let Ok((_, at)) = self.arrivals.try_recv() {
            times.push(at);
        }
        ledger.at_most(
            &format!("{name}: steps said"),
            times.len(),
            most * self.leads.len(),
        );
        ledger.at_least(
            &format!("{name}: leads who heard"),
            times.len(),
            most * self.leads.len(),
        );
        let second = times.iter().map(|from| {
            let within = |at: &&Instant| **at >= *from && **at < *from + Duration::from_secs(1);
            times.iter().filter(within).count()
        });
        ledger.at_most(
            &format!("{name}: most in one second"),
            second.max().unwrap_or(0),
            2 * RATE,
        );
        let health = self.watch.rig.get("/health").await;
        let told = health["totals"]["clock_jumps"].as_u64().unwrap_or(0);
        ledger.at_least(&format!("{name}: jumps told"), told, self.jumps);
    }

    async fn sum_up(&self, ledger: &mut Ledger) {
        let (mut twice, mut lost) = (0, 0);
        for lead in &self.leads {
            for step in STEPS {
                let times = self.watch.rig.count(*lead, step);
                twice += times.saturating_sub(1);
                lost += usize::from(times == 0);
            }
        }
        ledger.none("steps said twice", twice);
        ledger.none("steps lost", lost);
        let waits = self.watch.rig.world.pending_updates(BOT);
        ledger.none("updates left behind", waits);
        let logged = self.watch.rig.log().contains("clock jumped");
        ledger.at_least("the log tells of a jump", u64::from(logged), 1_u64);
    }
}
