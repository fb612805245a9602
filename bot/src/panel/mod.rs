//! The partner's panel inside the bot: `parse` what is asked, read the figures, `view` the answer.

pub mod leads;
pub mod local;
pub mod parse;
pub mod screen;
pub mod settings;
pub mod view;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::config::Hot;
use crate::funnel::Funnels;
use crate::funnel::event::Event;
use crate::lead::{LeadId, Zone, ZoneSource, cities};
use crate::manners::{Change, Manners};
use crate::notify;
use crate::partner::Partner;
use crate::quick::QuickMap;
use crate::store::{Case, EventRow, LeadFilter, Store};
use crate::telegram::incoming::{Incoming, What};
use parse::{Cities, Filter, Request};
use screen::Screen;

/// What the panel works with: the partner's figures and the facts around them.
pub struct Office<'a> {
    pub store: &'a mut Store,
    pub funnels: &'a Funnels,
    pub partner: &'a Partner,
    pub timezone: &'a TimeZone,
    pub hot: &'a Hot,
    /// What holds: the partner's settings over the config.
    pub manners: Manners,
    pub now: i64,
    /// Cases newer than the store's, by chat; the first map is the newest.
    pub fresh: [&'a QuickMap<i64, Case>; 2],
}

impl Office<'_> {
    /// The language the partner reads.
    pub fn language(&self) -> &str {
        self.partner.languages.first().map_or("ru", String::as_str)
    }

    async fn find(&mut self, lead: i64) -> sqlx::Result<Option<Case>> {
        let Some(stored) = self.store.case(lead).await? else {
            return Ok(None);
        };
        let chat_id = stored.lead.chat_id;
        let fresh = self
            .fresh
            .iter()
            .find_map(|cases| cases.get(&chat_id))
            .cloned();
        Ok(Some(fresh.unwrap_or(stored)))
    }
}

/// What the panel answers and what it changed.
pub struct Shown {
    pub screen: Screen,
    /// A message of its own instead of changing the pressed one.
    pub fresh: bool,
    /// The lead whose card the screen is, or 0.
    pub card: i64,
    pub toast: Option<String>,
    pub case: Option<Case>,
    pub events: Vec<EventRow>,
    /// The settings, when the partner changed them.
    pub settings: Option<Change>,
    /// Other screens that must stay true: (chat, message, screen).
    pub others: Vec<(i64, i64, Screen)>,
}

impl Shown {
    fn screen(screen: Screen) -> Shown {
        Shown {
            screen,
            fresh: false,
            card: 0,
            toast: None,
            case: None,
            events: Vec::new(),
            settings: None,
            others: Vec::new(),
        }
    }
}

pub async fn answer(
    office: &mut Office<'_>,
    incoming: &Incoming,
    request: Request,
) -> sqlx::Result<Shown> {
    match request {
        Request::Home => Ok(Shown::screen(home(office))),
        Request::Stats(period) => {
            let window = local::window(period, office.now, office.timezone);
            let stats = office.store.stats(window, office.hot.score).await?;
            let language = office.language().to_owned();
            Ok(Shown::screen(view::stats(&stats, period, |id| {
                office.funnels.title(id, &language)
            })))
        }
        Request::Hot { page } => {
            let offset = i64::from(page) * leads::PAGE;
            let (found, total) = office
                .store
                .hot_leads(office.hot.score, leads::PAGE, offset)
                .await?;
            Ok(Shown::screen(leads::hot(&found, total, page, office.now)))
        }
        Request::Leads(filter, page) => list(office, filter, page).await,
        Request::Tags => Ok(Shown::screen(leads::tags(&office.store.tags().await?))),
        Request::Link => Ok(Shown::screen(links(office))),
        Request::Settings => Ok(Shown::screen(settings_screen(office, office.manners))),
        Request::Choose(choice) => Ok(Shown::screen(settings::choice(choice, &office.manners))),
        Request::Set(change) => Ok(set(office, change)),
        Request::Card(lead) => match office.find(lead).await? {
            Some(case) => Ok(Shown {
                fresh: true,
                card: lead,
                ..Shown::screen(card(office, &case).await?)
            }),
            None => Ok(gone(lead)),
        },
        Request::Again(lead) => match office.find(lead).await? {
            Some(case) => Ok(Shown {
                card: lead,
                ..Shown::screen(card(office, &case).await?)
            }),
            None => Ok(gone(lead)),
        },
        Request::Clock(lead, which) => Ok(match office.find(lead).await? {
            Some(case) => clock(office, &case, which),
            None => gone(lead),
        }),
        // The engine does these, see `wish`; here come those it could not do.
        Request::Hush(lead) | Request::Unhush(lead) | Request::SetClock(lead, _) => {
            match office.find(lead).await? {
                Some(case) => Ok(Shown {
                    toast: Some("Лид сам выбрал своё время".to_owned()),
                    ..Shown::screen(card(office, &case).await?)
                }),
                None => Ok(gone(lead)),
            }
        }
        Request::Handle(lead) | Request::Unhandle(lead) => {
            let Some(case) = office.find(lead).await? else {
                return Ok(gone(lead));
            };
            mark(
                office,
                incoming,
                case,
                matches!(request, Request::Handle(_)),
            )
            .await
        }
    }
}

