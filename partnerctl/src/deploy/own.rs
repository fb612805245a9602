//! Partners' own files from a directory of the operator's: `DIR/<id>/config.yaml` and `DIR/<id>/funnels/`. What the
//! directory says nothing about stays as it is; secrets are never among what comes.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::funnels::{self, Difference};
use crate::backup::archive::sha256_of;
use crate::backup::put_back::Staging;
use crate::fleet::Partner;

pub const CONFIG: &str = "config.yaml";
pub const FUNNELS: &str = "funnels";

/// Where the files come from, for whom something changes, and where the old ones are kept.
pub struct Own {
    pub from: PathBuf,
    pub changes: BTreeMap<String, Difference>,
    /// Itself a directory that can be deployed, to go back.
    pub kept: PathBuf,
    /// Of directories and of files.
    pub modes: (u32, u32),
}

impl Own {
    /// Keeps what is there now of everybody for whom something changes.
    pub fn keep(&self, partners: &[Partner]) -> Result<()> {
        for partner in partners {
            if let Some(difference) = self.changes.get(&partner.id) {
                keep(&partner.dir, difference, &self.kept.join(&partner.id))?;
            }
        }
        Ok(())
    }

    pub fn bring(&self, partner: &Partner) -> Result<()> {
        self.copy(&self.from, partner)
    }

    pub fn put_back(&self, partner: &Partner) -> Result<()> {
        self.copy(&self.kept, partner)
    }

    fn copy(&self, from: &Path, partner: &Partner) -> Result<()> {
        if !self.changes.contains_key(&partner.id) {
            return Ok(());
        }
        let from = from.join(&partner.id);
        bring(&from, &partner.dir, self.modes)
    }
}

/// The hash of each file that may come, by its path inside the partner's directory.
fn files(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let config = dir.join(CONFIG);
    if config.is_file() {
        found.insert(CONFIG.to_owned(), sha256_of(&config)?);
    }
    if dir.join(FUNNELS).is_dir() {
        let inside = funnels::files(&dir.join(FUNNELS))?;
        found.extend(
            inside
                .into_iter()
                .map(|(name, hash)| (format!("{FUNNELS}/{name}"), hash)),
        );
    }
    Ok(found)
}

/// Every file of a directory of partners that may be deployed, with its path inside.
pub fn all_of(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().into_owned();
        for name in files(&entry.path())?.into_keys() {
            found.push((format!("{id}/{name}"), entry.path().join(name)));
        }
    }
    Ok(found)
}

/// What changes in `live` when the files of `new` come.
pub fn difference(live: &Path, new: &Path) -> Result<Difference> {
    let mut old = files(live)?;
    let (config, own_funnels) = (new.join(CONFIG).is_file(), new.join(FUNNELS).is_dir());
    old.retain(|name, _| if name == CONFIG { config } else { own_funnels });
    Ok(Difference::between(&old, &files(new)?))
}

/// A partner's directory as it will be, token and all, in a place that only its owner sees.
pub fn staged(partner: &Partner, from: &Path) -> Result<Staging> {
    let staging = Staging::beside(&partner.dir)?;
    let dir = staging.0.join(&partner.id);
    fs::create_dir(&dir)?;
    bring(&partner.dir, &dir, (0o700, 0o600))?;
    bring(from, &dir, (0o700, 0o600))?;
    let (secrets, beside) = (partner.dir.join(".env"), dir.join(".env"));
    if secrets.is_file() {
        fs::hard_link(&secrets, &beside)
            .with_context(|| format!("cannot link {}", secrets.display()))?;
    }
    Ok(staging)
}

fn keep(live: &Path, difference: &Difference, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let names = difference.names();
    if names.contains(CONFIG) && live.join(CONFIG).is_file() {
        fs::copy(live.join(CONFIG), to.join(CONFIG))?;
    }
    if names.iter().any(|name| name != CONFIG) {
        // Empty says that there was none, so that going back takes away what came.
        fs::create_dir_all(to.join(FUNNELS))?;
        for name in files(live)?.keys().filter(|name| *name != CONFIG) {
            put(&live.join(name), &to.join(name), (0o700, 0o600))?;
        }
    }
    Ok(())
}

/// Funnels first: a configuration may name one that is new.
fn bring(from: &Path, live: &Path, modes: (u32, u32)) -> Result<()> {
    let difference = difference(live, from)?;
    let mut names: Vec<&String> = difference.added.iter().chain(&difference.changed).collect();
    names.sort_by_key(|name| *name == CONFIG);
    for name in names {
        put(&from.join(name), &live.join(name), modes)?;
    }
    for name in &difference.removed {
        let path = live.join(name);
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// A reader sees the old file or the new one.
fn put(from: &Path, to: &Path, (dir_mode, file_mode): (u32, u32)) -> Result<()> {
    let parent = to.parent().context("a file has a directory")?;
    if !parent.is_dir() {
        fs::create_dir_all(parent)?;
        fs::set_permissions(parent, Permissions::from_mode(dir_mode))?;
    }
    let name = to
        .file_name()
        .context("a file has a name")?
        .to_string_lossy();
    let half = parent.join(format!(".{name}.new"));
    fs::copy(from, &half).with_context(|| format!("cannot copy {}", from.display()))?;
    fs::set_permissions(&half, Permissions::from_mode(file_mode))?;
    fs::File::open(&half)?.sync_all()?;
    fs::rename(&half, to).with_context(|| format!("cannot write {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("inside")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn what_comes_replaces_and_what_is_kept_brings_it_back() {
        let root = std::env::temp_dir().join(format!("own-files-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let (live, new) = (root.join("partners/north"), root.join("new"));
        write(&live.join(CONFIG), "display_name: A\n");
        write(&live.join(".env"), "BOT_TOKEN=x\n");
        write(&new.join("north").join(CONFIG), "display_name: B\n");
        write(&new.join("north/.env"), "BOT_TOKEN=other\n");
        write(&new.join("north/funnels/tea.yaml"), "funnel: tea\n");
        let difference = difference(&live, &new.join("north")).expect("compared");
        let names: Vec<String> = difference.names().into_iter().collect();
        assert_eq!(
            names,
            ["config.yaml", "funnels/tea.yaml"],
            "no secret among them"
        );
        let partner = Partner {
            id: "north".to_owned(),
            dir: live.clone(),
            data: live.join("data"),
        };
        let own = Own {
            from: new,
            changes: BTreeMap::from([("north".to_owned(), difference)]),
            kept: root.join("kept"),
            modes: (0o755, 0o644),
        };
        let staging = staged(&partner, &own.from.join("north")).expect("staged");
        let text = |path: PathBuf| fs::read_to_string(path).expect("read");
        assert_eq!(
            text(staging.0.join("north/config.yaml")),
            "display_name: B\n"
        );
        assert_eq!(text(staging.0.join("north/.env")), "BOT_TOKEN=x\n");
        assert_eq!(
            text(live.join(CONFIG)),
            "display_name: A\n",
            "nothing is touched yet"
        );
        own.keep(std::slice::from_ref(&partner)).expect("kept");
        own.bring(&partner).expect("brought");
        assert_eq!(text(live.join(CONFIG)), "display_name: B\n");
        assert!(live.join("funnels/tea.yaml").is_file());
        own.put_back(&partner).expect("back");
        assert_eq!(text(live.join(CONFIG)), "display_name: A\n");
        assert!(!live.join("funnels/tea.yaml").exists());
        assert_eq!(text(live.join(".env")), "BOT_TOKEN=x\n");
        fs::remove_dir_all(&root).expect("removed");
    }
}
