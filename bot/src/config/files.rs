//! The files of a partner's directory; the only part of the configuration that touches a disk.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml;

/// A problem of a whole file or directory.
pub(super) fn problem(path: &Path, message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.display().to_string(),
        line: 0,
        column: 0,
        path: String::new(),
        message: message.into(),
        source: String::new(),
        width: 0,
    }
}

/// The text of a file, which must lie inside `home`; `None` when there is no such file.
pub(super) fn read_inside(home: &Path, path: &Path) -> Result<Option<String>, Diagnostic> {
    match check_inside(home, path)? {
        true => read_text(path).map(Some),
        false => Ok(None),
    }
}

/// Whether `path` is there; an error when it leads out of `home`.
pub(super) fn check_inside(home: &Path, path: &Path) -> Result<bool, Diagnostic> {
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(false);
        }
        Err(error) => return Err(problem(path, unreadable(&error))),
    };
    let home = home
        .canonicalize()
        .map_err(|error| problem(home, unreadable(&error)))?;
    if !real.starts_with(&home) {
        return Err(problem(
            path,
            "a link out of the partner's directory; put the file itself here",
        ));
    }
    Ok(true)
}

/// A file that holds secrets is its owner's alone.
pub(super) fn check_private(path: &Path) -> Result<(), Diagnostic> {
    let Ok(meta) = fs::metadata(path) else {
        return Ok(());
    };
    let mode = meta.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(problem(
            path,
            format!(
                "others can reach it (mode {mode:04o}); run: chmod 600 {}",
                path.display()
            ),
        ));
    }
    let Ok(me) = fs::metadata("/proc/self").map(|this| this.uid()) else {
        return Ok(());
    };
    // Root reads everybody's files; a service must own its own.
    if me != 0 && meta.uid() != me {
        return Err(problem(
            path,
            format!(
                "belongs to user {}, not to user {me} who runs this; run: chown {me} {}",
                meta.uid(),
                path.display()
            ),
        ));
    }
    Ok(())
}

pub(super) fn read_text(path: &Path) -> Result<String, Diagnostic> {
    let failed = |error: io::Error| problem(path, unreadable(&error));
    let meta = fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(problem(path, "not a file"));
    }
    // One byte over the limit is enough to be refused; a 50 GB file is not read.
    let limit = yaml::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(failed)?;
    if meta.len() > limit {
        return Err(problem(
            path,
            format!(
                "the file has {} bytes; the limit is {}",
                meta.len(),
                yaml::MAX_BYTES
            ),
        ));
    }
    yaml::text_of(&path.display().to_string(), bytes)
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => {
            "no permission to read it; run as its owner, or change the owner".into()
        }
        _ => format!("cannot be read: {error}"),
    }
}
