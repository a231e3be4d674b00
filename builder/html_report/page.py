"""The page: what a dataset holds, and drawn samples of every question type, for a person to check why they are true.

What is drawn is computed from the annotations by the rules of the record's profile, never from its sentences, but for
the points among the options of a localization question: they stand in the options only.
"""

from __future__ import annotations

import base64
import heapq
import io
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jinja2 import Environment, StrictUndefined
from PIL import Image

from ..annotations import Annotations
from ..evidence import SceneEvidence
from ..findings import Findings, tables_of
from ..randomness import digest
from ..rules import PROFILES
from ..shards import write_text
from ..splits import SPLITS
from ..tasks import QUESTION_TYPES
from .charts import LEVEL_TITLES, LEVELS, plan_charts, with_num_frames
from .drawing import Panel, draw_sheet
from .exhibit import Exhibit
from .reasons import explain_answers
from .typeset import KEY, QUERY, SOURCE, TARGET

COLUMNS = (
    *("id", "split", "scene_name", "question_type", "frame_set_id", "frames", "ground_truth", "builder_version"),
    *("overlap_avg", "occlusion_avg", *(name for name in LEVELS if name != "num_frames")),
)
"""What counts, charts and the choice of samples read of the records."""
_SHOWN_WIDTH = 320
"""Width at which the page shows a frame: that many layout units."""
_STORED_WIDTH = 480
"""Pixels that the page stores of it: sharp on dense screens, and a hundred samples stay near 15 MB."""
_JPEG_QUALITY = 80
_POOL = 1_000
"""Records of a type among which samples are chosen: enough to find different scenes."""


