//! Measures one real bot against the local Telegram: `cargo run --release -p tests --bin bench -- [seconds] [leads] [delay ms]`.
//!
//! Leads walk a five-turn funnel in closed loops: greeting, two presses, a name, a phone. A turn runs from the update
//! entering the queue that getUpdates reads to the arrival of the answer. Limits are off, which is allowed here only
//! because everything stays on loopback.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench waits by the clock, outside of any runtime"
)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use partnerctl::sandbox::{Arrival, NewUser, Options, Sandbox, World};

const TOKEN: &str = "7000000001:BENCH-TEST-aaaaaaaaaaaaaaaaaaaaaaaaaaa";
const BOT: i64 = 7_000_000_001;

const FUNNEL: &str = "\
funnel: bench
title: Замер
enter: { start: [bench] }
first: hello
steps:
  hello:
    say: \"Здравствуйте, {{ lead.first_name }}!\"
    buttons: [{ text: Дальше, to: goal, tag: bench }, { text: Потом, to: goal }]
  goal:
    say: Что важнее?
    buttons: [{ text: Вес, to: name, id: a }, { text: Силы, to: name, id: b }]
    save: goal
  name: { ask: Как вас зовут?, expect: text, save: name, next: phone }
  phone: { ask: Ваш телефон?, expect: { phone: { button: false } }, save: phone, next: end }
";

fn main() -> anyhow::Result<()> {
    let args: Vec<u64> = std::env::args()
        .skip(1)
        .map(|arg| arg.parse())
        .collect::<Result<_, _>>()?;
    let number = |at: usize, unset: u64| args.get(at).copied().unwrap_or(unset);
    let (seconds, leads, delay) = (number(0, 5), number(1, 100), number(2, 0));
    let home = Home::new()?;
    let sandbox = Sandbox::start(Options::default())?;
    let world = sandbox.world();
    world
        .add_bot(TOKEN, "bench_bot", "Bench")
        .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
    let began = Instant::now();
    let bot = Bot::start(&home, sandbox.url())?;
    wait(|| !world.calls("getUpdates").is_empty()).context("the bot does not poll")?;
    let ready = began.elapsed();
    let loops = Loops::close(&world, delay);
    for n in 0..leads {
        let lead = world.add_user(NewUser {
            first_name: format!("Lead {n}"),
            ..NewUser::default()
        });
        loops.begin(lead);
        world
            .start(BOT, lead, Some("bench"))
            .map_err(|refused| anyhow::anyhow!("{refused:?}"))?;
    }
    std::thread::sleep(Duration::from_secs(1));
    let cpu = bot.cpu_seconds()?;
    let began = Instant::now();
    loops.measure(true);
    std::thread::sleep(Duration::from_secs(seconds));
    loops.measure(false);
    let wall = began.elapsed().as_secs_f64();
    let cpu = bot.cpu_seconds()? - cpu;
    loops.stop();
    let mut latencies = loops.latencies();
    latencies.sort_unstable();
    let at = |share: f64| {
        latencies
            .get((latencies.len() as f64 * share) as usize)
            .copied()
            .unwrap_or(0) as f64
            / 1_000.0
    };
    println!(
        "turns/s {:.0}; p50 {:.2} ms; p99 {:.2} ms; cpu/10k {:.2} s; rss {:.1} MiB; start {:.0} ms; violations {}",
        latencies.len() as f64 / wall,
        at(0.50),
        at(0.99),
        cpu / latencies.len() as f64 * 10_000.0,
        bot.rss_mib()?,
        ready.as_secs_f64() * 1_000.0,
        world.violations().len(),
    );
    Ok(())
}

