package sqlread

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/labring/sealos-notify/store"
)

// Telling implements store.Events.
func (r Reader) Telling(ctx context.Context, args store.EventArgs) (store.Event, store.Endpoint, error) {
	var e store.Endpoint
	v, err := one(ctx, r.DB, func(row Row) (v store.Event, err error) {
		var events []byte
		var delivery *uuid.UUID
		err = row.Scan(append([]any{
			&v.ID, &v.AppID, &v.Type, &v.At, &v.NotificationID, &delivery, &v.Channel, &v.Status, &v.Code, &v.Test,
		}, endpointInto(&e, &events)...)...)
		if err != nil {
			return v, err
		}
		if delivery != nil {
			v.DeliveryID = *delivery
		}
		return v, json.Unmarshal(events, &e.Events)
	}, `SELECT v.id, v.app_id, v.type, v.at, v.notification_id, v.delivery_id, v.channel, v.status, v.code, v.test, e.*
		FROM events v, (SELECT `+EndpointColumns+` FROM endpoints WHERE id = $1) e WHERE v.id = $2`, args.EndpointID, args.EventID)
	v, err = wrapped(v, err, "event %s for endpoint %s", args.EventID, args.EndpointID)
	return v, e, err
}
