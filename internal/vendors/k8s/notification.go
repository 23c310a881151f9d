package k8s

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/labring/sealos-notify/internal/vendors"
)

// object is a Notification.
type object struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
}

type metadata struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
}

// spec has pointers for the values that the schema requires.
type spec struct {
	Title        *string                `json:"title"`
	Message      *string                `json:"message"`
	Timestamp    *int64                 `json:"timestamp"` // Unix seconds
	From         string                 `json:"from,omitempty"`
	Importance   string                 `json:"importance,omitempty"`
	DesktopPopup bool                   `json:"desktopPopup,omitempty"`
	StartTime    *time.Time             `json:"startTime,omitempty"`
	EndTime      *time.Time             `json:"endTime,omitempty"`
	I18ns        map[string]translation `json:"i18ns,omitempty"` // by language
}

type translation struct {
	Title   *string `json:"title"`
	Message *string `json:"message"`
	From    string  `json:"from,omitempty"`
}

// markAnnotation holds the sender's id of a notification.
const markAnnotation = "notify.sealos.io/delivery-id"

// create creates a Notification; with dryRun it only checks. It runs with c.mu held,
// so that a name is looked up and taken at once.
func (c *Cluster) create(r *http.Request, body []byte) vendors.Answer {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return refused(apierrors.NewBadRequest("the object provided is unrecognized: " + err.Error()))
	}
	dryRun := r.URL.Query().Get("dryRun") == "All"
	mark := o.Metadata.Annotations[markAnnotation]
	if !dryRun {
		c.Inbox().Request(mark)
	}
	namespace, name := r.PathValue("namespace"), o.Metadata.Name
	switch invalid := o.invalid(); {
	case o.APIVersion != notifications.Group+"/v1" || o.Kind != kind.Kind:
		return refused(apierrors.NewBadRequest("the API version or the kind in the data does not match the expected ones"))
	case o.Metadata.Namespace != namespace:
		return refused(apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request"))
	case c.deleted[namespace]:
		return refused(apierrors.NewNotFound(namespaces, namespace))
	case len(invalid) > 0:
		return refused(apierrors.NewInvalid(kind, name, invalid))
	}
	id := namespace + "/" + name
	if _, exists := c.objects[id]; exists {
		return refused(apierrors.NewAlreadyExists(notifications, name))
	}
	o.Metadata.UID, o.Metadata.CreationTimestamp = uuid.NewString(), time.Now().UTC().Truncate(time.Second)
	if !dryRun {
		c.objects[id] = o
		c.Inbox().Add(vendors.Arrival{
			ID: id, Channel: "inapp", ToType: "namespace", To: namespace,
			Kind: o.Spec.Importance, Subject: *o.Spec.Title, Text: *o.Spec.Message, Mark: mark,
		})
	}
	return answer(http.StatusCreated, o)
}

// invalid returns the violations of the resource's schema.
func (o object) invalid() field.ErrorList {
	var list field.ErrorList
	path := field.NewPath("spec")
	require := func(path *field.Path, has bool) {
		if !has {
			list = append(list, field.Required(path, ""))
		}
	}
	require(path.Child("title"), o.Spec.Title != nil)
	require(path.Child("message"), o.Spec.Message != nil)
	require(path.Child("timestamp"), o.Spec.Timestamp != nil)
	for language, t := range o.Spec.I18ns {
		require(path.Child("i18ns", language, "title"), t.Title != nil)
		require(path.Child("i18ns", language, "message"), t.Message != nil)
	}
	if problems := validation.IsDNS1123Subdomain(o.Metadata.Name); len(problems) > 0 {
		list = append(list, field.Invalid(field.NewPath("metadata", "name"), o.Metadata.Name, strings.Join(problems, "; ")))
	}
	return list
}

// get returns a Notification. It runs with c.mu held.
func (c *Cluster) get(r *http.Request, _ []byte) vendors.Answer {
	name := r.PathValue("name")
	o, exists := c.objects[r.PathValue("namespace")+"/"+name]
	if !exists {
		return refused(apierrors.NewNotFound(notifications, name))
	}
	return answer(http.StatusOK, o)
}

// patch changes a Notification by a JSON Patch (RFC 6902) that adds or replaces some of its members.
// It runs with c.mu held.
func (c *Cluster) patch(r *http.Request, body []byte) vendors.Answer {
	name := r.PathValue("name")
	id := r.PathValue("namespace") + "/" + name
	o, exists := c.objects[id]
	var operations []struct {
		Op    string          `json:"op"`
		Path  string          `json:"path"`
		Value json.RawMessage `json:"value"`
	}
	switch {
	case r.Header.Get("Content-Type") != "application/json-patch+json":
		return refused(&apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
			Message: "the body of the request was in an unknown format",
		}})
	case !exists:
		return refused(apierrors.NewNotFound(notifications, name))
	case json.Unmarshal(body, &operations) != nil:
		return refused(apierrors.NewBadRequest("the patch is no list of operations"))
	}
	for _, op := range operations {
		members := map[string]any{"/spec": &o.Spec, "/metadata/labels": &o.Metadata.Labels, "/metadata/annotations": &o.Metadata.Annotations}
		member, known := members[op.Path]
		if op.Op != "add" && op.Op != "replace" || !known {
			return refused(apierrors.NewBadRequest("this API does not know the operation " + op.Op + " on " + op.Path))
		}
		reflect.ValueOf(member).Elem().SetZero()
		if err := json.Unmarshal(op.Value, member); err != nil {
			return refused(apierrors.NewBadRequest(err.Error()))
		}
	}
	if invalid := o.invalid(); len(invalid) > 0 {
		return refused(apierrors.NewInvalid(kind, name, invalid))
	}
	c.objects[id] = o
	c.Inbox().Edit(id, *o.Spec.Title, *o.Spec.Message)
	if o.Metadata.Labels["isRead"] == "true" {
		c.Inbox().Note(id, "marked as read")
	}
	return answer(http.StatusOK, o)
}

// delete deletes a Notification. It runs with c.mu held.
func (c *Cluster) delete(r *http.Request, _ []byte) vendors.Answer {
	name := r.PathValue("name")
	id := r.PathValue("namespace") + "/" + name
	if _, exists := c.objects[id]; !exists {
		return refused(apierrors.NewNotFound(notifications, name))
	}
	delete(c.objects, id)
	return answer(http.StatusOK, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Success"})
}

// list lists the Notifications of a namespace, or of all, in pages, without their specs
// when the client asks for the metadata only. It runs with c.mu held.
func (c *Cluster) list(r *http.Request, _ []byte) vendors.Answer {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit")) // 0: no limit
	metadataOnly := strings.Contains(r.Header.Get("Accept"), "as=PartialObjectMetadataList")
	after, meta, items := r.URL.Query().Get("continue"), map[string]any{}, []object{}
	for _, id := range slices.Sorted(maps.Keys(c.objects)) {
		namespace := r.PathValue("namespace")
		if id <= after || namespace != "" && c.objects[id].Metadata.Namespace != namespace {
			continue
		}
		if limit > 0 && len(items) == limit {
			last := items[limit-1].Metadata
			meta["continue"] = last.Namespace + "/" + last.Name
			break
		}
		o := c.objects[id]
		if metadataOnly {
			o.Spec = spec{}
		}
		items = append(items, o)
	}
	return answer(http.StatusOK, map[string]any{
		"apiVersion": notifications.Group + "/v1", "kind": kind.Kind + "List", "metadata": meta, "items": items,
	})
}
