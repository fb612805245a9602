//! What the live screen shows and what its keys do. PURE.

use std::collections::BTreeMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::commands::status::needs_a_look;
use crate::journal::Entry;
use crate::state::BotState;

/// By what the bots stand in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// What wants a look first.
    State,
    Partner,
    Leads,
    Hot,
    Lag,
    Memory,
    Cpu,
    Errors,
}

impl Sort {
    pub const ALL: [Sort; 8] = [
        Sort::State,
        Sort::Partner,
        Sort::Leads,
        Sort::Hot,
        Sort::Lag,
        Sort::Memory,
        Sort::Cpu,
        Sort::Errors,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Sort::State => "state",
            Sort::Partner => "partner",
            Sort::Leads => "leads today",
            Sort::Hot => "hot",
            Sort::Lag => "lag",
            Sort::Memory => "memory",
            Sort::Cpu => "cpu",
            Sort::Errors => "errors",
        }
    }
}

/// What a key asks of the world outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    None,
    Quit,
    Look,
    Restart(String),
}

/// What the keys mean at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    Table,
    /// A filter is being typed.
    Filter,
    /// Restart this one? Only `y` means yes.
    Confirm(String),
    Help,
}

pub struct Screen {
    pub bots: Vec<BotState>,
    pub filter: String,
    pub sort: Sort,
    pub is_reversed: bool,
    pub only_problems: bool,
    pub selected: usize,
    pub mode: Mode,
    /// The log of the selected bot, when it is open.
    pub logs: Option<Vec<Entry>>,
    pub message: String,
    pub read_only: bool,
    /// Processor time at the last look, for a share of the time between two looks.
    cpu_before: BTreeMap<String, u64>,
    seen_at: i64,
    cpu: BTreeMap<String, f64>,
}

impl Screen {
    pub fn new(read_only: bool) -> Self {
        Self {
            bots: Vec::new(),
            filter: String::new(),
            sort: Sort::State,
            is_reversed: false,
            only_problems: false,
            selected: 0,
            mode: Mode::Table,
            logs: None,
            message: String::new(),
            read_only,
            cpu_before: BTreeMap::new(),
            seen_at: 0,
            cpu: BTreeMap::new(),
        }
    }

    /// A new look at the fleet.
    pub fn see(&mut self, bots: Vec<BotState>, now_ms: i64) {
        let passed = now_ms - self.seen_at;
        for bot in &bots {
            let Some(cpu) = bot.cpu_ms else { continue };
            let before = self.cpu_before.insert(bot.partner.clone(), cpu);
            // A process that started anew counts from nothing.
            if let Some(used) = before
                .and_then(|before| cpu.checked_sub(before))
                .filter(|_| passed > 0)
            {
                self.cpu
                    .insert(bot.partner.clone(), used as f64 * 100.0 / passed as f64);
            }
        }
        self.seen_at = now_ms;
        self.bots = bots;
        self.keep_inside();
    }

    /// Per cent of one core since the last look; over its life when it was seen once.
    pub fn cpu_of(&self, bot: &BotState) -> Option<f64> {
        self.cpu
            .get(&bot.partner)
            .copied()
            .or_else(|| bot.cpu_percent())
    }

    pub fn tell(&mut self, message: String) {
        self.message = message;
    }

    /// What is shown, in its order.
    pub fn rows(&self) -> Vec<&BotState> {
        let words: Vec<String> = self
            .filter
            .to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let mut rows: Vec<&BotState> = self
            .bots
            .iter()
            .filter(|bot| !self.only_problems || needs_a_look(bot))
            .filter(|bot| words.iter().all(|word| fits(bot, word)))
            .collect();
        rows.sort_by(|a, b| self.order(a, b).then_with(|| a.partner.cmp(&b.partner)));
        if self.is_reversed {
            rows.reverse();
        }
        rows
    }

    /// Figures stand from the largest down.
    fn order(&self, a: &BotState, b: &BotState) -> std::cmp::Ordering {
        match self.sort {
            Sort::State => (!needs_a_look(a), a.state).cmp(&(!needs_a_look(b), b.state)),
            Sort::Partner => a.partner.cmp(&b.partner),
            Sort::Leads => b.leads_today.cmp(&a.leads_today),
            Sort::Hot => b.hot.cmp(&a.hot),
            Sort::Lag => b.lag_ms.cmp(&a.lag_ms),
            Sort::Memory => b.memory_bytes.cmp(&a.memory_bytes),
            Sort::Cpu => {
                let cpu = |bot| self.cpu_of(bot).unwrap_or(-1.0);
                cpu(b).total_cmp(&cpu(a))
            }
            Sort::Errors => b.errors_per_minute.cmp(&a.errors_per_minute),
        }
    }

    pub fn selected(&self) -> Option<String> {
        self.rows()
            .get(self.selected)
            .map(|bot| bot.partner.clone())
    }

    /// Whose log is open.
    pub fn logs_of(&self) -> Option<String> {
        self.logs.as_ref().and_then(|_| self.selected())
    }

    pub fn show_logs(&mut self, lines: Vec<Entry>) {
        self.logs = Some(lines);
    }

    fn keep_inside(&mut self) {
        self.selected = self.selected.min(self.rows().len().saturating_sub(1));
    }

