package k8stest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
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
)

// Clients of the API.
const (
	notifier = "notifier" // may create notifications, and nothing else
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

// withEtcd runs the tests beside one etcd, in which each server has a place of
// its own.
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
	<-etcd.Server.ReadyNotify()
	etcdAddress = "http://" + etcd.Clients[0].Addr().String()
	return run(), nil
}

// cluster is a running API server.
type cluster struct {
	url       string
	authority []byte // PEM
	stop      func() // and wait; more than once does nothing
}

// start starts an API server with namespaces, and others that are going to be
// deleted, and installs the resource if there is one.
func start(t *testing.T, namespaces, going []string, crd *unstructured.Unstructured) *cluster {
	t.Helper()
	o := options.NewCustomResourceDefinitionsServerOptions(io.Discard, io.Discard)
	recommended := o.RecommendedOptions
	recommended.Etcd.StorageConfig.Transport.ServerList = []string{etcdAddress}
	recommended.Etcd.StorageConfig.Prefix = "/" + t.Name()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	recommended.SecureServing.Listener = listener
	recommended.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	recommended.SecureServing.ServerCert.CertDirectory = "" // one is made in memory
	// What asks another API server is replaced below, or not there.
	recommended.Authentication, recommended.Authorization = nil, nil
	recommended.CoreAPI, recommended.Admission = nil, nil
	recommended.Features.EnablePriorityAndFairness = false
	require.NoError(t, recommended.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}))
	require.NoError(t, o.Complete())

	generic := server.NewRecommendedConfig(apiserver.Codecs)
	require.NoError(t, o.ServerRunOptions.ApplyTo(&generic.Config))
	require.NoError(t, recommended.ApplyTo(generic))
	require.NoError(t, o.APIEnablement.ApplyTo(&generic.Config, apiserver.DefaultAPIResourceConfigSource(), apiserver.Scheme))
	generic.OpenAPIV3Config = server.DefaultOpenAPIV3Config(generatedopenapi.GetOpenAPIDefinitions, openapi.NewDefinitionNamer(apiserver.Scheme))
	generic.Authentication.Authenticator = bearertoken.New(tokenfile.New(map[string]*user.DefaultInfo{
		token(notifier): {Name: notifier}, token(desktop): {Name: desktop}, token(stranger): {Name: stranger},
	}))
	generic.Authorization.Authorizer = authorizer.AuthorizerFunc(authorize)
	ctx, cancel := context.WithCancel(context.Background())
	generic.AdmissionControl = admitNamespaces(ctx, t, namespaces, going)
	config := apiserver.Config{GenericConfig: generic, ExtraConfig: apiserver.ExtraConfig{
		CRDRESTOptionsGetter: options.NewCRDRESTOptionsGetter(
			*recommended.Etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker),
	}}
	api, err := (&config).Complete().New(server.NewEmptyDelegate())
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- api.GenericAPIServer.PrepareRun().RunWithContext(ctx) }()

	authority, _ := recommended.SecureServing.ServerCert.GeneratedCert.CurrentCertKeyContent()
	c := &cluster{
		url: "https://" + listener.Addr().String(), authority: authority,
		stop: sync.OnceFunc(func() {
			cancel()
			require.NoError(t, <-ended)
		}),
	}
	t.Cleanup(c.stop)
	loopback := api.GenericAPIServer.LoopbackClientConfig
	client, err := rest.HTTPClientFor(loopback)
	require.NoError(t, err)
	// Before it is ready, a server that is stopped takes the process with it.
	await(t, client, loopback.Host+"/readyz")
	if crd != nil {
		admin, err := dynamic.NewForConfigAndClient(loopback, client)
		require.NoError(t, err)
		_, err = admin.Resource(definitions).Create(t.Context(), crd, metav1.CreateOptions{})
		require.NoError(t, err)
		await(t, client, loopback.Host+"/apis/notification.sealos.io/v1/notifications")
	}
	return c
}

// await waits until the address is served.
func await(t *testing.T, client *http.Client, address string) {
	t.Helper()
	require.NoError(t, wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true,
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

// authorize says who may do what.
func authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	about := a.GetAPIGroup() == notifications.Group && a.GetResource() == notifications.Resource
	switch name := a.GetUser().GetName(); {
	case name == user.APIServerUser,
		name == desktop && about,
		name == notifier && about && a.GetVerb() == "create":
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// admitNamespaces is the admission of every API server that serves namespaces.
func admitNamespaces(ctx context.Context, t *testing.T, names, going []string) admission.Interface {
	t.Helper()
	var namespaces []runtime.Object
	add := func(names []string, phase corev1.NamespacePhase) {
		for _, name := range names {
			namespaces = append(namespaces, &corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NamespaceStatus{Phase: phase},
			})
		}
	}
	add(names, corev1.NamespaceActive)
	add(going, corev1.NamespaceTerminating)
	client := fake.NewClientset(namespaces...)
	plugin, err := lifecycle.NewLifecycle(nil)
	require.NoError(t, err)
	factory := informers.NewSharedInformerFactory(client, 0)
	plugin.SetExternalKubeInformerFactory(factory)
	plugin.SetExternalKubeClientSet(client)
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return plugin
}

// notificationCRD reads the resource, as it is or with another schema of spec.i18ns.
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
