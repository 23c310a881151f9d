package deploy

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/harness"
	"github.com/labring/sealos-notify/internal/test/kubelet"
	"github.com/labring/sealos-notify/internal/test/limit"
	"github.com/labring/sealos-notify/internal/test/testdb"
	"github.com/labring/sealos-notify/store"
)

// databaseValues returns helm's flags that let a release use the database.
func databaseValues(db store.Config) []string {
	return []string{
		"--set", fmt.Sprintf("env.DATABASE_HOST=%s,env.DATABASE_PORT=%d,env.DATABASE_USER=%s,env.DATABASE_DBNAME=%s", db.Host, db.Port, db.User, db.DBName),
	}
}

// secretsOf returns the Secrets of the tests' values files.
func secretsOf(db store.Config) map[string]map[string]string {
	return map[string]map[string]string{
		"apps":     {"apps.yaml": fmt.Sprintf("apps: [{appId: %s, appSecret: %s}]", harness.AppID, harness.AppSecret)},
		"postgres": {"password": db.Password},
		"feishu":   {"app-id": harness.VendorID, "app-secret": harness.VendorSecret},
	}
}

// rollout does the work of the Deployment's controller and of its Service for pods that are
// processes of this machine.
type rollout struct {
	t       *testing.T
	changed chan struct{} // holds a token after a change of a pod
	stops   sync.WaitGroup

	mu   sync.Mutex
	pods map[*replica]bool // those that were not told to stop
	// endpoints is what the nodes know: they send requests there. They learn of a change after
	// their lag.
	endpoints map[*replica]bool
}

type replica struct {
	*kubelet.Process
	revision int
	ready    bool
}

// lag is the time until the nodes know that a pod stops. It is less than the pod's preStop.
const lag = 2 * time.Second

func newRollout(t *testing.T) *rollout {
	return &rollout{t: t, changed: make(chan struct{}, 1), pods: map[*replica]bool{}, endpoints: map[*replica]bool{}}
}

func (r *rollout) change() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// to replaces the pods by those of a release, and returns when all are ready and the others
// have ended. It keeps to the Deployment's maxSurge and maxUnavailable.
func (r *rollout) to(revision int, release map[string]object, secrets map[string]map[string]string) {
	r.t.Helper()
	d := as[deployment](r.t, release["Deployment/sealos-notify"])
	want := d.Spec.Replicas
	if scaler := release["HorizontalPodAutoscaler/sealos-notify"]; scaler != nil {
		want = as[autoscaler](r.t, scaler).Spec.MinReplicas
	}
	require.Positive(r.t, want)
	limits := d.Spec.Strategy.RollingUpdate
	mountable := mountableBy(r.t, release, secrets)
	for {
		created, available, old := r.count(revision)
		switch {
		case created < want && created+len(old) < want+limits.MaxSurge:
			r.start(&replica{revision: revision}, d.Spec.Template.Spec, mountable)
		case len(old) > 0 && (!old[0].ready || available > want-limits.MaxUnavailable):
			r.stop(old[0])
		case created == want && available == want && len(old) == 0:
			limit.Group(r.t, &r.stops, "the end of the pods before")
			return
		default:
			limit.Receive(r.t, r.changed, "a pod that is ready")
		}
	}
}

// count returns the number of the revision's pods, the number of all that are ready, and the
// pods of other revisions, those that are not ready first.
func (r *rollout) count(revision int) (created, available int, old []*replica) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pods {
		if p.ready {
			available++
		}
		switch {
		case p.revision == revision:
			created++
		case p.ready:
			old = append(old, p)
		default:
			old = append([]*replica{p}, old...)
		}
	}
	return created, available, old
}

func (r *rollout) start(p *replica, spec kubelet.Pod, mountable kubelet.Mountable) {
	r.t.Helper()
	r.mu.Lock()
	r.pods[p] = true
	r.mu.Unlock()
	p.Process = kubelet.Start(r.t, spec, mountable, func(ready bool) {
		r.mu.Lock()
		if p.ready = ready; ready && r.pods[p] {
			r.endpoints[p] = true
		} else {
			delete(r.endpoints, p)
		}
		r.mu.Unlock()
		r.change()
	})
}

func (r *rollout) stop(p *replica) {
	r.mu.Lock()
	delete(r.pods, p)
	r.mu.Unlock()
	r.stops.Go(p.Stop)
	r.stops.Go(func() {
		time.Sleep(lag)
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.endpoints, p)
	})
}

// url returns the address of a pod to which a node may send a request; empty when there is none.
func (r *rollout) url() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	skip := rand.IntN(max(1, len(r.endpoints)))
	for p := range r.endpoints {
		if skip == 0 {
			return p.URL()
		}
		skip--
	}
	return ""
}

// An upgrade from one values file to another refuses nothing, and neither loses nor doubles:
// two replicas under load, each started, probed and stopped as the chart's Deployment says,
// replaced by its rolling update.
func TestChartRollout(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t, testdb.Empty(t))
	secrets := secretsOf(w.DB)
	release := func(values string, more ...string) map[string]object {
		flags := append(databaseValues(w.DB), "--values", values, "--set", "env.FEISHU_URL=http://"+w.Vendors.Addresses["feishu_app"])
		return rendered(t, "sealos-notify", append(flags, more...)...)
	}
	before, after := release(small), release(everything)
	require.NotEqual(t, before["Deployment/sealos-notify"], after["Deployment/sealos-notify"])

	r := newRollout(t)
	r.to(1, before, secrets)
	w.At(r.url()).Template()

	load := kubelet.StartLoad(t, r.url)
	job := as[deployment](t, after["Job/sealos-notify-migration"]).Spec.Template.Spec
	output, err := job.Command(t, mountableBy(t, after, secrets)).CombinedOutput()
	require.NoError(t, err, "%s", output)
	r.to(2, after, secrets)
	r.to(3, before, secrets) // and back
	accepted := load.Stop()
	require.Greater(t, len(accepted), 100, "there was load")
	t.Logf("%d notifications accepted, none refused", len(accepted))
	api := w.At(r.url())
	for _, id := range accepted {
		harness.RequireOnceEach(t, w, harness.IDs(api.Until(id, "success")))
	}
}
