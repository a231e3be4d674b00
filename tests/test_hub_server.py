"""The Hub that other tests push to: what it refuses, and what its clients survive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .hub_server import HubServer

CLIENT = """
import io, sys
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

api, name = HfApi(), "tester/rooms"

def status(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except HfHubHTTPError as error:
        return error.response.status_code

def add(**files):
    operations = [CommitOperationAdd(path, io.BytesIO(content)) for path, content in files.items()]
    return dict(repo_id=name, repo_type="dataset", operations=operations, commit_message="more")

"""


def run(hub: HubServer, home: Path, script: str, token: str | None = "hf_test") -> str:
    done = subprocess.run(
        [sys.executable, "-c", CLIENT + script],
        env=os.environ | hub.environment(home, token),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_files_come_back_and_a_commit_is_seen_whole(hub: HubServer, tmp_path: Path) -> None:
    script = """
api.create_repo(name, repo_type="dataset")
first = api.create_commit(**add(**{"README.md": b"# Rooms", "train/a.parquet": b"x" * 5000}))
second = api.create_commit(
    name, [CommitOperationDelete("train/a.parquet"), CommitOperationAdd("train/b.parquet", io.BytesIO(b"y" * 5000))],
    commit_message="replace", repo_type="dataset", parent_commit=first.oid,
)
api.create_tag(name, tag="v1", repo_type="dataset", revision=first.oid)
print(sorted(api.list_repo_files(name, repo_type="dataset")))
print([entry.path for entry in api.list_repo_tree(name, repo_type="dataset")])
print([info.size for info in api.get_paths_info(name, ["train/b.parquet", "none"], repo_type="dataset")])
print([commit.title for commit in api.list_repo_commits(name, repo_type="dataset")])
print(api.file_exists(name, "train/a.parquet", repo_type="dataset", revision="v1"))
print(open(hf_hub_download(name, "train/b.parquet", repo_type="dataset")).read() == "y" * 5000)
"""
    assert run(hub, tmp_path, script).splitlines() == [
        "['README.md', 'train/b.parquet']",
        "['README.md', 'train']",
        "[5000]",
        "['replace', 'more', 'initial commit']",
        "True",
        "True",
    ]
    assert hub.files("datasets", "tester/rooms") == {"README.md": b"# Rooms", "train/b.parquet": b"y" * 5000}


def test_strangers_rivals_and_late_commits_are_refused(hub: HubServer, tmp_path: Path) -> None:
    script = """
api.create_repo(name, repo_type="dataset", private=True)
start = api.repo_info(name, repo_type="dataset").sha
api.create_commit(**add(a=b"1"))
print(status(api.create_repo, name, repo_type="dataset"))
print(status(api.create_commit, **add(a=b"2"), parent_commit=start))
"""
    assert run(hub, tmp_path, script).splitlines() == ["409", "412"]
    assert hub.files("datasets", "tester/rooms") == {"a": b"1"}
    stranger = """
print(status(api.create_commit, **add(a=b"3")), status(api.repo_info, name, repo_type="dataset"))
"""
    assert run(hub, tmp_path, stranger, token=None) == "401 404"
    assert hub.commits("datasets", "tester/rooms") == ["more", "initial commit"]


def test_a_failed_upload_and_a_cut_download_are_tried_again(hub: HubServer, tmp_path: Path) -> None:
    hub.fail("PUT /_lfs/", 500)
    hub.cut("GET .*/resolve/", after=1000)
    script = """
api.create_repo(name, repo_type="dataset")
api.create_commit(**add(**{"a.parquet": bytes(range(256)) * 20}))
print(open(hf_hub_download(name, "a.parquet", repo_type="dataset"), "rb").read() == bytes(range(256)) * 20)
"""
    assert run(hub, tmp_path, script) == "True"
    lines = [request.line for request in hub.requests]
    assert sum(line.startswith("PUT /_lfs/") for line in lines) == 2
    assert lines.count("GET /datasets/tester/rooms/resolve/main/a.parquet") == 2


def test_a_refused_commit_leaves_nothing(hub: HubServer, tmp_path: Path) -> None:
    hub.fail("POST .*/commit/", 409)
    hub.cut("POST .*/commit/")
    script = """
api.create_repo(name, repo_type="dataset")
print(status(api.create_commit, **add(a=b"1")))
try:
    api.create_commit(**add(a=b"2"))
except Exception as error:
    print(type(error).__name__)
"""
    print(run(hub, tmp_path, script))
    assert hub.commits("datasets", "tester/rooms") == ["initial commit"]
