-- How often is too often, for all servers of one database: a hash of what is counted, and when it would be as if nothing had been
-- asked for (generic cell rate algorithm).
CREATE TABLE limits (
    id       TEXT PRIMARY KEY,
    clear_at BIGINT NOT NULL
);
CREATE INDEX limits_by_time ON limits (clear_at);

-- What runs out is removed in small steps, oldest first.
CREATE INDEX registrations_by_expiry ON registrations (expires_at);
CREATE INDEX registration_codes_by_expiry ON registration_codes (expires_at);
CREATE INDEX sessions_by_sign_of_life ON sessions (last_seen_at);
CREATE INDEX outbox_by_time ON outbox (created_at);
CREATE INDEX outbox_sealed ON outbox (expires_at) WHERE sealed IS NOT NULL;