/// New in a list of leads: those of a week.
const NEW_MS: i64 = 7 * 24 * 3_600_000;

async fn list(office: &mut Office<'_>, filter: Filter, page: u32) -> sqlx::Result<Shown> {
    let mut tag = None;
    let wanted = match filter {
        Filter::All => LeadFilter::All,
        Filter::New => LeadFilter::Since(office.now - NEW_MS),
        Filter::Hot => LeadFilter::Hot(office.hot.score),
        Filter::Waiting => LeadFilter::Waiting,
        Filter::Contact => LeadFilter::Contact,
        Filter::Tag(_) => {
            let tags = office.store.tags().await?;
            let found = tags
                .into_iter()
                .find(|(name, _)| Filter::tag(name) == filter);
            let Some((name, _)) = found else {
                return Ok(Shown::screen(leads::tags(&office.store.tags().await?)));
            };
            tag = Some(name.clone());
            LeadFilter::Tag(name)
        }
    };
    let offset = i64::from(page) * leads::PAGE;
    let (found, total) = office.store.leads(&wanted, leads::PAGE, offset).await?;
    Ok(Shown::screen(leads::list(&leads::List {
        filter,
        tag: tag.as_deref(),
        leads: &found,
        total,
        page,
        now: office.now,
    })))
}

fn settings_screen(office: &Office<'_>, manners: Manners) -> Screen {
    let time = local::clock_time(office.now, office.timezone);
    settings::screen(&manners, &office.partner.timezone, &time)
}

/// The new settings hold from the commit on; the screen shows them at once.
fn set(office: &Office<'_>, change: Change) -> Shown {
    let manners = office.manners.with(change);
    Shown {
        settings: Some(change),
        toast: Some(settings::changed(change)),
        ..Shown::screen(settings_screen(office, manners))
    }
}

/// The partner's links: the bot itself, then every funnel by its first word.
fn links(office: &Office<'_>) -> Screen {
    // A funnel's own name is the plainest of its words.
    let mut chosen: BTreeMap<&str, &str> = BTreeMap::new();
    for (word, funnel) in office.funnels.start_words() {
        let known = chosen.entry(funnel).or_insert(word);
        if word == funnel {
            *known = word;
        }
    }
    let title = |funnel: &str| office.funnels.title(funnel, office.language());
    let links: Vec<(String, String)> = chosen
        .into_iter()
        .map(|(funnel, word)| (title(funnel), word.to_owned()))
        .collect();
    view::links(&office.partner.bot_username, &links)
}

pub fn home(office: &Office<'_>) -> Screen {
    let partner = office.partner;
    let start = start_word(office.funnels);
    view::home(&partner.display_name, &partner.bot_username, &start)
}

/// The deep link of the funnel a bare /start opens.
fn start_word(funnels: &Funnels) -> String {
    let (words, wanted) = (funnels.start_words(), funnels.default_funnel());
    let same = words.iter().find(|(word, _)| *word == wanted);
    let own = words.iter().find(|(_, funnel)| *funnel == wanted);
    let word = same.or(own).or(words.first());
    word.map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}

