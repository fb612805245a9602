//! Built-in phrases in English.

use super::Phrase;

pub(super) const STOP: &[&str] = &["stop", "unsubscribe", "leave me alone", "stop it", "quit"];
pub(super) const HUMAN: &[&str] = &[
    "human",
    "operator",
    "agent",
    "manager",
    "a human",
    "real person",
    "talk to a human",
    "person",
];

pub(super) fn text(phrase: Phrase) -> &'static str {
    use Phrase as P;
    match phrase {
        P::Help => {
            "I am a bot, not a person. I ask short questions; after that {{ partner.display_name }} answers you in person.\n\nWhat you can ask for:"
        }
        P::HumanCalled => {
            "Passed on: {{ partner.display_name }} will answer you in person. Meanwhile we can go on here."
        }
        P::HumanWaiting => {
            "I have already called a person: {{ partner.display_name }} will see your message and answer."
        }
        P::Stopped => {
            "All right, I will not write first any more. If you change your mind, press /start, I remember everything."
        }
        P::Resumed => "Welcome back! I am here again.",
        P::WelcomeBack => {
            "Welcome back{% if lead.first_name %}, {{ lead.first_name }}{% endif %}! Let us go on where we stopped."
        }
        P::StartOver => "Start over",
        P::Privacy => {
            "I keep your Telegram name, your answers here and your contact, if you left one. {{ partner.display_name }} sees them in order to answer you. Delete everything at any time: /forget_me. To stop my messages: /stop."
        }
        P::ForgetAsk => {
            "Delete everything I know about you: name, answers, contact? It cannot be brought back."
        }
        P::ForgetYes => "Yes, delete",
        P::ForgetNo => "No, keep it",
        P::Forgotten => {
            "Done, everything is deleted. Thank you for being with us! To come back, press /start."
        }
        P::ForgetKept => "All right, nothing is deleted.",
        P::LanguageAsk => "Which language suits you best?",
        P::LanguageSet => "All right, English from now on.",
        P::TimezoneAsk => {
            "So that I never write at night: where do you live? Next to a city is its time now."
        }
        P::TimezoneSet => "All right, your time: {{ value }}.",
        P::TimezoneMore => "🌍 Other countries",
        P::TimezoneLess => "◀ Back",
        P::ConsentAsk => {
            "One important question before your contact. So that a person can answer you, I need your consent to process personal data: your name and contact. Only {{ partner.display_name }} will see them, only to answer your request. Withdraw it and delete everything: /forget_me. Details: /privacy"
        }
        P::ConsentYes => "✅ I agree",
        P::ConsentNo => "Not now",
        P::ConsentLater => {
            "All right, no contact needed. You can be answered here as well: /human. If you change your mind, the button is below."
        }
        P::ConsentAdsAsk => {
            "May I sometimes send you useful things: tips, stories, offers by {{ partner.display_name }}? This is a separate consent to advertising, and a no changes nothing else. Change it at any time: /notifications"
        }
        P::ConsentAdsAgree => "Yes, please",
        P::ConsentAdsRefuse => "No, thank you",
        P::ConsentAdsYes => "Agreed: seldom and to the point. One tap under any letter ends it.",
        P::ConsentAdsNo => "All right, no letters. I answer questions as always.",
        P::NotifyTitle => "What I send you",
        P::NotifyService => "About your request: answers and reminders",
        P::NotifyOffers => "Useful things and offers",
        P::NotifyServiceOn => "🔔 Write about my request",
        P::NotifyServiceOff => "🔕 Not about my request",
        P::NotifyOffersOn => "🔔 Send useful things",
        P::NotifyOffersOff => "🔕 No useful things",
        P::NotifyStop => "Never write first",
        P::NotifyResume => "🔔 Write to me again",
        P::NotifyChanged => "Done",
        P::OldButton => "That button is from an earlier message. Let us go on from here 👇",
        P::NothingHere => {
            "I am a bot and do not understand everything. I can start over or call a person: /human"
        }
        P::UnknownCommand => "I do not know that command. Here is what I can do: /help",
        P::AgainText => "Please answer in words.",
        P::AgainTextShort => "Please write a little more, at least {{ value }} characters.",
        P::AgainTextLong => "That is a bit long. Please keep it within {{ value }} characters.",
        P::AgainNumber => "Please write one number, for example 5.",
        P::AgainNumberWhole => "Please write a whole number, for example 5.",
        P::AgainNumberMin => "Please write a number of at least {{ value }}.",
        P::AgainNumberMax => "Please write a number of at most {{ value }}.",
        P::AgainNumberRange => "Please write a number {{ value }}.",
        P::AgainChoice => "Please choose one of the options 👇",
        P::AgainPhone => {
            "I cannot read that number. Press the button below or write it like this: +7 701 123 45 67."
        }
        P::AgainEmail => {
            "There seems to be a typo in the address. Write it like this: anna@mail.com"
        }
        P::AgainDate => "Please write the date like this: 25.12.2026",
        P::AgainDatePast => "It should be a date in the past. Write it like this: 25.12.1990",
        P::AgainDateFuture => "It should be a date in the future. Write it like this: 25.12.2026",
        P::AgainPhoto => "Please send a photo.",
        P::ForeignContact => {
            "That is somebody else's contact, I will not keep it. Please share your own number."
        }
        P::ContactButton => "📱 Share my number",
        P::PhoneSaved => "Noted: {{ value }}. Thank you!",
        P::ContactThanks => "Thank you, noted: {{ value }}.",
        P::KeyboardGone => "All right, let us go on.",
        P::Moved => "I have changed a little while you were away. Let us go on from here.",
        P::LinkReady => "Here is the link 👇",
        P::SlowDown => "I cannot keep up 🙈 Please write again in a minute.",
        P::Noted => "All right, noted.",
        P::WayOut => "Do not send me these",
        P::WayOutWords => "No such messages, please? /stop",
        P::WayOutAsk => "I see. What shall I not send any more?",
        P::WayOutSeries => "This series",
        P::WayOutAds => "Anything promotional",
        P::WayOutKeep => "Leave it as it is",
        P::WayOutLeft => "All right, I will not send this series any more.",
        P::WayOutRefused => {
            "All right, nothing promotional any more. Write to me and I will answer as always."
        }
        P::WayOutKept => "All right, everything stays as it is.",
        P::CommandStart => "Start or go on",
        P::CommandHelp => "What I can do",
        P::CommandHuman => "Call a person",
        P::CommandLanguage => "Change the language",
        P::CommandTimezone => "My time zone",
        P::CommandNotifications => "What I may send you",
        P::CommandPrivacy => "What I keep about you",
        P::CommandStop => "Do not write to me",
        P::CommandForgetMe => "Delete my data",
    }
}
