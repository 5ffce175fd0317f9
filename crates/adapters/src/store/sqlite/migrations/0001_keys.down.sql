-- Back to an empty file. All keys and changes are lost.
DROP TABLE revision;
DROP TABLE changes;
DROP TABLE keys;
PRAGMA user_version = 0;
PRAGMA application_id = 0;
