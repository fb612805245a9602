//! A partner's directory as typed sections, or every problem of it at once. PURE after the read.

mod address;
mod contact;
mod env_file;
mod files;
mod manners;
mod meaning;
mod secret;
mod shown;
pub mod spec;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::{self, Compiled};
use crate::manners::Manners;
use crate::partner::Partner;
use crate::yaml::{self, Places};
pub use contact::{Advertising, ContactPolicy, QuietHours};
pub use env_file::KEYS as ENV_KEYS;
use env_file::{EnvFile, parse_env};
use files::{check_private, problem, read_inside, read_text};
pub use meaning::{check_timezone, check_token, is_partner_id};
pub use secret::Secret;
pub use shown::{differences, flat, shown, takes_restart};
use spec::ConfigSpec;

/// Everything a bot is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    pub partner: Partner,
    pub team: Team,
    pub hot: Hot,
    pub retention: Retention,
    pub manners: Manners,
    pub limits: Limits,
    pub contact: ContactPolicy,
    pub telegram: Telegram,
    pub funnels: FunnelFiles,
    pub dirs: Dirs,
    /// Where all this was read.
    pub read_from: LoadOptions,
    /// What is odd but stops nothing.
    pub warnings: Vec<Diagnostic>,
}

/// The partner's people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    pub telegram_ids: Vec<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hot {
    pub score: i64,
    pub cooldown_ms: i64,
}

/// How long what is kept, counted from a lead's last word or from the sending of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Leads who left no contact.
    pub talk_ms: i64,
    /// Leads who left one.
    pub contact_ms: i64,
    /// The words of messages.
    pub messages_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// What one lead may send at once; 0 is no limit.
    pub inputs_at_once: u32,
    pub inputs_per_second: f64,
    pub messages_per_second: u32,
    pub chat_messages_per_second: f64,
}

#[derive(Clone, Debug)]
pub struct Telegram {
    pub token: Secret,
    /// The part of the token before the colon: the bot's own Telegram id.
    pub bot_id: i64,
    /// Without a slash at its end.
    pub api_url: String,
    /// May hold a password.
    pub proxy: Option<Secret>,
}

impl Telegram {
    /// A Telegram on this machine: limits may be off and the clock may be moved.
    pub fn is_local(&self) -> bool {
        address::is_loopback(&self.api_url)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunnelFiles {
    pub shared: PathBuf,
    /// The partner's own, if there is such a directory; they override by file name.
    pub own: Option<PathBuf>,
    pub only: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dirs {
    pub partner: PathBuf,
    /// `bot.db` and `bot.sock` are here.
    pub data: PathBuf,
}

/// Where to look; what is `None` has a default beside the partner's directory.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    pub partner_dir: PathBuf,
    pub funnels_dir: Option<PathBuf>,
    pub data_dir: Option<PathBuf>,
    pub env_file: Option<PathBuf>,
    pub environment: Environment,
}

/// What is taken from the process's own environment. TELEGRAM_API_URL, TELEGRAM_PROXY and FUNNELS_DIR go before
/// `.env`; a token is never taken from here, because other programs can read it.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A proxy's address may hold a password.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    const KEYS: [&str; 4] = [
        "TELEGRAM_API_URL",
        "TELEGRAM_PROXY",
        "FUNNELS_DIR",
        "CREDENTIALS_DIRECTORY",
    ];

