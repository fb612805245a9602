//! `partnerctl config`: what may stand in config.yaml.

use bot::config::spec::ConfigSpec;
use bot::yaml::schema_text;
use clap::Subcommand;

use crate::failure::Failure;
use crate::host::Host;

/// Tells what may stand in config.yaml
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl config schema > partners/config.schema.json")]
pub enum ConfigCommand {
    /// Prints the JSON schema that gives editors completion
    #[command(before_help = "Examples:
  partnerctl config schema > partners/config.schema.json")]
    Schema,
}

pub fn run(command: &ConfigCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        ConfigCommand::Schema => host.out(schema_text::<ConfigSpec>().trim_end()),
    }
    Ok(())
}
