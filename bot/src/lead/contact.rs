//! Phones and e-mails as people type them. PURE.

use std::collections::BTreeSet;

use super::dialling::code_of;

/// Why a text is no phone number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneProblem {
    NoNumber,
    TooShort,
    TooLong,
    /// Digits enough, but no country and no region has such numbers.
    Unknown,
    /// More than one number, and we cannot know which is meant.
    Several,
}

/// The one phone number in `text`, as E.164. `regions` (`RU`, `KZ`, ...) are tried in order for numbers
/// without a country code; RU and KZ share +7 and the `8` before it.
pub fn parse_phone(text: &str, regions: &[impl AsRef<str>]) -> Result<String, PhoneProblem> {
    let written = written_numbers(text);
    let numbers: BTreeSet<String> = written
        .iter()
        .filter(|number| number.digits.len() >= MIN_DIGITS)
        .filter_map(|number| number.e164(regions))
        .collect();
    let mut numbers = numbers.into_iter();
    match (numbers.next(), numbers.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(PhoneProblem::Several),
        (None, _) => Err(problem(&written)),
    }
}

/// A number as a channel gives it with a shared contact: international, sometimes without `+`.
pub fn shared_phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter_map(digit).collect();
    (MIN_DIGITS..=MAX_DIGITS)
        .contains(&digits.len())
        .then(|| format!("+{digits}"))
}

/// `+7 701 123-45-67`; a number of another country gets a space after its code only.
pub fn pretty_phone(e164: &str) -> String {
    let digits = e164.strip_prefix('+').unwrap_or(e164);
    match (digits.as_bytes(), code_of(digits)) {
        ([b'7', ..], Some("7")) => format!(
            "+7 {} {}-{}-{}",
            &digits[1..4],
            &digits[4..7],
            &digits[7..9],
            &digits[9..]
        ),
        (_, Some(code)) => format!("+{code} {}", &digits[code.len()..]),
        (_, None) => e164.to_owned(),
    }
}

/// The one e-mail address in `text`; its domain in lower case.
pub fn parse_email(text: &str) -> Option<String> {
    let mut candidates = text.split_whitespace().filter(|word| word.contains('@'));
    let word = candidates.next()?;
    if candidates.next().is_some() {
        return None;
    }
    let word = word
        .trim_end_matches(['.', ',', ';', '!', '?', ')'])
        .trim_start_matches('(');
    let (local, domain) = word.split_once('@')?;
    let domain = domain.to_lowercase();
    let length = local.len() + 1 + domain.len();
    (length <= 254 && good_local(local) && good_domain(&domain))
        .then(|| format!("{local}@{domain}"))
}

const MIN_DIGITS: usize = 7;
const MAX_DIGITS: usize = 15;

fn problem(written: &[Written]) -> PhoneProblem {
    match written.iter().map(|number| number.digits.len()).max() {
        None | Some(0..3) => PhoneProblem::NoNumber,
        Some(3..10) => PhoneProblem::TooShort,
        Some(10..=MAX_DIGITS) => PhoneProblem::Unknown,
        Some(_) => PhoneProblem::TooLong,
    }
}

/// Digits that stand together in a text.
#[derive(Default)]
struct Written {
    plus: bool,
    digits: String,
}

impl Written {
    fn e164(&self, regions: &[impl AsRef<str>]) -> Option<String> {
        let digits = self.digits.as_str();
        let out = international_prefix(digits);
        if self.plus || out.is_some() {
            // `+8 701 …` is +7 to those who write it, and nobody else's number unless it fits one.
            let number = international(out.unwrap_or(digits));
            return number.or_else(|| self.national(regions));
        }
        self.national(regions)
            .or_else(|| (digits.len() > 10).then(|| international(digits)).flatten())
    }

    fn national(&self, regions: &[impl AsRef<str>]) -> Option<String> {
        regions.iter().find_map(|region| match region.as_ref() {
            "RU" | "KZ" => plus_seven(&self.digits),
            other => foreign_national(&self.digits, other),
        })
    }
}

fn international_prefix(digits: &str) -> Option<&str> {
    let rest = digits
        .strip_prefix("810")
        .or_else(|| digits.strip_prefix("00"))?;
    (digits.len() > 11).then_some(rest)
}

fn international(digits: &str) -> Option<String> {
    match code_of(digits)? {
        "7" => plus_seven(digits),
        _ => Some(format!("+{digits}")),
    }
}

