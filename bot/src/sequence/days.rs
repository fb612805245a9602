//! Days of the week, as a lead's calendar has them. PURE.

use jiff::civil::Weekday;

/// A set of weekdays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Default for Days {
    fn default() -> Self {
        Self::ALL
    }
}

impl Days {
    pub const ALL: Self = Self(0b111_1111);

    pub fn allows(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }

    /// `mon`, `mon..fri`, `sat..mon`, `weekdays`, `weekend`; the error says what is wrong.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut set = 0;
        for word in words {
            set |= match word {
                "weekdays" => 0b001_1111,
                "weekend" => 0b110_0000,
                "every" => Self::ALL.0,
                other => match other.split_once("..") {
                    Some((from, to)) => range(index(from)?, index(to)?),
                    None => 1 << index(other)?,
                },
            };
        }
        match set {
            0 => Err("no day is left; write days such as [mon..fri]".into()),
            set => Ok(Self(set)),
        }
    }
}

impl std::fmt::Display for Days {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = (0..7)
            .filter(|day| self.0 & (1 << day) != 0)
            .map(|day| NAMES[day])
            .collect();
        f.write_str(&names.join(" "))
    }
}

fn index(word: &str) -> Result<usize, String> {
    let word = word.trim();
    NAMES.iter().position(|name| *name == word).ok_or_else(|| {
        format!("\"{word}\" is not a day; write mon, tue, wed, thu, fri, sat, sun, mon..fri, weekdays or weekend")
    })
}

/// From day to day, over Sunday when need be.
fn range(from: usize, to: usize) -> u8 {
    let mut set = 0;
    let mut day = from;
    loop {
        set |= 1 << day;
        if day == to {
            return set;
        }
        day = (day + 1) % 7;
    }
}
