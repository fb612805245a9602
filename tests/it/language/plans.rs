//! What an edit of a live sequence does to the leads inside: it is told before, and it comes as told.

use std::sync::Arc;

use bot::funnel::effect::{Effect, Origin};
use bot::funnel::event::{Event, TimerData, TimerName};
use bot::funnel::session::Session;
use bot::funnel::{Desk, EditPlan, Funnels, advance};
use bot::lead::Lead;

use super::{loaded, partner};

/// Thursday, 15 January 2026, 15:00 in Almaty.
pub(super) const START_MS: i64 = 1_768_471_200_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

const FUNNEL: &str = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello: { ask: Начнём?, buttons: [{ text: Да, to: end, enroll: letters }], next: end }
sequence: letters
title: Письма
";

pub(super) fn with(rest: &str) -> Funnels {
    loaded(&format!("{FUNNEL}{rest}"), &partner())
}

const LIVE: &str = "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"10:00\", say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
";

/// One lead with their timers, as a bot would keep them.
pub(super) struct Life {
    session: Session,
    lead: Arc<Lead>,
    pub now_ms: i64,
    pub waiting: Option<(i64, TimerData)>,
    pub said: Vec<String>,
    /// Why they are out.
    pub left: Option<String>,
}

impl Life {
    /// Enrolled, and that much later.
    pub fn after(funnels: &Funnels, ms: i64) -> Life {
        let mut life = Life {
            session: Session::default(),
            lead: Arc::new(Lead {
                id: 7,
                ..Lead::default()
            }),
            now_ms: START_MS,
            waiting: None,
            said: Vec::new(),
            left: None,
        };
        let enroll = Event::Enroll {
            sequence: "letters".into(),
            by: "test".into(),
        };
        life.take(funnels, enroll);
        life.wait(funnels, ms);
        life
    }

    pub fn take(&mut self, funnels: &Funnels, event: Event) {
        let partner = partner();
        let desk = Desk {
            now_ms: self.now_ms,
            partner: &partner,
            random: 0,
        };
        let (session, lead) = (self.session.clone(), self.lead.clone());
        let outcome = advance(funnels, &desk, session, lead, event);
        (self.session, self.lead) = (outcome.session, outcome.lead);
        for effect in outcome.effects {
            match effect {
                Effect::Schedule { at_ms, data, .. } => self.waiting = Some((at_ms, data)),
                Effect::Cancel { .. } => self.waiting = None,
                Effect::Left { why, .. } => self.left = Some(why),
                Effect::Speak(proactive) => match proactive.origin {
                    Origin::Sequence { step, .. } => self.said.push(step),
                    Origin::FollowUp { .. } => {}
                },
                _ => {}
            }
        }
    }

    pub fn wait(&mut self, funnels: &Funnels, ms: i64) {
        let until = self.now_ms + ms;
        while let Some((due, data)) = self.waiting.take_if(|(due, _)| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            let name = TimerName::Sequence("letters".into());
            self.take(funnels, Event::Timer { name, data });
        }
        self.now_ms = until;
    }

    /// What a bot does when files change, and what it said before.
    fn edit(&mut self, live: &Funnels, next: &Funnels) -> Vec<String> {
        let name = TimerName::Sequence("letters".into());
        let mut plan = EditPlan::new(live, next, self.now_ms);
        if let Some((_, data)) = &self.waiting {
            plan.count(self.lead.id, &name, data);
        }
        let lines = plan.report().lines;
        if let Some((due, data)) = self.waiting.clone() {
            match next.replan(&name, &data, "Asia/Almaty", self.now_ms) {
                Some((_, same)) if same == data => self.waiting = Some((due, data)),
                Some(moved) => self.waiting = Some(moved),
                None => self.waiting = Some((self.now_ms, data)),
            }
        }
        lines
    }
}

