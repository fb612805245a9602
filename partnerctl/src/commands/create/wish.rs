//! What the operator wants: from arguments, and from questions where there is somebody to ask.

use std::path::Path;

use bot::config::{Secret, check_timezone, check_token, is_partner_id};

use super::CreateArgs;
use crate::failure::{Code, Failure};
use crate::fleet::Fleet;
use crate::host::Host;

pub struct Wish {
    pub id: String,
    pub name: String,
    pub token: Secret,
    pub timezone: String,
    pub telegram_ids: Vec<i64>,
    pub shop: Option<String>,
    pub registration: Option<String>,
    pub funnel: Option<String>,
    pub api_url: Option<String>,
    pub proxy: Option<Secret>,
    pub tags: Vec<(String, String)>,
}

pub const ZONE: &str = "Europe/Moscow";

impl Wish {
    /// Everything that can be judged without the network is judged here, before anything is written.
    pub fn gather(args: &CreateArgs, host: &dyn Host) -> Result<Wish, Failure> {
        let led = args.is_led(host);
        let fleet = args.fleet.open(host);
        let id = match &args.id {
            Some(id) => free_id(id, &fleet)?,
            None => asked("ID", "partner's id (a-z, 0-9, -)", host, |id| {
                free_id(id, &fleet)
            })?,
        };
        let name = match &args.name {
            Some(name) => some_name(name)?,
            None => asked("--name", "name that leads see", host, some_name)?,
        };
        let timezone = match &args.timezone {
            Some(zone) => known_zone(zone)?,
            None if led => asked(
                "--timezone",
                &format!("time zone [{ZONE}]"),
                host,
                known_zone,
            )?,
            None => ZONE.to_owned(),
        };
        let mut telegram_ids = args.telegram_id.clone();
        if led && telegram_ids.is_empty() {
            let question = "partner's Telegram id, empty to invite later";
            telegram_ids.extend(asked("--telegram-id", question, host, telegram_id)?);
        }
        let funnel = match &args.funnel {
            None if led => template(&fleet.funnels_dir(), host)?,
            given => given.clone(),
        };
        let tags = args.tag.iter().map(|tag| match tag.split_once('=') {
            Some((key, value)) => (key.to_owned(), value.to_owned()),
            None => (tag.clone(), "yes".to_owned()),
        });
        Ok(Wish {
            tags: tags.collect(),
            token: token(args, host)?,
            id,
            name,
            timezone,
            telegram_ids,
            shop: args.shop.clone(),
            registration: args.registration.clone(),
            funnel,
            api_url: args.api_url.clone(),
            proxy: args.proxy.clone().map(Secret::new),
        })
    }
}

/// Asks until the answer is good; what is wrong with one is said, and nothing else is lost.
fn asked<T>(
    argument: &str,
    question: &str,
    host: &dyn Host,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    until_good(argument, host, || host.ask(question), read)
}

fn until_good<T>(
    argument: &str,
    host: &dyn Host,
    ask: impl Fn() -> std::io::Result<String>,
    read: impl Fn(&str) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if !host.interactive() {
        return Err(missing(argument));
    }
    loop {
        let refused = match read(ask()?.trim()) {
            Ok(value) => return Ok(value),
            Err(Failure { error, .. }) => error,
        };
        host.err(&refused.map_or_else(String::new, |error| format!("  {error:#}")));
    }
}

fn free_id(id: &str, fleet: &Fleet) -> Result<String, Failure> {
    if !is_partner_id(id) {
        let message =
            format!("partner id \"{id}\": an id has 1 to 32 of a-z, 0-9 and -, no - in front");
        return Err(Failure::new(Code::Usage, message));
    }
    let home = fleet.layout.partner(id);
    if home.symlink_metadata().is_ok() {
        let message = format!("{} exists; choose another id, or edit it", home.display());
        return Err(Failure::new(Code::Conflict, message));
    }
    Ok(id.to_owned())
}

fn some_name(name: &str) -> Result<String, Failure> {
    match name.trim() {
        "" => Err(missing("--name")),
        name => Ok(name.to_owned()),
    }
}

