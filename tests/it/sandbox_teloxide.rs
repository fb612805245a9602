//! The client that the bots use reads all that the local Telegram sends.

use teloxide::prelude::*;
use teloxide::types::{
    BotCommand, BotCommandScope, ChatAction, InlineKeyboardButton, InlineKeyboardMarkup, InputFile,
    InputMedia, InputMediaPhoto, KeyboardButton, KeyboardMarkup, ParseMode, ReplyParameters,
    UpdateKind,
};
use teloxide::{ApiError, RequestError};

use crate::sandbox::{BOT, Rig, TOKEN};

fn client(rig: &Rig) -> Bot {
    Bot::new(TOKEN).set_api_url(rig.sandbox.url().parse().unwrap())
}

#[tokio::test]
async fn teloxide_reads_every_kind_of_update() {
    let rig = Rig::started();
    let bot = client(&rig);
    let (world, user) = (&rig.world, rig.user);
    world.contact(BOT, user, None, None, true).unwrap();
    world.photo(BOT, user, Some("вот")).unwrap();
    world.sticker(BOT, user).unwrap();
    world.block(BOT, user, true).unwrap();
    world.block(BOT, user, false).unwrap();
    let button = InlineKeyboardMarkup::new([[InlineKeyboardButton::callback("Да", "y")]]);
    bot.send_message(ChatId(user), "?")
        .reply_markup(button)
        .await
        .unwrap();
    world.press_text(BOT, user, "Да").unwrap();
    let updates = bot.get_updates().timeout(1).await.unwrap();
    assert_eq!(updates.len(), 7);
    for update in &updates {
        assert!(!matches!(update.kind, UpdateKind::Error(_)), "{update:?}");
    }
    let UpdateKind::CallbackQuery(query) = &updates[6].kind else {
        panic!("the last is the press: {:?}", updates[6]);
    };
    bot.answer_callback_query(query.id.clone())
        .text("Записано")
        .show_alert(true)
        .await
        .unwrap();
    rig.assert_strict();
}

#[tokio::test]
async fn teloxide_sends_what_the_schema_allows() {
    let rig = Rig::started();
    let bot = client(&rig);
    let chat = ChatId(rig.user);
    let me = bot.get_me().await.unwrap();
    assert_eq!(me.username(), "demo_bot");
    let ask = KeyboardMarkup::new([[
        KeyboardButton::new("Мой номер").request(teloxide::types::ButtonRequest::Contact)
    ]]);
    let sent = bot
        .send_message(chat, "<b>Номер?</b>")
        .parse_mode(ParseMode::Html)
        .reply_markup(ask)
        .await
        .unwrap();
    bot.send_message(chat, "ответ")
        .reply_parameters(ReplyParameters::new(sent.id))
        .await
        .unwrap();
    bot.send_chat_action(chat, ChatAction::Typing)
        .await
        .unwrap();
    let file = InputFile::memory(b"GIF89a".to_vec()).file_name("a.jpg");
    let photo = bot.send_photo(chat, file).caption("раз").await.unwrap();
    let id = photo.photo().unwrap()[0].file.id.clone();
    bot.send_photo(chat, InputFile::file_id(id.clone()))
        .await
        .unwrap();
    let video = InputFile::url("https://example.org/a.mp4".parse().unwrap());
    bot.send_video(chat, video)
        .caption("<i>два</i>")
        .parse_mode(ParseMode::Html)
        .await
        .unwrap();
    bot.send_animation(chat, InputFile::memory(b"gif".to_vec()))
        .await
        .unwrap();
    bot.send_document(chat, InputFile::memory(b"pdf".to_vec()).file_name("a.pdf"))
        .await
        .unwrap();
    bot.send_audio(chat, InputFile::memory(b"mp3".to_vec()))
        .await
        .unwrap();
    bot.send_voice(chat, InputFile::memory(b"ogg".to_vec()))
        .await
        .unwrap();
    let item = |file| InputMedia::Photo(InputMediaPhoto::new(file));
    let album = [
        item(InputFile::file_id(id.clone())),
        item(InputFile::memory(b"GIF89a other".to_vec())),
    ];
    assert_eq!(bot.send_media_group(chat, album).await.unwrap().len(), 2);
    bot.edit_message_caption(chat, photo.id)
        .caption("три")
        .await
        .unwrap();
    bot.edit_message_media(chat, photo.id, item(InputFile::file_id(id.clone())))
        .await
        .unwrap();
    bot.edit_message_text(chat, sent.id, "Номер?")
        .await
        .unwrap();
    bot.copy_message(chat, chat, photo.id).await.unwrap();
    bot.forward_message(chat, chat, photo.id).await.unwrap();
    bot.delete_message(chat, sent.id).await.unwrap();
    assert!(bot.get_file(id).await.unwrap().path.ends_with(".jpg"));
    bot.get_chat(chat).await.unwrap();
    bot.get_chat_member(chat, UserId(rig.user as u64))
        .await
        .unwrap();
    let commands = [BotCommand::new("start", "Начать")];
    bot.set_my_commands(commands)
        .scope(BotCommandScope::AllPrivateChats)
        .language_code("ru")
        .await
        .unwrap();
    bot.set_my_description().description("Бот").await.unwrap();
    bot.delete_webhook()
        .drop_pending_updates(true)
        .await
        .unwrap();
    rig.assert_strict();
}

#[tokio::test]
async fn teloxide_knows_the_errors() {
    let rig = Rig::started();
    let bot = client(&rig);
    rig.world.block(BOT, rig.user, true).unwrap();
    let blocked = bot.send_message(ChatId(rig.user), "x").await.unwrap_err();
    assert!(
        matches!(blocked, RequestError::Api(ApiError::BotBlocked)),
        "{blocked:?}"
    );
    let unknown = bot.send_message(ChatId(5), "x").await.unwrap_err();
    assert!(
        matches!(unknown, RequestError::Api(ApiError::ChatNotFound)),
        "{unknown:?}"
    );
    let rule =
        partnerctl::sandbox::FaultRule::new("*", partnerctl::sandbox::FaultKind::Status(429));
    rig.world.set_faults(vec![rule], None);
    let later = bot.get_me().await.unwrap_err();
    assert!(matches!(later, RequestError::RetryAfter(_)), "{later:?}");
}
