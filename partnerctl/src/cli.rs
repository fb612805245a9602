//! The command line: what there is, and which code a command ends with.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    alerts, audit, backup, check, completions, config, create, demo, deploy, doctor, funnel,
    host as this_host, import, invite, lead, list, logs, metrics, move_bot, pause, plan, receive,
    remove, restart, restore, resume, run as run_here, sandbox, secret, simulate, start, status,
    stop, top, why,
};
use crate::elsewhere;
use crate::failure::{Code, Failure};
use crate::host::Host;

/// Creates, checks, tries and supervises partners' bots.
#[derive(Debug, Parser)]
#[command(name = "partnerctl", version, before_help = EXAMPLES, after_help = CODES)]
struct Cli {
    /// Do it on another host, by your ssh: partnerctl --host almaty status
    #[arg(long = "host", value_name = "HOST", global = true)]
    there: Option<String>,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  partnerctl demo                                    try everything, no token needed
  partnerctl create north --name \"Север\" --token-file t.txt
  partnerctl check";

const CODES: &str = "Exit codes: 0 done, 1 failure, 2 wrong usage, 3 invalid configuration, 4 credentials, \
5 not found, 6 taken or locked, 7 not running, 10 there is something to change, 130 interrupted";

#[derive(Debug, Subcommand)]
enum Command {
    Create(create::CreateArgs),
    Import(import::ImportArgs),
    Remove(remove::RemoveArgs),
    List(list::ListArgs),
    Status(status::StatusArgs),
    Start(start::StartArgs),
    Stop(stop::StopArgs),
    Restart(restart::RestartArgs),
    Logs(logs::LogsArgs),
    Top(top::TopArgs),
    #[command(subcommand)]
    Metrics(metrics::MetricsCommand),
    Run(run_here::RunArgs),
    Check(check::CheckArgs),
    Doctor(doctor::DoctorArgs),
    Deploy(deploy::DeployArgs),
    Rollback(deploy::RollbackArgs),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Move(move_bot::MoveArgs),
    #[command(hide = true)]
    Receive(receive::ReceiveArgs),
    #[command(subcommand)]
    Alerts(alerts::AlertsCommand),
    #[command(subcommand)]
    Funnel(funnel::FunnelCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    Simulate(simulate::SimulateArgs),
    Why(why::WhyArgs),
    #[command(subcommand)]
    Lead(lead::LeadCommand),
    Invite(invite::InviteArgs),
    Plan(plan::PlanArgs),
    Pause(pause::PauseArgs),
    Resume(resume::ResumeArgs),
    Audit(audit::AuditArgs),
    #[command(subcommand)]
    Host(this_host::HostCommand),
    Completions(completions::CompletionsArgs),
    Man(completions::ManArgs),
    Demo(demo::DemoArgs),
    Sandbox(sandbox::SandboxArgs),
}

/// Runs one command line, its own name first.
pub async fn run(args: impl IntoIterator<Item = OsString>, host: &dyn Host) -> ExitCode {
    ExitCode::from(code_of(args, host).await)
}

/// The same, with the code as a number.
pub async fn code_of(args: impl IntoIterator<Item = OsString>, host: &dyn Host) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, host),
    };
    if let Some(there) = &cli.there {
        let words = args
            .iter()
            .skip(1)
            .map(|arg| arg.to_string_lossy().into_owned());
        return match elsewhere::run(there, words.collect(), host) {
            Ok(code) => code,
            Err(failure) => told(failure, host),
        };
    }
    let Err(failure) = dispatch(cli.command, host).await else {
        return 0;
    };
    told(failure, host)
}

fn told(failure: Failure, host: &dyn Host) -> u8 {
    if let Some(error) = failure.error {
        host.err(&format!("error: {error:#}"));
    }
    failure.code as u8
}

