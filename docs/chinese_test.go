// Package docs has the tests of the pages in Chinese.
package docs

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// errorsPage is the only page without one in English.
const errorsPage = "docs/zh/errors.md"

var (
	fenced  = regexp.MustCompile("(?ms)^```([^\n]*)\n.*?^```$")
	heading = regexp.MustCompile(`(?m)^(#+) (.*)$`)
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inline  = regexp.MustCompile("`[^`]+`")
	indent  = regexp.MustCompile(`(?m)^    .*$`)
	comment = regexp.MustCompile(`(?m)(^|\s+)# .*$`)
)

// A page in Chinese has the headings, the code, the names and the links of the page in English.
// Its punctuation is Chinese.
func TestChinesePages(t *testing.T) {
	t.Parallel()
	halfWidth := regexp.MustCompile(`(?m)^.*(\p{Han}[,;:!?(]|[,;:!?]\p{Han}|\p{Han}\.$).*$`)
	translated := pairs(t)
	for english, chinese := range translated {
		t.Run(chinese, func(t *testing.T) {
			t.Parallel()
			from, to := read(t, english), read(t, chinese)
			require.Equal(t, levels(from), levels(to), "levels of headings")
			require.Equal(t, code(from), code(to), "code")
			require.Subset(t, names(to), names(from), "names")
			require.Contains(t, targets(chinese, to), english)
			require.Contains(t, targets(english, from), chinese)
			for _, target := range targets(english, from) {
				if translation, exists := translated[target]; exists {
					target = translation
				}
				if target != chinese {
					require.Contains(t, targets(chinese, to), target)
				}
			}
			require.Empty(t, halfWidth.FindAllString(prose(to), -1), "half-width punctuation")
		})
	}
}

// A link leads to a file, and to a heading of it.
func TestLinks(t *testing.T) {
	t.Parallel()
	pages := []string{errorsPage}
	for english, chinese := range pairs(t) {
		pages = append(pages, english, chinese)
	}
	for _, page := range pages {
		for _, to := range links(read(t, page)) {
			target, anchor := follow(page, to)
			_, err := os.Stat(filepath.Join("..", target))
			require.NoError(t, err, page)
			if anchor != "" {
				require.Contains(t, anchors(read(t, target)), anchor, page)
			}
		}
	}
}

// The page of errors has every code of the API, and every code of a delivery that channels share.
func TestErrors(t *testing.T) {
	t.Parallel()
	page := names(read(t, errorsPage))
	for source, pattern := range map[string]string{
		"api/problem.go":            `code\w+ += "(\w+)"|http\.Status\w+: +"(\w+)"`,
		"jobs/refusal/refusal.go":   `\t\w+ += "(\w+)"`,
		"jobs/*/*.go":               `\bCode\w* += "(\w+)"`,
		"store/*.go":                `\bCode\w* += "(\w+)"`,
		"channels/*.go":             `\bCode\w* += "(\w+)"`,
		"channels/vendorhttp/*.go":  `\bCode\w* += "(\w+)"`,
		"docs/zh/channels/codes.md": "(?m)^\\| `(\\w+)`",
	} {
		var codes []string
		for _, file := range glob(t, source) {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1) {
				codes = append(codes, "`"+strings.Join(match[1:], "")+"`")
			}
		}
		require.NotEmpty(t, codes, source)
		require.Subset(t, page, codes, source)
	}
}

// pairs returns the pages in Chinese, by those in English. Every channel has one.
func pairs(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{"README.md": "README.zh-CN.md"}
	for _, page := range glob(t, "docs/channels/*.md") {
		pages[page] = "docs/zh/" + strings.TrimPrefix(page, "docs/")
	}
	for _, page := range glob(t, "docs/zh/*.md") {
		if page != errorsPage {
			pages["docs/"+strings.TrimPrefix(page, "docs/zh/")] = page
		}
	}
	return pages
}

// glob returns the files that match a pattern. As all paths here it is from the project's folder.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, files, pattern)
	for i := range files {
		files[i], _ = filepath.Rel("..", files[i])
	}
	return files
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", path))
	require.NoError(t, err)
	return string(content)
}

// prose returns a page without its code.
func prose(page string) string {
	for _, code := range []*regexp.Regexp{fenced, indent, inline} {
		page = code.ReplaceAllString(page, "")
	}
	return page
}

// levels returns the marks of a page's headings: "##".
func levels(page string) []string {
	var marks []string
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		marks = append(marks, match[1])
	}
	return marks
}

// code returns the blocks of a page without their comments. Blocks in no language may be
// translated, so they are empty here.
func code(page string) []string {
	var blocks []string
	for _, match := range fenced.FindAllStringSubmatch(page, -1) {
		block := ""
		if match[1] != "" {
			block = comment.ReplaceAllString(match[0], "")
		}
		blocks = append(blocks, block)
	}
	return blocks
}

// names returns what a page has between backquotes in its text.
func names(page string) []string {
	list := map[string]bool{}
	for _, name := range inline.FindAllString(fenced.ReplaceAllString(page, ""), -1) {
		list[strings.Join(strings.Fields(name), " ")] = true
	}
	return slices.Sorted(maps.Keys(list))
}

// links returns the links of a page that stay in the project.
func links(page string) []string {
	var list []string
	for _, match := range link.FindAllStringSubmatch(prose(page), -1) {
		if !strings.Contains(match[1], "://") {
			list = append(list, match[1])
		}
	}
	return list
}

// follow returns the file and the anchor that a page's link leads to.
func follow(page, to string) (file, anchor string) {
	file, anchor, _ = strings.Cut(to, "#")
	if file == "" {
		return page, anchor
	}
	return filepath.Join(filepath.Dir(page), file), anchor
}

// targets returns the files that a page's links lead to.
func targets(page, text string) []string {
	var files []string
	for _, to := range links(text) {
		file, _ := follow(page, to)
		files = append(files, file)
	}
	return files
}

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(page string) []string {
	var list []string
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		list = append(list, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, match[2]))
	}
	return list
}
