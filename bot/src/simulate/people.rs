//! The made-up leads: where they live, when they come, and what they do. PURE.

use super::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::dice::Dice;

/// Numbers that depend on the seed and the lead alone.
pub(super) fn dice_of(seed: u64, lead: i64) -> Dice {
    let mut dice = Dice::new(seed ^ lead.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15));
    dice.throw(2);
    dice
}

/// Zones of leads who do not live where the partner does.
const ELSEWHERE: [&str; 4] = [
    "Europe/Moscow",
    "Asia/Yekaterinburg",
    "Asia/Vladivostok",
    "Europe/Berlin",
];

/// `None`: the partner's zone.
pub(super) fn zone(dice: &mut Dice) -> Option<&'static str> {
    match dice.chance(70) {
        true => None,
        false => dice.of(&ELSEWHERE).copied(),
    }
}

/// How far into the month the lead comes.
pub(super) fn arrival(dice: &mut Dice, days: u32) -> i64 {
    let first_half = u64::from(days.max(2) / 2) * (DAY_MS / MINUTE_MS) as u64;
    dice.throw(first_half) as i64 * MINUTE_MS
}

/// How long until the lead reacts; `None`: they do not.
pub(super) fn reaction(dice: &mut Dice, proactive: bool) -> Option<i64> {
    let (chance, slowest_minutes) = if proactive { (12, 600) } else { (70, 8) };
    dice.chance(chance)
        .then(|| MINUTE_MS / 4 + dice.throw(slowest_minutes) as i64 * MINUTE_MS)
}

/// What a lead who reacts does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Press,
    Answer,
    GiveNumber,
    CallPerson,
    SayStop,
    Block,
}

pub(super) fn deed(dice: &mut Dice) -> Deed {
    match dice.throw(1000) {
        0..=7 => Deed::SayStop,
        8..=13 => Deed::Block,
        14..=25 => Deed::CallPerson,
        26..=65 => Deed::GiveNumber,
        66..=250 => Deed::Answer,
        _ => Deed::Press,
    }
}

pub(super) const WORDS: [&str; 6] = ["5", "Да", "не знаю", "завтра", "25.12", "Хочу больше сил"];
pub(super) const NAMES: [&str; 6] = ["Аня", "Марат", "Ольга", "Айгуль", "Сергей", "Дина"];

/// Longer than this nobody's talk goes on.
pub(super) const MOST_TURNS: u32 = 60;
/// A wait without an end is looked at again that much later.
pub(super) const LOOK_AGAIN_MS: i64 = HOUR_MS;