fn wait(done: impl Fn() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(10);
    while !done() {
        anyhow::ensure!(Instant::now() < until, "not within ten seconds");
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A partner's directory that is gone afterwards.
struct Home(PathBuf);

impl Home {
    fn new() -> anyhow::Result<Home> {
        let home = std::env::temp_dir().join(format!("bot-bench-{}", std::process::id()));
        std::fs::create_dir_all(home.join("partners/bench"))?;
        std::fs::create_dir_all(home.join("funnels"))?;
        std::fs::write(home.join("funnels/bench.yaml"), FUNNEL)?;
        let config = "display_name: Замер\ntimezone: Europe/Moscow\ndefault_funnel: bench\nhot: { score: 1000 }\nlimits: { inputs_at_once: 0, messages_per_second: 0 }\n";
        std::fs::write(home.join("partners/bench/config.yaml"), config)?;
        let env = home.join("partners/bench/.env");
        std::fs::write(&env, format!("BOT_TOKEN={TOKEN}\n"))?;
        std::fs::set_permissions(&env, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Home(home))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Bot(Child);

impl Bot {
    fn start(home: &Home, api: String) -> anyhow::Result<Bot> {
        let program = std::env::current_exe()?.with_file_name("bot");
        let child = Command::new(&program)
            .args(["run", "--partner"])
            .arg(home.0.join("partners/bench"))
            .env("TELEGRAM_API_URL", api)
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| {
                format!(
                    "{}; build it: cargo build --release -p bot",
                    program.display()
                )
            })?;
        Ok(Bot(child))
    }

    fn proc(&self, name: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(
            Path::new("/proc").join(self.0.id().to_string()).join(name),
        )?)
    }

    /// User and system time, in clock ticks of 10 ms.
    fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    fn rss_mib(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or("0");
        Ok(line
            .trim()
            .trim_end_matches(" kB")
            .parse::<f64>()
            .unwrap_or(0.0)
            / 1024.0)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Leads that act as soon as they are answered.
#[derive(Clone)]
struct Loops(Arc<Inner>);

struct Inner {
    world: World,
    going: AtomicBool,
    measuring: AtomicBool,
    /// Lead to (turn in the funnel, when the lead acted).
    leads: Mutex<HashMap<i64, (usize, Instant)>>,
    latencies: Mutex<Vec<u64>>,
}

impl Loops {
    fn close(world: &World, _delay: u64) -> Loops {
        let loops = Loops(Arc::new(Inner {
            world: world.clone(),
            going: AtomicBool::new(true),
            measuring: AtomicBool::new(false),
            leads: Mutex::default(),
            latencies: Mutex::default(),
        }));
        let acting = loops.clone();
        world.on_arrival(move |arrival| {
            if let Arrival::Message {
                chat, message_id, ..
            } = *arrival
            {
                acting.act(chat, message_id);
            }
        });
        world.set_quiet(true);
        loops
    }

    fn begin(&self, lead: i64) {
        self.0
            .leads
            .lock()
            .expect("no panic holds it")
            .insert(lead, (0, Instant::now()));
    }

    fn measure(&self, on: bool) {
        self.0.measuring.store(on, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.0.going.store(false, Ordering::Relaxed);
    }

    fn latencies(&self) -> Vec<u64> {
        self.0.latencies.lock().expect("no panic holds it").clone()
    }

    fn act(&self, lead: i64, message_id: i64) {
        let inner = &self.0;
        let turn = {
            let mut leads = inner.leads.lock().expect("no panic holds it");
            let Some((turn, since)) = leads.get_mut(&lead) else {
                return;
            };
            if inner.measuring.load(Ordering::Relaxed) {
                let micros = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
                inner
                    .latencies
                    .lock()
                    .expect("no panic holds it")
                    .push(micros);
            }
            *since = Instant::now();
            let now = *turn;
            *turn = (*turn + 1) % 5;
            now
        };
        if !inner.going.load(Ordering::Relaxed) {
            return;
        }
        let done = match turn {
            0 | 1 => inner.world.press_at(BOT, lead, message_id, 0, 0).map(drop),
            2 => inner.world.send(BOT, lead, "Аружан").map(drop),
            3 => inner.world.send(BOT, lead, "+7 701 123-45-67").map(drop),
            _ => inner.world.start(BOT, lead, Some("bench")).map(drop),
        };
        if let Err(refused) = done {
            eprintln!("turn {turn} of {lead}: {refused:?}");
        }
    }
}