/// Title, when the edit comes, the new file, the plan's lines, what the lead gets in all.
struct Case {
    title: &'static str,
    at_ms: i64,
    next: &'static str,
    plan: &'static [&'static str],
    said: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        title: "nothing changed",
        at_ms: 0,
        next: LIVE,
        plan: &[
            "sequences/letters: 1 lead waits for `one`, as before (#7)",
            "nothing changes",
        ],
        said: &["one", "two", "three"],
    },
    Case {
        title: "a step put in behind a lead never fires",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: zero, after: 1h, say: Нулевое }
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"10:00\", say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: new step `zero` is ahead of 0 leads and behind 1 lead, who will not get it",
            "sequences/letters: 1 lead waits for `two`, as before (#7)",
        ],
        said: &["one", "two", "three"],
    },
    Case {
        title: "a step put in ahead fires, even right before the one waited for",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: middle, after: 1d, at: \"19:00\", say: Между }
  - { id: two, after: 2d, at: \"10:00\", say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
  - { id: four, after: 2d, at: \"10:00\", say: Четвёртое }
",
        plan: &[
            "sequences/letters: new step `middle` is ahead of 1 lead and behind 0 leads, who will not get it",
            "sequences/letters: new step `four` is ahead of 1 lead and behind 0 leads, who will not get it",
            "sequences/letters: 1 lead waited for `two`, now for `middle` (#7)",
        ],
        said: &["one", "middle", "two", "three", "four"],
    },
    Case {
        title: "another hour moves those who wait",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"19:00\", say: Другими словами }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: `two` has new words, said from now on",
            "sequences/letters: 1 lead waits for `two`; 1 send moves from 10:00 to 19:00 (#7)",
        ],
        said: &["one", "two", "three"],
    },
    Case {
        title: "a shorter delay releases the over-waited at the next time that fits",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: one, after: 1h, say: Первое }
  - { id: two, after: 1h, say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: 1 lead waits for `two`; 1 send moves from 10:00 to 15:00, 1 day sooner (#7)",
        ],
        said: &["one", "two", "three"],
    },
    Case {
        title: "the step waited for is gone: the next takes its place",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: `two` is gone; who waits for it goes on to the next (moved_to can name another)",
            "sequences/letters: 1 lead waited for `two`, now for `three` (#7)",
        ],
        said: &["one", "three"],
    },
    Case {
        title: "steps were renamed, and moved_to says so: nobody gets one twice",
        at_ms: 2 * DAY_MS,
        next: "
moved_to: { one: uno, two: due }
steps:
  - { id: uno, after: 1d, at: \"10:00\", say: Первое }
  - { id: due, after: 2d, at: \"10:00\", say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: `one` is now `uno`",
            "sequences/letters: `two` is now `due`",
            "sequences/letters: new step `uno` is ahead of 0 leads and behind 1 lead, who will not get it",
            "sequences/letters: new step `due` is ahead of 1 lead and behind 0 leads, who will not get it",
            "sequences/letters: 1 lead waited for `two`, now for `due` (#7)",
        ],
        said: &["one", "due", "three"],
    },
    Case {
        title: "nothing is left ahead",
        at_ms: 2 * DAY_MS,
        next: "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
",
        plan: &[
            "sequences/letters: `two` is gone; who waits for it goes on to the next (moved_to can name another)",
            "sequences/letters: `three` is gone; who waits for it goes on to the next (moved_to can name another)",
            "sequences/letters: 1 lead waited for `two`; nothing is ahead any more, the sequence ends for them (#7)",
        ],
        said: &["one"],
    },
    Case {
        title: "a pause keeps the place",
        at_ms: 2 * DAY_MS,
        next: "
paused: true
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"10:00\", say: Второе }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: 1 lead waits for `two`; the sequence is paused, places are kept (#7)",
            "nothing changes",
        ],
        said: &["one"],
    },
    Case {
        title: "steps behind a lead that move ahead are not said twice",
        at_ms: 4 * DAY_MS,
        next: "
steps:
  - { id: two, after: 2d, at: \"10:00\", say: Второе }
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: three, after: 2d, at: \"10:00\", say: Третье }
",
        plan: &[
            "sequences/letters: 1 lead waits for `three`, as before (#7)",
            "nothing changes",
        ],
        said: &["one", "two", "three"],
    },
];

#[test]
fn each_kind_of_edit_is_told_before_and_comes_as_told() {
    let live = with(LIVE);
    let mut wrong = Vec::new();
    for case in CASES {
        let next = with(case.next);
        let mut life = Life::after(&live, case.at_ms);
        let plan = life.edit(&live, &next);
        life.wait(&next, 30 * DAY_MS);
        if plan != case.plan || life.said != case.said {
            wrong.push(format!(
                "{}:\n{}\nsaid {:?}\n",
                case.title,
                plan.join("\n"),
                life.said
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_plan_names_leads_who_stand_on_steps_that_go() {
    let live = with(LIVE);
    let next = loaded(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: greeting
steps:
  greeting: { ask: Начнём?, buttons: [{ text: Да, to: end }], next: end }
",
        &partner(),
    );
    let mut plan = EditPlan::new(&live, &next, START_MS);
    plan.stands("main", "hello", 214);
    let report = plan.report();
    assert!(report.changes);
    assert_eq!(
        report.lines,
        [
            "sequences/letters: gone",
            "main: `hello` is gone, and moved_to names no successor",
            "main: new step `greeting`",
            "main: 214 leads stand on `hello`, which is gone; with their next word they begin `main` anew; add moved_to to keep their place",
        ]
    );
}

/// Random pairs of files: no lead ends in an unknown state, and none gets a step twice.
#[test]
fn whatever_is_edited_nobody_gets_a_step_twice_and_everybody_comes_to_an_end() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_261_127_u64);
    println!("SEED={seed}");
    let mut dice = seed;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % sides
    };
    for round in 0..60 {
        let mut file = || {
            let mut steps = String::from("\nsteps:\n");
            let mut ids: Vec<u64> = (0..6).filter(|_| roll(3) > 0).collect();
            if roll(4) == 0 {
                ids.reverse();
            }
            if ids.is_empty() {
                ids.push(0);
            }
            for id in ids {
                let (days, hour) = (1 + roll(3), 8 + roll(12));
                steps.push_str(&format!(
                    "  - {{ id: s{id}, after: {days}d, at: \"{hour}:00\", say: Слово }}\n"
                ));
            }
            steps
        };
        let files: Vec<Funnels> = (0..4).map(|_| with(&file())).collect();
        let mut life = Life::after(&files[0], 0);
        for pair in files.windows(2) {
            life.wait(&pair[0], DAY_MS + HOUR_MS * 5);
            life.edit(&pair[0], &pair[1]);
        }
        life.wait(&files[3], 90 * DAY_MS);
        let mut once = life.said.clone();
        once.sort();
        once.dedup();
        assert_eq!(
            once.len(),
            life.said.len(),
            "SEED={seed} round {round}: {:?}",
            life.said
        );
        let enrollment = &life.session.enrollments["letters"];
        assert!(
            enrollment.ended_ms.is_some() && life.waiting.is_none(),
            "SEED={seed} round {round}"
        );
    }
}
