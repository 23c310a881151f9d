package sqlread

import "context"

// PlacesTaken implements store.Limits.
func (r Reader) PlacesTaken(ctx context.Context) (map[string]int, error) {
	taken := map[string]int{}
	err := r.DB.Query(ctx, func(row Row) error {
		var provider string
		var places int
		err := row.Scan(&provider, &places)
		taken[provider] = places
		return err
	}, `SELECT provider, count(*) FROM provider_places WHERE holder IS NOT NULL AND expires_at > `+r.Now+` GROUP BY provider`)
	return wrapped(taken, err, "places of connections")
}
