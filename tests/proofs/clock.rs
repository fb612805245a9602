//! The clock of the machine jumps by hours and by a month under the live bot (libfaketime; its monotonic clock does
//! not): a branch of silence fires once, not too early, and not at all when a month makes it stale. Without a jump past
//! its time nothing fires: that is the control.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Dice, Ledger, Order};
use crate::support::{BOT, Rig};

const HOUR: i64 = 3_600;
/// The branch of silence speaks after two hours.
const SILENCE: &str = "Вы ещё здесь?";
/// A frozen clock is believed after a minute, and a bot looks at its timers twice a minute.
const PATIENCE: Duration = Duration::from_secs(150);

const LIBRARIES: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

pub async fn prove(order: &Order) -> Ledger {
    let mut ledger = Ledger::default();
    let jumps = order.count("jumps", 4, 40);
    let leads = usize::try_from(order.count("leads", 3, 12)).unwrap();
    let Some(library) = library() else {
        ledger.skip("libfaketime is missing; run: apt-get install faketime");
        return ledger;
    };
    let mut watch = Watch::wind(library).await;
    let mut ids = Vec::new();
    for number in 0..leads {
        ids.push(watch.rig.lead_at_goal(&format!("Лид{number}")).await);
    }
    watch.rig.quiet().await;
    let mut dice = order.dice();
    // Never two hours ahead: too early for a branch of silence, however often the clock goes back and forth.
    for _ in 0..jumps {
        watch.set(near(&mut dice)).await;
    }
    let early: usize = ids.iter().map(|id| watch.rig.count(*id, SILENCE)).sum();
    ledger.told("jumps of up to hours and back", jumps);
    ledger.told("leads at a question", leads);
    ledger.none("control: silence broken before its time", early);
    watch.set(3 * HOUR).await;
    let said = watch.silence_is_broken(&ids).await;
    ledger.at_least("silence broken after a jump past its time", said, leads);
    // These fall silent now, and the month that follows makes their branch stale.
    let mut late = Vec::new();
    for number in 0..leads {
        late.push(watch.rig.lead_at_goal(&format!("Поздний{number}")).await);
    }
    // Back and forth again: what was said is said.
    for ahead in [
        31 * 24 * HOUR,
        0,
        4 * HOUR,
        62 * 24 * HOUR,
        -HOUR,
        31 * 24 * HOUR,
    ] {
        watch.set(ahead).await;
    }
    watch.rig.quiet().await;
    let twice = ids.iter().filter(|id| watch.rig.count(**id, SILENCE) > 1);
    ledger.none("silence broken twice", twice.count());
    let stale: usize = late.iter().map(|id| watch.rig.count(*id, SILENCE)).sum();
    ledger.none("silence broken a month late", stale);
    ids.extend(late);
    ledger.told("leads who answer afterwards", ids.len());
    ledger.none(
        "leads not answered afterwards",
        watch.unanswered(&ids).await,
    );
    ledger.none("exit code of a stop afterwards", watch.rig.stop().await);
    ledger
}

/// libfaketime, where it is installed.
pub(super) fn library() -> Option<&'static Path> {
    LIBRARIES.iter().map(Path::new).find(|path| path.exists())
}

/// From three hours back to nearly two ahead.
fn near(dice: &mut Dice) -> i64 {
    i64::try_from(dice.throw(290)).unwrap() * 60 - 3 * HOUR
}

/// A bot whose wall clock stands as a file says.
pub(super) struct Watch {
    pub(super) rig: Rig,
    file: PathBuf,
}

impl Watch {
    async fn wind(library: &Path) -> Watch {
        let mut watch = Watch::prepare(library);
        watch.rig.start().await;
        watch
    }

    /// Nothing runs yet.
    pub(super) fn prepare(library: &Path) -> Watch {
        let mut rig = Rig::new();
        // Neither the hour of the day nor anything else may hold a follow-up: only the clock is on trial.
        rig.place.write_config(
            "contact_policy: { quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m, talk: 0m }\n",
        );
        let file = rig.place.log().with_extension("clock");
        std::fs::write(&file, "+0\n").unwrap();
        rig.set_env("LD_PRELOAD", library.to_str().unwrap());
        rig.set_env("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap());
        rig.set_env("FAKETIME_NO_CACHE", "1");
        rig.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        rig.set_env("FAKETIME_DONT_RESET", "1");
        // After a jump nothing is said first for a minute; here a moment is as good.
        rig.set_env("BOT_CLOCK_FREEZE_MS", "200");
        Watch { rig, file }
    }

    /// The clock stands this many seconds ahead of the true one; the bot is made to look at it by somebody's word.
    pub(super) async fn set(&self, ahead: i64) {
        // In place of the file, not into it: a half-written one would be another time.
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{ahead:+}\n")).unwrap();
        std::fs::rename(next, &self.file).unwrap();
        let stranger = self.rig.person("Прохожий");
        self.rig.opens(stranger, "weight");
        self.rig.hears(stranger, "С чего начнём?").await;
        self.rig
            .until("its word is stored", |world| {
                world.pending_updates(BOT) == 0
            })
            .await;
    }

    /// Everybody answers the question; how many hear nothing back before patience ends.
    async fn unanswered(&self, ids: &[i64]) -> usize {
        for id in ids {
            self.rig.says(*id, "25");
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answered = |id: &&i64| self.rig.count(**id, "Зачем вам это?") > 0;
            let left = ids.len() - ids.iter().filter(answered).count();
            if left == 0 || Instant::now() > deadline {
                return left;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// How many of them have heard it before patience ends.
    async fn silence_is_broken(&self, ids: &[i64]) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = ids.iter().filter(|id| self.rig.count(**id, SILENCE) > 0);
            let count = heard.count();
            if count == ids.len() || Instant::now() > deadline {
                return count;
            }
            // Somebody's word has the bot look at its clock again, sooner than half a minute.
            sleep(Duration::from_millis(300)).await;
            let stranger = self.rig.person("Прохожий");
            self.rig.opens(stranger, "weight");
        }
    }
}
