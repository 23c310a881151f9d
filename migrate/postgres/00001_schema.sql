-- +goose Up
SET LOCAL lock_timeout = '1s';

-- No foreign keys: the rows of a notification are written and deleted in one
-- transaction each, and a check would cost an index look-up for every delivery and
-- attempt. Nothing refers to river_job either, because River deletes its rows.

CREATE TABLE notifications (
    id              uuid PRIMARY KEY,
    app_id          text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash    bytea NOT NULL,
    unmatched       jsonb, -- array of {type, value}; NULL when all recipients matched
    -- Deliveries by stored status. The rest of total is pending.
    total           integer NOT NULL CHECK (total > 0),
    failed          integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    success         integer NOT NULL DEFAULT 0 CHECK (success >= 0),
    dead            integer NOT NULL DEFAULT 0 CHECK (dead >= 0),
    cancelled       integer NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    -- Derived, so that it cannot disagree with the counts.
    status          text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN failed + success + dead + cancelled = 0 THEN 'pending'
        WHEN success + dead + cancelled < total THEN 'processing'
        WHEN dead > 0 THEN 'failed'
        WHEN cancelled > 0 THEN 'cancelled'
        ELSE 'success' END) STORED,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    send_at         timestamptz, -- NULL: at once
    expires_at      timestamptz, -- NULL: never
    priority        text NOT NULL,
    test            boolean NOT NULL,
    CONSTRAINT notifications_key UNIQUE (app_id, idempotency_key),
    CONSTRAINT notifications_counts CHECK (failed + success + dead + cancelled <= total)
)
-- The counts change with every batch of outcomes and no index holds them: free room on
-- the page keeps those updates in place (HOT).
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- For the lists of an app. Neither column ever changes.
CREATE INDEX notifications_app ON notifications (app_id, id);

-- For erasing an address that fitted no channel, which is rare.
CREATE INDEX notifications_unmatched ON notifications (id) WHERE unmatched IS NOT NULL;

CREATE TABLE messages (
    id               uuid PRIMARY KEY,
    notification_id  uuid NOT NULL,
    channel          text NOT NULL,
    template_name    text NOT NULL,
    template_version integer NOT NULL,
    msg_type         text NOT NULL,
    subject          text NOT NULL,
    body             text NOT NULL,
    template_code    text NOT NULL,
    params           json, -- json, not jsonb: it is read back byte for byte
    mention          jsonb -- array of {type, value}; NULL: nobody
);

-- For erasing an address that messages mention, which is rare.
CREATE INDEX messages_mention ON messages (id) WHERE mention IS NOT NULL;

CREATE TABLE deliveries (
    id                uuid PRIMARY KEY,
    notification_id   uuid NOT NULL,
    message_id        uuid NOT NULL,
    job_id            bigint NOT NULL,
    channel           text NOT NULL,
    provider          text NOT NULL,
    provider_override text, -- the provider that a requeue asked for; NULL: the channel's
    template_name     text NOT NULL,
    template_version  integer NOT NULL,
    recipient_type    text NOT NULL,
    recipient_value   text COLLATE "C" NOT NULL, -- compared by bytes, which is cheaper
    recipient_configured boolean NOT NULL DEFAULT false, -- from the configuration
    test              boolean NOT NULL DEFAULT false, -- it reaches nobody
    status            text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'success', 'failed', 'dead', 'cancelled')),
    attempts          integer NOT NULL DEFAULT 0,
    max_retry         integer NOT NULL,
    next_retry_at     timestamptz,
    last_code         text NOT NULL DEFAULT '',
    last_error        text NOT NULL DEFAULT '',
    details           json,
    -- The notification's, here too: a worker reads this row only.
    send_at           timestamptz,
    expires_at        timestamptz,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
)
-- Each row is updated soon after it was written.
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

-- For the deliveries of a notification.
CREATE INDEX deliveries_notification ON deliveries (notification_id, id);

-- For orphans. It holds open deliveries only, so it stays small.
CREATE INDEX deliveries_open ON deliveries (id) WHERE status IN ('pending', 'failed');

-- For the open deliveries that have expired.
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE status IN ('pending', 'failed') AND expires_at IS NOT NULL;

-- Lists are read by id, newest first. These indexes are for values that are rare there.
-- The partial ones hold failures only: a delivery that arrives never touches them.
CREATE INDEX deliveries_ended ON deliveries (status, id) WHERE status IN ('dead', 'cancelled');
CREATE INDEX deliveries_code ON deliveries (last_code, id) WHERE last_code <> '';
CREATE INDEX deliveries_recipient ON deliveries (recipient_value, id);

CREATE TABLE attempts (
    id          uuid NOT NULL,
    delivery_id uuid NOT NULL,
    job_id      bigint NOT NULL,
    attempt     integer NOT NULL, -- a throttled attempt leaves a row and its number is used again
    provider    text NOT NULL,
    class       text NOT NULL,
    code        text NOT NULL,
    error       text NOT NULL,
    details     json,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (delivery_id, id)
);

