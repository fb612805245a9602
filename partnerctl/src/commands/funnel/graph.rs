//! `partnerctl funnel graph`: a funnel as a picture.

use std::path::PathBuf;

use anyhow::Context;
use bot::funnel::graph;
use clap::Args;

use super::Setting;
use crate::failure::Failure;
use crate::host::Host;

/// Draws a funnel: Mermaid text on standard output, or an SVG file
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl funnel graph weight                      Mermaid text
  partnerctl funnel graph weight --svg weight.svg
  partnerctl funnel graph weight_warmup               a sequence
  partnerctl funnel graph weight --svg - | display")]
pub struct GraphArgs {
    /// The funnel
    name: String,
    /// Write an SVG picture there; - is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "mermaid")]
    svg: Option<PathBuf>,
    /// Mermaid text, as without arguments
    #[arg(long)]
    mermaid: bool,
    #[command(flatten)]
    setting: Setting,
}

pub fn run(args: &GraphArgs, host: &dyn Host) -> Result<(), Failure> {
    let ground = args.setting.load(host)?;
    let name = ground.whole_id(&args.name);
    ground.check_id(&name)?;
    let name = name.replace(super::SEQUENCES, "~");
    let draw = match args.svg {
        Some(_) => graph::svg,
        None => graph::mermaid,
    };
    let picture = draw(&ground.funnels, &name).context("the funnel cannot be drawn")?;
    match args.svg.as_deref().filter(|file| file.as_os_str() != "-") {
        None => host.out(picture.trim_end()),
        Some(file) => {
            std::fs::write(file, picture)
                .with_context(|| format!("cannot write {}", file.display()))?;
            host.out(&format!("written {}", file.display()));
        }
    }
    Ok(())
}
