"""The page: averages, radar, level curves and single records, in one HTML file that needs no network."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from PIL import Image

from spatialmosaic_builder.randomness import digest

from ..asking import Dataset
from .charts import Chart, plan_curves, plan_radar
from .scored import ScoredRun
from .tables import DEBIASED_NOTE, LEVEL_TITLES, TASK_TITLES, percent, with_interval

COLOURS = ("#1c7ed6", "#e8590c", "#2b8a3e", "#9c36b5", "#c2255c", "#0b7285", "#846358", "#5f6b7a")
"""Of the runs, in order; they are taken again from the first where there are more."""
_WIDTH, _QUALITY = 360, 78
"""Pixels and quality of a view that the page holds."""


def write_page(
    document: dict[str, Any],
    runs: Sequence[ScoredRun],
    dataset: Dataset,
    image_root: Path | None,
    num_records: int,
    seed: int,
) -> str:
    """Write the page.

    Args:
        document: of the report.
        runs: as scored.
        dataset: of the runs.
        image_root: folder with the pictures; without it records are shown in words.
        num_records: records to show.
        seed: which ones.

    Raises:
        EvalError: a picture is missing.
    """
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "with_interval": with_interval}
    rows = choose_records(runs, dataset, num_records, seed)
    return environment.from_string(template).render(
        document=document,
        radar=_radar(document),
        reference=_reference(document)["method"],
        panels=_panels(document),
        cards=[_card(row, runs, dataset, image_root) for row in rows],
        breakdowns=dataset.benchmark.levels,
        colours=[COLOURS[k % len(COLOURS)] for k in range(max(len(runs), 2))],
        task_titles=TASK_TITLES,
        level_titles=LEVEL_TITLES,
        debiased_note=DEBIASED_NOTE,
    )


def choose_records(runs: Sequence[ScoredRun], dataset: Dataset, num_records: int, seed: int) -> list[int]:
    """Choose records evenly from question types and outcomes of the first run, in an order set by their ids."""
    asked = [row for row in range(len(dataset.questions)) if any(run.asked[row] for run in runs)]
    order = sorted(asked, key=lambda row: digest(seed, "shown", dataset.questions[row].id))
    seen: dict[tuple[str, bool], int] = {}
    ranked = []
    for place, row in enumerate(order):
        kind = dataset.questions[row].question_type, bool(runs[0].values[row] == 1)
        seen[kind] = seen.get(kind, 0) + 1
        ranked.append((seen[kind], place))
    chosen = [order[place] for _, place in sorted(ranked)[:num_records]]
    names = list(dataset.benchmark.question_types)
    return sorted(
        chosen, key=lambda row: (names.index(dataset.questions[row].question_type), dataset.questions[row].id)
    )


def _radar(document: dict[str, Any]) -> Chart:
    columns = document["published"]["columns"]
    series = {
        run["name"]: [run["tasks"].get(column["task"], {"value": None})["value"] for column in columns]
        for run in document["runs"]
    }
    best = _reference(document)
    beside = best["method"], [score / 100 for score in best["scores"]]
    return plan_radar("Score by task, percent", [column["title"] for column in columns], series, beside)


def _reference(document: dict[str, Any]) -> dict[str, Any]:
    """The best published row whose average follows from its columns."""
    rows = [row for row in document["published"]["rows"] if row["follows"]]
    best: dict[str, Any] = max(rows, key=lambda row: row["average"])
    return best


def _panels(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The charts of each breakdown: all question types together, then task by task."""
    runs = document["runs"]
    panels = []
    for breakdown in dict.fromkeys(cell["breakdown"] for run in runs for cell in run["cells"]):
        cells = [[cell for cell in run["cells"] if cell["breakdown"] == breakdown] for run in runs]
        levels = list(dict.fromkeys(cell["level"] for of_run in cells for cell in of_run))
        found = {c["name"] for of_run in cells for c in of_run if c["scope"] == "task"}
        tasks = [task for task in dict.fromkeys(document["question_types"].values()) if task in found]

        def series(scope: str, name: str | None, cells: Any = cells, levels: Any = levels) -> dict[str, Any]:
            found = {}
            for run, of_run in zip(runs, cells, strict=True):
                scores = {c["level"]: c for c in of_run if c["scope"] == scope and name in (None, c["name"])}
                found[run["name"]] = [scores.get(level) for level in levels]
            return found

        charts = [plan_curves("All, standardised over question types", levels, series("standardised", None))]
        charts += [plan_curves(TASK_TITLES.get(task, task), levels, series("task", task)) for task in tasks]
        panels.append({"breakdown": breakdown, "title": LEVEL_TITLES[breakdown], "charts": charts})
    return panels


def _card(row: int, runs: Sequence[ScoredRun], dataset: Dataset, image_root: Path | None) -> dict[str, Any]:
    """What the template needs of one record."""
    question, record = dataset.questions[row], dataset.row(row)
    of_type = dataset.benchmark.type_of(question)
    num_views = dataset.benchmark.num_views(dataset.table.slice(row, 1))[0]
    views = [] if image_root is None else dataset.benchmark.load_views(record, image_root, range(num_views))
    query = dataset.benchmark.query_views(dataset.table.slice(row, 1))[0]
    answers = []
    for number, run in enumerate(runs):
        for prediction, value in run.answers.get(question.id, []):
            answers.append(
                {
                    "run": number,
                    "name": run.name,
                    "answer": prediction.answer,
                    "parsed": prediction.parsed,
                    "state": prediction.state,
                    "rotation": prediction.rotation,
                    "shown": [view + 1 for view in prediction.shown],
                    "value": value,
                    "error": prediction.error,
                }
            )
    first = runs[0].values[row]
    return {
        "question": question,
        "task": of_type.task,
        "key": question.reference,
        "views": [{"num": k + 1, "jpeg": _jpeg(view), "is_query": k == query} for k, view in enumerate(views)],
        "answers": answers,
        "outcome": "not asked" if first != first else "right" if first == 1 else "wrong" if first == 0 else "in part",
        "is_read": all(answer["state"] == "ok" for answer in answers),
    }


def _jpeg(picture: Image.Image) -> str:
    picture = picture.convert("RGB")
    picture.thumbnail((_WIDTH, _WIDTH))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
