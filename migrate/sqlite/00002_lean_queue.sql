-- +goose Up
SELECT 1; -- River has no such indexes on SQLite; the versions of both engines agree

-- +goose Down
SELECT 1;
