//! A million broken inputs and a hundred thousand forgeries: no panic, nothing that takes a second, and nothing done
//! for whoever may not ask for it.

mod forge;
mod inputs;
mod mutate;

use super::{Ledger, Order};

pub async fn prove(order: &Order) -> Ledger {
    let count = order.count("inputs", 8_000, 1_000_000);
    let forged = order.count("forgeries", 1_000, 100_000);
    let mut ledger = Ledger::default();
    inputs::prove(order.dice(), count, &mut ledger);
    forge::prove(order.dice(), forged, &mut ledger).await;
    ledger
}
