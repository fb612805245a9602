//! The rows of an onboarding form, judged one by one. PURE.

use std::collections::BTreeMap;

use bot::config::{Secret, check_timezone, check_token, is_partner_id};
use bot::yaml::suggest;
use serde::Serialize;

use crate::commands::create::wish::{Wish, ZONE};
use crate::output::count;

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
    /// A question that is none of ours.
    Ignored,
}

/// As long as Telegram lets a bot's name be.
const LONGEST_NAME: usize = 64;

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

/// What was read of a file.
pub struct Form {
    /// Each row with its number, as a spreadsheet counts: the first line names the columns.
    pub rows: Vec<(usize, Result<Row, Vec<Fault>>)>,
    /// Questions of the form that are none of ours.
    pub ignored: Vec<String>,
}

/// Every row, or what is wrong with the file as a whole.
pub fn read(text: &str) -> Result<Form, String> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(text))
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let columns = columns(&headers)?;
    let mut rows = Vec::new();
    let mut number = 1;
    let mut record = csv::StringRecord::new();
    loop {
        let from = usize::try_from(reader.position().byte()).unwrap_or(text.len());
        let read = reader.read_record(&mut record);
        number += 1 + blank_lines(text, from);
        match read {
            Ok(false) => break,
            // The empty rows below a table come along with it.
            Ok(true) if record.iter().all(str::is_empty) => {}
            Ok(true) => rows.push((number, row(&columns, &record))),
            Err(_) => {
                let why = "cannot be read as CSV; look for a quote that is not closed";
                rows.push((number, Err(vec![Fault::new("row", why)])));
            }
        }
    }
    let ignored = columns.iter().zip(&headers);
    let ignored =
        ignored.filter(|(column, header)| **column == Column::Ignored && !header.is_empty());
    Ok(Form {
        rows,
        ignored: ignored.map(|(_, header)| header.to_owned()).collect(),
    })
}

/// Excel in Russian writes semicolons, and a table that is copied has tabs.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| first.bytes().filter(|byte| byte == delimiter).count();
    // The last of equals wins, so the comma stands last.
    b"\t;,".iter().copied().max_by_key(count).unwrap_or(b',')
}

/// How many empty lines a reader that is here goes over in silence.
fn blank_lines(text: &str, from: usize) -> usize {
    let rest = &text.as_bytes()[from.min(text.len())..];
    let line_is_done = from == 0 || text.as_bytes().get(from - 1) == Some(&b'\n');
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    let ends = ends.filter(|byte| **byte == b'\n').count();
    ends.saturating_sub(usize::from(!line_is_done))
}

fn columns(headers: &csv::StringRecord) -> Result<Vec<Column>, String> {
    let columns: Vec<Column> = headers.iter().map(column).collect::<Result<_, String>>()?;
    let ours = |column: &Column| !matches!(column, Column::Other | Column::Ignored);
    for (index, column) in columns
        .iter()
        .enumerate()
        .filter(|(_, column)| ours(column))
    {
        if let Some(first) = columns[..index].iter().position(|other| other == column) {
            let (one, two) = (&headers[first], &headers[index]);
            return Err(format!(
                "columns \"{one}\" and \"{two}\" mean the same; delete one of them"
            ));
        }
    }
    for (needed, name) in [(Column::Name, "name"), (Column::Token, "token")] {
        if !columns.contains(&needed) {
            return Err(format!(
                "no column \"{name}\"; the first line names the columns: id,name,token,timezone"
            ));
        }
    }
    Ok(columns)
}

fn column(header: &str) -> Result<Column, String> {
    let words = header
        .trim()
        .trim_end_matches('*')
        .to_lowercase()
        .replace(['_', '-'], " ");
    let words = words.trim();
    let known = COLUMNS.iter().find(|(_, names)| names.contains(&words));
    if let Some((column, _)) = known {
        return Ok(*column);
    }
    let names = COLUMNS.iter().flat_map(|(_, names)| names.iter());
    let names: Vec<String> = names.map(|name| (*name).to_owned()).collect();
    match suggest(words, &names) {
        Some(near) => Err(format!("column \"{header}\": did you mean \"{near}\"?")),
        None => Ok(Column::Ignored),
    }
}

/// What a spreadsheet leaves in place of a value.
fn is_formula(cell: &str) -> bool {
    let broken = cell.starts_with('#') && (cell.ends_with(['!', '?']) || cell.contains('/'));
    cell.starts_with('=') || broken
}

