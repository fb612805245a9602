//! The demo's stage: the sandbox with its people, the state directory, the supervised bot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex as StdMutex, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use bot::config::{Config, FunnelFiles, LoadOptions};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::people::{self, Wish};
use super::starts::StartWords;
use super::state_dir::StateDir;
use super::supervisor::{Launch, Supervisor};
use super::{DemoArgs, bot_program, demo_partner, routes};
use crate::bot_socket::BotSocket;
use crate::sandbox::{NewUser, Options, Sandbox, World, page};

const FIRST_PORT: u16 = 4800;
const PORTS_TRIED: u16 = 20;

/// Obviously no secret; the sandbox is the only server that knows it.
const TOKEN: &str = "7000000001:DEMO-this-is-no-secret-and-opens-nothing";
pub const USERNAME: &str = "demo_partner_bot";
/// Who holds the right-hand phone when the partner's config names no Telegram id.
const STRANGER: i64 = 900_000_000;
const INVITE_PAUSE: Duration = Duration::from_millis(200);

/// All that lives as long as the demo.
pub struct Room {
    sandbox: Sandbox,
    supervisor: Supervisor,
    state: StateDir,
    cast: Cast,
}

/// What the page's own routes need.
pub struct Demo {
    pub world: World,
    pub supervisor: Supervisor,
    pub socket: BotSocket,
    pub offset_ms: Arc<Mutex<i64>>,
    pub starts: StdMutex<StartWords>,
    /// Phones by person, for the sheet that asks before one is shared.
    pub phones: StdMutex<BTreeMap<i64, String>>,
    pub cast: Cast,
    /// IANA name.
    pub timezone: String,
    pub log: PathBuf,
}

impl Room {
    pub fn open(args: &DemoArgs) -> Result<Room> {
        let program = bot_program(args.bot.as_deref())?;
        let partner = match &args.partner {
            Some(dir) => dir.clone(),
            None => demo_partner()?,
        };
        let funnels = args.funnels.as_deref();
        let state = StateDir::create()?;
        // The routes are made before the bot can be started: it needs the sandbox's address.
        let cell = Arc::new(OnceLock::new());
        let sandbox = start_sandbox(args.port, &cell)?;
        let url = sandbox.url();
        state.write_env(&format!("BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={url}\n"))?;
        let config = load_config(&partner, funnels, &state)?;
        let cast = Cast::furnish(&sandbox.world(), &config)?;
        let offset_ms = Arc::new(Mutex::new(0));
        let supervisor = Supervisor::start(Launch {
            program,
            args: bot_args(&partner, funnels, &state)?,
            env: vec![
                ("TELEGRAM_API_URL".into(), url),
                ("BOT_MOVABLE_CLOCK".into(), "1".into()),
            ],
            log: state.log(),
            offset_ms: Arc::clone(&offset_ms),
        });
        let demo = Demo {
            world: sandbox.world(),
            supervisor: supervisor.clone(),
            socket: BotSocket::new(&state.socket()),
            offset_ms,
            starts: StdMutex::new(StartWords::new(funnel_dirs(config.funnels))),
            phones: StdMutex::default(),
            cast,
            timezone: config.partner.timezone,
            log: state.log(),
        };
        demo.add_lead(first_lead())?;
        // Nobody else holds the cell's writing side.
        let _ = cell.set(demo);
        Ok(Room {
            sandbox,
            supervisor,
            state,
            cast,
        })
    }

    /// A partner whose config names no Telegram id joins as a real one would: by an invitation.
    pub async fn invite_partner(&self) -> Result<()> {
        if self.cast.named {
            return Ok(());
        }
        let socket = BotSocket::new(&self.state.socket());
        let invitation = loop {
            match socket.post("/invite").await {
                Ok(invitation) => break invitation,
                Err(_) => sleep(INVITE_PAUSE).await,
            }
        };
        let payload = invitation["link"]
            .as_str()
            .and_then(|link| link.split_once("start="));
        let (_, payload) = payload.context("the bot's invitation has no link")?;
        let world = self.sandbox.world();
        world.start(self.cast.bot, self.cast.partner, Some(payload))?;
        Ok(())
    }

    pub fn url(&self) -> String {
        self.sandbox.url()
    }

