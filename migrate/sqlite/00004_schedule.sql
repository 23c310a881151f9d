-- +goose Up

ALTER TABLE notifications ADD COLUMN send_at INTEGER; -- NULL: at once
ALTER TABLE notifications ADD COLUMN expires_at INTEGER; -- NULL: never
ALTER TABLE notifications ADD COLUMN priority TEXT NOT NULL DEFAULT 'normal';
ALTER TABLE notifications ADD COLUMN test INTEGER NOT NULL DEFAULT 0;

ALTER TABLE messages ADD COLUMN template_version INTEGER NOT NULL DEFAULT 0; -- 0: from before versions were kept

-- What a worker needs to know stands in the one row that it reads.
ALTER TABLE deliveries ADD COLUMN template_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN send_at INTEGER;
ALTER TABLE deliveries ADD COLUMN expires_at INTEGER;

-- What each write made of a template. A template's name outlives it here, so that
-- its versions are never counted anew.
CREATE TABLE template_versions (
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    channel       TEXT NOT NULL,
    description   TEXT NOT NULL,
    msg_type      TEXT NOT NULL,
    subject       TEXT NOT NULL,
    body          TEXT NOT NULL,
    template_code TEXT NOT NULL,
    created_by    TEXT NOT NULL, -- app id; empty when it is not known
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

ALTER TABLE templates ADD COLUMN version INTEGER NOT NULL DEFAULT 1; -- the newest of template_versions

INSERT INTO template_versions
SELECT name, version, channel, description, msg_type, subject, body, template_code, '', updated_at FROM templates;

-- +goose Down
DROP TABLE template_versions;
ALTER TABLE templates DROP COLUMN version;
ALTER TABLE deliveries DROP COLUMN expires_at;
ALTER TABLE deliveries DROP COLUMN send_at;
ALTER TABLE deliveries DROP COLUMN template_version;
ALTER TABLE messages DROP COLUMN template_version;
ALTER TABLE notifications DROP COLUMN test;
ALTER TABLE notifications DROP COLUMN priority;
ALTER TABLE notifications DROP COLUMN expires_at;
ALTER TABLE notifications DROP COLUMN send_at;
