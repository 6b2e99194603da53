# syntax=docker/dockerfile:1
# Written by gomab from [tool.gomab] in pyproject.toml: change that, and run `gomab dockerfile --write` again.
#
#     docker buildx build --platform linux/amd64,linux/arm64,linux/arm/v7 \
#       --build-arg VERSION="$(git describe --tags --always --abbrev=12 | sed s/^v//)" \
#       --build-arg ENV_CHANNEL="$CHANNEL" \
#       --build-arg GOPRIVATE=… \
#       --secret id=netrc,src="$HOME/.netrc" \
#       --ssh default \
#       --secret id=known_hosts,src="$HOME/.ssh/known_hosts" .
#
# That makes api. The others, with the same options and
#     --platform linux/amd64,linux/arm64,linux/arm/v7 --target worker
#     --platform linux/amd64,linux/arm64,linux/arm/v7 --target image-build

# Go runs on the machine's own platform and cross-compiles: nothing is emulated.
FROM --platform=$BUILDPLATFORM golang:1.21 AS go
ENV CGO_ENABLED=0 GOMODCACHE=/cache/modules GOCACHE=/cache/build
ENV GIT_SSH_COMMAND="ssh -o StrictHostKeyChecking=accept-new"
ENV GIT_CONFIG_COUNT="2"
ENV GIT_CONFIG_KEY_0="url.ssh://git@github.com/.insteadOf"
ENV GIT_CONFIG_VALUE_0="https://github.com/"
ENV GIT_CONFIG_KEY_1="url.ssh://git@git.acme.example/.insteadOf"
ENV GIT_CONFIG_VALUE_1="https://git.acme.example/"

# Modules are downloaded once, for all platforms.
FROM go AS source
WORKDIR /src
ENV GOEXPERIMENT=""
ARG GOPROXY GOPRIVATE GONOPROXY GONOSUMDB GOSUMDB GOINSECURE
COPY go.mod ./
RUN --mount=type=cache,id=example.com/pair/modules,target=/cache/modules,sharing=shared \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=ssh \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    go mod download
COPY . .

