//! Shared funnels reach many running bots without a restart; a partner's own file stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Options, Sandbox};
use serde_json::Value;

use super::support::{Bot, bot_program, set_mode, until_asked};

const OLD: &str =
    "funnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n";

struct Fleet {
    root: PathBuf,
    telegram: Sandbox,
    bots: Vec<(String, Bot)>,
}

impl Fleet {
    /// Bots that all run, on the funnels of one directory.
    async fn of(count: usize) -> Fleet {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let telegram = Sandbox::start(Options::default()).unwrap();
        let root = std::env::temp_dir().join(format!("deploy-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(root.join("funnels")).unwrap();
        fs::write(root.join("funnels/hello.yaml"), OLD).unwrap();
        let mut fleet = Fleet {
            root,
            telegram,
            bots: Vec::new(),
        };
        for number in 0..count {
            fleet.add(number);
        }
        for (id, _) in &fleet.bots {
            fleet.until_running(id).await;
        }
        fleet
    }

    fn add(&mut self, number: usize) {
        let token = format!("{}:TEST-CANARY-8f3b1c-deploy", 800_000 + number);
        let id = format!("p{number:03}");
        let username = format!("p{number:03}_bot");
        self.telegram
            .world()
            .add_bot(&token, &username, "Бот")
            .unwrap();
        let dir = self.partner(&id);
        fs::create_dir_all(dir.join("funnels")).unwrap();
        fs::write(dir.join("config.yaml"), "display_name: Север\n").unwrap();
        if number == 2 {
            // This one has a file of its own.
            fs::write(dir.join("funnels/hello.yaml"), OLD).unwrap();
        }
        let env = format!(
            "BOT_TOKEN={token}\nTELEGRAM_API_URL={}\n",
            self.telegram.url()
        );
        fs::write(dir.join(".env"), env).unwrap();
        set_mode(&dir.join(".env"), 0o600);
        let program = bot_program().to_str().unwrap();
        let args = [program, "run", "--partner", dir.to_str().unwrap()].map(str::to_owned);
        let bot = Bot::spawn(&args, &[], &self.root.join(format!("{id}.log")), None);
        self.bots.push((id, bot));
    }

    fn partner(&self, id: &str) -> PathBuf {
        self.root.join("partners").join(id)
    }

    async fn health(&self, id: &str) -> Option<Value> {
        self.ask(id, "/health").await
    }

    async fn ask(&self, id: &str, path: &str) -> Option<Value> {
        let client = reqwest::Client::builder()
            .unix_socket(self.partner(id).join("data/bot.sock"))
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .build()
            .unwrap();
        let text = client
            .get(format!("http://bot{path}"))
            .send()
            .await
            .ok()?
            .text()
            .await
            .ok()?;
        serde_json::from_str(&text).ok()
    }

    async fn until_running(&self, id: &str) {
        self.until(id, |health| health["state"] == "running").await;
    }

    async fn until(&self, id: &str, is_so: impl Fn(&Value) -> bool) {
        until_asked(
            || format!("{id} is so"),
            async || self.health(id).await.is_some_and(|health| is_so(&health)),
        )
        .await;
    }

    /// What each bot runs: the hash of its funnels and its process.
    async fn running(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        for (id, _) in &self.bots {
            let health = self.health(id).await.unwrap();
            let hash = health["funnels"]["hash"].as_str().unwrap().to_owned();
            all.push((hash, health["pid"].as_u64().unwrap()));
        }
        all
    }

    fn new_funnels(&self, name: &str, text: &str) -> PathBuf {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("hello.yaml"), text).unwrap();
        dir
    }

    async fn deploy(&self, line: &str) -> Output {
        let program = bot_program().with_file_name("partnerctl");
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let partners = self.root.join("partners");
        // The bots live in this process's Telegram, so the test must go on meanwhile.
        tokio::task::spawn_blocking(move || {
            Command::new(program)
                .args(words)
                .args([Path::new("--dir"), &partners])
                .output()
                .unwrap()
        })
        .await
        .unwrap()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.bots.clear();
        crate::support::clear(&self.root);
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_a_change_of_shared_funnels_reaches_all_who_did_not_replace_them() {
    let fleet = Fleet::of(5).await;
    let before = fleet.running().await;
    let new = fleet.new_funnels("new", &OLD.replace("say: Привет", "say: Здравствуйте"));
    let line = format!("deploy --all --shared-funnels {} --watch 0", new.display());
    let planned = fleet.deploy(&format!("{line} --plan")).await;
    let words = said(&planned);
    assert_eq!(planned.status.code(), Some(10), "{words}");
    assert!(words.contains("~hello.yaml"), "{words}");
    assert!(
        words.contains("p002: keeps its own hello.yaml; nothing changes"),
        "{words}"
    );
    assert_eq!(fleet.running().await, before, "a plan changes nothing");
    let done = fleet.deploy(&format!("{line} --yes")).await;
    assert!(done.status.success(), "{}", said(&done));
    let after = fleet.running().await;
    for (index, (old, new)) in before.iter().zip(&after).enumerate() {
        assert_eq!(old.1, new.1, "nobody was restarted");
        assert_eq!(old.0 == new.0, index == 2, "p{index:03}");
    }
    // Broken ones are refused whole, by the check of the bot itself.
    let broken = fleet.new_funnels("broken", &OLD.replace("next: end", "next: nowhere"));
    let line = format!("deploy --all --shared-funnels {} --yes", broken.display());
    let refused = fleet.deploy(&line).await;
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(words.contains("nowhere"), "{words}");
    assert_eq!(fleet.running().await, after);
    // And back: the version is there by its name.
    let listed = said(&fleet.deploy("rollback").await);
    let old = listed
        .lines()
        .filter(|line| line.starts_with("shared funnels") && !line.contains("live"))
        .find_map(|line| line.split('\t').nth(1).map(str::to_owned))
        .unwrap_or_else(|| panic!("no version to go back to: {listed}"));
    let versions: Vec<&str> = listed.lines().collect();
    assert!(versions.len() >= 3, "{listed}");
    let back = format!("rollback --all --shared-funnels {old} --yes --watch 0");
    let done = fleet.deploy(&back).await;
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(fleet.running().await, before);
    let audit = fs::read_to_string(fleet.root.join(".partnerctl/audit.jsonl")).unwrap();
    assert!(audit.contains("\"verb\":\"rollback\""), "{audit}");
    // What is live lies behind a link by now; an edit in place is noticed there as well.
    let edited = OLD.replace("say: Привет", "say: Доброе утро");
    fs::write(fleet.root.join("funnels/hello.yaml"), edited).unwrap();
    fleet
        .until("p000", |health| {
            health["funnels"]["hash"] != before[0].0.as_str()
        })
        .await;
}

/// `hot.score` of a running bot.
async fn hot_score(fleet: &Fleet, id: &str) -> String {
    let config = fleet.ask(id, "/config").await.unwrap();
    config["hot"]["score"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_partners_own_files_go_live_without_a_restart_and_come_back() {
    let fleet = Fleet::of(3).await;
    let before = fleet.running().await;
    let score = hot_score(&fleet, "p000").await;
    let own = |id: &str, file: &str, text: &str| {
        let path = fleet.root.join("git").join(id).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    own(
        "p000",
        "config.yaml",
        "display_name: Север\nhot: { score: 77 }\n",
    );
    own("p000", ".env", "BOT_TOKEN=1:never-taken\n");
    own(
        "p001",
        "funnels/hello.yaml",
        &OLD.replace("say: Привет", "say: Салем"),
    );
    let line = "deploy --all --partner-files git --watch 0";
    let line = line.replace("git", &fleet.root.join("git").display().to_string());
    let planned = fleet.deploy(&format!("{line} --plan")).await;
    let words = said(&planned);
    assert_eq!(planned.status.code(), Some(10), "{words}");
    for part in [
        &format!("p000: hot.score: {score} -> 77; live without a restart"),
        "p001: +funnels/hello.yaml; live without a restart",
        "p002: nothing changes",
    ] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert_eq!(
        hot_score(&fleet, "p000").await,
        score,
        "a plan changes nothing"
    );
    let done = fleet.deploy(&format!("{line} --yes")).await;
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(hot_score(&fleet, "p000").await, "77");
    let after = fleet.running().await;
    let changed: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(old, new)| old.0 != new.0)
        .collect();
    assert!(changed[1] && !changed[2], "{changed:?}");
    assert!(
        before.iter().zip(&after).all(|(old, new)| old.1 == new.1),
        "nobody was restarted"
    );
    let env = fs::read_to_string(fleet.partner("p000").join(".env")).unwrap();
    assert!(!env.contains("never-taken"));
    // One error anywhere, and nothing is written anywhere.
    own(
        "p000",
        "config.yaml",
        "display_name: Север\nhot: { score: 78 }\n",
    );
    own("p002", "config.yaml", "display_nme: Север\n");
    let refused = fleet.deploy(&format!("{line} --yes")).await;
    let words = said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{words}");
    assert!(words.contains("p002/config.yaml:1:1"), "{words}");
    assert_eq!(hot_score(&fleet, "p000").await, "77");
    let listed = said(&fleet.deploy("rollback").await);
    let kept = listed
        .lines()
        .find_map(|line| line.strip_prefix("partner files\t"));
    let kept = kept.and_then(|line| line.split('\t').next());
    let kept = kept.unwrap_or_else(|| panic!("no files to go back to: {listed}"));
    let back = format!("rollback --all --partner-files {kept} --yes --watch 0");
    let done = fleet.deploy(&back).await;
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(hot_score(&fleet, "p000").await, score);
    assert_eq!(fleet.running().await, before);
}

/// With FLEET_BOTS=100 and `--nocapture` it tells how long a hundred take.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_a_change_reaches_every_bot() {
    let count = std::env::var("FLEET_BOTS")
        .ok()
        .and_then(|text| text.parse().ok());
    let count = count.unwrap_or(3);
    let fleet = Fleet::of(count).await;
    let before = fleet.running().await;
    let new = fleet.new_funnels("new", &OLD.replace("say: Привет", "say: Здравствуйте"));
    let began = Instant::now();
    let line = format!("deploy --all --shared-funnels {} --yes", new.display());
    let done = fleet.deploy(&line).await;
    println!(
        "shared funnels to {count} bots: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(done.status.success(), "{}", said(&done));
    for (id, _) in &fleet.bots {
        let dir = fleet.root.join("git").join(id);
        fs::create_dir_all(&dir).unwrap();
        let text = "display_name: Север\nhot: { score: 77 }\n";
        fs::write(dir.join("config.yaml"), text).unwrap();
    }
    let own = fleet.root.join("git");
    let began = Instant::now();
    let done = fleet
        .deploy(&format!(
            "deploy --all --partner-files {} --yes",
            own.display()
        ))
        .await;
    println!(
        "config.yaml to {count} bots: {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(hot_score(&fleet, &fleet.bots.last().unwrap().0).await, "77");
    let after = fleet.running().await;
    let changed = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old.0 != new.0 && old.1 == new.1);
    assert_eq!(changed.count(), count - 1);
}
