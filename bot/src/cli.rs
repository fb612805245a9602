//! The program's arguments: run | check | why | migrate.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::{self, End};
use crate::clock::Clock;
use crate::config::{self, Environment, LoadOptions};
use crate::diagnostic::{Diagnostic, Severity};
use crate::{logging, memory, process, store, story};

const EXAMPLES: &str = "\
Examples:
  bot run --partner partners/north          run one partner's bot
  PARTNER_CONFIG=partners/north bot run     the same
  bot check --partner partners/north        report every problem of config and funnels
  bot why --partner partners/north 12       tell the story of lead #12";

#[derive(Parser)]
#[command(name = "bot", version, about = "Runs one partner's Telegram bot", before_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bot until SIGTERM or SIGINT; SIGHUP reloads the funnels.
    #[command(
        before_help = "Examples:\n  bot run --partner partners/north\n  TELEGRAM_API_URL=http://127.0.0.1:8081 bot run --partner partners/north"
    )]
    Run(Place),
    /// Report every problem of config and funnels at once; exits 0 or 3.
    #[command(before_help = "Examples:\n  bot check --partner partners/north")]
    Check(Place),
    /// Tell what happened to a lead, and why each message was sent or held.
    #[command(before_help = "Examples:\n  bot why --partner partners/north 12")]
    Why {
        #[command(flatten)]
        place: Place,
        /// The lead's number, as on its card: 12
        lead: i64,
    },
    /// Show or erase what is kept of a lead while the bot does not run.
    #[command(
        before_help = "Examples:\n  bot lead export 12 --partner partners/north\n  bot lead erase 12 --partner partners/north --by anna"
    )]
    Lead {
        /// export | erase
        #[arg(value_parser = ["export", "erase"])]
        verb: String,
        /// The lead's number, as on its card: 12
        lead: i64,
        /// Who erases, for the act
        #[arg(long, default_value = "root")]
        by: String,
        #[command(flatten)]
        place: Place,
    },
    /// Bring the partner's data up to date without running the bot.
    #[command(before_help = "Examples:\n  bot migrate --partner partners/north")]
    Migrate(Place),
    /// Write a whole copy of a stopped bot's data; a running one is asked on its socket.
    #[command(before_help = "Examples:\n  bot copy --partner partners/north --to copy.db")]
    Copy {
        #[command(flatten)]
        place: Place,
        /// Where the copy goes; a file that is there is replaced
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Check and count a copy; prints JSON.
    #[command(before_help = "Examples:\n  bot inspect copy.db")]
    Inspect {
        /// A copy of bot.db that no bot writes to
        copy: PathBuf,
    },
    /// Print the version, and the data it can read, as JSON.
    #[command(before_help = "Examples:\n  bot about")]
    About,
}

#[derive(Args)]
struct Place {
    /// The partner's directory, with config.yaml and .env
    #[arg(long, env = "PARTNER_CONFIG", value_name = "DIR")]
    partner: PathBuf,
    /// Shared funnels. Default: funnels/ two levels above the partner's directory
    #[arg(long, value_name = "DIR")]
    funnels: Option<PathBuf>,
    /// Where bot.db and bot.sock are. Default: data/ in the partner's directory
    #[arg(long, env = "STATE_DIRECTORY", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Secrets. Default: .env in the partner's directory
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// Exit codes: 0 done, 1 failed, 2 usage, 3 invalid config (`check`), 78 a restart cannot mend it (`run`).
const INVALID: u8 = 3;
const HOPELESS: u8 = 78;

/// Runs the program.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // SAFETY: umask takes a number, gives a number, and no other thread exists yet.
    unsafe { libc::umask(0o077) };
    memory::settle();
    logging::start();
    process::no_picture_of_memory();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(command(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(place) => run_bot(&place).await,
        Command::Check(place) => Ok(check(&place)),
        Command::Why { place, lead } => why(&place, lead).await,
        Command::Lead {
            verb,
            lead,
            by,
            place,
        } => one_lead(&place, &verb, lead, &by).await,
        Command::Migrate(place) => migrate(&place).await,
        Command::Copy { place, to } => copy(&place, &to).await,
        Command::Inspect { copy } => inspect(&copy).await,
        Command::About => Ok(about()),
    }
}

fn options(place: &Place) -> LoadOptions {
    LoadOptions {
        partner_dir: place.partner.clone(),
        funnels_dir: place.funnels.clone(),
        data_dir: place.data_dir.clone(),
        env_file: place.env_file.clone(),
        environment: Environment::of_process(),
    }
}

async fn run_bot(place: &Place) -> anyhow::Result<ExitCode> {
    let config = match config::load(&options(place)) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{}", render(&problems));
            return Ok(ExitCode::from(HOPELESS));
        }
    };
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let movable =
        std::env::var("BOT_MOVABLE_CLOCK").is_ok_and(|on| on == "1") && config.telegram.is_local();
    let offset = std::env::var("BOT_CLOCK_OFFSET_MS")
        .ok()
        .filter(|_| movable)
        .and_then(|ms| ms.parse().ok());
    let mut clock = Clock::new(offset.unwrap_or(0));
    // Proofs need not wait a minute for a clock that they set themselves.
    let freeze = std::env::var("BOT_CLOCK_FREEZE_MS").ok();
    if let Some(ms) = freeze.and_then(|ms| ms.parse().ok())
        && config.telegram.is_local()
    {
        clock.freeze_ms = ms;
    }
    match app::run(config, clock, movable).await? {
        End::Stopped => Ok(ExitCode::SUCCESS),
        End::Hopeless(remedy) => {
            tracing::error!("{remedy}");
            Ok(ExitCode::from(HOPELESS))
        }
    }
}

