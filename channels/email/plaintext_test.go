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
		{"preformatted", "<p>log:</p><pre>\n  a  b\n\tc\n\n\n    d\n</pre><p>end</p>", "log:\n\n  a  b\n\tc\n\n\n    d\n\nend"},
		{"preformatted with markup", "<pre><code>if <b>x</b> &lt; 1:\r\n    y()<br>    z()</code></pre>", "if x < 1:\n    y()\n    z()"},
		{"preformatted at the beginning", "<pre>  a\n b</pre>", "  a\n b"},
		{"preformatted between texts", "a <pre> b\n  c</pre> d  e", "a\n\n b\n  c\n\nd e"},
		{"broken lines", "a<br><br>b<p>c<br></p><br>d", "a\n\nb\n\nc\n\n\nd"},
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
		require.False(t, strings.HasPrefix(text, "\n") || strings.HasSuffix(text, "\n"))
		require.LessOrEqual(t, len(text), 3*len(document)+8)
	})
}
