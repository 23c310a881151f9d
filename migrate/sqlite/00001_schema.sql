-- +goose Up

-- The same tables as on PostgreSQL; the comments there hold here. UUIDs are stored as
-- text, which sorts as they do. Times are microseconds since 1970 in UTC.

CREATE TABLE notifications (
    id              TEXT PRIMARY KEY,
    app_id          TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    request_hash    BLOB NOT NULL,
    unmatched       TEXT CHECK (json_valid(unmatched)), -- array of {type, value}; NULL when all recipients matched
    contacts        TEXT CHECK (json_valid(contacts)),
    total           INTEGER NOT NULL CHECK (total > 0 OR expansion IS NOT NULL),
    failed          INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    success         INTEGER NOT NULL DEFAULT 0 CHECK (success >= 0),
    dead            INTEGER NOT NULL DEFAULT 0 CHECK (dead >= 0),
    cancelled       INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    expansion       TEXT CHECK (expansion IN ('open', 'done', 'stopped')),
    status          TEXT NOT NULL GENERATED ALWAYS AS (CASE
        WHEN failed + success + dead + cancelled = 0 AND (total > 0 OR expansion = 'open') THEN 'pending'
        WHEN success + dead + cancelled < total OR expansion = 'open' THEN 'processing'
        WHEN dead > 0 THEN 'failed'
        WHEN cancelled > 0 OR total = 0 OR expansion = 'stopped' THEN 'cancelled'
        ELSE 'success' END) STORED,
    created_at      INTEGER NOT NULL,
    updated_at      INTEGER NOT NULL,
    send_at         INTEGER,
    expires_at      INTEGER,
    priority        TEXT NOT NULL,
    test            INTEGER NOT NULL,
    kind            TEXT NOT NULL DEFAULT '',
    incident_id     TEXT,
    withheld        TEXT CHECK (json_valid(withheld)),
    thread          TEXT NOT NULL DEFAULT '',
    thread_id       TEXT,
    thread_seq      INTEGER NOT NULL DEFAULT 0,
    resolved        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (app_id, idempotency_key),
    CHECK (failed + success + dead + cancelled <= total)
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_app ON notifications (app_id, id);
CREATE INDEX notifications_thread ON notifications (thread, id) WHERE thread <> '';

CREATE TABLE unmatched_recipients (
    value           TEXT NOT NULL,
    type            TEXT NOT NULL,
    notification_id TEXT NOT NULL,
    PRIMARY KEY (value, type, notification_id)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER unmatched_inserted AFTER INSERT ON notifications WHEN NEW.unmatched IS NOT NULL
BEGIN
    INSERT INTO unmatched_recipients
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.id FROM json_each(NEW.unmatched);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER unmatched_updated AFTER UPDATE OF unmatched ON notifications
BEGIN
    DELETE FROM unmatched_recipients WHERE (value, type, notification_id) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.id FROM json_each(OLD.unmatched));
    INSERT INTO unmatched_recipients
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.id FROM json_each(NEW.unmatched);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER unmatched_deleted AFTER DELETE ON notifications WHEN OLD.unmatched IS NOT NULL
BEGIN
    DELETE FROM unmatched_recipients WHERE (value, type, notification_id) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.id FROM json_each(OLD.unmatched));
END;
-- +goose StatementEnd

-- With rowids, because bodies are large.
CREATE TABLE messages (
    id               TEXT PRIMARY KEY NOT NULL,
    notification_id  TEXT NOT NULL,
    channel          TEXT NOT NULL,
    template_name    TEXT NOT NULL,
    template_version INTEGER NOT NULL,
    msg_type         TEXT NOT NULL,
    subject          TEXT NOT NULL,
    body             TEXT NOT NULL,
    template_code    TEXT NOT NULL,
    template_codes   TEXT CHECK (json_valid(template_codes)),
    params           TEXT CHECK (json_valid(params)),
    mention          TEXT CHECK (json_valid(mention))
) STRICT;