async fn dispatch(command: Command, host: &dyn Host) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create::run(args, host).await,
        Command::List(args) => list::run(&args, host),
        Command::Status(args) => status::run(&args, host).await,
        Command::Start(args) => start::run(&args, host).await,
        Command::Stop(args) => stop::run(&args, host).await,
        Command::Restart(args) => restart::run(&args, host).await,
        Command::Top(args) => top::run(&args, host).await,
        Command::Metrics(command) => metrics::run(&command, host).await,
        Command::Logs(args) => logs::run(&args, host).await,
        Command::Audit(args) => audit::run(&args, host),
        Command::Host(command) => this_host::run(&command, host).await,
        Command::Doctor(args) => doctor::run(&args, host).await,
        Command::Deploy(args) => deploy::run(args, host).await,
        Command::Rollback(args) => deploy::rollback(args, host).await,
        Command::Backup(args) => backup::run(args, host).await,
        Command::Restore(args) => restore::run(args, host).await,
        Command::Move(args) => move_bot::run(args, host).await,
        Command::Receive(args) => receive::run(args, host).await,
        Command::Alerts(command) => alerts::run(command, host).await,
        Command::Check(args) => check::run(&args, host),
        Command::Funnel(command) => funnel::run(command, host),
        Command::Config(command) => config::run(&command, host).await,
        Command::Secret(command) => secret::run(command, host).await,
        Command::Import(args) => import::run(&args, host).await,
        Command::Remove(args) => remove::run(&args, host),
        Command::Run(args) => run_here::run(&args, host).await,
        Command::Completions(args) => completions::completions(&args, command_line(), host),
        Command::Man(args) => completions::man(&args, command_line(), host),
        Command::Simulate(args) => simulate::run(&args, host),
        Command::Why(args) => why::run(args, host).await,
        Command::Lead(command) => lead::run(command, host).await,
        Command::Invite(args) => invite::run(args, host).await,
        Command::Plan(args) => plan::run(args, host).await,
        Command::Pause(args) => pause::run(&args, host).await,
        Command::Resume(args) => resume::run(&args, host).await,
        Command::Demo(args) => Ok(demo::run(args).await?),
        Command::Sandbox(args) => sandbox::run(args, host).await,
    }
}

fn command_line() -> clap::Command {
    use clap::CommandFactory;
    Cli::command()
}

/// Help and version are data; a wrong command line is a message.
fn refuse(error: &clap::Error, host: &dyn Host) -> u8 {
    let text = if host.colour() {
        error.render().ansi().to_string()
    } else {
        error.render().to_string()
    };
    let text = text.trim_end();
    if error.use_stderr() {
        host.err(text);
        Code::Usage as u8
    } else {
        host.out(text);
        0
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Verbs of an operator's day, and whether a program may ask for JSON where there is something to tell.
    #[test]
    fn every_verb_is_there_and_whoever_tells_something_tells_it_to_programs_too() {
        let mut command = Cli::command();
        command.build();
        let verbs = "create import list status start stop restart logs check plan deploy rollback doctor backup \
            restore move remove config secret invite why top metrics audit completions man";
        for verb in verbs.split_whitespace() {
            assert!(command.find_subcommand(verb).is_some(), "no verb {verb}");
        }
        let tellers = "import list status start stop restart logs check plan deploy rollback doctor why invite audit";
        for verb in tellers.split_whitespace() {
            let verb = command.find_subcommand(verb).unwrap();
            let knows = verb
                .get_arguments()
                .any(|arg| arg.get_long() == Some("json"));
            assert!(knows, "{} has no --json", verb.get_name());
        }
    }

    #[test]
    fn the_exit_codes_are_those_that_are_documented() {
        let documented: Vec<u8> = CODES
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect();
        let all = [
            Code::General,
            Code::Usage,
            Code::InvalidConfig,
            Code::Credentials,
            Code::NotFound,
            Code::Conflict,
            Code::Unhealthy,
            Code::Changes,
            Code::Interrupted,
        ];
        assert_eq!(documented[1..], all.map(|code| code as u8), "{CODES}");
    }

    #[test]
    fn every_help_opens_with_examples() {
        fn check(command: &mut clap::Command, path: &str) {
            let help = command.render_help().to_string();
            assert!(
                help.starts_with("Examples:\n  partnerctl"),
                "{path}: {help}"
            );
            for sub in command
                .get_subcommands_mut()
                .filter(|sub| sub.get_name() != "help")
            {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        let mut command = Cli::command();
        command.build();
        check(&mut command, "partnerctl");
    }
}
