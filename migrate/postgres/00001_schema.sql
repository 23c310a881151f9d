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
    contacts        json, -- object: which contacts it reaches; NULL when it names none
    -- Deliveries by stored status. The rest of total is pending.
    total           integer NOT NULL CHECK (total > 0 OR expansion IS NOT NULL),
    failed          integer NOT NULL DEFAULT 0,
    success         integer NOT NULL DEFAULT 0,
    dead            integer NOT NULL DEFAULT 0,
    cancelled       integer NOT NULL DEFAULT 0,
    expansion       text CHECK (expansion IN ('open', 'done', 'stopped')), -- NULL: all deliveries were made when it was accepted
    -- Derived, so that it cannot disagree with the counts.
    status          text NOT NULL GENERATED ALWAYS AS (CASE
        WHEN failed + success + dead + cancelled = 0 AND (total > 0 OR expansion = 'open') THEN 'pending'
        WHEN success + dead + cancelled < total OR expansion = 'open' THEN 'processing'
        WHEN dead > 0 THEN 'failed'
        WHEN cancelled > 0 OR total = 0 OR expansion = 'stopped' THEN 'cancelled'
        ELSE 'success' END) STORED,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    send_at         timestamptz, -- NULL: at once
    expires_at      timestamptz, -- NULL: never
    priority        text NOT NULL,
    test            boolean NOT NULL,
    kind            text NOT NULL DEFAULT '', -- empty: none
    incident_id     uuid, -- that it opened, or is a step of; NULL: none
    withheld        jsonb, -- object: how many deliveries were withheld, by code; NULL: none
    thread          text NOT NULL DEFAULT '', -- empty: none
    thread_id       uuid, -- NULL: none
    thread_seq      bigint NOT NULL DEFAULT 0, -- its place in the thread
    resolved        boolean NOT NULL DEFAULT false, -- nothing is wrong any more
    CONSTRAINT notifications_key UNIQUE (app_id, idempotency_key),
    -- One for all: PostgreSQL reads each constraint anew in every statement.
    CONSTRAINT notifications_counts CHECK (least(failed, success, dead, cancelled) >= 0 AND failed + success + dead + cancelled <= total)
)
-- The counts change with every batch of outcomes and no index holds them: free room on
-- the page keeps those updates in place (HOT).
WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);

-- For the lists of an app. Neither column ever changes.
CREATE INDEX notifications_app ON notifications (app_id, id);

-- For the notifications of a thread.
CREATE INDEX notifications_thread ON notifications (thread, id) WHERE thread <> '';

-- The addresses in notifications.unmatched, for erasing one: an index over the array, which triggers
-- keep.
CREATE TABLE unmatched_recipients (
    value           text COLLATE "C" NOT NULL,
    type            text NOT NULL,
    notification_id uuid NOT NULL,
    PRIMARY KEY (value, type, notification_id)
);

-- +goose StatementBegin
CREATE FUNCTION index_unmatched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM unmatched_recipients WHERE (value, type, notification_id) IN (
            SELECT r ->> 'value', r ->> 'type', OLD.id FROM jsonb_array_elements(OLD.unmatched) AS u (r));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO unmatched_recipients
            SELECT DISTINCT r ->> 'value', r ->> 'type', NEW.id FROM jsonb_array_elements(NEW.unmatched) AS u (r);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER unmatched_inserted AFTER INSERT ON notifications
    FOR EACH ROW WHEN (NEW.unmatched IS NOT NULL) EXECUTE FUNCTION index_unmatched();
CREATE TRIGGER unmatched_updated AFTER UPDATE OF unmatched ON notifications
    FOR EACH ROW EXECUTE FUNCTION index_unmatched();
CREATE TRIGGER unmatched_deleted AFTER DELETE ON notifications
    FOR EACH ROW WHEN (OLD.unmatched IS NOT NULL) EXECUTE FUNCTION index_unmatched();

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
    template_codes   jsonb, -- object: the code by provider; NULL: none
    params           json, -- json, not jsonb: it is read back byte for byte
    mention          jsonb -- array of {type, value}; NULL: nobody
);

