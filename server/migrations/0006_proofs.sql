-- Proofs that an entry is in the history, and that one history begins with another, need the roots of perfect subtrees. Each entry
-- has those that it completes, base64url, its own hash first. Entries from before get theirs when the server starts.
ALTER TABLE history ADD COLUMN subtree_roots TEXT;
CREATE INDEX history_without_roots ON history (organization_id, entry_index) WHERE subtree_roots IS NULL;
