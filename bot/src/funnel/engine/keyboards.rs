//! What stands under a message or in place of the letters. PURE.

use super::Turn;
use crate::funnel::compile::SKIP;
use crate::funnel::effect::{Action, Button, Keyboard, Message, Origin, ReplyButton};
use crate::funnel::event::Press;
use crate::funnel::model::{self, ButtonAction, Step};
use crate::funnel::session::Place;
use crate::funnel::words::Words;
use crate::phrases::Phrase;

impl<'a> Turn<'a> {
    pub(super) fn is_shown(&mut self, button: &'a model::Button) -> bool {
        let opens_nothing =
            matches!(&button.action, ButtonAction::Link { url, .. } if url.is_empty());
        !opens_nothing && button.when.as_ref().is_none_or(|when| self.is_true(when))
    }

    /// What comes under the step's message.
    pub(super) fn step_keyboard(&mut self, step: &'a Step) -> Option<Keyboard> {
        if let Some(contact) = &step.contact_button {
            return Some(self.contact_keyboard(step, contact.as_ref()));
        }
        match &step.keyboard {
            Some(model::Keyboard::Remove) => {
                self.session.keyboard = None;
                return Some(Keyboard::Remove);
            }
            Some(model::Keyboard::Rows(rows)) => {
                self.session.keyboard = self.session.place.clone();
                return Some(self.reply_rows(rows));
            }
            None => {}
        }
        self.inline_keyboard(step)
    }

    pub(super) fn inline_keyboard(&mut self, step: &'a Step) -> Option<Keyboard> {
        let mut buttons = Vec::with_capacity(step.buttons.len());
        for button in &step.buttons {
            if self.is_shown(button) {
                let text = self.words(&button.text);
                let action = self.press_action(step, &button.id);
                buttons.push(Button { text, action });
            }
        }
        let mut rows: Vec<Vec<Button>> = Vec::new();
        for button in buttons {
            match rows.last_mut() {
                Some(row) if row.len() < step.columns => row.push(button),
                _ => rows.push(vec![button]),
            }
        }
        if let Some(skip) = &step.skip {
            let text = self.words(&skip.text);
            rows.push(vec![Button {
                text,
                action: self.press_action(step, SKIP),
            }]);
        }
        (!rows.is_empty()).then_some(Keyboard::Inline(rows))
    }

    fn press_action(&self, step: &Step, button: &str) -> Action {
        let funnel = self
            .funnel()
            .map(|funnel| funnel.id.as_ref().into())
            .unwrap_or_default();
        // Under a step of a sequence, the entry: with it a press proves which message was read.
        let visit = match self.first_word.as_ref().map(|first| &first.origin) {
            Some(Origin::Sequence { entry, .. }) => *entry,
            Some(Origin::FollowUp { .. }) | None => self.session.visit,
        };
        Action::Press(Press {
            funnel,
            step: step.id.as_ref().into(),
            visit,
            button: button.into(),
        })
    }

    /// The contact button replaces the letters, so the other buttons of the question stand below it.
    fn contact_keyboard(&mut self, step: &'a Step, own: Option<&'a Words>) -> Keyboard {
        let text = match own {
            Some(words) => self.words(words),
            None => self.phrase(Phrase::ContactButton, None),
        };
        let mut rows = vec![vec![ReplyButton {
            text,
            contact: true,
        }]];
        for button in &step.buttons {
            if self.is_shown(button) {
                rows.push(vec![ReplyButton {
                    text: self.words(&button.text),
                    contact: false,
                }]);
            }
        }
        if let Some(skip) = &step.skip {
            rows.push(vec![ReplyButton {
                text: self.words(&skip.text),
                contact: false,
            }]);
        }
        self.session.contact_keyboard = true;
        Keyboard::Reply {
            rows,
            one_time: true,
        }
    }

    fn reply_rows(&mut self, rows: &'a [Vec<model::KeyboardButton>]) -> Keyboard {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            out.push(
                row.iter()
                    .map(|button| ReplyButton {
                        text: self.words(&button.text),
                        contact: false,
                    })
                    .collect(),
            );
        }
        Keyboard::Reply {
            rows: out,
            one_time: false,
        }
    }

    /// What stands in place of the letters once the contact button is gone.
    pub(super) fn restored_keyboard(&mut self) -> Keyboard {
        self.keyboard_due = false;
        let place = self.session.keyboard.clone();
        match place.and_then(|place| self.keyboard_of(&place)) {
            Some(rows) => self.reply_rows(rows),
            None => Keyboard::Remove,
        }
    }

    /// The rows of a reply keyboard that was shown at `place`, if the file still has them.
    pub(super) fn keyboard_of(&self, place: &Place) -> Option<&'a [Vec<model::KeyboardButton>]> {
        let funnel = &self.funnels.list[*self.funnels.by_id.get(&*place.funnel)?];
        match &funnel.steps[funnel.find(&place.step)?].keyboard {
            Some(model::Keyboard::Rows(rows)) => Some(rows),
            Some(model::Keyboard::Remove) | None => None,
        }
    }

    pub(super) fn drop_contact_keyboard(&mut self) {
        let text = self.phrase(Phrase::KeyboardGone, None);
        let keyboard = Some(self.restored_keyboard());
        self.emit(Message {
            text,
            media: None,
            keyboard,
        });
    }
}
