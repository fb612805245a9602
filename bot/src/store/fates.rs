//! What became of calls, noted the moment it is known, in a file beside the data. A write survives the death of the
//! process and waits for no disk, so it bridges the time until the fate is in the store. It does not survive a power
//! cut: notes of another boot, or of another life of the data (a restored backup), are not believed.

use crate::quick::QuickMap;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is noted about a message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The call is about to leave.
    Begun,
    /// A former process left it in doubt and this one has not called yet.
    Doubted,
    /// It came back and Telegram has done nothing.
    Back,
    /// Refused for good.
    Failed,
    /// Given up in doubt.
    Unknown,
    /// Telegram has it, under this number.
    Sent(i64),
}

/// The last note on each message of the former process.
pub type Notes = QuickMap<i64, Fate>;

/// Writes notes. One that cannot be written makes the file worthless, and it is taken away: silence would be a lie.
pub struct Fates {
    path: PathBuf,
    head: Vec<u8>,
    file: Option<File>,
    length: usize,
    /// Noted, not yet written.
    fresh: Vec<u8>,
    /// Calls under way, and what is in doubt.
    open: Vec<(i64, Fate)>,
    /// Noted as sent, not yet in the store: (number of the report, message, its number at Telegram).
    unstored: VecDeque<(u64, i64, i64)>,
    reports: u64,
    /// The last report that is in the store.
    stored: Arc<AtomicU64>,
}

const FILE: &str = "bot.fates";
const RECORD: usize = 16;
/// Past this the file is written anew with what still matters.
const MOST_BYTES: usize = 256 * 1024;

/// The notes of the process that called itself `life` in the store; `None` when nothing is known for sure.
pub fn read(dir: &Path, life: &str) -> Option<Notes> {
    let bytes = std::fs::read(dir.join(FILE)).ok()?;
    let records = bytes.strip_prefix(head(life).as_slice())?;
    let mut notes = Notes::default();
    // A last record cut by the kill was of a call that had not left, or of an answer nobody acted upon.
    for record in records.chunks_exact(RECORD) {
        let (id, word) = record.split_at(8);
        let id = i64::from_le_bytes(id.try_into().ok()?);
        let fate = match i64::from_le_bytes(word.try_into().ok()?) {
            -1 => Fate::Begun,
            -2 => Fate::Back,
            -3 => Fate::Doubted,
            -4 => Fate::Failed,
            -5 => Fate::Unknown,
            message_id => Fate::Sent(message_id),
        };
        notes.insert(id, fate);
    }
    Some(notes)
}

fn head(life: &str) -> Vec<u8> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{life} {}\n", boot.trim()).into_bytes()
}

fn record(bytes: &mut Vec<u8>, id: i64, fate: Fate) {
    let word = match fate {
        Fate::Begun => -1,
        Fate::Back => -2,
        Fate::Doubted => -3,
        Fate::Failed => -4,
        Fate::Unknown => -5,
        Fate::Sent(message_id) => message_id.max(0),
    };
    bytes.extend_from_slice(&id.to_le_bytes());
    bytes.extend_from_slice(&word.to_le_bytes());
}

impl Fates {
    /// Begins a new file; `doubted` are the messages of which it stays unknown whether they have left.
    pub fn begin(dir: &Path, life: &str, doubted: Vec<i64>) -> Fates {
        let mut fates = Fates {
            path: dir.join(FILE),
            head: head(life),
            file: None,
            length: 0,
            fresh: Vec::new(),
            open: doubted.into_iter().map(|id| (id, Fate::Doubted)).collect(),
            unstored: VecDeque::new(),
            reports: 0,
            stored: Arc::default(),
        };
        fates.rewrite();
        fates
    }

    /// To be told, after each commit, the last report that is in it.
    pub fn stored(&self) -> Arc<AtomicU64> {
        self.stored.clone()
    }

    /// Before the calls leave.
    pub fn begun(&mut self, ids: &[i64]) {
        for id in ids {
            record(&mut self.fresh, *id, Fate::Begun);
            self.open.push((*id, Fate::Begun));
        }
        self.write();
    }

    /// The lead has acted upon it, though Telegram has not answered yet.
    pub fn arrived(&mut self, id: i64) {
        let sent = Fate::Sent(0);
        for open in self.open.iter_mut().filter(|(open, _)| *open == id) {
            open.1 = sent;
        }
        record(&mut self.fresh, id, sent);
        self.write();
    }

