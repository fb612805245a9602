//! Why the gate let a message through, held it or refused it: a stable word, and words for people. PURE.

macro_rules! reasons {
    ($($name:ident $code:literal $words:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason { $($name,)* }

        impl Reason {
            pub const ALL: &[Reason] = &[$(Reason::$name,)*];

            /// For metrics and files.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$name => $code,)* }
            }

            /// Whether nothing later will be let through either: a sequence ends with it.
            pub fn is_lasting(self) -> bool {
                matches!(
                    self,
                    Reason::Erased
                        | Reason::Deactivated
                        | Reason::Blocked
                        | Reason::Stopped
                        | Reason::RefusedOffers
                        | Reason::RefusedReminders
                )
            }

            /// For people; this is what is stored on the row.
            pub fn words(self) -> &'static str {
                match self { $(Reason::$name => $words,)* }
            }
        }
    };
}

reasons! {
    Answer "answer" "ответ на слова лида";
    KeepsTrue "keeps_true" "правка, чтобы экран не врал";
    TellsPartner "tells_partner" "сообщение партнёру";
    FollowUp "follow_up" "лид замолчал";
    Sequence "sequence" "время шага пришло";
    Broadcast "broadcast" "рассылка";
    Erased "erased" "данных лида больше нет";
    Deactivated "deactivated" "аккаунт удалён";
    Blocked "blocked" "лид закрыл бота";
    Stopped "stopped" "лид попросил не писать";
    RefusedOffers "refused_offers" "лид отказался от предложений";
    RefusedReminders "refused_reminders" "лид отказался от напоминаний";
    NoConsent "no_consent" "лид не соглашался на предложения";
    Restored "restored" "данные из резервной копии: возможно, уже отправлено";
    TooLate "too_late" "срок прошёл";
    WithPerson "with_person" "с лидом говорит человек";
    Hushed "hushed" "партнёр попросил не писать этому лиду первым";
    InTalk "in_talk" "лид посреди разговора";
    Suspended "suspended" "работа бота приостановлена";
    Paused "paused" "бот на паузе";
    ClockJump "clock_jump" "часы сервера прыгнули";
    QuietHours "quiet_hours" "у лида тихие часы";
    DayCap "day_cap" "на сегодня сообщений хватит";
    WeekCap "week_cap" "на этой неделе сообщений хватит";
    Gap "gap" "недавно уже писали";
    Said "said" "это уже было сказано";
}
