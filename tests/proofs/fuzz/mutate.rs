//! Breaks good inputs in the ways that break readers.

use serde_json::{Value, json};

use crate::proofs::Dice;

/// What readers stumble over.
const JUNK: [&str; 36] = [
    "",
    " ",
    "\0",
    "\u{feff}",
    "\u{202e}",
    "\u{2066}",
    "\r\n",
    "\t",
    "<b>",
    "</b>",
    "<a href='tg://user?id=1'>",
    "&lt;",
    "&#0;",
    "&#x110000;",
    "{{",
    "}}",
    "{% for i in range(99999) %}",
    "{{ lead.phone }}",
    "{{ answers.x.y.z }}",
    "{{ 1 / 0 }}",
    "{{ 'x' * 9999999 }}",
    "-9223372036854775808",
    "9223372036854775807",
    "1e999",
    "NaN",
    "null",
    "[[[[[[[[[[[[",
    "&a *a",
    "!!binary x",
    "|\n",
    "%00",
    "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
    "e\u{301}\u{301}\u{301}\u{301}",
    "+7 (701) ",
    "1:weight:hello:go:zzzzzzz",
    "p:done:1",
];

/// A text with a few things changed, seldom many.
pub fn text(of: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = of.chars().collect();
    for _ in 0..=dice.throw(4) {
        let at = dice.index(letters.len() + 1);
        let end = (at + dice.index(8)).min(letters.len());
        match dice.throw(8) {
            0 => drop(letters.drain(at..end)),
            1 => {
                let again: Vec<char> = letters[at..end].to_vec();
                letters.splice(at..at, again);
            }
            2 => letters.insert(at, any_char(dice)),
            3 if at < letters.len() => letters[at] = any_char(dice),
            4 => letters.truncate(at.max(1)),
            5 => letters
                .splice(at..end, dice.pick(&JUNK).chars())
                .for_each(drop),
            6 if dice.chance(3) => {
                let long: Vec<char> = letters
                    .iter()
                    .copied()
                    .cycle()
                    .take(9_000.min(letters.len() * 400))
                    .collect();
                letters = long;
            }
            _ => {
                let junk: Vec<char> = dice.pick(&JUNK).chars().collect();
                letters.splice(at..at, junk);
            }
        }
    }
    letters.into_iter().collect()
}

fn any_char(dice: &mut Dice) -> char {
    let below = dice.pick(&[0x20, 0x80, 0x800, 0x1_0000, 0x11_0000]);
    let code = u32::try_from(dice.throw(below)).unwrap_or(0);
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// Lines dropped, doubled and moved, then letters broken: for files.
pub fn lines(of: &str, dice: &mut Dice) -> String {
    let mut lines: Vec<&str> = of.lines().collect();
    for _ in 0..=dice.throw(3) {
        let (a, b) = (dice.index(lines.len()), dice.index(lines.len()));
        match dice.throw(5) {
            0 if lines.len() > 1 => drop(lines.remove(a)),
            1 => lines.swap(a, b),
            2 => lines.insert(a, lines[b]),
            _ => {}
        }
    }
    let whole = lines.join("\n");
    if dice.chance(40) {
        text(&whole, dice)
    } else {
        whole
    }
}

/// JSON with something in it replaced, taken out or put in.
pub fn value(mut of: Value, dice: &mut Dice) -> Value {
    for _ in 0..=dice.throw(3) {
        let depth = dice.throw(6);
        strike(&mut of, depth, dice);
    }
    of
}

fn strike(at: &mut Value, depth: u64, dice: &mut Dice) {
    match at {
        Value::Object(map) if depth > 0 && !map.is_empty() => {
            let index = dice.index(map.len());
            let key = map.keys().nth(index).cloned().unwrap_or_default();
            match dice.throw(8) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert(text(&key, dice), junk(dice))),
                _ => strike(&mut map[&key], depth - 1, dice),
            }
        }
        Value::Array(list) if depth > 0 && !list.is_empty() => {
            let index = dice.index(list.len());
            match dice.throw(6) {
                0 => drop(list.remove(index)),
                1 => list.push(junk(dice)),
                _ => strike(&mut list[index], depth - 1, dice),
            }
        }
        Value::String(words) => *words = text(words, dice),
        Value::Number(number) if dice.chance(60) => {
            let near = number.as_i64().unwrap_or(0);
            let off = i64::try_from(dice.throw(3)).unwrap_or(0) - 1;
            *at = json!(near.wrapping_add(off));
        }
        other => *other = junk(dice),
    }
}

fn junk(dice: &mut Dice) -> Value {
    match dice.throw(9) {
        0 => Value::Null,
        1 => json!(i64::MIN),
        2 => json!(u64::MAX),
        3 => json!(1.5e300),
        4 => json!(true),
        5 => json!([]),
        6 => json!({}),
        7 => json!(-1),
        _ => Value::from(dice.pick(&JUNK)),
    }
}

/// Bytes changed without regard for what they mean.
pub fn bytes(of: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = of.as_bytes().to_vec();
    for _ in 0..=dice.throw(5) {
        let at = dice.index(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = u8::try_from(dice.throw(256)).unwrap_or(0);
        }
        if dice.chance(10) {
            bytes.truncate(at);
        }
    }
    bytes
}
