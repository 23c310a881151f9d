package k8stest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	generatedopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/yaml"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Clients of the API.
const (
	notifier = "notifier" // may create, patch, list and delete notifications, and nothing else
	creator  = "creator"  // may create them only
	desktop  = "desktop"  // may do anything with notifications
	stranger = "stranger" // may do nothing
)

var (
	notifications = schema.GroupVersionResource{Group: "notification.sealos.io", Version: "v1", Resource: "notifications"}
	definitions   = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

func token(client string) string { return "token-of-" + client }

var etcdAddress string

func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	code, err := withEtcd(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withEtcd runs the tests beside one etcd. Each API server has a prefix of its own
// there.
func withEtcd(run func() int) (int, error) {
	dir, err := os.MkdirTemp("", "k8stest")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	config := embed.NewConfig()
	config.Dir = dir
	config.UnsafeNoFsync = true
	config.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config.ListenClientUrls, config.AdvertiseClientUrls = anyPort, anyPort
	config.ListenPeerUrls, config.AdvertisePeerUrls = anyPort, anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	etcd, err := embed.StartEtcd(config)
	if err != nil {
		return 0, err
	}
	defer etcd.Close()
	select {
	case <-etcd.Server.ReadyNotify():
	case <-time.After(limit.Wait):
		return 0, errors.New("waited too long for etcd")
	}
	etcdAddress = "http://" + etcd.Clients[0].Addr().String()
	return run(), nil
}

// cluster is a running API server.
type cluster struct {
	url       string
	authority []byte // PEM
	stop      func() // waits for the end; more calls do nothing
}

// start starts an API server with active and terminating namespaces. It installs the
// resource definition unless it is nil.
func start(t *testing.T, active, terminating []string, crd *unstructured.Unstructured) *cluster {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	o, listener := serverOptions(t)
	api, err := serverConfig(t, o, admitNamespaces(t, active, terminating)).Complete().New(server.NewEmptyDelegate())
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- api.GenericAPIServer.PrepareRun().RunWithContext(ctx) }()

	authority, _ := o.RecommendedOptions.SecureServing.ServerCert.GeneratedCert.CurrentCertKeyContent()
	c := &cluster{
		url: "https://" + listener.Addr().String(), authority: authority,
		stop: sync.OnceFunc(func() {
			cancel()
			require.NoError(t, limit.Receive(t, ended, "the end of the API server"))
		}),
	}
	t.Cleanup(c.stop)
	loopback := api.GenericAPIServer.LoopbackClientConfig
	client, err := rest.HTTPClientFor(loopback)
	require.NoError(t, err)
	// A server that is stopped before it is ready ends the process.
	await(t, client, loopback.Host+"/readyz")
	if crd != nil {
		admin, err := dynamic.NewForConfigAndClient(loopback, client)
		require.NoError(t, err)
		_, err = admin.Resource(definitions).Create(limit.Context(t), crd, metav1.CreateOptions{})
		require.NoError(t, err)
		await(t, client, loopback.Host+"/apis/notification.sealos.io/v1/notifications")
	}
	return c
}

// serverOptions returns the options of a server that listens on the listener.
func serverOptions(t *testing.T) (*options.CustomResourceDefinitionsServerOptions, net.Listener) {
	t.Helper()
	o := options.NewCustomResourceDefinitionsServerOptions(io.Discard, io.Discard)
	recommended := o.RecommendedOptions
	recommended.Etcd.StorageConfig.Transport.ServerList = []string{etcdAddress}
	recommended.Etcd.StorageConfig.Prefix = "/" + t.Name()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	recommended.SecureServing.Listener = listener
	recommended.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	recommended.SecureServing.ServerCert.CertDirectory = "" // the certificate is made in memory
	// These ask another API server. serverConfig replaces some of them.
	recommended.Authentication, recommended.Authorization = nil, nil
	recommended.CoreAPI, recommended.Admission = nil, nil
	recommended.Features.EnablePriorityAndFairness = false
	require.NoError(t, recommended.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}))
	require.NoError(t, o.Complete())
	return o, listener
}

