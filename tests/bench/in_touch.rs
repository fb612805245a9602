//! `bench in-touch [leads] [burst] [rate]`: what keeping in touch costs: many enrolled leads in one bot, a file edited
//! under them, and a burst of steps that are due in the same minute while others talk.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench waits by the clock, outside of any runtime"
)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use partnerctl::sandbox::{Arrival, NewUser, Options, Sandbox, World};
use serde_json::Value;

const TOKEN: &str = "7000000002:BENCH-TEST-bbbbbbbbbbbbbbbbbbbbbbbbbbb";
const BOT: i64 = 7_000_000_002;
/// Leads who talk while the burst leaves.
const TALKERS: usize = 5;
const STEP: &str = "Письмо";

const FUNNEL: &str = "\
funnel: bench
title: Замер
enter: { start: [bench] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: warm, next: end }
";
const TALK: &str = "\
funnel: talk
title: Разговор
enter: { start: [talk] }
first: one
steps:
  one: { say: Один, buttons: [{ text: Дальше, to: two }] }
  two: { say: Два, buttons: [{ text: Дальше, to: one }] }
";

fn sequence(after: &str) -> String {
    format!(
        "sequence: warm\ntitle: Прогрев\npurpose: service\nmax_late: 20d\nsteps:\n  - {{ id: one, after: {after}, say: \"{STEP}\" }}\n  - {{ id: two, after: 20d, say: Второе }}\n"
    )
}

