//! The operator's program with marked secrets in every place that takes one: what it prints, serves, writes, seals and
//! remembers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::{Seen, cores, laxly};
use crate::programs::program;
use crate::support::leak::{GIVEN, MARKER, search};
use crate::support::{BOT, PARTNER, Rig, TOKEN, set_mode, until};

const OPERATOR: i64 = 910_000_001;
const ALERT_BOT: i64 = 600_700;
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

/// A token of this bot, marked.
fn token(bot: i64) -> String {
    format!("{bot}:TEST-{MARKER}-of-one-more-bot")
}

struct Operator<'s> {
    rig: Rig,
    /// Where the operator works; `partners/` is below it.
    home: PathBuf,
    seen: &'s mut Seen,
    commands: usize,
}

/// Works through all that the program can do to bots in the foreground; how many commands that were.
pub async fn works(seen: &mut Seen) -> usize {
    let mut rig = Rig::new();
    rig.set_env("RUST_LOG", "trace");
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    rig.start().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    let home = rig.place.root().to_owned();
    let mut operator = Operator {
        rig,
        home,
        seen,
        commands: 0,
    };
    operator.creates().await;
    operator.keeps_secrets().await;
    operator.looks().await;
    operator.is_alerted().await;
    operator.watches().await;
    operator.runs().await;
    operator.seals().await;
    operator.ends().await;
    operator.commands
}

