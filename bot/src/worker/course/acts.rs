//! What happens in a life: words, blocks, edits, jumps, deaths, and the reckoning at its end.

use super::*;

impl Life {
    async fn update(&mut self, body: serde_json::Value) {
        self.update += 1;
        let mut body = body;
        body["update_id"] = self.update.into();
        let (stored, _) = oneshot::channel();
        let raws = vec![RawUpdate {
            update_id: self.update,
            raw: body.to_string(),
        }];
        self.round(DeskInput::Updates { raws, stored }).await;
    }

    async fn says(&mut self, chat: i64, text: &str) {
        let entities = if text.starts_with('/') {
            let length = text.split(' ').next().unwrap().len();
            json!([{ "type": "bot_command", "offset": 0, "length": length }])
        } else {
            json!([])
        };
        let date = self.now() / 1_000;
        self.update(json!({ "message": {
            "message_id": 1, "date": date, "text": text, "entities": entities,
            "chat": { "id": chat, "type": "private", "first_name": "Лид" },
            "from": { "id": chat, "is_bot": false, "first_name": "Лид" },
        }}))
        .await;
    }

    async fn turns_away(&mut self, chat: i64, blocked: bool) {
        let user =
            json!({ "id": 123456, "is_bot": true, "first_name": "Бот", "username": "north_bot" });
        let member = |status: &str| match status {
            "kicked" => json!({ "user": user, "status": status, "until_date": 0 }),
            _ => json!({ "user": user, "status": status }),
        };
        let (old, new) = if blocked {
            ("member", "kicked")
        } else {
            ("kicked", "member")
        };
        self.update(json!({ "my_chat_member": {
            "chat": { "id": chat, "type": "private", "first_name": "Лид" },
            "from": { "id": chat, "is_bot": false, "first_name": "Лид" },
            "date": self.now() / 1_000,
            "old_chat_member": member(old), "new_chat_member": member(new),
        }}))
        .await;
    }

    fn skip(&mut self, ms: i64) {
        self.offset += ms;
        self.app.clock.advance(ms);
    }

    pub(super) async fn act(&mut self) {
        self.acts += 1;
        let who = self.dice.throw(self.people.len().max(1) as u64) as usize;
        match self.dice.throw(22) {
            0 | 1 if self.people.len() < 4 => {
                let chat = 1_000 + self.people.len() as i64;
                self.people.push(Person {
                    chat,
                    ..Person::default()
                });
                self.says(chat, "/start weight").await;
            }
            2 | 3 if !self.people.is_empty() => {
                let (chat, blocked) = (self.people[who].chat, self.people[who].blocked);
                if !blocked {
                    self.says(chat, "25").await;
                }
            }
            4 if !self.people.is_empty() && !self.people[who].blocked => {
                self.people[who].stopped = true;
                self.says(self.people[who].chat, "/stop").await;
            }
            5 if !self.people.is_empty() && !self.people[who].blocked => {
                self.people[who].stopped = false;
                self.says(self.people[who].chat, "/start weight").await;
            }
            6 if !self.people.is_empty() => {
                let blocked = !self.people[who].blocked;
                self.people[who].blocked = blocked;
                self.turns_away(self.people[who].chat, blocked).await;
            }
            7 if !self.people.is_empty()
                && !self.people[who].blocked
                && self.dice.throw(4) == 0 =>
            {
                self.people[who].waits_for_human = true;
                self.says(self.people[who].chat, "/human").await;
            }
            8 => {
                let paused = self.dice.throw(2) == 0;
                self.paused = paused;
                let (reply, _) = oneshot::channel();
                self.round(DeskInput::Ask {
                    question: Question::Pause(paused),
                    reply,
                })
                .await;
            }
            9 | 10 => self.edit().await,
            11 => self.start().await,
            12 => self.skip(-HOUR),
            13 => self.skip(3 * DAY),
            _ => {
                let minutes = 1 + self.dice.throw(600);
                self.skip(i64::try_from(minutes).unwrap() * MINUTE);
            }
        }
        while !self.rest().await {
            self.start().await;
        }
    }

    /// Somebody edits the file while leads are inside.
    async fn edit(&mut self) {
        let steps = &mut self.series.0;
        let at = self.dice.throw(steps.len() as u64) as usize;
        match self.dice.throw(4) {
            0 => steps[at].1 = 1 + i64::try_from(self.dice.throw(40)).unwrap(),
            1 => {
                let id = format!("n{}", self.acts);
                steps.insert(at, (id, 1 + i64::try_from(self.dice.throw(20)).unwrap()));
            }
            2 if steps.len() > 2 => {
                let (id, _) = steps.remove(at);
                self.lasting.remove(&id);
            }
            _ => {
                let other = self.dice.throw(steps.len() as u64) as usize;
                steps.swap(at, other);
                // Who stood on one of the two stands elsewhere now, and what lies between them may be behind:
                // it never comes, and that is right.
                let between = at.min(other)..=at.max(other);
                for (id, _) in steps[between].iter().filter(|_| at != other) {
                    self.lasting.remove(id);
                }
            }
        }
        std::fs::write(
            self.dir.join("funnels/sequences/warm.yaml"),
            self.series.yaml(),
        )
        .unwrap();
        let funnels = self.funnels();
        let live = self.app.live();
        self.round(DeskInput::Reloaded { funnels, live }).await;
    }

    /// Time passes and nobody does anything: whoever may hear has heard everything, or it is known why not.
    pub(super) async fn end(&mut self) {
        if self.paused {
            self.paused = false;
            let (reply, _) = oneshot::channel();
            self.round(DeskInput::Ask {
                question: Question::Pause(false),
                reply,
            })
            .await;
        }
        for _ in 0..24 * 20 {
            self.skip(HOUR);
            while !self.rest().await {
                self.start().await;
            }
        }
        for person in self.people.clone() {
            self.account_for(&person).await;
        }
    }

    async fn account_for(&mut self, person: &Person) {
        let store = &mut self.desk.as_mut().unwrap().store;
        let Some(case) = store.cases_by_chat(&[person.chat]).await.unwrap().pop() else {
            return;
        };
        assert_eq!(case.lead.opted_out, person.stopped, "{person:?}");
        let story = store.story(case.lead.id, 500).await.unwrap();
        let told = || {
            format!(
                "{person:?}\n{:#?}",
                story.iter().map(crate::story::tell).collect::<Vec<_>>()
            )
        };
        // Who got to the end must account for every step; who left on the way need not.
        let left = story
            .iter()
            .any(|item| item.kind == "left" && item.value != "пройдена");
        let waits = store.timers_of(case.lead.id).await.unwrap();
        if person.waits_for_human {
            return;
        }
        assert!(
            waits.iter().all(|timer| timer.due_at > self.offset + BEGIN),
            "overdue: {waits:?}\n{}",
            told()
        );
        if person.stopped || person.blocked || left {
            return;
        }
        for id in &self.lasting {
            let text = format!("шаг {id}");
            let heard = person.said.contains_key(&text);
            let passed = story.iter().any(|item| {
                let named = item.name.ends_with(&format!(".{id}")) || item.step == *id;
                matches!(item.kind.as_str(), "passed" | "unsaid") && named
            });
            // The gate's last word may come when the step is on its way: then the row tells why.
            let refused = story
                .iter()
                .any(|item| item.state == "dropped" && item.payload.contains(&text));
            assert!(heard || passed || refused, "\"{text}\" is lost: {}", told());
        }
    }
}
