//! From what is written to what is meant: defaults, and every rule a schema cannot say. PURE.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::address::{api_url_problem, is_https, is_proxy};
use super::contact::{ContactPolicy, ContactPolicySpec};
use super::env_file::EnvFile;
use super::files::check_inside;
use super::spec::{ConfigSpec, HotSpec, LimitsSpec};
use super::{Config, Dirs, FunnelFiles, Hot, Limits, LoadOptions, Secret, Team, Telegram};
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::parse_duration;
use crate::funnel::spec::{OneOrMany, Text};
use crate::partner::{AskConsent, Partner};
use crate::phrases::Phrase;
use crate::yaml::{Places, suggest};

const TELEGRAM: &str = "https://api.telegram.org";
const HOUR_MS: i64 = 3_600_000;
const YEAR_MS: i64 = 366 * 24 * HOUR_MS;

/// What the rules look at and report to.
pub(super) struct Rules<'a> {
    options: &'a LoadOptions,
    places: &'a Places,
    env: &'a EnvFile,
    problems: &'a mut Vec<Diagnostic>,
}

/// Builds the configuration whatever it takes; what is wrong is in `problems`, and a default stands in its place.
pub(super) fn config(
    options: &LoadOptions,
    spec: ConfigSpec,
    places: &Places,
    env: &EnvFile,
    token: Option<Secret>,
    problems: &mut Vec<Diagnostic>,
) -> Config {
    let mut rules = Rules {
        options,
        places,
        env,
        problems,
    };
    let funnels = rules.funnels(&spec);
    rules.database();
    let telegram = rules.telegram(token);
    Config {
        team: rules.team(&spec),
        hot: rules.hot(&spec.hot),
        retention: rules.retention(&spec.retention),
        manners: rules.manners(&spec.partner),
        limits: rules.limits(&spec.limits, telegram.is_local()),
        contact: rules.contact(spec.contact_policy.clone()),
        telegram,
        partner: rules.partner(spec),
        funnels,
        dirs: Dirs {
            partner: options.partner_dir.clone(),
            data: options
                .data_dir
                .clone()
                .unwrap_or_else(|| options.partner_dir.join("data")),
        },
        read_from: options.clone(),
        warnings: Vec::new(),
    }
}