impl Operator<'_> {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program("partnerctl"));
        command
            .args(words)
            .env("HOME", &self.home)
            .env("RUST_LOG", "trace")
            .current_dir(&self.home)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a line; a code of `None` may be any.
    async fn says(&mut self, line: &str, code: impl Into<Option<i32>>) {
        let line = line.replace("API", &self.rig.url());
        let mut words: Vec<&str> = line.split(' ').collect();
        if !words.contains(&"--dir") {
            words.extend(["--dir", "partners"]);
        }
        let output = self.command(&words).output().await.unwrap();
        self.heard(&line, &output, code.into());
    }

    fn heard(&mut self, line: &str, output: &std::process::Output, code: Option<i32>) {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        self.commands += 1;
        self.seen.text(&format!("partnerctl {line}"), &said);
        let said = String::from_utf8_lossy(&said).replace(MARKER, "…");
        assert!(
            code.is_none() || output.status.code() == code,
            "partnerctl {line} ended with {:?}: {said}",
            output.status.code()
        );
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.home.join(name);
        std::fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
    }

    /// Partners come to be, and fail to, with tokens that work, are none, belong to nobody or cannot be asked for.
    async fn creates(&mut self) {
        for bot in [123_457, 123_459] {
            let world = &self.rig.world;
            world
                .add_bot(&token(bot), &format!("bot{bot}_bot"), "Бот")
                .unwrap();
        }
        self.file("token.txt", &token(123_457));
        let create = "create east --name Восток --token-file token.txt --api-url";
        self.says(&format!("{create} http://127.0.0.1:9"), 1).await;
        self.says(&format!("{create} API"), 0).await;
        self.says(&format!("{create} API"), 6).await;
        self.says(
            "create west --name Запад --by-link --manager-token-file token.txt --wait 1 --api-url API",
            4,
        )
        .await;
        for wrong in [
            format!("TEST {MARKER}"),
            format!("12:{MARKER}"),
            token(123_458),
        ] {
            self.file("wrong.txt", &wrong);
            let line = "create west --name Запад --token-file wrong.txt --api-url API";
            self.says(line, 4).await;
        }
        let form = format!(
            "id,name,token\nvera,Вера,{}\nanna,Анна,12:{MARKER}\nnorth,Север,{}\n",
            token(123_459),
            token(123_460)
        );
        self.file("form.csv", &form);
        self.says("import form.csv --dry-run --api-url API", 3)
            .await;
        self.says("import form.csv --yes --api-url API", 3).await;
        self.file("form.csv", &format!("id,token\n\"{MARKER}"));
        self.says("import form.csv --yes", None).await;
    }

    async fn keeps_secrets(&mut self) {
        let proxy = format!("http://user:{MARKER}@127.0.0.1:9");
        self.file("wrong.txt", &proxy);
        self.says("secret set vera TELEGRAM_PROXY --file wrong.txt", 0)
            .await;
        // It is no token, and no name that a bot reads.
        self.says("secret set vera BOT_TOKEN --file wrong.txt", 4)
            .await;
        self.says("secret set vera WORD --file wrong.txt", 2).await;
        self.says("secret rotate east --file wrong.txt", 4).await;
        // The token of another bot; then the right one, from a pipe.
        self.file("wrong.txt", &token(123_459));
        self.says("secret rotate east --file wrong.txt", None).await;
        let words = "secret set east BOT_TOKEN --file - --dir partners";
        let words: Vec<&str> = words.split(' ').collect();
        let mut child = self.command(&words).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(token(123_457).as_bytes()).await.unwrap();
        drop(pipe);
        let output = child.wait_with_output().await.unwrap();
        self.heard("secret set east", &output, Some(0));
        for line in ["secret list north", "secret list vera --json"] {
            self.says(line, 0).await;
        }
        // What a hand does to the files.
        let env = self.home.join("partners/vera/.env");
        let good = std::fs::read_to_string(&env).unwrap();
        let config = self.home.join("partners/vera/config.yaml");
        let settings = std::fs::read_to_string(&config).unwrap();
        self.file(
            "partners/vera/.env",
            &format!("{good}TOKEN={MARKER}\n{MARKER}\nDATABASE_URL=postgres://u:{MARKER}@h/d\n"),
        );
        for line in [
            "check vera",
            "doctor vera",
            "status vera",
            "config show vera",
        ] {
            self.says(line, None).await;
        }
        self.file("partners/vera/.env", &good);
        std::fs::write(
            &config,
            format!("{settings}bot_token: {}\n", token(123_459)),
        )
        .unwrap();
        for line in [
            "check vera",
            "list",
            "config show vera",
            "doctor vera --offline",
        ] {
            self.says(line, None).await;
        }
        std::fs::write(&config, settings).unwrap();
    }

    /// Everything that only looks, and what changes no secret.
    async fn looks(&mut self) {
        for line in [
            "list --json",
            "status",
            "status --json",
            "check north",
            "why north 1",
            "why north 1 --json",
            "lead show north 1",
            "lead export north 1",
            "lead export north 1 --out lead.json",
            "invite north",
            "config show north --json",
            "config get north hot.score",
            "config set north hot.score 50",
            "secret list north --json",
            "metrics print",
            "simulate north --leads 5 --days 2",
        ] {
            self.says(line, 0).await;
        }
        for line in [
            "status --problems",
            "check --json",
            "doctor",
            "doctor --json",
            "doctor --fix --offline",
            "config diff north",
            "config diff north east",
            "plan north",
            "logs north",
            "start north",
            "restart north",
        ] {
            self.says(line, None).await;
        }
    }

    async fn is_alerted(&mut self) {
        let alerts = token(ALERT_BOT);
        let world = self.rig.world.clone();
        world.add_bot(&alerts, "my_alerts_bot", "Тревога").unwrap();
        world.add_user(partnerctl::sandbox::NewUser {
            id: Some(OPERATOR),
            first_name: "Ольга".to_owned(),
            ..Default::default()
        });
        self.file("token.txt", &alerts);
        let setup = format!("alerts setup --chat {OPERATOR} --token-file token.txt --api-url API");
        self.says(&setup, 4).await;
        world.start(ALERT_BOT, OPERATOR, None).unwrap();
        self.says(&setup, 0).await;
        for line in ["alerts test", "alerts check"] {
            self.says(line, 0).await;
        }
        for line in ["alerts look", "alerts list"] {
            self.says(line, None).await;
        }
        let settings = self.home.join(".partnerctl/alerts.json");
        let good = std::fs::read_to_string(&settings).unwrap();
        for wrong in [
            format!("{{{good}"),
            good.replace("\"bot_token\"", "\"token\""),
        ] {
            std::fs::write(&settings, wrong).unwrap();
            self.says("alerts look", None).await;
        }
        std::fs::write(&settings, good).unwrap();
        for (bot, person) in [(ALERT_BOT, OPERATOR), (BOT, PARTNER)] {
            for message in world.messages(bot, person) {
                self.seen.text("a chat", message.to_string().as_bytes());
            }
        }
    }

    /// The page and the live screen; then the server of the page dies as if it hung.
    async fn watches(&mut self) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut lax = laxly(&self.home).to_vec();
        lax.push(program("partnerctl").display().to_string());
        let words = format!("metrics serve --dir partners --listen {address}");
        let log = std::fs::File::create(self.home.join("serve.log")).unwrap();
        let child = Command::new(&lax[0])
            .args(&lax[1..])
            .args(words.split(' '))
            .env("HOME", &self.home)
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.commands += 1;
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        for page in ["metrics", "", "status.json", "nothing"] {
            let text = fetched(&client, &format!("http://{address}/{page}")).await;
            self.seen.text(&format!("page /{page}"), text.as_bytes());
        }
        self.seen.process(child.id().unwrap());
        aborted(child).await;
        self.seen.cores.extend(cores(&self.home));
        let screen = format!(
            "stty cols 160 rows 40; exec {} top --dir partners",
            program("partnerctl").display()
        );
        let mut top = Command::new("script")
            .args(["-qec", &screen, "/dev/null"])
            .env("HOME", &self.home)
            .env("TERM", "xterm")
            .current_dir(&self.home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut keys = top.stdin.take().unwrap();
        keys.write_all(b"q").await.unwrap();
        let output = tokio::time::timeout(PATIENCE, top.wait_with_output()).await;
        let output = output.expect("q ends it").unwrap();
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("north"), "{shown}");
        self.heard("top", &output, None);
    }

    /// A bot in the foreground below the operator's program.
    async fn runs(&mut self) {
        let log = self.home.join("run.log");
        let file = std::fs::File::create(&log).unwrap();
        let child = self
            .command(&["run", "east", "--dir", "partners"])
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        self.commands += 1;
        let pid = child.id().unwrap();
        let socket = self.home.join("partners/east/data/bot.sock");
        until(
            || {
                std::fs::read_to_string(&log)
                    .unwrap_or_default()
                    .replace(MARKER, "…")
            },
            || std::os::unix::net::UnixStream::connect(&socket).is_ok(),
        )
        .await;
        self.seen.process(pid);
        let below = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        for bot in below.split_whitespace() {
            self.seen.process(bot.parse().unwrap());
        }
        self.says("why east 1", None).await;
        signal(&child, libc::SIGINT);
        let ended = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        ended.expect("it ends when asked").unwrap();
    }

    /// A backup holds the token, sealed; opened, it is in `.env` and nowhere else. The key that opens it is a secret too.
    async fn seals(&mut self) {
        self.says("backup --new-key key.txt", 0).await;
        let key = std::fs::read_to_string(self.home.join("key.txt")).unwrap();
        let line = key.lines().find(|line| line.starts_with("AGE-SECRET"));
        self.seen.unmarked.push(line.expect("a key").to_owned());
        for line in [
            "backup north",
            "backup north --list",
            "backup north --verify",
            "restore --rehearse --identity key.txt",
            "restore north --identity key.txt --backups .partnerctl/backups --dir other/partners",
        ] {
            self.says(line, 0).await;
        }
        let opened = self.home.join("other/partners/north");
        let env = std::fs::read_to_string(opened.join(".env")).unwrap();
        assert!(env.contains(TOKEN), "the backup lacks the token");
        assert!(
            opened.join("data/bot.db").is_file(),
            "the backup lacks the data"
        );
        self.says("restore north --identity token.txt --replace --yes", None)
            .await;
        self.says("lead erase north 1 --yes", 0).await;
        let new = self.home.join("new");
        std::fs::create_dir_all(&new).unwrap();
        let funnel = "funnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n";
        std::fs::write(new.join("hello.yaml"), funnel).unwrap();
        self.says("deploy --all --shared-funnels new --plan", None)
            .await;
        self.says("deploy --all --shared-funnels new --watch 0", None)
            .await;
        self.says("rollback --shared-funnels", None).await;
    }

    async fn ends(&mut self) {
        self.says("remove vera --confirm vera", 0).await;
        self.says("audit", 0).await;
        self.says("audit --json", 0).await;
        let audit = std::fs::read_to_string(self.home.join(".partnerctl/audit.jsonl")).unwrap();
        for verb in ["create", "secret set", "backup", "restore", "remove"] {
            assert!(audit.contains(verb), "the audit log lacks {verb}: {audit}");
        }
        self.rig.stop().await;
        // Of a bot that does not run, its program is asked.
        for line in ["why north 1", "backup north", "lead show north 1"] {
            self.says(line, None).await;
        }
        self.seen.files(&self.home);
        let keys = self.seen.unmarked.clone();
        self.seen.leaks.extend(held(&self.home, &keys));
    }
}

/// Files with a secret that carries no marker, but the one that was made for it.
fn held(home: &Path, secrets: &[String]) -> Vec<String> {
    let but: Vec<&str> = GIVEN.into_iter().chain(["key.txt"]).collect();
    let (_, found) = search(home, &but, |bytes| {
        let holds = |secret: &String| {
            let secret = secret.as_bytes();
            bytes.windows(secret.len()).any(|part| part == secret)
        };
        secrets
            .iter()
            .any(holds)
            .then_some("the key of the backups")
    });
    found
}

async fn fetched(client: &reqwest::Client, url: &str) -> String {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match client.get(url).send().await {
            Ok(answer) => return answer.text().await.unwrap(),
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn signal(child: &Child, signal: i32) {
    let pid = libc::pid_t::try_from(child.id().expect("it runs")).unwrap();
    // SAFETY: the child was not waited for, so its number cannot belong to another process.
    unsafe { libc::kill(pid, signal) };
}

async fn aborted(mut child: Child) {
    signal(&child, libc::SIGABRT);
    child.wait().await.unwrap();
}
