"""Puts files on the Hub as one commit, which is seen whole or not at all, and says in a sentence why the Hub refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from httpx2 import ConnectError, HTTPError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

from ..errors import BuildError

CommitOperation = CommitOperationAdd | CommitOperationDelete
RepoType = Literal["model", "dataset", "space"]

_PAUSES = (1.0, 3.0, 9.0)
"""Seconds before each further attempt to commit."""
_LOG_IN = "No token of the Hub was found; log in with `hf auth login`, or set HF_TOKEN."


class HubError(BuildError):
    """The Hub cannot be reached, or refuses."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where files go."""

    repo_id: str
    """`NAME` or `OWNER/NAME`."""
    repo_type: RepoType
    revision: str = "main"
    """Branch; it is made where it is missing."""
    is_private: bool = False
    """Whether a new repository is seen by its owner alone. One that is there must be private then."""

    def __str__(self) -> str:
        return f"the {self.repo_type} {self.repo_id}"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    url: str
    """Of the commit."""
    deleted: tuple[str, ...]
    """Files of earlier pushes that the repository no longer holds."""
    is_new: bool = True
    """False where the repository held all of it already."""


def push_files(
    target: Target,
    files: Mapping[str, Path | bytes],
    message: str,
    replaces: Callable[[str], bool] = lambda path: False,
    parent: str | None = None,
    token: str | None = None,
) -> Pushed:
    """Make a repository hold files, by one commit on top of what it holds now.

    What may pass is tried again: uploads by the client, the commit here. What fails for good leaves the repository as it was.

    Args:
        target: repository and branch; made where they are missing.
        files: path in the repository -> file on disk, or content.
        message: title of the commit.
        replaces: tells of a path in the repository whether it is deleted unless it is among `files`.
        parent: commit that the files were made for, if it matters; the push is refused on top of another.
        token: of the Hub; that of the log-in by default.

    Raises:
        HubError: if the Hub cannot be reached or refuses.
    """
    require_token(token)
    api = HfApi(token=token)
    with explained(target):
        repo_id = _ensure_repo(api, target)
        head = parent or str(api.repo_info(repo_id, repo_type=target.repo_type, revision=target.revision).sha)
        there = set(api.list_repo_files(repo_id, repo_type=target.repo_type, revision=head))
        stale = tuple(sorted(path for path in there - set(files) if replaces(path)))
        operations: list[CommitOperation] = [CommitOperationAdd(path, source) for path, source in files.items()]
        operations += map(CommitOperationDelete, stale)
        url = _commit(api, target, repo_id, operations, message, head)
        return Pushed(url, stale, is_new=not url.endswith(head))


def _commit(
    api: HfApi, target: Target, repo_id: str, operations: Sequence[CommitOperation], message: str, parent: str
) -> str:
    """Commit, trying again what may pass; returns the commit's address."""
    for pause in (*_PAUSES, None):
        try:
            commit = api.create_commit(
                repo_id,
                operations,
                commit_message=message,
                repo_type=target.repo_type,
                revision=target.revision,
                parent_commit=parent,
            )
        except HTTPError as error:
            if (own := _own_commit(api, target, repo_id, message, parent, error)) is not None:
                return own
            if pause is None or not _may_pass(error):
                raise
            time.sleep(pause)
        else:
            return str(commit.commit_url)
    raise AssertionError("the last attempt returns or raises")


def _may_pass(error: HTTPError) -> bool:
    return not isinstance(error, HfHubHTTPError) or error.response.status_code in (429, 500, 502, 503, 504)


def require_token(token: str | None = None) -> None:
    """Raise HubError where no token is given and nobody is logged in."""
    if (token or get_token()) is None:
        raise HubError(_LOG_IN)


def _ensure_repo(api: HfApi, target: Target) -> str:
    """Make repository and branch where they are missing; returns the repository's full name."""
    sdk = "static" if target.repo_type == "space" else None
    made = api.create_repo(
        target.repo_id, repo_type=target.repo_type, private=target.is_private or None, exist_ok=True, space_sdk=sdk
    )
    if target.is_private and not api.repo_info(made.repo_id, repo_type=target.repo_type).private:
        raise HubError(
            f"{made.repo_id} is there already and public, so --private would not hide what is pushed; make it private in its "
            "settings, or name another."
        )
    if target.revision != "main":
        api.create_branch(made.repo_id, branch=target.revision, repo_type=target.repo_type, exist_ok=True)
    return str(made.repo_id)


def _own_commit(api: HfApi, target: Target, repo_id: str, message: str, parent: str, error: HTTPError) -> str | None:
    """Address of our own commit, where the answer to it was lost and a second attempt is therefore refused."""
    if not isinstance(error, HfHubHTTPError) or error.response.status_code != 412:
        return None
    newest, *earlier = api.list_repo_commits(repo_id, repo_type=target.repo_type, revision=target.revision)
    if newest.title != message or not earlier or earlier[0].commit_id != parent:
        return None
    kind = "" if target.repo_type == "model" else f"{target.repo_type}s/"
    return f"{api.endpoint}/{kind}{repo_id}/commit/{newest.commit_id}"


@contextmanager
def explained(target: Target) -> Iterator[None]:
    """Turn what the Hub answers to a request into a sentence.

    Raises:
        HubError: for every refusal, and where the Hub cannot be reached.
    """
    try:
        yield
    except (HTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled) as error:
        raise HubError(_sentence(target, error)) from error
    except RuntimeError as error:
        # So the client wraps what goes wrong with one file of several.
        if not isinstance(error.__cause__, HTTPError):
            raise
        raise HubError(_sentence(target, error.__cause__)) from error


def _sentence(target: Target, error: Exception) -> str:
    if isinstance(error, HfHubHTTPError):
        return _refusal(target, error)
    if isinstance(error, LocalTokenNotFoundError):
        return _LOG_IN
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so nothing can be pushed; unset it."
    if isinstance(error, HFValidationError):
        return f"{target.repo_id!r} is no name of a repository; write OWNER/NAME."
    if isinstance(error, ConnectError):
        return f"The Hub cannot be reached ({error}); nothing was committed."
    return f"The connection to the Hub broke off ({type(error).__name__}); {target} holds nothing by halves: run the same command again."


def _refusal(target: Target, error: HfHubHTTPError) -> str:
    status = error.response.status_code
    if status == 401:
        return (
            f"The Hub does not accept the token for {target} (401); log in anew with `hf auth login`, or set HF_TOKEN to a "
            "token that may write."
        )
    if status == 403:
        return f"The token may not write to {target} (403); use one with the right to write, or name a repository of yours."
    if status == 404:
        return f"The Hub shows no {target.repo_type} {target.repo_id} at {target.revision} to this token (404); check the name."
    if status in (409, 412):
        return (
            f"Somebody else changed {target} during the push ({status}); nothing of yours was put there: run the same command "
            "again."
        )
    if status == 429:
        return (
            f"The Hub takes no more requests for now (429); {target} is as it was: run the same command again later."
        )
    if status >= 500:
        return f"The Hub failed ({status}), after several attempts; {target} is as it was: run the same command again later."
    reason = (error.server_message or str(error)).strip().splitlines()[0]
    return f"The Hub refused the push to {target} ({status}): {reason}"
