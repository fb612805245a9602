//! The rows of an onboarding form, judged one by one. PURE.

use std::collections::BTreeMap;

use bot::config::{Secret, check_timezone, check_token, is_partner_id};
use bot::yaml::suggest;
use serde::Serialize;

use crate::commands::create::wish::{Wish, ZONE};

/// A row that can become a partner.
pub struct Row {
    pub id: String,
    /// Made from the name; another may be taken when it is not free.
    pub id_is_made: bool,
    pub name: String,
    pub bot_id: i64,
    token: Secret,
    timezone: String,
    telegram_ids: Vec<i64>,
    more: BTreeMap<Column, String>,
}

/// What is wrong with one column of a row; never holds the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub column: String,
    pub why: String,
}

impl Fault {
    pub fn new(column: &str, why: impl Into<String>) -> Self {
        Self {
            column: column.to_owned(),
            why: why.into(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Id,
    Name,
    Token,
    Timezone,
    TelegramId,
    Shop,
    Registration,
    Funnel,
    Proxy,
    Tags,
    /// A form has columns of its own: the time of the answer, an e-mail.
    Other,
}

/// The words by which forms name a column; the first is ours.
const COLUMNS: [(Column, &[&str]); 11] = [
    (Column::Id, &["id", "partner", "партнёр", "идентификатор"]),
    (
        Column::Name,
        &["name", "display name", "имя", "имя и фамилия", "название"],
    ),
    (
        Column::Token,
        &["token", "bot token", "токен", "токен бота"],
    ),
    (Column::Timezone, &["timezone", "time zone", "часовой пояс"]),
    (
        Column::TelegramId,
        &["telegram id", "telegram", "телеграм id", "id в telegram"],
    ),
    (Column::Shop, &["shop", "магазин", "ссылка на магазин"]),
    (
        Column::Registration,
        &["registration", "регистрация", "ссылка на регистрацию"],
    ),
    (Column::Funnel, &["funnel", "воронка"]),
    (Column::Proxy, &["proxy", "прокси"]),
    (Column::Tags, &["tags", "теги", "метки"]),
    (
        Column::Other,
        &[
            "timestamp",
            "отметка времени",
            "e mail",
            "email",
            "адрес электронной почты",
        ],
    ),
];

/// Every row, or what is wrong with the file as a whole.
pub fn read(text: &str) -> Result<Vec<Result<Row, Vec<Fault>>>, String> {
    let text = text.trim_start_matches('\u{feff}');
    let first = text.lines().next().unwrap_or_default();
    // Excel in Russian writes semicolons.
    let delimiter = if first.matches(';').count() > first.matches(',').count() {
        b';'
    } else {
        b','
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?;
    let columns = headers
        .iter()
        .map(column)
        .collect::<Result<Vec<Column>, String>>()?;
    for (needed, name) in [(Column::Name, "name"), (Column::Token, "token")] {
        if !columns.contains(&needed) {
            return Err(format!(
                "no column \"{name}\"; the first line names the columns: id,name,token,timezone"
            ));
        }
    }
    let rows = reader.records().map(|record| match record {
        Ok(record) => row(&columns, &record),
        Err(_) => Err(vec![Fault::new(
            "row",
            "cannot be read as CSV; look for a quote that is not closed",
        )]),
    });
    Ok(rows.collect())
}

fn column(header: &str) -> Result<Column, String> {
    let words = header
        .trim()
        .trim_end_matches('*')
        .to_lowercase()
        .replace(['_', '-'], " ");
    let words = words.trim();
    let known = COLUMNS.iter().find(|(_, names)| names.contains(&words));
    known.map(|(column, _)| *column).ok_or_else(|| {
        let names: Vec<String> = COLUMNS.iter().flat_map(|(_, names)| names.iter()).map(|name| (*name).to_owned()).collect();
        match suggest(words, &names) {
            Some(near) => format!("column \"{header}\": did you mean \"{near}\"?"),
            None => format!("column \"{header}\" is not known; there are id, name, token, timezone, telegram_id, shop, registration, funnel, proxy, tags"),
        }
    })
}

fn row(columns: &[Column], record: &csv::StringRecord) -> Result<Row, Vec<Fault>> {
    let mut faults = Vec::new();
    if record.len() != columns.len() {
        let why = format!(
            "has {} cells where the first line has {}",
            record.len(),
            columns.len()
        );
        return Err(vec![Fault::new("row", why)]);
    }
    let cells = columns
        .iter()
        .copied()
        .zip(record.iter())
        .filter(|(_, cell)| !cell.is_empty());
    let mut cells: BTreeMap<Column, String> = cells
        .map(|(column, cell)| (column, cell.to_owned()))
        .collect();
    let name = cells.remove(&Column::Name).unwrap_or_default();
    if name.is_empty() {
        faults.push(Fault::new("name", "is empty; leads need a name to see"));
    }
    let token = cells.remove(&Column::Token).unwrap_or_default();
    let token_fault = check_token(&token).err();
    faults.extend(token_fault.map(|why| Fault::new("token", why)));
    let given = cells.remove(&Column::Id);
    let id_is_made = given.is_none();
    let id = given.unwrap_or_else(|| slug(&name));
    if !is_partner_id(&id) {
        let why = if id_is_made {
            "no id can be made from the name; add a column id"
        } else {
            "an id has 1 to 32 of a-z, 0-9 and -"
        };
        faults.push(Fault::new("id", why));
    }
    let timezone = cells
        .remove(&Column::Timezone)
        .unwrap_or_else(|| ZONE.to_owned());
    faults.extend(
        check_timezone(&timezone)
            .err()
            .map(|why| Fault::new("timezone", why)),
    );
    let ids = cells.remove(&Column::TelegramId).unwrap_or_default();
    let ids = ids
        .split([' ', ',', ';'])
        .filter(|id| !id.is_empty())
        .map(str::parse);
    let telegram_ids = ids.collect::<Result<Vec<i64>, _>>();
    if telegram_ids.is_err() {
        faults.push(Fault::new(
            "telegram_id",
            "a Telegram id is a number; @userinfobot tells it",
        ));
    }
    match (faults.is_empty(), telegram_ids) {
        (true, Ok(telegram_ids)) => Ok(Row {
            bot_id: token
                .split(':')
                .next()
                .and_then(|id| id.parse().ok())
                .unwrap_or(0),
            id,
            id_is_made,
            name,
            token: Secret::new(token),
            timezone,
            telegram_ids,
            more: cells,
        }),
        _ => Err(faults),
    }
}

impl Row {
    pub fn wish(mut self, api_url: Option<String>) -> Wish {
        let mut take = |column: Column| self.more.remove(&column);
        Wish {
            shop: take(Column::Shop),
            registration: take(Column::Registration),
            funnel: take(Column::Funnel),
            proxy: super::secret(take(Column::Proxy)),
            tags: take(Column::Tags)
                .map(|tags| tags_of(&tags))
                .unwrap_or_default(),
            id: self.id,
            name: self.name,
            token: self.token,
            timezone: self.timezone,
            telegram_ids: self.telegram_ids,
            api_url,
        }
    }
}

/// `city=almaty, team=north`
fn tags_of(text: &str) -> Vec<(String, String)> {
    let pairs = text
        .split([',', ';'])
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "yes")))
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// An id from a name: `Анна Ли` becomes `anna-li`.
fn slug(name: &str) -> String {
    let mut id = String::new();
    for letter in name.to_lowercase().chars() {
        match latin(letter) {
            Some(latin) => id.push_str(latin),
            None if letter.is_ascii_alphanumeric() => id.push(letter),
            None if !id.is_empty() && !id.ends_with('-') => id.push('-'),
            None => {}
        }
    }
    id.chars()
        .take(28)
        .collect::<String>()
        .trim_matches('-')
        .to_owned()
}

fn latin(letter: char) -> Option<&'static str> {
    const FROM: &str = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяәғқңөұүһі";
    const TO: [&str; 42] = [
        "a", "b", "v", "g", "d", "e", "e", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r",
        "s", "t", "u", "f", "h", "ts", "ch", "sh", "sch", "", "y", "", "e", "yu", "ya", "a", "g",
        "q", "n", "o", "u", "u", "h", "i",
    ];
    let at = FROM.chars().position(|known| known == letter)?;
    TO.get(at).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "123456789:TESTTESTTESTTESTTESTTESTTESTTESTTES";

    #[test]
    fn a_russian_form_is_read_as_it_comes() {
        let text = format!(
            "\u{feff}Отметка времени;Имя;Токен бота;Часовой пояс;Telegram ID;Метки\n01.02;Анна Ли;{TOKEN};Asia/Almaty;5, 6;city=almaty\n"
        );
        let rows = read(&text).unwrap();
        let row = rows.into_iter().next().unwrap().ok().unwrap();
        assert_eq!(
            (row.id.as_str(), row.bot_id, row.id_is_made),
            ("anna-li", 123_456_789, true)
        );
        let wish = row.wish(None);
        assert_eq!(
            (wish.telegram_ids, wish.tags),
            (vec![5, 6], vec![("city".to_owned(), "almaty".to_owned())])
        );
    }

    #[test]
    fn each_fault_names_its_column_and_no_secret() {
        let text = "id,name,token,timezone,telegram_id\nA_B,,12:secret,Mars,anna\n";
        let faults = read(text).unwrap().remove(0).err().unwrap();
        let columns: Vec<&str> = faults.iter().map(|fault| fault.column.as_str()).collect();
        assert_eq!(columns, ["name", "token", "id", "timezone", "telegram_id"]);
        assert!(
            faults.iter().all(|fault| !fault.why.contains("12:secret")),
            "{faults:?}"
        );
        assert!(
            read("id,nme,token\n")
                .err()
                .unwrap()
                .contains("did you mean \"name\"?")
        );
        assert!(
            read("id,name\n")
                .err()
                .unwrap()
                .contains("no column \"token\"")
        );
    }
}