fn plus_seven(digits: &str) -> Option<String> {
    let (subscriber, bare) = match digits.len() {
        10 => (digits, true),
        11 => (digits.strip_prefix(['7', '8'])?, false),
        _ => return None,
    };
    let taken = match subscriber.as_bytes() {
        // Nobody's: in ten digits it is a mobile number with `7` or `8` before it and a digit lost.
        [b'7' | b'8', b'9', ..] => false,
        // Landlines of the south, or again a number with a digit lost; better to ask once more.
        [b'8', b'7', ..] => !bare,
        [b'3' | b'4' | b'7' | b'8' | b'9', ..] => true,
        _ => false,
    };
    taken.then(|| format!("+7{subscriber}"))
}

/// Numbers of other countries without their code need those countries' own rules: the only use of the large tables.
fn foreign_national(digits: &str, region: &str) -> Option<String> {
    let region = region.parse().ok()?;
    let number = phonenumber::parse(Some(region), digits).ok()?;
    phonenumber::is_valid(&number)
        .then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

fn written_numbers(text: &str) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    let mut open: Option<Written> = None;
    let mut chars = text.chars().filter(|c| !is_invisible(*c)).peekable();
    while let Some(c) = chars.next() {
        if let Some(digit) = digit(c) {
            open.get_or_insert_default().digits.push(digit);
            continue;
        }
        let ends_sentence = c == '.' && chars.peek().is_none_or(|next| next.is_whitespace());
        if ends_sentence || !is_separator(c) {
            found.extend(open.take());
        }
        if matches!(c, '+' | '＋') {
            open = Some(Written {
                plus: true,
                ..Written::default()
            });
        }
    }
    found.extend(open);
    found.retain(|number| !number.digits.is_empty());
    found
}

/// The decimal digit in any script people type.
fn digit(c: char) -> Option<char> {
    const ZEROS: [char; 16] = [
        '0',
        '\u{660}',
        '\u{6f0}',
        '\u{7c0}',
        '\u{966}',
        '\u{9e6}',
        '\u{a66}',
        '\u{ae6}',
        '\u{b66}',
        '\u{be6}',
        '\u{c66}',
        '\u{ce6}',
        '\u{d66}',
        '\u{e50}',
        '\u{ff10}',
        '\u{1d7ce}',
    ];
    ZEROS.iter().find_map(|zero| {
        let value = u32::from(c).checked_sub(u32::from(*zero))?;
        char::from_digit(value, 10)
    })
}

fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}'
    ) || matches!(
        c,
        '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '(' | ')' | '.' | '~'
    )
}

/// Marks that phones' address books paste along with a number.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn good_local(local: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    !local.is_empty()
        && local.len() <= 64
        && local.chars().all(allowed)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
}