CREATE TABLE mentioned_recipients (
    value      TEXT NOT NULL,
    type       TEXT NOT NULL,
    message_id TEXT NOT NULL,
    PRIMARY KEY (value, type, message_id)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER mention_inserted AFTER INSERT ON messages WHEN NEW.mention IS NOT NULL
BEGIN
    INSERT INTO mentioned_recipients
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.id FROM json_each(NEW.mention);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER mention_updated AFTER UPDATE OF mention ON messages WHEN OLD.mention IS NOT NULL
BEGIN
    DELETE FROM mentioned_recipients WHERE (value, type, message_id) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.id FROM json_each(OLD.mention));
    INSERT INTO mentioned_recipients
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.id FROM json_each(NEW.mention);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER mention_deleted AFTER DELETE ON messages WHEN OLD.mention IS NOT NULL
BEGIN
    DELETE FROM mentioned_recipients WHERE (value, type, message_id) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.id FROM json_each(OLD.mention));
END;
-- +goose StatementEnd

CREATE TABLE deliveries (
    id                TEXT PRIMARY KEY,
    notification_id   TEXT NOT NULL,
    message_id        TEXT NOT NULL,
    job_id            INTEGER NOT NULL,
    channel           TEXT NOT NULL,
    provider          TEXT NOT NULL,
    next_provider     TEXT,
    pinned            INTEGER NOT NULL DEFAULT 0,
    template_name     TEXT NOT NULL,
    template_version  INTEGER NOT NULL,
    locale            TEXT NOT NULL DEFAULT '',
    recipient_type    TEXT NOT NULL,
    recipient_value   TEXT NOT NULL,
    recipient_configured INTEGER NOT NULL DEFAULT 0,
    contact           TEXT NOT NULL DEFAULT '',
    test              INTEGER NOT NULL DEFAULT 0,
    status            TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'success', 'failed', 'dead', 'cancelled')),
    attempts          INTEGER NOT NULL DEFAULT 0,
    max_retry         INTEGER NOT NULL,
    next_retry_at     INTEGER,
    last_code         TEXT NOT NULL DEFAULT '',
    last_error        TEXT NOT NULL DEFAULT '',
    details           TEXT CHECK (json_valid(details)),
    send_at           INTEGER,
    expires_at        INTEGER,
    kind              TEXT NOT NULL DEFAULT '',
    incident_id       TEXT,
    quiet             TEXT NOT NULL DEFAULT '',
    digest_id         TEXT,
    receipt           TEXT NOT NULL DEFAULT ''
        CHECK (receipt IN ('', 'unknown', 'failed', 'delivered', 'read', 'answered')),
    receipt_at        INTEGER,
    receipt_code      TEXT NOT NULL DEFAULT '',
    reference         TEXT NOT NULL DEFAULT '',
    card              TEXT NOT NULL DEFAULT '',
    sent_again        INTEGER NOT NULL DEFAULT 0,
    thread_id         TEXT,
    thread_seq        INTEGER NOT NULL DEFAULT 0,
    resolved          INTEGER NOT NULL DEFAULT 0,
    anew              INTEGER NOT NULL DEFAULT 0,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_digest ON deliveries (digest_id, id) WHERE digest_id IS NOT NULL;
CREATE INDEX deliveries_thread ON deliveries (thread_id, recipient_value, thread_seq)
    WHERE status IN ('pending', 'failed') AND thread_id IS NOT NULL;
CREATE INDEX deliveries_incident ON deliveries (incident_id, recipient_value, id) WHERE incident_id IS NOT NULL;
CREATE INDEX deliveries_notification ON deliveries (notification_id, id);
CREATE INDEX deliveries_open ON deliveries (id) WHERE status IN ('pending', 'failed');
CREATE INDEX deliveries_expiring ON deliveries (expires_at) WHERE status IN ('pending', 'failed') AND expires_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (status, id) WHERE status IN ('dead', 'cancelled');
CREATE INDEX deliveries_code ON deliveries (last_code, id) WHERE last_code <> '';
CREATE INDEX deliveries_receipt ON deliveries (receipt, id) WHERE receipt <> '';
CREATE INDEX deliveries_reference ON deliveries (reference, id) WHERE reference <> '';
CREATE INDEX deliveries_recipient ON deliveries (recipient_value, id);

