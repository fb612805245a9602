//! Shared funnels by version: `<fleet>/funnels` is a link to `<fleet>/funnels.versions/<hash>`. Swapping the link
//! changes nothing by itself: a bot reads it when it is told to reload, so a canary can go first.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::backup::archive::{hex, sha256_of};
use crate::backup::put_back::Staging;

/// The hash of each file of a directory of funnels, by its path inside.
pub fn files(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut open = vec![(String::new(), dir.to_owned())];
    while let Some((inside, path)) = open.pop() {
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let inside = match inside.is_empty() {
                true => name,
                false => format!("{inside}/{name}"),
            };
            if entry.path().is_dir() {
                open.push((inside, entry.path()));
            } else {
                found.insert(inside, sha256_of(&entry.path())?);
            }
        }
    }
    Ok(found)
}

/// The name of a version: the first of the hash over all its files.
pub fn version(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, file) in files {
        hash.update(format!("{name}\0{file}\n"));
    }
    hex(&hash.finalize())[..8].to_owned()
}

/// How two versions differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    pub added: BTreeSet<String>,
    pub changed: BTreeSet<String>,
    pub removed: BTreeSet<String>,
}

impl Difference {
    pub fn between(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Self {
        let mut difference = Difference::default();
        for (name, hash) in new {
            match old.get(name) {
                None => drop(difference.added.insert(name.clone())),
                Some(other) if other != hash => drop(difference.changed.insert(name.clone())),
                Some(_) => {}
            }
        }
        let gone = old.keys().filter(|name| !new.contains_key(*name));
        difference.removed = gone.cloned().collect();
        difference
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    pub fn names(&self) -> BTreeSet<String> {
        let all = [&self.added, &self.changed, &self.removed];
        all.into_iter().flatten().cloned().collect()
    }
}

/// Which of these shared files a partner has replaced by its own.
pub fn overridden(partner: &Path, changed: &BTreeSet<String>) -> BTreeSet<String> {
    let own = partner.join("funnels");
    let has = |name: &&String| own.join(name).is_file();
    changed.iter().filter(has).cloned().collect()
}

pub fn versions_dir(link: &Path) -> PathBuf {
    link.with_file_name("funnels.versions")
}

/// Copies a directory of funnels to its place among the versions.
pub fn add(from: &Path, link: &Path) -> Result<(String, PathBuf)> {
    let files = files(from)?;
    let name = version(&files);
    let home = versions_dir(link).join(&name);
    if home.is_dir() {
        return Ok((name, home));
    }
    let staging = Staging::beside(&home)?;
    for inside in files.keys() {
        let target = staging.0.join(inside);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(from.join(inside), &target).with_context(|| format!("cannot copy {inside}"))?;
    }
    readable(&staging.0)?;
    fs::rename(&staging.0, &home).with_context(|| format!("cannot make {}", home.display()))?;
    Ok((name, home))
}

/// A bot with a user of its own must be able to read shared funnels, whatever the umask was.
fn readable(dir: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.is_dir() {
            true => readable(&path)?,
            false => fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?,
        }
    }
    Ok(())
}

/// The version the link leads to; a plain directory is made one first, in place.
pub fn adopt(link: &Path) -> Result<Option<PathBuf>> {
    let Ok(meta) = link.symlink_metadata() else {
        return Ok(None);
    };
    if meta.is_symlink() {
        return Ok(Some(fs::canonicalize(link)?));
    }
    if !meta.is_dir() {
        bail!("{}: neither a directory nor a link to one", link.display());
    }
    let (_, home) = add(link, link)?;
    let aside = link.with_file_name("funnels.before");
    let _ = fs::remove_dir_all(&aside);
    fs::rename(link, &aside)?;
    let swapped = swap(link, &home);
    if swapped.is_err() {
        fs::rename(&aside, link)?;
    }
    swapped?;
    fs::remove_dir_all(&aside)?;
    Ok(Some(home))
}

/// Lets the link lead elsewhere, in one step.
pub fn swap(link: &Path, home: &Path) -> Result<()> {
    let name = home.file_name().context("a version has a name")?;
    let half = link.with_file_name(".funnels.new");
    let _ = fs::remove_file(&half);
    std::os::unix::fs::symlink(Path::new("funnels.versions").join(name), &half)?;
    fs::rename(&half, link).with_context(|| format!("cannot swap {}", link.display()))
}

/// The versions that are there, with the time of each, the newest first.
pub fn versions(link: &Path) -> Vec<(String, std::time::SystemTime)> {
    let entries = fs::read_dir(versions_dir(link))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<(String, std::time::SystemTime)> = entries
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .filter_map(|entry| {
            let at = entry.metadata().ok()?.modified().ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), at))
        })
        .collect();
    found.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_its_files_and_the_link_leads_to_one() {
        let root = std::env::temp_dir().join(format!("funnels-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let (link, new) = (root.join("funnels"), root.join("new"));
        for (dir, text) in [(&link, "a: 1"), (&new, "a: 2")] {
            fs::create_dir_all(dir.join("media")).expect("made");
            fs::write(dir.join("weight.yaml"), text).expect("written");
            fs::write(dir.join("media/gift.png"), "picture").expect("written");
        }
        let old = adopt(&link).expect("adopted").expect("a version");
        assert_eq!(
            fs::read_to_string(link.join("weight.yaml")).expect("read"),
            "a: 1"
        );
        assert_eq!(adopt(&link).expect("again"), Some(old.clone()));
        let (name, home) = add(&new, &link).expect("added");
        let difference =
            Difference::between(&files(&old).expect("old"), &files(&home).expect("new"));
        assert_eq!(
            difference.names(),
            BTreeSet::from(["weight.yaml".to_owned()])
        );
        assert_eq!(version(&files(&new).expect("new")), name);
        swap(&link, &home).expect("swapped");
        assert_eq!(
            fs::read_to_string(link.join("weight.yaml")).expect("read"),
            "a: 2"
        );
        assert_eq!(versions(&link).len(), 2);
        fs::remove_dir_all(&root).expect("removed");
    }

    #[test]
    fn a_partners_own_file_is_an_override() {
        let root = std::env::temp_dir().join(format!("override-{}", std::process::id()));
        fs::create_dir_all(root.join("funnels")).expect("made");
        fs::write(root.join("funnels/weight.yaml"), "mine").expect("written");
        let changed = ["energy.yaml", "weight.yaml"].map(str::to_owned).into();
        assert_eq!(
            overridden(&root, &changed),
            BTreeSet::from(["weight.yaml".to_owned()])
        );
        fs::remove_dir_all(&root).expect("removed");
    }
}