    /// The store knows better by now, or never will.
    pub fn forget(&mut self, id: i64) {
        self.open.retain(|(open, _)| *open != id);
    }

    /// It never goes again, which the store will hear too late for what leaves next: without this note a crash would
    /// say it behind that.
    pub fn given_up(&mut self, id: i64, fate: Fate) {
        record(&mut self.fresh, id, fate);
        self.write();
    }

    /// A call came back; several at a time, so `write` is the caller's. Gives the report its number; 0 when nothing can
    /// be noted.
    pub fn ended(&mut self, id: i64, fate: Fate) -> u64 {
        self.forget(id);
        self.reports += 1;
        if let Fate::Sent(message_id) = fate {
            self.unstored.push_back((self.reports, id, message_id));
        }
        let stored = self.stored.load(Ordering::Relaxed);
        while self
            .unstored
            .front()
            .is_some_and(|(number, ..)| *number <= stored)
        {
            self.unstored.pop_front();
        }
        record(&mut self.fresh, id, fate);
        if self.file.is_some() { self.reports } else { 0 }
    }

    /// Everything noted is out of the process.
    pub fn write(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        if self.length + self.fresh.len() > MOST_BYTES {
            self.rewrite();
        }
        let bytes = std::mem::take(&mut self.fresh);
        let Some(file) = &mut self.file else { return };
        if file.write_all(&bytes).is_ok() {
            self.length += bytes.len();
        } else {
            self.file = None;
            self.length = MOST_BYTES;
            let _ = std::fs::remove_file(&self.path);
        }
    }

    /// What still matters, in a file that takes the old one's place at once. Tried again when it failed before.
    fn rewrite(&mut self) {
        let mut bytes = self.head.clone();
        for (id, fate) in &self.open {
            record(&mut bytes, *id, *fate);
        }
        for (_, id, message_id) in &self.unstored {
            record(&mut bytes, *id, Fate::Sent(*message_id));
        }
        let fresh = self.path.with_extension("fates.new");
        let written = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(&bytes).map(|()| file))
            .and_then(|file| std::fs::rename(&fresh, &self.path).map(|()| file));
        self.length = bytes.len();
        self.file = written.ok();
        if self.file.is_none() {
            self.length = MOST_BYTES;
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("fates-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn the_last_note_counts_and_half_a_note_does_not() {
        let dir = dir("last");
        let mut fates = Fates::begin(&dir, "one", vec![9]);
        fates.begun(&[1, 2, 3, 4, 5]);
        fates.given_up(5, Fate::Failed);
        assert_eq!(fates.ended(1, Fate::Sent(77)), 1);
        assert_eq!(fates.ended(2, Fate::Back), 2);
        assert_eq!(read(&dir, "one").unwrap().get(&1), Some(&Fate::Begun));
        fates.arrived(4);
        let notes = read(&dir, "one").unwrap();
        for (id, fate) in [
            (9, Fate::Doubted),
            (1, Fate::Sent(77)),
            (2, Fate::Back),
            (3, Fate::Begun),
            (4, Fate::Sent(0)),
            (5, Fate::Failed),
        ] {
            assert_eq!(notes.get(&id), Some(&fate), "{id}");
        }
        let path = dir.join(FILE);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(read(&dir, "one").unwrap().get(&4), Some(&Fate::Begun));
        assert_eq!(read(&dir, "two"), None, "another life's notes");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn the_file_stays_small_and_forgets_only_what_the_store_has() {
        let dir = dir("small");
        let mut fates = Fates::begin(&dir, "one", Vec::new());
        fates.begun(&[1]);
        let stored = fates.stored();
        for id in 10..40_000 {
            fates.begun(&[id]);
            let number = fates.ended(id, Fate::Sent(id));
            stored.store(number.saturating_sub(5), Ordering::Relaxed);
        }
        fates.write();
        let length = std::fs::metadata(dir.join(FILE)).unwrap().len();
        assert!(length <= MOST_BYTES as u64, "{length}");
        let notes = read(&dir, "one").unwrap();
        assert_eq!(notes.get(&1), Some(&Fate::Begun));
        for id in 39_995..40_000 {
            assert_eq!(notes.get(&id), Some(&Fate::Sent(id)));
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