pub fn run(args: &[u64]) -> anyhow::Result<()> {
    let number = |at: usize, unset: usize| {
        args.get(at)
            .map_or(unset, |n| usize::try_from(*n).unwrap_or(unset))
    };
    let (leads, burst, rate) = (number(0, 100_000), number(1, 10_000), number(2, 100));
    let home = Home::new(rate)?;
    let sandbox = Sandbox::start(Options::default())?;
    let world = sandbox.world();
    refused(world.add_bot(TOKEN, "bench_bot", "Bench"))?;
    let heard = Heard::listen(&world);
    let url = sandbox.url();
    let mut bot = Bot::start(&home, &url)?;
    bot.settle()?;
    let empty = bot.memory()?;
    drop(bot);
    println!(
        "empty bot: anonymous {:.2} MiB, rss {:.2} MiB",
        empty.0, empty.1
    );

    bot = Bot::start(&home, &url)?;
    bot.settle()?;
    let began = Instant::now();
    enroll(&world, &heard, leads)?;
    println!(
        "{leads} leads enrolled in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    drop(bot);
    bot = Bot::start(&home, &url)?;
    bot.settle()?;
    let full = bot.memory()?;
    println!(
        "with {leads} enrolled: anonymous {:.2} MiB, rss {:.2} MiB: {:+.2} MiB",
        full.0,
        full.1,
        full.0 - empty.0
    );
    idle(&bot)?;
    plan(&bot, &home)?;
    burst_of(&world, &heard, &bot, &home, burst, rate)
}

/// CPU while nothing is due.
fn idle(bot: &Bot) -> anyhow::Result<()> {
    let (before, began) = (bot.cpu_ms()?, Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    let share = (bot.cpu_ms()? - before) / began.elapsed().as_secs_f64() / 10.0;
    println!("idle with nothing due: {share:.3} % of a core (limit 1)");
    Ok(())
}

/// What an edit would mean, told; then the edit itself, until everybody is planned anew.
fn plan(bot: &Bot, home: &Home) -> anyhow::Result<()> {
    let copy = home.0.join("copy");
    copy_funnels(&home.0.join("funnels"), &copy)?;
    std::fs::write(copy.join("sequences/warm.yaml"), sequence("12d"))?;
    let began = Instant::now();
    let told = bot.ask("GET", &format!("/plan?dir={}", copy.display()))?;
    println!(
        "plan of an edit told in {:.2} s (limit 2): {}",
        began.elapsed().as_secs_f64(),
        short(&told)
    );
    let began = Instant::now();
    std::fs::write(home.0.join("funnels/sequences/warm.yaml"), sequence("12d"))?;
    bot.ask("POST", "/reload")?;
    while bot.health()?["speaks_first"]["planning"] == true {
        std::thread::sleep(Duration::from_millis(5));
    }
    println!(
        "the edit live and everybody planned anew in {:.2} s (limit 2)",
        began.elapsed().as_secs_f64()
    );
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

/// The steps of `burst` leads are due in the same minute; others talk meanwhile.
fn burst_of(
    world: &World,
    heard: &Heard,
    bot: &Bot,
    home: &Home,
    burst: usize,
    rate: usize,
) -> anyhow::Result<()> {
    let talkers: Vec<i64> = (0..TALKERS).map(|_| person(world)).collect();
    for talker in &talkers {
        refused(world.start(BOT, *talker, Some("talk")))?;
    }
    std::thread::sleep(Duration::from_millis(300));
    heard.begin(burst, &talkers);
    // All are due from one moment on; as many as the burst holds are measured.
    std::fs::write(home.0.join("funnels/sequences/warm.yaml"), sequence("1m"))?;
    bot.ask("POST", "/reload")?;
    bot.ask("POST", "/clock?advance_ms=120000")?;
    let began = Instant::now();
    let mut turns = Vec::new();
    while heard.steps() < burst {
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(40 + 2 * (burst / rate) as u64),
            "only {} of {burst} steps left",
            heard.steps()
        );
        for talker in &talkers {
            if let Some(micros) = talk(world, heard, *talker)? {
                turns.push(micros);
            }
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    turns.sort_unstable();
    let at = |share: f64| {
        turns
            .get((turns.len() as f64 * share) as usize)
            .map_or(0.0, |m| *m as f64 / 1_000.0)
    };
    let (seen, seconds) = heard.measured();
    let real = (seen as f64 - 1.0) / seconds;
    println!(
        "{seen} steps left in {seconds:.1} s: {real:.2} a second, {:+.2} % of the {rate} allowed (limit 2 %)",
        (real / rate as f64 - 1.0) * 100.0
    );
    println!(
        "{} replies meanwhile: p50 {:.1} ms, p99 {:.1} ms (limit 50); twice said: {}",
        turns.len(),
        at(0.5),
        at(0.99),
        heard.twice()
    );
    Ok(())
}

/// One press and its answer, in microseconds.
fn talk(world: &World, heard: &Heard, talker: i64) -> anyhow::Result<Option<u64>> {
    let Some((message, _)) = heard.last(talker) else {
        return Ok(None);
    };
    let began = Instant::now();
    refused(world.press_at(BOT, talker, message, 0, 0))?;
    loop {
        if let Some((now, at)) = heard.last(talker)
            && now != message
        {
            return Ok(Some(u64::try_from(at.duration_since(began).as_micros())?));
        }
        anyhow::ensure!(
            began.elapsed() < Duration::from_secs(10),
            "no answer to a press"
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn enroll(world: &World, heard: &Heard, leads: usize) -> anyhow::Result<()> {
    world.set_quiet(true);
    let before = heard.all();
    for number in 0..leads {
        let lead = person(world);
        refused(world.start(BOT, lead, Some("bench")))?;
        while number + 1 > heard.all() - before + 512 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let deadline = Instant::now() + Duration::from_secs(120);
    while heard.all() - before < leads {
        anyhow::ensure!(
            Instant::now() < deadline,
            "only {} of {leads} were answered",
            heard.all() - before
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn person(world: &World) -> i64 {
    world.add_user(NewUser {
        first_name: "Lead".into(),
        ..NewUser::default()
    })
}

fn refused<T, E: std::fmt::Debug>(done: Result<T, E>) -> anyhow::Result<T> {
    done.map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn copy_funnels(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to.join("sequences"))?;
    for name in ["bench.yaml", "talk.yaml", "sequences/warm.yaml"] {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}

/// What arrived: counts, times of steps, the last message of those who talk.
#[derive(Clone)]
struct Heard(Arc<Inner>);

struct Inner {
    all: AtomicUsize,
    burst: Mutex<Burst>,
    last: Mutex<std::collections::HashMap<i64, (i64, Instant)>>,
}

#[derive(Default)]
struct Burst {
    most: usize,
    talkers: HashSet<i64>,
    chats: HashSet<i64>,
    twice: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Heard {
    fn listen(world: &World) -> Heard {
        let heard = Heard(Arc::new(Inner {
            all: AtomicUsize::new(0),
            burst: Mutex::default(),
            last: Mutex::default(),
        }));
        let ear = heard.clone();
        world.on_arrival(move |arrival| {
            if let Arrival::Message {
                chat, message_id, ..
            } = *arrival
            {
                ear.hear(chat, message_id);
            }
        });
        heard
    }

    fn hear(&self, chat: i64, message: i64) {
        let now = Instant::now();
        self.0.all.fetch_add(1, Ordering::Relaxed);
        let mut burst = self.0.burst.lock().expect("no panic holds it");
        let mut last = self.0.last.lock().expect("no panic holds it");
        last.insert(chat, (message, now));
        if burst.chats.len() < burst.most && !burst.talkers.contains(&chat) {
            if burst.chats.insert(chat) {
                burst.first.get_or_insert(now);
                burst.last = Some(now);
            } else {
                burst.twice += 1;
            }
        }
    }

    fn begin(&self, most: usize, talkers: &[i64]) {
        let talkers = talkers.iter().copied().collect();
        *self.0.burst.lock().expect("no panic holds it") = Burst {
            most,
            talkers,
            ..Burst::default()
        };
    }

    fn steps(&self) -> usize {
        self.0.burst.lock().expect("no panic holds it").chats.len()
    }

    fn twice(&self) -> usize {
        self.0.burst.lock().expect("no panic holds it").twice
    }

    fn measured(&self) -> (usize, f64) {
        let burst = self.0.burst.lock().expect("no panic holds it");
        let span = burst.first.zip(burst.last).map_or(0.0, |(first, last)| {
            last.duration_since(first).as_secs_f64()
        });
        (burst.chats.len(), span)
    }

    fn all(&self) -> usize {
        self.0.all.load(Ordering::Relaxed)
    }

    fn last(&self, chat: i64) -> Option<(i64, Instant)> {
        self.0
            .last
            .lock()
            .expect("no panic holds it")
            .get(&chat)
            .copied()
    }
}

/// A partner's directory that is gone afterwards.
struct Home(PathBuf);

impl Home {
    fn new(rate: usize) -> anyhow::Result<Home> {
        let home = std::env::temp_dir().join(format!("bot-in-touch-{}", std::process::id()));
        std::fs::create_dir_all(home.join("partners/bench"))?;
        std::fs::create_dir_all(home.join("funnels/sequences"))?;
        std::fs::write(home.join("funnels/bench.yaml"), FUNNEL)?;
        std::fs::write(home.join("funnels/talk.yaml"), TALK)?;
        std::fs::write(home.join("funnels/sequences/warm.yaml"), sequence("10d"))?;
        let config = format!(
            "display_name: Замер\nconsent: {{ contact: false, advertising: false }}\ntimezone: Europe/Moscow\ndefault_funnel: bench\nhot: {{ score: 1000 }}\n\
             contact_policy: {{ quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m }}\n\
             limits: {{ inputs_at_once: 0, messages_per_second: {rate} }}\n"
        );
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

struct Bot {
    child: Child,
    socket: PathBuf,
}

impl Bot {
    fn start(home: &Home, api: &str) -> anyhow::Result<Bot> {
        let program = std::env::current_exe()?.with_file_name("bot");
        let child = Command::new(&program)
            .args(["run", "--partner"])
            .arg(home.0.join("partners/bench"))
            .env("TELEGRAM_API_URL", api)
            .env("BOT_MOVABLE_CLOCK", "1")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| {
                format!(
                    "{}; build it: cargo build --release --bins",
                    program.display()
                )
            })?;
        let socket = home.0.join("partners/bench/data/bot.sock");
        Ok(Bot { child, socket })
    }

    /// Waits until it runs and has nothing to plan, then a while for memory to be given back.
    fn settle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let health = self.health().unwrap_or_default();
            if health["state"] == "running" && health["speaks_first"]["planning"] == false {
                break;
            }
            anyhow::ensure!(Instant::now() < deadline, "the bot is not ready: {health}");
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    }

    fn health(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.ask("GET", "/health")?)?)
    }

    fn ask(&self, method: &str, path: &str) -> anyhow::Result<String> {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(body.to_owned())
    }

    fn proc(&self, name: &str) -> anyhow::Result<String> {
        let path = Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name);
        Ok(std::fs::read_to_string(path)?)
    }

    /// Anonymous and resident memory in MiB.
    fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let rollup = self.proc("smaps_rollup")?;
        let of = |name: &str| {
            let line = rollup
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("0");
            line.trim()
                .trim_end_matches(" kB")
                .parse::<f64>()
                .unwrap_or(0.0)
                / 1024.0
        };
        Ok((of("Anonymous:"), of("Rss:")))
    }

    /// Time on a processor, all threads, in milliseconds; the kernel counts in steps of ten.
    fn cpu_ms(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Ok(ticks
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>()
            * 10.0)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // A clean end: the next bot starts without care.
        // SAFETY: the child is ours and not yet waited for.
        unsafe { libc::kill(i32::try_from(self.child.id()).unwrap_or(0), libc::SIGTERM) };
        let _ = self.child.wait();
    }
}
