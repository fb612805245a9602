//! Names and numbers for invented leads. The numbers belong to nobody: ranges of zeros, and those kept for fiction.

use serde::Deserialize;

use crate::sandbox::NewUser;

type Names = &'static [(&'static str, &'static str)];

const RUSSIAN: Names = &[
    ("Мария", "Соколова"),
    ("Иван", "Петров"),
    ("Ольга", "Кузнецова"),
    ("Дмитрий", "Орлов"),
    ("Елена", "Морозова"),
    ("Сергей", "Волков"),
    ("Наталья", "Лебедева"),
    ("Павел", "Зайцев"),
];
const KAZAKH: Names = &[
    ("Айгерім", "Нұрланова"),
    ("Нұрсұлтан", "Әбенов"),
    ("Дана", "Сейітқали"),
    ("Ерлан", "Омаров"),
    ("Аружан", "Тілеубаева"),
    ("Бекзат", "Жұмабаев"),
    ("Мадина", "Қасымова"),
    ("Әлихан", "Серік"),
];
const ENGLISH: Names = &[
    ("Emma", "Taylor"),
    ("Jack", "Wilson"),
    ("Olivia", "Brown"),
    ("Noah", "Clark"),
    ("Grace", "Evans"),
    ("Liam", "Hughes"),
    ("Chloe", "Adams"),
    ("Henry", "Baker"),
];

/// What the page asks for; the rest is drawn.
#[derive(Debug, Default, Deserialize)]
pub struct Wish {
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub language_code: Option<String>,
}

/// Invents a person with `luck`. `number` keeps phones apart.
pub fn invent(wish: Wish, luck: u32, number: usize) -> NewUser {
    let language = wish
        .language_code
        .unwrap_or_else(|| ["ru", "kk", "ru", "en"][luck as usize % 4].into());
    let number = number % 100;
    let (names, phone) = match language.as_str() {
        "kk" => (KAZAKH, format!("+770000001{number:02}")),
        "en" => (ENGLISH, format!("+120255501{number:02}")),
        _ => (RUSSIAN, format!("+790000001{number:02}")),
    };
    let drawn = names[(luck / 4) as usize % names.len()];
    let (first_name, last_name) = match wish.first_name {
        Some(first) => (first, wish.last_name),
        None => (drawn.0.to_owned(), Some(drawn.1.to_owned())),
    };
    NewUser {
        first_name,
        last_name,
        language_code: Some(language),
        phone: Some(phone),
        ..NewUser::default()
    }
}
