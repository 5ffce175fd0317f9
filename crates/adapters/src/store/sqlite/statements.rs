//! Every statement there is. They are constants, and what they are about comes as a parameter: no text is ever made into
//! one.

/// The number of the state.
pub(super) const REVISION: &str = "SELECT number FROM revision WHERE one = 1";

pub(super) const RAISE: &str = "UPDATE revision SET number = number + 1 WHERE one = 1";

pub(super) const PEPPER: &str = "SELECT pepper FROM revision WHERE one = 1";

pub(super) const SET_PEPPER: &str = "UPDATE revision SET pepper = ?1 WHERE one = 1 AND pepper IS NULL";

/// The columns are those of `rows::row`.
pub(super) const ALL: &str = "SELECT id, name, tenant, groups, scopes, models, purposes, digest, created, expires, revoked, \
                              rotated_to, overlap_until, author FROM keys ORDER BY id LIMIT ?1";

/// That which a name stands for.
pub(super) const CURRENT: &str = "SELECT id, name, tenant, groups, scopes, models, purposes, digest, created, expires, \
                                  revoked, rotated_to, overlap_until, author FROM keys \
                                  WHERE name = ?1 AND revoked IS NULL AND rotated_to IS NULL";

/// All that is accepted under a name at a time.
pub(super) const ACCEPTED: &str = "SELECT id, name, tenant, groups, scopes, models, purposes, digest, created, expires, \
                                   revoked, rotated_to, overlap_until, author FROM keys \
                                   WHERE name = ?1 AND revoked IS NULL \
                                   AND (rotated_to IS NULL OR overlap_until > ?2) ORDER BY created, id";

pub(super) const INSERT: &str = "INSERT INTO keys (id, name, tenant, groups, scopes, models, purposes, digest, created, \
                                 expires, revoked, rotated_to, overlap_until, author) \
                                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";

pub(super) const REPLACE: &str = "UPDATE keys SET rotated_to = ?2, overlap_until = ?3 WHERE id = ?1";

/// What goes on from rotations before ends now.
pub(super) const END_OVERLAPS: &str = "UPDATE keys SET overlap_until = ?2 \
                                       WHERE name = ?1 AND revoked IS NULL AND overlap_until > ?2";

pub(super) const REVOKE: &str = "UPDATE keys SET revoked = ?2 WHERE id = ?1";

pub(super) const COUNT: &str = "SELECT count(*) FROM keys";

/// Makes room: those that ended first, but none that a name stands for or that is accepted.
pub(super) const FORGET: &str = "DELETE FROM keys WHERE id IN (SELECT id FROM keys \
                                 WHERE revoked IS NOT NULL OR overlap_until <= ?1 \
                                 ORDER BY coalesce(revoked, overlap_until), id LIMIT ?2)";

pub(super) const WRITE_DOWN: &str = "INSERT INTO changes (at, author, what, name, before, after, reason) \
                                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) const CHANGES: &str = "SELECT sequence, at, author, what, name, before, after, reason FROM changes \
                                  WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
