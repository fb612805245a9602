//! `partnerctl create`: a partner's directory, ready to run, or nothing at all.

mod managed;
mod render;
mod staging;
pub mod telegram;
pub mod wish;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bot::config::{self, LoadOptions};
use clap::Args;

use crate::audit;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs};
use crate::host::Host;
use crate::layout::Mode;
use crate::lifecycle;
use crate::output::OutputArgs;
use staging::Staging;
use telegram::{Bot, Way};
use wish::Wish;

/// Makes a partner's directory; what is not given is asked for in a terminal
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl create                              asks for everything
  partnerctl create north --name \"Север\" --token-file t.txt --timezone Asia/Almaty
  partnerctl create north --name \"Север\" --by-link     a link and a QR code instead of @BotFather
  pass show north | partnerctl create north --name \"Север\" --token-file -")]
pub struct CreateArgs {
    /// The partner's id: 1 to 32 of a-z, 0-9 and -, no - in front
    id: Option<String>,
    /// How leads see the partner
    #[arg(long)]
    name: Option<String>,
    /// A file with the token of @BotFather, or - for standard input; a token is never an argument
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Make the bot by a link: whoever opens it confirms, and the token arrives by itself
    #[arg(long, conflicts_with_all = ["token_file", "skip_token_check"])]
    by_link: bool,
    /// The token of the bot that makes bots [default: manager.token of the fleet]
    #[arg(long, value_name = "FILE")]
    manager_token_file: Option<PathBuf>,
    /// Seconds to wait for somebody to follow the link
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait: u64,
    /// The partner's time zone [default: Europe/Moscow]
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Telegram id of a person who receives the leads; may be given several times
    #[arg(long, value_name = "ID")]
    telegram_id: Vec<i64>,
    /// Address of the partner's shop
    #[arg(long, value_name = "URL")]
    shop: Option<String>,
    /// Address of the partner's registration page
    #[arg(long, value_name = "URL")]
    registration: Option<String>,
    /// The funnel of a bare /start: what the bot is for [default: asked for, else the first shared funnel]
    #[arg(long, value_name = "NAME", visible_alias = "template")]
    funnel: Option<String>,
    /// A word to choose the partner by later; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    tag: Vec<String>,
    /// Start the bot when it is made
    #[arg(long)]
    start: bool,
    /// A Bot API server other than Telegram's
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// A proxy on the way to Telegram: socks5://host:port
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Do not ask Telegram whether the token works
    #[arg(long)]
    skip_token_check: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

impl CreateArgs {
    /// Whoever gave nothing wants to be led through; whoever gave an id and a name knows the way.
    fn is_led(&self, host: &dyn Host) -> bool {
        host.interactive() && (self.id.is_none() || self.name.is_none())
    }
}

pub async fn run(args: CreateArgs, host: &dyn Host) -> Result<(), Failure> {
    let mut wish = Wish::gather(&args, host)?;
    let fleet = args.fleet.open(host);
    let home = fleet.layout.partner(&wish.id);
    // Judged first and written again later: while Telegram is asked, nothing lies on the disk.
    drop(stage(&wish, &fleet)?);
    if args.by_link {
        let order = managed::Order {
            id: &wish.id,
            name: &wish.name,
            manager: wish::manager_token(&args, &fleet)?,
            api_url: wish.api_url.as_deref(),
            proxy: wish.proxy.as_ref(),
            wait: Duration::from_secs(args.wait),
        };
        wish.token = managed::token(&order, host).await?;
    }
    refuse_second_use(&fleet, &wish)?;
    let bot = match args.skip_token_check {
        true => None,
        false => Some(telegram::get_me(&Way::of(&wish)).await?),
    };
    let made_for = bot
        .as_ref()
        .map_or(String::new(), |bot| format!(" for @{}", bot.username));
    make(&wish, &fleet)?;
    audit::record(
        &fleet.layout,
        host,
        "create",
        std::slice::from_ref(&wish.id),
        made_for.trim(),
        &Ok(()),
    );
    host.out(&format!("created {}{made_for}", home.display()));
    if wants_start(&args, &fleet, host)? {
        let partners = [fleet.partner(&wish.id)];
        let rise = lifecycle::Rise {
            verb: "start",
            pace: 0,
            wait: Duration::from_secs(30),
        };
        return lifecycle::bring_up(&rise, &fleet, &partners, &OutputArgs::default(), host).await;
    }
    report_next(&args, &fleet, &wish, bot.as_ref(), host);
    Ok(())
}

/// What was made: the directory under its final name.
pub struct Made;

/// Makes the partner's directory; the token has been asked about before.
pub fn make(wish: &Wish, fleet: &Fleet) -> Result<Made, Failure> {
    stage(wish, fleet)?.publish(&fleet.layout.partner(&wish.id))?;
    Ok(Made)
}

/// A first start belongs to a host that is set up; whoever is led through is asked.
fn wants_start(args: &CreateArgs, fleet: &Fleet, host: &dyn Host) -> Result<bool, Failure> {
    if args.start {
        lifecycle::manager(fleet, "start")?;
        return Ok(true);
    }
    if fleet.layout.mode == Mode::Here || !args.is_led(host) {
        return Ok(false);
    }
    let answer = host.ask("start the bot now? [Y/n]")?;
    Ok(!matches!(
        answer.to_lowercase().as_str(),
        "n" | "no" | "н" | "нет"
    ))
}

/// Telegram ids of all bots of the fleet, with the partner whose it is; one look at each `.env`.
pub fn bots_of(fleet: &Fleet) -> BTreeMap<i64, String> {
    let bot_id = |id: &String| {
        let text = std::fs::read_to_string(fleet.layout.partner(id).join(".env")).ok()?;
        let token = crate::edit::env::value(&text, "BOT_TOKEN")?;
        Some((token.split(':').next()?.parse().ok()?, id.clone()))
    };
    fleet.ids().iter().filter_map(bot_id).collect()
}

/// Writes the files beside their final place and has them judged as the bot will judge them.
fn stage(wish: &Wish, fleet: &Fleet) -> Result<Staging, Failure> {
    let shared = fleet.funnels_dir();
    let staging = Staging::create(&fleet.layout, &wish.id)?;
    staging.write(
        "config.yaml",
        &render::config(wish, &shared_funnels(&shared)),
    )?;
    staging.write_secret(".env", &render::env(wish))?;
    let options = LoadOptions {
        partner_dir: staging.home(),
        funnels_dir: Some(shared),
        ..LoadOptions::default()
    };
    let Err(problems) = config::load(&options) else {
        return Ok(staging);
    };
    let lines = problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path, problem.message));
    let token = problems.iter().any(|problem| problem.path == "BOT_TOKEN");
    let code = if token {
        Code::Credentials
    } else {
        Code::InvalidConfig
    };
    Err(Failure::new(code, lines.collect::<Vec<_>>().join("\n")))
}

