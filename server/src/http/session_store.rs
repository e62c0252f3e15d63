//! tower-sessions' store over our own storage: ids only as hashes, users in columns (so that one user's sessions can be
//! listed and ended), and both limits, idle and absolute, kept by the server whatever the cookie says.

use crate::{
    action::Actor,
    ambient::Ambient,
    service::session::{IDLE, LONGEST, hash, key, read},
    storage::{
        Connection, Storage, StorageError,
        activity::{self, Event},
        commit,
        sessions::{self, Session},
        users,
    },
};
use app::domain::{
    activity::ActivityKind,
    id::{ActivityId, OrganizationId, UserId},
    time::Timestamp,
};
use async_trait::async_trait;
use std::{fmt, time::Duration};
use tower_sessions::{
    SessionStore,
    cookie::time::OffsetDateTime,
    session::{Id, Record},
    session_store::{Error, Result},
};

/// A session that was heard of within this time isn't noted again: reading pages shouldn't write.
const NOTED_EVERY: Duration = Duration::from_mins(1);

/// Sessions in the database.
#[derive(Clone)]
pub struct DatabaseSessions {
    storage: Storage,
    ambient: Ambient,
}

impl DatabaseSessions {
    /// Over this database.
    pub fn new(storage: Storage, ambient: Ambient) -> Self {
        Self { storage, ambient }
    }

    async fn touch(&self, id_hash: &str, record: &Record, now: Timestamp) -> std::result::Result<(), StorageError> {
        let mut db = self.storage.begin().await?;
        note_seen(&mut db, record, now).await?;
        sessions::touch(&mut db, id_hash, now).await?;
        commit(db).await
    }
}

impl fmt::Debug for DatabaseSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSessions").finish_non_exhaustive()
    }
}

#[async_trait]
impl SessionStore for DatabaseSessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        let mut db = self.storage.begin().await.map_err(backend)?;
        let now = self.ambient.now();
        // The id is 128 random bits by tower-sessions: if it is taken, something is broken, and the insert says so.
        let session = Session {
            id_hash: hash(record.id),
            user: user(record),
            data: encode(record)?,
            address: read(record, key::ADDRESS).unwrap_or_default(),
            user_agent: read(record, key::USER_AGENT).unwrap_or_default(),
            created_at: now,
            last_seen_at: now,
            expires_at: end(record).min(now.plus(LONGEST)),
        };
        // First, so that nobody is shut out in between.
        note_seen(&mut db, record, now).await.map_err(backend)?;
        if !sessions::insert(&mut db, &session, read(record, key::BY)).await.map_err(backend)? {
            // Whoever was shut out since they signed in has no session; that is no error of this request, and the next one tells.
            return Ok(());
        }
        // Whoever is signed in gets a new session only when they sign in.
        if let Some((organization, user)) = session.user {
            let Session { address, user_agent, .. } = session;
            let event = Event { at: now, kind: ActivityKind::SignedIn, detail: String::new(), address, user_agent };
            activity::insert(&mut db, ActivityId::from_bytes(self.ambient.bytes()), organization, user, &event).await.map_err(backend)?;
        }
        commit(db).await.map_err(backend)
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let mut db = self.storage.begin().await.map_err(backend)?;
        // One that was ended meanwhile stays ended; that is no error of this request.
        sessions::update(&mut db, &hash(record.id), user(record), &encode(record)?, end(record), self.ambient.now())
            .await
            .map_err(backend)?;
        commit(db).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let mut db = self.storage.connection().await.map_err(backend)?;
        let (now, id_hash) = (self.ambient.now(), hash(*id));
        let Some((data, last_seen_at, expires_at)) = sessions::find(&mut db, &id_hash, now, now.minus(IDLE)).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_str(&data).map_err(|error| Error::Decode(error.to_string()))?;
        let expiry_date =
            OffsetDateTime::from_unix_timestamp(expires_at.as_millis() / 1000).map_err(|error| Error::Decode(error.to_string()))?;
        let record = Record { id: *id, data, expiry_date };
        drop(db);
        if last_seen_at.plus(NOTED_EVERY) < now
            && let Err(error) = self.touch(&id_hash, &record, now).await
        {
            // The disk is full, perhaps: that keeps nobody from reading.
            tracing::warn!(error = &error as &dyn std::error::Error, "it wasn't noted that a session was heard of");
        }
        Ok(Some(record))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        let mut db = self.storage.begin().await.map_err(backend)?;
        sessions::delete(&mut db, &hash(*id)).await.map_err(backend)?;
        commit(db).await.map_err(backend)
    }
}

fn user(record: &Record) -> Option<(OrganizationId, UserId)> {
    read::<Actor>(record, key::SIGNED_IN).map(|signed_in| (signed_in.organization, signed_in.user))
}

async fn note_seen(db: &mut Connection, record: &Record, now: Timestamp) -> std::result::Result<(), StorageError> {
    match user(record) {
        Some((organization, user)) => users::note_seen(db, organization, user, now).await,
        None => Ok(()),
    }
}

fn encode(record: &Record) -> Result<String> {
    serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))
}

fn end(record: &Record) -> Timestamp {
    Timestamp::from_millis(record.expiry_date.unix_timestamp().saturating_mul(1000))
}

fn backend(error: StorageError) -> Error {
    Error::Backend(format!("{error}: {:?}", std::error::Error::source(&error)))
}
