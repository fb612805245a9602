//! The command line.

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::demo;

/// Creates, checks, tries and supervises partners' bots.
#[derive(Debug, Parser)]
#[command(name = "partnerctl", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArgs),
}

pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Demo(args) => demo::run(args).await,
    }
}
