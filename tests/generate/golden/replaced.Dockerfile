# Written by gomab from [tool.gomab] in pyproject.toml: change that, and run `gomab dockerfile --write` again.
#
#     docker buildx build --platform linux/amd64,linux/arm64 .

# Go runs on the machine's own platform and cross-compiles: nothing is emulated.
FROM --platform=$BUILDPLATFORM golang:1.21 AS go
ENV CGO_ENABLED=0 GOMODCACHE=/cache/modules GOCACHE=/cache/build

# Modules are downloaded once, for all platforms.
FROM go AS source
WORKDIR /src/app
ARG GOPROXY GOPRIVATE GONOPROXY GONOSUMDB GOSUMDB GOINSECURE
COPY app/go.mod /src/app/
COPY lib/go.mod /src/lib/
RUN --mount=type=cache,id=example.com/app/modules,target=/cache/modules,sharing=shared \
    go mod download
COPY . /src

# One compile for each platform; OCI's variants are Go's GOAMD64, GOARM and GOARM64.
FROM source AS build
ARG GOFLAGS GOEXPERIMENT GOFIPS140
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,id=example.com/app/modules,target=/cache/modules,sharing=shared \
    --mount=type=cache,id=example.com/app/build,target=/cache/build,sharing=shared \
    case "$TARGETARCH/$TARGETVARIANT" in \
      amd64/*) export GOAMD64="${TARGETVARIANT:-v1}" ;; \
      arm/*) export GOARM="${TARGETVARIANT#v}" ;; \
      arm64/*.*) export GOARM64="$TARGETVARIANT" ;; \
      arm64/*) export GOARM64="${TARGETVARIANT:-v8}.0" ;; \
    esac; \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -gcflags=all=-dwarf=false \
      -ldflags='-s -w' -o=/out/ example.com/app

# All of the image but the programs.
# `--build-context root=…` can replace this stage; gomab's BuildKit backend does.
FROM go AS files
WORKDIR /rootfs
RUN mkdir -p app etc/ssl/certs tmp && \
    printf '%s\n' root:x:0: nonroot:x:65532: >etc/group && \
    printf '%s\n' root:x:0:0:root:/:/sbin/nologin nonroot:x:65532:65532::/:/sbin/nologin >etc/passwd && \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt && \
    chmod 1777 tmp

FROM scratch AS root
COPY --from=files /rootfs /

FROM root AS app
COPY --from=build /out/app /app/
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/app/app"]