fn row(columns: &[Column], record: &csv::StringRecord) -> Result<Row, Vec<Fault>> {
    let mut faults = Vec::new();
    if record.len() != columns.len() {
        let mut why = format!(
            "has {} where the first line has {}",
            count(record.len(), "cell"),
            columns.len()
        );
        if record.iter().any(|cell| cell.contains('\n')) {
            why.push_str("; a quote is not closed");
        }
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
    let formulas = cells.iter().filter(|(column, cell)| {
        is_formula(cell) && !matches!(column, Column::Other | Column::Ignored)
    });
    let formulas: Vec<Fault> = formulas
        .map(|(column, _)| Fault::new(&column.word(), "holds a formula; paste its value"))
        .collect();
    if !formulas.is_empty() {
        return Err(formulas);
    }
    let name = cells.remove(&Column::Name).unwrap_or_default();
    if name.is_empty() {
        faults.push(Fault::new("name", "is empty; leads need a name to see"));
    }
    if name.chars().any(char::is_control) {
        let why = "goes over several lines or holds signs that nobody sees";
        faults.push(Fault::new("name", why));
    } else if name.chars().count() > LONGEST_NAME {
        let why = format!("is longer than {LONGEST_NAME} letters");
        faults.push(Fault::new("name", why));
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
            "an id has 1 to 32 of a-z, 0-9 and -, no - in front"
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
    let rounded = ids.contains("E+") || ids.contains("e+");
    let ids = ids
        .split([' ', ',', ';'])
        .filter(|id| !id.is_empty())
        .map(str::parse);
    let telegram_ids = ids.collect::<Result<Vec<i64>, _>>();
    if telegram_ids.is_err() {
        let why = match rounded {
            true => {
                "the spreadsheet has rounded this number; make the column text and paste it again"
            }
            false => "a Telegram id is a number; @userinfobot tells it",
        };
        faults.push(Fault::new("telegram_id", why));
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

impl Column {
    /// Our own word for it.
    fn word(self) -> String {
        let known = COLUMNS.iter().find(|(column, _)| *column == self);
        known.map_or("row", |(_, names)| names[0]).replace(' ', "_")
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

    /// One line for each row: its number, and its id or its faults.
    fn told(text: &str) -> Vec<String> {
        let rows = read(text).unwrap().rows.into_iter();
        rows.map(|(number, row)| match row {
            Ok(row) => format!("{number} {}", row.id),
            Err(faults) => {
                let faults = faults
                    .iter()
                    .map(|fault| format!("{}: {}", fault.column, fault.why));
                format!("{number} {}", faults.collect::<Vec<_>>().join("; "))
            }
        })
        .collect()
    }

    fn refused(text: &str) -> String {
        read(text).err().unwrap()
    }

    #[test]
    fn a_russian_form_is_read_as_it_comes() {
        let text = format!(
            "\u{feff}Отметка времени;Имя;Токен бота;Часовой пояс;Telegram ID;Метки;Любимый цвет\r\n\
             01.02;Анна Ли;{TOKEN};Asia/Almaty;5, 6;city=almaty;синий\r\n"
        );
        let form = read(&text).unwrap();
        assert_eq!(form.ignored, ["Любимый цвет"]);
        let row = form.rows.into_iter().next().unwrap().1.ok().unwrap();
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
    fn rows_are_counted_as_a_spreadsheet_counts_them() {
        let text = format!(
            "name,token,telegram_id\r\n\r\nАнна,{TOKEN},\r\n,,\r\n\"Ли\nВторая\",x,7E+08\r\n\n=A1,{TOKEN},#N/A\r\nБорис\r\n"
        );
        assert_eq!(
            told(&text),
            [
                "3 anna",
                "5 name: goes over several lines or holds signs that nobody sees; token: not a bot token (1 characters); it looks like 123456789:ABC… with 35 letters after the colon, copy it again from @BotFather; telegram_id: the spreadsheet has rounded this number; make the column text and paste it again",
                "7 name: holds a formula; paste its value; telegram_id: holds a formula; paste its value",
                "8 row: has 1 cell where the first line has 3",
            ]
        );
        let tabs = format!("name\ttoken\nАнна; Борис\t{TOKEN}\n");
        assert_eq!(told(&tabs), ["2 anna-boris"]);
    }

    #[test]
    fn each_fault_names_its_column_and_no_secret() {
        let text = "id,name,token,timezone,telegram_id\nA_B,,12:secret,Mars,anna\n";
        let faults = read(text).unwrap().rows.remove(0).1.err().unwrap();
        let columns: Vec<&str> = faults.iter().map(|fault| fault.column.as_str()).collect();
        assert_eq!(columns, ["name", "token", "id", "timezone", "telegram_id"]);
        assert!(
            faults.iter().all(|fault| !fault.why.contains("12:secret")),
            "{faults:?}"
        );
        assert!(refused("id,nme,token\n").contains("did you mean \"name\"?"));
        assert!(refused("id,name\n").contains("no column \"token\""));
        assert_eq!(
            refused("name,token,Имя\n"),
            "columns \"name\" and \"Имя\" mean the same; delete one of them"
        );
    }
}
