//! Wakes the tidying. Nothing that is due to a person is ever recorded here, so the scheduler's known faults
//! (offsets frozen at start, jobs that stop after a long delay) can at worst make a tidying late.

use tokio::sync::{mpsc, oneshot};
use tokio_cron_scheduler::{Job, JobScheduler};

use super::DeskInput;
use crate::control::Question;

/// Once an hour, at a minute of its own.
const HOURLY: &str = "0 17 * * * *";

pub async fn run(desk: mpsc::UnboundedSender<DeskInput>) {
    if let Err(error) = schedule(desk).await {
        tracing::error!("housekeeping does not run: {error}");
    }
}

async fn schedule(
    desk: mpsc::UnboundedSender<DeskInput>,
) -> Result<(), tokio_cron_scheduler::JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new_async(HOURLY, move |_, _| {
        let desk = desk.clone();
        Box::pin(async move {
            let (reply, tidied) = oneshot::channel();
            if desk
                .send(DeskInput::Ask {
                    question: Question::Tidy,
                    reply,
                })
                .is_ok()
            {
                let _ = tidied.await;
            }
        })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    // The scheduler stops when it is dropped.
    std::future::pending::<()>().await;
    Ok(())
}
