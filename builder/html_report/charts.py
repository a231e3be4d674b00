"""Counts and distributions of a profile's records, and their bars as shapes of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LEVELS = {
    "num_frames": ("2", "3", "4", "5"),
    "occ_level": ("low", "medium", "high", "extreme"),
    "overlap_level": ("low", "medium", "high"),
    "vis_level": ("Fully Visible", "Partially Visible"),
    "gt_scenario": ("Full Coverage", "Partial Coverage"),
}
"""Columns of difficulty with their values, easy ones first (the paper's Fig. 5). `with_num_frames` adds the first."""
LEVEL_TITLES = {
    "num_frames": "frames",
    "occ_level": "occlusion",
    "overlap_level": "overlap",
    "vis_level": "visibility",
    "gt_scenario": "coverage",
}
_HISTOGRAMS = (
    ("overlap_avg", "Mean overlap of the frames, percent", np.linspace(0, 30, 16)),
    ("occlusion_avg", "Mean occlusion ratio of the targets", np.linspace(0, 1, 21)),
)
_WIDTH, _ROW, _PLOT_HEIGHT, _LABELS, _NUMBERS = 340, 24, 130, 118, 62


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle with what it stands for; pixels."""

    x: float
    y: float
    width: float
    height: float
    title: str
    """In full, for whoever points at the bar."""


@dataclass(frozen=True, slots=True)
class Text:
    """A label of a chart; pixels."""

    x: float
    y: float
    anchor: str
    """start, middle or end."""
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with their labels, ready to be put into an SVG."""

    title: str
    bars: tuple[Bar, ...]
    texts: tuple[Text, ...]
    height: int
    width: int = _WIDTH


def with_num_frames(records: pa.Table) -> pa.Table:
    """Add the number of frames as text, a level like the others."""
    return records.append_column("num_frames", pc.cast(pc.list_value_length(records["frames"]), pa.string()))


def plan_charts(records: pa.Table) -> list[Chart]:
    """Draw the levels and the distributions behind them.

    Args:
        records: of one profile, with the columns of `LEVELS`.
    """
    charts = []
    for name, values in LEVELS.items():
        counts = {item["values"]: item["counts"] for item in pc.value_counts(records[name]).to_pylist()}
        charts.append(plan_bars(LEVEL_TITLES[name].capitalize(), [(value, counts.get(value, 0)) for value in values]))
    for name, title, edges in _HISTOGRAMS:
        values = records[name].drop_null().to_numpy()
        charts.append(plan_histogram(title, np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0], edges))
    return charts


def plan_bars(title: str, counts: Sequence[tuple[str, int]]) -> Chart:
    """One bar below the other, each as long as its share of the longest, with its number and share of all."""
    most, total = max(1, *(count for _, count in counts)), max(1, sum(count for _, count in counts))
    room = _WIDTH - _LABELS - _NUMBERS - 26
    bars, texts = [], []
    for k, (label, count) in enumerate(counts):
        width, middle = round(room * count / most, 1), k * _ROW + 16
        bars.append(Bar(_LABELS, k * _ROW + 4, width, _ROW - 8, f"{label}: {count:,} of {total:,}"))
        texts.append(Text(_LABELS - 8, middle, "end", label))
        texts.append(Text(_LABELS + width + 6, middle, "start", f"{count:,} ({count / total:.0%})"))
    return Chart(title, tuple(bars), tuple(texts), len(counts) * _ROW + 4)


def plan_histogram(title: str, counts: Sequence[int] | np.ndarray, edges: Sequence[float] | np.ndarray) -> Chart:
    """Bars beside each other, as high as their share of the highest, over an axis with its numbers.

    Args:
        title: what the axis counts.
        counts: of each bin.
        edges: of the bins, one more, equally far apart.
    """
    most, step = max(1, int(max(counts))), (_WIDTH - 20) / len(counts)
    bars = []
    for k, count in enumerate(counts):
        height = round((_PLOT_HEIGHT - 18) * int(count) / most, 1)
        span = f"{edges[k]:g} to {edges[k + 1]:g}: {count:,}"
        bars.append(Bar(round(10 + k * step, 1), round(_PLOT_HEIGHT - height, 1), round(step - 1.5, 1), height, span))
    texts = [Text(10, 11, "start", f"highest bar: {most:,}")]
    for k in np.linspace(0, len(counts), 6):
        value = edges[0] + (edges[-1] - edges[0]) * k / len(counts)
        texts.append(Text(round(10 + float(k) * step, 1), _PLOT_HEIGHT + 15, "middle", f"{value:g}"))
    return Chart(title, tuple(bars), tuple(texts), _PLOT_HEIGHT + 20)