CREATE TABLE templates (
    name          text COLLATE "C" PRIMARY KEY, -- pages are ordered by bytes, as on SQLite
    channel       text NOT NULL,
    description   text NOT NULL,
    msg_type      text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    template_code text NOT NULL,
    version       integer NOT NULL, -- the newest of template_versions
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    owner         text NOT NULL, -- app id
    private       boolean NOT NULL
);

-- A template as each write left it, and as it was when it was deleted. The versions outlive the
-- template, so that their numbers are never used again and the name stays its owner's.
CREATE TABLE template_versions (
    name          text COLLATE "C" NOT NULL,
    version       integer NOT NULL,
    channel       text NOT NULL,
    description   text NOT NULL,
    msg_type      text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    template_code text NOT NULL,
    created_by    text NOT NULL, -- app id
    created_at    timestamptz NOT NULL,
    owner         text NOT NULL,
    private       boolean NOT NULL,
    deleted       boolean NOT NULL, -- this version is the deletion
    PRIMARY KEY (name, version)
);

-- What the apps that have limits have used.
CREATE TABLE app_use (
    app_id  text NOT NULL,
    channel text NOT NULL, -- empty: notifications are counted
    period  text NOT NULL, -- minute or day
    start   timestamptz NOT NULL, -- of the period that is counted
    used    integer NOT NULL,
    PRIMARY KEY (app_id, channel, period)
)
WITH (fillfactor = 50); -- updated by every acceptance of such an app

-- What was last told of each group of alerts, so that only news is told. Transactions that
-- accept alerts of the same group wait for each other here.
CREATE TABLE alert_groups (
    app_id          text NOT NULL,
    id              text NOT NULL, -- digest of the source, the receiver and the group key
    state           text NOT NULL, -- digest of the alerts that fired; empty: nothing was told
    told_at         timestamptz NOT NULL,
    notification_id uuid NOT NULL, -- may be deleted
    seen_at         timestamptz NOT NULL, -- the last post, which may have been a repetition
    PRIMARY KEY (app_id, id)
)
WITH (fillfactor = 50); -- updated at every post

-- Who changed what. Rows are inserted, and deleted after retention.days.
CREATE TABLE audit (
    id        uuid PRIMARY KEY,
    at        timestamptz NOT NULL,
    app_id    text NOT NULL, -- empty: the process itself
    address   text NOT NULL,
    agent     text NOT NULL,
    action    text NOT NULL,
    object_id text NOT NULL,
    outcome   text NOT NULL,
    detail    text NOT NULL
);

CREATE INDEX audit_object ON audit (object_id, id);

-- +goose StatementBegin
CREATE FUNCTION audit_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'entries of the audit log never change';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_never_changes BEFORE UPDATE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_never_changes();

-- When each provider may be called next, for all replicas.
CREATE TABLE provider_slots (
    provider text PRIMARY KEY,
    next_at  timestamptz NOT NULL
)
WITH (fillfactor = 50); -- one row for each provider, updated at every call

-- The connections that a provider bears, numbered from 1. A replica holds the places of its open
-- connections, and renews them; those of a replica that died expire.
CREATE TABLE provider_places (
    provider   text NOT NULL,
    place      integer NOT NULL,
    holder     uuid, -- a replica; null: the place is free
    expires_at timestamptz,
    PRIMARY KEY (provider, place)
)
WITH (fillfactor = 50);

-- Browsers that are signed in to the console.
CREATE TABLE sessions (
    digest     text PRIMARY KEY, -- of the token, which only the browser knows
    app_id     text NOT NULL,
    proof      text NOT NULL, -- differs when the app's secret or roles do
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- River indexes the args and the metadata of its jobs. Nothing here searches by them, and the
-- two indexes are half of what a job writes, again at each change of its state: without them
-- deliveries are accepted and sent almost twice as fast. jobs/client.go tells
-- River's reindexer.
DROP INDEX IF EXISTS river_job_args_index;
DROP INDEX IF EXISTS river_job_metadata_index;

-- A job is updated twice and deleted within a day.
ALTER TABLE river_job SET (autovacuum_vacuum_scale_factor = 0.02);

-- +goose Down
SET LOCAL lock_timeout = '1s';
ALTER TABLE river_job RESET (autovacuum_vacuum_scale_factor);
CREATE INDEX river_job_metadata_index ON river_job USING gin (metadata);
CREATE INDEX river_job_args_index ON river_job USING gin (args);

DROP TABLE sessions;
DROP TABLE provider_places;
DROP TABLE provider_slots;
DROP TABLE audit;
DROP FUNCTION audit_never_changes;
DROP TABLE app_use;
DROP TABLE alert_groups;
DROP TABLE template_versions;
DROP TABLE templates;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE messages;
DROP TABLE notifications;
