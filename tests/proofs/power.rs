//! Power cuts while leads walk a funnel. The data lies on ext4 on a loop device whose file is the disk: the process is
//! stopped, the file copied (what reached the disk), and life goes on from the copy. What Telegram was told is safe
//! must be there. The control's log is not flushed at a commit, as with `synchronous=NORMAL`, and must lose.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::Instant;

use super::books::Books;
use super::crowd::{Crowd, SEATS};
use super::life::tool;
use super::{Dice, Ledger, Order};
use crate::support::Rig;

pub async fn prove(order: &Order) -> Ledger {
    let mut ledger = Ledger::default();
    let cuts = order.count("cuts", 4, 200);
    let rig = Crowd::hurried_rig();
    let disk = match Disk::new(&rig.place.data) {
        Ok(disk) => disk,
        Err(why) => {
            ledger.skip(format!(
                "a disk of its own needs root and a loop device: {why}"
            ));
            return ledger;
        }
    };
    let mut storm = Storm::begin(rig, disk, order.dice()).await;
    storm.long_life_ms = order.count("long-life-ms", 3_500, 3_500);
    for _ in 0..cuts {
        storm.live_and_cut(&mut ledger).await;
    }
    let lost = storm.crowd.calm().await;
    ledger.told("power cuts at FULL", cuts);
    ledger.told("leads", storm.crowd.walkers.len());
    ledger.told("updates confirmed to Telegram", storm.crowd.confirmed());
    ledger.none("confirmed updates not on the disk", storm.lost.updates);
    ledger.none("messages said but not on the disk", storm.lost.messages);
    ledger.none("files that are not sound", storm.lost.unsound);
    ledger.none("leads lost", lost);
    storm.crowd.count_answers(&mut ledger).await;
    storm.crowd.count_cards(&mut ledger);
    ledger.none(
        "exit code of a stop afterwards",
        storm.crowd.rig.stop().await,
    );
    drop(storm);
    control(order, &mut ledger).await;
    ledger
}

/// Commits that are not flushed, as at NORMAL.
async fn control(order: &Order, ledger: &mut Ledger) {
    let mut rig = Crowd::hurried_rig();
    let Some(strace) = tool("strace") else {
        ledger.skip("the control needs strace; run: apt-get install strace");
        return;
    };
    let disk = match Disk::new(&rig.place.data) {
        Ok(disk) => disk,
        Err(why) => return ledger.skip(format!("the control's disk: {why}")),
    };
    let wal = rig.place.data.join("bot.db-wal").display().to_string();
    let args = [
        "-D",
        "-f",
        "--seccomp-bpf",
        "-e",
        "trace=fsync,fdatasync",
        "-P",
        &wal,
    ]
    .map(str::to_owned);
    rig.wrapper = vec![strace.display().to_string()];
    rig.wrapper.extend(args);
    rig.wrapper
        .extend(["-e", "inject=fsync,fdatasync:retval=0", "-o", "/dev/null"].map(str::to_owned));
    let mut storm = Storm::begin(rig, disk, order.dice()).await;
    let mut cuts = 0_u64;
    let mut seen = Ledger::default();
    while storm.lost.updates == 0 && cuts < 10 {
        storm.live_and_cut(&mut seen).await;
        cuts += 1;
    }
    storm.crowd.rig.kill().await;
    ledger.told("control: power cuts with an unflushed log", cuts);
    ledger.at_least("control: confirmed updates lost", storm.lost.updates, 1);
}

#[derive(Default)]
struct Lost {
    updates: u64,
    messages: u64,
    unsound: u64,
}

struct Storm {
    /// Unmounted before its place is removed.
    disk: Disk,
    crowd: Crowd,
    dice: Dice,
    lost: Lost,
    long_life_ms: u64,
    /// The first leads, all of whom had heard their last word at the last cut.
    settled: usize,
}

impl Storm {
    async fn begin(mut rig: Rig, disk: Disk, dice: Dice) -> Storm {
        rig.start().await;
        Storm {
            disk,
            crowd: Crowd::gather(rig).await,
            dice,
            lost: Lost::default(),
            long_life_ms: 0,
            settled: 0,
        }
    }

