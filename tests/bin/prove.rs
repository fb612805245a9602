//! `tests/prove NAME`: the long form of a proof, its ledger and its verdict.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use tests::proofs::{self, Form, Order, PROOFS};
use tests::support::bot_program;

const HELP: &str = "\
Usage: tests/prove NAME [--seed N] [--short] [--COUNTER N]...
       tests/prove --list

Runs the long form of a proof on the real programs and prints what it counted, the limit of each
counter and the command that repeats it. Exits 0 when it passed, 1 when it failed.
--release (first) builds with optimisation.";

/// In the bot's own tests, because it moves the desk by hand; the script runs it.
const MODEL: &str = "store, engine, desk and outbox agree with a small model for any history";

fn main() -> ExitCode {
    match prove() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn prove() -> anyhow::Result<bool> {
    let mut words = std::env::args().skip(1);
    let first = words.next().unwrap_or_default();
    match first.as_str() {
        "" | "--help" | "-h" => {
            println!("{HELP}");
            return Ok(true);
        }
        "--list" => {
            for proof in PROOFS {
                println!("{:10} {}", proof.name, proof.promise);
            }
            println!("{:10} {MODEL}", "model");
            return Ok(true);
        }
        _ => {}
    }
    let order = order(words)?;
    let program = bot_program();
    let bytes = std::fs::read(program).with_context(|| program.display().to_string())?;
    println!("proof {first}, seed {}", order.seed);
    println!("bot sha256 {}", hex(&Sha256::digest(&bytes)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let began = std::time::Instant::now();
    let Some(ledger) = runtime.block_on(proofs::run(&first, &order)) else {
        bail!("no proof {first:?}; tests/prove --list names them");
    };
    println!("{ledger} after {} s", began.elapsed().as_secs());
    println!("repeat: {}", proofs::repeat(&first, &order));
    Ok(ledger.passed())
}

fn order(mut words: impl Iterator<Item = String>) -> anyhow::Result<Order> {
    let (mut form, mut seed, mut given) = (Form::Long, None, BTreeMap::new());
    while let Some(word) = words.next() {
        if word == "--short" {
            form = Form::Short;
            continue;
        }
        let name = word.strip_prefix("--");
        let name = name.with_context(|| format!("{word:?}: arguments are --NAME NUMBER"))?;
        let number = words.next().and_then(|number| number.parse().ok());
        let number = number.with_context(|| format!("--{name} wants a number"))?;
        if name == "seed" {
            seed = Some(number);
        } else {
            given.insert(name.to_owned(), number);
        }
    }
    Ok(Order::new(form, seed, given))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
