"""The options of every verb: configuration, command line and provenance at once. Light to import, for `--help`."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

from .spatialmosaic_accuracy.scoring import Parser

BackendName = Literal["transformers", "openai", "import"]
BenchmarkName = Literal["spatialmosaic", "vsti"]
"""Names of `benchmarks.BENCHMARKS`."""
ViewControl = Literal["all", "query", "single", "none", "other-scene", "shuffled", "grey"]
"""What is shown with a question: see `views.py`."""

_NOT_IDENTITY = (
    "out",
    "image_root",
    "batch_size",
    "base_url",
    "concurrency",
    "timeout",
    "retries",
    "predictions",
    "device_map",
)
"""Options that do not change what is asked."""


def short_name(model: str) -> str:
    """The last part of a model's path or name; with the one before where it is a part of a training run."""
    *before, last = model.strip("/").split("/")
    is_part = last == "merged" or last.startswith("checkpoint-")
    return "-".join([*before[-1:], last]) if is_part else last


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Ask a model every question of a benchmark; goes on where it was stopped."""

    model: str
    """Folder or Hub name of a checkpoint; the served name with `--backend openai`; any name with `--backend import`."""
    data: str
    """Dataset folder that `spatialmosaic build` wrote, a Parquet, JSON or JSON-lines file, or a name on the Hub."""
    image_root: Path | None = None
    """Folder with the pictures (or, for VSTI-Bench, the videos): the ScanNet++ root, or what `spatialmosaic
    prepare-images` filled. Not needed where nothing of them is shown."""
    out: Path | None = None
    """Folder of the run; runs/MODEL-CONFIG-VIEWS by default."""
    backend: BackendName = "transformers"
    """transformers (in this process), openai (a server that speaks the protocol: vLLM, SGLang, `transformers serve`), or
    import (answers that were made elsewhere)."""
    benchmark: BenchmarkName = "spatialmosaic"
    """Whose questions."""
    config: str = "paper"
    """Config of the dataset: a profile."""
    split: str = "test"
    """Split of the dataset."""
    views: ViewControl = "all"
    """Views to show: all; the query frame or a single one alone; none; those of another scene; all in another order;
    grey sheets."""
    rotate_options: bool = False
    """Ask every choice once for each rotation of its options."""
    flip_pairs: bool = False
    """Ask only the questions that come with the same question of another view and answer."""
    limit: int | None = None
    """Ask so many questions, drawn evenly from question types, levels and scenes; all by default."""
    seed: int = 0
    """Which questions, views and orders are drawn."""
    max_new_tokens: int = 16
    """Tokens of an answer; decoding is greedy."""
    letters: bool = False
    """Of a choice, take the letter that the model thinks likeliest, whatever it would write (transformers)."""
    batch_size: int = 8
    """Questions at a time (transformers)."""
    dtype: str = "auto"
    """Precision of the weights (transformers): auto, float32, bfloat16 ..."""
    device_map: str | None = None
    """`auto` spreads a model that is too large for one GPU over all of them (transformers, one process)."""
    revision: str | None = None
    """Revision of the model on the Hub (transformers)."""
    trust_remote_code: bool = False
    """Run code that comes with the model (transformers)."""
    base_url: str = "http://localhost:8000/v1"
    """Where the server listens (openai); a key is read from the environment variable OPENAI_API_KEY."""
    concurrency: int = 8
    """Questions that are under way at a time (openai)."""
    timeout: float = 60.0
    """Seconds to wait for an answer (openai)."""
    retries: int = 5
    """Further attempts after a time-out, a cut connection or a refusal (429, 5xx), each after a longer pause (openai)."""
    predictions: Path | None = None
    """JSON-lines or JSON file with `id` and `answer` (or `prediction`, or `response`) of every record (import)."""

    @property
    def folder(self) -> Path:
        """Folder of the run."""
        if self.out is not None:
            return self.out
        model = re.sub(r"[^\w.-]+", "-", short_name(self.model)) or "model"
        name = self.benchmark if self.benchmark != "spatialmosaic" else self.config
        return Path("runs") / f"{model}-{name}-{self.views}"

    def identity(self) -> dict[str, Any]:
        """What the answers depend on, ready for JSON: a run that goes on must agree on it."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_IDENTITY}

    def check(self) -> None:
        """Raise ValueError for an option that is out of its range."""
        positive = ("limit", "max_new_tokens", "batch_size", "concurrency", "timeout")
        for name in positive:
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"--{name.replace('_', '-')} takes a positive number, got {value}.")
        if self.retries < 0:
            raise ValueError(f"--retries takes a number of attempts, 0 for none, got {self.retries}.")
        if (self.backend == "import") != (self.predictions is not None):
            raise ValueError("--backend import takes --predictions FILE, and no other back end does.")
        if self.letters and self.backend != "transformers":
            raise ValueError(
                "--letters reads what a model thinks of every letter: only --backend transformers can tell."
            )
        if self.benchmark != "spatialmosaic" and self.flip_pairs:
            raise ValueError("--flip-pairs is for SpatialMosaic-Bench: VSTI-Bench has no such pairs.")


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Score runs, and lay them side by side: report.json, table.md, cells.csv, report.html and result metadata."""

    runs: Positional[Annotated[tuple[Path, ...], arg(metavar="RUN")]]
    """Folders that `spatialmosaic-eval run` wrote."""
    data: str | None = None
    """Dataset of the runs, if it does not lie where it lay when they were made."""
    image_root: Path | None = None
    """Folder with the pictures, to show records with their frames; without it the page shows their words alone."""
    out: Path = Path("reports/evaluation")
    """Folder to write. With pictures, its page shows ScanNet++ pixels: do not publish it."""
    parser: Parser = "lenient"
    """lenient (the grammar of docs/evaluation.md), or authors (the published evaluation to the letter)."""
    dataset_id: str | None = None
    """Name of the benchmark on the Hub, for result metadata; known where the runs read it from there."""
    controls: bool = True
    """Measure what is scored without looking: chance, majority, options only, text only."""
    records: int = 40
    """Records to show on the page."""
    seed: int = 0
    """Of the intervals, and which records are shown."""

    def check(self) -> None:
        """Raise ValueError for an option that is out of its range."""
        if not self.runs:
            raise ValueError("Name at least one RUN: a folder that `spatialmosaic-eval run` wrote.")
        if self.records < 0:
            raise ValueError(f"--records takes the number of records to show, 0 for none, got {self.records}.")


@dataclass(frozen=True, slots=True)
class PushConfig:
    """Publish results on the Hub beside the model that made them, or the metric that scored them; one commit."""

    what: Positional[Annotated[str, arg(metavar="WHAT")]]
    """Folder that `spatialmosaic-eval report` wrote, or the word `metric`."""
    repo: Positional[Annotated[str, arg(metavar="REPO")]]
    """OWNER/NAME: the model's repository for results, which must be there; a space for the metric, made where it is
    missing."""
    run: str | None = None
    """Run of the report whose results go; the only one that shows all views by default."""
    private: bool = False
    """Make a space that its owner alone sees (metric)."""
    revision: str = "main"
    """Branch to push to."""
    dry_run: bool = False
    """Say what would be sent; needs no network."""


@dataclass(frozen=True, slots=True)
class LmmsTasksConfig:
    """Write the task files with which lmms-eval runs SpatialMosaic-Bench (`--include_path OUT`)."""

    data: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder that `spatialmosaic build` wrote."""
    image_root: Path
    """Folder with the pictures: the ScanNet++ root, or what `spatialmosaic prepare-images` filled."""
    out: Path = Path("lmms_tasks")
    """Folder to write."""
    config: str = "paper"
    """Config of the dataset: a profile."""
    split: str = "test"
    """Split of the dataset."""
