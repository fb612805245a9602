//! What happened to a lead, in words: for `partnerctl why`, the demo's log strip and anyone who asks. PURE.

use serde_json::{Value, json};

use crate::funnel::event::{TimerData, TimerName};
use crate::store::{Case, StoryItem, TimerRow};

/// All there is to tell of a lead: who, what happened, and what is still to come.
pub fn whole(case: &Case, items: &[StoryItem], waits: &[TimerRow]) -> Value {
    let items: Vec<Value> = items.iter().map(tell).collect();
    let waits: Vec<Value> = waits.iter().map(wait).collect();
    json!({
        "lead": case.lead,
        "place": case.session.place,
        "handled_by": case.handled_by,
        "items": items,
        "waits": waits,
    })
}

/// What is due later: `{what, due_at, planned_at, reason}`; the reason says why it is later than planned.
fn wait(timer: &TimerRow) -> Value {
    let (what, planned_at) = match (&timer.name, &timer.data) {
        (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
            let what = format!("шаг {} последовательности {id}", waiting.step);
            (what, waiting.planned_ms)
        }
        (TimerName::Collect, _) => (
            "конец ответа из нескольких сообщений".to_owned(),
            timer.due_at,
        ),
        (_, TimerData::Talk(talk)) => ("напоминание о вопросе".to_owned(), talk.planned_ms),
        (name, _) => (name.to_string(), timer.due_at),
    };
    json!({ "what": what, "due_at": timer.due_at, "planned_at": planned_at, "reason": timer.held })
}

/// A line of the story as JSON: `{id, seq, at, lead, chat, kind, text, state, reason}`.
pub fn tell(item: &StoryItem) -> Value {
    let send = item.kind == "send";
    json!({
        "id": if send { format!("s{}", item.outbox_id) } else { format!("e{}", item.place) },
        "seq": item.at,
        "at": item.at,
        "lead": (item.lead_id != 0).then_some(item.lead_id),
        "chat": (item.chat_id != 0).then_some(item.chat_id),
        "kind": if send { "send" } else { "event" },
        "text": if send { message_words(&item.payload) } else { event_words(item) },
        "state": send.then_some(item.state.as_str()),
        "reason": send.then(|| reason_words(item)),
    })
}

fn event_words(item: &StoryItem) -> String {
    let place = match (item.funnel.as_str(), item.step.as_str()) {
        ("", _) => String::new(),
        (funnel, "") => funnel.to_owned(),
        (funnel, step) => format!("{funnel}.{step}"),
    };
    let (name, value) = (item.name.as_str(), item.value.as_str());
    match item.kind.as_str() {
        "came" if name.is_empty() => format!("пришёл: {value}"),
        "came" => format!("пришёл: {value}, кампания {name}"),
        "entered" => format!("вошёл в воронку {place} ({})", way_in(value)),
        "reached" if value.is_empty() => format!("шаг {place}"),
        "reached" => format!("шаг {place}, вариант «{value}»"),
        "ended" => format!("прошёл воронку {place}"),
        "answer" => format!("ответ {name}: {value}"),
        "tag" if value == "on" => format!("метка + {name}"),
        "tag" => format!("метка − {name}"),
        "score" => format!("{:+} баллов: {value}", item.points),
        "contact" => format!("оставил контакт: {value}"),
        "link" => format!("открыл ссылку {name}"),
        "notify" => format!("партнёру: {}", notice(name)),
        "handoff" if value == "waiting" => "ждёт человека".to_owned(),
        "handoff" if value == "bot" => "отвечает бот".to_owned(),
        "handoff" => "отвечает человек".to_owned(),
        "optout" if value == "on" => "попросил не писать".to_owned(),
        "optout" => "снова на связи".to_owned(),
        "consent" => consent_words(name, value),
        "reach" if value == "active" => "вернулся в бота".to_owned(),
        "reach" if value == "blocked" => "закрыл бота".to_owned(),
        "reach" => "аккаунт удалён".to_owned(),
        "handled" if value == "on" => format!("обработал партнёр: {name}"),
        "handled" => format!("партнёр вернул в список: {name}"),
        "hushed" if value == "on" => format!("не писать ему первым: {name}"),
        "hushed" => format!("снова писать ему первым: {name}"),
        "enrolled" => format!("вошёл в серию {name} ({value})"),
        "barred" => format!("не вошёл в серию {name}: {value}"),
        "passed" => format!("шаг серии {name} пропущен: {value}"),
        "left" => format!("вышел из серии {name}: {value}"),
        "unsaid" => format!("не сказано на шаге {place}: {value}"),
        "language" => format!("язык: {value}"),
        "zone" if value.is_empty() => "живёт по времени партнёра".to_owned(),
        "zone" => format!("часовой пояс {value} ({})", zone_source(name)),
        "ignored" => format!("без ответа: {value}"),
        other => format!("{other} {place} {name} {value}"),
    }
}

