//! Several things in which the bot would speak first at once, a lead in the middle of a talk, and offers with and
//! without a consent, on the real program.

use std::fs;

use serde_json::json;
use tests::programs::program;
use tests::support::{BOT, PARTNER, Rig};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

const FUNNEL: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: [one, two], next: goal }
  goal: { ask: Сколько?, expect: number, save: goal, silent: [{ after: 2h, say: Вы здесь? }], next: end }
";

fn series(id: &str, after: &str, beside: &str) -> String {
    format!(
        "sequence: {id}\ntitle: Серия\npurpose: service\nwhile_in_funnel: {beside}\nmax_late: 2d\nsteps:\n  - {{ id: a, after: {after}, say: Серия {id} }}\n"
    )
}

async fn rig(funnel: &str, sequences: &[(&str, String)], policy: &str) -> Rig {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    let funnels = rig.place.funnels();
    fs::create_dir_all(funnels.join("sequences")).unwrap();
    fs::write(funnels.join("weight.yaml"), funnel).unwrap();
    for (id, text) in sequences {
        fs::write(funnels.join(format!("sequences/{id}.yaml")), text).unwrap();
    }
    rig.place.write_config(&format!(
        "contact_policy: {{ quiet_hours: none, per_day: 0, per_week: 0, {policy} }}\n"
    ));
    rig.start().await;
    rig
}

async fn later(rig: &mut Rig, ms: i64) {
    rig.skip(ms).await;
    rig.get("/why?lead=1").await;
    rig.quiet().await;
    rig.get("/why?lead=1").await;
    rig.quiet().await;
}

async fn reasons(rig: &Rig) -> Vec<String> {
    let why = rig.get("/why?lead=1").await;
    let waits = why["waits"].as_array().cloned().unwrap_or_default();
    let told = waits.iter().filter_map(|wait| wait["reason"].as_str());
    told.filter(|reason| !reason.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn process_a_follow_up_and_two_sequences_due_together_speak_one_at_a_time() {
    let both = [
        ("one", series("one", "2h", "beside")),
        ("two", series("two", "2h", "beside")),
    ];
    let mut rig = rig(FUNNEL, &both, "min_gap: 1h").await;
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "Сколько?").await;
    rig.quiet().await;
    let said = |rig: &Rig| (rig.count(lead, "Вы здесь?"), rig.count(lead, "Серия"));
    later(&mut rig, 2 * HOUR + 1_000).await;
    rig.hears(lead, "Вы здесь?").await;
    assert_eq!(said(&rig), (1, 0), "the follow-up goes first");
    assert_eq!(reasons(&rig).await, ["недавно уже писали"; 2]);
    later(&mut rig, HOUR + 1_000).await;
    rig.hears(lead, "Серия").await;
    assert_eq!(said(&rig), (1, 1));
    later(&mut rig, HOUR / 2).await;
    assert_eq!(said(&rig), (1, 1));
    later(&mut rig, HOUR).await;
    rig.until("the second sequence has spoken", |_| {
        rig.count(lead, "Серия") == 2
    })
    .await;
}

#[tokio::test]
async fn process_a_step_due_in_mid_talk_waits_goes_beside_or_is_passed_over_as_its_file_says() {
    for (beside, now, afterwards) in [("wait", 0, 1), ("beside", 1, 1), ("skip", 0, 0)] {
        let funnel = FUNNEL.replace("enroll: [one, two]", "enroll: one");
        let one = [("one", series("one", "1h", beside))];
        let mut rig = rig(&funnel, &one, "min_gap: 0m, talk: 15m").await;
        let lead = rig.person("Аня");
        rig.opens(lead, "weight");
        rig.hears(lead, "Сколько?").await;
        later(&mut rig, HOUR - MINUTE).await;
        rig.says(lead, "много");
        rig.hears(lead, "число").await;
        rig.quiet().await;
        later(&mut rig, 2 * MINUTE).await;
        assert_eq!(rig.count(lead, "Серия"), now, "{beside}");
        if beside == "wait" {
            assert_eq!(reasons(&rig).await, ["лид посреди разговора"]);
        }
        later(&mut rig, 20 * MINUTE).await;
        if afterwards > 0 {
            rig.until("the step is said", |_| rig.count(lead, "Серия") == 1)
                .await;
        }
        assert_eq!(rig.count(lead, "Серия"), afterwards, "{beside}");
        if beside == "skip" {
            let story = rig.story(1).await;
            let told = |item: &&serde_json::Value| {
                item["text"]
                    .as_str()
                    .is_some_and(|text| text.contains("лид посреди разговора"))
            };
            assert!(story.iter().any(|item| told(&item)), "{story:?}");
        }
    }
}

const OFFERS: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello:
    say: Присылать письма с предложениями?
    enroll: offers
    buttons:
      - { text: Присылайте, to: thanks, consent: advertising }
      - { text: Потом, to: thanks }
  thanks: { say: Хорошо!, next: end }
";

const OFFER: &str = "\
sequence: offers
title: Предложения
purpose: advertising
while_in_funnel: beside
steps:
  - { id: a, after: 1h, say: Первое предложение }
  - { id: b, after: 1d, say: Второе предложение }
";

#[tokio::test]
async fn process_offers_go_only_to_who_agreed_and_always_carry_a_way_out() {
    let mut rig = rig(OFFERS, &[("offers", OFFER.to_owned())], "min_gap: 0m").await;
    let (asked, agreed) = (rig.person("Молчун"), rig.person("Согласная"));
    for (lead, button) in [(asked, "Потом"), (agreed, "Присылайте")] {
        rig.opens(lead, "weight");
        rig.hears(lead, "с предложениями?").await;
        rig.presses(lead, button);
        rig.hears(lead, "Хорошо!").await;
    }
    rig.quiet().await;
    later(&mut rig, HOUR + 1_000).await;
    rig.hears(agreed, "Первое предложение").await;
    assert_eq!(rig.count(asked, "предложение"), 0);
    let messages = rig.world.messages(BOT, agreed);
    let offer = messages
        .iter()
        .find(|message| {
            message["text"]
                .as_str()
                .is_some_and(|text| text.contains("Первое"))
        })
        .unwrap();
    let way_out = &offer["reply_markup"]["inline_keyboard"];
    assert!(
        way_out.as_array().is_some_and(|rows| !rows.is_empty()),
        "{offer}"
    );
    let story = rig.story(1).await;
    let texts: Vec<&str> = story
        .iter()
        .filter_map(|item| item["text"].as_str())
        .collect();
    assert!(
        texts
            .iter()
            .any(|text| text.contains("лид не соглашался на предложения")),
        "{texts:?}"
    );
    // Saying stop takes the consent back for good; coming back is not a new one.
    rig.says(agreed, "/stop");
    rig.hears(agreed, "больше не пишу первым").await;
    later(&mut rig, 25 * HOUR).await;
    assert_eq!(rig.count(agreed, "Второе предложение"), 0);
}

const ASKED: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: letters, next: end }
  more: { say: Ещё совет, next: end }
