package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/labring/sealos-notify/client"
)

func notify() *client.Client {
	c, err := client.New(client.Options{
		URL: "https://notify.example.com", AppID: "billing", AppSecret: os.Getenv("NOTIFY_SECRET"),
	})
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A request is sent again with the same key, by the client itself or after a crash. It is one notification.
func ExampleClient_Send() {
	accepted, err := notify().Send(context.Background(), client.SendRequest{
		IdempotencyKey: "invoice-2026-11-alice",
		Channels: map[string]client.Message{
			client.ChannelEmail: {Template: "invoice", Params: map[string]any{"amount": "12.50"}},
		},
		Recipients: []client.RecipientRequest{{Type: client.RecipientContact, Value: "alice"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(accepted.NotificationID, accepted.Deliveries)
}

// The code is for programs, the field says where the request is wrong, and an error without an answer may have
// been accepted: the same request may be sent again.
func ExampleProblem() {
	_, err := notify().Send(context.Background(), client.SendRequest{IdempotencyKey: "invoice-2026-11-alice"})
	var refused *client.Problem
	switch {
	case errors.As(err, &refused) && refused.Code == client.CodeIdempotencyConflict:
		fmt.Println("another request has used this key")
	case errors.As(err, &refused):
		fmt.Println(refused.Code, refused.Field(), refused.RetryAfter)
	case errors.Is(err, client.ErrUnreachable):
		fmt.Println("no answer; send it again")
	}
}

func ExampleClient_Wait() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := notify().Wait(ctx, "01a226da-cdff-7383-83b3-4c3a07a3c2e5")
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("it goes on:", n.Counts.Success, "of", n.Counts.Total, "have arrived")
	case err != nil:
		log.Fatal(err)
	case n.Status == client.StatusSuccess:
		fmt.Println("all have arrived")
	default:
		fmt.Println(n.Status, n.Counts.Dead, "are dead")
	}
}

// The next page is read when the loop gets there.
func ExampleClient_AllDeliveries() {
	dead := client.DeliveryQuery{
		DeliveryFilter: client.DeliveryFilter{Status: client.StatusDead, Since: time.Now().Add(-time.Hour)}, Limit: 500,
	}
	for d, err := range notify().AllDeliveries(context.Background(), dead) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.ID, d.Channel, d.LastCode, d.LastError)
	}
}

// A template is checked when it is stored.
func ExampleClient_CreateTemplate() {
	_, err := notify().CreateTemplate(context.Background(), client.TemplateRequest{
		Name: "invoice", Channel: client.ChannelEmail, Subject: "Your invoice", Body: "You owe {{ .amount }} EUR.",
	})
	var refused *client.Problem
	if errors.As(err, &refused) && refused.Code == client.CodeTemplateExists {
		return
	}
	if err != nil {
		log.Fatal(err)
	}
}