    pub fn supervisor(&self) -> Supervisor {
        self.supervisor.clone()
    }

    pub fn log(&self) -> PathBuf {
        self.state.log()
    }

    /// Ends the bot, then the sandbox, then removes the state directory.
    pub async fn close(self) {
        self.supervisor.stop().await;
    }
}

impl Demo {
    /// Adds a person to the sandbox and answers their id.
    pub fn add_lead(&self, wish: Wish) -> Result<i64> {
        let mut luck = [0; 4];
        getrandom::fill(&mut luck).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let mut phones = self
            .phones
            .lock()
            .map_err(|_| anyhow::anyhow!("the list of phones is broken"))?;
        let user = people::invent(wish, u32::from_le_bytes(luck), phones.len() + 1);
        let phone = user.phone.clone().unwrap_or_default();
        let id = self.world.add_user(user);
        phones.insert(id, phone);
        Ok(id)
    }
}

fn first_lead() -> Wish {
    Wish {
        first_name: Some("Мария".into()),
        last_name: Some("Соколова".into()),
        language_code: Some("ru".into()),
    }
}

/// On the named port, or on the first free one of a few that are easy to remember.
fn start_sandbox(port: Option<u16>, cell: &Arc<OnceLock<Demo>>) -> Result<Sandbox> {
    let start = |port| {
        let cell = Arc::clone(cell);
        Sandbox::start(Options {
            port,
            routes: Some(Box::new(|_| page::routes().merge(routes::routes(cell)))),
            ..Options::default()
        })
    };
    match port {
        Some(port) => start(port),
        None => (FIRST_PORT..FIRST_PORT + PORTS_TRIED)
            .find_map(|port| start(port).ok())
            .map_or_else(|| start(0), Ok),
    }
}

/// The partner's own files, with the demo's token in place of a real one.
fn load_config(partner: &Path, funnels: Option<&Path>, state: &StateDir) -> Result<Config> {
    let options = LoadOptions {
        partner_dir: partner.to_owned(),
        funnels_dir: funnels.map(Path::to_owned),
        data_dir: Some(state.data()),
        env_file: Some(state.env_file()),
        ..LoadOptions::default()
    };
    bot::config::load(&options).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the partner cannot be played\n{}", lines.join("\n"))
    })
}

/// Who is on the stage, by Telegram id.
#[derive(Clone, Copy)]
pub struct Cast {
    pub bot: i64,
    pub partner: i64,
    /// Whether the partner's config names this person.
    named: bool,
}

impl Cast {
    /// Registers the bot and the partner's own account; the chat of a named partner is opened.
    fn furnish(world: &World, config: &Config) -> Result<Cast> {
        let name = config.partner.display_name.as_str();
        let bot = world.add_bot(TOKEN, USERNAME, name)?;
        let named = config.team.telegram_ids.first().copied();
        let (first, last) = name.split_once(' ').unwrap_or((name, ""));
        let partner = world.add_user(NewUser {
            id: Some(named.unwrap_or(STRANGER)),
            first_name: first.to_owned(),
            last_name: Some(last.to_owned()).filter(|last| !last.is_empty()),
            language_code: Some("ru".into()),
            ..NewUser::default()
        });
        if named.is_some() {
            world.start(bot, partner, None)?;
        }
        Ok(Cast {
            bot,
            partner,
            named: named.is_some(),
        })
    }
}

fn bot_args(partner: &Path, funnels: Option<&Path>, state: &StateDir) -> Result<Vec<String>> {
    let (env_file, data) = (state.env_file(), state.data());
    let mut pairs = vec![
        ("--partner", partner),
        ("--env-file", &env_file),
        ("--data-dir", &data),
    ];
    pairs.extend(funnels.map(|funnels| ("--funnels", funnels)));
    let mut args = vec!["run".to_owned()];
    for (name, path) in pairs {
        let path = path
            .to_str()
            .with_context(|| format!("{}: not UTF-8", path.display()))?;
        args.extend([name.to_owned(), path.to_owned()]);
    }
    Ok(args)
}

/// The shared funnels, then the partner's own, which override them.
fn funnel_dirs(files: FunnelFiles) -> Vec<PathBuf> {
    std::iter::once(files.shared).chain(files.own).collect()
}
