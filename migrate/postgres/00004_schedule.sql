-- +goose Up

-- Constant defaults and no checks: the large tables are neither rewritten nor read.

ALTER TABLE notifications
    ADD COLUMN send_at    timestamptz, -- NULL: at once
    ADD COLUMN expires_at timestamptz, -- NULL: never
    ADD COLUMN priority   text NOT NULL DEFAULT 'normal',
    ADD COLUMN test       boolean NOT NULL DEFAULT false;

ALTER TABLE messages ADD COLUMN template_version integer NOT NULL DEFAULT 0; -- 0: from before versions were kept

-- What a worker needs to know stands in the one row that it reads.
ALTER TABLE deliveries
    ADD COLUMN template_version integer NOT NULL DEFAULT 0,
    ADD COLUMN send_at          timestamptz,
    ADD COLUMN expires_at       timestamptz;

-- What each write made of a template. A template's name outlives it here, so that
-- its versions are never counted anew.
CREATE TABLE template_versions (
    name          text COLLATE "C" NOT NULL,
    version       integer NOT NULL,
    channel       text NOT NULL,
    description   text NOT NULL,
    msg_type      text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    template_code text NOT NULL,
    created_by    text NOT NULL, -- app id; empty when it is not known
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (name, version)
);

ALTER TABLE templates ADD COLUMN version integer NOT NULL DEFAULT 1; -- the newest of template_versions

INSERT INTO template_versions
SELECT name, version, channel, description, msg_type, subject, body, template_code, '', updated_at FROM templates;

-- +goose Down
DROP TABLE template_versions;
ALTER TABLE templates DROP COLUMN version;
ALTER TABLE deliveries DROP COLUMN template_version, DROP COLUMN send_at, DROP COLUMN expires_at;
ALTER TABLE messages DROP COLUMN template_version;
ALTER TABLE notifications DROP COLUMN send_at, DROP COLUMN expires_at, DROP COLUMN priority, DROP COLUMN test;
