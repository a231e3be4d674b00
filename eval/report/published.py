"""The published Tables 3 and 4 as they were printed, and whether their averages follow from their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TOLERANCE = 0.1
"""Points by which an average may differ from its columns: either is rounded to a tenth."""


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """A row of a published table, in percent."""

    method: str
    average: float
    """As printed."""
    scores: tuple[float, ...]
    """By column of its table."""


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """A published table."""

    title: str
    source: str
    columns: tuple[tuple[str, str], ...]
    """Task and printed title of every column."""
    weights: tuple[int, ...]
    """Question types of every column: what the printed average weighs it by."""
    average: str
    """Name of the printed average."""
    rows: tuple[PublishedRow, ...]

    def recomputed(self, row: PublishedRow) -> float:
        """The average that follows from the columns."""
        weighed = sum(weight * score for weight, score in zip(self.weights, row.scores, strict=True))
        return weighed / sum(self.weights)

    def follows(self, row: PublishedRow) -> bool:
        """Whether the printed average is that of its columns."""
        return abs(self.recomputed(row) - row.average) <= TOLERANCE + 1e-9

    def as_json(self) -> dict[str, Any]:
        """Plain data, marks included."""
        return {
            "title": self.title,
            "source": self.source,
            "average": self.average,
            "columns": [{"task": task, "title": title} for task, title in self.columns],
            "rows": [
                {
                    "method": row.method,
                    "average": row.average,
                    "recomputed": round(self.recomputed(row), 2),
                    "follows": self.follows(row),
                    "scores": list(row.scores),
                }
                for row in self.rows
            ],
        }


_SOURCE = "arXiv 2512.23365, version 1"

TABLE_3 = PublishedTable(
    title="SpatialMosaic-Bench, Table 3",
    source=_SOURCE,
    columns=(
        ("count", "Obj. Count"),
        ("best_view", "Best View"),
        ("existence", "Obj. Exist."),
        ("attribute", "Obj. Att."),
        ("spatial_relation", "Obj. Rel."),
        ("localization", "Obj. Loc."),
    ),
    weights=(1, 1, 3, 3, 3, 1),
    average="macro12",
    rows=(
        PublishedRow("LLaVA-OneVision-0.5B", 37.7, (29.5, 44.4, 55.3, 20.7, 37.7, 38.3)),
        PublishedRow("InternVL2-2B", 39.9, (65.8, 49.4, 47.8, 26.4, 34.8, 53.1)),
        PublishedRow("LLaVA-NeXT-Video-7B", 47.8, (61.1, 41.0, 45.7, 34.2, 54.6, 37.2)),
        PublishedRow("LLaVA-OneVision-7B", 42.8, (58.5, 37.5, 56.1, 32.6, 37.9, 37.8)),
        PublishedRow("LongVA-7B", 38.2, (34.5, 27.5, 57.4, 24.2, 42.4, 26.2)),
        PublishedRow("InternVL2-8B", 46.0, (61.6, 49.0, 54.4, 38.6, 39.8, 43.3)),
        PublishedRow("VILA-1.5-8B", 38.7, (40.2, 24.7, 52.5, 32.5, 37.5, 32.4)),
        PublishedRow("VILA-1.5-40B", 48.5, (56.0, 50.7, 58.9, 31.6, 54.2, 40.6)),
        PublishedRow("VLM-3R* (7B)", 49.3, (51.9, 36.6, 61.4, 42.2, 51.4, 38.3)),
        PublishedRow("VLM-3R (7B)", 81.7, (89.8, 73.0, 81.2, 74.2, 83.6, 100.0)),
        PublishedRow("SpatialMosaicVLM (7B)", 81.8, (89.9, 72.9, 81.5, 74.3, 84.0, 100.0)),
    ),
)

TABLE_4 = PublishedTable(
    title="VSTI-Bench, Table 4",
    source=_SOURCE,
    columns=(
        ("absolute_distance", "Cam-Obj Abs. Dist."),
        ("displacement", "Cam. Displace."),
        ("movement_direction", "Cam. Mov. Dir."),
        ("relative_position", "Obj-Obj Rel. Pos."),
        ("relative_distance", "Cam-Obj Rel. Dist."),
    ),
    weights=(1, 1, 1, 1, 1),
    average="macro5",
    rows=(
        PublishedRow("GPT-4o", 38.2, (29.5, 23.4, 37.3, 58.1, 42.5)),
        PublishedRow("Gemini-1.5 Flash", 32.1, (28.5, 20.9, 24.4, 52.6, 33.9)),
        PublishedRow("LLaVA-OneVision-0.5B", 36.9, (16.5, 32.4, 46.1, 50.5, 39.0)),
        PublishedRow("InternVL2-2B", 38.1, (17.7, 27.8, 43.0, 54.9, 47.2)),
        PublishedRow("LLaVA-NeXT-Video-7B", 40.0, (28.2, 1.8, 49.8, 64.7, 55.6)),
        PublishedRow("LLaVA-OneVision-7B", 41.7, (29.9, 19.3, 47.5, 62.1, 49.8)),
        PublishedRow("LongVA-7B", 32.3, (13.5, 5.1, 43.7, 57.9, 41.2)),
        PublishedRow("InternVL2-8B", 43.5, (32.9, 13.5, 48.0, 68.0, 55.0)),
        PublishedRow("VILA-1.5-8B", 37.3, (30.1, 27.3, 42.2, 50.4, 36.7)),
        PublishedRow("VILA-1.5-40B", 38.2, (28.2, 15.7, 28.8, 65.4, 53.0)),
        PublishedRow("LLaVA-NeXT-Video-72B", 44.0, (32.3, 10.5, 48.1, 78.3, 50.9)),
        PublishedRow("VLM-3R† (7B)", 46.7, (28.6, 7.1, 47.9, 73.9, 53.0)),
        PublishedRow("SpatialMosaicVLM (7B)", 46.8, (27.8, 5.0, 48.2, 74.2, 52.3)),
    ),
)

PUBLISHED = {"spatialmosaic": TABLE_3, "vsti": TABLE_4}
"""The published table of every benchmark."""
