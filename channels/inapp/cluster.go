package inapp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/labring/sealos-notify/channels"
	"github.com/labring/sealos-notify/channels/vendorhttp"
)

var notifications = schema.GroupVersionResource{Group: "notification.sealos.io", Version: "v1", Resource: "notifications"}

// cluster is the API of a cluster.
type cluster struct {
	client  *dynamic.DynamicClient // nil outside a cluster
	secrets []string               // redacted in the API's texts
}

// connect returns the client. It makes no network call.
func connect(kubeconfig string) (*cluster, error) {
	config, err := restConfig(kubeconfig)
	if errors.Is(err, rest.ErrNotInCluster) {
		return &cluster{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	config.UserAgent = "sealos-notify"
	config.Dial = vendorhttp.NewDialer().DialContext
	config.QPS = -1 // the client's own limit would hold up the workers
	config.WarningHandler = rest.NoWarnings{}
	config.NextProtos = []string{"http/1.1"} // no HTTP/2, for the reason that vendorhttp gives
	config.DisableCompression = true
	config.Wrap(func(base http.RoundTripper) http.RoundTripper { return &once{vendorhttp.Wrap(base)} })
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, errors.New("kubeconfig: its certificates or credentials cannot be used")
	}
	return &cluster{client: client, secrets: []string{config.BearerToken, config.Password}}, nil
}

// restConfig returns how to reach the cluster.
func restConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig == "" {
		return rest.InClusterConfig()
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	var unreadable *fs.PathError
	if errors.As(err, &unreadable) {
		return nil, fmt.Errorf("cannot be read: %w", unreadable.Err)
	}
	if err != nil {
		return nil, errors.New("not a complete kubeconfig file") // err may quote a secret
	}
	return config, nil
}

// metadataOnly asks for lists without specs, which can be long.
const metadataOnly = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

// once keeps client-go from repeating a call, which it does when the answer has a
// Retry-After header. It also asks for the metadata only when it lists.
type once struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (o *once) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodGet {
		req = req.Clone(req.Context())
		req.Header.Set("Accept", metadataOnly)
	}
	resp, err := o.base.RoundTrip(req)
	if err == nil {
		resp.Header.Del("Retry-After") // the body has the same time
	}
	return resp, err
}

// create creates a notification. If the name exists, an earlier attempt whose answer
// was lost has created it, which is success. Every error is a *channels.Error.
func (c *cluster) create(ctx context.Context, n *unstructured.Unstructured, options metav1.CreateOptions) error {
	if c.client == nil {
		return errNotInCluster()
	}
	created, err := c.client.Resource(notifications).Namespace(n.GetNamespace()).Create(ctx, n, options)
	switch {
	case apierrors.IsAlreadyExists(err) && !apierrors.IsUnexpectedServerError(err):
		return nil
	case err != nil:
		return asError(ctx, err, c.secrets)
	case created.GetName() != n.GetName():
		return asError(ctx, errors.New("the answer is about another object"), nil)
	}
	return nil
}

// replace gives a notification that exists new content, and marks it as read or as unread. The labels
// are replaced, as the desktop does. Every error is a *channels.Error.
func (c *cluster) replace(ctx context.Context, n *unstructured.Unstructured, read bool) error {
	if c.client == nil {
		return errNotInCluster()
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/spec", "value": n.Object["spec"]},
		{"op": "add", "path": "/metadata/annotations", "value": n.GetAnnotations()},
		{"op": "add", "path": "/metadata/labels", "value": map[string]string{readLabel: strconv.FormatBool(read)}},
	})
	if err != nil {
		return asError(ctx, err, nil)
	}
	_, err = c.client.Resource(notifications).Namespace(n.GetNamespace()).Patch(ctx, n.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{})
	if status := apierrors.APIStatus(nil); errors.As(err, &status) && status.Status().Code == http.StatusNotFound &&
		status.Status().Details != nil && status.Status().Details.Name == n.GetName() {
		return channels.PermanentError(codeGone, "the notification was deleted")
	}
	if err != nil {
		return asError(ctx, err, c.secrets)
	}
	return nil
}

// pageSize is how many notifications are listed at once. An answer may have 1 MiB and
// 10,000 JSON values, and the metadata of one takes 1 KB or less and some 60 values.
const pageSize = 50

// expire deletes the expired notifications of a namespace, or of all when it is empty. It
// returns how many. One that the API refuses to delete does not keep the others. The error is the
// first one, a *channels.Error.
func (c *cluster) expire(ctx context.Context, namespace string, before time.Time) (int, error) {
	if c.client == nil {
		return 0, nil // nothing was sent from here
	}
	deleted, refused := 0, error(nil)
	for options := (metav1.ListOptions{Limit: pageSize}); ; {
		page, err := c.client.Resource(notifications).Namespace(namespace).List(ctx, options)
		if err != nil {
			return deleted, cmp.Or(refused, error(asError(ctx, err, c.secrets)))
		}
		for _, n := range page.Items {
			if !expired(&n, before) {
				continue
			}
			err := c.client.Resource(notifications).Namespace(n.GetNamespace()).Delete(ctx, n.GetName(), metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				hide := append(slices.Clone(c.secrets), n.GetNamespace()) // it can be named after a user
				failure := asError(ctx, err, hide)
				refused = cmp.Or(refused, error(failure))
				if failure.Class == channels.Uncertain || failure.Class == channels.Throttled {
					return deleted, refused // the API does not answer, or asks for a rest
				}
				continue
			}
			deleted++
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return deleted, refused
		}
	}
}
