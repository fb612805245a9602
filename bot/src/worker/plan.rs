//! What the files of a directory would mean for those who are inside, before they go live: read beside the desk, so
//! that nobody who talks waits for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{DeskInput, reload};
use crate::app::App;
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::EditPlan;
use crate::lead::LeadId;
use crate::store;

const PAGE: usize = 2_000;

/// `{lines, changes, waiting}`, or `{problems}` when the files are refused.
pub async fn tell(
    app: Arc<App>,
    desk: mpsc::UnboundedSender<DeskInput>,
    dir: Option<PathBuf>,
) -> anyhow::Result<Value> {
    let (reply, live) = oneshot::channel();
    desk.send(DeskInput::Live(reply))?;
    let live = live.await?;
    let loading = app.clone();
    let (disk, compiled) = tokio::task::spawn_blocking(move || {
        let disk = reload::read(&loading);
        let compiled = reload::compile(&disk.live, dir.as_deref());
        (disk, compiled)
    })
    .await?;
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    let is_refused = disk.problems.iter().any(is_error);
    let Some(next) = compiled.funnels.filter(|_| !is_refused) else {
        let found = disk.problems.iter().chain(&compiled.diagnostics);
        let errors = found.filter(|problem| is_error(problem));
        let problems: Vec<String> = errors.map(ToString::to_string).collect();
        return Ok(json!({ "problems": problems }));
    };
    let mut store = store::open_read_only(&app.data_dir, &app.partner().id).await?;
    let mut plan = EditPlan::new(&live, &next, app.clock.now_ms());
    let mut after = (0 as LeadId, String::new());
    loop {
        let page = store.waiting(&after, PAGE).await?;
        for timer in &page {
            plan.count(timer.lead_id, &timer.name, &timer.data);
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = (last.lead_id, last.name.to_string()),
            _ => break,
        }
        tokio::task::yield_now().await;
    }
    for (funnel, step, leads) in store.standing().await? {
        plan.stands(&funnel, &step, u64::try_from(leads).unwrap_or(0));
    }
    store.close().await?;
    let mut told = serde_json::to_value(plan.report())?;
    told["live"] = Value::from(live.hash() == next.hash() && disk.changed.is_empty());
    told["config"] = json!({ "reload": disk.changed, "restart": disk.restart });
    Ok(told)
}

/// The directory named by a caller of the private socket, if any.
pub fn directory(query: &str) -> Option<PathBuf> {
    let given = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("dir="))?;
    let bytes = percent_decoded(given);
    let path = Path::new(std::str::from_utf8(&bytes).ok()?).to_owned();
    path.is_absolute().then_some(path)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).filter(|_| *first == b'%');
        let byte = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_read_from_the_query_and_must_be_whole() {
        assert_eq!(
            directory("dir=/srv/%D0%BC%20x"),
            Some(PathBuf::from("/srv/м x"))
        );
        assert_eq!(
            directory("a=1&dir=/srv/funnels"),
            Some(PathBuf::from("/srv/funnels"))
        );
        assert_eq!(directory("dir=funnels"), None);
        assert_eq!(directory("dir=/a%2"), Some(PathBuf::from("/a%2")));
    }
}
