//! A partner's archive: a gzipped tar with `manifest.json` first. Backups seal it, `move` sends it over ssh.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What `bot inspect` tells of a data file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub partner: String,
    pub schema: i64,
    pub rows: BTreeMap<String, i64>,
    pub ledger: String,
}

/// The first file of an archive: what must come out of the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    pub partner: String,
    pub taken_at_ms: i64,
    /// Of the program that took it.
    pub version: String,
    pub data: Inspection,
    /// SHA-256 by path.
    pub files: BTreeMap<String, String>,
}

pub const FORMAT: u32 = 1;
/// The data file's path inside.
pub const DATA: &str = "data/bot.db";
/// Hashes of people who asked to be forgotten.
pub const ERASED: &str = "data/erased.list";
/// What stands in the partner's directory goes below this.
pub const PARTNER: &str = "partner";

/// The files of a partner's directory as (path inside, file), without data and without what editors leave.
pub fn partner_files(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    let mut open = vec![(PARTNER.to_owned(), dir.to_owned())];
    while let Some((name, path)) = open.pop() {
        if path.is_file() {
            found.push((name, path));
            continue;
        }
        let entries =
            fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            let link = entry.file_type()?.is_symlink();
            if link || file.ends_with('~') || (name == PARTNER && file == "data") {
                continue;
            }
            open.push((format!("{name}/{file}"), entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

pub fn sha256_of(path: &Path) -> Result<String> {
    let mut file =
        fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buffer[..read]);
    }
}

/// Writes the archive; the manifest's `files` are filled in from what is written.
pub fn pack<W: Write>(
    mut manifest: Manifest,
    files: &[(String, PathBuf)],
    out: W,
) -> Result<(Manifest, W)> {
    for (name, path) in files {
        manifest.files.insert(name.clone(), sha256_of(path)?);
    }
    let mut tar = tar::Builder::new(GzEncoder::new(out, Compression::fast()));
    let text = serde_json::to_vec_pretty(&manifest)?;
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o600);
    header.set_cksum();
    tar.append_data(&mut header, "manifest.json", &text[..])?;
    for (name, path) in files {
        let mut file =
            fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let meta = file.metadata()?;
        let mut header = tar::Header::new_gnu();
        header.set_size(meta.len());
        header.set_mode(meta.permissions().mode() & 0o777);
        header.set_cksum();
        tar.append_data(&mut header, name, &mut file)
            .with_context(|| format!("cannot pack {}", path.display()))?;
    }
    let out = tar.into_inner()?.finish()?;
    Ok((manifest, out))
}

/// Unpacks into `dir`, which must be empty, and compares every file with the manifest.
pub fn unpack(input: impl Read, dir: &Path) -> Result<Manifest> {
    let mut tar = tar::Archive::new(GzDecoder::new(input));
    let mut manifest: Option<Manifest> = None;
    let mut seen = BTreeMap::new();
    for entry in tar.entries()? {
        let mut entry = entry?;
        let name = inside(&entry.path()?)?;
        ensure!(entry.header().entry_type().is_file(), "{name}: not a file");
        if manifest.is_none() {
            ensure!(name == "manifest.json", "no manifest at its beginning");
            let read: Manifest = serde_json::from_reader(&mut entry).context("manifest.json")?;
            ensure!(
                read.format == FORMAT,
                "format {} is not known to this version; take a newer partnerctl",
                read.format
            );
            manifest = Some(read);
            continue;
        }
        let path = dir.join(&name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut file = fs::File::create_new(&path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        std::io::copy(&mut entry, &mut file)?;
        file.sync_all()?;
        let mode = entry.header().mode()? & 0o700;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        seen.insert(name, sha256_of(&path)?);
    }
    // The end of the sealed stream proves that nothing was cut off.
    std::io::copy(&mut tar.into_inner(), &mut std::io::sink())?;
    let Some(manifest) = manifest else {
        bail!("empty; this is no archive of a partner");
    };
    for (name, hash) in &manifest.files {
        ensure!(
            seen.get(name) == Some(hash),
            "{name}: not what the manifest says; the archive is damaged"
        );
    }
    ensure!(
        seen.len() == manifest.files.len(),
        "more files than the manifest names"
    );
    Ok(manifest)
}

/// A path that stays inside.
fn inside(path: &Path) -> Result<String> {
    let plain = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    ensure!(
        plain,
        "{}: leads out of the archive; it is not one of ours",
        path.display()
    );
    Ok(path.to_string_lossy().into_owned())
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
