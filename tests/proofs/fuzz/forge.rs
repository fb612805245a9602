//! Forged updates against the real program: another person's id, chat or number, old versions of buttons, replays,
//! links that are spent or bent. Whatever they say, the books stay as they were and nobody hears what is not theirs.

use serde_json::{Value, json};
use sqlx::{Connection, Row};

use super::mutate;
use crate::proofs::{Dice, Ledger};
use crate::support::{BOT, PARTNER, PARTNERS, Rig, SECOND_PARTNER};

/// Forgeries between two looks into the books.
const CHUNK: u64 = 250;
const SECRET_NAME: &str = "Тайна";

struct Scene {
    rig: Rig,
    /// Stands at the question for the phone.
    lead: i64,
    other: i64,
    /// Has left a contact; nobody but the partner may hear of them.
    secret: i64,
    /// The last message the lead saw, as updates carry it.
    shown: Value,
    /// The lead's presses, as they came.
    pressed: Vec<String>,
    spent: String,
    fresh: String,
    next_update: i64,
}

pub async fn prove(mut dice: Dice, count: u64, ledger: &mut Ledger) {
    let mut scene = set().await;
    let (books, chats) = (scene.books().await, scene.chats());
    let mut effects = Vec::new();
    let mut done = 0;
    while done < count && effects.is_empty() {
        let chunk = CHUNK.min(count - done);
        let mut last = Vec::new();
        for _ in 0..chunk {
            let (kind, update) = scene.forge(&mut dice);
            if last.len() < 40 {
                last.push(format!("{kind}: {update}"));
            }
            scene.rig.world.update(BOT, update).unwrap();
        }
        done += chunk;
        scene.rig.quiet().await;
        let now = scene.books().await;
        effects.extend(differences(&books, &now));
        effects.extend(differences(&chats, &scene.chats()));
        if !effects.is_empty() {
            effects.extend(last);
        }
    }
    ledger.told("forgeries", done);
    ledger.none("unauthorised effects", effects.len());
    for effect in effects {
        ledger.trouble(effect);
    }
    let told = scene.rig.heard(scene.lead).join("\n") + &scene.rig.heard(scene.other).join("\n");
    let leaked = told.contains(SECRET_NAME) || told.contains("Лид #");
    ledger.none("words of the partner told to leads", usize::from(leaked));
    ledger.none(
        "updates set aside",
        scene.rig.get("/health").await["totals"]["poisoned"]
            .as_i64()
            .unwrap_or(-1),
    );
    ledger.none(
        "panics of the program",
        usize::from(scene.rig.log().contains("panic")),
    );
    // The control: what is allowed to do something is seen to.
    let books = scene.books().await;
    scene.rig.says(scene.lead, "+77017654321");
    scene.rig.quiet().await;
    let by_lead = !differences(&books, &scene.books().await).is_empty();
    let books = scene.books().await;
    let card = scene.rig.world.last_message(BOT, PARTNER).unwrap();
    let id = card["message_id"].as_i64().unwrap();
    scene
        .rig
        .world
        .press(BOT, PARTNER, id, "p:done:3", true)
        .unwrap();
    scene.rig.quiet().await;
    let by_partner = !differences(&books, &scene.books().await).is_empty();
    ledger.at_least(
        "control, allowed acts: seen",
        usize::from(by_lead) + usize::from(by_partner),
        2_usize,
    );
}

async fn set() -> Scene {
    let mut rig = Rig::new();
    rig.place
        .write_config("limits: { inputs_at_once: 0, messages_per_second: 0 }\n");
    rig.start().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    let before = rig.world.last_message(BOT, lead).unwrap();
    let other = rig.lead_at_goal("Олег").await;
    let secret = rig.lead_at_goal(SECRET_NAME).await;
    rig.finishes(secret, "+77011112233").await;
    rig.says(lead, "25");
    rig.hears(lead, "Зачем").await;
    rig.says(lead, "Бегать");
    rig.hears(lead, "Когда").await;
    let asked = rig.world.last_message(BOT, lead).unwrap();
    rig.presses(lead, "Завтра");
    rig.hears(lead, "Оставьте телефон.").await;
    let link = async |rig: &Rig| {
        let link = rig.post("/invite").await["link"]
            .as_str()
            .unwrap()
            .to_owned();
        link.rsplit("start=").next().unwrap_or_default().to_owned()
    };
    let (spent, fresh) = (link(&rig).await, link(&rig).await);
    let helper = rig.person("Помощник");
    rig.opens(helper, &spent);
    rig.hears(helper, "north_bot").await;
    rig.quiet().await;
    let mut pressed = data_of(&before);
    pressed.extend(data_of(&asked));
    pressed.push("1:weight:hello:go:1".to_owned());
    let mut shown = rig.world.last_message(BOT, lead).unwrap();
    for key in ["out", "deleted", "reply_markup"] {
        shown.as_object_mut().unwrap().remove(key);
    }
    Scene {
        lead,
        other,
        secret,
        shown,
        pressed,
        spent,
        fresh,
        next_update: 500_000_000,
        rig,
    }
}

