-- +goose Up

-- The provider that a retry by hand asked for; NULL for the channel's.
ALTER TABLE deliveries ADD COLUMN provider_override TEXT;

-- Lists are read by id, backwards; these are for what is rare there. The partial
-- ones hold what failed, so that a delivery that arrives never meets them.
CREATE INDEX deliveries_ended ON deliveries (status, id) WHERE status IN ('dead', 'cancelled');
CREATE INDEX deliveries_code ON deliveries (last_code, id) WHERE last_code <> '';
CREATE INDEX deliveries_recipient ON deliveries (recipient_value, id);
CREATE INDEX notifications_app ON notifications (app_id, id);

-- +goose Down
DROP INDEX notifications_app;
DROP INDEX deliveries_recipient;
DROP INDEX deliveries_code;
DROP INDEX deliveries_ended;
ALTER TABLE deliveries DROP COLUMN provider_override;
