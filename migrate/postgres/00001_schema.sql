-- +goose Up

-- No foreign keys: the rows of a notification are written in one transaction and
-- removed in one, and a check would cost an index look-up for every delivery and
-- every attempt. Nothing refers to river_job either: River empties that table.

CREATE TABLE notifications (
    id              uuid PRIMARY KEY,
    app_id          text NOT NULL,
    idempotency_key text NOT NULL,
    request_hash    bytea NOT NULL,
    unmatched       jsonb, -- array of {type, value}; NULL when all recipients matched
    -- Deliveries by stored status. Those that are pending are the rest of total.
    total           integer NOT NULL CHECK (total > 0),
    failed          integer NOT NULL DEFAULT 0 CHECK (failed >= 0),
    success         integer NOT NULL DEFAULT 0 CHECK (success >= 0),
    dead            integer NOT NULL DEFAULT 0 CHECK (dead >= 0),
    cancelled       integer NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    -- Derived, so that it can never disagree with the counts.
    status          text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN failed + success + dead + cancelled = 0 THEN 'pending'
        WHEN success + dead + cancelled < total THEN 'processing'
        WHEN dead > 0 THEN 'failed'
        WHEN cancelled > 0 THEN 'cancelled'
        ELSE 'success' END) STORED,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    CONSTRAINT notifications_key UNIQUE (app_id, idempotency_key),
    CONSTRAINT notifications_counts CHECK (failed + success + dead + cancelled <= total)
)
-- The counts change with every batch of outcomes and no index holds them: room on
-- the page keeps those updates in place (HOT).
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE messages (
    id              uuid PRIMARY KEY,
    notification_id uuid NOT NULL,
    channel         text NOT NULL,
    template_name   text NOT NULL,
    msg_type        text NOT NULL,
    subject         text NOT NULL,
    body            text NOT NULL,
    template_code   text NOT NULL,
    params          json -- json, not jsonb: it is read back byte for byte
);

CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    notification_id uuid NOT NULL,
    message_id      uuid NOT NULL,
    job_id          bigint NOT NULL,
    channel         text NOT NULL,
    provider        text NOT NULL,
    template_name   text NOT NULL,
    recipient_type  text NOT NULL,
    recipient_value text NOT NULL,
    status          text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'success', 'failed', 'dead', 'cancelled')),
    attempts        integer NOT NULL DEFAULT 0,
    max_retry       integer NOT NULL,
    next_retry_at   timestamptz,
    last_code       text NOT NULL DEFAULT '',
    last_error      text NOT NULL DEFAULT '',
    details         json,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
)
-- Each row is updated once or more soon after it was written.
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

-- For the list of a notification's deliveries.
CREATE INDEX deliveries_notification ON deliveries (notification_id, id);

-- For strays: only what is open, so it stays small.
CREATE INDEX deliveries_open ON deliveries (id) WHERE status IN ('pending', 'failed');

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
    name          text COLLATE "C" PRIMARY KEY, -- pages are cut by bytes, on both engines
    channel       text NOT NULL,
    description   text NOT NULL,
    msg_type      text NOT NULL,
    subject       text NOT NULL,
    body          text NOT NULL,
    template_code text NOT NULL,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- When each provider may be called next, for all replicas.
CREATE TABLE provider_slots (
    provider text PRIMARY KEY,
    next_at  timestamptz NOT NULL
)
WITH (fillfactor = 50); -- one hot row a provider

-- +goose Down
DROP TABLE provider_slots;
DROP TABLE templates;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE messages;
DROP TABLE notifications;
