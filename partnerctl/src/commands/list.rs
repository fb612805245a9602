//! `partnerctl list`: who there is, from the files alone.

use bot::config::spec::ConfigSpec;
use clap::Args;
use serde_json::json;

use crate::failure::Failure;
use crate::host::Host;
use crate::output::{self, Cell, OutputArgs, Table, Tone};
use crate::targets::TargetArgs;

/// Lists partners with their names and tags
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl list
  partnerctl list --tag city=almaty
  partnerctl list --json | jq -r '.data.partners[].partner'")]
pub struct ListArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(args: &ListArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.or_all(host)?;
    let mut table = Table::new(&["partner", "name", "starts", "tags"]);
    let mut rows = Vec::new();
    for partner in &partners {
        let text = std::fs::read_to_string(partner.dir.join("config.yaml")).unwrap_or_default();
        let (spec, _, _) = bot::yaml::read::<ConfigSpec>("config.yaml", &text);
        let enabled = fleet.layout.is_enabled(&partner.id);
        let name = match &spec {
            Some(spec) => Cell::from(spec.display_name.clone().unwrap_or_default()),
            None => Cell::new(
                format!(
                    "config.yaml has errors; run: partnerctl check {}",
                    partner.id
                ),
                Tone::Bad,
            ),
        };
        let tags = spec.map(|spec| spec.tags).unwrap_or_default();
        let shown: Vec<String> = tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let starts = if enabled { "by itself" } else { "by hand" };
        rows.push(
            json!({ "partner": partner.id, "name": name.text, "enabled": enabled, "tags": tags }),
        );
        table.row([
            partner.id.clone().into(),
            name,
            starts.into(),
            shown.join(" ").into(),
        ]);
    }
    match args.output.json {
        true => output::json("list", &json!({ "partners": rows }), &[], host),
        false => table.print(host),
    }
    Ok(())
}
