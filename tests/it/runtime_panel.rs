//! What the partner sees: cards at least once, one press wins, a link binds one person, the forgotten are gone.

use serde_json::{Value, json};

use crate::support::{BOT, PARTNER, PARTNERS, Rig, SECOND_PARTNER, until};

#[tokio::test]
async fn process_a_card_in_doubt_comes_again_and_says_so() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.faults(&[
        json!({"method": "sendMessage", "kind": "lost_answer", "times": 1, "chat_id": PARTNER}),
    ]);
    rig.finishes(lead, "+77011234567").await;
    rig.hears(PARTNER, "🔁 Повтор").await;
    rig.hears(SECOND_PARTNER, "Оставил(а) контакт").await;
    assert_eq!(cards(&rig, PARTNER), 2);
    assert_eq!(cards(&rig, SECOND_PARTNER), 1);
    assert_eq!(rig.count(SECOND_PARTNER, "Повтор"), 0);
}

#[tokio::test]
async fn process_a_card_cut_off_by_a_kill_comes_again_and_says_so() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.quiet().await;
    let slow = |chat| json!({"method": "sendMessage", "kind": "slow", "delay_ms": 20_000, "chat_id": chat});
    let refuse = json!({"method": "sendMessage", "kind": "refuse", "chat_id": SECOND_PARTNER});
    rig.faults(&[slow(PARTNER), refuse]);
    rig.finishes(lead, "+77011234567").await;
    rig.until("the card is there", |_| cards(&rig, PARTNER) == 1)
        .await;
    rig.kill().await;
    rig.no_faults();
    rig.start().await;
    rig.hears(PARTNER, "🔁 Повтор").await;
    rig.hears(SECOND_PARTNER, "Оставил(а) контакт").await;
    rig.quiet().await;
    assert_eq!((cards(&rig, PARTNER), cards(&rig, SECOND_PARTNER)), (2, 1));
}

fn cards(rig: &Rig, partner: i64) -> usize {
    rig.count(partner, "Оставил(а) контакт")
}

#[tokio::test]
async fn process_one_press_wins_and_every_card_tells_it() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    for partner in PARTNERS {
        rig.hears(partner, "Оставил(а) контакт").await;
    }
    rig.quiet().await;
    rig.stop().await;
    // Both press before either can see the other's press.
    rig.presses(PARTNER, "✅ Обработан");
    rig.presses(SECOND_PARTNER, "✅ Обработан");
    rig.start().await;
    for partner in PARTNERS {
        rig.hears(partner, "✅ Обработал: Пётр").await;
    }
    rig.quiet().await;
    let toasts: Vec<String> = toasts(&rig);
    assert_eq!(toasts, ["Отмечено: обработан", "Уже обработал: Пётр"]);
    rig.presses(SECOND_PARTNER, "↩️ Вернуть");
    for partner in PARTNERS {
        let told = || format!("{:?}", rig.heard(partner));
        until(told, || rig.count(partner, "Обработал:") == 0).await;
    }
    assert_eq!(rig.get("/why?lead=1").await["handled_by"], "");
}

fn toasts(rig: &Rig) -> Vec<String> {
    let params = rig.world.params("answerCallbackQuery");
    let mut texts: Vec<String> = params
        .iter()
        .filter_map(|params| Some(params.get("text")?.as_str()?.to_owned()))
        .collect();
    texts.sort();
    texts
}

#[tokio::test]
async fn process_a_lead_becomes_hot_once() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.says(lead, "25");
    rig.hears(lead, "Зачем").await;
    rig.says(lead, "Бегать");
    rig.hears(lead, "Когда").await;
    rig.presses(lead, "Сегодня");
    rig.hears(PARTNER, "🔥 Горячий лид").await;
    rig.hears(lead, "Оставьте телефон.").await;
    // The same way again gives no new points and no new alarm.
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    rig.presses(lead, "Начать");
    rig.hears(lead, "Сколько").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    for partner in PARTNERS {
        assert_eq!(rig.count(partner, "🔥 Горячий лид"), 1);
    }
    assert_eq!(rig.get("/why?lead=1").await["lead"]["score"], 40);
}

fn payload(invite: &Value) -> String {
    let link = invite["link"].as_str().unwrap();
    link.rsplit_once("start=").unwrap().1.to_owned()
}

