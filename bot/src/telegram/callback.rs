//! What a button carries in its 64 bytes. PURE.

use compact_str::CompactString;

use crate::funnel::event::Press;

/// Anything a button of ours can say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallbackData {
    /// A funnel's button: `1:<funnel>:<step>:<button>:<visit base 36>`.
    Press(Press),
    /// The partner's panel: `p:<words>`.
    Panel(String),
}

pub fn encode_press(press: &Press) -> String {
    format!(
        "1:{}:{}:{}:{}",
        press.funnel,
        press.step,
        press.button,
        base36(press.visit)
    )
}

/// `None` for anything that is not ours or no longer ours.
pub fn parse(data: &str) -> Option<CallbackData> {
    if let Some(words) = data.strip_prefix("p:") {
        return Some(CallbackData::Panel(words.to_owned()));
    }
    let mut parts = data.strip_prefix("1:")?.split(':');
    let mut next = || {
        parts
            .next()
            .filter(|part| !part.is_empty())
            .map(CompactString::from)
    };
    let (funnel, step, button, visit) = (next()?, next()?, next()?, next()?);
    if parts.next().is_some() {
        return None;
    }
    let visit = u32::from_str_radix(&visit, 36).ok()?;
    Some(CallbackData::Press(Press {
        funnel,
        step,
        visit,
        button,
    }))
}

fn base36(mut number: u32) -> CompactString {
    let mut digits = CompactString::default();
    loop {
        digits.insert(0, char::from_digit(number % 36, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        for visit in [0, 1, 35, 36, 1295, u32::MAX] {
            let press = Press {
                funnel: "weight".into(),
                step: "goal".into(),
                visit,
                button: "a1b2".into(),
            };
            assert_eq!(
                parse(&encode_press(&press)),
                Some(CallbackData::Press(press))
            );
        }
    }

    #[test]
    fn forged_data_is_nothing() {
        for data in [
            "",
            "1:",
            "1:a:b:c",
            "1:a:b:c:zz:1",
            "1::b:c:1",
            "2:a:b:c:1",
            "1:a:b:c:-1",
            "1:a:b:c:99999999999",
            "x",
        ] {
            assert_eq!(parse(data), None, "{data}");
        }
    }
}
