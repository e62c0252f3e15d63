-- The HTTP API. What programs and people show to be let in is a signed token; that it still counts is known by its row here.
CREATE TABLE tokens (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- login: ends with the sessions of its owner. program: stays until it runs out or its owner is deleted
    kind            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    last_used_at    BIGINT
);
CREATE INDEX tokens_by_user ON tokens (user_id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

-- An action of the API is signed by one request and executed by a later one, which must be this one.
ALTER TABLE actions ADD COLUMN request TEXT;
-- the signature that waits for it, JSON
ALTER TABLE actions ADD COLUMN proof TEXT;
-- SHA-256 of what the request shows to belong to that signature
ALTER TABLE actions ADD COLUMN user_action TEXT;
CREATE UNIQUE INDEX actions_by_user_action ON actions (user_action);

ALTER TABLE permissions ADD COLUMN updated_at BIGINT;

-- credential: lets whoever has it register one credential through the API. Its id is the action's that allowed it, and it has
-- bits enough that SHA-256 is hash enough, by which it is found.
CREATE INDEX registration_codes_by_hash ON registration_codes (hash) WHERE purpose = 'credential' AND ended_at IS NULL;

-- A program may bring a recovery key of its own, and leave the private half here, sealed: it is given back as it came.
ALTER TABLE credentials ADD COLUMN sealed_private_key TEXT;

-- Service accounts and access tokens are users, too: their email is their name, and no address begins like their key.
-- In whose name an access token acts.
ALTER TABLE users ADD COLUMN owner_id TEXT REFERENCES users (id) ON DELETE CASCADE;
CREATE INDEX users_by_owner ON users (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX users_service_accounts ON users (organization_id, email_key) WHERE kind = 'ServiceAccount';
