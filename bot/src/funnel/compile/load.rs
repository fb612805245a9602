//! Reads the funnel files of a partner; the only part of the language that touches a disk.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::enter::of_config;
use super::sequences::SequenceDraft;
use super::{Compiled, MediaFiles, SEQUENCES, SourceFile, compile};
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::spec_sequence::SequenceSpec;
use crate::partner::Partner;
use crate::yaml;

/// Most files looked at below one `media` directory.
const MOST_MEDIA: usize = 10_000;

/// Loads `*.yaml` of the shared directory with the partner's own files over them; `only` names the funnels in use.
pub fn load(
    shared: &Path,
    own: Option<&Path>,
    only: Option<&[String]>,
    partner: &Partner,
) -> Compiled {
    let mut problems = Vec::new();
    let mut files: BTreeMap<String, SourceFile> = BTreeMap::new();
    for directory in [Some(shared), own].into_iter().flatten() {
        if directory.is_dir() {
            read_directory(directory, "", only, &mut files, &mut problems);
            let sequences = directory.join(SEQUENCES);
            if sequences.is_dir() {
                let place = format!("{SEQUENCES}/");
                read_directory(&sequences, &place, None, &mut files, &mut problems);
            }
        } else if own != Some(directory) {
            problems.push(problem(
                directory,
                "the directory of funnels is not there; create it, or name another with --funnels"
                    .into(),
            ));
        }
    }
    problems.extend(missing(only, &files, &problems));
    if only.is_some() {
        rest_the_useless(&mut files);
    }
    let media = Arc::new(media_files([Some(shared), own].into_iter().flatten()));
    let files: Vec<SourceFile> = files
        .into_values()
        .map(|file| SourceFile {
            media: Some(media.clone()),
            ..file
        })
        .collect();
    let mut compiled = compile(&files, partner);
    compiled.sources = files;
    if !problems.is_empty() {
        compiled.funnels = None;
        problems.append(&mut compiled.diagnostics);
        compiled.diagnostics = problems;
    }
    compiled
}

/// Funnels the partner wants and nobody has written.
fn missing(
    only: Option<&[String]>,
    files: &BTreeMap<String, SourceFile>,
    problems: &[Diagnostic],
) -> Vec<Diagnostic> {
    let broken = |id: &str| {
        problems
            .iter()
            .any(|problem| problem.file.ends_with(&format!("/{id}.yaml")))
    };
    let wanted = only.unwrap_or_default().iter().enumerate();
    let absent = wanted.filter(|(_, id)| !files.contains_key(*id) && !broken(id));
    absent
        .map(|(at, id)| {
            of_config(
                &format!("funnels[{at}]"),
                format!("no funnel file {id}.yaml; add it, or take \"{id}\" off the list"),
            )
        })
        .collect()
}

/// Sequences that lead to funnels this partner does not use.
fn rest_the_useless(files: &mut BTreeMap<String, SourceFile>) {
    let used: BTreeSet<String> = files.keys().cloned().collect();
    for file in files.values_mut().filter(|file| file.is_sequence()) {
        let (spec, ..) = yaml::read::<SequenceSpec>(&file.name, &file.text);
        let needs = spec.map(|spec| SequenceDraft::needs(&spec));
        let missing = needs
            .into_iter()
            .flatten()
            .find(|funnel| !used.contains(funnel));
        file.idle = missing;
    }
}

/// `place` stands before the names, so that a funnel and a sequence may be called alike.
fn read_directory(
    directory: &Path,
    place: &str,
    only: Option<&[String]>,
    files: &mut BTreeMap<String, SourceFile>,
    problems: &mut Vec<Diagnostic>,
) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()),
        Err(error) => return problems.push(problem(directory, format!("cannot be read: {error}"))),
    };
    for path in entries.filter(|path| path.extension().is_some_and(|ext| ext == "yaml")) {
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        let hidden = stem.starts_with('.');
        if hidden || only.is_some_and(|only| !only.contains(&stem)) {
            continue;
        }
        match read_file(directory, &path) {
            Ok(text) => {
                files.insert(
                    format!("{place}{stem}"),
                    SourceFile::new(path.display().to_string(), text),
                );
            }
            Err(found) => problems.push(*found),
        }
    }
}

fn read_file(directory: &Path, path: &Path) -> Result<String, Box<Diagnostic>> {
    let failed =
        |error: std::io::Error| Box::new(problem(path, format!("cannot be read: {error}")));
    if !is_inside(directory, path) {
        return Err(Box::new(problem(
            path,
            "leads out of its directory; put the file itself here".into(),
        )));
    }
    let mut bytes = Vec::new();
    let limit = yaml::MAX_BYTES as u64 + 1;
    fs::File::open(path)
        .map_err(failed)?
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    yaml::text_of(&path.display().to_string(), bytes).map_err(Box::new)
}

/// Whether the file itself, links followed, lies below the directory.
fn is_inside(directory: &Path, path: &Path) -> bool {
    let (Ok(directory), Ok(path)) = (directory.canonicalize(), path.canonicalize()) else {
        return true;
    };
    path.starts_with(directory)
}

/// Files below `media/` of each directory, by the name funnels write; a later directory wins.
fn media_files<'a>(directories: impl Iterator<Item = &'a Path>) -> MediaFiles {
    let mut found = MediaFiles::new();
    for directory in directories {
        let mut open: Vec<PathBuf> = vec![directory.join("media")];
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(about) = fs::metadata(&path) else {
                    continue;
                };
                if about.is_dir() && !path.is_symlink() {
                    open.push(path);
                } else if about.is_file() && is_inside(directory, &path) && found.len() < MOST_MEDIA
                {
                    add(&mut found, directory, &path, about.len());
                }
            }
        }
    }
    found
}

fn add(found: &mut MediaFiles, directory: &Path, path: &Path, bytes: u64) {
    let name = path.strip_prefix(directory).ok().and_then(Path::to_str);
    let whole = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(name) = name {
        found.insert(name.to_owned(), (whole, bytes));
    }
}

fn problem(path: &Path, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: path.display().to_string(),
        line: 0,
        column: 0,
        path: String::new(),
        message,
        source: String::new(),
        width: 0,
    }
}
