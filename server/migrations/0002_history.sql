-- What people may do, what was asked for, and what was executed.

CREATE TABLE permissions (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    -- what the name looks like: names of one look are the same
    name_key        TEXT NOT NULL,
    -- JSON: "all", or {"these": [names]}
    operations      TEXT NOT NULL,
    -- full_admin or end_user: came with the organization
    managed         TEXT,
    version         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    archived_at     BIGINT,
    UNIQUE (organization_id, name_key)
);

CREATE TABLE assignments (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    permission_id   TEXT NOT NULL REFERENCES permissions (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at      BIGINT NOT NULL,
    UNIQUE (user_id, permission_id)
);
CREATE INDEX assignments_by_permission ON assignments (permission_id);

CREATE TABLE actions (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- the bytes that are signed and executed
    document        TEXT NOT NULL,
    -- prepared: waits for its signature
    state           TEXT NOT NULL,
    expires_at      BIGINT NOT NULL
);
CREATE INDEX actions_by_expiry ON actions (expires_at);

CREATE TABLE history (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    entry_index     BIGINT NOT NULL,
    -- the entry's line, a leaf of the tree
    line            TEXT NOT NULL,
    -- an action is executed once
    action_id       TEXT UNIQUE,
    -- the credential that signed, or that was registered
    credential_id   TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    -- the user whom it is about
    subject_id      TEXT,
    PRIMARY KEY (organization_id, entry_index)
);
CREATE INDEX history_by_actor ON history (organization_id, actor_id, entry_index);
CREATE INDEX history_by_subject ON history (organization_id, subject_id, entry_index);
-- where a credential comes from
CREATE INDEX history_registrations ON history (organization_id, credential_id) WHERE action_id IS NULL;
