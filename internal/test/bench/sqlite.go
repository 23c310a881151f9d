package main

import "context"

// onSQLite measures how fast a replica accepts and delivers on SQLite.
func (b *bench) onSQLite(ctx context.Context, record record) error {
	rate, err := b.accept(ctx, setup{database: b.sqliteFile()}, 1, nil)
	if err != nil {
		return err
	}
	record("sqlite-accept", rate)
	d, err := b.drain(ctx, setup{database: b.sqliteFile()}, 1, b.sqliteBacklog)
	record("sqlite-drain", d.rate)
	return err
}