    pub fn of_process() -> Self {
        let values = Self::KEYS
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), std::env::var(key).ok()?)));
        Self(values.collect())
    }

    /// Only what is given; for tests and for `partnerctl`, which checks many partners in one process.
    pub fn of(values: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(
            values
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

/// Loads a partner's configuration; on errors, all of them with the warnings.
pub fn load(options: &LoadOptions) -> Result<Config, Vec<Diagnostic>> {
    read(options).map_err(|problem| vec![problem])?.finish()
}

/// The configuration as far as funnels need it: a missing or wrong token stops nothing.
pub fn load_without_token(options: &LoadOptions) -> Result<Config, Vec<Diagnostic>> {
    let mut loaded = read(options).map_err(|problem| vec![problem])?;
    loaded
        .problems
        .retain(|problem| problem.path != "BOT_TOKEN");
    loaded.finish()
}

/// Every problem of a partner's directory and of the funnels it uses. Funnels are checked against the
/// configuration, so not before that can be read.
pub fn check(options: &LoadOptions) -> Vec<Diagnostic> {
    let loaded = match read(options) {
        Ok(loaded) => loaded,
        Err(problem) => return vec![problem],
    };
    let mut problems = loaded.problems;
    if let Some(config) = &loaded.config {
        let found = load_funnels(config).diagnostics;
        problems.extend(
            found
                .into_iter()
                .map(|problem| placed(problem, &loaded.places)),
        );
        sort(&mut problems);
    }
    problems
}

fn sort(problems: &mut [Diagnostic]) {
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
}

/// The funnels of a partner, checked against the partner's configuration.
pub fn load_funnels(config: &Config) -> Compiled {
    let FunnelFiles { shared, own, only } = &config.funnels;
    funnel::load(shared, own.as_deref(), only.as_deref(), &config.partner)
}

/// What the funnels find wrong with the configuration gets its place there.
fn placed(problem: Diagnostic, places: &Places) -> Diagnostic {
    if problem.file != "config.yaml" || problem.line > 0 {
        return problem;
    }
    places.diagnostic(&problem.path, problem.severity, problem.message)
}

/// What the files said, before it is decided whether that is enough.
struct Loaded {
    /// Built even when there are problems, as long as the files could be read: the funnels are checked with it.
    config: Option<Config>,
    problems: Vec<Diagnostic>,
    places: Places,
}

impl Loaded {
    fn finish(self) -> Result<Config, Vec<Diagnostic>> {
        let failed = self.problems.iter().any(|p| p.severity == Severity::Error);
        match self.config {
            Some(config) if !failed => Ok(Config {
                warnings: self.problems,
                ..config
            }),
            _ => Err(self.problems),
        }
    }
}

fn read(options: &LoadOptions) -> Result<Loaded, Diagnostic> {
    let dir = &options.partner_dir;
    if !dir.is_dir() {
        return Err(problem(
            dir,
            "no such directory; create the partner with partnerctl create",
        ));
    }
    let mut problems = Vec::new();
    let env = read_env(options, &mut problems);
    let token = read_token(options, &env, &mut problems);
    let (spec, places) = read_spec(dir, &mut problems);
    let config =
        spec.map(|spec| meaning::config(options, spec, &places, &env, token, &mut problems));
    sort(&mut problems);
    Ok(Loaded {
        config,
        problems,
        places,
    })
}

fn read_spec(dir: &Path, problems: &mut Vec<Diagnostic>) -> (Option<ConfigSpec>, Places) {
    let file = dir.join("config.yaml");
    let text = read_inside(dir, &file).and_then(|text| {
        text.ok_or_else(|| problem(&file, "no such file; partnerctl create writes one"))
    });
    match text {
        Ok(text) => {
            let name = file.display().to_string();
            let (spec, found, places) = yaml::read::<ConfigSpec>(&name, &text);
            problems.extend(found);
            (spec, places)
        }
        Err(found) => {
            problems.push(found);
            (None, Places::default())
        }
    }
}

/// systemd hands secrets over as files of `$CREDENTIALS_DIRECTORY`; they go before `.env`.
fn read_token(
    options: &LoadOptions,
    env: &EnvFile,
    problems: &mut Vec<Diagnostic>,
) -> Option<Secret> {
    let credentials = options.environment.get("CREDENTIALS_DIRECTORY");
    let file = credentials.map(|dir| Path::new(dir).join("token"));
    let Some(file) = file.filter(|path| path.is_file()) else {
        return env.get("BOT_TOKEN").map(Secret::new);
    };
    match read_text(&file) {
        Ok(token) => Some(Secret::new(token.trim())),
        Err(found) => {
            problems.push(found);
            None
        }
    }
}

fn read_env(options: &LoadOptions, problems: &mut Vec<Diagnostic>) -> EnvFile {
    let dir = &options.partner_dir;
    // systemd hands the whole file over as the credential `env`; the one beside config.yaml is then not readable.
    let credential = options.environment.get("CREDENTIALS_DIRECTORY");
    let credential = credential.map(|dir| Path::new(dir).join("env"));
    let given = options
        .env_file
        .clone()
        .or(credential.filter(|path| path.is_file()));
    let path = given.clone().unwrap_or_else(|| dir.join(".env"));
    let text = match &given {
        Some(path) => read_text(path).map(Some),
        None => read_inside(dir, &path),
    };
    problems.extend(check_private(&path).err());
    let text = text.unwrap_or_else(|found| {
        problems.push(found);
        None
    });
    let (env, found) = parse_env(
        &path.display().to_string(),
        text.as_deref().unwrap_or_default(),
    );
    problems.extend(found);
    env
}
