package migrate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Migration is one file, such as 0001_links.sql.
type Migration struct {
	Version  int64
	Name     string // the file's name
	SQL      string
	Checksum string
}

var fileName = regexp.MustCompile(`^([0-9]{4,9})_[a-z0-9_]+\.sql$`)

// Load reads the migrations at the top of files, ordered by version. A .sql
// file whose name does not fit is an error, lest it be forgotten silently.
func Load(files fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	var found []Migration
	for _, entry := range entries {
		name := entry.Name()
		if entry.IsDir() || !strings.HasSuffix(name, ".sql") {
			continue
		}
		m, err := read(files, name)
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	if len(found) == 0 {
		return nil, errors.New("no .sql files found")
	}
	// By number, not by name: 0010 and 00009 may live next to each other.
	slices.SortFunc(found, func(a, b Migration) int { return cmp.Compare(a.Version, b.Version) })
	for i := 1; i < len(found); i++ {
		if found[i].Version == found[i-1].Version {
			return nil, fmt.Errorf("%s and %s have the same version", found[i-1].Name, found[i].Name)
		}
	}
	return found, nil
}

func read(files fs.FS, name string) (Migration, error) {
	match := fileName.FindStringSubmatch(name)
	if match == nil {
		return Migration{}, fmt.Errorf("%s: name must look like 0001_add_links.sql", name)
	}
	version, err := strconv.ParseInt(match[1], 10, 64)
	if err != nil {
		return Migration{}, fmt.Errorf("%s: %w", name, err)
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return Migration{}, err
	}
	sum := sha256.Sum256(content)
	return Migration{
		Version:  version,
		Name:     name,
		SQL:      string(content),
		Checksum: hex.EncodeToString(sum[:]),
	}, nil
}
