"""A Hub on the loopback interface, for tests that really push and load; it keeps everything in memory.

It speaks as much of the Hub's protocol as `huggingface_hub` needs, with Xet turned off, to create repositories, commit,
branch, tag, list and download, for models, datasets and spaces. The client libraries read their settings when they are
imported, so what talks to this Hub runs in a process of its own:

    with HubServer() as hub:
        hub.fail("PUT /_lfs/", 500)                   # the next upload of a large file fails once
        hub.cut("GET .*/resolve/", after=1000)        # the next download ends after 1000 bytes
        subprocess.run([sys.executable, "push.py"], env=os.environ | hub.environment(tmp_path), check=True)
        assert set(hub.files("datasets", "tester/rooms")) == {"README.md", "train.parquet"}
        assert len(hub.commits("datasets", "tester/rooms")) == 2      # the empty one that it began with, and one push
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

USER, TOKEN = "tester", "hf_test"
LARGE_SUFFIXES = (".arrow", ".bin", ".jpg", ".parquet", ".png", ".pt", ".safetensors", ".zip")
LARGE_BYTES = 10_000_000
_REPO = r"(?P<kind>models|datasets|spaces)/(?P<name>[^/]+/[^/]+)"
_FILES = r"/(?:(?P<kind>datasets|spaces)/)?(?P<name>[^/]+/[^/]+)"


@dataclass(frozen=True)
class File:
    """A file in a commit; a large one is uploaded apart from the commit that names it."""

    content: bytes
    is_large: bool = False

    @property
    def oid(self) -> str:
        """The id that git gives it, or LFS."""
        if self.is_large:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()

    def entry(self, path: str) -> dict[str, Any]:
        """How a listing describes it."""
        size = len(self.content)
        large = {"lfs": {"oid": self.oid, "size": size, "pointerSize": 134}} if self.is_large else {}
        return {"type": "file", "path": path, "size": size, "oid": self.oid, **large}


@dataclass(frozen=True)
class Commit:
    """A state of a repository."""

    id: str
    title: str
    parent: str | None
    files: dict[str, File]
    date: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"))


@dataclass
class Repo:
    """Commits, and the branches and tags that name them."""

    is_private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, branch: str, title: str, files: dict[str, File]) -> Commit:
        """Put a commit on top of a branch; all of it is seen at once."""
        parent = self.branches.get(branch)
        state = json.dumps([len(self.commits), parent, sorted((path, file.oid) for path, file in files.items())])
        commit = Commit(hashlib.sha1(state.encode()).hexdigest(), title, parent, files)
        self.commits[commit.id] = commit
        self.branches[branch] = commit.id
        return commit

    def at(self, revision: str) -> Commit:
        """The commit that a branch, a tag or an id names."""
        commit = self.commits.get(self.branches.get(revision) or self.tags.get(revision) or revision)
        if commit is None:
            raise Refusal(404, "RevisionNotFound")
        return commit

    def history(self, revision: str = "main") -> Iterator[Commit]:
        """Commits from the newest to the first."""
        commit: Commit | None = self.at(revision)
        while commit is not None:
            yield commit
            commit = self.commits[commit.parent] if commit.parent else None


class Refusal(Exception):
    """An answer other than success: a status, and the code by which the client knows the reason."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


class Request(NamedTuple):
    """What a client asked; `line` is such as `GET /api/models/tester/tiny`, without the query."""

    line: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def is_authorised(self) -> bool:
        return self.headers.get("authorization") == f"Bearer {TOKEN}"

    def json(self) -> Any:
        return json.loads(self.body or b"{}")


