package email

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, html, want string }{
		{"no markup", "a  b\n c", "a b c"},
		{"entities", "a &lt;b&gt; &amp; &#35686;&nbsp;c", "a <b> & 警\u00a0c"},
		{"inline", "a <b>b</b><i>c</i> d", "a bc d"},
		{"paragraphs", "<p>a</p>\n<p>b</p>c", "a\n\nb\n\nc"},
		{"headings", "<h1>A</h1><h2>B</h2>c", "A\n\nB\n\nc"},
		{"lines", "a<br>b<br/> c<div>d</div>e", "a\nb\nc\nd\ne"},
		{"lists", "x<ul>\n<li>a</li>\n<li> b <b>c</b></ul>y", "x\n\n- a\n- b c\n\ny"},
		{"tables", "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a b\n1 2"},
		{"link", `see <a href="https://x/?a=1&amp;b=2">here</a>.`, "see here (https://x/?a=1&b=2)."},
		{"link that shows itself", `<a href="https://x/">https://x/</a>`, "https://x/"},
		{"link within the page", `<a href="#top">up</a> <a name=x>y</a>`, "up y"},
		{"image", `<img src="x" alt="a  chart"> b`, "a chart b"},
		{"what nobody sees", "<head><title>t</title><style>p{}</style></head><script>x<y</script><!-- c -->a", "a"},
		{"styles in the body", "a<style>b</style> c<script>d</script>", "a c"},
		{"whole page", "<!doctype html><html><head><meta charset=utf-8><title>t</title></head><body>\n<p>a</p></body></html>", "a"},
		{"broken", `<p>a<b <i>c</p <x y="`, "ac"},
		{"empty", "<p></p>", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, plainText(tc.html))
		})
	}
}

func FuzzPlainText(f *testing.F) {
	f.Add("<p>a<br>b <a href='x'>c</a><style>d")
	f.Add("<ul><li>a<li>b</ul><img alt=x>&amp;")
	f.Fuzz(func(t *testing.T, document string) {
		text := plainText(document)
		require.Equal(t, strings.TrimSpace(text), text)
		require.NotContains(t, text, "\n\n\n")
		require.LessOrEqual(t, len(text), 3*len(document)+8)
	})
}
