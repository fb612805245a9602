//! Everything the sandbox knows, behind one lock: bots, people, chats, faults, journal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::check;
use super::clock::{Clock, Dice};
use super::faults::Faults;
use super::files::Files;
use super::flood::Flood;
use super::journal::{Event, Journal};
use super::message::{Chat, Message};
use super::queue::Queue;

pub const SECOND_MS: i64 = 1000;
const DAY_MS: i64 = 86_400_000;
/// How long a press waits to be delivered, and how long it can be answered.
pub const CALLBACK_MS: i64 = 150_000;
const FIRST_USER: i64 = 1_000_000_001;

/// The world behind the lock.
pub struct State {
    pub clock: Clock,
    pub dice: Dice,
    pub quiet: bool,
    pub flood: bool,
    pub accept_any_token: bool,
    pub bots: Vec<Bot>,
    by_token: HashMap<String, usize>,
    by_id: HashMap<i64, usize>,
    pub users: BTreeMap<i64, User>,
    pub faults: Faults,
    pub journal: Journal,
}

/// One person.
pub struct User {
    pub id: i64,
    pub profile: Map<String, Value>,
    pub phone: String,
    /// Buttons that link to this person are refused.
    pub private_links: bool,
    pub deactivated: bool,
    pub as_user: Arc<RawValue>,
    pub as_chat: Arc<RawValue>,
}

/// One bot: its profile, its chats, its updates.
pub struct Bot {
    pub id: i64,
    pub token: String,
    pub username: String,
    pub first_name: String,
    pub as_user: Arc<RawValue>,
    pub profile: Profile,
    pub chats: HashMap<i64, Chat>,
    pub queue: Queue,
    pub files: Files,
    pub flood: Flood,
    pub webhook: String,
    /// It may make bots of its own by a link.
    pub manages: bool,
    /// The bot that made this one.
    pub manager: Option<i64>,
    pub next_message: i64,
    /// Presses that can still be answered: id to (user, made at).
    pub callbacks: HashMap<String, (i64, i64)>,
    /// For the delay of repeated conflicts, in real time.
    pub conflict_at: Option<std::time::Instant>,
}

/// What a bot can change about itself.
#[derive(Default)]
pub struct Profile {
    /// Texts by (field, language).
    pub texts: BTreeMap<(&'static str, String), String>,
    /// Commands by (scope as JSON text, language).
    pub commands: BTreeMap<(String, String), Value>,
    pub menu_button: Option<Value>,
}

impl State {
    pub fn new(clock: Clock, seed: u64, accept_any_token: bool, flood: bool) -> State {
        State {
            clock,
            dice: Dice::new(seed),
            quiet: false,
            flood,
            accept_any_token,
            bots: Vec::new(),
            by_token: HashMap::new(),
            by_id: HashMap::new(),
            users: BTreeMap::new(),
            faults: Faults::new(seed),
            journal: Journal::default(),
        }
    }

    pub fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    pub fn bot_by_token(&mut self, token: &str) -> Option<usize> {
        if let Some(&index) = self.by_token.get(token) {
            return Some(index);
        }
        if !self.accept_any_token {
            return None;
        }
        let name = format!("bot{}", token_id(token)?);
        self.register(token, &format!("{name}_bot"), &name)
    }

    pub fn bot_by_id(&self, id: i64) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    /// Adds a bot or renames it; `None` when the token has no id before its colon.
    pub fn register(&mut self, token: &str, username: &str, first_name: &str) -> Option<usize> {
        let id = token_id(token)?;
        let index = match self.by_id.get(&id) {
            Some(&index) => {
                let old = std::mem::replace(&mut self.bots[index].token, token.to_owned());
                self.by_token.remove(&old);
                index
            }
            None => {
                let first_update = 100_000_000 + i64::try_from(self.dice.next() >> 36).unwrap_or(0);
                self.bots.push(Bot::new(id, token, first_update));
                self.by_id.insert(id, self.bots.len() - 1);
                self.bots.len() - 1
            }
        };
        self.by_token.insert(token.to_owned(), index);
        self.bots[index].rename(username, first_name);
        self.emit(Event::of(
            Some(id),
            None,
            "bot",
            json!({"change": "registered"}),
        ));
        Some(index)
    }

    /// A token nobody can take for a real one.
    pub fn new_token(&mut self, id: i64) -> String {
        format!("{id}:TEST-MANAGED-{:016x}", self.dice.next())
    }

    pub fn free_user_id(&self) -> i64 {
        self.users
            .last_key_value()
            .map_or(FIRST_USER, |(id, _)| (id + 1).max(FIRST_USER))
    }

    /// Forgets all but the bots themselves, the clock and the flood switch.
    pub fn reset(&mut self) {
        for bot in &mut self.bots {
            let mut fresh = Bot::new(bot.id, &bot.token, 0);
            fresh.queue = bot.queue.renewed();
            fresh.rename(&bot.username.clone(), &bot.first_name.clone());
            (fresh.manages, fresh.manager) = (bot.manages, bot.manager);
            *bot = fresh;
        }
        self.users.clear();
        self.faults.clear();
        self.journal.clear();
        self.emit(Event::of(None, None, "reset", json!({})));
    }

    pub fn emit(&mut self, event: Event) {
        if !self.quiet {
            let now = self.now_ms();
            self.journal.emit(event, now);
        }
    }

