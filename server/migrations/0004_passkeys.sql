-- Which entry of history registered which credential: a passkey or recovery key may come from signing up, or from a change.
CREATE TABLE registered_credentials (
    credential_id   TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    entry_index     BIGINT NOT NULL
);
CREATE INDEX registered_credentials_by_organization ON registered_credentials (organization_id);

INSERT INTO registered_credentials (credential_id, organization_id, entry_index)
    SELECT credential_id, organization_id, entry_index FROM history WHERE action_id IS NULL;
DROP INDEX history_registrations;

-- registration: lets someone in who was invited. recovery: the first half of a recovery, whose second is the kit. device: lets
-- another device make a passkey, which counts once its owner has signed that it is theirs.
ALTER TABLE registration_codes ADD COLUMN purpose TEXT NOT NULL DEFAULT 'registration';
DROP INDEX registration_codes_one_live;
CREATE UNIQUE INDEX registration_codes_one_live ON registration_codes (user_id, purpose) WHERE ended_at IS NULL;