-- The addresses in messages.mention, for erasing one, as unmatched_recipients.
CREATE TABLE mentioned_recipients (
    value      text COLLATE "C" NOT NULL,
    type       text NOT NULL,
    message_id uuid NOT NULL,
    PRIMARY KEY (value, type, message_id)
);

-- +goose StatementBegin
CREATE FUNCTION index_mention() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM mentioned_recipients WHERE (value, type, message_id) IN (
            SELECT r ->> 'value', r ->> 'type', OLD.id FROM jsonb_array_elements(OLD.mention) AS u (r));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO mentioned_recipients
            SELECT DISTINCT r ->> 'value', r ->> 'type', NEW.id FROM jsonb_array_elements(NEW.mention) AS u (r);
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER mention_inserted AFTER INSERT ON messages
    FOR EACH ROW WHEN (NEW.mention IS NOT NULL) EXECUTE FUNCTION index_mention();
CREATE TRIGGER mention_updated AFTER UPDATE OF mention ON messages
    FOR EACH ROW WHEN (OLD.mention IS NOT NULL) EXECUTE FUNCTION index_mention();
CREATE TRIGGER mention_deleted AFTER DELETE ON messages
    FOR EACH ROW WHEN (OLD.mention IS NOT NULL) EXECUTE FUNCTION index_mention();

CREATE TABLE deliveries (
    id                uuid PRIMARY KEY,
    notification_id   uuid NOT NULL,
    message_id        uuid NOT NULL,
    job_id            bigint NOT NULL, -- 0: erased; -1: it was withheld, or is an item of a digest, and never had one
    channel           text NOT NULL,
    provider          text NOT NULL,
    next_provider     text, -- that it was moved to, or that a requeue asked for; NULL: the first that can take it
    pinned            boolean NOT NULL DEFAULT false, -- it goes through no other than next_provider
    template_name     text NOT NULL,
    template_version  integer NOT NULL,
    locale            text NOT NULL DEFAULT '', -- of the text that the message has; empty: the template names none
    recipient_type    text NOT NULL,
    recipient_value   text COLLATE "C" NOT NULL, -- compared by bytes, which is cheaper
    recipient_configured boolean NOT NULL DEFAULT false, -- from the configuration
    contact           text COLLATE "C" NOT NULL DEFAULT '', -- whose address it is, as owner/name; empty: nobody's
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
    kind              text NOT NULL DEFAULT '',
    incident_id       uuid,
    quiet             text NOT NULL DEFAULT '', -- hours and zone in which it is not sent; empty: none
    digest_id         uuid, -- the digest that it is an item of; its own id: it is the digest; NULL: none
    receipt           text NOT NULL DEFAULT '' -- what the vendor says became of it; empty: nothing yet
        CHECK (receipt IN ('', 'unknown', 'failed', 'delivered', 'read', 'answered')),
    receipt_at        timestamptz,
    receipt_code      text NOT NULL DEFAULT '',
    reference         text NOT NULL DEFAULT '', -- the vendor's id, when receipts come under it
    card              text NOT NULL DEFAULT '', -- by which the provider finds the message of an open incident; empty: nobody looks for it
    sent_again        boolean NOT NULL DEFAULT false, -- by itself, because the vendor did not have it
    thread_id         uuid, -- NULL: none
    thread_seq        bigint NOT NULL DEFAULT 0,
    resolved          boolean NOT NULL DEFAULT false,
    anew              boolean NOT NULL DEFAULT false, -- it does not edit the message of its thread
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
)
-- Each row is updated soon after it was written.
WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);

-- For the items of a digest.
CREATE INDEX deliveries_digest ON deliveries (digest_id, id) WHERE digest_id IS NOT NULL;