";

const LETTERS: &str = "\
sequence: letters
title: Письма
purpose: service
steps:
  - { id: a, after: 1h, say: Первое письмо, buttons: [{ text: Ещё, to: \"@weight.more\" }] }
  - { id: b, after: 1d, say: Второе письмо }
";

#[tokio::test]
async fn process_a_press_under_a_message_in_doubt_proves_that_it_arrived() {
    let letters = [("letters", LETTERS.to_owned())];
    let mut rig = rig(ASKED, &letters, "min_gap: 0m").await;
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "Здравствуйте!").await;
    rig.quiet().await;
    rig.faults(&[json!({"method": "sendMessage", "kind": "lost_answer"})]);
    rig.skip(HOUR + 1_000).await;
    rig.hears(lead, "Первое письмо").await;
    rig.no_faults();
    rig.quiet().await;
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 1);
    assert_eq!(rig.count(lead, "Первое письмо"), 1, "never repeated");
    rig.presses(lead, "Ещё");
    rig.hears(lead, "Ещё совет").await;
    rig.quiet().await;
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 0);
    let story = rig.story(1).await;
    let letter = story.iter().find(|item| item["text"] == "Первое письмо");
    assert_eq!(letter.map(|item| &item["state"]), Some(&json!("sent")));
}

/// The partner's word about one lead: on the card, and the operator's with `partnerctl`.
#[tokio::test]
async fn process_one_lead_is_left_alone_while_the_others_are_written_to() {
    let letters = [("letters", LETTERS.to_owned())];
    let mut rig = rig(ASKED, &letters, "min_gap: 0m").await;
    rig.partners_are_there().await;
    let (anna, oleg) = (rig.person("Аня"), rig.person("Олег"));
    for lead in [anna, oleg] {
        rig.opens(lead, "weight");
        rig.hears(lead, "Здравствуйте!").await;
    }
    rig.says(PARTNER, "/my_leads");
    rig.hears(PARTNER, "Лиды · Все").await;
    rig.presses(PARTNER, "Аня #1");
    rig.hears(PARTNER, "👤 Лид · #1").await;
    rig.presses(PARTNER, "⏸ Пауза");
    rig.hears(PARTNER, "⏸ Бот не пишет первым").await;
    rig.quiet().await;
    later(&mut rig, HOUR + 1_000).await;
    rig.hears(oleg, "Первое письмо").await;
    assert_eq!(rig.count(anna, "Первое письмо"), 0);
    let told = ["партнёр попросил не писать этому лиду первым"];
    assert_eq!(reasons(&rig).await, told);
    // An answer is not the bot's own word.
    rig.says(anna, "/help");
    rig.hears(anna, "Я бот-помощник").await;
    // Over a restart too, until the operator ends it.
    rig.kill().await;
    rig.start().await;
    later(&mut rig, HOUR).await;
    assert_eq!(rig.count(anna, "Первое письмо"), 0);
    let (code, told) = ctl(&rig, &["resume", "north", "--lead", "1"]);
    assert_eq!((code, told.contains("#1 again")), (0, true), "{told}");
    rig.get("/why?lead=1").await;
    later(&mut rig, 1_000).await;
    rig.hears(anna, "Первое письмо").await;
    let texts: Vec<String> = rig
        .story(1)
        .await
        .iter()
        .filter_map(|item| Some(item["text"].as_str()?.to_owned()))
        .collect();
    for told in [
        "не писать ему первым: Пётр",
        "снова писать ему первым: оператор",
    ] {
        assert!(texts.iter().any(|text| text.contains(told)), "{texts:?}");
    }
    let (code, told) = ctl(&rig, &["pause", "north", "--lead", "99"]);
    assert_eq!((code, told.contains("no lead #99")), (5, true), "{told}");
    let (code, told) = ctl(&rig, &["pause", "north"]);
    assert_eq!(code, 0, "{told}");
    assert_eq!(rig.get("/health").await["speaks_first"]["paused"], true);
}

