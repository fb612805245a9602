//! Forgetting on the real program: not a byte stays, a proof does, and a restored backup forgets again.

use std::path::Path;

use serde_json::Value;

use crate::support::{PARTNERS, Rig};

/// What only this lead said; none of it may be on the disk afterwards.
const WORDS: [&str; 4] = [
    "Забывайкина",
    "+77015550199",
    "хочу летать как птица",
    "7015550199",
];
const DAY: i64 = 86_400_000;

async fn a_lead_with_words(rig: &Rig) -> i64 {
    let lead = rig.lead_at_goal("Забывайкина").await;
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    rig.says(lead, "хочу летать как птица");
    rig.hears(lead, "Когда начнём?").await;
    rig.presses(lead, "Завтра");
    rig.hears(lead, "Оставьте телефон.").await;
    rig.says(lead, "+77015550199");
    rig.hears(lead, "Спасибо!").await;
    for partner in PARTNERS {
        rig.hears(partner, "Забывайкина").await;
    }
    rig.quiet().await;
    lead
}

fn traces(data: &Path) -> Vec<String> {
    traces_of(data, &WORDS)
}

/// Files of the data directory that hold one of the words, as UTF-8 or escaped as in JSON.
fn traces_of(data: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![data.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        for word in words {
            let escaped = word
                .chars()
                .map(|c| {
                    if c.is_ascii() {
                        c.to_string()
                    } else {
                        format!("\\u{:04x}", c as u32)
                    }
                })
                .collect::<String>();
            for needle in [word.as_bytes(), escaped.as_bytes()] {
                if bytes.windows(needle.len()).any(|window| window == needle) {
                    found.push(format!("{}: {word}", path.display()));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn process_not_a_byte_of_the_forgotten_stays() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = a_lead_with_words(&rig).await;
    let others = rig.lead_at_goal("Остающаяся").await;
    // The partner looks at the lead in every way there is.
    rig.presses(PARTNERS[0], "✅ Обработан");
    rig.hears(PARTNERS[0], "Обработал: Пётр").await;
    for (command, shown) in [("/my_leads", "Лиды · Все"), ("/hot_leads", "Горячие")]
    {
        rig.says(PARTNERS[1], command);
        rig.hears(PARTNERS[1], shown).await;
    }
    rig.quiet().await;
    assert!(
        !traces(&rig.place.data).is_empty(),
        "the control: the words are there before"
    );
    rig.says(lead, "/forget_me");
    rig.until("the question is there", |_| {
        rig.count(lead, "Удалить всё") > 0
    })
    .await;
    rig.presses(lead, "Да, удалить");
    rig.hears(lead, "всё удалено").await;
    rig.quiet().await;
    rig.post("/tidy").await;
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
    let chat = lead.to_string();
    assert_eq!(traces_of(&rig.place.data, &[&chat]), Vec::<String>::new());
    let log = rig.log();
    assert!(WORDS.iter().all(|word| !log.contains(word)), "{log}");
    // Others lose nothing.
    rig.says(others, "25");
    rig.hears(others, "Зачем вам это?").await;
    // The list knows the chat by a hash only.
    let list = std::fs::read_to_string(rig.place.data.join("erased.list")).unwrap();
    assert!(
        list.ends_with(" lead\n") && !list.contains(&lead.to_string()),
        "{list}"
    );
    assert_eq!(rig.stop().await, 0);
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
}

#[tokio::test]
async fn process_an_operator_erases_and_gets_an_act() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    a_lead_with_words(&rig).await;
    let known = rig.get("/lead/export?lead=1").await;
    assert_eq!(known["lead"]["phone"]["value"], "+77015550199", "{known}");
    assert_eq!(known["answers"]["reason"], "хочу летать как птица");
    assert!(
        known["events"]
            .as_array()
            .is_some_and(|events| events.len() > 5)
    );
    assert!(
        known["messages"].to_string().contains("Оставьте телефон"),
        "{known}"
    );
    let act = rig.post("/lead/erase?lead=1&by=anna").await;
    assert_eq!(act["by_whom"], "operator anna", "{act}");
    assert!(
        act["gone"]
            .as_str()
            .is_some_and(|gone| gone.contains("\"leads\":1")),
        "{act}"
    );
    assert!(
        WORDS.iter().all(|word| !act.to_string().contains(word)),
        "{act}"
    );
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
    for partner in PARTNERS {
        rig.hears(partner, "Данные лида #1 удалены").await;
    }
    assert!(rig.post("/lead/erase?lead=7&by=anna").await["error"].is_string());
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn process_a_lead_is_erased_while_no_bot_runs() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    a_lead_with_words(&rig).await;
    assert_eq!(rig.stop().await, 0);
    let said = rig.bot_says(&["lead", "erase", "1", "--by", "anna"]).await;
    let act: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(act["lead_id"], 1, "{said}");
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
}

#[tokio::test]
async fn process_a_restored_backup_forgets_again_but_not_who_came_back() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = a_lead_with_words(&rig).await;
    assert_eq!(rig.stop().await, 0);
    let backup = copy_of(&rig.place.data.join("bot.db"));
    rig.start().await;
    rig.post("/lead/erase?lead=1&by=anna").await;
    rig.quiet().await;
    assert_eq!(rig.stop().await, 0);
    // The old file comes back; the list of the erased stays where it is.
    std::fs::write(rig.place.data.join("bot.db"), &backup).unwrap();
    assert!(
        !traces(&rig.place.data).is_empty(),
        "the control: the backup holds them"
    );
    rig.start().await;
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
    assert!(rig.get("/why?lead=1").await["error"].is_string());
    // Who comes back is new, and the next start leaves them alone.
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    rig.quiet().await;
    assert_eq!(rig.stop().await, 0);
    rig.start().await;
    let why = rig.get("/why?lead=2").await;
    assert_eq!(why["lead"]["chat_id"], lead, "{why}");
}

fn copy_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn process_what_is_too_old_goes_by_itself() {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.place
        .write_config("retention: { talk: 30d, contact: 90d, messages: 10d }\n");
    rig.start().await;
    rig.partners_are_there().await;
    let with_contact = a_lead_with_words(&rig).await;
    let silent = rig.lead_at_goal("Молчунья").await;
    rig.quiet().await;
    let messages = |known: &Value| known["messages"].to_string();
    assert!(messages(&rig.get("/lead/export?lead=1").await).contains("Оставьте телефон"));
    rig.skip(11 * DAY).await;
    rig.post("/tidy").await;
    let known = rig.get("/lead/export?lead=1").await;
    assert!(!messages(&known).contains("Оставьте телефон"), "{known}");
    assert_eq!(
        known["answers"]["reason"], "хочу летать как птица",
        "the lead stays"
    );
    rig.skip(20 * DAY).await;
    rig.post("/tidy").await;
    assert!(
        rig.get("/why?lead=2").await["error"].is_string(),
        "no contact, no word for 31 days"
    );
    assert!(
        rig.get("/why?lead=1").await["error"].is_null(),
        "a contact is kept longer"
    );
    rig.skip(60 * DAY).await;
    rig.post("/tidy").await;
    assert!(rig.get("/why?lead=1").await["error"].is_string());
    rig.post("/tidy").await;
    assert_eq!(traces(&rig.place.data), Vec::<String>::new());
    assert_ne!(with_contact, silent);
}
