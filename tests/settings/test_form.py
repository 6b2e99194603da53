from __future__ import annotations

from collections.abc import Callable

import pytest

from gomab_tasks.settings import form

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.mark.parametrize(
    ("check", "text", "value"),
    [
        (form.project_path, ".", "."),
        (form.project_path, "./svc/", "svc"),
        (form.project_path, "a//b/./c", "a/b/c"),
        (form.project_path, "..a/b..", "..a/b.."),
        (form.container_path, "/", "/"),
        (form.container_path, "/srv/data", "/srv/data"),
        (form.target_path, "/", "/"),
        (form.tag, "v1.2_3-rc", "v1.2_3-rc"),
        (form.tag, "{env.TAG}-{git.short}", "{env.TAG}-{git.short}"),
        (form.repository, "api", "api"),
        (form.repository, "localhost:5000/acme/my_api", "localhost:5000/acme/my_api"),
        (form.repository, "{env.REGISTRY}/{image}", "{env.REGISTRY}/{image}"),
        (form.repository, "[::1]:5000/a", "[::1]:5000/a"),
        (form.base, "scratch", "scratch"),
        (form.base, "alpine:3.22", "alpine:3.22"),
        (form.base, f"localhost:5000/base:1@{DIGEST}", f"localhost:5000/base:1@{DIGEST}"),
        (form.user, "65532:65532", "65532:65532"),
        (form.user, "nobody", "nobody"),
        (form.user, "0:www-data", "0:www-data"),
        (form.port, "8080", "8080/tcp"),
        (form.tcp_port, "8080", "8080"),
        (form.tag_pattern, "v[0-9]*", "v[0-9]*"),
        (form.registry_host, "registry.lan:5000", "registry.lan:5000"),
        (form.registry_host, "[::1]:5000", "[::1]:5000"),
        (form.registry_host, "Registry.LAN", "registry.lan"),
        (form.image, "golang:1.26", "golang:1.26"),
        (form.http_path, "/healthz?deep=1", "/healthz?deep=1"),
        (form.port, "053/UDP", "53/udp"),
        (form.stop_signal, "SIGTERM", "SIGTERM"),
        (form.stop_signal, "15", "15"),
        (form.build_tag, "go1.21", "go1.21"),
    ],
)
def test_right_forms_are_read(check: Callable[[str], str], text: str, value: str) -> None:
    """Right texts are given as they are, paths and ports normalised."""
    assert check(text) == value