impl Rules<'_> {
    pub(super) fn error(&mut self, path: &str, message: impl Into<String>) {
        let problem = self.places.diagnostic(path, Severity::Error, message);
        self.problems.push(problem);
    }

    fn partner(&mut self, spec: ConfigSpec) -> Partner {
        let id = self.id();
        let display_name = spec
            .display_name
            .or_else(|| self.env.get("BOT_DISPLAY_NAME").map(str::to_owned))
            .unwrap_or_default();
        if display_name.trim().is_empty() {
            self.error(
                "display_name",
                "missing key \"display_name\": the name under which leads know the partner",
            );
        }
        let languages = self.languages(spec.languages);
        let links = self.links(spec.links);
        let mut texts = self.texts(spec.texts, &languages);
        if let Some(text) = spec.privacy {
            // An address alone is an answer too: Telegram makes it a link.
            texts.insert("privacy".into(), by_language(text, &languages));
        }
        let first_of_list = spec.funnels.as_ref().and_then(|list| list.first().cloned());
        Partner {
            id,
            display_name,
            bot_username: String::new(),
            timezone: self.timezone(spec.timezone),
            links,
            consent: AskConsent {
                contact: spec.consent.contact.unwrap_or(true),
                advertising: spec.consent.advertising.unwrap_or(true),
            },
            default_funnel: spec.default_funnel.or(first_of_list).unwrap_or_default(),
            phone_regions: self.phone_regions(spec.phone_regions),
            languages,
            texts,
        }
    }

    /// The directory's name; PARTNER_ID when the directory is called otherwise, as in a container.
    fn id(&mut self) -> String {
        let dir = &self.options.partner_dir;
        let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        let name = real
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.filter(|name| is_partner_id(name));
        let given = self.env.get("PARTNER_ID").map(str::to_owned);
        match (given, name) {
            (Some(given), _) if !is_partner_id(&given) => {
                self.problems.push(self.env.problem("PARTNER_ID", BAD_ID));
                String::new()
            }
            (Some(given), Some(name)) if given != name => {
                let message = format!(
                    "\"{given}\", but the directory is called \"{name}\"; remove one of them"
                );
                self.problems.push(self.env.problem("PARTNER_ID", message));
                name
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => {
                let problem = super::problem(
                    dir,
                    format!("the directory's name is the partner's id; {BAD_ID}"),
                );
                self.problems.push(problem);
                String::new()
            }
        }
    }

    fn languages(&mut self, given: Option<OneOrMany>) -> Vec<String> {
        let languages = match given {
            None => vec!["ru".to_owned()],
            Some(OneOrMany::One(one)) => vec![one],
            Some(OneOrMany::Many(many)) => many,
        };
        if languages.is_empty() {
            self.error(
                "languages",
                "an empty list; write at least one, for example ru",
            );
        }
        for code in &languages {
            let good =
                (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase());
            if !good {
                self.error(
                    "languages",
                    format!("\"{code}\" is not a language code; write ru, kk, en …"),
                );
            }
        }
        languages
    }

    fn texts(
        &mut self,
        given: BTreeMap<String, Text>,
        languages: &[String],
    ) -> BTreeMap<String, BTreeMap<String, String>> {
        let known = || Phrase::ALL.iter().map(|phrase| phrase.name());
        for name in given
            .keys()
            .filter(|name| !known().any(|known| known == *name))
        {
            let hint = suggest(name, known()).map(|near| format!("did you mean \"{near}\"?"));
            let hint = hint
                .unwrap_or_else(|| format!("known are {}", known().collect::<Vec<_>>().join(", ")));
            self.error(
                &format!("texts.{name}"),
                format!("no phrase \"{name}\"; {hint}"),
            );
        }
        given
            .into_iter()
            .map(|(name, text)| (name, by_language(text, languages)))
            .collect()
    }

    fn timezone(&mut self, given: Option<String>) -> String {
        let name = given.unwrap_or_else(|| "Europe/Moscow".into());
        if let Err(message) = check_timezone(&name) {
            self.error("timezone", message);
        }
        name
    }

    fn links(&mut self, mut links: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (name, address) in &links {
            let path = format!("links.{name}");
            if !is_name(name) {
                self.error(&path, "a link's name is made of a-z, 0-9 and _");
            }
            if !is_https(address) {
                self.error(
                    &path,
                    "not an https address; write it like https://example.com/shop",
                );
            }
        }
        for (name, key) in [
            ("shop", "NL_SHOP_LINK"),
            ("registration", "NL_REGISTRATION_LINK"),
        ] {
            let Some(address) = self.env.get(key) else {
                continue;
            };
            if links.contains_key(name) {
                continue;
            }
            if !is_https(address) {
                let problem = self.env.problem(key, "not an https address");
                self.problems.push(problem);
            }
            links.insert(name.to_owned(), address.to_owned());
        }
        links
    }

    fn phone_regions(&mut self, given: Option<Vec<String>>) -> Vec<String> {
        let regions = given.unwrap_or_else(|| vec!["RU".into(), "KZ".into()]);
        for (index, region) in regions.iter().enumerate() {
            if region.parse::<phonenumber::country::Id>().is_err() {
                let path = format!("phone_regions[{index}]");
                self.error(
                    &path,
                    format!(
                        "\"{region}\" is not a country code; write two capital letters: RU, KZ, DE"
                    ),
                );
            }
        }
        regions
    }

    fn team(&mut self, spec: &ConfigSpec) -> Team {
        let mut telegram_ids = spec.partner.telegram_ids.clone();
        for (index, id) in telegram_ids.iter().enumerate() {
            if *id <= 0 {
                let path = format!("partner.telegram_ids[{index}]");
                self.error(
                    &path,
                    "not a person's id; it is a positive number, ask @userinfobot for yours",
                );
            }
        }
        telegram_ids.sort_unstable();
        telegram_ids.dedup();
        Team { telegram_ids }
    }

    fn hot(&mut self, spec: &HotSpec) -> Hot {
        let score = i64::from(spec.score.unwrap_or(50));
        if score <= 0 {
            self.error("hot.score", "must be above 0, or every lead is hot at once");
        }
        let cooldown_ms = match spec.cooldown.as_deref().map(parse_duration) {
            None => 24 * HOUR_MS,
            Some(Some(ms)) if (0..=YEAR_MS).contains(&ms) => ms,
            Some(Some(_)) => {
                self.error("hot.cooldown", "longer than a year");
                24 * HOUR_MS
            }
            Some(None) => {
                self.error(
                    "hot.cooldown",
                    "not a duration; write it like 30m, 24h or 7d",
                );
                24 * HOUR_MS
            }
        };
        Hot { score, cooldown_ms }
    }

    fn limits(&mut self, spec: &LimitsSpec, local: bool) -> Limits {
        let limits = Limits {
            inputs_at_once: spec.inputs_at_once.unwrap_or(30),
            inputs_per_second: spec.inputs_per_second.unwrap_or(2.0),
            messages_per_second: spec.messages_per_second.unwrap_or(25),
            chat_messages_per_second: spec.chat_messages_per_second.unwrap_or(1.0),
        };
        if !(0.01..=10_000.0).contains(&limits.inputs_per_second) {
            self.error("limits.inputs_per_second", "must be from 0.01 to 10000");
        }
        let off = local && limits.messages_per_second == 0;
        if !off && !(1..=10_000).contains(&limits.messages_per_second) {
            self.error(
                "limits.messages_per_second",
                "must be from 1 to 10000 (0, no limits at all, is for a Telegram on this machine only)",
            );
        }
        let most = if local { 10_000.0 } else { 30.0 };
        if !(0.1..=most).contains(&limits.chat_messages_per_second) {
            self.error(
                "limits.chat_messages_per_second",
                "must be from 0.1 to 30 (to 10000 for a Telegram on this machine)",
            );
        }
        limits
    }

    fn contact(&mut self, spec: ContactPolicySpec) -> ContactPolicy {
        spec.meaning(&mut |key, message| self.error(&format!("contact_policy.{key}"), message))
    }

    fn telegram(&mut self, token: Option<Secret>) -> Telegram {
        let bot_id = match token.as_ref().map(|token| check_token(token.expose())) {
            Some(Ok(id)) => id,
            Some(Err(message)) => {
                self.problems.push(self.env.problem("BOT_TOKEN", message));
                0
            }
            None => {
                let message = "missing; @BotFather gives one, write BOT_TOKEN=… into this file and chmod 600 it";
                self.problems.push(self.env.problem("BOT_TOKEN", message));
                0
            }
        };
        let api_url = self.setting("TELEGRAM_API_URL", api_url_problem);
        let proxy = self.setting("TELEGRAM_PROXY", |value| {
            (!is_proxy(value)).then_some("not an address; write it like socks5://host:port")
        });
        Telegram {
            token: token.unwrap_or_else(|| Secret::new("")),
            bot_id,
            api_url: api_url
                .unwrap_or_else(|| TELEGRAM.into())
                .trim_end_matches('/')
                .to_owned(),
            proxy: proxy.map(Secret::new),
        }
    }

    /// A value of the process's environment, or else of `.env`.
    fn setting(
        &mut self,
        key: &'static str,
        problem_of: impl Fn(&str) -> Option<&'static str>,
    ) -> Option<String> {
        let process = self.options.environment.get(key);
        let value = process.or_else(|| self.env.get(key))?;
        if let Some(message) = problem_of(value) {
            let problem = match process {
                Some(_) => super::problem(Path::new("environment"), format!("{key}: {message}")),
                None => self.env.problem(key, message),
            };
            self.problems.push(problem);
        }
        Some(value.to_owned())
    }

    fn funnels(&mut self, spec: &ConfigSpec) -> FunnelFiles {
        let dir = &self.options.partner_dir;
        let from_env = self.setting("FUNNELS_DIR", |_| None);
        let shared = match (&self.options.funnels_dir, from_env) {
            (Some(given), _) => given.clone(),
            (None, Some(given)) => PathBuf::from(given),
            (None, None) => beside(dir).join("funnels"),
        };
        let own = Some(dir.join("funnels")).filter(|own| own.is_dir() || own.is_symlink());
        if let Some(found) = own.as_ref().and_then(|own| check_inside(dir, own).err()) {
            self.problems.push(found);
        }
        for (index, name) in spec.funnels.iter().flatten().enumerate() {
            let file = format!("{name}.yaml");
            let found = own
                .iter()
                .chain([&shared])
                .any(|dir| dir.join(&file).is_file());
            if !found {
                let path = format!("funnels[{index}]");
                self.error(
                    &path,
                    format!(
                        "no funnel \"{name}\": {} is not there",
                        shared.join(&file).display()
                    ),
                );
            }
        }
        FunnelFiles {
            shared,
            own,
            only: spec.funnels.clone(),
        }
    }

    fn database(&mut self) {
        if self.env.get("DATABASE_URL").is_some() {
            let message =
                "not supported yet: data is kept in SQLite in the data directory; remove the line";
            self.problems
                .push(self.env.problem("DATABASE_URL", message));
        }
    }
}

