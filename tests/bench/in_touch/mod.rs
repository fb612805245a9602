//! `bench in-touch [leads] [burst] [rate] [FILE]`: what keeping in touch costs: many enrolled leads in one bot, a file
//! edited under them, a burst of steps that are due in the same minute while others talk, one lead erased, and the
//! picture of the week. With FILE the rows are written between the marks in it.

#![expect(
    clippy::disallowed_methods,
    reason = "a bench waits by the clock, outside of any runtime"
)]

mod bot;
mod ear;
mod rows;

use std::path::Path;
use std::time::{Duration, Instant};

use bot::{Bot, Home};
use ear::Heard;
use partnerctl::sandbox::{NewUser, Options, Sandbox, World};
pub use rows::Figures;

const TOKEN: &str = "7000000002:TEST-CANARY-8f3b1c-bench-in-touch-0";
const BOT: i64 = 7_000_000_002;
const PARTNER: i64 = 900_000_001;
/// Leads who talk while the burst leaves: so many that nobody outruns what Telegram allows in one chat.
const TALKERS: usize = 60;
const STEP: &str = "Письмо";
const DAY_MS: i64 = 24 * 3_600_000;

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

pub fn run(args: &[String]) -> anyhow::Result<()> {
    let numbers: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    let number = |at: usize, unset: usize| numbers.get(at).copied().unwrap_or(unset);
    let file = args.iter().find(|arg| arg.parse::<usize>().is_err());
    let figures = measure(number(0, 100_000), number(1, 10_000), number(2, 100))?;
    let table = rows::render(&figures)?;
    print!("{table}");
    file.map_or(Ok(()), |file| rows::write(Path::new(file), &table))
}

fn measure(leads: usize, burst: usize, rate: usize) -> anyhow::Result<Figures> {
    let mut figures = Figures {
        leads,
        burst,
        rate,
        ..Figures::default()
    };
    let sandbox = Sandbox::start(Options::default())?;
    let world = sandbox.world();
    refused(world.add_bot(TOKEN, "bench_bot", "Bench"))?;
    let heard = Heard::listen(&world);
    let url = sandbox.url();
    figures.picture_mib = picture(&world, &heard, rate, &url)?;
    let home = Home::new(rate)?;
    let empty = {
        let bot = Bot::start(&home, &url)?;
        bot.settle()?;
        bot.memory()?
    };
    say(&format!("{leads} leads get in"));
    let mut bot = Bot::start(&home, &url)?;
    bot.settle()?;
    enroll(&world, &heard, leads)?;
    drop(bot);
    bot = Bot::start(&home, &url)?;
    bot.settle()?;
    figures.memory_mib = bot.memory()?.0 - empty.0;
    say("nothing is due");
    figures.idle_percent = idle(&bot)?;
    (figures.told_s, figures.replanned_s) = edit(&bot, &home)?;
    burst_of(&world, &heard, &bot, &home, &mut figures)?;
    erase(&world, &heard, &bot, &mut figures)?;
    Ok(figures)
}

fn say(what: &str) {
    eprintln!("… {what}");
}

/// What stays in memory after the picture of the week was drawn, beside a bot that never drew one.
fn picture(world: &World, heard: &Heard, rate: usize, url: &str) -> anyhow::Result<f64> {
    say("the picture of a week");
    let home = Home::new(rate)?;
    let bot = Bot::start(&home, url)?;
    world.add_user(NewUser {
        id: Some(PARTNER),
        first_name: "Partner".into(),
        ..NewUser::default()
    });
    refused(world.start(BOT, PARTNER, None))?;
    enroll(world, heard, 20)?;
    bot.settle()?;
    let before = bot.memory()?;
    let now = bot.health()?["now_ms"].as_i64().unwrap_or(0);
    // Ten o'clock of the next Monday in Moscow.
    let day = now / DAY_MS;
    let monday = (day + 1..).find(|day| day % 7 == 4).unwrap_or(day);
    let ahead = monday * DAY_MS + 7 * 3_600_000 - now;
    bot.ask("POST", &format!("/clock?advance_ms={ahead}"))?;
    let deadline = Instant::now() + Duration::from_secs(60);
    let has_picture = || {
        let shown = world.messages(BOT, PARTNER);
        shown.iter().any(|message| message["photo"].is_array())
    };
    while !has_picture() {
        anyhow::ensure!(Instant::now() < deadline, "no picture of the week");
        std::thread::sleep(Duration::from_millis(20));
    }
    bot.settle()?;
    Ok(bot.memory()?.0 - before.0)
}