def draw_record(
    record: Mapping[str, Any], annotations: Annotations, image_root: Path, frame_width: int = 320
) -> Image.Image:
    """Draw a record as one picture: its frames in a row, the question, the options and what proves the answer.

    Args:
        record: a row of `RECORD_SCHEMA`.
        annotations: of the record's scene.
        image_root: the folder that `image_paths` are relative to; a missing picture becomes a grey sheet.
        frame_width: pixels of a frame in a row of three or more; two frames fill the same row.

    Raises:
        ValueError: if the annotations are not those that the record was made from.
    """
    exhibit = Exhibit.of(record, _scene_evidence(record, annotations))
    num_frames = len(record["frames"])
    row_width, unit = max(3, num_frames) * frame_width, frame_width / _SHOWN_WIDTH
    panels = [
        Panel(
            caption=" · ".join([f"Frame {k + 1}", *exhibit.notes(k)]),
            picture=exhibit.draw_frame(k, image_root, row_width // num_frames, unit),
            is_query=k == exhibit.query_position,
        )
        for k in range(num_frames)
    ]
    return draw_sheet(panels, record["question"], exhibit.answers, exhibit.key, exhibit.diagrams, unit)


def _scene_evidence(record: Mapping[str, Any], annotations: Annotations) -> SceneEvidence:
    if record["profile"] not in PROFILES:
        raise ValueError(
            f"Record {record['id']} has the profile {record['profile']!r}; this version knows {', '.join(PROFILES)}."
        )
    return SceneEvidence(annotations, PROFILES[record["profile"]])


def write_page(
    records: Mapping[str, pa.Table],
    samples: list[dict[str, Any]],
    image_root: Path,
    annotations_of: Callable[[str], Annotations],
    out: Path,
    findings: Mapping[str, Findings] | None = None,
) -> Path:
    """Write what there is to know of a dataset, and its samples with their evidence: one file that needs no network.

    Args:
        records: of each profile, with `COLUMNS` at least.
        samples: whole records to draw, in the order of the page: see `choose_samples`.
        image_root: the folder that `image_paths` are relative to; missing pictures become grey sheets.
        annotations_of: gives a scene's annotations; called once for each scene that is drawn.
        out: the HTML file to write. It shows pixels of the scans: keep it out of what is pushed.
        findings: what other commands found, by profile.

    Returns:
        `out`.

    Raises:
        ValueError: if the annotations are not those that the records were made from.
    """
    cards: dict[int, dict[str, Any]] = {}
    by_scene = sorted(range(len(samples)), key=lambda k: (samples[k]["scene_name"], k))
    # A scene's annotations are large: they are let go before the next scene's are asked for.
    for scene_name, group in groupby(by_scene, key=lambda k: samples[k]["scene_name"]):
        annotations = annotations_of(scene_name)
        for k in group:
            cards[k] = _card(Exhibit.of(samples[k], _scene_evidence(samples[k], annotations)), image_root)
    panels = [
        _panel(profile, with_num_frames(table), (findings or {}).get(profile, Findings()))
        for profile, table in records.items()
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, _page(panels, [cards[k] for k in range(len(samples))]))
    return out


def _panel(profile: str, table: pa.Table, findings: Findings) -> dict[str, Any]:
    """What the template needs to tell of a profile."""
    return {
        "profile": profile,
        "splits": {split: pc.sum(pc.equal(table["split"], split)).as_py() or 0 for split in SPLITS},
        "num_scenes": len(table["scene_name"].unique()),
        "num_frame_sets": len(table["frame_set_id"].unique()),
        "versions": sorted(table["builder_version"].unique().to_pylist()),
        "counts": count_levels(table),
        "charts": plan_charts(table),
        "tables": tables_of(findings, profile),
    }


def _page(panels: list[dict[str, Any]], cards: list[dict[str, Any]]) -> str:
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    by_type = groupby(cards, lambda card: (card["record"]["profile"], card["record"]["question_type"]))
    return environment.from_string(template).render(
        panels=panels,
        cards=cards,
        sections=[(*key, list(group)) for key, group in by_type],
        levels=LEVELS,
        level_titles=LEVEL_TITLES,
        colours={"source": SOURCE, "target": TARGET, "query": QUERY, "key": KEY},
    )


def choose_samples(table: pa.Table, samples_per_type: int, seed: int) -> list[int]:
    """Choose rows by type in reading order; prefers unlike scenes, then unlike answers, then an order set by the ids."""
    chosen: list[int] = []
    for question_type in _reading_order(table["question_type"].unique().to_pylist()):
        rows = np.flatnonzero(pc.equal(table["question_type"], question_type).to_numpy())
        ids = table["id"].take(pa.array(rows)).to_pylist()
        pool = heapq.nsmallest(_POOL, zip((digest(seed, "gallery", i) for i in ids), rows.tolist(), strict=True))
        kinds = table.select(["scene_name", "ground_truth"]).take(pa.array([row for _, row in pool])).to_pylist()
        open_places = list(range(len(pool)))
        taken: Counter[tuple[str, str]] = Counter()
        for _ in range(min(samples_per_type, len(pool))):
            best = min(open_places, key=lambda k: [taken[kind] for kind in kinds[k].items()])
            open_places.remove(best)
            taken.update(kinds[best].items())
            chosen.append(pool[best][1])
    return chosen


def _reading_order(question_types: Iterable[str]) -> list[str]:
    known = list(QUESTION_TYPES)
    return sorted(question_types, key=lambda name: (known.index(name) if name in known else len(known), name))


def count_levels(table: pa.Table) -> list[dict[str, Any]]:
    """Count the records of each question type by the values of `LEVELS`, in reading order.

    Args:
        table: records with the column that `with_num_frames` adds.
    """
    totals = dict(zip(*(column.to_pylist() for column in _value_counts(table, ["question_type"])), strict=True))
    counts: dict[tuple[str, str, str], int] = {}
    for level in LEVELS:
        for name, value, number in zip(
            *(c.to_pylist() for c in _value_counts(table, ["question_type", level])), strict=True
        ):
            counts[name, level, value] = number
    return [
        {
            "question_type": name,
            "task": QUESTION_TYPES[name].name if name in QUESTION_TYPES else "",
            "total": totals[name],
            "by_level": {
                level: [counts.get((name, level, value), 0) for value in values] for level, values in LEVELS.items()
            },
        }
        for name in _reading_order(totals)
    ]


def _value_counts(table: pa.Table, keys: list[str]) -> list[pa.ChunkedArray]:
    grouped = table.select(keys).group_by(keys).aggregate([([], "count_all")])
    return [grouped[name] for name in (*keys, "count_all")]


def _card(exhibit: Exhibit, image_root: Path) -> dict[str, Any]:
    """What the template needs of one record."""
    record = dict(exhibit.record) | {"num_frames": str(len(exhibit.record["frames"]))}
    unit = _STORED_WIDTH / _SHOWN_WIDTH
    pictures = [exhibit.draw_frame(k, image_root, _STORED_WIDTH, unit) for k in range(len(record["frames"]))]
    frames = [
        {
            "num": k + 1,
            "name": record["frames"][k],
            "notes": exhibit.notes(k),
            "is_query": k == exhibit.query_position,
            "size": picture.size,
            "jpeg": _jpeg(picture),
        }
        for k, picture in enumerate(pictures)
    ]
    return {
        "record": record,
        "frames": frames,
        "answers": list(zip(exhibit.answers, explain_answers(exhibit), strict=True)),
        "key": exhibit.key,
        "diagrams": exhibit.diagrams,
        "gaps": list(exhibit.gaps.items()),
        "views": [(name, colour, exhibit.view_notes(instance)) for instance, colour, name in exhibit.subjects],
    }


def _jpeg(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
