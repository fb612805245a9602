//! The funnels' start words, for the page's choice of links.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bot::funnel::spec::{FunnelSpec, Text};
use serde::Serialize;

/// One deep link: `t.me/<bot>?start=<payload>`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StartWord {
    pub payload: String,
    pub funnel: String,
    pub title: String,
}

type Print = Vec<(PathBuf, Option<SystemTime>, u64)>;

/// Reads the words again only when a file has changed.
pub struct StartWords {
    dirs: Vec<PathBuf>,
    seen: Option<Print>,
    words: Vec<StartWord>,
}

impl StartWords {
    /// A funnel of a later directory takes the place of one with the same file name.
    pub fn new(dirs: Vec<PathBuf>) -> StartWords {
        StartWords {
            dirs,
            seen: None,
            words: Vec::new(),
        }
    }

    /// A file that cannot be read keeps the words of the last good reading of all.
    pub fn get(&mut self) -> Vec<StartWord> {
        let files = files(&self.dirs);
        let print = print(&files);
        if self.seen.as_ref() != Some(&print) {
            if let Some(words) = files
                .values()
                .map(|path| words_of(path))
                .collect::<Option<Vec<_>>>()
            {
                self.words = words.concat();
            }
            self.seen = Some(print);
        }
        self.words.clone()
    }
}

fn files(dirs: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let entries = dirs
        .iter()
        .filter_map(|dir| fs::read_dir(dir).ok())
        .flatten()
        .flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect()
}

fn print(files: &BTreeMap<String, PathBuf>) -> Print {
    let meta = |path: &PathBuf| {
        let meta = fs::metadata(path).ok();
        let modified = meta.as_ref().and_then(|meta| meta.modified().ok());
        (path.clone(), modified, meta.map_or(0, |meta| meta.len()))
    };
    files.values().map(meta).collect()
}

fn words_of(path: &Path) -> Option<Vec<StartWord>> {
    let text = fs::read_to_string(path).ok()?;
    let (spec, _, _) = bot::yaml::read::<FunnelSpec>(&path.to_string_lossy(), &text);
    let spec = spec?;
    let title = match &spec.title {
        Text::Plain(title) => title.clone(),
        Text::ByLanguage(titles) => titles.get("ru").or(titles.values().next())?.clone(),
    };
    let word = |payload: &String| StartWord {
        payload: payload.clone(),
        funnel: spec.funnel.clone(),
        title: title.clone(),
    };
    Some(spec.enter.start.iter().map(word).collect())
}
