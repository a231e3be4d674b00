"""The closing report of a build, as data and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .schema import Skip
from .splits import SPLITS

_SKIP_REASONS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Report:
    """What a build made and what it dropped."""

    config: dict[str, Any]
    scenes: dict[str, int]
    """Scenes that gave records, by split."""
    questions: dict[str, dict[str, int]]
    """Records by question type and split."""
    levels: dict[str, dict[str, dict[str, int]]]
    """Records by diagnostic field, level and split."""
    num_frame_sets: int
    """Frame sets that hold a record."""
    wanted: dict[str, int]
    """Records asked for, by split."""
    failures: tuple[Skip, ...]
    """Scans that gave nothing."""
    dropped: tuple[Skip, ...]
    """Frames and objects that were left out."""
    skips: dict[str, dict[str, int]]
    """Questions that could not be made well, by question type and reason."""

    @property
    def made(self) -> dict[str, int]:
        """Records made, by split."""
        return {split: sum(by.get(split, 0) for by in self.questions.values()) for split in SPLITS}


def format_report(report: Report) -> str:
    """Lay the report out for a terminal."""
    blocks = [
        format_table(("question type", *SPLITS), [(name, *_by_split(by)) for name, by in report.questions.items()]),
        format_table(
            ("level", "", *SPLITS),
            [
                (field, level, *_by_split(by))
                for field, levels in report.levels.items()
                for level, by in levels.items()
            ],
        ),
        _skip_table(report),
        *format_losses(report.failures, report.dropped),
        _summary(report),
    ]
    return "\n\n".join(block for block in blocks if block)


def _by_split(counts: dict[str, int]) -> list[int]:
    return [counts.get(split, 0) for split in SPLITS]


def _skip_table(report: Report) -> str:
    reasons: Counter[str] = Counter()
    for by_reason in report.skips.values():
        reasons.update(by_reason)
    rows = reasons.most_common(_SKIP_REASONS_SHOWN)
    return format_table(("question not asked because", "times"), rows) if rows else ""


def format_losses(failures: Sequence[Skip], dropped: Sequence[Skip]) -> list[str]:
    """Lay out each scan that failed with its sentence, and what was dropped by reason with an example."""
    lines = []
    if failures:
        lines.append("Scans left out:\n" + "\n".join(f"  {s.where}: {s.detail or s.reason}" for s in failures))
    if dropped:
        counts = Counter(skip.reason for skip in dropped)
        example = {skip.reason: skip.detail or skip.where for skip in reversed(dropped)}
        rows = [f"  {count} x {reason}, such as {example[reason]}" for reason, count in counts.most_common()]
        lines.append("Frames and objects left out:\n" + "\n".join(rows))
    return lines


def _summary(report: Report) -> str:
    made, total = report.made, sum(report.made.values())
    scenes = " + ".join(f"{report.scenes[split]} {split}" for split in SPLITS)
    text = (
        f"{total:,} questions ({made['train']:,} train, {made['test']:,} test) on {report.num_frame_sets:,} frame sets "
        f"of {scenes} scans."
    )
    short = {split: report.wanted[split] - made[split] for split in SPLITS if made[split] < report.wanted[split]}
    if short:
        missing = ", ".join(f"{count:,} {split}" for split, count in short.items())
        text += f"\nFewer than asked for: {missing} questions are missing because the scans offer no more."
    return text


def format_table(header: Sequence[str], rows: Sequence[Sequence[str | float | None]]) -> str:
    """Lay rows out in columns for a terminal: numbers to the right, None as a blank."""
    cells = [list(header), *[[_cell(value) for value in row] for row in rows]]
    widths = [max(len(row[k]) for row in cells) for k in range(len(header))]
    is_number = [not any(isinstance(row[k], str) for row in rows) for k in range(len(header))]

    def line(row: list[str]) -> str:
        parts = zip(row, widths, is_number, strict=True)
        return "  ".join(c.rjust(w) if number else c.ljust(w) for c, w, number in parts).rstrip()

    return "\n".join([line(cells[0]), "  ".join("-" * width for width in widths), *map(line, cells[1:])])


def _cell(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
