-- Whoever is deleted takes with them what is theirs, and each row of it is found by an index: it costs the same however much others have.
CREATE INDEX outbox_by_user ON outbox (user_id, created_at, id);
CREATE INDEX activity_by_owner ON activity (user_id);
CREATE INDEX actions_by_user ON actions (user_id);
CREATE INDEX registrations_by_user ON registrations (user_id);
CREATE INDEX registrations_by_code ON registrations (code_id);
-- Of an organization that is deleted, what is kept for months. The tables of what people have now do without: SQLite, which doesn't know
-- how many rows an organization has, would read lists of few people by it.
CREATE INDEX outbox_by_organization ON outbox (organization_id);
