//! What a bot asks and tells Telegram about itself when it starts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use teloxide::payloads::{
    DeleteMyCommands, DeleteMyCommandsSetters, GetMe, SetMyCommands, SetMyCommandsSetters,
};
use teloxide::requests::Payload;
use teloxide::types::{BotCommand, BotCommandScope, ChatId, Recipient};
use tokio::sync::{mpsc, oneshot};

use crate::app::{App, Live, Trouble};
use crate::control::Question;
use crate::funnel::Funnels;
use crate::telegram::{CallError, outgoing};
use crate::worker::DeskInput;

/// The bot's username. Waits out everything but a refused token.
pub async fn who_am_i(app: &App) -> Result<String, String> {
    let mut pause = Duration::from_secs(1);
    loop {
        let error = match app.client.call(&GetMe::new()).await {
            Ok(me) => {
                app.status.trouble(Trouble::Telegram, None);
                return Ok(me.user.username.unwrap_or_default());
            }
            Err(CallError::Refused {
                code: 401 | 404,
                description,
                ..
            }) => return Err(description),
            Err(error) => error,
        };
        let wait = match &error {
            CallError::Refused {
                retry_after_s: Some(seconds),
                ..
            } => Duration::from_secs((*seconds).clamp(1, 3_600) as u64),
            _ => pause,
        };
        let reason = format!("Telegram is not to be reached: {error}");
        if app.status.trouble(Trouble::Telegram, Some(reason.clone())) {
            tracing::warn!(partner.id = %app.partner().id, wait_s = wait.as_secs(), "waiting to start: {reason}");
        }
        tokio::time::sleep(wait).await;
        pause = (pause * 2).min(Duration::from_secs(30));
    }
}

/// Publishes the command menus, only when they changed: Telegram limits these calls strictly.
pub async fn publish_commands(app: Arc<App>, desk: mpsc::UnboundedSender<DeskInput>) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let Some(funnels) = live_funnels(&desk).await else {
        return;
    };
    let menus = menus(&app.live(), &funnels);
    let wanted = serde_json::to_string(&menus.iter().map(outgoing::to_json).collect::<Vec<_>>())
        .unwrap_or_default();
    let before = ask(&desk, Question::Fact { name: "commands" }).await;
    let before = before.unwrap_or_default();
    if before == wanted {
        return;
    }
    for chat_id in chats(&before).difference(&chats(&wanted)) {
        let chat_id = Recipient::Id(ChatId(*chat_id));
        let gone = DeleteMyCommands::new().scope(BotCommandScope::Chat { chat_id });
        if let Err(error) = app.client.call(&gone).await {
            tracing::debug!(partner.id = %app.partner().id, "the menu of somebody who left stays: {error}");
        }
    }
    for menu in &menus {
        if let Err(error) = app.client.call(menu).await {
            // A team member who never opened the bot has no chat yet; the menu comes with the next start.
            tracing::debug!(partner.id = %app.partner().id, "a command menu was not published: {error}");
            if menu.scope.is_none() {
                return;
            }
        }
    }
    ask(
        &desk,
        Question::SetFact {
            name: "commands",
            value: wanted,
        },
    )
    .await;
}

pub(super) async fn live_funnels(desk: &mpsc::UnboundedSender<DeskInput>) -> Option<Arc<Funnels>> {
    let (reply, live) = oneshot::channel();
    desk.send(DeskInput::Live(reply)).ok()?;
    live.await.ok()
}

async fn ask(desk: &mpsc::UnboundedSender<DeskInput>, question: Question) -> Option<String> {
    let (reply, answer) = oneshot::channel();
    desk.send(DeskInput::Ask { question, reply }).ok()?;
    answer.await.ok()
}

/// Who has a menu of their own, among menus as they were published.
fn chats(published: &str) -> BTreeSet<i64> {
    let menus: Vec<String> = serde_json::from_str(published).unwrap_or_default();
    let chat = |menu: &String| {
        let menu: serde_json::Value = serde_json::from_str(menu).ok()?;
        menu["scope"]["chat_id"].as_i64()
    };
    menus.iter().filter_map(chat).collect()
}

/// One menu per language for everybody, one per partner's chat.
fn menus(live: &Live, funnels: &Funnels) -> Vec<SetMyCommands> {
    let mut menus = vec![SetMyCommands::new(commands(funnels, live.language()))];
    for language in live.partner.languages.iter().skip(1) {
        let menu = SetMyCommands::new(commands(funnels, language));
        menus.push(menu.language_code(language.clone()));
    }
    let people = live.telegram_ids.iter();
    menus.extend(people.map(|id| panel_commands(live, funnels, *id)));
    menus
}

fn commands(funnels: &Funnels, language: &str) -> Vec<BotCommand> {
    let commands = funnels.commands(language).into_iter();
    commands
        .map(|(name, text)| BotCommand::new(name, text))
        .collect()
}

fn panel_commands(live: &Live, funnels: &Funnels, chat_id: i64) -> SetMyCommands {
    let mut panel = vec![
        BotCommand::new("my_stats", "Цифры: лиды, контакты, источники"),
        BotCommand::new("hot_leads", "Кто ждёт вас прямо сейчас"),
        BotCommand::new("my_leads", "Все люди, с фильтрами"),
        BotCommand::new("my_link", "Ваши ссылки"),
        BotCommand::new("my_settings", "Сводка, тихие часы, карточки"),
    ];
    panel.extend(commands(funnels, live.language()));
    let chat_id = Recipient::Id(ChatId(chat_id));
    SetMyCommands::new(panel).scope(BotCommandScope::Chat { chat_id })
}

/// (method, payload) of the menu of somebody who has just become one of the partner's people.
pub fn panel_menu(live: &Live, funnels: &Funnels, chat_id: i64) -> (String, String) {
    let menu = panel_commands(live, funnels, chat_id);
    (SetMyCommands::NAME.to_owned(), outgoing::to_json(&menu))
}
