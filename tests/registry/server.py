"""A registry in this process that is strict, and fails in whatever way a test asks for.

It refuses what the OCI distribution-spec forbids, where real registries often
let it pass, and it notes every request.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from gomab_tasks.oci.descriptor import digest_of

Act = Callable[["Exchange"], bool]
"""Plays a fault; tells whether the request is done with."""


@dataclass(slots=True)
class Fault:
    """Hold what goes wrong, for which requests (`METHOD path`, a pattern), and how often."""

    requests: str
    act: Act
    times: int = 1


@dataclass(slots=True)
class State:
    """Hold what the registry has, by repository and digest or tag."""

    address: str = ""
    blobs: dict[tuple[str, str], bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    tags: dict[tuple[str, str], str] = field(default_factory=dict)
    uploads: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    authorizations: list[tuple[str, str]] = field(default_factory=list)
    proxy_authorizations: list[str] = field(default_factory=list)
    # Tokens: user -> password, token -> its scopes; without users there is no login.
    users: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, list[str]] = field(default_factory=dict)
    # Repositories that no token is good for.
    forbidden: set[str] = field(default_factory=set)
    identity_tokens: set[str] = field(default_factory=set)
    basic: bool = False
    realm: str = ""
    has_referrers: bool = False
    page_size: int = 100
    connections: list[socket.socket] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, requests: str, act: Act, times: int = 1) -> None:
        """Have the next requests that match fail."""
        self.faults.append(Fault(requests, act, times))

    def requests(self, pattern: str) -> list[str]:
        """Give the noted requests that match."""
        return [line for line in self.log if re.match(pattern, line)]


class Exchange(BaseHTTPRequestHandler):
    """Serve one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are written one after the other
    state: State
    body: bytes | None = None

    def setup(self) -> None:
        """Note the connection, so that it ends with the server."""
        super().setup()
        self.state.connections.append(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Say nothing; `send` notes."""

    def serve(self) -> None:
        """Play a fault, or answer."""
        self.body = None
        with self.state.lock:
            self.state.authorizations.append((self.path, self.headers.get("Authorization", "")))
            self.state.proxy_authorizations.append(self.headers.get("Proxy-Authorization", ""))
            fault = next((f for f in self.state.faults if f.times and self._is_met(f)), None)
            if fault:
                fault.times -= 1
        if fault and fault.act(self):
            return
        if urlsplit(self.path).path == "/token":
            self._give_token()
        elif self._may():
            self._route()

    do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = serve  # noqa: N815 - the base's names

    def _is_met(self, fault: Fault) -> bool:
        return bool(re.match(fault.requests, f"{self.command} {self.path}"))

    def send(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; words of header names are divided by `_`."""
        self.read()
        self.state.log.append(f"{self.command} {self.path} {status}")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str = "", **headers: str) -> None:
        """Answer with an error of the spec."""
        body = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]}).encode()
        self.send(status, body, Content_Type="application/json", **headers)

    def read(self) -> bytes:
        """Read the body, once."""
        if self.body is None:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return self.body

    def reset(self) -> None:
        """Break the connection off as a crashing server does."""
        self.state.log.append(f"{self.command} {self.path} reset")
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = self.rfile = _Nothing()  # type: ignore[assignment]

    # -- login ---------------------------------------------------------------

    def _may(self) -> bool:
        if not self.state.users:
            return True
        given = self.headers.get("Authorization", "")
        if self.state.basic:
            if given == self._basic(*next(iter(self.state.users.items()))):
                return True
            self.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="registry"')
            return False
        scopes = self.state.tokens.get(given.removeprefix("Bearer "), [])
        if set(self._needed()) <= set(scopes):
            return True
        realm = self.state.realm or f"http://{self.state.address}/token"
        challenge = f'Bearer realm="{realm}",service="strict",scope="{" ".join(self._needed())}"'
        self.refuse(401, "UNAUTHORIZED", WWW_Authenticate=challenge)
        return False

    def _needed(self) -> list[str]:
        name = re.sub(r"^/v2/|/(manifests|blobs|referrers)/.*", "", urlsplit(self.path).path)
        writes = self.command in {"DELETE", "PUT", "POST"}
        source = parse_qs(urlsplit(self.path).query).get("from", [])
        return [f"{name}:{'push' if writes else 'pull'}", *(f"{other}:pull" for other in source)]

    def _give_token(self) -> None:
        form = parse_qs(self.read().decode())
        query = parse_qs(urlsplit(self.path).query)
        if self.command == "POST":
            known = form["refresh_token"][0] in self.state.identity_tokens
            scopes = form["scope"][0].split()
        else:
            known = self.headers.get("Authorization") in {self._basic(*u) for u in self.state.users.items()}
            scopes = query.get("scope", [])
        if not known:
            self.refuse(401, "UNAUTHORIZED", "who are you?")
            return
        token = secrets.token_hex(16)
        named = [scope.split(":")[1:] for scope in scopes]
        self.state.tokens[token] = [
            f"{n}:{act}" for n, acts in named if n not in self.state.forbidden for act in acts.split(",")
        ]
        self.send(200, json.dumps({"token": token, "expires_in": 300}).encode())

    @staticmethod
    def _basic(user: str, password: str) -> str:
        return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

    # -- content -------------------------------------------------------------

    def _route(self) -> None:
        parts = urlsplit(self.path)
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs/uploads|blobs|referrers)/([^/]*)", parts.path)
        if match is None:
            self.refuse(404, "NAME_UNKNOWN")
            return
        name, kind, target = match.groups()
        serve = {
            ("HEAD", "manifests"): self._manifest,
            ("GET", "manifests"): self._manifest,
            ("PUT", "manifests"): self._put_manifest,
            ("HEAD", "blobs"): self._blob,
            ("GET", "blobs"): self._blob,
            ("POST", "blobs/uploads"): self._start,
            ("PUT", "blobs/uploads"): self._finish,
            ("DELETE", "blobs/uploads"): self._forget,
            ("GET", "referrers"): self._referrers,
        }.get((self.command, kind))
        if serve:
            serve(name, target)
        else:
            self.refuse(405, "UNSUPPORTED")

    def _manifest(self, name: str, target: str) -> None:
        digest = self.state.tags.get((name, target), target)
        kind, content = self.state.manifests.get((name, digest), ("", b""))
        if not kind:
            self.refuse(404, "MANIFEST_UNKNOWN")
        elif kind not in self.headers.get("Accept", ""):
            self.refuse(404, "MANIFEST_UNKNOWN", f"{kind} is not accepted")
        else:
            self.send(200, content, Content_Type=kind, Docker_Content_Digest=digest)

    def _put_manifest(self, name: str, target: str) -> None:
        content = self.read()
        document = json.loads(content)
        digest = digest_of(content)
        if self.headers.get("Content-Type") != document["mediaType"]:
            self.refuse(400, "MANIFEST_INVALID", "Content-Type is not the manifest's mediaType")
        elif "Content-Length" not in self.headers or "Transfer-Encoding" in self.headers:
            self.refuse(411, "SIZE_INVALID")
        elif target.startswith("sha256:") and target != digest:
            self.refuse(400, "DIGEST_INVALID")
        elif missing := self._missing(name, document):
            self.refuse(400, "MANIFEST_BLOB_UNKNOWN", missing)
        else:
            self.state.manifests[name, digest] = (document["mediaType"], content)
            if target != digest:
                self.state.tags[name, target] = digest
            subject = document.get("subject", {}).get("digest", "")
            headers = {"OCI_Subject": subject} if subject and self.state.has_referrers else {}
            self.send(201, Docker_Content_Digest=digest, Location=f"/v2/{name}/manifests/{digest}", **headers)

    def _missing(self, name: str, document: dict[str, Any]) -> str:
        is_index = "manifests" in document
        children = document["manifests"] if is_index else [document["config"], *document["layers"]]
        there = self.state.manifests if is_index else self.state.blobs
        return next((d["digest"] for d in children if (name, d["digest"]) not in there), "")

    def _blob(self, name: str, digest: str) -> None:
        content = self.state.blobs.get((name, digest))
        if content is None:
            self.refuse(404, "BLOB_UNKNOWN")
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted:
            first = int(wanted[1])
            place = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.send(206, content[first:], Content_Range=place)
        else:
            self.send(200, content, Docker_Content_Digest=digest)

    def _start(self, name: str, _target: str) -> None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        source = (query.get("from", ""), query.get("mount", ""))
        if self.headers.get("Content-Length") != "0":
            self.refuse(411, "SIZE_INVALID", "an upload starts without a body")
        elif source in self.state.blobs:
            self.state.blobs[name, source[1]] = self.state.blobs[source]
            self.send(201, Docker_Content_Digest=source[1], Location=f"/v2/{name}/blobs/{source[1]}")
        else:
            upload = secrets.token_hex(8)
            self.state.uploads.add(upload)
            self.send(202, Location=f"/v2/{name}/blobs/uploads/{upload}?state=a%2Fb")

    def _forget(self, _name: str, upload: str) -> None:
        self.state.uploads.discard(upload)
        self.send(204)

    def _finish(self, name: str, upload: str) -> None:
        query = parse_qs(urlsplit(self.path).query)
        digest = query.get("digest", [""])[0]
        if upload not in self.state.uploads or query.get("state") != ["a/b"]:
            self.refuse(404, "BLOB_UPLOAD_UNKNOWN")
            return
        self.state.uploads.remove(upload)
        if "Content-Length" not in self.headers or "Transfer-Encoding" in self.headers:
            self.refuse(411, "SIZE_INVALID")
        elif self.headers.get("Content-Type") != "application/octet-stream":
            self.refuse(400, "BLOB_UPLOAD_INVALID", "Content-Type is not application/octet-stream")
        elif digest_of(self.read()) != digest:
            self.refuse(400, "DIGEST_INVALID")
        else:
            self.state.blobs[name, digest] = self.read()
            self.send(201, Docker_Content_Digest=digest, Location=f"/v2/{name}/blobs/{digest}")

    def _referrers(self, name: str, digest: str) -> None:
        if not self.state.has_referrers:
            self.refuse(404, "UNSUPPORTED")
            return
        found = [
            {"mediaType": kind, "digest": key, "size": len(content), "artifactType": read["artifactType"]}
            for (place, key), (kind, content) in self.state.manifests.items()
            if place == name and (read := json.loads(content)).get("subject", {}).get("digest") == digest
        ]
        first = int(parse_qs(urlsplit(self.path).query).get("first", ["0"])[0])
        following = first + self.state.page_size
        page = f'</v2/{name}/referrers/{digest}?first={following}>; rel="next"'
        headers = {"Link": page} if following < len(found) else {}
        self.send(
            200, json.dumps({"schemaVersion": 2, "manifests": found[first:following]}).encode(), **headers
        )


class _Nothing:
    """Stand for the files of a connection that is gone."""

    closed = True

    def close(self) -> None: ...

    def flush(self) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients break off on purpose."""


class Strict(State):
    """Run a strict registry."""

    def listen(self) -> None:
        """Start, at the same port as before."""
        host, _, port = self.address.partition(":")
        handler = type("Bound", (Exchange,), {"state": self})
        self._server = _Server((host, int(port)), handler)
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop; what it has stays."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in self.connections:
            connection.close()


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[Strict]:
    """Run a registry of its own for the block."""
    state = Strict(address=f"{host}:0")
    state.listen()
    try:
        yield state
    finally:
        state.close()
