"""The file of a run: a header line, then a line an answer, only ever appended to.

A run with several processes has one such file for each, all with the same header. A process that is killed leaves at most
half a line, which the next run removes: it loses and repeats nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from .errors import EvalError

FORMAT = 1
"""Raised when the file changes in a way that its readers notice."""
_FIRST = "predictions.jsonl"
_NOT_COMPARED = ("started_at", "versions")
"""Parts of a header that may differ when a run goes on."""
_PLACES = ("data", "config", "split")
"""Options that say where the data lie: whether they are the same, their digest says."""
_MODEL_PLACES = ("model", "revision")
"""Likewise of a model whose revision is known."""

REFUSED = "refused"
"""State of a question that the back end would not take."""
Key = tuple[str, int]
"""Record and rotation of its options."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model answered to a question."""

    id: str
    """Of the record."""
    answer: str
    """As the model said it."""
    parsed: str | float | tuple[float, float] | None
    """What the lenient parser read: a letter, a number or a point."""
    state: str
    """`ok`, or why nothing was read; `refused` where the back end would not take the question."""
    finish_reason: str
    """`stop`; `length` where the answer was cut off; `error` where there is none."""
    seconds: float
    """Time that the answer took; of a batch, its share."""
    shown: tuple[int, ...] = ()
    """Views that were shown, counted from 0, in their order."""
    rotation: int = 0
    """Places by which the options were moved up."""
    prompt_tokens: int | None = None
    """Length of the prompt, where the back end tells."""
    error: str = ""
    """Why there is no answer."""

    @property
    def key(self) -> Key:
        """What a prediction is the answer to."""
        return self.id, self.rotation


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it lies on disk."""

    folder: Path
    header: dict[str, Any]
    predictions: dict[Key, Prediction]


def run_file(folder: Path, process: int = 0) -> Path:
    """The file that a process of a run appends to."""
    return folder / (_FIRST if process == 0 else f"predictions-{process}.jsonl")


def read_run(folder: Path) -> Run:
    """Read what a run has answered so far, whether it is finished or not.

    Args:
        folder: of the run; its first file may be named instead.

    Raises:
        EvalError: there is no run, a line is broken, or a record was answered twice.
    """
    folder = folder.parent if folder.name == _FIRST else folder
    files = sorted(folder.glob("predictions*.jsonl")) if folder.is_dir() else []
    if not files:
        raise EvalError(f"{folder} holds no {_FIRST}; pass a folder that `spatialmosaic-eval run` wrote.")
    header: dict[str, Any] = {}
    predictions: dict[Key, Prediction] = {}
    for file in files:
        lines = _lines(file)
        first = next(lines, None)
        if first is None:
            continue
        found = _header(file, first[1])
        if header and (unlike := _differences(header, found)):
            raise EvalError(f"{file} belongs to another run than its neighbours ({unlike}); put it elsewhere.")
        header = header or found
        for number, line in lines:
            prediction = _prediction(file, number, line)
            if prediction.key in predictions:
                raise EvalError(
                    f"{file}, line {number}: record {prediction.id} is answered twice in {folder}; remove one of the two "
                    "lines."
                )
            predictions[prediction.key] = prediction
    if not header:
        raise EvalError(f"{files[0]} has no whole line yet; let `spatialmosaic-eval run` write it.")
    return Run(folder, header, predictions)


@contextmanager
def append_to(folder: Path, header: dict[str, Any], process: int = 0) -> Iterator[IO[str]]:
    """Open the file of a process for appending, with its header in place and without half a line at its end.

    Raises:
        EvalError: the file belongs to a run with other settings, or another process is writing it.
    """
    path = run_file(folder, process)
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EvalError(f"Another process is writing {path}; wait for it, or name another --out.") from None
        _cut_half_a_line(file)
        file.seek(0)
        if first := file.readline():
            if unlike := _differences(_header(path, first), header):
                raise EvalError(f"{path} was made with other settings: {unlike}. Name another --out.")
        else:
            append(file, [header])
        yield file


def append(file: IO[str], rows: Iterable[dict[str, Any] | Prediction]) -> None:
    """Write lines and hand them to the system at once: they outlive the process."""
    for row in rows:
        plain = asdict(row) if isinstance(row, Prediction) else row
        file.write(json.dumps(plain, ensure_ascii=False) + "\n")
    file.flush()


def _cut_half_a_line(file: IO[str]) -> None:
    with Path(file.name).open("rb+") as raw:
        raw.seek(0, os.SEEK_END)
        end = raw.tell()
        position = end
        while position:
            start = max(0, position - 65_536)
            raw.seek(start)
            newline = raw.read(position - start).rfind(b"\n")
            if newline >= 0:
                position = start + newline + 1
                break
            position = start
        if position < end:
            raw.truncate(position)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Whole lines with their numbers: the last may still be half written."""
    with file.open(encoding="utf-8", errors="replace", newline="\n") as text:
        for number, line in enumerate(text, 1):
            if line.endswith("\n"):
                yield number, line


def _header(file: Path, line: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or "format" not in header or "data" not in header:
        raise EvalError(
            f"{file} does not begin with a header line, so it is no file of `spatialmosaic-eval run`; bring foreign answers "
            "in with --backend import."
        )
    if header["format"] != FORMAT:
        raise EvalError(f"{file} has format {header['format']}, this version reads {FORMAT}; run it again.")
    return header


def _prediction(file: Path, number: int, line: str) -> Prediction:
    try:
        fields = json.loads(line)
        parsed = fields["parsed"]
        return Prediction(
            **fields
            | {"shown": tuple(fields["shown"]), "parsed": tuple(parsed) if isinstance(parsed, list) else parsed}
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvalError(f"{file}, line {number} is no prediction ({error}); remove the line and run again.") from error


def _differences(ours: dict[str, Any], theirs: dict[str, Any]) -> str:
    """What two headers disagree on, in words; empty where nothing matters."""
    if ours["data"]["digest"] != theirs["data"]["digest"]:
        return f"its questions ({described(ours['data'])}) and these ({described(theirs['data'])})"
    is_known = ours.get("model_revision") is not None and ours["model_revision"] == theirs.get("model_revision")
    places = {"data", *(f"config.{name}" for name in (*_PLACES, *(_MODEL_PLACES if is_known else ())))}
    a, b = (dict(_flat(header)) for header in (ours, theirs))
    return ", ".join(
        f"{name} {a.get(name)!r} and {b.get(name)!r}"
        for name in {**a, **b}
        if name not in places and a.get(name) != b.get(name)
    )


def _flat(header: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Entries of a header that are compared, those of its parts under `part.name`."""
    for name, value in header.items():
        if name in _NOT_COMPARED:
            continue
        if isinstance(value, dict) and name != "data":
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def described(data: dict[str, Any]) -> str:
    """The dataset of a header, in words."""
    return f"{data['path']}, {data['config']}, {data['split']}, profile {data['profile']}, digest {str(data['digest'])[:8]}"