/// Two programs polling with one token take each other's updates.
fn refuse_second_use(fleet: &Fleet, wish: &Wish) -> Result<(), Failure> {
    let bot_id = wish
        .token
        .expose()
        .split(':')
        .next()
        .and_then(|id| id.parse().ok());
    if let Some(id) = bot_id.and_then(|bot_id: i64| bots_of(fleet).remove(&bot_id)) {
        let dir = fleet.layout.partner(&id);
        let message = format!(
            "{} already uses this bot; make another with @BotFather",
            dir.display()
        );
        return Err(Failure::new(Code::Conflict, message));
    }
    Ok(())
}

fn shared_funnels(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn report_next(args: &CreateArgs, fleet: &Fleet, wish: &Wish, bot: Option<&Bot>, host: &dyn Host) {
    let suffix = fleet.suffix(host);
    let home = fleet.layout.partner(&wish.id);
    host.out("next:");
    host.out(&format!("  partnerctl check {}{suffix}", wish.id));
    host.out(&match fleet.layout.mode {
        Mode::Here => format!("  bot run --partner {}", home.display()),
        Mode::User | Mode::System => format!("  partnerctl start {}{suffix}", wish.id),
    });
    if wish.telegram_ids.is_empty() {
        host.out(&format!("  partnerctl invite {}{suffix}    while the bot runs: a link that makes its opener the partner", wish.id));
    }
    if let Some(bot) = bot {
        host.out(&format!("  https://t.me/{}", bot.username));
    }
    if let Some(file) = args
        .token_file
        .as_ref()
        .filter(|file| file.as_os_str() != "-")
    {
        let file = file.display();
        host.err(&format!(
            "{file} still holds the token; remove it: shred -u {file}"
        ));
    }
}