fn data_of(message: &Value) -> Vec<String> {
    let rows = message["reply_markup"]["inline_keyboard"].as_array();
    let buttons = rows
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten();
    let data = buttons.filter_map(|button| button["callback_data"].as_str());
    data.map(str::to_owned).collect()
}

fn person(id: i64) -> Value {
    json!({"id": id, "is_bot": false, "first_name": "Аня"})
}

fn chat(id: i64) -> Value {
    json!({"id": id, "type": "private", "first_name": "Аня"})
}

impl Scene {
    fn forge(&mut self, dice: &mut Dice) -> (&'static str, Value) {
        let (kind, mut update) = self.forgery(dice);
        self.next_update += 1;
        update["update_id"] = json!(self.next_update);
        (kind, update)
    }

    fn forgery(&self, dice: &mut Dice) -> (&'static str, Value) {
        let stranger = dice.pick(&[
            self.other,
            self.secret,
            PARTNER,
            SECOND_PARTNER,
            0,
            5,
            999_999_999,
        ]);
        let old = dice.pick(&self.pressed);
        let panel = format!(
            "p:{}:{}",
            dice.pick(&["done", "undo", "card", "hot", "stats", "home"]),
            dice.pick(&[
                "1",
                "2",
                "3",
                "all",
                "week",
                "-1",
                "99999999999999999999",
                ""
            ])
        );
        match dice.throw(13) {
            0 => (
                "press in another's chat",
                self.press(stranger, self.lead, &old),
            ),
            1 => (
                "panel press by a lead",
                self.press(self.lead, self.lead, &panel),
            ),
            2 => (
                "panel press in another's chat",
                self.press(PARTNER, self.lead, &panel),
            ),
            3 => (
                "button of another visit",
                self.press(self.lead, self.lead, &other_visit(&old, dice)),
            ),
            4 => (
                "button with broken data",
                self.press(self.lead, self.lead, &broken(&old, dice)),
            ),
            5 => ("press sent again", self.press(self.lead, self.lead, &old)),
            6 => ("contact of another", self.contact(dice.throw(3), dice)),
            7 => (
                "word in another's chat",
                message(
                    stranger,
                    chat(self.lead),
                    "text",
                    dice.pick(&[
                        "/my_stats",
                        "/hot_leads",
                        "/panel",
                        "+77010000000",
                        "/forget_me",
                        "/stop",
                    ]),
                ),
            ),
            8 => (
                "panel command of a lead",
                message(
                    self.lead,
                    chat(self.lead),
                    "text",
                    dice.pick(&["/my_stats", "/hot_leads", "/panel"]),
                ),
            ),
            9 => ("link that is bent or spent", self.link(dice)),
            10 => (
                "panel press for nobody",
                self.press(
                    PARTNER,
                    PARTNER,
                    dice.pick(&[
                        "p:done:4000",
                        "p:undo:-1",
                        "p:card:0",
                        "p:done:x",
                        "p:nothing:1",
                    ]),
                ),
            ),
            11 => ("leaving in another's name", self.member(stranger)),
            _ => (
                "word in a group",
                message(
                    PARTNER,
                    json!({"id": -100_500, "type": "group", "title": "Г"}),
                    "text",
                    dice.pick(&["/my_stats", "/hot_leads", "25"]),
                ),
            ),
        }
    }

    fn press(&self, from: i64, in_chat: i64, data: &str) -> Value {
        let mut shown = self.shown.clone();
        shown["chat"] = chat(in_chat);
        json!({"callback_query": {"id": self.next_update.to_string(), "from": person(from), "message": shown,
            "chat_instance": "1", "data": data}})
    }

