//! A partner's directory in a temporary place, gone when the test is over.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Five questions in different ways, a gift with a picture, and a branch of silence.
pub const FUNNEL: &str = "
funnel: weight
title: Снижение веса
enter: { start: [weight, reels], keywords: [вес] }
first: hello
steps:
  hello:
    say: Здравствуйте, {{ lead.first_name }}! С чего начнём?
    buttons:
      - { text: Начать, id: go, to: goal, score: { points: 20, reason: хочет начать } }
      - { text: Подарок, id: gift, to: gift }
  goal:
    ask: Сколько килограммов?
    expect: { number: { min: 1, max: 100 } }
    save: goal_kg
    silent: [{ after: 2h, say: Вы ещё здесь? }]
    next: why
  why:
    ask: Зачем вам это?
    expect: text
    save: reason
    next: when
  when:
    ask: Когда начнём?
    buttons:
      - { text: Сегодня, id: today, score: { points: 20, reason: торопится } }
      - { text: Завтра, id: tomorrow }
    save: start_on
    next: phone
  phone:
    ask: Оставьте телефон.
    expect: { phone: { regions: [RU, KZ] } }
    notify: contact
    next: thanks
  thanks:
    say: Спасибо!
    next: end
  gift:
    say: Держите подарок.
    media: { photo: media/gift.png }
    next: end
";

/// The smallest picture there is.
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\
    \x00\x00\x00\rIDATx\xdac\xfc\xcf\xc0P\x0f\x00\x04\x85\x01\x80\x84\xa9\x8c!\x00\x00\x00\x00IEND\xaeB`\x82";

pub struct Place {
    root: PathBuf,
    pub partner: PathBuf,
    /// Beside the partner's directory, so that it can be a file system of its own.
    pub data: PathBuf,
}

impl Place {
    /// `partners/north` with a sound configuration and the funnel above.
    pub fn new(api_url: &str, token: &str) -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("bot-it-{}-{number}", std::process::id()));
        let place = Place {
            partner: root.join("partners/north"),
            data: root.join("data"),
            root,
        };
        fs::create_dir_all(&place.partner).unwrap();
        fs::create_dir_all(&place.data).unwrap();
        fs::create_dir_all(place.funnels().join("media")).unwrap();
        fs::write(place.funnels().join("media/gift.png"), PICTURE).unwrap();
        fs::write(place.funnels().join("weight.yaml"), FUNNEL).unwrap();
        place.write_config("");
        place.write_env(&format!("BOT_TOKEN={token}\nTELEGRAM_API_URL={api_url}\n"));
        place
    }

    pub fn funnels(&self) -> PathBuf {
        self.root.join("funnels")
    }

    /// Everything of this partner, and nothing else.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn log(&self) -> PathBuf {
        self.root.join("bot.log")
    }

    /// The usual configuration with more keys behind it.
    /// Nothing comes to the partner by the clock, whatever time a test runs at.
    pub fn write_config(&self, more: &str) {
        self.write_config_for("digest: \"off\", weekly: false, quiet_hours: \"off\"", more);
    }

    /// The same with other keys for the partner.
    pub fn write_config_for(&self, partner: &str, more: &str) {
        let ids = [super::PARTNER, super::SECOND_PARTNER];
        // Tests run at any hour of the day.
        let contact = if more.contains("contact_policy") {
            ""
        } else {
            "contact_policy: { quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m }\n"
        };
        let consent = if more.contains("consent:") {
            ""
        } else {
            "consent: { contact: false, advertising: false }\n"
        };
        let text = format!(
            "display_name: Север\nlanguages: [ru]\ntimezone: Asia/Almaty\nhot: {{ score: 40 }}\n\
             partner: {{ telegram_ids: {ids:?}, {partner} }}\n{contact}{consent}{more}"
        );
        fs::write(self.partner.join("config.yaml"), text).unwrap();
    }

    pub fn write_env(&self, text: &str) {
        let path = self.partner.join(".env");
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
    }
}

/// Throws away what a test wrote, unless somebody wants to look at it afterwards. A mount that stayed behind keeps the
/// directory; then it is the test's failure that is told.
pub fn clear(root: &Path) {
    if std::env::var_os("TESTS_KEEP").is_none() {
        let _ = fs::remove_dir_all(root);
    }
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

impl Drop for Place {
    fn drop(&mut self) {
        clear(&self.root);
    }
}
