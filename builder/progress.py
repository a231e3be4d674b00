"""How far a build is: its plan, and the outcome of each scan, in small files that tell the truth after a kill.

<work>/<profile>.plan.json                 which scans, in which split, since when
<work>/outcomes/<profile>/<scene>.json     how long the scan took, or why it failed
<work>/build.lock                          locked while a build runs: the system lets go of it however the build ends
"""

from __future__ import annotations

import errno
import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from .schema import Skip
from .shards import write_text

_LOCK = "build.lock"
_MAX_FILE_NAME = 150
_NO_LOCKS_HERE = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
"""What file systems without locks answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build set out to do."""

    profile: str
    scans: dict[str, list[str]]
    """Scene ids by split."""
    key: str
    """Changes whenever the outcomes of an earlier build no longer count."""
    workers: int
    """Scans that are worked on at a time, at most."""
    mesh_bytes: dict[str, int]
    """Size of each scan's mesh file by scene id: what its work grows with."""
    started_at: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scan."""

    scene_name: str
    seconds: float
    """Wall time of its work when it was last done."""
    failure: Skip | None
    """Why it gave nothing."""
    log: str | None = None
    """What the process wrote that did the work, if it had a file of its own."""


@contextmanager
def sole_build(work: Path) -> Iterator[None]:
    """Hold the work folder for one build.

    Raises:
        BlockingIOError: if another build holds it.
    """
    with (work / _LOCK).open("a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS_HERE:
                raise
        yield


def is_running(work: Path) -> bool:
    """Tell whether a build holds the work folder."""
    try:
        with (work / _LOCK).open(encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def start(
    work: Path, profile: str, scans: dict[str, list[str]], key: str, workers: int, mesh_bytes: dict[str, int]
) -> None:
    """Note what a build sets out to do; forgets failures, which are tried again, and what another key made."""
    before = read_plan(work, profile)
    if before is None or before.key != key:
        shutil.rmtree(work / "outcomes" / profile, ignore_errors=True)
    for outcome in read_outcomes(work, profile).values():
        if outcome.failure:
            _outcome_file(work, profile, outcome.scene_name).unlink()
    (work / "outcomes" / profile).mkdir(parents=True, exist_ok=True)
    plan = Plan(profile, scans, key, workers, mesh_bytes, datetime.now(UTC).isoformat(timespec="seconds"))
    write_text(_plan_file(work, profile), json.dumps(asdict(plan), indent=1) + "\n")


def note(work: Path, profile: str, outcome: Outcome) -> None:
    """Write down what became of a scan."""
    write_text(_outcome_file(work, profile, outcome.scene_name), json.dumps(asdict(outcome), indent=1) + "\n")


def forget(work: Path, profile: str, scene_name: str) -> None:
    """Take back what was written of a scan that is to be done again."""
    _outcome_file(work, profile, scene_name).unlink(missing_ok=True)


def has_outcome(work: Path, profile: str, scene_name: str) -> bool:
    """Tell whether a scan's outcome is written down."""
    return _outcome_file(work, profile, scene_name).is_file()


def read_plan(work: Path, profile: str) -> Plan | None:
    """Read what a build set out to do; None where none did."""
    try:
        return Plan(**json.loads(_plan_file(work, profile).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def read_outcome(work: Path, profile: str, scene_name: str) -> Outcome | None:
    """Read what became of one scan; None if that is not known yet."""
    try:
        return _outcome(_outcome_file(work, profile, scene_name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def read_outcomes(work: Path, profile: str) -> dict[str, Outcome]:
    """Read the outcomes so far, by scene."""
    # A name with a dot in front is a file that is being written.
    paths = sorted((work / "outcomes" / profile).glob("[!.]*.json"))
    outcomes = [_outcome(path.read_text(encoding="utf-8")) for path in paths]
    return {outcome.scene_name: outcome for outcome in outcomes}


def scene_file(folder: Path, scene_name: str) -> Path:
    """Where a folder keeps what is noted about one scan."""
    # Scene lists are written by users: what they hold need not be a file name.
    name = quote(scene_name, safe="").replace(".", "%2E")
    return folder / f"{name[:_MAX_FILE_NAME]}.json"


def _outcome(text: str) -> Outcome:
    fields = json.loads(text)
    failure = fields.pop("failure")
    return Outcome(**fields, failure=Skip(**failure) if failure else None)


def _plan_file(work: Path, profile: str) -> Path:
    return work / f"{profile}.plan.json"


def _outcome_file(work: Path, profile: str, scene_name: str) -> Path:
    return scene_file(work / "outcomes" / profile, scene_name)