fn check(place: &Place) -> ExitCode {
    let problems = config::check(&options(place));
    if !problems.is_empty() {
        println!("{}", render(&problems));
    }
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    if errors > 0 {
        eprintln!("{}: {errors} to mend", place.partner.display());
        return ExitCode::from(INVALID);
    }
    eprintln!("{}: sound", place.partner.display());
    ExitCode::SUCCESS
}

fn render(problems: &[Diagnostic]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n\n")
}

async fn why(place: &Place, lead: i64) -> anyhow::Result<ExitCode> {
    let config = config::load(&options(place))
        .map_err(|problems| anyhow::anyhow!("{}", render(&problems)))?;
    let mut store = store::open_read_only(&config.dirs.data, &config.partner.id).await?;
    let Some(case) = store.case(lead).await? else {
        anyhow::bail!("no lead #{lead}; the numbers are on the cards and in /hot_leads");
    };
    let items = store.story(lead, 500).await?;
    let waits = store.timers_of(lead).await?;
    println!("{}", story::whole(&case, &items, &waits));
    Ok(ExitCode::SUCCESS)
}

async fn one_lead(place: &Place, verb: &str, lead: i64, by: &str) -> anyhow::Result<ExitCode> {
    let config = config::load(&options(place))
        .map_err(|problems| anyhow::anyhow!("{}", render(&problems)))?;
    let data = &config.dirs.data;
    let answer = if verb == "erase" {
        let mut store = store::open(data, &config.partner.id).await?;
        let now = Clock::new(0).now_ms();
        let act = store.erase_alone(data, lead, by, now).await?;
        store.close().await?;
        act
    } else {
        let mut store = store::open_read_only(data, &config.partner.id).await?;
        store.export(lead, &config.retention).await?
    };
    println!("{answer}");
    Ok(ExitCode::SUCCESS)
}

async fn migrate(place: &Place) -> anyhow::Result<ExitCode> {
    let config = config::load(&options(place))
        .map_err(|problems| anyhow::anyhow!("{}", render(&problems)))?;
    std::fs::create_dir_all(&config.dirs.data)?;
    store::open(&config.dirs.data, &config.partner.id)
        .await?
        .close()
        .await?;
    eprintln!("{}: up to date", config.dirs.data.display());
    Ok(ExitCode::SUCCESS)
}

async fn copy(place: &Place, to: &Path) -> anyhow::Result<ExitCode> {
    let data = match &place.data_dir {
        Some(data) => data.clone(),
        None => place.partner.join("data"),
    };
    store::copy_to(&data, to).await?;
    Ok(ExitCode::SUCCESS)
}

async fn inspect(copy: &Path) -> anyhow::Result<ExitCode> {
    let found = store::inspect(copy).await?;
    println!("{}", serde_json::to_string(&found)?);
    Ok(ExitCode::SUCCESS)
}

fn about() -> ExitCode {
    println!(
        "{}",
        serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "schema": store::schema_version() })
    );
    ExitCode::SUCCESS
}
