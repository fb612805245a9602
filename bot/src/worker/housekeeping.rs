//! Wakes the tidying. Nothing that is due to a person is ever recorded here, so the scheduler's known faults
//! (offsets frozen at start, jobs that stop after a long delay) can at worst make a tidying late.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_cron_scheduler::{Job, JobScheduler};

use super::DeskInput;
use crate::clock::Clock;
use crate::control::Question;

/// Once an hour, at a minute of its own.
const HOURLY: &str = "0 17 * * * *";
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How long before its minute the scheduler is made, and how long it may take.
const EARLY_MS: i64 = 10_000;
const LONGEST: Duration = Duration::from_secs(60);

/// The scheduler looks twice a second whether something is due, which would be most of an idle bot's work: so it lives
/// only around its minute, in a runtime that takes along the tasks it leaves behind.
pub async fn run(desk: mpsc::UnboundedSender<DeskInput>) {
    loop {
        tokio::time::sleep(until_next(Clock::new(0).now_ms())).await;
        let (told, done) = oneshot::channel();
        let desk = desk.clone();
        // A thread and not a blocking task: a stop must not wait for it.
        std::thread::spawn(move || told.send(moment(desk)));
        if let Ok(Err(error)) = done.await {
            tracing::error!("housekeeping did not run: {error:#}");
        }
    }
}

fn moment(desk: mpsc::UnboundedSender<DeskInput>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async { tokio::time::timeout(LONGEST, once(desk)).await? })
}

/// Until shortly before the job's minute of the hour.
fn until_next(now_ms: i64) -> Duration {
    let wanted = 17 * MINUTE_MS - EARLY_MS;
    let wait = (wanted - now_ms).rem_euclid(HOUR_MS);
    Duration::from_millis(u64::try_from(wait).unwrap_or(0))
}

async fn once(desk: mpsc::UnboundedSender<DeskInput>) -> anyhow::Result<()> {
    let (done, mut is_done) = mpsc::unbounded_channel();
    let mut scheduler = JobScheduler::new().await?;
    let job = Job::new_async(HOURLY, move |_, _| {
        let (desk, done) = (desk.clone(), done.clone());
        Box::pin(async move {
            let (reply, tidied) = oneshot::channel();
            let question = Question::Tidy;
            if desk.send(DeskInput::Ask { question, reply }).is_ok() {
                let _ = tidied.await;
            }
            let _ = done.send(());
        })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    is_done.recv().await;
    scheduler.shutdown().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_wakes_ten_seconds_before_its_minute_and_once_an_hour() {
        let at =
            |minute: i64, second: i64| until_next(minute * MINUTE_MS + second * 1_000).as_secs();
        assert_eq!(at(0, 0), 16 * 60 + 50);
        assert_eq!(at(16, 49), 1);
        assert_eq!(at(16, 50), 0);
        assert_eq!(at(17, 0), 3_590);
        assert_eq!(at(59, 0), 17 * 60 + 50);
    }
}
