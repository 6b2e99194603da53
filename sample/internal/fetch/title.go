package fetch

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// maxTitle is the most runes of a title that are kept.
const maxTitle = 200

// readTitle returns the title of an HTML page, converted to UTF-8 from
// whatever encoding it is in. Other content has none.
func readTitle(body io.Reader, contentType string) (string, error) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || (mediaType != "text/html" && mediaType != "application/xhtml+xml") {
		return "", nil
	}
	decoded, err := charset.NewReader(body, contentType)
	if err != nil {
		if errors.Is(err, io.EOF) { // an empty page
			return "", nil
		}
		return "", fmt.Errorf("decode page: %w", err)
	}

	tokens := html.NewTokenizer(decoded)
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			if err := tokens.Err(); !errors.Is(err, io.EOF) {
				return "", fmt.Errorf("read page: %w", err)
			}
			return "", nil
		case html.StartTagToken:
			switch name, _ := tokens.TagName(); string(name) {
			case "title":
				// The tokenizer knows that a title contains only text.
				if tokens.Next() == html.TextToken {
					return cleanTitle(tokens.Token().Data), nil
				}
				return "", nil
			case "body":
				return "", nil // a title here would be that of an SVG image
			}
		}
	}
}

// cleanTitle makes one line of printable text of s. Postgres, for one, would
// refuse a NUL.
func cleanTitle(s string) string {
	s = strings.ToValidUTF8(s, string(unicode.ReplacementChar))
	s = strings.Join(strings.Fields(s), " ")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxTitle {
		return string(runes[:maxTitle-1]) + "…"
	}
	return s
}