class Answer(NamedTuple):
    """What the server says."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 (never changed)


@dataclass
class Fault:
    """What goes wrong with the next requests whose line matches."""

    line: re.Pattern[str]
    times: int
    status: int | None
    after: int | None


class HubServer:
    """The Hub: `url` to reach it by, `requests` that came, and what the repositories hold."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._repos: dict[tuple[str, str], Repo] = {}
        self._large: dict[str, bytes] = {}
        self._faults: list[Fault] = []
        self._lock = threading.RLock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Settings of a process that talks to this Hub; caches go below `home`, `token` None is a stranger."""
        switches = ("DISABLE_XET", "DISABLE_TELEMETRY", "DISABLE_UPDATE_CHECK", "DISABLE_PROGRESS_BARS")
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home / "huggingface"),
            "HF_TOKEN": token or "",
            "HF_HUB_OFFLINE": "0",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "NO_PROXY": "127.0.0.1",
            **{f"HF_HUB_{name}": "1" for name in switches},
        }

    def files(self, kind: str, name: str, revision: str = "main") -> dict[str, bytes]:
        """Contents by path; `kind` is models, datasets or spaces."""
        return {path: file.content for path, file in self._repos[kind, name].at(revision).files.items()}

    def commits(self, kind: str, name: str, revision: str = "main") -> list[str]:
        """Titles from the newest to that of the empty commit that every repository begins with."""
        return [commit.title for commit in self._repos[kind, name].history(revision)]

    def fail(self, line: str, status: int, times: int = 1) -> None:
        """Answer the next requests whose line matches a pattern with a status; nothing is done."""
        self._faults.append(Fault(re.compile(line), times, status, None))

    def cut(self, line: str, after: int | None = None, times: int = 1) -> None:
        """Cut the connection of the next matching requests: done and `after` bytes told, or if None neither."""
        self._faults.append(Fault(re.compile(line), times, None, after))

    def take_fault(self, line: str) -> Fault | None:
        """The fault that hits a request, if any; it is used up."""
        with self._lock:
            fault = next((fault for fault in self._faults if fault.times and fault.line.search(line)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        with self._lock:
            for pattern, answer in _ROUTES:
                if found := re.fullmatch(pattern, request.line):
                    try:
                        return answer(self, request, **{key: unquote(v) for key, v in found.groupdict("").items()})
                    except Refusal as refusal:
                        headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.code}
                        return _json({"error": refusal.code}, refusal.status, headers)
        return _json({"error": "unknown"}, 404, {"X-Error-Code": "RepoNotFound"})

    def _repo(self, request: Request, kind: str, name: str, write: bool = False) -> Repo:
        repo = self._repos.get((kind or "models", name))
        if write and not request.is_authorised:
            raise Refusal(401, "Unauthorized")
        if repo is None or (repo.is_private and not request.is_authorised):
            raise Refusal(404, "RepoNotFound")
        return repo

    def _whoami(self, request: Request) -> Answer:
        if not request.is_authorised:
            raise Refusal(401, "Unauthorized")
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        return _json({"type": "user", "name": USER, "orgs": [], "auth": token})

    def _create(self, request: Request) -> Answer:
        if not request.is_authorised:
            raise Refusal(401, "Unauthorized")
        asked = request.json()
        kind, name = f"{asked.get('type') or 'model'}s", f"{asked.get('organization') or USER}/{asked['name']}"
        url = f"{self.url}/{'' if kind == 'models' else f'{kind}/'}{name}"
        if (kind, name) in self._repos:
            return _json({"error": "You already created this repo", "url": url}, 409)
        repo = Repo(is_private=bool(asked.get("private")) or asked.get("visibility") == "private")
        repo.commit("main", "initial commit", {})
        self._repos[kind, name] = repo
        return _json({"url": url, "name": name, "id": name})

    def _delete(self, request: Request) -> Answer:
        asked = request.json()
        kind, name = f"{asked.get('type') or 'model'}s", f"{asked.get('organization') or USER}/{asked['name']}"
        self._repo(request, kind, name, write=True)
        del self._repos[kind, name]
        return _json({})

    def _info(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        repo = self._repo(request, kind, name)
        commit = repo.at(revision or "main")
        dates = {"createdAt": list(repo.history())[-1].date, "lastModified": commit.date}
        counts = {"downloads": 0, "likes": 0, "gated": False, "disabled": False, "tags": []}
        siblings = [{"rfilename": path} for path in sorted(commit.files)]
        identity = {"_id": name, "id": name, "modelId": name, "author": name.split("/")[0], "sha": commit.id}
        return _json({**identity, "private": repo.is_private, "siblings": siblings, **dates, **counts})

    def _commits(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        history = self._repo(request, kind, name).history(revision)
        return _json([{"id": c.id, "title": c.title, "message": "", "authors": [], "date": c.date} for c in history])

    def _refs(self, request: Request, kind: str, name: str) -> Answer:
        repo = self._repo(request, kind, name)
        named = {"branches": (repo.branches, "heads"), "tags": (repo.tags, "tags")}
        refs = {
            group: [{"name": n, "ref": f"refs/{where}/{n}", "targetCommit": c} for n, c in names.items()]
            for group, (names, where) in named.items()
        }
        return _json({**refs, "converts": []})

    def _branch(self, request: Request, method: str, kind: str, name: str, revision: str) -> Answer:
        repo = self._repo(request, kind, name, write=True)
        if method == "DELETE":
            repo.branches.pop(revision)
        elif revision in repo.branches:
            raise Refusal(409, "Reference already exists")
        else:
            repo.branches[revision] = repo.at(request.json().get("startingPoint") or "main").id
        return _json({})

    def _tag(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        repo, tag = self._repo(request, kind, name, write=True), request.json()["tag"]
        if tag in repo.tags:
            raise Refusal(409, "Tag already exists")
        repo.tags[tag] = repo.at(revision).id
        return _json({})

    def _preupload(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        known = self._repo(request, kind, name, write=True).at(revision).files
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_large(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
                "oid": known[file["path"]].oid if file["path"] in known else None,
            }
            for file in request.json()["files"]
        ]
        return _json({"files": files})

    def _large_batch(self, request: Request, kind: str, name: str) -> Answer:
        self._repo(request, kind, name, write=True)
        objects = [
            {"oid": o["oid"], "size": o["size"]}
            | ({} if o["oid"] in self._large else {"actions": {"upload": {"href": f"{self.url}/_lfs/{o['oid']}"}}})
            for o in request.json()["objects"]
        ]
        return _json({"transfer": "basic", "objects": objects})

    def _large_put(self, request: Request, oid: str) -> Answer:
        if hashlib.sha256(request.body).hexdigest() != oid:
            raise Refusal(400, "ContentMismatch")
        self._large[oid] = request.body
        return Answer()

    def _commit(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        repo = self._repo(request, kind, name, write=True)
        if revision not in repo.branches:
            raise Refusal(404, "RevisionNotFound")
        head = repo.at(revision)
        files, title = dict(head.files), ""
        for line in map(json.loads, request.body.splitlines()):
            value = line["value"]
            match line["key"]:
                case "header":
                    title = value.get("summary", "")
                    if value.get("parentCommit") not in (None, head.id):
                        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
                case "file":
                    files[value["path"]] = File(base64.b64decode(value["content"]))
                case "lfsFile":
                    if value["oid"] not in self._large:
                        raise Refusal(400, "LFS object is missing")
                    files[value["path"]] = File(self._large[value["oid"]], is_large=True)
                case "deletedFile":
                    del files[value["path"]]
                case "deletedFolder":
                    prefix = value["path"].rstrip("/") + "/"
                    files = {path: file for path, file in files.items() if not path.startswith(prefix)}
        commit = repo.commit(revision, title, files)
        url = f"{self.url}/{'' if kind == 'models' else f'{kind}/'}{name}/commit/{commit.id}"
        return _json({"success": True, "commitOid": commit.id, "commitUrl": url, "hookOutput": ""})

    def _tree(self, request: Request, kind: str, name: str, revision: str, path: str) -> Answer:
        files = self._repo(request, kind, name).at(revision).files
        is_deep = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = list(_listing(files, f"{path.strip('/')}/" if path.strip("/") else "", is_deep))
        if path and not entries:
            raise Refusal(404, "EntryNotFound")
        return _json(entries)

    def _paths_info(self, request: Request, kind: str, name: str, revision: str) -> Answer:
        files = self._repo(request, kind, name).at(revision).files
        is_json = request.body.startswith(b"{")
        paths = request.json()["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
        folders = {"/".join(path.split("/")[:n]) for path in files for n in range(1, path.count("/") + 1)}
        known = [
            files[path].entry(path) if path in files else _folder(path) for path in paths if path in {*files, *folders}
        ]
        return _json(known)

    def _resolve(self, request: Request, kind: str, name: str, revision: str, path: str) -> Answer:
        commit = self._repo(request, kind, name).at(revision)
        if path not in commit.files:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit.id}
            return _json({"error": "Entry not found"}, 404, headers)
        file = commit.files[path]
        headers = {"X-Repo-Commit": commit.id, "ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"}
        size = len(file.content)
        if file.is_large:
            headers |= {"X-Linked-Size": str(size), "X-Linked-ETag": f'"{file.oid}"'}
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
        if asked is None:
            return Answer(file.content, headers=headers)
        first, last = asked.groups()
        start = int(first) if first else max(size - int(last), 0)
        stop = min(int(last) + 1, size) if first and last else size
        if start >= size:
            return Answer(b"", 416, headers | {"Content-Range": f"bytes */{size}"})
        return Answer(file.content[start:stop], 206, headers | {"Content-Range": f"bytes {start}-{stop - 1}/{size}"})


_ROUTES: list[tuple[str, Callable[..., Answer]]] = [
    (r"GET /api/whoami-v2", HubServer._whoami),
    (r"POST /api/validate-yaml", lambda hub, request: _json({"errors": [], "warnings": []})),
    (r"POST /api/repos/create", HubServer._create),
    (r"DELETE /api/repos/delete", HubServer._delete),
    (rf"GET /api/{_REPO}(?:/revision/(?P<revision>[^/]+))?", HubServer._info),
    (rf"GET /api/{_REPO}/commits/(?P<revision>[^/]+)", HubServer._commits),
    (rf"GET /api/{_REPO}/refs", HubServer._refs),
    (rf"(?P<method>POST|DELETE) /api/{_REPO}/branch/(?P<revision>[^/]+)", HubServer._branch),
    (rf"POST /api/{_REPO}/tag/(?P<revision>[^/]+)", HubServer._tag),
    (rf"POST /api/{_REPO}/preupload/(?P<revision>[^/]+)", HubServer._preupload),
    (rf"POST {_FILES}\.git/info/lfs/objects/batch", HubServer._large_batch),
    (r"PUT /_lfs/(?P<oid>[0-9a-f]{64})", HubServer._large_put),
    (rf"POST /api/{_REPO}/commit/(?P<revision>[^/]+)", HubServer._commit),
    (rf"GET /api/{_REPO}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", HubServer._tree),
    (rf"POST /api/{_REPO}/paths-info/(?P<revision>[^/]+)", HubServer._paths_info),
    (rf"(?:GET|HEAD) {_FILES}/(?:resolve|raw)/(?P<revision>[^/]+)/(?P<path>.+)", HubServer._resolve),
]
"""Patterns of request lines, and what answers them."""


class _Handler(BaseHTTPRequestHandler):
    """The HTTP around it: reads a request, sends an answer, or lets either go wrong."""

    protocol_version = "HTTP/1.1"
    hub: HubServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(f"{self.command} {url.path}", parse_qs(url.query), headers, self._read_body())
        self.hub.requests.append(request)
        fault = self.hub.take_fault(request.line)
        if fault is not None and fault.status is not None:
            self._send(_json({"error": "as the test wants"}, fault.status))
        elif fault is not None and fault.after is None:
            self._hang_up()
        else:
            self._send(self.hub.answer(request), None if fault is None else fault.after)

    do_DELETE = do_HEAD = do_POST = do_PUT = do_GET

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: Answer, stop_after: int | None = None) -> None:
        self.send_response(answer.status)
        for name, value in (answer.headers | {"Content-Length": str(len(answer.body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:stop_after])
        if stop_after is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


def is_large(path: str, size: int) -> bool:
    """Whether a file is uploaded apart from the commit that names it."""
    return path.endswith(LARGE_SUFFIXES) or size > LARGE_BYTES


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(json.dumps(content).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}


def _listing(files: dict[str, File], prefix: str, is_deep: bool) -> Iterator[dict[str, Any]]:
    """What lies below a folder, as the Hub lists it: files and folders, by path."""
    seen = set()
    for path in sorted(path for path in files if path.startswith(prefix)):
        *folders, _ = path.removeprefix(prefix).split("/")
        for depth in range(1, (len(folders) if is_deep else min(len(folders), 1)) + 1):
            folder = prefix + "/".join(folders[:depth])
            if folder not in seen:
                seen.add(folder)
                yield _folder(folder)
        if is_deep or not folders:
            yield files[path].entry(path)