@pytest.mark.parametrize(
    ("check", "text", "advice"),
    [
        (form.project_path, "", "write a path in the project"),
        (form.project_path, "/abs", "write a path relative to the project, inside it"),
        (form.project_path, "~/x", "write a path relative to the project, inside it"),
        (form.project_path, "C:/x", "write a path relative to the project, inside it"),
        (form.project_path, "cmd\\api", "write '/' between folders: 'cmd/api'"),
        (form.project_path, "a/../../b", "'..' may lead out of the project"),
        (form.out_path, "./", "the project itself; name a folder of its own: 'build/gomab'"),
        (form.file_path, ".", "a folder; name a file"),
        (form.ca_path, "~/company.pem", "in the project, or an absolute one"),
        (form.ca_path, "../company.pem", "in the project, or an absolute one"),
        (form.package_path, "./cmd/...", "name each main package, or leave the key out"),
        (form.container_path, "app/x", "write an absolute path in the image: '/app/x'"),
        (form.container_path, "../x", "write an absolute path in the image: '/app'"),
        (form.container_path, "", "write an absolute path in the image: '/app'"),
        (form.container_path, "/a/../b", "write the path in the image without '..'"),
        (form.container_path, "//a/./b/", "write it plainly: '/a/b'"),
        (form.target_path, "/app/", "write the whole path that 'from' gets, without a final '/'"),
        (form.volume_path, "/", "name a folder below it: '/data'"),
        (form.tag, "", "a tag has letters, digits, '_', '.' and '-', the last two not first"),
        (form.tag, "v1+build.2", "the last two not first: 'v1-build.2'"),
        (form.tag, "-{version}", "the last two not first: '{version}'"),
        (form.tag, "x" * 129, "a tag has 128 characters at most"),
        (form.repository, "ghcr.io/Acme/{env.NAME}", "write it in lower case: 'ghcr.io/acme/{env.NAME}'"),
        (
            form.repository,
            "ghcr.io/acme/api:v1",
            "without ':v1' (tags belong in image.tags): 'ghcr.io/acme/api'",
        ),
        (
            form.repository,
            f"acme/api@{DIGEST}",
            f"without '@{DIGEST}' (tags belong in image.tags): 'acme/api'",
        ),
        (form.repository, "docker://acme/api/", "write it without 'docker://': 'acme/api'"),
        (
            form.repository,
            "https://u:p@x.io/A:1",
            "without 'https://', without ':1' (tags belong in image.tags), in lower",
        ),
        (form.repository, "/acme//api", "write it plainly: 'acme/api'"),
        (form.repository, "acme/_api", "write it as registry/path, in lower case: 'ghcr.io/acme/api'"),
        (form.repository, "Acme/api", "write it in lower case: 'acme/api'"),
        (form.repository, "localhost:70000/api", "write it as registry/path, in lower case"),
        (form.base, "Acme/api", "write 'scratch' or an image"),
        (form.base, "localhost:70000/api:1", "write 'scratch' or an image"),
        (form.image, "scratch", "an image that has no files; write an image: 'ghcr.io/acme/tools:1.2'"),
        (form.image, "Golang", "write an image: 'ghcr.io/acme/tools:1.2'"),
        (form.image, "golang@sha256:12", "a digest is 'sha256:' and 64 hexadecimal digits"),
        (form.registry_host, "registry.lan:70000", "with its port if it has one: 'registry.lan:5000'"),
        (form.base, "alpine@sha256:12", "a digest is 'sha256:' and 64 hexadecimal digits"),
        (form.base, "Alpine", "write 'scratch' or an image"),
        (form.base, "alpine:", "write 'scratch' or an image"),
        (form.base, "alpine:a b", "write 'scratch' or an image"),
        (form.user, "a b", "write UID:GID or a name of the base image: '65532:65532'"),
        (form.user, "-1", "write UID:GID or a name of the base image: '65532:65532'"),
        (form.user, "1:2:3", "write UID:GID or a name of the base image: '65532:65532'"),
        (form.user, "1:2147483648", "numbers go up to 2147483647"),
        (form.tcp_port, "53/udp", "HTTP needs a TCP port: '53'"),
        (form.tag_pattern, "v* x", "a pattern has what tags have"),
        (form.registry_host, "https://registry.lan/v2", "with its port if it has one: 'registry.lan'"),
        (form.http_path, "healthz", "write a path from the root: '/healthz'"),
        (form.port, "0", "ports go from 1 to 65535"),
        (form.port, "65536/udp", "ports go from 1 to 65535"),
        (form.port, "8080:80", "write one port, with its protocol if it is not tcp: '80'"),
        (form.port, "53/upd", "write one port, with its protocol if it is not tcp: '53/udp'"),
        (form.port, "http", "write one port, with its protocol if it is not tcp: '8080'"),
        (form.stop_signal, "term", "write it as 'SIGTERM'"),
        (form.stop_signal, "SIGTREM", "write a signal of Linux or its number: 'SIGTERM'"),
        (form.stop_signal, "0", "write a signal of Linux or its number"),
        (form.stop_signal, "65", "write a signal of Linux or its number"),
        (form.build_tag, "netgo osusergo", "write an item for each tag: 'netgo', 'osusergo'"),
        (form.build_tag, "!cgo", "a build tag has letters, digits, '_' and '.': 'netgo'"),
        (form.argument, " ", "write an argument, or leave the item out"),
    ],
)
def test_wrong_forms_get_advice(check: Callable[[str], str], text: str, advice: str) -> None:
    """A wrong text is shown, with what to write instead; a login never is."""
    with pytest.raises(ValueError, match=r"^is ['\"]") as caught:
        check(text)
    assert advice in str(caught.value)
    assert "u:p@" not in str(caught.value)
