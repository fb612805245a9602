use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const TOKEN: &str = "123456789:TESTTESTTESTTESTTESTTESTTESTTEST";
const GOOD: &str = "display_name: Север\ntimezone: Asia/Almaty\n";

/// `partners/north` with shared funnels beside it, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("bot-config-{}-{number}", std::process::id()));
        fs::create_dir_all(root.join("partners/north")).unwrap();
        fs::create_dir_all(root.join("funnels")).unwrap();
        fs::write(root.join("funnels/weight.yaml"), "").unwrap();
        Self(root)
    }

    fn with(config: &str, env: &str) -> Self {
        let home = Self::new();
        home.write("config.yaml", config);
        home.write(".env", env);
        home
    }

    fn dir(&self) -> PathBuf {
        self.0.join("partners/north")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn options(&self) -> LoadOptions {
        LoadOptions {
            partner_dir: self.dir(),
            ..LoadOptions::default()
        }
    }

    fn load(&self) -> Config {
        load(&self.options()).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    /// First lines of all problems, with the directory taken off.
    fn problems(&self) -> String {
        self.problems_with(self.options())
    }

    fn problems_with(&self, options: LoadOptions) -> String {
        let problems = match load(&options) {
            Ok(config) => config.warnings,
            Err(problems) => problems,
        };
        let prefix = format!("{}/", self.dir().display());
        let lines = problems.iter().map(|problem| {
            let text = problem.to_string().replace(&prefix, "");
            text.lines().next().unwrap_or_default().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn env() -> String {
    format!("BOT_TOKEN={TOKEN}\n")
}

#[test]
fn two_lines_and_a_token_are_a_configuration() {
    let home = Home::with(GOOD, &env());
    let config = home.load();
    assert_eq!(config.partner.id, "north");
    assert_eq!(config.partner.display_name, "Север");
    assert_eq!(config.partner.languages, ["ru"]);
    assert_eq!(config.partner.phone_regions, ["RU", "KZ"]);
    assert_eq!(config.telegram.bot_id, 123_456_789);
    assert_eq!(config.telegram.token.expose(), TOKEN);
    assert_eq!(config.telegram.api_url, "https://api.telegram.org");
    assert_eq!(
        config.hot,
        Hot {
            score: 50,
            cooldown_ms: 86_400_000
        }
    );
    assert_eq!(config.dirs.data, home.dir().join("data"));
    assert_eq!(config.funnels.own, None);
    assert!(config.funnels.shared.join("weight.yaml").is_file());
    assert_eq!(config.warnings, []);
    assert!(!format!("{config:?}").contains("TESTTEST"));
}

#[test]
fn every_section_is_read() {
    let home = Home::with(
        "display_name: Север
languages: [ru, kk]
timezone: Asia/Almaty
default_funnel: weight
funnels: [weight]
partner: { telegram_ids: [7, 5, 7] }
hot: { score: 30, cooldown: 90m }
links: { shop: https://shop.example/a }
phone_regions: [KZ]
privacy: https://example.com/privacy
texts: { help: { ru: Помощь, kk: Көмек } }
limits: { inputs_at_once: 0, inputs_per_second: 5, messages_per_second: 100, chat_messages_per_second: 2 }
",
        &env(),
    );
    let config = home.load();
    assert_eq!(config.team.telegram_ids, [5, 7]);
    assert_eq!(
        config.hot,
        Hot {
            score: 30,
            cooldown_ms: 5_400_000
        }
    );
    assert_eq!(config.partner.links["shop"], "https://shop.example/a");
    assert_eq!(
        config.partner.texts["privacy"]["kk"],
        "https://example.com/privacy"
    );
    assert_eq!(config.partner.texts["help"]["kk"], "Көмек");
    assert_eq!(config.limits.messages_per_second, 100);
    assert!((config.limits.chat_messages_per_second - 2.0).abs() < f64::EPSILON);
    assert_eq!(
        config.funnels.only.as_deref(),
        Some(&["weight".to_owned()][..])
    );
}

#[test]
fn names_of_the_planning_documents_fill_what_the_config_leaves_out() {
    let env = format!(
        "{}PARTNER_ID=north\nBOT_DISPLAY_NAME=Север\nNL_SHOP_LINK=https://s.example\nNL_REGISTRATION_LINK=https://r.example\nTELEGRAM_API_URL=http://127.0.0.1:8081/\nTELEGRAM_PROXY=socks5://u:TESTPW@10.0.0.1:1080\n",
        env()
    );
    let home = Home::with("links: { shop: https://own.example }\n", &env);
    let config = home.load();
    assert_eq!(config.partner.display_name, "Север");
    assert_eq!(config.partner.links["shop"], "https://own.example");
    assert_eq!(config.partner.links["registration"], "https://r.example");
    assert_eq!(config.telegram.api_url, "http://127.0.0.1:8081");
    assert!(!format!("{config:?}").contains("TESTPW"));
}

#[test]
fn the_environment_names_the_server_but_never_the_token() {
    let home = Home::with(GOOD, "TELEGRAM_API_URL=https://one.example\n");
    let mut options = home.options();
    options.environment = Environment::of([
        ("TELEGRAM_API_URL", "http://127.0.0.1:1".into()),
        ("BOT_TOKEN", TOKEN.into()),
    ]);
    assert_eq!(
        home.problems_with(options.clone()),
        ".env: BOT_TOKEN: missing; @BotFather gives one, write BOT_TOKEN=… into this file and chmod 600 it"
    );
    let credentials = home.0.join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("token"), format!("{TOKEN}\n")).unwrap();
    options.environment = Environment::of([
        ("TELEGRAM_API_URL", "http://127.0.0.1:1".into()),
        ("CREDENTIALS_DIRECTORY", credentials.display().to_string()),
    ]);
    let config = load(&options).unwrap();
    assert_eq!(config.telegram.api_url, "http://127.0.0.1:1");
    assert_eq!(config.telegram.token.expose(), TOKEN);
}

#[test]
fn every_rule_is_checked_at_once() {
    let home = Home::with(
        "timezone: Asia/Almatty
languages: [RU]
funnels: [weihgt]
partner: { telegram_ids: [-5] }
hot: { score: 0, cooldown: soon }
links: { shop: http://a.b, Own: https://a.b }
phone_regions: [RU, ZZZ]
limits: { inputs_per_second: 0, messages_per_second: 0, chat_messages_per_second: 31 }
",
        "BOT_TOKEN=TESTTEST\nPARTNER_ID=south\nTELEGRAM_API_URL=http://10.0.0.1\nTELEGRAM_PROXY=nowhere\nNL_REGISTRATION_LINK=r\nDATABASE_URL=postgres://u:TESTPW@h/d\n",
    );
    let said = home.problems();
    assert_eq!(
        said.replace(&home.dir().display().to_string(), "DIR")
            .replace(&home.0.display().to_string(), "HOME"),
        ".env:1:1: BOT_TOKEN: not a bot token (8 characters); it looks like 123456789:ABC… with 35 letters after the colon, copy it again from @BotFather
.env:2:1: PARTNER_ID: \"south\", but the directory is called \"north\"; remove one of them
.env:3:1: TELEGRAM_API_URL: plain http would show the token to the network; use https, or http to 127.0.0.1
.env:4:1: TELEGRAM_PROXY: not an address; write it like socks5://host:port
.env:5:1: NL_REGISTRATION_LINK: not an https address
.env:6:1: DATABASE_URL: not supported yet: data is kept in SQLite in the data directory; remove the line
config.yaml:1:1: display_name: missing key \"display_name\": the name under which leads know the partner
config.yaml:1:11: timezone: no time zone \"Asia/Almatty\"; did you mean \"Asia/Almaty\"?
config.yaml:2:1: languages: \"RU\" is not a language code; write ru, kk, en …
config.yaml:3:11: funnels[0]: no funnel \"weihgt\": HOME/funnels/weihgt.yaml is not there
config.yaml:4:27: partner.telegram_ids[0]: not a person's id; it is a positive number, ask @userinfobot for yours
config.yaml:5:15: hot.score: must be above 0, or every lead is hot at once
config.yaml:5:28: hot.cooldown: not a duration; write it like 30m, 24h or 7d
config.yaml:6:16: links.shop: not an https address; write it like https://example.com/shop
config.yaml:6:33: links.Own: a link's name is made of a-z, 0-9 and _
config.yaml:7:21: phone_regions[1]: \"ZZZ\" is not a country code; write two capital letters: RU, KZ, DE
config.yaml:8:30: limits.inputs_per_second: must be from 0.01 to 10000
config.yaml:8:54: limits.messages_per_second: must be from 1 to 10000 (0, no limits at all, is for a Telegram on this machine only)
config.yaml:8:83: limits.chat_messages_per_second: must be from 0.1 to 30 (to 10000 for a Telegram on this machine)"
    );
}

#[test]
fn secrets_that_others_can_read_are_refused_with_the_command_to_run() {
    let home = Home::with(GOOD, &env());
    let file = home.dir().join(".env");
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            home.problems(),
            format!(".env: others can reach it (mode {mode:04o}); run: chmod 600 .env")
        );
    }
}

#[test]
fn links_out_of_the_directory_are_refused() {
    for name in ["config.yaml", ".env"] {
        let home = Home::with(GOOD, &env());
        let outside = home.0.join("outside");
        fs::rename(home.dir().join(name), &outside).unwrap();
        symlink(&outside, home.dir().join(name)).unwrap();
        let said = home.problems();
        let expected =
            format!("{name}: a link out of the partner's directory; put the file itself here");
        assert!(said.contains(&expected), "{said}");
    }
    let home = Home::with(GOOD, &env());
    fs::rename(home.dir().join("config.yaml"), home.dir().join("real.yaml")).unwrap();
    symlink("real.yaml", home.dir().join("config.yaml")).unwrap();
    assert_eq!(home.problems(), "");
    let home = Home::with(GOOD, &env());
    symlink("/etc", home.dir().join("funnels")).unwrap();
    assert_eq!(
        home.problems(),
        "funnels: a link out of the partner's directory; put the file itself here"
    );
}

#[test]
fn missing_empty_and_binary_files_are_told_apart() {
    let home = Home::new();
    assert_eq!(
        home.problems(),
        "config.yaml: no such file; partnerctl create writes one"
    );
    home.write(".env", &env());
    home.write("config.yaml", "");
    assert_eq!(home.problems(), "config.yaml: the file is empty");
    fs::write(home.dir().join("config.yaml"), b"\x7fELF\0\0").unwrap();
    assert_eq!(
        home.problems(),
        "config.yaml: not a text file; write YAML in UTF-8"
    );
    fs::remove_file(home.dir().join("config.yaml")).unwrap();
    fs::create_dir(home.dir().join("config.yaml")).unwrap();
    assert_eq!(home.problems(), "config.yaml: not a file");
    let mut options = home.options();
    options.partner_dir = home.0.join("partners/south");
    let problems = load(&options).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(
        problems[0].message,
        "no such directory; create the partner with partnerctl create"
    );
}

#[test]
fn the_directory_gives_the_id_when_it_can() {
    for (name, env_id, expected) in [
        (
            "Север",
            "",
            "the directory's name is the partner's id; an id has 1 to 32 of a-z, 0-9 and -, no - in front",
        ),
        (
            "Север",
            "PARTNER_ID=A!\n",
            "PARTNER_ID: an id has 1 to 32 of a-z, 0-9 and -, no - in front",
        ),
        (
            "config",
            "PARTNER_ID=north\n",
            "PARTNER_ID: \"north\", but the directory is called \"config\"; remove one of them",
        ),
    ] {
        let home = Home::with(GOOD, &format!("{}{env_id}", env()));
        let mut options = home.options();
        options.partner_dir = home.0.join("partners").join(name);
        fs::rename(home.dir(), &options.partner_dir).unwrap();
        let problems = load(&options).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].ends_with(expected), "{said:?}");
    }
    let home = Home::with(GOOD, &format!("{}PARTNER_ID=north\n", env()));
    let mut options = home.options();
    options.partner_dir = home.0.join("partners/Север");
    fs::rename(home.dir(), &options.partner_dir).unwrap();
    assert_eq!(load(&options).unwrap().partner.id, "north");
}

#[test]
fn a_token_in_the_config_is_refused_and_not_shown() {
    let home = Home::with(&format!("{GOOD}bot_token: {TOKEN}\n"), &env());
    let problems = load(&home.options()).unwrap_err();
    let said = problems[0].to_string();
    assert!(said.contains("unknown key \"bot_token\""), "{said}");
    assert!(!said.contains("TESTTEST"), "{said}");
}

#[test]
fn a_check_covers_the_funnels_and_places_what_they_find_in_the_config() {
    let home = Home::with(
        &format!("{GOOD}default_funnel: weigth\ntexts: {{ hepl: x }}\n"),
        &env(),
    );
    let funnel =
        "funnel: weight\ntitle: Вес\nfirst: hello\nsteps:\n  hello: { say: Привет, next: bye }\n";
    fs::write(home.0.join("funnels/weight.yaml"), funnel).unwrap();
    let root = format!("{}/", home.dir().display());
    let said: Vec<String> = check(&home.options())
        .iter()
        .map(|problem| {
            problem
                .to_string()
                .replace(&root, "")
                .replace(&home.0.display().to_string(), "HOME")
        })
        .map(|text| text.lines().next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        said,
        [
            "HOME/funnels/weight.yaml:5:31: steps.hello.next: no step \"bye\"; add it under steps, or write end, back, human or stay",
            "config.yaml:3:17: default_funnel: no funnel \"weigth\"; did you mean \"weight\"?",
            "config.yaml:4:16: texts.hepl: no phrase \"hepl\"; did you mean \"help\"?",
        ]
    );
}