-- For the later ones of a thread.
CREATE INDEX deliveries_thread ON deliveries (thread_id, recipient_value, thread_seq)
    WHERE status IN ('pending', 'failed') AND thread_id IS NOT NULL;

-- For the messages of an incident.
CREATE INDEX deliveries_incident ON deliveries (incident_id, recipient_value, id) WHERE incident_id IS NOT NULL;

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
CREATE INDEX deliveries_receipt ON deliveries (receipt, id) WHERE receipt <> '';
CREATE INDEX deliveries_reference ON deliveries (reference, id) WHERE reference <> '';
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
    template_codes jsonb, -- object: the code by provider; NULL: none
    locale        text NOT NULL, -- of the texts above; empty: none is named
    texts         jsonb, -- object: the texts in other languages, by locale; NULL: none
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
    template_codes jsonb, -- object: the code by provider; NULL: none
    locale        text NOT NULL,
    texts         jsonb,
    created_by    text NOT NULL, -- app id
    created_at    timestamptz NOT NULL,
    owner         text NOT NULL,
    private       boolean NOT NULL,
    deleted       boolean NOT NULL, -- this version is the deletion
    PRIMARY KEY (name, version)
);

-- Sorts of notifications, and when and how often they may reach somebody.
CREATE TABLE kinds (
    name        text COLLATE "C" PRIMARY KEY,
    description text NOT NULL,
    channels    jsonb NOT NULL, -- array of names; empty: all
    optional    boolean NOT NULL,
    critical    boolean NOT NULL,
    quiet       jsonb, -- object: from, to, timeZone, channels
    caps        jsonb NOT NULL, -- object by channel: limit, per
    digest      jsonb, -- {key, window, template}; NULL: none
    updated_at  timestamptz NOT NULL,
    updated_by  text NOT NULL, -- app id
    CONSTRAINT kinds_optional CHECK (NOT (optional AND critical))
);

-- How much of a kind's cap each recipient has used, by the day in the kind's zone.
CREATE TABLE recipient_use (
    recipient_value text COLLATE "C" NOT NULL,
    recipient_type  text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL,
    day             text COLLATE "C" NOT NULL, -- 2006-01-02
    used            integer NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel, day)
)
WITH (fillfactor = 50);

-- Digests that take items. The row goes when the digest is closed.
CREATE TABLE digests (
    recipient_value text COLLATE "C" NOT NULL,
    recipient_type  text COLLATE "C" NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL,
    app_id          text COLLATE "C" NOT NULL,
    key             text COLLATE "C" NOT NULL, -- hash of a param's value; empty: none
    id              uuid NOT NULL UNIQUE, -- of its notification and its delivery
    send_at         timestamptz NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel, app_id, key)
)
WITH (fillfactor = 50); -- updated for each item

-- What somebody is asked to acknowledge. Until then its steps are sent, each a notification.
CREATE TABLE incidents (
    id              uuid PRIMARY KEY, -- of the notification that opened it
    app_id          text NOT NULL,
    thread          text NOT NULL, -- empty: it is in none
    opened_at       timestamptz NOT NULL,
    steps           jsonb NOT NULL, -- array of {notificationId, at, channels, if}, in the order of their times
    ends_at         timestamptz NOT NULL, -- when the last step is due
    acknowledged_at timestamptz, -- NULL: nobody has
    acknowledged_by text NOT NULL DEFAULT '',
    over            text NOT NULL DEFAULT '', -- how it was acknowledged
    note            text NOT NULL DEFAULT '',
    closed_at       timestamptz, -- NULL: it is open, or acknowledged
    closed_by       text NOT NULL DEFAULT ''
);

-- For those that wait for somebody.
CREATE INDEX incidents_open ON incidents (id) WHERE acknowledged_at IS NULL AND closed_at IS NULL;