    /// Queues an update unless the bot did not ask for its kind; says so in the events.
    pub fn push_update(&mut self, bot: usize, user: i64, kind: &str, body: &str) -> Option<i64> {
        self.check_own(update_type(kind), body);
        let now = self.now_ms();
        let bot = &mut self.bots[bot];
        if !bot.queue.allows(kind) {
            return None;
        }
        let life = if kind == "callback_query" {
            CALLBACK_MS
        } else {
            DAY_MS
        };
        let id = bot.queue.push(kind, body, now + life, now);
        let bot_id = bot.id;
        if !self.quiet {
            let payload = json!({"update_id": id, "type": kind});
            self.emit(Event::of(Some(bot_id), Some(user), "update", payload));
        }
        Some(id)
    }

    /// In debug builds: what the sandbox itself sends must be valid too; if not, that is a violation.
    pub fn check_own(&mut self, type_name: &str, json: &str) {
        if cfg!(debug_assertions) && !type_name.is_empty() {
            let value: Value = serde_json::from_str(json).unwrap_or_default();
            for problem in check::check_object(type_name, &value) {
                self.journal.violation(format!(
                    "the sandbox made an invalid {type_name}: {problem}"
                ));
            }
        }
    }

    /// Puts a new message into a chat and returns it as JSON.
    pub fn add_message(&mut self, bot: usize, user: i64, message: Message) -> String {
        let json = message.to_json();
        self.check_own("Message", &json);
        if !self.quiet {
            let payload = json!({"out": message.out, "message": message.to_view()});
            let bot_id = self.bots[bot].id;
            self.emit(Event::of(Some(bot_id), Some(user), "message", payload));
        }
        let quiet = self.quiet;
        self.bots[bot]
            .chats
            .entry(user)
            .or_default()
            .push(message, quiet);
        json
    }
}

impl Bot {
    fn new(id: i64, token: &str, first_update: i64) -> Bot {
        Bot {
            id,
            token: token.to_owned(),
            username: String::new(),
            first_name: String::new(),
            as_user: raw(&json!({})),
            profile: Profile::default(),
            chats: HashMap::new(),
            queue: Queue::new(first_update),
            files: Files::new(id),
            flood: Flood::default(),
            webhook: String::new(),
            manages: false,
            manager: None,
            next_message: 1,
            callbacks: HashMap::new(),
            conflict_at: None,
        }
    }

    fn rename(&mut self, username: &str, first_name: &str) {
        self.username = username.to_owned();
        self.first_name = first_name.to_owned();
        self.as_user = raw(&json!({
            "id": self.id, "is_bot": true, "first_name": first_name, "username": username
        }));
    }

    pub fn take_message_id(&mut self) -> i64 {
        self.next_message += 1;
        self.next_message - 1
    }

    /// The commands a person sees: the most specific scope and language win.
    pub fn commands_for(&self, user: i64, language: &str) -> Value {
        let scopes = [
            json!({"type": "chat", "chat_id": user}),
            json!({"type": "all_private_chats"}),
            json!({"type": "default"}),
        ];
        for scope in scopes {
            for language in [language, ""] {
                let key = (scope.to_string(), language.to_owned());
                if let Some(commands) = self.profile.commands.get(&key) {
                    return commands.clone();
                }
            }
        }
        json!([])
    }
}

impl User {
    pub fn new(id: i64, profile: Map<String, Value>, phone: String) -> User {
        let empty = raw(&json!({}));
        let mut user = User {
            id,
            profile,
            phone,
            private_links: false,
            deactivated: false,
            as_user: empty.clone(),
            as_chat: empty,
        };
        user.refresh();
        user
    }

    /// Renders the shared texts again after a change of the profile.
    pub fn refresh(&mut self) {
        let mut chat = Map::new();
        chat.insert("id".to_owned(), self.id.into());
        chat.insert("type".to_owned(), "private".into());
        for name in ["first_name", "last_name", "username"] {
            if let Some(value) = self.profile.get(name) {
                chat.insert(name.to_owned(), value.clone());
            }
        }
        self.as_user = raw(&self.to_value());
        self.as_chat = raw(&Value::Object(chat));
    }

    /// The Bot API User.
    pub fn to_value(&self) -> Value {
        let mut user = self.profile.clone();
        user.insert("id".to_owned(), self.id.into());
        user.insert("is_bot".to_owned(), false.into());
        Value::Object(user)
    }

    pub fn language(&self) -> &str {
        self.profile
            .get("language_code")
            .and_then(Value::as_str)
            .unwrap_or("")
    }
}

fn update_type(kind: &str) -> &'static str {
    match kind {
        "message" | "edited_message" => "Message",
        "callback_query" => "CallbackQuery",
        "my_chat_member" => "ChatMemberUpdated",
        "managed_bot" => "ManagedBotUpdated",
        _ => "",
    }
}

/// Shared JSON text.
pub fn raw(value: &Value) -> Arc<RawValue> {
    let text = RawValue::from_string(value.to_string());
    Arc::from(text.expect("a JSON value is written as valid JSON"))
}

/// The bot's id: the number before the token's colon.
pub fn token_id(token: &str) -> Option<i64> {
    let (id, secret) = token.split_once(':')?;
    id.parse().ok().filter(|id| *id > 0 && !secret.is_empty())
}
