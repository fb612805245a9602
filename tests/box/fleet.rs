//! A fleet in a box: the machine, the Telegram its bots talk to, and the set-up with which every such test begins.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Options, Sandbox};
use serde_json::Value;

use super::{Machine, text};
use crate::support::bot_program;

/// For a machine that does many other things.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Where the programs under test lie in the box, without what only a debugger reads: a box lives in memory.
pub const PROGRAMS: &str = "/run/base";

pub struct Fleet {
    pub machine: Machine,
    pub telegram: Arc<Sandbox>,
}

impl Fleet {
    /// A box with the programs and without what this very machine starts by itself; or why there can be none here.
    pub fn boot(name: &str) -> Result<Fleet, String> {
        let telegram = Sandbox::start(Options::default()).map_err(|error| error.to_string())?;
        Fleet::boot_beside(name, &Arc::new(telegram))
    }

    /// Another box whose bots talk to the same Telegram.
    pub fn boot_beside(name: &str, telegram: &Arc<Sandbox>) -> Result<Fleet, String> {
        let built = bot_program().parent().expect("a program has a directory");
        let machine = Machine::boot(name)?;
        machine.shell(&format!(
            "cd /etc/systemd/system; rm -rf multi-user.target.wants; mkdir multi-user.target.wants\n\
             for unit in $(ls /lib/systemd/system/multi-user.target.wants); do ln -sfn /dev/null $unit; done\n\
             rm -rf /etc/partner-bots /opt/partner-bots /var/lib/partner-bot* /var/lib/private/partner-bot\n\
             mkdir {PROGRAMS}; for p in bot partnerctl; do strip -o {PROGRAMS}/$p {}/$p; done",
            built.display()
        ));
        Ok(Fleet {
            machine,
            telegram: telegram.clone(),
        })
    }

    /// The same for a test: `None` where there can be no box, and it is said.
    pub fn boot_or_skip(name: &str, what: &str) -> Option<Fleet> {
        match Fleet::boot(name) {
            Ok(fleet) => Some(fleet),
            Err(why) if why.contains("needs root") || why.contains("namespaces") => {
                // Past the captured output: nobody may take it for a pass.
                let _ = writeln!(std::io::stderr(), "note: skipped: {what}: {why}");
                None
            }
            Err(why) => panic!("{why}"),
        }
    }

    /// `partnerctl host setup` with more words.
    pub fn set_up(&self, more: &[&str]) -> String {
        let first = format!("{PROGRAMS}/partnerctl");
        let line = [&[&first, "host", "setup", "--programs", PROGRAMS], more].concat();
        let done = self.machine.run(&line);
        self.write_funnel("/etc/partner-bots/funnels", "Привет");
        done
    }

    /// A funnel of one word.
    pub fn write_funnel(&self, dir: &str, word: &str) {
        self.machine.shell(&format!(
            "mkdir -p {dir}; printf 'funnel: hello\\ntitle: {word}\\nfirst: hello\\nsteps:\\n  hello: {{ say: {word}, next: end }}\\n' >{dir}/hello.yaml"
        ));
    }

    /// Telegram knows these bots, and their partners are imported: (id, token).
    pub fn import(&self, bots: &[(String, String)]) {
        let mut form = "id,name,token\n".to_owned();
        for (id, token) in bots {
            let username = format!("{}_bot", id.replace('-', "_"));
            let added = self.telegram.world().add_bot(token, &username, "Бокс");
            added.expect("a bot of the local Telegram");
            let _ = writeln!(form, "{id},Партнёр {id},{token}");
        }
        self.machine
            .shell(&format!("umask 077; cat >/run/form.csv <<'CSV'\n{form}CSV"));
        let url = self.telegram.url();
        let line = [
            "import",
            "/run/form.csv",
            "--yes",
            "--skip-token-check",
            "--api-url",
        ];
        self.ctl(&[&line[..], &[&url]].concat());
    }

    /// A file in the box, with the directories above it.
    pub fn write(&self, path: &str, text: &str) {
        self.machine.shell(&format!(
            "mkdir -p $(dirname {path}); cat >{path} <<'THE_END'\n{text}THE_END"
        ));
    }

    /// A release whose `bot` these shell words write.
    pub fn release(&self, name: &str, bot: &str) -> String {
        let dir = format!("/run/{name}");
        self.machine.shell(&format!(
            "mkdir -p {dir}; cp {PROGRAMS}/partnerctl {dir}/; {bot}; chmod 755 {dir}/bot"
        ));
        dir
    }

    /// The same programs by another name: one byte more.
    pub fn good_release(&self, name: &str) -> String {
        let copy = format!("cp {PROGRAMS}/bot /run/{name}/bot; echo >>/run/{name}/bot");
        self.release(name, &copy)
    }

    pub fn ctl(&self, line: &[&str]) -> String {
        self.machine.run(&[&["partnerctl"], line].concat())
    }

    pub fn ctl_code(&self, line: &[&str]) -> (i32, String) {
        let output = self.machine.output(&[&["partnerctl"], line].concat());
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().unwrap_or(-1), said)
    }

    /// The rows of `partnerctl status`.
    pub fn bots(&self) -> Vec<Value> {
        let output = self.machine.output(&["partnerctl", "status", "--json"]);
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        let bots = document["data"]["bots"].as_array();
        bots.expect("a list of bots").clone()
    }

    pub fn status(&self) -> BTreeMap<String, Value> {
        let name = |bot: &Value| bot["partner"].as_str().unwrap_or_default().to_owned();
        let bots = self.bots().into_iter();
        bots.map(|bot| (name(&bot), bot)).collect()
    }

    /// Waits for something of one bot; what it was then.
    pub fn until(&self, partner: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let bot = self.status().remove(partner).expect("the partner is there");
            if is_so(&bot) {
                return bot;
            }
            let logs = || self.ctl(&["logs", partner, "-n", "30"]);
            assert!(
                began.elapsed() < DEADLINE,
                "{partner} never {what}: {bot:#}\n{}",
                logs()
            );
        }
    }

    /// The processes, once all run.
    pub fn pids(&self) -> Vec<i64> {
        let began = Instant::now();
        loop {
            let bots = self.bots();
            if bots.iter().all(|bot| bot["state"] == "running") {
                let pid = |bot: &Value| bot["pid"].as_i64().expect("who runs has a process");
                return bots.iter().map(pid).collect();
            }
            assert!(began.elapsed() < DEADLINE, "not all run: {bots:#?}");
            std::thread::yield_now();
        }
    }

    pub fn until_state(&self, partner: &str, state: &str) -> Value {
        self.until(partner, state, |bot| bot["state"] == state)
    }

    /// In how many lines of what these commands print a word stands; the looking does not find itself.
    pub fn mentions(&self, place: &str, word: &str) -> usize {
        let (first, rest) = word.split_at(1);
        let look = format!("({place}) | grep -a -c '[{first}]{rest}' || true");
        let found = self.machine.shell(&look);
        found.trim().parse().expect("a number of lines")
    }
}