-- People and teams by name, with their addresses.
CREATE TABLE contacts (
    owner      text COLLATE "C" NOT NULL, -- app id; empty: shared by all apps
    name       text COLLATE "C" NOT NULL,
    addresses  jsonb NOT NULL, -- array of {type, value}, the preferred one first
    locale     text NOT NULL,
    time_zone  text NOT NULL,
    labels     jsonb, -- object of texts; NULL: none
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (owner, name)
);

-- The addresses in contacts, for finding and erasing one, and the labels, for the contacts of a
-- group in the order of names: indexes over the two columns, which triggers keep.
CREATE TABLE contact_addresses (
    value text COLLATE "C" NOT NULL,
    type  text NOT NULL,
    owner text COLLATE "C" NOT NULL,
    name  text COLLATE "C" NOT NULL,
    PRIMARY KEY (value, type, owner, name)
);
CREATE TABLE contact_labels (
    owner text COLLATE "C" NOT NULL,
    label text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    name  text COLLATE "C" NOT NULL, -- of the contact
    PRIMARY KEY (owner, label, value, name)
);

-- +goose StatementBegin
CREATE FUNCTION index_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM contact_addresses WHERE (value, type, owner, name) IN (
            SELECT a ->> 'value', a ->> 'type', OLD.owner, OLD.name FROM jsonb_array_elements(OLD.addresses) AS u (a));
        DELETE FROM contact_labels WHERE (owner, label, value, name) IN (
            SELECT OLD.owner, l.key, l.value, OLD.name FROM jsonb_each_text(OLD.labels) AS l);
    END IF;
    IF TG_OP = 'DELETE' THEN
        DELETE FROM preferences WHERE recipient_value = OLD.owner || '/' || OLD.name AND recipient_type = 'contact';
    ELSE
        INSERT INTO contact_addresses
            SELECT DISTINCT a ->> 'value', a ->> 'type', NEW.owner, NEW.name FROM jsonb_array_elements(NEW.addresses) AS u (a);
        INSERT INTO contact_labels SELECT NEW.owner, l.key, l.value, NEW.name FROM jsonb_each_text(NEW.labels) AS l;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER contact_written AFTER INSERT OR DELETE OR UPDATE OF addresses, labels ON contacts
    FOR EACH ROW EXECUTE FUNCTION index_contact();

-- Contacts that are sent to by one name: those that are listed, and those of the owner that have
-- all the labels.
CREATE TABLE contact_groups (
    owner      text COLLATE "C" NOT NULL, -- as in contacts
    name       text COLLATE "C" NOT NULL,
    contacts   jsonb NOT NULL, -- array of names
    labels     jsonb, -- object of texts; NULL: only those that are listed
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (owner, name)
);

-- How far notifications are whose group is too large for one request.
CREATE TABLE expansions (
    notification_id uuid PRIMARY KEY,
    group_owner     text NOT NULL,
    group_name      text NOT NULL,
    after_name      text COLLATE "C" NOT NULL, -- of the last contact that was read; empty at both ends
    contacts        integer NOT NULL, -- that were read
    deliveries      integer NOT NULL, -- that were made
    done_at         timestamptz,
    stopped         text NOT NULL, -- why contacts are left; empty: none are
    job_id          bigint NOT NULL,
    plan            jsonb NOT NULL -- object: messages, quotas
)
WITH (fillfactor = 50); -- updated by every batch

CREATE INDEX expansions_open ON expansions (notification_id) WHERE done_at IS NULL;

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
    receiver        text NOT NULL, -- its name in the configuration
    PRIMARY KEY (app_id, id)
)
WITH (fillfactor = 50); -- updated at every post

-- For what a receiver was last told. A repetition changes neither column.
CREATE INDEX alert_groups_receiver ON alert_groups (receiver, told_at);

-- Notifications that follow each other. Transactions that accept some of the same thread wait
-- for each other here.
CREATE TABLE threads (
    app_id     text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    seq        bigint NOT NULL, -- of its last notification
    incident_id uuid, -- the last that was opened in it and not resolved; NULL: none
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (app_id, name)
)
WITH (fillfactor = 50); -- updated by every notification

