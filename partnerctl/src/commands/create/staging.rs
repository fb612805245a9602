//! Files that appear all at once under their final name, or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::layout::Layout;

/// `<partners>/.new-…/<id>`; removed when dropped before `publish`.
pub struct Staging {
    /// The directory of all partners, when it was made for this one.
    made: Option<PathBuf>,
    top: PathBuf,
    id: String,
    /// Of the directory and of files without secrets.
    modes: (u32, u32),
}

impl Staging {
    pub fn create(layout: &Layout, id: &str) -> Result<Self> {
        let partners = &layout.partners;
        let made = (!partners.exists()).then(|| partners.to_owned());
        fs::create_dir_all(partners)
            .with_context(|| format!("cannot make {}", partners.display()))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let top = partners.join(format!(".new-{:016x}", u64::from_ne_bytes(random)));
        let staging = Self {
            made,
            top,
            id: id.to_owned(),
            modes: layout.partner_modes(),
        };
        let home = staging.home();
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&home)
            .and_then(|()| fs::set_permissions(&home, Permissions::from_mode(staging.modes.0)))
            .with_context(|| format!("cannot make {}", home.display()))?;
        Ok(staging)
    }

    pub fn home(&self) -> PathBuf {
        self.top.join(&self.id)
    }

    /// A file only its owner can read.
    pub fn write_secret(&self, name: &str, text: &str) -> Result<()> {
        self.write_as(name, text, 0o600)
    }

    /// A file the bot's own user can read.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        self.write_as(name, text, self.modes.1)
    }

    fn write_as(&self, name: &str, text: &str, mode: u32) -> Result<()> {
        let path = self.home().join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        file.set_permissions(Permissions::from_mode(mode))
            .and_then(|()| file.write_all(text.as_bytes()))
            .and_then(|()| file.sync_all())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    pub fn publish(mut self, home: &Path) -> Result<()> {
        // A rename would silently replace an empty directory.
        anyhow::ensure!(
            home.symlink_metadata().is_err(),
            "{} exists",
            home.display()
        );
        File::open(self.home()).and_then(|dir| dir.sync_all())?;
        fs::rename(self.home(), home).with_context(|| format!("cannot make {}", home.display()))?;
        self.made = None;
        let partners = home.parent().context("a partner has a parent directory")?;
        File::open(partners).and_then(|dir| dir.sync_all())?;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing better can be done about a directory that will not go.
        let _ = fs::remove_dir_all(&self.top);
        if let Some(partners) = &self.made {
            let _ = fs::remove_dir(partners);
        }
    }
}
