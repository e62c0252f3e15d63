-- One text for SQLite and PostgreSQL: only TEXT and BIGINT. Times are milliseconds since 1970, bytes unpadded base64url,
-- a flag is the time since which it holds.

CREATE TABLE organizations (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    activated_at BIGINT,
    -- how many entries its history has, and the roots of the perfect subtrees over them: the next entry begins here
    history_size     BIGINT NOT NULL DEFAULT 0,
    history_frontier TEXT NOT NULL DEFAULT ''
);
CREATE INDEX organizations_never_activated ON organizations (created_at) WHERE activated_at IS NULL;

CREATE TABLE users (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email           TEXT NOT NULL,
    -- the address in lower case: by it two spellings are the same
    email_key       TEXT NOT NULL,
    -- empty when they were invited by address only
    name            TEXT NOT NULL,
    kind            TEXT NOT NULL,
    external_id     TEXT,
    created_at      BIGINT NOT NULL,
    registered_at   BIGINT,
    deactivated_at  BIGINT,
    -- since when nobody can sign up by their invitation
    revoked_at      BIGINT,
    last_seen_at    BIGINT,
    UNIQUE (organization_id, email_key)
);
-- lists of one status are read in the order of addresses, however few of many there are
CREATE INDEX users_invited ON users (organization_id, email_key) WHERE registered_at IS NULL AND deactivated_at IS NULL;
CREATE INDEX users_deactivated ON users (organization_id, email_key) WHERE deactivated_at IS NOT NULL;
CREATE INDEX users_by_email ON users (email_key);

CREATE TABLE registration_codes (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- PHC string of a slow, salted hash
    hash            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    tries           BIGINT NOT NULL DEFAULT 0,
    -- used, or replaced by a newer one
    ended_at        BIGINT
);
CREATE UNIQUE INDEX registration_codes_one_live ON registration_codes (user_id) WHERE ended_at IS NULL;
CREATE INDEX registration_codes_by_user ON registration_codes (user_id, created_at);

CREATE TABLE registrations (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    code_id         TEXT NOT NULL REFERENCES registration_codes (id) ON DELETE CASCADE,
    -- what the passkey is made over, and what webauthn-rs wants to see again
    challenge       TEXT NOT NULL,
    options         TEXT NOT NULL,
    ceremony        TEXT NOT NULL,
    -- the new passkey, kept aside until the recovery key comes
    passkey         TEXT,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- finished, or gone on with elsewhere
    ended_at        BIGINT
);
CREATE UNIQUE INDEX registrations_one_live ON registrations (user_id) WHERE ended_at IS NULL;

CREATE TABLE credentials (
    id                 TEXT PRIMARY KEY,
    organization_id    TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id            TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind               TEXT NOT NULL,
    name               TEXT NOT NULL,
    -- the id that the authenticator chose; of a recovery key, our own id
    credential_id      TEXT NOT NULL UNIQUE,
    -- COSE number
    algorithm          BIGINT NOT NULL,
    -- of a passkey its COSE key, of a recovery key the 32 bytes of Ed25519
    public_key         TEXT NOT NULL,
    sign_count         BIGINT NOT NULL DEFAULT 0,
    aaguid             TEXT,
    -- JSON array of strings
    transports         TEXT,
    backup_eligible    TEXT,
    backed_up          TEXT,
    client_data        TEXT NOT NULL,
    attestation_object TEXT NOT NULL,
    -- webauthn-rs's own form of a passkey, JSON
    webauthn           TEXT,
    -- of a recovery key: the salt of its derivation
    salt               TEXT,
    created_at         BIGINT NOT NULL,
    last_used_at       BIGINT,
    deactivated_at     BIGINT
);
CREATE INDEX credentials_by_user ON credentials (user_id);

CREATE TABLE challenges (
    id         TEXT PRIMARY KEY,
    ceremony   TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX challenges_by_expiry ON challenges (expires_at);

CREATE TABLE sessions (
    -- SHA-256 of the cookie's session id
    id_hash         TEXT PRIMARY KEY,
    user_id         TEXT REFERENCES users (id) ON DELETE CASCADE,
    organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
    data            TEXT NOT NULL,
    address         TEXT NOT NULL,
    user_agent      TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    last_seen_at    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE outbox (
    id              TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT REFERENCES users (id) ON DELETE CASCADE,
    recipient       TEXT NOT NULL,
    -- subject and parts, encrypted under the server's secret; gone once it is delivered or given up
    sealed          TEXT,
    created_at      BIGINT NOT NULL,
    -- after this it isn't worth sending
    expires_at      BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    attempts        BIGINT NOT NULL DEFAULT 0,
    sent_at         BIGINT,
    refused_at      BIGINT,
    -- what the mail server said last
    last_answer     TEXT
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE sent_at IS NULL AND refused_at IS NULL;
