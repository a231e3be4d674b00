"""Asks a model the questions of a benchmark, and keeps every answer as it comes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from .asking import Asking, Dataset, plan_askings, prompt_digest, read_dataset, require_pictures, write_prompt
from .backends import Backend, Prompt, Reply
from .benchmarks import BENCHMARKS
from .config import RunConfig
from .errors import EvalError
from .predictions import FORMAT, REFUSED, Prediction, append, append_to, read_run

_MANY_REFUSALS = 20
_PATIENCE = timedelta(days=7)
"""How long processes wait for the slowest of them: by default they give up after minutes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has answered."""

    folder: Path
    answered: int
    """Answers in the folder."""
    asked: int
    """Answers that a finished run has."""
    new: int
    """Of them, those of this call."""
    states: dict[str, int]
    """How many were read, and how many not, by reason."""
    cut_off: int
    """Answers that reached the limit of tokens."""
    prompt_tokens: tuple[int, int] | None
    """Shortest and longest prompt, where the back end tells: far more than expected means that views were cut in tiles."""

    def __str__(self) -> str:
        states = ", ".join(f"{count:,} {state}" for state, count in self.states.items() if state != "ok")
        cut_off = f", {self.cut_off:,} cut off by --max-new-tokens" if self.cut_off else ""
        tokens = (
            "" if self.prompt_tokens is None else "\nPrompts take {:,} to {:,} tokens.".format(*self.prompt_tokens)
        )
        return (
            f"{self.answered:,} of {self.asked:,} questions answered ({self.new:,} now){cut_off}; not readable: "
            f"{states or 'none'}.{tokens}\nThe run is in {self.folder}; score it with: spatialmosaic-eval report {self.folder}"
        )


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a run, of which this is one."""

    index: int
    count: int
    wait: Callable[[], None]
    """Waits until all have come as far."""


def run(config: RunConfig) -> Summary:
    """Ask what has not been answered yet.

    Raises:
        EvalError: something stops the run; running again goes on.
        ValueError: an option is out of its range.
    """
    config.check()
    dataset = read_dataset(BENCHMARKS[config.benchmark], config.data, config.config, config.split)
    askings = plan_askings(dataset, config)
    if config.backend != "import":
        require_pictures(dataset, askings, config)
    processes = _processes(config)
    backend = _backend(config, dataset, askings)
    header = _header(config, dataset, backend, len(askings))
    with append_to(config.folder, header, processes.index) as file:
        processes.wait()  # every file has its header, and none is appended to before all have been read
        done = read_run(config.folder).predictions
        processes.wait()
        todo = [asking for asking in askings if asking.key not in done]
        batches = list(_batches(todo, backend.num_at_a_time))[processes.index :: processes.count]
        asked = _ahead(_prompts(dataset, config, batches))
        replies = ((batch[place], reply) for batch, prompts in asked for place, reply in backend.answer(prompts))
        with tqdm(total=sum(map(len, batches)), desc="questions", unit="q", disable=processes.index > 0) as progress:
            for asking, reply in _unless_all_are_refused(replies):
                append(file, [_prediction(dataset, asking, reply)])
                progress.set_postfix_str(f"{reply.prompt_tokens} tokens", refresh=False)
                progress.update()
    processes.wait()
    return _summary(config, len(askings), num_before=len(done))


def _processes(config: RunConfig) -> Processes:
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes(0, 1, lambda: None)
    import accelerate
    import torch

    # Without a GPU it takes several processes for one, unless it is told.
    state = accelerate.PartialState(cpu=not torch.cuda.is_available(), timeout=_PATIENCE)
    return Processes(state.process_index, state.num_processes, state.wait_for_everyone)


def _backend(config: RunConfig, dataset: Dataset, askings: Sequence[Asking]) -> Backend:
    if config.backend == "import":
        from .backends.imported import Imported

        return Imported(config, [asking.question.id for asking in askings], {q.id for q in dataset.questions})
    if config.backend == "openai":
        from .backends.server import Server

        return Server(config)
    from .backends.local_model import LocalModel

    return LocalModel(config)


def _header(config: RunConfig, dataset: Dataset, backend: Backend, num_askings: int) -> dict[str, Any]:
    described = backend.describe()
    packages = ("spatialmosaic", "datasets", "numpy", "pillow", "pyarrow")
    return {
        "format": FORMAT,
        "data": dataset.describe(config),
        "prompt_digest": prompt_digest(dataset.benchmark),
        **described,
        "versions": {name: version(name) for name in packages} | described["versions"],
        "config": config.identity(),
        "num_askings": num_askings,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _batches(askings: Iterable[Asking], size: int) -> Iterator[tuple[Asking, ...]]:
    """Questions with equally many views, so many at a time, in order."""
    for _, group in groupby(askings, key=lambda asking: len(asking.shown)):
        same = tuple(group)
        yield from (same[start : start + size] for start in range(0, len(same), size))


Asked = tuple[tuple[Asking, ...], list[Prompt]]


def _prompts(dataset: Dataset, config: RunConfig, batches: Iterable[tuple[Asking, ...]]) -> Iterator[Asked]:
    for batch in batches:
        if config.backend == "import":
            yield batch, [Prompt(asking.question.id, []) for asking in batch]
        else:
            yield batch, [write_prompt(dataset, asking, config) for asking in batch]


def _ahead(items: Iterator[Asked]) -> Iterator[Asked]:
    """Prepare one batch while the one before is answered."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _unless_all_are_refused(replies: Iterator[tuple[Asking, Reply]]) -> Iterator[tuple[Asking, Reply]]:
    """Hold refusals back until something is answered: who refuses everything would be scored 0 for its set-up.

    Raises:
        EvalError: the first questions were refused, all of them.
    """
    refused: list[tuple[Asking, Reply]] = []
    for asking, reply in replies:
        if not reply.error:
            yield from refused
            yield asking, reply
            break
        refused.append((asking, reply))
        if len(refused) == _MANY_REFUSALS:
            raise EvalError(
                f"Record {asking.question.id}: refused, as all of the first {_MANY_REFUSALS} questions were ({reply.error}). See "
                "that the model takes pictures and so many tokens, and run the same command again: the refusals are not kept."
            )
    else:
        yield from refused
    yield from replies


def _prediction(dataset: Dataset, asking: Asking, reply: Reply) -> Prediction:
    score = dataset.benchmark.score(asking.question.rotated(asking.rotation), reply.answer)
    return Prediction(
        id=asking.question.id,
        answer=reply.answer,
        parsed=score.parsed,
        state=REFUSED if reply.error else score.state,
        finish_reason=reply.finish_reason,
        seconds=reply.seconds,
        shown=asking.shown,
        rotation=asking.rotation,
        prompt_tokens=reply.prompt_tokens,
        error=reply.error,
    )


def _summary(config: RunConfig, num_askings: int, num_before: int) -> Summary:
    found = read_run(config.folder).predictions.values()
    states = Counter(prediction.state for prediction in found)
    cut_off = sum(prediction.finish_reason == "length" for prediction in found)
    lengths = [prediction.prompt_tokens for prediction in found if prediction.prompt_tokens is not None]
    return Summary(
        folder=config.folder,
        answered=len(found),
        asked=num_askings,
        new=len(found) - num_before,
        states=dict(states),
        cut_off=cut_off,
        prompt_tokens=(min(lengths), max(lengths)) if lengths else None,
    )