fn consent_words(purpose: &str, value: &str) -> String {
    let (purpose, purpose_of) = match purpose {
        "advertising" => ("предложения", "предложений"),
        "service" => ("напоминания", "напоминаний"),
        "contact" => ("хранение контакта", "хранения контакта"),
        other => (other, other),
    };
    let mut parts = value.splitn(3, ' ');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("yes"), Some(version), Some(source)) => {
            format!("разрешил {purpose}: {source}, текст {version}")
        }
        (Some("no"), Some(version), Some(source)) => {
            format!("отказался от {purpose_of}: {source}, текст {version}")
        }
        (Some("no"), Some(source), None) => format!("отказался от {purpose_of}: {source}"),
        _ => format!("согласие на {purpose}: {value}"),
    }
}

/// What opened a funnel.
fn way_in(by: &str) -> String {
    match by.split_once(':') {
        Some(("start", payload)) => format!("по ссылке {payload}"),
        Some(("sequence", id)) => format!("из серии {id}"),
        Some(("command", name)) => format!("командой /{name}"),
        _ if by == "start" => "открыл бота".to_owned(),
        _ if by == "keyword" => "по слову".to_owned(),
        _ if by == "call" => "как часть другой".to_owned(),
        _ if by == "step" => "с шага другой".to_owned(),
        _ => by.to_owned(),
    }
}

/// How a zone became known.
fn zone_source(source: &str) -> &str {
    match source {
        "language" => "по языку",
        "phone" => "по номеру телефона",
        "told" => "сказал партнёр",
        "asked" => "ответил на вопрос",
        "set" => "выбрал сам",
        other => other,
    }
}

fn notice(name: &str) -> &str {
    match name {
        "contact" => "контакт",
        "link" => "открыта ссылка",
        "hot" => "стал горячим",
        "human" => "просит человека",
        own => own,
    }
}

/// Why a message was written, and what held it or became of it.
fn reason_words(item: &StoryItem) -> String {
    let cause = match item.cause.as_str() {
        "reply" => "ответ на слова лида",
        "silence" => "лид замолчал на вопросе",
        "sequence" => "шаг серии",
        "card" => "карточка партнёру",
        "digest" => "сводка партнёру",
        "goodbye" => "прощание с тем, кто попросил его забыть",
        "photo" => "фото лида — партнёру",
        "panel" => "ответ партнёру",
        "edit" => "правка, чтобы экран не врал",
        "flood" => "слишком много сообщений подряд",
        other => other,
    };
    let reason = match item.reason.as_str() {
        crate::store::RESTORED => "ждало в резервной копии и могло уйти до восстановления",
        "the process ended during the call" => {
            "бот остановился во время отправки: дошло ли, неизвестно"
        }
        "the process ended too often" => "бот останавливался слишком часто: дошло ли, неизвестно",
        "Telegram refused it" => "Telegram отказал; бот остановился, не успев записать почему",
        "Telegram never said whether it arrived" => "Telegram не ответил: дошло ли, неизвестно",
        "Telegram asked to wait" => "Telegram просит подождать",
        "the lead had answered it already" => "лид ответил раньше, чем это дошло",
        "the lead went on" => "дошло: лид ответил дальше",
        "already so" => "на экране уже так",
        other => other,
    };
    match (item.state.as_str(), reason) {
        (_, "") => cause.to_owned(),
        ("dropped", why) => format!("{cause}; не отправлено: {why}"),
        ("due", why) => format!("{cause}; ждёт: {why}"),
        (_, why) => format!("{cause}; {why}"),
    }
}

const LONGEST: usize = 160;

/// The words of a stored message, without markup.
fn message_words(payload: &str) -> String {
    let value: Value = serde_json::from_str(payload).unwrap_or_default();
    let text = ["text", "caption"]
        .iter()
        .find_map(|field| value[field].as_str())
        .unwrap_or("(без слов)");
    let bare = crate::telegram::outgoing::strip_tags(text);
    let line = bare.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        line
    } else {
        line.chars().take(LONGEST).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_and_why() {
        let item = StoryItem {
            kind: "send".into(),
            state: "dropped".into(),
            reason: "лид попросил не писать".into(),
            cause: "silence".into(),
            payload: r#"{"text":"<b>Вы</b> ещё\nздесь?"}"#.into(),
            outbox_id: 4,
            ..StoryItem::default()
        };
        let told = tell(&item);
        assert_eq!(told["text"], "Вы ещё здесь?");
        assert_eq!(
            told["reason"],
            "лид замолчал на вопросе; не отправлено: лид попросил не писать"
        );
        let score = StoryItem {
            kind: "score".into(),
            points: 10,
            value: "хочет начать".into(),
            ..StoryItem::default()
        };
        assert_eq!(tell(&score)["text"], "+10 баллов: хочет начать");
    }
}
