//! Which form of a proof is wanted, and the numbers it goes by.

pub use bot::dice::Dice;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In `tests/run`: seconds.
    Short,
    /// By `tests/prove`: as long as the promise needs.
    Long,
}

/// What a proof is asked to do.
pub struct Order {
    pub form: Form,
    pub seed: u64,
    /// Numbers given by hand: `--kills 60`.
    given: BTreeMap<String, u64>,
    /// Numbers the proof went by, for the line that repeats it.
    used: RefCell<BTreeMap<String, u64>>,
}

impl Order {
    pub fn new(form: Form, seed: Option<u64>, given: BTreeMap<String, u64>) -> Order {
        Order {
            form,
            seed: seed.unwrap_or_else(fresh_seed),
            given,
            used: RefCell::default(),
        }
    }

    /// How many: the given number, else that of the form.
    pub fn count(&self, name: &str, short: u64, long: u64) -> u64 {
        let of_form = match self.form {
            Form::Short => short,
            Form::Long => long,
        };
        let count = self.given.get(name).copied().unwrap_or(of_form);
        self.used.borrow_mut().insert(name.to_owned(), count);
        count
    }

    /// Given by hand, but no number of this proof.
    pub fn unknown(&self) -> Vec<String> {
        let used = self.used.borrow();
        let unused = self.given.keys().filter(|name| !used.contains_key(*name));
        unused.cloned().collect()
    }

    /// The numbers as arguments.
    pub fn numbers(&self) -> String {
        let used = self.used.borrow();
        let words = used
            .iter()
            .map(|(name, count)| format!(" --{name} {count}"));
        words.collect()
    }

    pub fn dice(&self) -> Dice {
        Dice::new(self.seed)
    }
}

/// Short enough to be typed again.
fn fresh_seed() -> u64 {
    let random = std::hash::RandomState::new().build_hasher().finish();
    random % 1_000_000
}
