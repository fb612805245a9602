//! Digests by the partner's clock. What is due follows from the days told already and the clock, so a restart, a
//! change of the settings or a jump of the clock needs no repair; the scheduler of housekeeping has no part in it.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::json;

use super::desk::Desk;
use super::round::Work;
use super::turn::Turn;
use crate::funnel::effect::{Media, MediaKind, MediaSource};
use crate::notify::agenda::{self, Due, Kind};
use crate::notify::chart::{self, Chart};
use crate::notify::digest::{self, Digest};
use crate::store::{DigestRow, OutboxRow};

/// Where the pictures of weeks lie, below the data directory.
const PICTURES: &str = "weeks";
const DAY_MS: i64 = 86_400_000;
/// The first digest, and one after a long silence, covers no more.
const MOST_COVERED_MS: i64 = 31 * DAY_MS;

/// How long it is trusted when the next digest is due: somebody may set the clock.
const RECKON_EVERY_MS: i64 = 15 * 60_000;

impl Desk {
    /// When the next digest is due; asked when one was told, the settings changed, or the bot starts.
    pub(super) async fn reckon_digest(&mut self, now: i64) {
        self.reckoned_at = now;
        self.digest_at = match self.agenda(now).await {
            Ok(due) => due.into_iter().map(|due| due.at).min(),
            // Asked after a commit, which must stand.
            Err(error) => {
                tracing::warn!("when the next digest is due is asked again in a minute: {error}");
                Some(now + 60_000)
            }
        };
    }

    /// Told, changed, or the clock did not go on as clocks do.
    pub(super) fn digest_needs_reckoning(&self, now: i64) -> bool {
        let due = self.digest_at.is_some_and(|at| at <= now);
        due || now < self.reckoned_at || now > self.reckoned_at + RECKON_EVERY_MS
    }

    async fn agenda(&mut self, now: i64) -> sqlx::Result<Vec<Due>> {
        let zone = self.live.timezone.clone();
        let manners = self.manners();
        let today = Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let today = today.to_zoned(zone.clone()).date().to_string();
        let mut due = Vec::new();
        for kind in Kind::ALL {
            let told = self.store.digest_days(kind.word(), &today).await?;
            let is_done = |day: Date| told.contains(&day.to_string());
            due.extend(agenda::next(kind, &manners, &zone, now, is_done));
        }
        Ok(due)
    }

    /// Writes what is due into this round: at most one digest of a kind for a day, in one commit with its messages.
    pub(super) async fn tell_digests(&mut self, work: &mut Work) -> sqlx::Result<()> {
        let now = work.now;
        let due = self.agenda(now).await?;
        for due in due.into_iter().filter(|due| due.at <= now) {
            let since = self.since(due.kind, work.now).await?;
            let rows = match due.kind {
                Kind::Daily => self.daily(work, since).await?,
                Kind::Weekly => self.weekly(work, due.day).await?,
            };
            let first = work.counters.outbox + 1;
            let messages = if rows.is_empty() {
                (0, 0)
            } else {
                work.merge(Turn {
                    outbox: rows,
                    ..Turn::default()
                });
                (first, work.counters.outbox)
            };
            work.batch.digests.push(DigestRow {
                kind: due.kind.word(),
                day: due.day.to_string(),
                covers_from: since,
                covers_to: work.now,
                messages,
            });
        }
        Ok(())
    }

    /// What the last digest that surely arrived had not told yet.
    async fn since(&mut self, kind: Kind, now: i64) -> sqlx::Result<i64> {
        let ordinary = match kind {
            Kind::Daily => DAY_MS,
            Kind::Weekly => 7 * DAY_MS,
        };
        let covered = self.store.digest_covered(kind.word(), now).await?;
        let since = covered.unwrap_or(now - ordinary);
        Ok(since.clamp(now - MOST_COVERED_MS, now - 1))
    }

