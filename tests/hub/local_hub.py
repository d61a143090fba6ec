"""A model hub of our own on the loopback: the hub's HTTP protocol, and its ways of failing on purpose."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK_BYTES = 64 * 1024
LARGE = (".bin", ".safetensors", ".npz")
"""Files that the real hub keeps in large-file storage, under their SHA-256."""

_API = re.compile(r"/api/models/([^/]+/[^/?]+)(?:/revision/[^/?]+)?(?:\?.*)?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+?)(?:\?.*)?")


@dataclass
class Repository:
    """A directory under a repository's name, and what goes wrong with it."""

    directory: Path
    extra: dict[str, bytes] = field(default_factory=dict)
    """Files that no client needs."""
    hidden: frozenset[str] = frozenset()
    gated: bool = False
    """Only `token` may read the files."""
    token: str = "hf_permitted"
    cuts_left: int = 0
    """How many more downloads of large files break off in the middle."""
    seconds_per_chunk: float = 0.0
    announced_extra_bytes: int = 0
    damaged: bool = False

    def content(self, name: str) -> bytes | None:
        if name in self.extra:
            return self.extra[name]
        path = self.directory / name
        return path.read_bytes() if name not in self.hidden and path.is_file() else None

    def size(self, name: str) -> int:
        """What the hub says of the bytes of `name`."""
        extra = self.announced_extra_bytes if name.endswith(LARGE) else 0
        return len(self.content(name) or b"") + extra

    @property
    def names(self) -> list[str]:
        found = (
            str(path.relative_to(self.directory)) for path in self.directory.rglob("*") if path.is_file()
        )
        return sorted([name for name in found if name not in self.hidden] + list(self.extra))


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    range: str | None
    token: str | None


@dataclass
class LocalHub:
    """A running hub; `repositories` may be changed at any time."""

    endpoint: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    plain_files: dict[str, bytes] = field(default_factory=dict)
    """Files under fixed addresses, as a file server has them."""
    silent: bool = False
    """Take connections and never answer."""
    cuts_left: int = 0
    requests: list[Seen] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def local_hub(port: int = 0) -> Iterator[LocalHub]:
    """Run a hub on the loopback for the length of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.daemon_threads = True
    hub = LocalHub(f"http://127.0.0.1:{server.server_address[1]}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.05))
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    @property
    def hub(self) -> LocalHub:
        return self.server.hub  # type: ignore[attr-defined,no-any-return]

    def answer(self) -> None:
        authorization = self.headers.get("authorization")
        token = authorization.removeprefix("Bearer ") if authorization else None
        self.hub.requests.append(Seen(self.command, self.path, self.headers.get("range"), token))
        if self.hub.silent:
            self.hub.closing.wait(30)
            self.close_connection = True
        elif (plain := self.hub.plain_files.get(self.path)) is not None:
            self.send_content(plain, {"ETag": '"plain"'}, None)
        elif match := _API.fullmatch(self.path):
            self.describe(match[1], token)
        elif match := _FILE.fullmatch(self.path):
            self.send_file(match[1], match[2], token)
        else:
            self.refuse(404, "EntryNotFound")

    def describe(self, name: str, token: str | None) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            # As the real hub does: a stranger is not told whether a repository exists.
            self.refuse(404 if token else 401, "RepoNotFound")
            return
        listing = {
            "id": name,
            "modelId": name,
            "sha": COMMIT,
            "private": False,
            "gated": "auto" if repository.gated else False,
            "siblings": [{"rfilename": name, "size": repository.size(name)} for name in repository.names],
        }
        self.send_content(json.dumps(listing).encode(), {"Content-Type": "application/json"}, None)

    def send_file(self, name: str, file: str, token: str | None) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self.refuse(404, "RepoNotFound")
        elif repository.gated and token != repository.token:
            self.refuse(403 if token else 401, "GatedRepo")
        elif (content := repository.content(file)) is None:
            self.refuse(404, "EntryNotFound")
        else:
            large = file.endswith(LARGE)
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{checksum(content, large=large)}"'}
            if large:
                headers["X-Linked-Etag"] = headers["ETag"]
                headers["X-Linked-Size"] = str(len(content) + repository.announced_extra_bytes)
                if repository.damaged:
                    content = content[:-1] + bytes([content[-1] ^ 0xFF])
            self.send_content(content, headers, repository if large else None)

    def send_content(self, content: bytes, headers: dict[str, str], repository: Repository | None) -> None:
        start = 0
        if (asked := self.headers.get("range")) is not None:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start and start >= len(content):
            self.refuse(416, "RangeNotSatisfiable")
            return
        self.send_response(206 if start else 200)
        for header, value in headers.items():
            self.send_header(header, value)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.send_body(content[start:], repository)

    def send_body(self, body: bytes, repository: Repository | None) -> None:
        source = repository if repository is not None else self.hub
        cut = source.cuts_left > 0
        if cut:
            source.cuts_left -= 1
            body = body[: len(body) // 2]
        for position in range(0, len(body), CHUNK_BYTES):
            self.wfile.write(body[position : position + CHUNK_BYTES])
            if repository is not None and repository.seconds_per_chunk:
                time.sleep(repository.seconds_per_chunk)
        if cut:
            self.close_connection = True

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def checksum(content: bytes, *, large: bool) -> str:
    """Return what the hub names a file after: SHA-256 in large-file storage, else a git blob's checksum."""
    if large:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
