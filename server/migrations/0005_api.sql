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

-- A program may bring a recovery key of its own, and leave the private half here, sealed: it is given back as it came.
ALTER TABLE credentials ADD COLUMN sealed_private_key TEXT;