fn good_domain(domain: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((_, last)) = domain.rsplit_once('.') else {
        return false;
    };
    domain.split('.').all(label)
        && last.chars().count() >= 2
        && !last.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::PhoneProblem::{NoNumber, Several, TooLong, TooShort, Unknown};
    use super::*;

    fn home(text: &str) -> Result<String, PhoneProblem> {
        parse_phone(text, &["RU", "KZ"])
    }

    #[test]
    fn phones_of_russia_and_kazakhstan_are_read_as_people_write_them() {
        let table = [
            ("+7 701 123 45 67", "+77011234567"),
            ("8 701 123 45 67", "+77011234567"),
            ("8(701)123-45-67", "+77011234567"),
            ("77011234567", "+77011234567"),
            ("7011234567", "+77011234567"),
            ("8 (901) 123-45-67", "+79011234567"),
            ("89011234567", "+79011234567"),
            ("9011234567", "+79011234567"),
            ("+7(495)123.45.67", "+74951234567"),
            ("8-800-555-35-35", "+78005553535"),
            ("+8 701 123 45 67", "+77011234567"),
            ("+7\u{a0}901\u{2011}123\u{2013}45\u{2014}67", "+79011234567"),
            ("\u{202a}+7 901 123-45-67\u{202c}", "+79011234567"),
            ("٨٧٠١١٢٣٤٥٦٧", "+77011234567"),
            ("۸۷۰۱۱۲۳۴۵۶۷", "+77011234567"),
            ("＋７７０１１２３４５６７", "+77011234567"),
            ("tel:+79011234567", "+79011234567"),
        ];
        for (text, number) in table {
            assert_eq!(home(text).as_deref(), Ok(number), "{text}");
        }
    }

    #[test]
    fn phones_from_abroad_need_their_country_code() {
        let table = [
            ("+49 30 901820", "+4930901820"),
            ("+998 90 123 45 67", "+998901234567"),
            ("998901234567", "+998901234567"),
            ("+375 (29) 123-45-67", "+375291234567"),
            ("0049 30 901 820 11", "+493090182011"),
            ("8 10 375 29 123-45-67", "+375291234567"),
            ("+996 555 123456", "+996555123456"),
            ("+1 (212) 555-0123", "+12125550123"),
            ("+44 7911 123456", "+447911123456"),
        ];
        for (text, number) in table {
            assert_eq!(home(text).as_deref(), Ok(number), "{text}");
        }
        assert_eq!(
            parse_phone("030 901820", &["DE"]).as_deref(),
            Ok("+4930901820")
        );
        assert_eq!(
            parse_phone("90 123 45 67", &["KZ", "UZ"]).as_deref(),
            Ok("+998901234567")
        );
        assert_eq!(
            parse_phone("8 901 123 45 67", &["RU", "DE"]).as_deref(),
            Ok("+79011234567")
        );
        assert_eq!(
            parse_phone("+77011234567", &[] as &[&str]).as_deref(),
            Ok("+77011234567")
        );
    }

    #[test]
    fn a_number_is_found_in_a_sentence_when_it_is_the_only_one() {
        let table = [
            ("мой номер 8 901 123 45 67", Ok("+79011234567")),
            (
                "Мне 35 лет, тел. 87011234567, звоните с 9 до 18",
                Ok("+77011234567"),
            ),
            ("8 901 123 45 67. 25 лет", Ok("+79011234567")),
            ("89011234567 или +7 901 123-45-67", Ok("+79011234567")),
            ("89011234567/89021234567", Err(Several)),
            ("8 901 123 45 67, 8 902 123 45 67", Err(Several)),
        ];
        for (text, expected) in table {
            assert_eq!(
                home(text).as_deref(),
                expected.as_ref().map(|n| *n),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_phone_says_why() {
        let table = [
            ("", NoNumber),
            ("не дам", NoNumber),
            ("5", NoNumber),
            ("+", NoNumber),
            ("112", TooShort),
            ("123-45-67", TooShort),
            ("8 901 123 45 6", Unknown),
            ("8 707 123 45 6", Unknown),
            ("7 901 123 45 6", Unknown),
            ("+7 501 123 45 67", Unknown),
            ("0000000000", Unknown),
            ("+999 123 456 789", Unknown),
            ("+7 901 123 45 67 8", Unknown),
            ("8 901 123 45 67 8 902 123 45 67", TooLong),
            ("4111 1111 1111 1111", TooLong),
        ];
        for (text, expected) in table {
            assert_eq!(home(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_shared_contact_is_taken_as_the_channel_vouches_for_it() {
        assert_eq!(shared_phone("79011234567").as_deref(), Some("+79011234567"));
        assert_eq!(
            shared_phone("+49 30 901820").as_deref(),
            Some("+4930901820")
        );
        assert_eq!(shared_phone("12"), None);
        assert_eq!(shared_phone(&"1".repeat(16)), None);
    }

    #[test]
    fn phones_are_shown_in_groups() {
        assert_eq!(pretty_phone("+77011234567"), "+7 701 123-45-67");
        assert_eq!(pretty_phone("+998901234567"), "+998 901234567");
        assert_eq!(pretty_phone("+888"), "+888");
        assert_eq!(pretty_phone("+7701"), "+7701");
        assert_eq!(pretty_phone("нет"), "нет");
    }

    #[test]
    fn emails_are_read_by_practical_rules() {
        let good = [
            ("a@b.ru", "a@b.ru"),
            ("  Ivan.Petrov+tag@Mail.RU. ", "Ivan.Petrov+tag@mail.ru"),
            ("моя почта: x_y@sub.example.com!", "x_y@sub.example.com"),
            ("info@почта.рф", "info@почта.рф"),
            ("info@xn--80a1acny.xn--p1ai", "info@xn--80a1acny.xn--p1ai"),
        ];
        for (text, email) in good {
            assert_eq!(parse_email(text).as_deref(), Some(email), "{text}");
        }
        let long = format!("a@{}.ru", "b.".repeat(130));
        let bad = [
            "",
            "a",
            "a@b",
            "@b.ru",
            "a@",
            "a@@b.ru",
            "a@b@c.ru",
            "a b@c",
            "a@b..ru",
            ".a@b.ru",
            "a..b@c.ru",
            "Иван <a@b.ru>",
            "a@b.ru c@d.ru",
            "иван@b.ru",
            "a@-b.ru",
            "a@b.r",
            "a@1.2.3.4",
            "a@b_c.ru",
            &long,
        ];
        for text in bad {
            assert_eq!(parse_email(text), None, "{text}");
        }
    }
}