    fn contact(&self, whose: u64, dice: &mut Dice) -> Value {
        let mut update = message(self.lead, chat(self.lead), "contact", "");
        let mut contact = json!({"phone_number": "+77010000000", "first_name": "Олег"});
        if whose < 2 {
            contact["user_id"] = json!(if whose == 0 { self.other } else { PARTNER });
        } else if dice.chance(50) {
            contact["user_id"] = json!(self.lead);
            update["message"]["forward_origin"] =
                json!({"type": "user", "date": 1, "sender_user": person(self.lead)});
        }
        update["message"]["contact"] = contact;
        update
    }

    /// The fresh link with at least one letter changed, or the spent one as it is.
    fn link(&self, dice: &mut Dice) -> Value {
        let mut link = self.spent.clone();
        if dice.chance(80) {
            link = self.fresh.clone();
            let at = 3 + dice.index(link.len() - 3);
            let letter = link.as_bytes()[at];
            let other = if letter == b'A' { "B" } else { "A" };
            link.replace_range(at..=at, other);
        }
        message(
            self.other,
            chat(self.other),
            "text",
            &format!("/start {link}"),
        )
    }

    fn member(&self, from: i64) -> Value {
        let member = |status: &str| json!({"status": status, "user": {"id": BOT, "is_bot": true, "first_name": "Север"}, "until_date": 0});
        json!({"my_chat_member": {"chat": chat(self.lead), "from": person(from), "date": now_s(&self.rig),
            "old_chat_member": member("member"), "new_chat_member": member("kicked")}})
    }

    /// What the store holds of leads, their stories, their timers and the partner's people.
    async fn books(&self) -> Vec<String> {
        let file = format!(
            "sqlite://{}?mode=ro",
            self.rig.place.data.join("bot.db").display()
        );
        let mut store = sqlx::SqliteConnection::connect(&file).await.unwrap();
        let mut books = Vec::new();
        for sql in [
            "SELECT 'lead ' || id || ' ' || chat_id || ' ' || phone || ' ' || email || ' ' || tags || ' ' || score || ' ' || reach || ' ' || opted_out
              || ' ' || handoff || ' ' || funnel || ' ' || step || ' ' || insider || ' ' || handled_at || ' ' || handled_by FROM leads ORDER BY id",
            "SELECT 'event ' || lead_id || ' ' || kind || ' ' || name || ' ' || value || ' ' || points FROM events WHERE kind <> 'ignored' ORDER BY id",
            "SELECT 'timer ' || lead_id || ' ' || name FROM timers ORDER BY lead_id, name",
            "SELECT 'team ' || user_id || ' ' || invite FROM team ORDER BY user_id",
        ] {
            let rows = sqlx::query(sql).fetch_all(&mut store).await.unwrap();
            books.extend(rows.iter().map(|row| row.get::<String, _>(0)));
        }
        store.close().await.unwrap();
        books
    }

    /// What those hear who did nothing; the partner's own screen may be shown anew.
    fn chats(&self) -> Vec<String> {
        let heard = |person: i64| {
            self.rig
                .heard(person)
                .into_iter()
                .map(move |text| format!("{person}: {text}"))
        };
        heard(self.secret).chain(heard(PARTNERS[1])).collect()
    }
}

fn now_s(rig: &Rig) -> i64 {
    rig.world.now_ms() / 1_000
}

fn message(from: i64, chat: Value, field: &str, text: &str) -> Value {
    let mut message =
        json!({"message_id": 900, "date": 1_900_000_000, "from": person(from), "chat": chat});
    if field == "text" {
        message["text"] = Value::from(text);
    }
    json!({"message": message})
}

/// The same button of a visit that is not the present one; the lead has made fewer than a thousand.
fn other_visit(data: &str, dice: &mut Dice) -> String {
    let (button, _) = data.rsplit_once(':').unwrap_or((data, ""));
    let visit = dice.pick(&["0", "1", "rs", "zzz", "1z141z3", "zzzzzzzz", "-1", ""]);
    format!("{button}:{visit}")
}

fn broken(data: &str, dice: &mut Dice) -> String {
    let data = mutate::text(data, dice);
    let end = data.char_indices().map(|(at, _)| at).find(|at| *at > 56);
    data[..end.unwrap_or(data.len())].to_owned()
}

fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before
        .iter()
        .filter(|line| !after.contains(line))
        .map(|line| format!("gone: {line}"));
    let new = after
        .iter()
        .filter(|line| !before.contains(line))
        .map(|line| format!("new: {line}"));
    let more =
        (after.len() > before.len()).then(|| format!("{} lines more", after.len() - before.len()));
    gone.chain(new).chain(more).take(20).collect()
}
