//! `partnerctl pause`: bots say nothing first, or one lead is left alone; every place is kept.

use std::path::{Path, PathBuf};

use clap::Args;

use super::why::socket_of;
use crate::audit;
use crate::bot_socket::BotSocket;
use crate::failure::{Code, Failure};
use crate::fleet::Partner;
use crate::host::Host;
use crate::targets::TargetArgs;

/// Holds back all in which bots speak first; they still answer, and every place is kept
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl pause north                 until partnerctl resume north
  partnerctl pause north --lead 12       this lead alone
  partnerctl pause --all")]
pub struct PauseArgs {
    #[command(flatten)]
    wish: Wish,
}

/// Whose words are held back or let go again.
#[derive(Debug, Args)]
pub struct Wish {
    #[command(flatten)]
    targets: TargetArgs,
    /// Only for this lead of one partner, by the number on the card: 12 or #12
    #[arg(long, value_name = "NUMBER")]
    lead: Option<String>,
    /// Where the bot keeps its data [default: data in the partner's directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub async fn run(args: &PauseArgs, host: &dyn Host) -> Result<(), Failure> {
    args.wish.tell("pause", host).await
}

impl Wish {
    pub(super) async fn tell(&self, verb: &str, host: &dyn Host) -> Result<(), Failure> {
        let lead = self.number()?;
        let (fleet, partners) = self.targets.named(verb, host)?;
        if lead.is_some() && partners.len() != 1 {
            let message = "a lead belongs to one partner; name that one";
            return Err(Failure::new(Code::Usage, message));
        }
        let by: String = host.machine().user.clone();
        let by: String = by.chars().filter(char::is_ascii_alphanumeric).collect();
        let path = match lead {
            None => format!("/{verb}"),
            Some(lead) => format!("/{verb}?lead={lead}&by={by}"),
        };
        let what = lead.map_or_else(String::new, |lead| format!("lead #{lead}"));
        let mut first = None;
        for partner in partners {
            let done = ask(&partner, self.data_dir.as_deref(), &path).await;
            let result = match &done {
                Ok(()) => Ok(()),
                Err(failure) => Err(said(failure)),
            };
            let ids = [partner.id.clone()];
            audit::record(&fleet.layout, host, verb, &ids, &what, &result);
            match done {
                Ok(()) => host.out(&line(verb, &partner.id, lead)),
                Err(failure) => {
                    host.err(&format!("{}: {}", partner.id, said(&failure)));
                    first.get_or_insert(failure.code);
                }
            }
        }
        match first {
            None => Ok(()),
            Some(code) => Err(Failure::said(code)),
        }
    }

    fn number(&self) -> Result<Option<u64>, Failure> {
        let Some(text) = &self.lead else {
            return Ok(None);
        };
        let number = text.trim_start_matches('#').parse();
        let wrong = |_| {
            let message = format!("\"{text}\" is not a lead's number; write it like 12");
            Failure::new(Code::Usage, message)
        };
        number.map(Some).map_err(wrong)
    }
}

fn line(verb: &str, partner: &str, lead: Option<u64>) -> String {
    match (verb, lead) {
        ("pause", None) => {
            format!("{partner}: says nothing first until: partnerctl resume {partner}")
        }
        ("pause", Some(lead)) => format!(
            "{partner}: says nothing first to #{lead} until: partnerctl resume {partner} --lead {lead}"
        ),
        (_, None) => format!("{partner}: speaks first again, each lead from their place"),
        (_, Some(lead)) => format!("{partner}: speaks first to #{lead} again, from their place"),
    }
}

async fn ask(partner: &Partner, data: Option<&Path>, path: &str) -> Result<(), Failure> {
    let Some(socket) = socket_of(partner, data)? else {
        let message = format!(
            "not running, so it says nothing; start it first: partnerctl start {}",
            partner.id
        );
        return Err(Failure::new(Code::Unhealthy, message));
    };
    told(&socket, path).await
}

async fn told(socket: &BotSocket, path: &str) -> Result<(), Failure> {
    let answer = socket
        .post(path)
        .await
        .map_err(|error| Failure::new(Code::Unhealthy, format!("{error:#}")))?;
    match answer["error"].as_str() {
        None => Ok(()),
        Some(error) => Err(Failure::new(Code::NotFound, error)),
    }
}

fn said(failure: &Failure) -> String {
    failure
        .error
        .as_ref()
        .map_or_else(String::new, |error| format!("{error:#}"))
}
