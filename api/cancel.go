package api

import "context"

const cancelDescription = "Deliveries that wait for their first attempt or for a retry are cancelled. " +
	"An attempt in progress finishes; when it fails, the delivery is not retried and is cancelled within a minute. " +
	"The request may be repeated. One request cancels deliveries for 5 seconds: of hundreds of thousands some are left, and it is to be repeated while counts.cancelled grows."

type cancelOutput struct{ Body notificationView }

type cancelInput struct {
	ID string `path:"id" doc:"id of the notification"`
}

func (s *Server) cancelNotification(ctx context.Context, in *cancelInput) (*cancelOutput, error) {
	n, err := s.notificationOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.control.Cancel(ctx, n.ID, actorOf(ctx)); err != nil {
		return nil, err
	}
	if n, err = s.store.Notification(ctx, n.ID); err != nil {
		return nil, err
	}
	return &cancelOutput{viewNotification(ctx, n)}, nil
}
