#!/usr/bin/env bash
# Build buildkitd, buildctl and buildx into a folder: tests/tools/build.sh FOLDER
# `go install` refuses BuildKit, since its go.mod has exclude lines; a module that requires it does not.
set -euo pipefail
folder=$(mkdir -p "$1" && realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() { # VERSION PACKAGE...
  local version=$1 module=$work/${2//\//-}
  shift
  mkdir "$module"
  (
    cd "$module"
    export GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
    go mod init tools
    go get "${@/%/@$version}"
    go build -trimpath -ldflags="-s -w" -gcflags=all=-dwarf=false -o "$folder/" "$@"
  ) >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

build v0.34.2 github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl
build v0.38.2 github.com/docker/buildx/cmd/buildx