const BAD_ID: &str = "an id has 1 to 32 of a-z, 0-9 and -, no - in front";

/// Whether a partner may be called so.
pub fn is_partner_id(id: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    // A program would take a dash in front for an option.
    (1..=32).contains(&id.len()) && id.bytes().all(good) && !id.starts_with('-')
}

/// The bot's id in a token; otherwise what is wrong, without showing it.
pub fn check_token(token: &str) -> Result<i64, String> {
    let parts = token.split_once(':').and_then(|(id, secret)| {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let fits = (20..=100).contains(&secret.len()) && secret.bytes().all(good);
        let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
        id.parse::<i64>()
            .ok()
            .filter(|id| fits && digits && *id > 0)
    });
    parts.ok_or_else(|| {
        let length = token.chars().count();
        format!("not a bot token ({length} characters); it looks like 123456789:ABC… with 35 letters after the colon, copy it again from @BotFather")
    })
}

/// `Ok` when jiff knows the zone.
pub fn check_timezone(name: &str) -> Result<(), String> {
    let zones = jiff::tz::db();
    let known: Vec<String> = zones
        .available()
        .map(|zone| zone.as_str().to_owned())
        .collect();
    if known.iter().any(|zone| zone == name) {
        return Ok(());
    }
    let hint = match suggest(name, &known) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "write an IANA name such as Europe/Moscow or Asia/Almaty".into(),
    };
    Err(format!("no time zone \"{name}\"; {hint}"))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn by_language(text: Text, languages: &[String]) -> BTreeMap<String, String> {
    match text {
        Text::ByLanguage(texts) => texts,
        Text::Plain(text) => languages
            .iter()
            .map(|code| (code.clone(), text.clone()))
            .collect(),
    }
}

/// Two levels up: `partners/north` is beside `funnels`.
fn beside(dir: &Path) -> PathBuf {
    match dir.parent().and_then(Path::parent) {
        Some(root)
            if dir
                .components()
                .all(|part| !matches!(part, Component::ParentDir)) =>
        {
            root.to_owned()
        }
        _ => dir.join("../.."),
    }
}
