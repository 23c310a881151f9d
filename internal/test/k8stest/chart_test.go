package k8stest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/labring/sealos-notify/internal/test/limit"
)

// Every field of the chart's objects is one of Kubernetes', of the right type, with every values
// file. The Prometheus operator's types are not known here: internal/test/clustertest has them.
func TestChartFields(t *testing.T) {
	t.Parallel()
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	for _, flags := range [][]string{
		nil,
		{"--values", "../../../deploy/testdata/helm/small.yaml"},
		{"--values", "../../../deploy/testdata/helm/everything.yaml", "--set", "monitoring.serviceMonitor=false,monitoring.prometheusRule=false"},
	} {
		text, err := limit.Command(t, limit.Run, "go", append([]string{
			"tool", "-modfile=../../tools/helm/go.mod", "helm", "template", "notify", "../../../deploy/helm/sealos-notify",
		}, flags...)...).Output()
		require.NoError(t, err)
		objects := 0
		for documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; objects++ {
			document := make([]byte, 1<<20)
			size, err := documents.Read(document)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if len(bytes.TrimSpace(document[:size])) == 0 {
				continue
			}
			_, _, err = strict.Decode(document[:size], nil, runtime.Object(nil))
			require.NoError(t, err, "%v\n%s", flags, document[:size])
		}
		require.GreaterOrEqual(t, objects, 6)
	}
	_, _, err := strict.Decode([]byte("apiVersion: v1\nkind: Service\nspec: {port: 1}"), nil, nil)
	require.ErrorContains(t, err, "spec.port")
}
