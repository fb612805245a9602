//! The small model: what a bot with this funnel owes a lead, in the fewest words. It knows no store, no process and
//! no Telegram, so it cannot share their mistakes.

/// The funnel, in its n-th version: an edit changes every text.
pub fn funnel(version: u32) -> String {
    format!(
        "
funnel: walk
title: Прогулка
enter: {{ start: [walk] }}
first: hello
steps:
  hello:
    say: {hello}
    buttons:
      - {{ text: Начать, id: go, to: goal, score: {{ points: 20, reason: хочет начать }} }}
      - {{ text: Потом, id: later, to: goal }}
  goal:
    ask: {goal}
    expect: {{ number: {{ min: 1, max: 100 }} }}
    again: {{ text: {again}, times: 100 }}
    save: goal_kg
    silent: [{{ after: 2h, say: {silence} }}]
    next: why
  why:
    ask: {why}
    expect: text
    save: reason
    next: when
  when:
    ask: {when}
    buttons:
      - {{ text: Сегодня, id: today, score: {{ points: 20, reason: торопится }} }}
      - {{ text: Завтра, id: tomorrow }}
    save: start_on
    notify: Выбран день
    next: thanks
  thanks:
    say: {thanks}
    next: end
",
        hello = text(Step::Hello, version),
        goal = text(Step::Goal, version),
        again = again(version),
        silence = silence(version),
        why = text(Step::Why, version),
        when = text(Step::When, version),
        thanks = text(Step::End, version),
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Hello,
    Goal,
    Why,
    When,
    End,
}

impl Step {
    pub fn id(self) -> &'static str {
        match self {
            Step::Hello => "hello",
            Step::Goal => "goal",
            Step::Why => "why",
            Step::When => "when",
            Step::End => "thanks",
        }
    }
}

fn text(step: Step, version: u32) -> String {
    let word = match step {
        Step::Hello => "Привет",
        Step::Goal => "Сколько",
        // More than a question: it must arrive, whatever its lead answers unseen.
        Step::Why => "Зачем? https://example.org/",
        Step::When => "Когда",
        Step::End => "Спасибо",
    };
    format!("{word} {version}")
}

fn again(version: u32) -> String {
    format!("Число {version}")
}

fn silence(version: u32) -> String {
    format!("Тишина {version}")
}

/// What a lead does; a press names the step its button was shown on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Start,
    Press {
        step: Step,
        button: &'static str,
    },
    Number(u32),
    /// Words that are no number.
    Words(String),
}

/// One lead.
#[derive(Clone, Debug, Default)]
pub struct Owed {
    pub at: Option<Step>,
    /// The replies, in order.
    pub replies: Vec<String>,
    /// `name: value`, in order.
    pub answers: Vec<String>,
    pub score: i64,
    last_press: Option<(Step, &'static str)>,
    /// Of each reply: the lead answered its bare question, whether they had it or not.
    pub moot: Vec<bool>,
    /// The first reply of the step at which the lead stands; what follows asks the same again.
    asked_from: usize,
    /// Silence may be broken this often.
    pub silences: usize,
}

impl Owed {
    /// The bot handles what the lead did, with the funnel's version of that moment.
    pub fn handle(&mut self, act: &Act, version: u32) {
        match (self.at, act) {
            (None, Act::Start) => self.reach(Step::Hello, version),
            (Some(at), Act::Press { step, button }) if at == *step && at < Step::End => {
                self.last_press = Some((*step, button));
                self.choose(*step, button, version);
            }
            (Some(_), Act::Press { step, button }) if self.last_press == Some((*step, button)) => {}
            (Some(at), Act::Press { .. }) => self.replies.push(text(at, version)),
            (Some(Step::Goal), Act::Number(number)) => {
                self.is_answered();
                self.answers.push(format!("goal_kg: {number}"));
                self.reach(Step::Why, version);
            }
            (Some(Step::Goal), Act::Words(_)) => {
                self.replies.push(again(version));
            }
            (Some(Step::Why), Act::Words(words)) => {
                self.answers.push(format!("reason: {words}"));
                self.reach(Step::When, version);
            }
            (at, act) => unreachable!("no lead does {act:?} at {at:?}"),
        }
        self.waits();
    }

    /// The question held nothing else, so it need not arrive any more.
    fn is_answered(&mut self) {
        self.moot.resize(self.replies.len(), false);
        self.moot[self.asked_from..].fill(true);
    }

    /// The bot waits for an answer to the question that has a branch of silence.
    fn waits(&mut self) {
        self.silences += usize::from(self.at == Some(Step::Goal));
    }

    fn choose(&mut self, step: Step, button: &str, version: u32) {
        match (step, button) {
            (Step::Hello, button) => {
                self.score += if button == "go" { 20 } else { 0 };
                self.reach(Step::Goal, version);
            }
            (_, button) => {
                let chosen = if button == "today" {
                    "Сегодня"
                } else {
                    "Завтра"
                };
                self.answers.push(format!("start_on: {chosen}"));
                self.score += if button == "today" { 20 } else { 0 };
                self.reach(Step::End, version);
            }
        }
    }

    fn reach(&mut self, step: Step, version: u32) {
        self.at = Some(step);
        self.asked_from = self.replies.len();
        self.replies.push(text(step, version));
    }
}
