//! /my_settings: how the bot behaves towards the partner. PURE.

use super::parse::{Choice, Request};
use super::screen::{Screen, ScreenButton, ask};
use crate::manners::{Change, DIGEST_HOURS, Digest, Manners, Notify, QUIET_HOURS, Quiet};

pub fn screen(manners: &Manners, zone: &str, time: &str) -> Screen {
    let html = format!(
        "⚙️ <b>Настройки</b>\n\n\
         ☀️ Сводка: <b>{}</b>\n\
         📈 Картинка недели: <b>{}</b>\n\
         🌙 Тихие часы: <b>{}</b>\n\
         🔔 Карточки: <b>{}</b>\n\
         💬 Бот пишет людям первым: <b>{}</b>\n\n\
         <i>Время: {zone}, сейчас {time}. В тихие часы карточки приходят без звука, а сводка ждёт утра.</i>",
        digest_words(manners.digest),
        if manners.weekly {
            "по понедельникам"
        } else {
            "нет"
        },
        quiet_words(manners.quiet),
        notify_words(manners.notify),
        if manners.paused {
            "на паузе"
        } else {
            "да"
        },
    );
    let weekly = if manners.weekly {
        "📈 Без картинки"
    } else {
        "📈 С картинкой"
    };
    let pause = if manners.paused {
        "▶️ Снова писать первым"
    } else {
        "⏸ Не писать первым"
    };
    let rows = vec![
        vec![
            ask("☀️ Сводка", Request::Choose(Choice::Digest)),
            ask("🌙 Тихие часы", Request::Choose(Choice::Quiet)),
        ],
        vec![
            ask("🔔 Карточки", Request::Choose(Choice::Notify)),
            ask(weekly, Request::Set(Change::Weekly(!manners.weekly))),
        ],
        vec![ask(pause, Request::Set(Change::Paused(!manners.paused)))],
        vec![ask("◀ Главное", Request::Home)],
    ];
    Screen { html, rows }
}

/// One setting with everything it may be.
pub fn choice(choice: Choice, manners: &Manners) -> Screen {
    let (html, options) = match choice {
        Choice::Digest => (
            "☀️ <b>Сводка</b>\n\nКаждый день коротко: кто новый и кто вас ждёт. В день без новостей не пишу.\n\nВо сколько?",
            digest_options(manners.digest),
        ),
        Choice::Quiet => (
            "🌙 <b>Тихие часы</b>\n\nКарточки придут без звука, сводка подождёт до их конца.",
            quiet_options(manners.quiet),
        ),
        Choice::Notify => (
            "🔔 <b>Карточки</b>\n\n<b>Все</b>: контакты, просьбы, горячие, ссылки и отметки воронок.\n\
             <b>Важные</b>: контакт, просьба позвать человека, горячий лид.\n\
             <b>Только сводка</b>: люди ждут в /hot_leads и в сводке.",
            notify_options(manners.notify),
        ),
    };
    let mut rows: Vec<Vec<ScreenButton>> =
        options.chunks(3).map(<[ScreenButton]>::to_vec).collect();
    rows.push(vec![ask("◀ Настройки", Request::Settings)]);
    Screen {
        html: html.to_owned(),
        rows,
    }
}

fn option(text: String, chosen: bool, change: Change) -> ScreenButton {
    let mark = if chosen { "• " } else { "" };
    ask(format!("{mark}{text}"), Request::Set(change))
}

fn digest_options(now: Digest) -> Vec<ScreenButton> {
    let hours = DIGEST_HOURS.iter().map(|hour| Digest::At(*hour));
    let all = hours.chain([Digest::Off]);
    all.map(|digest| option(digest_words(digest), digest == now, Change::Digest(digest)))
        .collect()
}

fn quiet_options(now: Quiet) -> Vec<ScreenButton> {
    let hours = QUIET_HOURS.iter().map(|(from, to)| Quiet::Hours {
        from: *from,
        to: *to,
    });
    let all = hours.chain([Quiet::Off]);
    all.map(|quiet| option(quiet_words(quiet), quiet == now, Change::Quiet(quiet)))
        .collect()
}

fn notify_options(now: Notify) -> Vec<ScreenButton> {
    [Notify::All, Notify::Important, Notify::Digest]
        .map(|notify| {
            let text = notify_words(notify);
            option(text.to_owned(), notify == now, Change::Notify(notify))
        })
        .to_vec()
}

fn digest_words(digest: Digest) -> String {
    match digest {
        Digest::Off => "не нужна".to_owned(),
        Digest::At(hour) => format!("{hour:02}:00"),
    }
}

fn quiet_words(quiet: Quiet) -> String {
    match quiet {
        Quiet::Off => "нет".to_owned(),
        Quiet::Hours { from, to } => format!("{from:02}–{to:02}"),
    }
}

fn notify_words(notify: Notify) -> &'static str {
    match notify {
        Notify::All => "все",
        Notify::Important => "важные",
        Notify::Digest => "только сводка",
    }
}

/// What the toast says when a setting was changed.
pub fn changed(change: Change) -> String {
    match change {
        Change::Digest(Digest::Off) => "Сводки не будет".to_owned(),
        Change::Digest(Digest::At(hour)) => format!("Сводка в {hour:02}:00"),
        Change::Weekly(true) => "Картинка по понедельникам".to_owned(),
        Change::Weekly(false) => "Без картинки недели".to_owned(),
        Change::Quiet(Quiet::Off) => "Тихих часов нет".to_owned(),
        Change::Quiet(quiet) => format!("Тихо: {}", quiet_words(quiet)),
        Change::Notify(notify) => format!("Карточки: {}", notify_words(notify)),
        Change::Paused(true) => {
            "Бот больше не пишет людям первым. Отвечать будет как раньше".to_owned()
        }
        Change::Paused(false) => "Бот снова пишет людям первым".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_say_what_holds_and_offer_the_opposite() {
        let now = screen(&Manners::default(), "Asia/Almaty", "12:30");
        for part in [
            "Сводка: <b>09:00</b>",
            "Тихие часы: <b>22–08</b>",
            "первым: <b>да</b>",
            "сейчас 12:30",
        ] {
            assert!(now.html.contains(part), "{part}: {}", now.html);
        }
        let paused = Manners {
            paused: true,
            ..Manners::default()
        };
        let screen = screen(&paused, "Asia/Almaty", "12:30");
        assert_eq!(
            screen.rows[2],
            [ask(
                "▶️ Снова писать первым",
                Request::Set(Change::Paused(false))
            )]
        );
    }

    #[test]
    fn a_choice_marks_what_holds() {
        let screen = choice(Choice::Digest, &Manners::default());
        let marked: Vec<&str> = screen
            .rows
            .iter()
            .flatten()
            .map(|button| button.text.as_str())
            .filter(|text| text.starts_with('•'))
            .collect();
        assert_eq!(marked, ["• 09:00"]);
        for each in [Choice::Digest, Choice::Quiet, Choice::Notify] {
            let buttons = choice(each, &Manners::default()).rows;
            let changes = buttons
                .iter()
                .flatten()
                .filter_map(|button| match button.action {
                    crate::panel::screen::ScreenAction::Ask(Request::Set(change)) => Some(change),
                    _ => None,
                });
            assert!(changes.clone().count() > 1);
            assert!(changes.into_iter().all(Change::is_offered));
        }
    }
}
