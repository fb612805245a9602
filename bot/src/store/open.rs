//! Opening a partner's file: one owner, this partner only, durable settings, and its migrations.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::{Batch, Store, restored};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/sqlite");

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{path}: held by another bot ({holder}); stop it first, for example with `partnerctl stop {partner}`", path = .path.display())]
    Owned {
        path: PathBuf,
        holder: String,
        partner: String,
    },
    #[error("{path}: this partner was moved to {to} and runs there; run it here again only with `partnerctl move` from there", path = .path.display())]
    Moved { path: PathBuf, to: String },
    #[error("{path}: belongs to partner \"{found}\", not \"{wanted}\"; give this partner its own data directory", path = .path.display())]
    OtherPartner {
        path: PathBuf,
        found: String,
        wanted: String,
    },
    #[error("{path}: {source}; check that the directory exists, is writable and has free space", path = .path.display())]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path}: {source}; restore a backup or move the file away", path = .path.display())]
    Database { path: PathBuf, source: sqlx::Error },
    #[error("{path}: there is no room on the disk", path = .path.display())]
    Full { path: PathBuf },
    #[error("{path}: {source}; this data was written by a newer version", path = .path.display())]
    Migration { path: PathBuf, source: MigrateError },
}

impl OpenError {
    /// Whether it would open if there were room on the disk.
    pub fn is_full(&self) -> bool {
        match self {
            OpenError::Io { source, .. } => source.kind() == std::io::ErrorKind::StorageFull,
            OpenError::Database { source, .. } => super::is_full(source),
            OpenError::Full { .. } => true,
            OpenError::Migration { .. }
            | OpenError::Owned { .. }
            | OpenError::OtherPartner { .. }
            | OpenError::Moved { .. } => false,
        }
    }
}

/// Opens (and creates) `<data_dir>/bot.db` for writing, as its only owner, and brings its tables up to date.
pub async fn open(data_dir: &Path, partner_id: &str) -> Result<Store, OpenError> {
    if let Some(to) = restored::moved_to(data_dir) {
        let path = data_dir.to_owned();
        return Err(OpenError::Moved { path, to });
    }
    let lock = own(data_dir, partner_id)?;
    let path = data_dir.join("bot.db");
    let mut connection = connect(&path, false).await?;
    MIGRATIONS
        .run(&mut connection)
        .await
        .map_err(|error| not_migrated(&path, error))?;
    let mut store = Store {
        partner_id: partner_id.into(),
        connection,
        _lock: Some(lock),
    };
    refuse_other_partner(&mut store, &path).await?;
    let settled = restored::apply(&mut store, data_dir).await;
    settled.map_err(|source| OpenError::Database {
        path: path.clone(),
        source,
    })?;
    // A store that can be read but not written would only fail later, in the midst of things.
    let mut probe = Batch {
        facts: vec![("opened_by", env!("CARGO_PKG_VERSION").to_owned())],
        ..Batch::default()
    };
    // From the first day, so that it is in every backup: marks of the forgotten are made with it.
    let key = store.fact("erasure_key").await;
    if key.is_ok_and(|key| key.is_none()) {
        let mut key = [0_u8; 32];
        let _ = getrandom::fill(&mut key);
        probe.facts.push(("erasure_key", super::erase::hex(&key)));
    }
    let written = store.commit(&probe).await;
    written.map_err(|source| OpenError::Database {
        path: path.clone(),
        source,
    })?;
    let again = store.forget_again(data_dir).await;
    let again = again.map_err(|source| OpenError::Database { path, source })?;
    if again > 0 {
        tracing::warn!(partner.id = %partner_id, "forgot again {again} people whom a backup had brought back");
    }
    Ok(store)
}

fn not_migrated(path: &Path, error: MigrateError) -> OpenError {
    let path = path.to_owned();
    match error {
        MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _)
            if super::is_full(&source) =>
        {
            OpenError::Full { path }
        }
        source => OpenError::Migration { path, source },
    }
}

/// The number of the newest migration this program knows.
pub fn schema_version() -> i64 {
    MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

/// Opens the same file beside its owner, for reading only.
pub async fn open_read_only(data_dir: &Path, partner_id: &str) -> Result<Store, OpenError> {
    let path = data_dir.join("bot.db");
    let connection = connect(&path, true).await?;
    let mut store = Store {
        partner_id: partner_id.into(),
        connection,
        _lock: None,
    };
    refuse_other_partner(&mut store, &path).await?;
    Ok(store)
}

fn own(data_dir: &Path, partner_id: &str) -> Result<File, OpenError> {
    let path = data_dir.join("bot.lock");
    let io = |source| OpenError::Io {
        path: path.clone(),
        source,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(source)) => return Err(io(source)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            return Err(OpenError::Owned {
                path,
                holder: holder.trim().to_owned(),
                partner: partner_id.to_owned(),
            });
        }
    }
    file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
    write!(file, "process {}", std::process::id()).map_err(io)?;
    Ok(file)
}

async fn connect(path: &Path, read_only: bool) -> Result<SqliteConnection, OpenError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(!read_only)
        .read_only(read_only)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL: what we acknowledged to Telegram must survive a power cut (NORMAL was measured to lose it).
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(std::time::Duration::from_secs(5))
        .foreign_keys(false)
        .statement_cache_capacity(128)
        .pragma("cache_size", "-1024")
        // Above what a checkpoint ever finds: a log that is cut and grows again makes every flush a change of the file's
        // size, which takes ten times as long.
        .pragma("journal_size_limit", "16777216")
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    SqliteConnection::connect_with(&options)
        .await
        .map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })
}

async fn refuse_other_partner(store: &mut Store, path: &Path) -> Result<(), OpenError> {
    let database = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    let found: Option<String> =
        sqlx::query_scalar("SELECT value FROM facts WHERE name = 'partner_id'")
            .fetch_optional(&mut store.connection)
            .await
            .map_err(database)?;
    match found {
        Some(found) if *found != *store.partner_id => Err(OpenError::OtherPartner {
            path: path.to_owned(),
            found,
            wanted: store.partner_id.to_string(),
        }),
        Some(_) => Ok(()),
        None if store._lock.is_none() => Ok(()),
        None => {
            sqlx::query("INSERT INTO facts (partner_id, name, value) VALUES ($1, 'partner_id', $1)")
                .bind(&*store.partner_id)
                .execute(&mut store.connection)
                .await
                .map(drop)
                .map_err(database)
        }
    }
}