#[tokio::test]
async fn process_an_invite_binds_one_person_once() {
    let mut rig = Rig::running().await;
    let link = payload(&rig.post("/invite").await);
    let (helper, stranger) = (rig.person("Дина"), rig.person("Ева"));
    rig.opens(helper, &link);
    rig.hears(helper, "north_bot").await;
    rig.opens(stranger, &link);
    rig.hears(stranger, "уже использована").await;
    rig.says(stranger, "/my_stats");
    rig.hears(stranger, "Такой команды я не знаю").await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    rig.hears(helper, "Оставил(а) контакт").await;
    assert_eq!(rig.count(stranger, "контакт"), 0);
    // Two good links opened by one person in one breath, and again later.
    let links = [
        payload(&rig.post("/invite").await),
        payload(&rig.post("/invite").await),
    ];
    rig.stop().await;
    let eager = rig.person("Жан");
    for link in links.iter().chain(&links) {
        rig.opens(eager, link);
    }
    rig.start().await;
    rig.quiet().await;
    assert_eq!(rig.count(eager, "уже использована"), 1, "the first link");
    rig.says(eager, "/hot_leads");
    rig.hears(eager, "Горячие").await;
}

#[tokio::test]
async fn process_the_forgotten_leave_no_trace_and_may_come_back() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Забывайкина").await;
    rig.finishes(lead, "+77011234567").await;
    for partner in PARTNERS {
        rig.hears(partner, "Забывайкина").await;
    }
    rig.says(lead, "/forget_me");
    rig.hears(lead, "Удалить всё").await;
    rig.quiet().await;
    rig.stop().await;
    // Forgets and comes back before the bot has heard of either.
    rig.presses(lead, "Да, удалить");
    rig.opens(lead, "reels");
    rig.start().await;
    rig.hears(lead, "С чего начнём?").await;
    for partner in PARTNERS {
        rig.hears(partner, "попросил удалить свои данные").await;
    }
    rig.presses(lead, "Начать");
    rig.hears(lead, "Сколько килограммов?").await;
    rig.quiet().await;
    let why = rig.get("/why?lead=2").await;
    assert_eq!(why["lead"]["chat_id"], lead, "a new lead: {why}");
    assert_eq!(why["lead"]["phone"], Value::Null);
    assert_eq!(why["lead"]["first_touch"]["start"], "reels");
    assert!(rig.get("/why?lead=1").await["error"].is_string());
    assert_eq!(rig.stop().await, 0);
    let stored = std::fs::read(rig.place.data.join("bot.db")).unwrap();
    assert!(
        !stored.windows(12).any(|window| window == b"+77011234567"),
        "the phone is still on the disk"
    );
}

#[tokio::test]
async fn process_a_photo_reaches_the_partner_and_goes_with_the_lead() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let funnel = "funnel: skin\ntitle: Кожа\nenter: { start: [skin] }\nfirst: photo\nsteps:\n  \
                  photo: { ask: Пришлите фото, expect: photo, save: face, next: end }\n";
    std::fs::write(rig.place.funnels().join("skin.yaml"), funnel).unwrap();
    rig.post("/reload").await;
    let lead = rig.person("Аня");
    rig.opens(lead, "skin");
    rig.hears(lead, "Пришлите фото").await;
    rig.world.photo(BOT, lead, None).unwrap();
    for partner in PARTNERS {
        rig.hears(partner, "Фото от лида #1: Аня").await;
    }
    rig.says(lead, "/forget_me");
    rig.until("the question is there", |_| {
        rig.count(lead, "Удалить всё") > 0
    })
    .await;
    rig.presses(lead, "Да, удалить");
    for partner in PARTNERS {
        let told = || format!("{:?}", rig.heard(partner));
        until(told, || rig.count(partner, "Фото от лида") == 0).await;
    }
}

#[tokio::test]
async fn process_a_link_opened_is_told_once() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let funnel = "funnel: shop\ntitle: Магазин\nenter: { start: [shop] }\nfirst: look\nsteps:\n  \
                  look: { say: Посмотрите, buttons: [{ text: Каталог, link: \"https://example.com/c\" }, \
                  { text: Дальше, to: end }] }\n";
    std::fs::write(rig.place.funnels().join("shop.yaml"), funnel).unwrap();
    rig.post("/reload").await;
    let lead = rig.person("Аня");
    rig.opens(lead, "shop");
    rig.hears(lead, "Посмотрите").await;
    let shown = rig.world.last_message(BOT, lead).unwrap();
    let press = || {
        let id = shown["message_id"].as_i64().unwrap();
        rig.world.press_at(BOT, lead, id, 0, 0).unwrap();
    };
    press();
    for partner in PARTNERS {
        rig.hears(partner, "Открыл(а) ссылку").await;
    }
    press();
    rig.until("the link is answered again", |_| {
        rig.count(lead, "ссылка") == 2
    })
    .await;
    rig.quiet().await;
    assert_eq!(rig.count(PARTNER, "Открыл(а) ссылку"), 1);
}