    pub fn press(&mut self, key: KeyEvent) -> Request {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Request::Quit;
        }
        match self.mode.clone() {
            Mode::Table => self.press_in_table(key.code),
            Mode::Filter => {
                self.type_filter(key.code);
                Request::None
            }
            Mode::Confirm(id) => {
                self.mode = Mode::Table;
                match key.code {
                    KeyCode::Char('y') => Request::Restart(id),
                    _ => {
                        self.message = "not restarted".to_owned();
                        Request::None
                    }
                }
            }
            Mode::Help => {
                self.mode = Mode::Table;
                Request::None
            }
        }
    }

    fn press_in_table(&mut self, code: KeyCode) -> Request {
        self.message.clear();
        let before = self.selected;
        match code {
            KeyCode::Char('q') => return Request::Quit,
            KeyCode::Esc if self.logs.is_some() => self.logs = None,
            KeyCode::Esc => {
                self.filter.clear();
                self.only_problems = false;
            }
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::PageDown => self.selected += 10,
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(10),
            KeyCode::Home | KeyCode::Char('g') => self.selected = 0,
            KeyCode::End | KeyCode::Char('G') => self.selected = usize::MAX,
            KeyCode::Char('/') => self.mode = Mode::Filter,
            KeyCode::Char('?') => self.mode = Mode::Help,
            KeyCode::Char('s') => {
                let at = Sort::ALL
                    .iter()
                    .position(|sort| *sort == self.sort)
                    .unwrap_or(0);
                self.sort = Sort::ALL[(at + 1) % Sort::ALL.len()];
            }
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Char('p') => self.only_problems = !self.only_problems,
            KeyCode::Char('l') | KeyCode::Enter
                if self.logs.is_some() || self.selected().is_some() =>
            {
                self.logs = if self.logs.is_some() {
                    None
                } else {
                    Some(Vec::new())
                };
                return Request::Look;
            }
            KeyCode::Char('R') if self.read_only => {
                self.message = "started with --read-only".to_owned()
            }
            KeyCode::Char('R') => {
                if let Some(id) = self.selected() {
                    self.mode = Mode::Confirm(id);
                }
            }
            _ => {}
        }
        self.keep_inside();
        // The open log follows the selection at once.
        match self.logs.is_some() && self.selected != before {
            true => Request::Look,
            false => Request::None,
        }
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.mode = Mode::Table,
            KeyCode::Esc => {
                self.filter.clear();
                self.mode = Mode::Table;
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
        self.keep_inside();
    }
}

/// `!word` is everything without it.
fn fits(bot: &BotState, word: &str) -> bool {
    let all = format!(
        "{} {} {} {}",
        bot.partner,
        bot.state.word(),
        bot.username.as_deref().unwrap_or_default(),
        bot.reason.as_deref().unwrap_or_default()
    )
    .to_lowercase();
    match word.strip_prefix('!') {
        Some("") => true,
        Some(word) => !all.contains(word),
        None => all.contains(word),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state::judge;

    fn bots() -> Vec<BotState> {
        [
            ("north", "running", 3, 100),
            ("west", "waiting", 9, 50),
            ("almaty", "running", 0, 900),
        ]
        .map(|(id, state, leads, cpu)| {
            let told =
                json!({ "state": state, "leads_today": leads, "cpu_ms": cpu, "uptime_ms": 10_000 });
            judge(id, true, None, Some(&told), 0)
        })
        .to_vec()
    }

    fn shown(screen: &Screen) -> Vec<&str> {
        screen
            .rows()
            .into_iter()
            .map(|bot| bot.partner.as_str())
            .collect()
    }

    fn press(screen: &mut Screen, keys: &str) -> Request {
        let press = |letter| screen.press(KeyEvent::from(KeyCode::Char(letter)));
        keys.chars().map(press).last().unwrap()
    }

    #[test]
    fn keys_filter_and_sort_what_is_shown() {
        let mut screen = Screen::new(false);
        screen.see(bots(), 1_000);
        assert_eq!(
            shown(&screen),
            ["west", "almaty", "north"],
            "what wants a look is first"
        );
        press(&mut screen, "ss");
        assert_eq!(
            (screen.sort, shown(&screen)),
            (Sort::Leads, vec!["west", "north", "almaty"])
        );
        press(&mut screen, "r");
        assert_eq!(shown(&screen), ["almaty", "north", "west"]);
        press(&mut screen, "/running");
        assert_eq!(shown(&screen), ["almaty", "north"]);
        screen.press(KeyEvent::from(KeyCode::Esc));
        press(&mut screen, "/!running");
        screen.press(KeyEvent::from(KeyCode::Enter));
        assert_eq!(shown(&screen), ["west"]);
        screen.press(KeyEvent::from(KeyCode::Esc));
        assert_eq!(shown(&screen).len(), 3);
    }

    #[test]
    fn a_restart_is_asked_once_more_and_never_when_reading_only() {
        let mut screen = Screen::new(false);
        screen.see(bots(), 1_000);
        assert_eq!(press(&mut screen, "jRn"), Request::None);
        assert_eq!(
            press(&mut screen, "Ry"),
            Request::Restart("almaty".to_owned())
        );
        let mut screen = Screen::new(true);
        screen.see(bots(), 1_000);
        assert_eq!(press(&mut screen, "Ry"), Request::None);
    }

    #[test]
    fn the_share_of_the_processor_is_that_since_the_last_look() {
        let mut screen = Screen::new(false);
        let mut seen = bots();
        screen.see(seen.clone(), 1_000);
        assert_eq!(screen.cpu_of(&seen[2]), Some(9.0), "over its life at first");
        seen[2].cpu_ms = Some(1_150);
        screen.see(seen.clone(), 2_000);
        assert_eq!(screen.cpu_of(&seen[2]), Some(25.0));
    }
}