/// CPU while nothing is due, in percent of a core.
fn idle(bot: &Bot) -> anyhow::Result<f64> {
    let (before, began) = (bot.cpu_ms()?, Instant::now());
    std::thread::sleep(Duration::from_secs(20));
    Ok((bot.cpu_ms()? - before) / began.elapsed().as_secs_f64() / 10.0)
}

/// What an edit would mean, told; then the edit itself, until everybody is planned anew.
fn edit(bot: &Bot, home: &Home) -> anyhow::Result<(f64, f64)> {
    say("a file is edited");
    let copy = home.0.join("copy");
    copy_funnels(&home.0.join("funnels"), &copy)?;
    std::fs::write(copy.join("sequences/warm.yaml"), sequence("12d"))?;
    let began = Instant::now();
    let told = bot.ask("GET", &format!("/plan?dir={}", copy.display()))?;
    let told_s = began.elapsed().as_secs_f64();
    anyhow::ensure!(told.contains("2 days later"), "a strange plan: {told}");
    let began = Instant::now();
    std::fs::write(home.0.join("funnels/sequences/warm.yaml"), sequence("12d"))?;
    bot.ask("POST", "/reload")?;
    bot.planned()?;
    Ok((told_s, began.elapsed().as_secs_f64()))
}

/// The steps of `burst` leads are due in the same minute; others talk meanwhile.
fn burst_of(
    world: &World,
    heard: &Heard,
    bot: &Bot,
    home: &Home,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let (burst, rate) = (figures.burst, figures.rate);
    say(&format!("{burst} steps are due at {rate} a second"));
    let talkers = talkers(world)?;
    heard.begin(burst, &talkers);
    // All are due from one moment on; as many as the burst holds are measured.
    std::fs::write(home.0.join("funnels/sequences/warm.yaml"), sequence("1m"))?;
    bot.ask("POST", "/reload")?;
    bot.planned()?;
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
            turns.extend(talk(world, heard, *talker)?);
            std::thread::sleep(Duration::from_millis(40));
        }
    }
    turns.sort_unstable();
    let at = |share: f64| {
        let place = (turns.len() as f64 * share) as usize;
        turns.get(place).map_or(0.0, |m| *m as f64 / 1_000.0)
    };
    let (seen, seconds) = heard.measured();
    figures.per_second = (seen as f64 - 1.0) / seconds;
    figures.reply_ms = (at(0.5), at(0.99));
    figures.twice = heard.twice();
    Ok(())
}

/// One lead goes for good and the file is written anew: how long that takes, and how long a reply waits for it at worst.
fn erase(world: &World, heard: &Heard, bot: &Bot, figures: &mut Figures) -> anyhow::Result<()> {
    say("a lead is erased");
    bot.ask("POST", "/pause")?;
    figures.file_mib = bot.file_mib()?;
    let talkers = talkers(world)?;
    let began = Instant::now();
    let (erased_s, worst) = std::thread::scope(|scope| {
        let erasing = scope.spawn(|| {
            let act = bot.ask("POST", "/lead/erase?lead=7&by=bench")?;
            anyhow::ensure!(act.contains("mark"), "not erased: {act}");
            anyhow::Ok(began.elapsed().as_secs_f64())
        });
        let mut worst = 0;
        while !erasing.is_finished() {
            for talker in &talkers {
                worst = worst.max(talk(world, heard, *talker)?.unwrap_or(0));
            }
        }
        let erased = erasing
            .join()
            .map_err(|_| anyhow::anyhow!("the asking thread died"))??;
        anyhow::Ok((erased, worst))
    })?;
    figures.erased_s = erased_s;
    figures.erased_worst_ms = worst as f64 / 1_000.0;
    Ok(())
}

fn talkers(world: &World) -> anyhow::Result<Vec<i64>> {
    let talkers: Vec<i64> = (0..TALKERS).map(|_| person(world)).collect();
    for talker in &talkers {
        refused(world.start(BOT, *talker, Some("talk")))?;
    }
    std::thread::sleep(Duration::from_millis(300));
    Ok(talkers)
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
            began.elapsed() < Duration::from_secs(60),
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