CREATE TABLE attempts (
    id          TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    job_id      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    provider    TEXT NOT NULL,
    class       TEXT NOT NULL,
    code        TEXT NOT NULL,
    error       TEXT NOT NULL,
    details     TEXT CHECK (json_valid(details)),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    name          TEXT PRIMARY KEY,
    channel       TEXT NOT NULL,
    description   TEXT NOT NULL,
    msg_type      TEXT NOT NULL,
    subject       TEXT NOT NULL,
    body          TEXT NOT NULL,
    template_code TEXT NOT NULL,
    template_codes TEXT CHECK (json_valid(template_codes)),
    locale        TEXT NOT NULL,
    texts         TEXT CHECK (json_valid(texts)),
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    owner         TEXT NOT NULL,
    private       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE template_versions (
    name          TEXT NOT NULL,
    version       INTEGER NOT NULL,
    channel       TEXT NOT NULL,
    description   TEXT NOT NULL,
    msg_type      TEXT NOT NULL,
    subject       TEXT NOT NULL,
    body          TEXT NOT NULL,
    template_code TEXT NOT NULL,
    template_codes TEXT CHECK (json_valid(template_codes)),
    locale        TEXT NOT NULL,
    texts         TEXT CHECK (json_valid(texts)),
    created_by    TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    owner         TEXT NOT NULL,
    private       INTEGER NOT NULL,
    deleted       INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE kinds (
    name        TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    channels    TEXT NOT NULL CHECK (json_valid(channels)),
    optional    INTEGER NOT NULL,
    critical    INTEGER NOT NULL,
    quiet       TEXT CHECK (json_valid(quiet)),
    caps        TEXT NOT NULL CHECK (json_valid(caps)),
    digest      TEXT CHECK (json_valid(digest)),
    updated_at  INTEGER NOT NULL,
    updated_by  TEXT NOT NULL,
    CHECK (NOT (optional AND critical))
) STRICT, WITHOUT ROWID;

CREATE TABLE recipient_use (
    recipient_value TEXT NOT NULL,
    recipient_type  TEXT NOT NULL,
    kind            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    day             TEXT NOT NULL,
    used            INTEGER NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE digests (
    recipient_value TEXT NOT NULL,
    recipient_type  TEXT NOT NULL,
    kind            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    app_id          TEXT NOT NULL,
    key             TEXT NOT NULL,
    id              TEXT NOT NULL UNIQUE,
    send_at         INTEGER NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel, app_id, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id              TEXT PRIMARY KEY,
    app_id          TEXT NOT NULL,
    thread          TEXT NOT NULL,
    opened_at       INTEGER NOT NULL,
    steps           TEXT NOT NULL CHECK (json_valid(steps)),
    ends_at         INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT '',
    over            TEXT NOT NULL DEFAULT '',
    note            TEXT NOT NULL DEFAULT '',
    closed_at       INTEGER,
    closed_by       TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_open ON incidents (id) WHERE acknowledged_at IS NULL AND closed_at IS NULL;

CREATE TABLE contacts (
    owner      TEXT NOT NULL,
    name       TEXT NOT NULL,
    addresses  TEXT NOT NULL CHECK (json_valid(addresses)),
    locale     TEXT NOT NULL,
    time_zone  TEXT NOT NULL,
    labels     TEXT CHECK (json_valid(labels)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_addresses (
    value TEXT NOT NULL,
    type  TEXT NOT NULL,
    owner TEXT NOT NULL,
    name  TEXT NOT NULL,
    PRIMARY KEY (value, type, owner, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE contact_labels (
    owner TEXT NOT NULL,
    label TEXT NOT NULL,
    value TEXT NOT NULL,
    name  TEXT NOT NULL,
    PRIMARY KEY (owner, label, value, name)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER contact_inserted AFTER INSERT ON contacts
BEGIN
    INSERT INTO contact_addresses
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.owner, NEW.name FROM json_each(NEW.addresses);
    INSERT INTO contact_labels SELECT NEW.owner, key, value, NEW.name FROM json_each(NEW.labels);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER contact_updated AFTER UPDATE OF addresses, labels ON contacts
BEGIN
    DELETE FROM contact_addresses WHERE (value, type, owner, name) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.owner, OLD.name FROM json_each(OLD.addresses));
    DELETE FROM contact_labels WHERE (owner, label, value, name) IN (
        SELECT OLD.owner, key, value, OLD.name FROM json_each(OLD.labels));
    INSERT INTO contact_addresses
        SELECT DISTINCT value ->> 'value', value ->> 'type', NEW.owner, NEW.name FROM json_each(NEW.addresses);
    INSERT INTO contact_labels SELECT NEW.owner, key, value, NEW.name FROM json_each(NEW.labels);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER contact_deleted AFTER DELETE ON contacts
BEGIN
    DELETE FROM contact_addresses WHERE (value, type, owner, name) IN (
        SELECT value ->> 'value', value ->> 'type', OLD.owner, OLD.name FROM json_each(OLD.addresses));
    DELETE FROM contact_labels WHERE (owner, label, value, name) IN (
        SELECT OLD.owner, key, value, OLD.name FROM json_each(OLD.labels));
    DELETE FROM preferences WHERE recipient_value = OLD.owner || '/' || OLD.name AND recipient_type = 'contact';
END;
-- +goose StatementEnd

CREATE TABLE contact_groups (
    owner      TEXT NOT NULL,
    name       TEXT NOT NULL,
    contacts   TEXT NOT NULL CHECK (json_valid(contacts)),
    labels     TEXT CHECK (json_valid(labels)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE expansions (
    notification_id TEXT PRIMARY KEY,
    group_owner     TEXT NOT NULL,
    group_name      TEXT NOT NULL,
    after_name      TEXT NOT NULL,
    contacts        INTEGER NOT NULL,
    deliveries      INTEGER NOT NULL,
    done_at         INTEGER,
    stopped         TEXT NOT NULL,
    job_id          INTEGER NOT NULL,
    plan            TEXT NOT NULL CHECK (json_valid(plan))
) STRICT, WITHOUT ROWID;

CREATE INDEX expansions_open ON expansions (notification_id) WHERE done_at IS NULL;

CREATE TABLE app_use (
    app_id  TEXT NOT NULL,
    channel TEXT NOT NULL, -- empty: notifications are counted
    period  TEXT NOT NULL, -- minute or day
    start   INTEGER NOT NULL, -- of the period that is counted
    used    INTEGER NOT NULL,
    PRIMARY KEY (app_id, channel, period)
) STRICT, WITHOUT ROWID;

CREATE TABLE alert_groups (
    app_id          TEXT NOT NULL,
    id              TEXT NOT NULL,
    state           TEXT NOT NULL,
    told_at         INTEGER NOT NULL,
    notification_id TEXT NOT NULL,
    seen_at         INTEGER NOT NULL,
    receiver        TEXT NOT NULL,
    PRIMARY KEY (app_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_groups_receiver ON alert_groups (receiver, told_at);

CREATE TABLE threads (
    app_id     TEXT NOT NULL,
    name       TEXT NOT NULL,
    id         TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    incident_id TEXT,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (app_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE thread_messages (
    recipient_value TEXT NOT NULL,
    recipient_type  TEXT NOT NULL,
    channel         TEXT NOT NULL,
    thread_id       TEXT NOT NULL,
    mark            TEXT NOT NULL,
    provider        TEXT NOT NULL,
    reference       TEXT NOT NULL,
    seq             INTEGER NOT NULL,
    delivery_id     TEXT NOT NULL,
    busy_until      INTEGER,
    updated_at      INTEGER NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, channel, thread_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id        TEXT PRIMARY KEY,
    at        INTEGER NOT NULL,
    app_id    TEXT NOT NULL,
    person    TEXT NOT NULL,
    address   TEXT NOT NULL,
    agent     TEXT NOT NULL,
    action    TEXT NOT NULL,
    object_id TEXT NOT NULL,
    outcome   TEXT NOT NULL,
    detail    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_object ON audit (object_id, id);

-- +goose StatementBegin
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log never change');
END;
-- +goose StatementEnd

CREATE TABLE hourly_counts (
    hour     INTEGER NOT NULL,
    channel  TEXT NOT NULL,
    app_id   TEXT NOT NULL,
    template TEXT NOT NULL,
    provider TEXT NOT NULL,
    outcome  TEXT NOT NULL,
    code     TEXT NOT NULL,
    took     INTEGER NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (hour, channel, app_id, template, provider, outcome, code, took)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_slots (
    provider TEXT PRIMARY KEY,
    next_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_places (
    provider   TEXT NOT NULL,
    place      INTEGER NOT NULL,
    holder     TEXT,
    expires_at INTEGER,
    PRIMARY KEY (provider, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_breakers (
    provider  TEXT PRIMARY KEY,
    by_hand   INTEGER NOT NULL,
    code      TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    probe_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    digest     TEXT PRIMARY KEY,
    app_id     TEXT NOT NULL,
    person     TEXT NOT NULL,
    proof      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressions (
    id              TEXT PRIMARY KEY,
    channel         TEXT NOT NULL,
    recipient_type  TEXT NOT NULL,
    recipient_value TEXT NOT NULL,
    code            TEXT NOT NULL,
    error           TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    until           INTEGER NOT NULL,
    UNIQUE (recipient_value, recipient_type, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE preferences (
    recipient_value TEXT NOT NULL,
    recipient_type  TEXT NOT NULL,
    kind            TEXT NOT NULL,
    channel         TEXT NOT NULL,
    source          TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE link_keys (
    id  TEXT PRIMARY KEY,
    key BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE endpoints (
    id            TEXT PRIMARY KEY,
    app_id        TEXT NOT NULL,
    url           TEXT NOT NULL,
    description   TEXT NOT NULL,
    events        TEXT NOT NULL CHECK (json_valid(events)),
    secret        BLOB NOT NULL,
    before        BLOB,
    before_until  INTEGER,
    off           TEXT NOT NULL DEFAULT '' CHECK (off IN ('', 'by_hand', 'failing', 'gone')),
    off_at        INTEGER,
    failing_since INTEGER,
    last_code     TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX endpoints_app ON endpoints (app_id, id);

CREATE TABLE events (
    id              TEXT PRIMARY KEY,
    app_id          TEXT NOT NULL,
    type            TEXT NOT NULL,
    at              INTEGER NOT NULL,
    notification_id TEXT NOT NULL,
    delivery_id     TEXT,
    channel         TEXT NOT NULL,
    status          TEXT NOT NULL,
    code            TEXT NOT NULL,
    test            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX events_app ON events (app_id, id);

-- +goose Down
DROP TABLE events;
DROP TABLE endpoints;
DROP TABLE link_keys;
DROP TABLE preferences;
DROP TABLE suppressions;
DROP TABLE sessions;
DROP TABLE provider_breakers;
DROP TABLE provider_places;
DROP TABLE provider_slots;
DROP TABLE hourly_counts;
DROP TABLE audit;
DROP TABLE app_use;
DROP TABLE incidents;
DROP TABLE digests;
DROP TABLE recipient_use;
DROP TABLE kinds;
DROP TABLE thread_messages;
DROP TABLE threads;
DROP TABLE alert_groups;
DROP TABLE expansions;
DROP TABLE contact_groups;
DROP TABLE contacts;
DROP TABLE contact_labels;
DROP TABLE contact_addresses;
DROP TABLE template_versions;
DROP TABLE templates;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE messages;
DROP TABLE mentioned_recipients;
DROP TABLE notifications;
DROP TABLE unmatched_recipients;
