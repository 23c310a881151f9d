-- +goose Up

-- River indexes the args and the metadata of its jobs for whoever searches by them.
-- Nothing here does: args hold a delivery's id, and deliveries know their job. The
-- two indexes are half of what a job writes, again at each change of its state.
DROP INDEX IF EXISTS river_job_args_index;
DROP INDEX IF EXISTS river_job_metadata_index;

-- Every job is updated twice and deleted within a day.
ALTER TABLE river_job SET (autovacuum_vacuum_scale_factor = 0.02);

-- +goose Down
ALTER TABLE river_job RESET (autovacuum_vacuum_scale_factor);
CREATE INDEX river_job_metadata_index ON river_job USING gin (metadata);
CREATE INDEX river_job_args_index ON river_job USING gin (args);
