//go:build cluster

package clustertest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"github.com/labring/sealos-notify/internal/test/freeport"
	"github.com/labring/sealos-notify/internal/test/kubelet"
)

// startControllers starts those of Kubernetes' controllers that a Deployment, its autoscaler, its
// Service and a Job need. There is no controller of nodes: none has one here.
func (c *cluster) startControllers(t *testing.T) {
	t.Helper()
	port, err := freeport.Take(t.Context())
	require.NoError(t, err)
	run(t, build(t, "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager"), "--kubeconfig", c.path("admin.yaml"),
		"--leader-elect=false", "--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(port), "--cert-dir", c.path("controllers"),
		"--horizontal-pod-autoscaler-sync-period", "1s",
		"--controllers=deployment-controller,replicaset-controller,horizontal-pod-autoscaler-controller,"+
			"endpointslice-controller,job-controller,serviceaccount-controller,garbage-collector-controller")
}

// node is the only node: the scheduler, the kubelet and kube-proxy for the pods of a namespace,
// which it runs as processes of this machine.
type node struct {
	t                  *testing.T
	api                *http.Client
	base               string // of the API
	namespace, service string
	pods               map[string]*pod // by uid
	starts, jobs       int

	mu     sync.Mutex
	looked time.Time
	known  map[string]time.Time // when the Service last had the endpoint, by the pod's address
	urls   map[string]string    // of pods that were ready, by their address
}

// pod is a pod that the node runs. The node's mutex guards what follows address.
type pod struct {
	process *kubelet.Process // nil: of a Job
	address string

	ready, told bool // told: what the API server knows
	stopping    bool
	ended       bool
	failed      bool
}

// manifest is a pod of the API server.
type manifest struct {
	Metadata struct {
		Name, UID         string
		DeletionTimestamp string `yaml:"deletionTimestamp"`
	}
	Spec struct {
		kubelet.Pod   `yaml:",inline"`
		RestartPolicy string `yaml:"restartPolicy"`
	}
	Status struct{ Phase string }
}

