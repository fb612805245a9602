//! What the bot says by itself, whatever the funnel: built in for ru, kk and en; `texts` in config.yaml replaces any of it. PURE.

mod en;
mod kk;
mod ru;

macro_rules! phrases {
    ($($variant:ident $name:literal,)*) => {
        /// A built-in phrase.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Phrase { $($variant,)* }

        impl Phrase {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name under which `texts` in config.yaml replaces it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

phrases! {
    Help "help",
    HumanCalled "human_called",
    HumanWaiting "human_waiting",
    Stopped "stopped",
    Resumed "resumed",
    WelcomeBack "welcome_back",
    StartOver "start_over",
    Privacy "privacy",
    ForgetAsk "forget_ask",
    ForgetYes "forget_yes",
    ForgetNo "forget_no",
    Forgotten "forgotten",
    ForgetKept "forget_kept",
    LanguageAsk "language_ask",
    LanguageSet "language_set",
    TimezoneAsk "timezone_ask",
    TimezoneSet "timezone_set",
    TimezoneMore "timezone_more",
    TimezoneLess "timezone_less",
    ConsentAsk "consent_ask",
    ConsentYes "consent_yes",
    ConsentNo "consent_no",
    ConsentLater "consent_later",
    ConsentAdsAsk "consent_ads_ask",
    ConsentAdsAgree "consent_ads_agree",
    ConsentAdsRefuse "consent_ads_refuse",
    ConsentAdsYes "consent_ads_yes",
    ConsentAdsNo "consent_ads_no",
    NotifyTitle "notify_title",
    NotifyService "notify_service",
    NotifyOffers "notify_offers",
    NotifyServiceOn "notify_service_on",
    NotifyServiceOff "notify_service_off",
    NotifyOffersOn "notify_offers_on",
    NotifyOffersOff "notify_offers_off",
    NotifyStop "notify_stop",
    NotifyResume "notify_resume",
    NotifyChanged "notify_changed",
    OldButton "old_button",
    NothingHere "nothing_here",
    UnknownCommand "unknown_command",
    AgainText "again_text",
    AgainTextShort "again_text_short",
    AgainTextLong "again_text_long",
    AgainNumber "again_number",
    AgainNumberWhole "again_number_whole",
    AgainNumberMin "again_number_min",
    AgainNumberMax "again_number_max",
    AgainNumberRange "again_number_range",
    AgainChoice "again_choice",
    AgainPhone "again_phone",
    AgainEmail "again_email",
    AgainDate "again_date",
    AgainDatePast "again_date_past",
    AgainDateFuture "again_date_future",
    AgainPhoto "again_photo",
    ForeignContact "foreign_contact",
    ContactButton "contact_button",
    PhoneSaved "phone_saved",
    ContactThanks "contact_thanks",
    KeyboardGone "keyboard_gone",
    Moved "moved",
    LinkReady "link_ready",
    Noted "noted",
    SlowDown "slow_down",
    WayOut "way_out",
    WayOutWords "way_out_words",
    WayOutAsk "way_out_ask",
    WayOutSeries "way_out_series",
    WayOutAds "way_out_ads",
    WayOutKeep "way_out_keep",
    WayOutLeft "way_out_left",
    WayOutRefused "way_out_refused",
    WayOutKept "way_out_kept",
    CommandStart "command_start",
    CommandHelp "command_help",
    CommandHuman "command_human",
    CommandLanguage "command_language",
    CommandTimezone "command_timezone",
    CommandNotifications "command_notifications",
    CommandPrivacy "command_privacy",
    CommandStop "command_stop",
    CommandForgetMe "command_forget_me",
}

/// Languages with built-in phrases; the first is the fallback.
pub const LANGUAGES: &[&str] = &["ru", "kk", "en"];

impl Phrase {
    /// Texts of buttons, toasts and menus carry no markup.
    pub fn is_plain(self) -> bool {
        use Phrase as P;
        let button = matches!(
            self,
            P::StartOver
                | P::ForgetYes
                | P::ForgetNo
                | P::ContactButton
                | P::OldButton
                | P::TimezoneMore
                | P::ConsentYes
                | P::ConsentNo
                | P::ConsentAdsAgree
                | P::ConsentAdsRefuse
                | P::NotifyServiceOn
                | P::NotifyServiceOff
                | P::NotifyOffersOn
                | P::NotifyOffersOff
                | P::NotifyStop
                | P::NotifyResume
                | P::NotifyChanged
                | P::TimezoneLess
                | P::WayOut
                | P::WayOutSeries
                | P::WayOutAds
                | P::WayOutKeep
        );
        button || self.name().starts_with("command_")
    }

    pub fn built_in(self, language: &str) -> &'static str {
        match language {
            "kk" => kk::text(self),
            "en" => en::text(self),
            _ => ru::text(self),
        }
    }
}

/// How a language calls itself.
pub fn language_name(code: &str) -> &str {
    match code {
        "ru" => "Русский",
        "kk" => "Қазақша",
        "en" => "English",
        "uz" => "Oʻzbekcha",
        "ky" => "Кыргызча",
        "tr" => "Türkçe",
        "de" => "Deutsch",
        other => other,
    }
}

/// `от 1 до 100`, as the phrase `again_number_range` puts it.
pub fn range(language: &str, min: f64, max: f64) -> String {
    match language {
        "kk" => format!("{min} мен {max}"),
        "en" => format!("from {min} to {max}"),
        _ => format!("от {min} до {max}"),
    }
}

/// Words, already normalised, by which a lead is left alone at once.
pub fn is_stop_word(text: &str) -> bool {
    ru::STOP.contains(&text) || kk::STOP.contains(&text) || en::STOP.contains(&text)
}

/// Words, already normalised, by which a lead asks for a person.
pub fn is_human_word(text: &str) -> bool {
    ru::HUMAN.contains(&text) || kk::HUMAN.contains(&text) || en::HUMAN.contains(&text)
}