    async fn daily(&mut self, work: &Work, since: i64) -> sqlx::Result<Vec<OutboxRow>> {
        let hot = self.live.hot.score;
        let news = self.store.news(since, hot).await?;
        if !digest::is_worth(&news) {
            return Ok(Vec::new());
        }
        let (waiting, total) = self.store.hot_leads(hot, digest::NAMED, 0).await?;
        let days = (work.now - since + DAY_MS / 2) / DAY_MS;
        let screen = digest::screen(&Digest {
            news: &news,
            waiting: &waiting,
            total,
            now: work.now,
            days,
        });
        let people = self.team.iter();
        Ok(people
            .map(|member| {
                super::partner::digest_row(*member, screen.send(*member), String::new(), work.now)
            })
            .collect())
    }

    /// A week's picture, or nothing for a week in which nobody came.
    async fn weekly(&mut self, work: &Work, day: Date) -> sqlx::Result<Vec<OutboxRow>> {
        let zone = self.live.timezone.clone();
        let Some(monday) = day.checked_sub(7.days()).ok() else {
            return Ok(Vec::new());
        };
        let midnight = |ahead: i64| {
            let date = monday.checked_add(ahead.days()).ok()?;
            let start = date.to_zoned(zone.clone()).ok()?;
            Some(start.timestamp().as_millisecond())
        };
        let (Some(before), Some(from), Some(to)) = (midnight(-7), midnight(0), midnight(7)) else {
            return Ok(Vec::new());
        };
        let week = self.store.week(from, to).await?;
        if week.came == 0 {
            return Ok(Vec::new());
        }
        let last = self.store.week(before, from).await?;
        let mut days = [0; 7];
        for at in self.store.arrivals(from, to).await? {
            let local = Timestamp::from_millisecond(at).map(|at| at.to_zoned(zone.clone()));
            let weekday = local.map_or(0, |local| local.weekday().to_monday_zero_offset());
            days[usize::try_from(weekday).unwrap_or(0)] += 1;
        }
        let partner = &self.live.partner;
        let svg = chart::svg(&Chart {
            partner: &partner.display_name,
            monday,
            week: &week,
            days,
            before: last.came,
        });
        let path = match keep_picture(&self.app.data_dir, day, &svg) {
            Ok(path) => path,
            Err(error) => {
                tracing::error!(partner.id = %partner.id, "the picture of the week cannot be written ({error}); there will be none");
                return Ok(Vec::new());
            }
        };
        let media = Media {
            kind: MediaKind::Photo,
            source: MediaSource::File(path),
        };
        let media = serde_json::to_string(&media).unwrap_or_default();
        let caption = format!(
            "📈 <b>Неделя {}</b>\n{}",
            chart::span(monday),
            chart::trend(week.came, last.came)
        );
        let people = self.team.iter();
        Ok(people
            .map(|member| {
                let payload =
                    json!({ "chat_id": member, "caption": caption, "parse_mode": "HTML" });
                let call = ("SendPhoto".to_owned(), payload.to_string());
                super::partner::digest_row(*member, call, media.clone(), work.now)
            })
            .collect())
    }
}

/// The picture lies beside the data until it was sent: the row that names it may outlive the process.
fn keep_picture(data: &Path, day: Date, svg: &str) -> std::io::Result<PathBuf> {
    let dir = data.join(PICTURES);
    std::fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{day}.svg"));
    std::fs::write(&path, svg)?;
    Ok(path)
}

/// Pictures kept: an older one has been sent or never will be.
const KEPT_PICTURES: usize = 3;

/// Old pictures go with housekeeping.
pub(super) fn drop_old_pictures(data: &Path) {
    let Ok(entries) = std::fs::read_dir(data.join(PICTURES)) else {
        return;
    };
    let mut pictures: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    pictures.sort();
    // Named by their day, one a week.
    for path in pictures.iter().rev().skip(KEPT_PICTURES) {
        let _ = std::fs::remove_file(path);
    }
}
