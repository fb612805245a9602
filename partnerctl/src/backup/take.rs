//! Takes one backup: a copy by the bot itself, opened and counted, sealed, read again, and old ones thrown away.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use age::x25519::Recipient;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::archive::{self, Inspection, Manifest};
use super::rotation::{self, Keep};
use super::seal;
use super::shelf::{self, Label, Shelved};
use crate::bot_program::BotProgram;
use crate::fleet::Partner;

/// A plain copy of the data that is gone when dropped.
pub struct Copy {
    pub file: PathBuf,
    pub data: Inspection,
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Asks the running bot for a copy, or its program when it is stopped; the copy is opened and counted by
/// another process than the one that wrote it.
pub async fn copy(partner: &Partner, program: &BotProgram) -> Result<Copy> {
    let file = match program.copy_running(&partner.data).await? {
        Some(file) => file,
        None => {
            let file = partner.data.join("copy.db");
            program
                .copy_stopped(&partner.dir, &partner.data, &file)
                .await?;
            file
        }
    };
    let mut copy = Copy {
        file,
        data: Inspection::default(),
    };
    copy.data = program.inspect(&copy.file).await?;
    ensure!(
        copy.data.partner == partner.id,
        "{}: holds the data of \"{}\", not of \"{}\"",
        copy.file.display(),
        copy.data.partner,
        partner.id
    );
    Ok(copy)
}

/// What goes into the archive, and its manifest.
pub fn contents(
    partner: &Partner,
    copy: &Copy,
    version: &str,
    now_ms: i64,
) -> Result<(Manifest, Vec<(String, PathBuf)>)> {
    let mut files = archive::partner_files(&partner.dir)?;
    files.push((archive::DATA.to_owned(), copy.file.clone()));
    let erased = partner.data.join("erased.list");
    if erased.is_file() {
        files.push((archive::ERASED.to_owned(), erased));
    }
    let manifest = Manifest {
        format: archive::FORMAT,
        partner: partner.id.clone(),
        taken_at_ms: now_ms,
        version: version.to_owned(),
        data: copy.data.clone(),
        files: Default::default(),
    };
    Ok((manifest, files))
}

/// Takes a backup of one partner into `backups`.
pub async fn take(
    partner: &Partner,
    program: &BotProgram,
    keys: &[Recipient],
    backups: &Path,
    now_ms: i64,
) -> Result<Shelved> {
    let copy = copy(partner, program).await?;
    let (manifest, files) = contents(partner, &copy, env!("CARGO_PKG_VERSION"), now_ms)?;
    let home = shelf::home(backups, &partner.id);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&home)
        .with_context(|| format!("cannot make {}", home.display()))?;
    let file = home.join(format!("{}.age", shelf::stamp(now_ms)));
    let half = file.with_extension("half");
    let sealed = write_sealed(manifest, &files, keys, &half);
    drop(copy);
    if sealed.is_err() {
        let _ = fs::remove_file(&half);
    }
    let (sha256, bytes, data) = sealed?;
    let shelved = Shelved {
        label: Label {
            partner: partner.id.clone(),
            taken_at_ms: now_ms,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            bytes,
            sha256,
            data,
        },
        file,
    };
    // The label first: an archive without a label would be no backup, a label without an archive is none either.
    write_private(
        &shelved.file.with_extension("json"),
        &serde_json::to_vec_pretty(&shelved.label)?,
    )?;
    fs::rename(&half, &shelved.file)?;
    File::open(&home)?.sync_all()?;
    keep_erased(partner, backups)?;
    shelf::verify(&shelved)?;
    Ok(shelved)
}

fn write_sealed(
    manifest: Manifest,
    files: &[(String, PathBuf)],
    keys: &[Recipient],
    half: &Path,
) -> Result<(String, u64, Inspection)> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(half)
        .with_context(|| format!("cannot write {}", half.display()))?;
    let sealed = seal::seal(keys, Hashed::new(file))?;
    let (manifest, sealed) = archive::pack(manifest, files, sealed)?;
    let hashed = sealed.finish()?;
    hashed.file.sync_all()?;
    let digest = archive::hex(&hashed.hash.finalize());
    Ok((digest, hashed.bytes, manifest.data))
}

/// The list of erased people stands beside the backups too: an old archive does not know the newest of them.
fn keep_erased(partner: &Partner, backups: &Path) -> Result<()> {
    let list = partner.data.join("erased.list");
    match fs::read(&list) {
        Ok(text) => write_private(&backups.join(format!("{}.erased", partner.id)), &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", list.display())),
    }
}

/// Removes what rotation lets go; the times that went.
pub fn rotate(backups: &Path, partner: &str, keep: Keep) -> Result<Vec<i64>> {
    let all = shelf::list(backups, partner);
    let times: Vec<i64> = all.iter().map(|one| one.label.taken_at_ms).collect();
    let gone = rotation::outdated(&times, keep);
    for shelved in &all {
        if gone.contains(&shelved.label.taken_at_ms) {
            fs::remove_file(&shelved.file)?;
            fs::remove_file(shelved.file.with_extension("json"))?;
        }
    }
    Ok(gone)
}

/// A whole file only its owner can read, or none.
pub fn write_private(path: &Path, text: &[u8]) -> Result<()> {
    let half = path.with_extension("tmp");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&half)
        .with_context(|| format!("cannot write {}", half.display()))?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&half, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Counts and hashes what passes.
struct Hashed {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Hashed {
    fn new(file: File) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
        }
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
