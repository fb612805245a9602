//! The plan in words. PURE.

use super::changes::{Change, between, shown};
use super::{Count, EditPlan, Fate, Group, Report};
use crate::funnel::model::SEQUENCE_MARK;

impl EditPlan<'_> {
    /// What was counted, as lines an operator reads before the edit goes live.
    pub fn report(&self) -> Report {
        let changes = between(self.live, self.next);
        let mut lines: Vec<String> = Vec::new();
        let mut moved = false;
        for change in &changes {
            lines.extend(self.change(change));
        }
        for (group, count) in &self.groups {
            moved |= !matches!(group.fate, Fate::Stays | Fate::Paused);
            lines.push(fate(group, count));
        }
        for (funnel, step, leads) in &self.standing {
            let line = self.standing_line(funnel, step, *leads);
            moved |= line.is_some();
            lines.extend(line);
        }
        let changes = moved || !changes.is_empty();
        if !changes {
            lines.push("nothing changes".into());
        }
        Report {
            lines,
            changes,
            waiting: self.waiting,
        }
    }

    fn change(&self, change: &Change) -> Option<String> {
        Some(match change {
            Change::NewFile(file) => format!("{}: new; nobody is inside yet", shown(file)),
            Change::LostFile(file) => format!("{}: gone", shown(file)),
            Change::NewText { file, step } => {
                format!("{}: `{step}` has new words, said from now on", shown(file))
            }
            Change::NewStep { file, step, at } => match file.strip_prefix(SEQUENCE_MARK) {
                None => format!("{file}: new step `{step}`"),
                Some(id) => self.new_step(id, step, *at),
            },
            Change::LostStep {
                file,
                step,
                moved_to: Some(successor),
            } => format!("{}: `{step}` is now `{successor}`", shown(file)),
            Change::LostStep { file, step, .. } => match file.strip_prefix(SEQUENCE_MARK) {
                Some(_) => format!(
                    "{}: `{step}` is gone; who waits for it goes on to the next (moved_to can name another)",
                    shown(file)
                ),
                None => format!("{file}: `{step}` is gone, and moved_to names no successor"),
            },
        })
    }

    /// For whom a step that was put in is ahead, and for whom it is behind.
    fn new_step(&self, sequence: &str, step: &str, at: usize) -> String {
        let places = self.before.get(sequence);
        let sum = |from: usize, to: usize| -> u64 {
            places.map_or(0, |places| places.iter().take(to).skip(from).sum())
        };
        let (ahead, behind) = (sum(0, at + 1), sum(at + 1, usize::MAX));
        format!(
            "sequences/{sequence}: new step `{step}` is ahead of {} and behind {}, who will not get it",
            leads(ahead),
            leads(behind)
        )
    }

    fn standing_line(&self, funnel: &str, step: &str, count: u64) -> Option<String> {
        let who = leads(count);
        match self.next.successor(funnel, step) {
            Some(same) if same == step => None,
            Some(other) => Some(format!(
                "{funnel}: {who} {} on `{step}` and {} to `{other}`",
                verb(count, "stands", "stand"),
                verb(count, "goes", "go"),
            )),
            None => Some(format!(
                "{funnel}: {who} {} on `{step}`, which is gone; with their next word they begin {} anew; \
                 add moved_to to keep their place",
                verb(count, "stands", "stand"),
                if self.next.by_id.contains_key(funnel) {
                    format!("`{funnel}`")
                } else {
                    format!("`{}`", self.next.default_funnel())
                }
            )),
        }
    }
}

fn fate(group: &Group, count: &Count) -> String {
    let (n, step) = (count.leads, &group.step);
    let who = leads(n);
    let wait = verb(n, "waits", "wait");
    let words = match &group.fate {
        Fate::Stays => format!("{who} {wait} for `{step}`, as before"),
        Fate::Paused => {
            format!("{who} {wait} for `{step}`; the sequence is paused, places are kept")
        }
        Fate::Moves { from, to, days } => format!(
            "{who} {wait} for `{step}`; {} from {from} to {to}{}",
            verb(n, "1 send moves", &format!("{n} sends move")),
            days_words(*days)
        ),
        Fate::Takes(other) => format!("{who} waited for `{step}`, now for `{other}`"),
        Fate::Over => format!(
            "{who} waited for `{step}`; nothing is ahead any more, the sequence ends for them"
        ),
        Fate::Gone => format!("{who} waited for `{step}`; the sequence is gone, they leave it"),
    };
    format!("sequences/{}: {words}{}", group.sequence, examples(count))
}

fn days_words(days: i64) -> String {
    let plural = if days.abs() == 1 { "day" } else { "days" };
    match days {
        0 => String::new(),
        late if late > 0 => format!(", {late} {plural} later"),
        early => format!(", {} {plural} sooner", -early),
    }
}

fn examples(count: &Count) -> String {
    let named: Vec<String> = count
        .examples
        .iter()
        .map(|lead| format!("#{lead}"))
        .collect();
    let more = if count.leads as usize > named.len() {
        ", …"
    } else {
        ""
    };
    format!(" ({}{more})", named.join(", "))
}

fn leads(count: u64) -> String {
    format!("{count} {}", verb(count, "lead", "leads"))
}

fn verb<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}
