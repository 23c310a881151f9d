package api

import "context"

const cancelDescription = "Deliveries that wait, for the first time or for a retry, are cancelled. " +
	"Those that are being sent right now finish, and are not tried again when they fail: they are cancelled within a minute. " +
	"Repeating it does no harm."

func (s *Server) cancelNotification(ctx context.Context, in *getNotificationInput) (*notificationOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.steerer.Cancel(ctx, n.ID); err != nil {
		return nil, err
	}
	if n, err = s.store.Notification(ctx, n.ID); err != nil {
		return nil, err
	}
	return &notificationOutput{viewNotification(n)}, nil
}