func newNode(t *testing.T, c *cluster, namespace, service string) *node {
	t.Helper()
	trusted := x509.NewCertPool()
	require.True(t, trusted.AppendCertsFromPEM(c.authority))
	n := &node{
		t: t, base: c.url, namespace: namespace, service: service, pods: map[string]*pod{}, known: map[string]time.Time{}, urls: map[string]string{},
		api: &http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}},
	}
	c.do(t, "create", "-f", c.write(t, "node.json", `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}`))
	var proxy sync.WaitGroup
	end := make(chan struct{})
	proxy.Go(func() {
		for {
			n.look()
			select {
			case <-end:
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	t.Cleanup(func() {
		close(end)
		proxy.Wait()
	})
	return n
}

// during works until the command has ended, which must succeed, and no pod stops any more.
func (n *node) during(cmd *exec.Cmd) {
	n.t.Helper()
	type result struct {
		said []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		said, err := cmd.CombinedOutput()
		done <- result{said, err}
	}()
	for ended := false; !ended || n.stopping(); {
		n.work()
		select {
		case r := <-done:
			require.NoError(n.t, r.err, "%s: %s", cmd.Args, r.said)
			ended = true
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (n *node) stopping() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.pods {
		if p.stopping && !p.ended {
			return true
		}
	}
	return false
}

// work does once what has to be done.
func (n *node) work() {
	n.t.Helper()
	var list struct{ Items []manifest }
	require.NoError(n.t, yaml.Unmarshal(n.get("/api/v1/namespaces/"+n.namespace+"/pods"), &list))
	for _, m := range list.Items {
		p := n.pods[m.Metadata.UID]
		switch {
		case p == nil && m.Metadata.DeletionTimestamp == "":
			n.start(m)
		case p != nil:
			n.follow(m, p)
		}
	}
}

// look reads the Service's endpoints.
func (n *node) look() {
	var slices struct {
		Items []struct {
			Endpoints []struct {
				Addresses  []string
				Conditions struct{ Ready bool }
			}
		}
	}
	answer, err := n.try(http.MethodGet, "/apis/discovery.k8s.io/v1/namespaces/"+n.namespace+
		"/endpointslices?labelSelector=kubernetes.io/service-name="+n.service, "", nil)
	if err == nil {
		err = json.Unmarshal(answer, &slices)
	}
	if err != nil {
		n.t.Errorf("read the endpoints: %v", err)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.looked = time.Now()
	for _, slice := range slices.Items {
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready {
				n.known[e.Addresses[0]] = n.looked
			}
		}
	}
}

// start schedules a pod and starts it.
func (n *node) start(m manifest) {
	n.t.Helper()
	p := &pod{address: fmt.Sprintf("10.1.0.%d", len(n.pods)+1)}
	n.pods[m.Metadata.UID] = p
	n.send(http.MethodPost, n.path(m)+"/binding", "application/json", map[string]any{
		"apiVersion": "v1", "kind": "Binding", "metadata": map[string]any{"name": m.Metadata.Name},
		"target": map[string]any{"kind": "Node", "name": "node"},
	})
	have := n.mountable()
	if m.Spec.RestartPolicy == "Never" {
		n.jobs++
		cmd := m.Spec.Command(n.t, have)
		go func() {
			said, err := cmd.CombinedOutput()
			if err != nil {
				n.t.Logf("a Job failed: %v: %s", err, said)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			p.ended, p.failed = true, err != nil
		}()
		return
	}
	n.starts++
	p.process = kubelet.Start(n.t, m.Spec.Pod, have, func(ready bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		p.ready = ready
	})
}

// follow tells the API server what became of a pod, and stops one that was deleted.
func (n *node) follow(m manifest, p *pod) {
	n.t.Helper()
	n.mu.Lock()
	now := *p
	n.mu.Unlock()
	if p.process == nil {
		phase := "Succeeded"
		if now.failed {
			phase = "Failed"
		}
		switch {
		case now.ended && m.Status.Phase != phase:
			n.status(m, map[string]any{"phase": phase})
		case m.Metadata.DeletionTimestamp != "":
			n.remove(m)
		}
		return
	}
	switch {
	case now.ended:
		n.remove(m)
	case m.Metadata.DeletionTimestamp != "" && !now.stopping:
		n.mu.Lock()
		p.stopping = true
		n.mu.Unlock()
		go func() {
			p.process.Stop()
			n.mu.Lock()
			defer n.mu.Unlock()
			p.ended = true
		}()
	case now.ready != now.told:
		p.told = now.ready
		n.mu.Lock()
		n.urls[p.address] = p.process.URL()
		n.mu.Unlock()
		n.status(m, map[string]any{
			"phase": "Running", "podIP": p.address, "podIPs": []any{map[string]any{"ip": p.address}},
			"conditions": []any{condition("Ready", now.ready), condition("ContainersReady", now.ready)},
		})
	}
}

func condition(name string, holds bool) map[string]any {
	return map[string]any{"type": name, "status": map[bool]string{true: "True", false: "False"}[holds]}
}

// lag is the time for which the node sends requests to a pod after the Service dropped it. It is
// less than the pod's preStop.
const lag = 2 * time.Second

// url returns the address of a pod to which the node sends the next request; empty when the Service
// has none.
func (n *node) url() string {
	for ; ; time.Sleep(20 * time.Millisecond) {
		if url, sure := n.route(); sure {
			return url
		}
	}
}

// route is url. It is not sure when the last look was too long ago, on a slow machine.
func (n *node) route() (url string, sure bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.looked) > lag {
		return "", false
	}
	var usable []string
	for address, at := range n.known {
		if time.Since(at) < lag {
			usable = append(usable, n.urls[address])
		}
	}
	if len(usable) == 0 {
		return "", true
	}
	return usable[rand.IntN(len(usable))], true
}

// mountable returns the ConfigMaps and Secrets of the namespace.
func (n *node) mountable() kubelet.Mountable {
	n.t.Helper()
	var maps struct {
		Items []struct {
			Metadata struct{ Name string }
			Data     map[string]string
		}
	}
	var secrets struct {
		Items []struct {
			Metadata struct{ Name string }
			Data     map[string][]byte
		}
	}
	have := kubelet.Mountable{ConfigMaps: map[string]map[string]string{}, Secrets: map[string]map[string]string{}}
	require.NoError(n.t, json.Unmarshal(n.get("/api/v1/namespaces/"+n.namespace+"/configmaps"), &maps))
	for _, m := range maps.Items {
		have.ConfigMaps[m.Metadata.Name] = m.Data
	}
	require.NoError(n.t, json.Unmarshal(n.get("/api/v1/namespaces/"+n.namespace+"/secrets"), &secrets))
	for _, s := range secrets.Items {
		content := map[string]string{}
		for key, value := range s.Data {
			content[key] = string(value)
		}
		have.Secrets[s.Metadata.Name] = content
	}
	return have
}

func (n *node) path(m manifest) string {
	return "/api/v1/namespaces/" + n.namespace + "/pods/" + m.Metadata.Name
}

func (n *node) status(m manifest, status map[string]any) {
	n.t.Helper()
	n.send(http.MethodPatch, n.path(m)+"/status", "application/merge-patch+json", map[string]any{"status": status})
}

// remove removes a pod that has ended from the API server.
func (n *node) remove(m manifest) {
	n.t.Helper()
	n.send(http.MethodDelete, n.path(m)+"?gracePeriodSeconds=0", "", nil)
}

func (n *node) get(path string) []byte {
	n.t.Helper()
	return n.send(http.MethodGet, path, "", nil)
}

// send makes a request to the API server and returns the answer's body.
func (n *node) send(method, path, kind string, body any) []byte {
	n.t.Helper()
	answer, err := n.try(method, path, kind, body)
	require.NoError(n.t, err)
	return answer
}

// try is send for other goroutines. What is gone or was changed already is no failure.
func (n *node) try(method, path, kind string, body any) ([]byte, error) {
	var text bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&text).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequest(method, n.base+path, &text)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+adminToken)
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := n.api.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusConflict {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}