// serverConfig returns the server's configuration with the test's clients, permissions
// and namespaces.
func serverConfig(
	t *testing.T, o *options.CustomResourceDefinitionsServerOptions, namespaces admission.Interface,
) *apiserver.Config {
	t.Helper()
	recommended := o.RecommendedOptions
	generic := server.NewRecommendedConfig(apiserver.Codecs)
	require.NoError(t, o.ServerRunOptions.ApplyTo(&generic.Config))
	require.NoError(t, recommended.ApplyTo(generic))
	require.NoError(t, o.APIEnablement.ApplyTo(&generic.Config, apiserver.DefaultAPIResourceConfigSource(), apiserver.Scheme))
	generic.OpenAPIV3Config = server.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, openapi.NewDefinitionNamer(apiserver.Scheme))
	generic.Authentication.Authenticator = bearertoken.New(tokenfile.New(map[string]*user.DefaultInfo{
		token(notifier): {Name: notifier}, token(creator): {Name: creator}, token(desktop): {Name: desktop}, token(stranger): {Name: stranger},
	}))
	generic.Authorization.Authorizer = authorizer.AuthorizerFunc(authorize)
	generic.AdmissionControl = namespaces
	return &apiserver.Config{GenericConfig: generic, ExtraConfig: apiserver.ExtraConfig{
		CRDRESTOptionsGetter: options.NewCRDRESTOptionsGetter(
			*recommended.Etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker),
	}}
}

// await waits until a GET of the address returns 200.
func await(t *testing.T, client *http.Client, address string) {
	t.Helper()
	require.NoError(t, wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, limit.Wait, true,
		func(ctx context.Context) (bool, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				return false, err
			}
			resp, err := client.Do(req)
			if err != nil {
				return false, nil //nolint:nilerr // not yet
			}
			return resp.StatusCode == http.StatusOK, resp.Body.Close()
		}))
}

// authorize gives the clients their permissions.
func authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	about := a.GetAPIGroup() == notifications.Group && a.GetResource() == notifications.Resource
	switch name := a.GetUser().GetName(); {
	case name == user.APIServerUser,
		name == desktop && about,
		name == creator && about && a.GetVerb() == "create",
		name == notifier && about && slices.Contains([]string{"create", "patch", "list", "delete"}, a.GetVerb()):
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// admitNamespaces returns the admission plugin of every API server that serves
// namespaces.
func admitNamespaces(t *testing.T, active, terminating []string) admission.Interface {
	t.Helper()
	var namespaces []runtime.Object
	add := func(names []string, phase corev1.NamespacePhase) {
		for _, name := range names {
			namespaces = append(namespaces, &corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NamespaceStatus{Phase: phase},
			})
		}
	}
	add(active, corev1.NamespaceActive)
	add(terminating, corev1.NamespaceTerminating)
	client := fake.NewClientset(namespaces...)
	plugin, err := lifecycle.NewLifecycle(nil)
	require.NoError(t, err)
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetExternalKubeClientSet(client)
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(limit.Context(t).Done())
	return plugin
}

// notificationCRD returns the resource definition, optionally with another schema of
// spec.i18ns.
func notificationCRD(t *testing.T, i18ns map[string]any) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "notification-crd.yaml"))
	require.NoError(t, err)
	crd := &unstructured.Unstructured{}
	require.NoError(t, yaml.Unmarshal(text, &crd.Object))
	if i18ns != nil {
		versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
		require.NoError(t, err)
		version := versions[0].(map[string]any)
		require.NoError(t, unstructured.SetNestedField(version, i18ns,
			"schema", "openAPIV3Schema", "properties", "spec", "properties", "i18ns"))
		require.NoError(t, unstructured.SetNestedSlice(crd.Object, versions, "spec", "versions"))
	}
	return crd
}