async fn card(office: &mut Office<'_>, case: &Case) -> sqlx::Result<Screen> {
    let facts = notify::facts(office, case, &[]).await?;
    Ok(notify::screen(&facts, case, &[], office.hot))
}

fn gone(lead: i64) -> Shown {
    let toast = Some(format!("Лида #{lead} больше нет"));
    Shown {
        toast,
        ..Shown::screen(notify::forgotten(lead, false))
    }
}

/// One press wins: the second learns who was first; every card on every screen follows.
async fn mark(
    office: &mut Office<'_>,
    incoming: &Incoming,
    mut case: Case,
    handled: bool,
) -> sqlx::Result<Shown> {
    let name = format!("{} {}", incoming.from.first_name, incoming.from.last_name)
        .trim()
        .to_owned();
    let (toast, changed) = match (handled, case.handled_at != 0) {
        (true, true) => (format!("Уже обработал: {}", case.handled_by), false),
        (true, false) => ("Отмечено: обработан".to_owned(), true),
        (false, true) => ("Вернули в список".to_owned(), true),
        (false, false) => ("Уже в списке".to_owned(), false),
    };
    let mut events = Vec::new();
    if changed {
        case.handled_at = if handled { office.now } else { 0 };
        case.handled_by = if handled { name.clone() } else { String::new() };
        let value = if handled { "on" } else { "off" }.into();
        events.push(EventRow {
            lead_id: case.lead.id,
            at: office.now,
            kind: "handled",
            name: name.into(),
            value,
            ..EventRow::default()
        });
    }
    let shown = everywhere(office, incoming, &case, toast, changed).await?;
    let case = changed.then_some(case);
    Ok(Shown {
        case,
        events,
        ..shown
    })
}

/// The card on the pressed screen and, when it has changed, on every other.
async fn everywhere(
    office: &mut Office<'_>,
    incoming: &Incoming,
    case: &Case,
    toast: String,
    changed: bool,
) -> sqlx::Result<Shown> {
    let screen = card(office, case).await?;
    let pressed = match &incoming.what {
        What::Press { message_id, .. } => (incoming.chat_id, *message_id),
        _ => (0, 0),
    };
    let mut others = Vec::new();
    if changed {
        for (chat_id, message_id) in office.store.card_messages(case.lead.id, 20).await? {
            if (chat_id, message_id) != pressed {
                others.push((chat_id, message_id, screen.clone()));
            }
        }
    }
    Ok(Shown {
        toast: Some(toast),
        others,
        ..Shown::screen(screen)
    })
}

/// What the partner changes in a lead's talk, as the engine understands it; `None` for every other request.
pub fn wish(request: Request) -> Option<(LeadId, Event)> {
    Some(match request {
        Request::Hush(lead) => (lead, Event::Pause { until_ms: i64::MAX }),
        Request::Unhush(lead) => (lead, Event::Pause { until_ms: 0 }),
        Request::SetClock(lead, city) => {
            let zone = Zone::chosen(cities::find(city)?.zone, ZoneSource::Told);
            (lead, Event::Zone(zone))
        }
        _ => return None,
    })
}

/// The lead's cards after such a wish was fulfilled.
pub async fn changed(
    office: &mut Office<'_>,
    incoming: &Incoming,
    request: Request,
    case: &Case,
) -> sqlx::Result<Shown> {
    let toast = match request {
        Request::Hush(_) => "Бот не пишет ему первым. Отвечать будет как раньше".to_owned(),
        Request::Unhush(_) => "Бот снова пишет ему первым".to_owned(),
        Request::SetClock(_, city) => cities::find(city).map_or_else(String::new, |city| {
            format!("Время: {}, {}", city.name("ru"), city.time(office.now))
        }),
        _ => String::new(),
    };
    everywhere(office, incoming, case, toast, true).await
}

/// The lead's own word about their clock is not for the partner to change.
fn clock(office: &Office<'_>, case: &Case, which: Cities) -> Shown {
    let screen = leads::clock(&leads::LeadClock {
        case,
        partner: office.partner,
        which,
        now: office.now,
    });
    Shown {
        card: case.lead.id,
        ..Shown::screen(screen)
    }
}