# One compile for each platform; OCI's variants are Go's GOAMD64, GOARM and GOARM64.
FROM source AS build
ARG GOFLAGS GOFIPS140
ARG VERSION
ARG ENV_CHANNEL
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,id=example.com/pair/modules,target=/cache/modules,sharing=shared \
    --mount=type=cache,id=example.com/pair/build,target=/cache/build,sharing=shared \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=ssh \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    case "$TARGETARCH/$TARGETVARIANT" in \
      amd64/*) export GOAMD64="${TARGETVARIANT:-v1}" ;; \
      arm/*) export GOARM="${TARGETVARIANT#v}" ;; \
      arm64/*.*) export GOARM64="$TARGETVARIANT" ;; \
      arm64/*) export GOARM64="${TARGETVARIANT:-v8}.0" ;; \
    esac; \
    ldflags='-s -w'; \
    ldflags="${ldflags} -X 'main.motto=say \"hi\"'"; \
    ldflags="${ldflags} -X main.name=api"; \
    [ -z "${VERSION+x}" ] || [ -z "${ENV_CHANNEL+x}" ] || \
      ldflags="${ldflags} -X 'main.version=v${VERSION} ${ENV_CHANNEL}'"; \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -tags=netgo,osusergo \
      -gcflags=all=-dwarf=false -ldflags="$ldflags" -o=/out/ example.com/pair/cmd/api \
      example.com/pair/cmd/worker

FROM source AS build-worker
ARG GOFLAGS GOFIPS140
ARG VERSION
ARG ENV_CHANNEL
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,id=example.com/pair/modules,target=/cache/modules,sharing=shared \
    --mount=type=cache,id=example.com/pair/build,target=/cache/build,sharing=shared \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=ssh \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    case "$TARGETARCH/$TARGETVARIANT" in \
      amd64/*) export GOAMD64="${TARGETVARIANT:-v1}" ;; \
      arm/*) export GOARM="${TARGETVARIANT#v}" ;; \
      arm64/*.*) export GOARM64="$TARGETVARIANT" ;; \
      arm64/*) export GOARM64="${TARGETVARIANT:-v8}.0" ;; \
    esac; \
    ldflags='-s -w'; \
    ldflags="${ldflags} -X 'main.motto=say \"hi\"'"; \
    ldflags="${ldflags} -X main.name=worker"; \
    [ -z "${VERSION+x}" ] || [ -z "${ENV_CHANNEL+x}" ] || \
      ldflags="${ldflags} -X 'main.version=v${VERSION} ${ENV_CHANNEL}'"; \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false -tags=netgo,osusergo \
      -gcflags=all=-dwarf=false -ldflags="$ldflags" -o=/out/ example.com/pair/cmd/worker

FROM source AS build-build
ARG GOFLAGS GOFIPS140
ARG VERSION
ARG ENV_CHANNEL
ARG TARGETOS TARGETARCH TARGETVARIANT
RUN --mount=type=cache,id=example.com/pair/modules,target=/cache/modules,sharing=shared \
    --mount=type=cache,id=example.com/pair/build,target=/cache/build,sharing=shared \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    --mount=type=ssh \
    --mount=type=secret,id=known_hosts,target=/etc/ssh/ssh_known_hosts \
    case "$TARGETARCH/$TARGETVARIANT" in \
      amd64/*) export GOAMD64="${TARGETVARIANT:-v1}" ;; \
      arm/*) export GOARM="${TARGETVARIANT#v}" ;; \
      arm64/*.*) export GOARM64="$TARGETVARIANT" ;; \
      arm64/*) export GOARM64="${TARGETVARIANT:-v8}.0" ;; \
    esac; \
    ldflags='-s -w'; \
    ldflags="${ldflags} -X 'main.motto=say \"hi\"'"; \
    ldflags="${ldflags} -X main.name=fixed"; \
    [ -z "${VERSION+x}" ] || [ -z "${ENV_CHANNEL+x}" ] || \
      ldflags="${ldflags} -X 'main.version=v${VERSION} ${ENV_CHANNEL}'"; \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=true -tags=netgo,osusergo \
      -gcflags=all=-dwarf=false -ldflags="$ldflags" -o=/out/ example.com/pair/cmd/api

# All of the image but the programs.
# `--build-context root=…` can replace this stage; gomab's BuildKit backend does.
FROM go AS files
WORKDIR /rootfs
RUN mkdir -p data etc/ssl/certs srv tmp usr/share var/lib/pair && \
    printf '%s\n' root:x:0: app:x:1001: >etc/group && \
    printf '%s\n' root:x:0:0:root:/:/sbin/nologin app:x:1000:1001::/:/sbin/nologin >etc/passwd && \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt && \
    cp -R /usr/share/zoneinfo usr/share/zoneinfo && \
    rm -rf usr/share/zoneinfo/localtime usr/share/zoneinfo/posix usr/share/zoneinfo/posixrules usr/share/zoneinfo/right
COPY ["internal", "./srv/data files"]
COPY go.mod ./srv/go.mod
RUN chmod -R u=rwX,go=rX './srv/data files' ./srv/go.mod && \
    chown 1000:1001 data && \
    chmod 1777 tmp && \
    chown 1000:1001 var/lib/pair

FROM scratch AS root
COPY --from=files /rootfs /

# All of the image but the programs.
# `--build-context root-worker=…` can replace this stage; gomab's BuildKit backend does.
FROM go AS files-worker
WORKDIR /rootfs
RUN mkdir -p app data etc tmp var/lib/pair && \
    printf '%s\n' root:x:0: nonroot:x:65532: >etc/group && \
    printf '%s\n' root:x:0:0:root:/:/sbin/nologin nonroot:x:65532:65532::/:/sbin/nologin >etc/passwd
COPY ["internal", "./srv/data files"]
COPY go.mod ./srv/go.mod
RUN chmod -R u=rwX,go=rX './srv/data files' ./srv/go.mod && \
    chown 65532:65532 data && \
    chmod 1777 tmp && \
    chown 65532:65532 var/lib/pair

FROM scratch AS root-worker
COPY --from=files-worker /rootfs /

# All of the image but the programs.
# `--build-context root-build=…` can replace this stage; gomab's BuildKit backend does.
FROM go AS files-build
WORKDIR /rootfs
RUN mkdir -p app data etc/ssl/certs tmp usr/share var/lib/pair && \
    printf '%s\n' root:x:0: nonroot:x:65532: >etc/group && \
    printf '%s\n' root:x:0:0:root:/:/sbin/nologin nonroot:x:65532:65532::/:/sbin/nologin >etc/passwd && \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/ca-certificates.crt && \
    cp -R /usr/share/zoneinfo usr/share/zoneinfo && \
    rm -rf usr/share/zoneinfo/localtime usr/share/zoneinfo/posix usr/share/zoneinfo/posixrules usr/share/zoneinfo/right
COPY ["internal", "./srv/data files"]
COPY go.mod ./srv/go.mod
RUN chmod -R u=rwX,go=rX './srv/data files' ./srv/go.mod && \
    chown 65532:65532 data && \
    chmod 1777 tmp && \
    chown 65532:65532 var/lib/pair

FROM scratch AS root-build
COPY --from=files-build /rootfs /

FROM root-build AS image-build
COPY --from=build-build /out/api /app/
VOLUME ["/data", "/var/lib/pair"]
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/app/api"]

FROM root-worker AS worker
COPY --from=build-worker /out/worker /app/
VOLUME ["/data", "/var/lib/pair"]
WORKDIR /app
USER 65532:65532
ENTRYPOINT ["/app/worker"]

FROM root AS api
COPY --from=build /out/api /out/worker /app/
ARG VERSION
LABEL org.opencontainers.image.version="${VERSION}"
LABEL note="pay \$5 {}"
ENV GREETING="\$HOME \"sweet\" \\home"
ENV PATH="/app"
EXPOSE 8080/tcp 53/udp
VOLUME ["/data", "/var/lib/pair"]
WORKDIR /srv
USER 1000:1001
STOPSIGNAL SIGINT
ENTRYPOINT ["/app/api", "--quote=\"$HOME\""]
CMD ["serve", "a\nb"]
