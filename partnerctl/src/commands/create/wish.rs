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
        let id = given_or_asked(args.id.as_deref(), "ID", "partner's id (a-z, 0-9, -)", host)?;
        if !is_partner_id(&id) {
            let message = format!("partner id \"{id}\": an id has 1 to 32 of a-z, 0-9 and -");
            return Err(Failure::new(Code::Usage, message));
        }
        let home = args.fleet.open(host).layout.partner(&id);
        if home.symlink_metadata().is_ok() {
            let message = format!("{} exists; choose another id, or edit it", home.display());
            return Err(Failure::new(Code::Conflict, message));
        }
        let name = given_or_asked(args.name.as_deref(), "--name", "name that leads see", host)?;
        let timezone = match &args.timezone {
            None if led => {
                Some(host.ask(&format!("time zone [{ZONE}]"))?).filter(|zone| !zone.is_empty())
            }
            given => given.clone(),
        };
        let timezone = timezone.unwrap_or_else(|| ZONE.into());
        check_timezone(&timezone).map_err(|message| Failure::new(Code::Usage, message))?;
        let mut telegram_ids = args.telegram_id.clone();
        if led && telegram_ids.is_empty() {
            let answer = host.ask("partner's Telegram id, empty to invite later")?;
            if !answer.is_empty() {
                let id = answer.parse::<i64>();
                telegram_ids
                    .push(id.map_err(|_| Failure::new(Code::Usage, "a Telegram id is a number"))?);
            }
        }
        let funnels = super::shared_funnels(&args.fleet.open(host).funnels_dir());
        let funnel = match &args.funnel {
            None if led && funnels.len() > 1 => {
                let question = format!(
                    "what the bot is for: {} [{}]",
                    funnels.join(", "),
                    funnels[0]
                );
                Some(host.ask(&question)?).filter(|funnel| !funnel.is_empty())
            }
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

fn given_or_asked(
    given: Option<&str>,
    argument: &str,
    question: &str,
    host: &dyn Host,
) -> Result<String, Failure> {
    let value = match given {
        Some(value) => value.to_owned(),
        None if host.interactive() => host.ask(question)?,
        None => return Err(missing(argument)),
    };
    match value.trim() {
        "" => Err(missing(argument)),
        value => Ok(value.to_owned()),
    }
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
        None if host.interactive() => host.ask_secret("token from @BotFather (not shown)")?,
        None => return Err(missing("--token-file FILE")),
    };
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
