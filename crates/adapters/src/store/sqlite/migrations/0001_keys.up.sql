-- Keys of callers, and what was changed about them. Times are milliseconds since 1970; lists are JSON.
CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) = 12 AND id NOT GLOB '*[^A-Za-z0-9]*'),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64 AND name NOT GLOB '*[^a-z0-9._-]*'),
    tenant TEXT NOT NULL CHECK (length(tenant) BETWEEN 1 AND 128),
    groups TEXT NOT NULL CHECK (json_type(groups) = 'array'),
    scopes TEXT NOT NULL CHECK (json_type(scopes) = 'array'),
    -- NULL: any.
    models TEXT CHECK (models IS NULL OR json_type(models) = 'array'),
    purposes TEXT NOT NULL CHECK (json_type(purposes) = 'array'),
    -- HMAC-SHA256 under the pepper.
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    rotated_to TEXT CHECK (rotated_to <> id),
    overlap_until INTEGER,
    author TEXT NOT NULL,
    CHECK ((rotated_to IS NULL) = (overlap_until IS NULL))
) STRICT, WITHOUT ROWID;

-- No two usable keys share a name; the old secret of one that was rotated is found by the new one's name.
CREATE UNIQUE INDEX keys_current ON keys (name) WHERE revoked IS NULL AND rotated_to IS NULL;
CREATE INDEX keys_name ON keys (name);

CREATE TABLE changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('create', 'rotate', 'revoke')),
    name TEXT NOT NULL,
    -- JSON, without the digest.
    before TEXT CHECK (before IS NULL OR json_valid(before)),
    after TEXT CHECK (after IS NULL OR json_valid(after)),
    reason TEXT
) STRICT;

-- What was written down stays.
CREATE TRIGGER changes_are_kept BEFORE DELETE ON changes
BEGIN
    SELECT raise(ABORT, 'changes are kept');
END;
CREATE TRIGGER changes_are_not_changed BEFORE UPDATE ON changes
BEGIN
    SELECT raise(ABORT, 'changes are kept');
END;

-- One row: the number of the state, and the mark of the pepper.
CREATE TABLE revision (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    pepper BLOB CHECK (pepper IS NULL OR length(pepper) = 32)
) STRICT;
INSERT INTO revision (one, number, pepper) VALUES (1, 0, NULL);

-- "slce": whose file it is.
PRAGMA application_id = 1936483173;
PRAGMA user_version = 1;
