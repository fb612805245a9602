//! The lead's clock: guessed from what is known, asked in one tap. PURE.

use super::Turn;
use crate::funnel::effect::Button;
use crate::lead::cities::{self, City};
use crate::lead::{Zone, ZoneSource};
use crate::phrases::Phrase;

impl Turn<'_> {
    /// Guesses again after anything the lead did; their own word stays.
    pub(super) fn reconsider_zone(&mut self) {
        let phone = self.lead.phone.as_ref().map(|phone| phone.value.as_str());
        let partner = &self.desk.partner.timezone;
        let zone = self
            .lead
            .zone
            .reconsidered(&self.lead.language, phone, partner);
        self.set_zone(zone);
    }

    fn set_zone(&mut self, zone: Zone) {
        if self.lead.zone != zone {
            self.move_zone(zone);
        }
    }

    /// Asks where the lead lives; `source` tells whose idea that was.
    pub(super) fn ask_timezone(&mut self, source: ZoneSource) {
        let rows = self.first_cities(source);
        self.say_phrase_under(Phrase::TimezoneAsk, rows);
    }

    fn first_cities(&mut self, source: ZoneSource) -> Vec<Vec<Button>> {
        let cities = cities::first_page(&self.desk.partner.phone_regions);
        let mut rows = self.city_rows(cities, source);
        rows.push(vec![self.own_button(
            Phrase::TimezoneMore,
            step(source),
            "more",
        )]);
        rows
    }

    fn city_rows(
        &self,
        cities: impl Iterator<Item = &'static City>,
        source: ZoneSource,
    ) -> Vec<Vec<Button>> {
        let language = self.voice();
        let button = |city: &'static City| {
            let text = city.with_time(&language, self.desk.now_ms);
            self.own_press(text, step(source), city.id)
        };
        let rows = cities::rows(cities, &language);
        rows.into_iter()
            .map(|row| row.into_iter().map(button).collect())
            .collect()
    }

    pub(super) fn timezone_pressed(&mut self, step: &str, button: &str) {
        let source = match step {
            "zone_asked" => ZoneSource::Asked,
            _ => ZoneSource::Set,
        };
        match (button, cities::find(button)) {
            ("more", _) => {
                let mut rows = self.city_rows(cities::second_page(), source);
                rows.push(vec![self.own_button(Phrase::TimezoneLess, step, "less")]);
                self.say_phrase_under(Phrase::TimezoneAsk, rows);
            }
            ("less", _) => self.ask_timezone(source),
            (_, Some(city)) => {
                self.set_zone(Zone::chosen(city.zone, source));
                let name = city.name(&self.voice());
                let value = format!("{name}, {}", city.time(self.desk.now_ms));
                self.say_phrase_with(Phrase::TimezoneSet, value);
            }
            (_, None) => self.ignore("a button of another version of the bot"),
        }
    }
}

fn step(source: ZoneSource) -> &'static str {
    match source {
        ZoneSource::Asked => "zone_asked",
        ZoneSource::Partner
        | ZoneSource::Language
        | ZoneSource::Phone
        | ZoneSource::Told
        | ZoneSource::Set => "zone",
    }
}