-- The message that a recipient has of a thread, which later deliveries edit, and whose turn it is.
CREATE TABLE thread_messages (
    recipient_value text COLLATE "C" NOT NULL,
    recipient_type  text COLLATE "C" NOT NULL,
    channel         text COLLATE "C" NOT NULL,
    thread_id       uuid NOT NULL,
    mark            uuid NOT NULL, -- the delivery id that the vendor was given with the message
    provider        text NOT NULL, -- that it went through
    reference       text NOT NULL, -- by which the provider finds it; empty: not known
    seq             bigint NOT NULL, -- of the delivery that had its turn last
    delivery_id     uuid NOT NULL, -- that delivery
    busy_until      timestamptz, -- its call may run until then; NULL: its outcome is recorded
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, channel, thread_id)
)
WITH (fillfactor = 50); -- updated twice by every delivery

-- Who changed what. Rows are inserted, and deleted after retention.days.
CREATE TABLE audit (
    id        uuid PRIMARY KEY,
    at        timestamptz NOT NULL,
    app_id    text NOT NULL, -- empty: the process itself
    person    text NOT NULL, -- who signed in by OpenID Connect, or empty
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

-- What was accepted and what became of it, counted for each hour. Nothing in it is of a person.
-- A replica adds to rows of its own, so that replicas do not wait for each other.
CREATE TABLE hourly_counts (
    hour     timestamptz NOT NULL, -- its begin
    channel  text NOT NULL,
    app_id   text NOT NULL,
    template text NOT NULL,
    provider text NOT NULL, -- empty for accepted ones
    outcome  text NOT NULL, -- accepted, withheld, success, failed or dead
    code     text NOT NULL,
    took     smallint NOT NULL, -- the bucket of the time until success; 0 for the others
    writer   smallint NOT NULL,
    amount   bigint NOT NULL,
    PRIMARY KEY (hour, channel, app_id, template, provider, outcome, code, took, writer)
)
WITH (fillfactor = 50); -- the rows of this hour are updated by every batch

-- When each provider may be called next, for all replicas.
CREATE TABLE provider_slots (
    provider text PRIMARY KEY,
    next_at  timestamptz NOT NULL
)
WITH (fillfactor = 50); -- one row for each provider, updated at every call

-- The connections that a provider bears, numbered from 1. A replica holds the places of its open
-- connections, and renews them; those of a replica that died expire. A provider that
-- is listened to has one place, which the replica that listens holds.
CREATE TABLE provider_places (
    provider   text NOT NULL,
    place      integer NOT NULL,
    holder     uuid, -- a replica; null: the place is free
    expires_at timestamptz,
    PRIMARY KEY (provider, place)
)
WITH (fillfactor = 50);

-- Providers that take no deliveries now, but for a probe from time to time.
CREATE TABLE provider_breakers (
    provider  text PRIMARY KEY,
    by_hand   boolean NOT NULL, -- an operator opened it, and only an operator closes it
    code      text NOT NULL, -- of the last failure before it opened; empty when an operator opened it
    opened_at timestamptz NOT NULL,
    probe_at  timestamptz NOT NULL
);

-- Browsers that are signed in to the console.
CREATE TABLE sessions (
    digest     text PRIMARY KEY, -- of the token, which only the browser knows
    app_id     text NOT NULL,
    person     text NOT NULL, -- who signed in by OpenID Connect, or empty
    proof      text NOT NULL, -- differs when what let the browser in does, or the roles
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- Addresses that a vendor refused for good. Nothing is sent there over the channel until then.
CREATE TABLE suppressions (
    id              uuid PRIMARY KEY, -- of the last attempt that was refused
    channel         text NOT NULL,
    recipient_type  text NOT NULL,
    recipient_value text COLLATE "C" NOT NULL,
    code            text NOT NULL,
    error           text NOT NULL,
    created_at      timestamptz NOT NULL,
    until           timestamptz NOT NULL,
    CONSTRAINT suppressions_address UNIQUE (recipient_value, recipient_type, channel)
);

-- What people have switched off.
CREATE TABLE preferences (
    recipient_value text COLLATE "C" NOT NULL,
    recipient_type  text NOT NULL,
    kind            text COLLATE "C" NOT NULL, -- empty: all that may be switched off
    channel         text COLLATE "C" NOT NULL, -- empty: all
    source          text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (recipient_value, recipient_type, kind, channel)
);

-- The keys of the links that switch something off.
CREATE TABLE link_keys (
    id  uuid PRIMARY KEY, -- the highest is used for new links
    key bytea NOT NULL
);

-- Where apps are told of events.
CREATE TABLE endpoints (
    id            uuid PRIMARY KEY,
    app_id        text NOT NULL,
    url           text NOT NULL, -- may hold a secret
    description   text NOT NULL,
    events        jsonb NOT NULL, -- array of types; empty: all
    secret        bytea NOT NULL, -- sealed with endpoints.key of the configuration
    before        bytea, -- the secret before the last rotation, sealed
    before_until  timestamptz, -- it signs, too, until then
    off           text NOT NULL DEFAULT '' CHECK (off IN ('', 'by_hand', 'failing', 'gone')), -- empty: it is on
    off_at        timestamptz,
    failing_since timestamptz, -- nothing has succeeded since then; NULL: the last request has
    last_code     text NOT NULL DEFAULT '',
    line          text NOT NULL, -- queue of its jobs
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL
);

CREATE INDEX endpoints_app ON endpoints (app_id, id);

-- What the endpoints of apps are told. Nothing in it is of a person.
CREATE TABLE events (
    id              uuid PRIMARY KEY,
    app_id          text NOT NULL,
    type            text NOT NULL,
    at              timestamptz NOT NULL,
    notification_id uuid NOT NULL, -- may be deleted
    delivery_id     uuid, -- NULL: it is about the notification
    channel         text NOT NULL,
    status          text NOT NULL,
    code            text NOT NULL,
    test            boolean NOT NULL
);

-- For telling again what happened since a time.
CREATE INDEX events_app ON events (app_id, id);

-- A UUIDv7 of that time, as store.FirstID needs it. PostgreSQL has its own from version 18 on.
-- +goose StatementBegin
CREATE FUNCTION event_id(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM at) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
-- +goose StatementEnd

-- River indexes the args, the metadata and the kind of its jobs. Nothing here searches by them, and the first
-- two indexes are half of what a job writes, again at each change of its state: without them
-- deliveries are accepted and sent almost twice as fast, and without that of the few kinds accepting
-- takes a fourteenth less. jobs/client.go tells River's reindexer.
DROP INDEX IF EXISTS river_job_args_index;
DROP INDEX IF EXISTS river_job_metadata_index;
DROP INDEX IF EXISTS river_job_kind;

-- A job is updated twice and deleted within a day.
ALTER TABLE river_job SET (autovacuum_vacuum_scale_factor = 0.02);

-- +goose Down
SET LOCAL lock_timeout = '1s';
ALTER TABLE river_job RESET (autovacuum_vacuum_scale_factor);
CREATE INDEX river_job_kind ON river_job (kind);
CREATE INDEX river_job_metadata_index ON river_job USING gin (metadata);
CREATE INDEX river_job_args_index ON river_job USING gin (args);

DROP FUNCTION event_id;
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
DROP FUNCTION audit_never_changes;
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
DROP FUNCTION index_contact;
DROP TABLE contact_labels;
DROP TABLE contact_addresses;
DROP TABLE template_versions;
DROP TABLE templates;
DROP TABLE attempts;
DROP TABLE deliveries;
DROP TABLE messages;
DROP FUNCTION index_mention;
DROP TABLE mentioned_recipients;
DROP TABLE notifications;
DROP FUNCTION index_unmatched;
DROP TABLE unmatched_recipients;