    async fn live_and_cut(&mut self, ledger: &mut Ledger) {
        self.crowd.welcome = self.crowd.walkers.len() + SEATS;
        // A computer that loses power again before it has done anything is another promise.
        let awake = Instant::now() + Duration::from_secs(20);
        while !self.crowd.hear(Duration::from_millis(5)).await && Instant::now() < awake {}
        // A reply in doubt waits for a sign; every third life is longer than that, so that everybody walks on.
        let at_least = if self.crowd.misfortunes() % 3 == 2 {
            self.long_life_ms
        } else {
            0
        };
        let until = Instant::now() + Duration::from_millis(at_least + self.dice.throw(350));
        while Instant::now() < until {
            self.crowd.hear(Duration::from_millis(5)).await;
        }
        let bot = self.crowd.rig.bot.as_ref().expect("it runs");
        bot.signal(libc::SIGSTOP);
        // From here on it tells nobody anything; what it told before must be on the disk now.
        let confirmed = self.crowd.confirmed();
        let said: Vec<(i64, u64)> = self.said();
        let copied = self.disk.copy();
        self.crowd.rig.kill().await;
        self.crowd.misfortune();
        copied.and_then(|()| self.disk.change()).unwrap();
        // Here the kernel is the same as before the cut; after a real one its boot has another name, and notes of
        // another boot are not believed.
        let _ = std::fs::remove_file(self.crowd.rig.place.data.join("bot.fates"));
        let books = Books::read(&self.crowd.rig.place.data).await;
        let missing = confirmed.saturating_sub(books.updates);
        if books.integrity != "ok" {
            self.lost.unsound += 1;
            ledger.trouble(format!("integrity: {}", books.integrity));
        }
        self.lost.updates += missing;
        for (chat, heard) in said {
            let written = books.messages.get(&chat).copied().unwrap_or(0);
            self.lost.messages += heard.saturating_sub(written);
        }
        let arrived = self
            .crowd
            .walkers
            .iter()
            .take_while(|walker| walker.arrived());
        self.settled = arrived.count();
        self.crowd.rig.spawn();
    }

    /// Different messages that each lead has heard.
    fn said(&self) -> Vec<(i64, u64)> {
        let heard = |id: i64| {
            let heard: HashSet<String> = self.crowd.rig.heard(id).into_iter().collect();
            (id, heard.len() as u64)
        };
        // Who has arrived was looked at when they had.
        let late = self.crowd.walkers.iter().skip(self.settled);
        late.map(|walker| heard(walker.id)).collect()
    }
}

/// ext4 on a loop device on a file in memory.
struct Disk {
    room: PathBuf,
    at: PathBuf,
}

impl Disk {
    fn new(at: &Path) -> Result<Disk, String> {
        let room = at.with_extension("room");
        std::fs::create_dir_all(&room).map_err(|error| error.to_string())?;
        let disk = Disk {
            room: room.clone(),
            at: at.to_owned(),
        };
        run(
            "mount",
            &["-t", "tmpfs", "-o", "size=320m", "tmpfs", text(&room)],
        )?;
        run("truncate", &["-s", "128M", text(&disk.image())])?;
        run("mkfs.ext4", &["-q", "-F", text(&disk.image())])?;
        disk.mount()?;
        Ok(disk)
    }

    fn image(&self) -> PathBuf {
        self.room.join("disk.img")
    }

    fn next(&self) -> PathBuf {
        self.room.join("next.img")
    }

    /// The file system writes nothing by itself: only what is flushed reaches the disk.
    fn mount(&self) -> Result<(), String> {
        let options = "loop,commit=600";
        run(
            "mount",
            &["-o", options, text(&self.image()), text(&self.at)],
        )
    }

    /// What is on the disk at this moment.
    fn copy(&self) -> Result<(), String> {
        let copied = std::fs::copy(self.image(), self.next());
        copied.map(drop).map_err(|error| error.to_string())
    }

    /// The computer comes up again with what was on the disk then.
    fn change(&self) -> Result<(), String> {
        run("umount", &[text(&self.at)])?;
        std::fs::rename(self.next(), self.image()).map_err(|error| error.to_string())?;
        self.mount()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazy: the bot may still hold its files.
        let _ = run("umount", &["-l", text(&self.at)]);
        let _ = run("umount", &["-l", text(&self.room)]);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program}: {}", said.trim()))
}
