//! Proofs: promises that a harness tries to break on the real programs, each with a control that must break.
//!
//! Every proof is one function from an `Order` to a `Ledger`, in a file of its own. `tests/prove NAME` runs its long
//! form, `tests/it/proof_NAME.rs` its short one. `docs/proofs.md` is the table of all.

mod books;
mod cable;
mod canary;
mod clock;
mod crowd;
mod cut;
mod disk;
mod faults;
mod fleet;
mod flood;
mod fuzz;
mod kill;
mod leap;
mod ledger;
mod life;
mod order;
mod poison;
mod power;
mod storm;
mod syscalls;
mod town;
mod walk;
mod weather;

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;

pub use ledger::Ledger;
pub use order::{Dice, Form, Order};

type Running<'o> = Pin<Box<dyn Future<Output = Ledger> + 'o>>;

/// A promise and the code that attacks it.
pub struct Proof {
    pub name: &'static str,
    /// One line: what must hold, against what.
    pub promise: &'static str,
    prove: for<'o> fn(&'o Order) -> Running<'o>,
}

macro_rules! proofs {
    ($($name:ident: $promise:literal,)*) => {
        &[$(Proof {
            name: stringify!($name),
            promise: $promise,
            prove: |order| Box::pin($name::prove(order)),
        }),*]
    };
}

/// All of them; a new proof is a file, a `mod` line and a line here.
pub const PROOFS: &[Proof] = proofs! {
    kill: "SIGKILL at any moment loses no lead, counts no answer twice, repeats at most one reply",
    syscalls: "SIGKILL at each system call of the store leaves a sound file with all that was acknowledged",
    power: "a power cut loses nothing that Telegram was told is safe",
    disk: "a full disk stops the polling, not the process, and loses nothing",
    faults: "an hour of Telegram at its worst over fifty bots loses nothing, and they stay small and quick",
    cut: "a network that is gone restarts nothing; afterwards all is answered in order, within Telegram's limits",
    flood: "ten thousand messages a minute from one lead leave the others as quick as before",
    poison: "an update, template or funnel that breaks what it touches costs its own lead one answer, nobody else anything",
    fuzz: "a million broken inputs and a hundred thousand forgeries: no panic, no hang, nothing done for a stranger",
    canary: "after a life of every trouble, told as talkatively as can be, nothing written holds a secret",
    storm: "killed and failed at while it speaks first, the bot says nothing twice, loses nothing in silence, and lists what nobody can know",
    leap: "a clock that jumps is told of, freezes what the bot says first, and brings no burst",
    fleet: "a hundred bots under systemd are quickly ready, cost little, tell their state at once and all return when killed",
    clock: "a clock that jumps by hours or a month breaks a silence once",
};

/// Runs a proof; `None` when there is none of this name.
pub async fn run(name: &str, order: &Order) -> Option<Ledger> {
    let proof = PROOFS.iter().find(|proof| proof.name == name)?;
    let mut ledger = (proof.prove)(order).await;
    for name in order.unknown() {
        ledger.trouble(format!("the proof has no number --{name}"));
    }
    Some(ledger)
}

/// The short form for `tests/run`: panics with the ledger when it fails. `PROVE_SEED` repeats a run.
pub async fn short(name: &str) {
    let seed = std::env::var("PROVE_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let order = Order::new(Form::Short, seed, BTreeMap::new());
    println!("proof {name}, seed {}", order.seed);
    let ledger = run(name, &order).await.expect("a proof of this name");
    for why in ledger.skipped() {
        // Past the captured output: nobody may take it for a pass.
        let _ = writeln!(std::io::stderr(), "note: skipped: proof {name}: {why}");
    }
    let repeat = repeat(name, &order);
    assert!(ledger.passed(), "\n{ledger}\nrepeat: {repeat}");
    println!("{ledger}\nrepeat: {repeat}");
}

/// The command that does the same again.
pub fn repeat(name: &str, order: &Order) -> String {
    let form = match order.form {
        Form::Short => " --short",
        Form::Long => "",
    };
    format!(
        "tests/prove {name}{form} --seed {}{}",
        order.seed,
        order.numbers()
    )
}