/// The clock of a lead, set on the card; their own word is stronger.
#[tokio::test]
async fn process_a_partner_sets_a_leads_clock_and_the_lead_has_the_last_word() {
    let letters = [("letters", LETTERS.to_owned())];
    let rig = rig(ASKED, &letters, "min_gap: 0m").await;
    rig.partners_are_there().await;
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "Здравствуйте!").await;
    rig.says(PARTNER, "/my_leads");
    rig.hears(PARTNER, "Лиды · Все").await;
    rig.presses(PARTNER, "Аня #1");
    rig.hears(PARTNER, "👤 Лид · #1").await;
    rig.presses(PARTNER, "🌍 Время");
    rig.hears(PARTNER, "Время лида #1").await;
    let omsk = |rig: &Rig, chat| {
        let shown = rig.world.last_message(BOT, chat).unwrap();
        let rows = shown["reply_markup"]["inline_keyboard"].as_array().unwrap();
        let mut all = rows.iter().flat_map(|row| row.as_array().unwrap());
        let button = all.find(|button| button["text"].as_str().unwrap().contains("Омск"));
        button.unwrap()["text"].as_str().unwrap().to_owned()
    };
    rig.presses(PARTNER, &omsk(&rig, PARTNER));
    rig.hears(PARTNER, "🌍 Омск (сказали вы)").await;
    rig.says(lead, "/timezone");
    rig.hears(lead, "где вы живёте").await;
    let own = omsk(&rig, lead);
    rig.presses(lead, &own);
    rig.hears(lead, "ваше время: Омск").await;
    rig.presses(PARTNER, "🌍 Время");
    rig.hears(PARTNER, "Изменить может только").await;
    rig.presses(PARTNER, "◀ Карточка");
    rig.hears(PARTNER, "🌍 Омск (выбрал(а) сам(а))").await;
}

fn ctl(rig: &Rig, args: &[&str]) -> (i32, String) {
    let output = std::process::Command::new(program("partnerctl"))
        .args(args)
        .arg("--dir")
        .arg(rig.place.partner.parent().unwrap())
        .arg("--data-dir")
        .arg(&rig.place.data)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(told).unwrap())
}
