-- When a recovery kit's owner last proved that it works, without using it up.
ALTER TABLE credentials ADD COLUMN tested_at BIGINT;

-- What happened around an account and changed nothing in the organization: kept for some months, apart from history.
CREATE TABLE activity (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    happened_at     BIGINT NOT NULL,
    kind            TEXT NOT NULL,
    -- a mail's subject
    detail          TEXT NOT NULL,
    -- from where: empty, when it was the server itself
    address         TEXT NOT NULL,
    user_agent      TEXT NOT NULL
);
CREATE INDEX activity_by_user ON activity (organization_id, user_id, happened_at);
CREATE INDEX activity_by_time ON activity (happened_at);
