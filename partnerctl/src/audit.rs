//! One line per action, appended and synced: who did what to whom, and how it ended.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::host::Host;
use crate::layout::Layout;

/// A line of the log. No field ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// RFC 3339, UTC.
    pub at: String,
    pub who: String,
    pub host: String,
    pub verb: String,
    pub partners: Vec<String>,
    /// What of it, in words: `0.1.0 -> 0.2.0`, `hot.score`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// `done`, or the reason why not.
    pub result: String,
}

/// Appends a line; when that is impossible, says so and lets the action stand.
pub fn record(
    layout: &Layout,
    host: &dyn Host,
    verb: &str,
    partners: &[String],
    what: &str,
    result: &std::result::Result<(), String>,
) {
    let line = Line {
        at: host.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        who: host.machine().user.clone(),
        host: host.machine().name.clone(),
        verb: verb.to_owned(),
        partners: partners.to_vec(),
        what: what.to_owned(),
        result: result
            .clone()
            .map_or_else(|reason| reason, |()| "done".to_owned()),
    };
    if let Err(error) = append(layout, &line) {
        host.err(&format!("warning: not in the audit log: {error:#}"));
    }
}

/// How something ended, for the log.
pub fn told(done: &Result<()>) -> std::result::Result<(), String> {
    match done {
        Ok(()) => Ok(()),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn append(layout: &Layout, line: &Line) -> Result<()> {
    let path = layout.audit();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&layout.state)
        .with_context(|| format!("cannot make {}", layout.state.display()))?;
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    // One write: lines of two commands at once do not mix.
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

/// All lines, oldest first. A line cut by a power failure is left out.
pub fn read(layout: &Layout) -> Result<Vec<Line>> {
    let path = layout.audit();
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    Ok(lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect())
}