fn known_zone(zone: &str) -> Result<String, Failure> {
    let zone = if zone.is_empty() { ZONE } else { zone };
    check_timezone(zone).map_err(|message| Failure::new(Code::Usage, message))?;
    Ok(zone.to_owned())
}

fn telegram_id(answer: &str) -> Result<Option<i64>, Failure> {
    if answer.is_empty() {
        return Ok(None);
    }
    let wrong = "a Telegram id is a number above 0; @userinfobot tells it";
    match answer.parse() {
        Ok(id) if id > 0 => Ok(Some(id)),
        _ => Err(Failure::new(Code::Usage, wrong)),
    }
}

/// What the bot is for: a funnel by its number or its name, the first when nothing is said.
fn template(dir: &Path, host: &dyn Host) -> Result<Option<String>, Failure> {
    let funnels = super::shared_funnels(dir);
    if funnels.len() < 2 {
        return Ok(None);
    }
    host.err("what the bot is for:");
    for (index, name) in funnels.iter().enumerate() {
        let title = title(&dir.join(format!("{name}.yaml")));
        host.err(&format!("  {}  {name}  {title}", index + 1));
    }
    let choose = |answer: &str| {
        let number = answer.parse::<usize>().ok();
        let chosen = match (answer, number) {
            ("", _) => funnels.first(),
            (_, Some(number)) => funnels.get(number.wrapping_sub(1)),
            (name, None) => funnels.iter().find(|funnel| *funnel == name),
        };
        let wrong = || Failure::new(Code::Usage, "a number or a name of the list");
        chosen.cloned().map(Some).ok_or_else(wrong)
    };
    asked("--funnel", "its number or name [1]", host, choose)
}

/// The title as the file says it; in several languages, the first of them.
fn title(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let title = text.lines().find_map(|line| line.strip_prefix("title:"));
    let title = title.unwrap_or_default().trim();
    let told = match title.strip_prefix('{') {
        Some(several) => {
            let first = several.split([',', '}']).next().unwrap_or_default();
            first.split_once(':').map_or(first, |(_, text)| text)
        }
        None => title,
    };
    told.trim_matches(['"', '\'', ' ']).to_owned()
}

fn missing(argument: &str) -> Failure {
    let message = format!("{argument} is missing; give it, or run in a terminal to be asked");
    Failure::new(Code::Usage, message)
}

/// Looks like a token, so that all else can be judged before anybody follows the link.
const NOT_YET: &str = "1:DEMO-BY-LINK-NOT-YET-THERE-0000000000";

/// The token of the operator's bot that makes bots.
pub fn manager_token(args: &CreateArgs, fleet: &Fleet) -> Result<Secret, Failure> {
    let file = args
        .manager_token_file
        .clone()
        .unwrap_or_else(|| fleet.layout.manager_token());
    let text = read_token(&file).map_err(|_| {
        let message = format!(
            "{}: no token of a bot that makes bots; put one there (chmod 600), or name it with --manager-token-file",
            file.display()
        );
        Failure::new(Code::Credentials, message)
    })?;
    let token = text.trim();
    check_token(token).map_err(|message| Failure::new(Code::Credentials, message))?;
    Ok(Secret::new(token))
}

fn token(args: &CreateArgs, host: &dyn Host) -> Result<Secret, Failure> {
    if args.by_link {
        return Ok(Secret::new(NOT_YET));
    }
    let text = match args.token_file.as_deref() {
        Some(file) if file == Path::new("-") => host.input()?,
        Some(file) => read_token(file)?,
        None => {
            let ask = || host.ask_secret("token from @BotFather (not shown)");
            return until_good("--token-file FILE", host, ask, well_formed);
        }
    };
    well_formed(&text)
}

fn well_formed(text: &str) -> Result<Secret, Failure> {
    let token = text.trim();
    check_token(token).map_err(|message| Failure::new(Code::Credentials, message))?;
    Ok(Secret::new(token))
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let failed =
        |why: String| Failure::new(Code::Credentials, format!("{}: {why}", file.display()));
    let meta = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?;
    if !meta.is_file() || meta.len() > 4096 {
        return Err(failed("not a file with a token in it".into()));
    }
    std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))
}
