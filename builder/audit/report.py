"""The result of an audit, as data, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ..report import format_table
from .statistics import Estimate

FORMAT = 1
"""Raised when the JSON changes in a way that its readers notice."""
MAX_EXCESS = 0.03
"""A solver that scores more than this above chance has found a shortcut (three points)."""
MIN_SCENES = 10
"""On fewer scenes the bootstrap is too sure of itself to tell a shortcut."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a solver scores on a question type."""

    accuracy: float
    """Expected share of right answers, equal options guessed among."""
    low: float | None
    """Lower end of the 95 % interval, scenes drawn anew; None where there is one scene."""
    high: float | None
    num_records: int
    """Records it was measured on."""
    num_scenes: int
    verdict: str
    """`shortcut`: more than `MAX_EXCESS` above chance, with the whole interval above chance, on at least `MIN_SCENES`
    scenes; `unclear`: as much above chance, but more scenes are needed to tell; `none`."""

    @classmethod
    def of(cls, estimate: Estimate, chance: float, num_records: int, num_scenes: int) -> Score:
        """Judge an accuracy against chance."""
        verdict = "none"
        if estimate.mean > chance + MAX_EXCESS:
            is_sure = num_scenes >= MIN_SCENES and estimate.low is not None and estimate.low > chance
            verdict = "shortcut" if is_sure else "unclear"
        return cls(estimate.mean, estimate.low, estimate.high, num_records, num_scenes, verdict)


@dataclass(frozen=True, slots=True)
class Letters:
    """How often each letter is the key."""

    counts: tuple[int, ...]
    """In the order A, B, ..."""
    chi_square: float
    p_value: float
    """Small: the letters are uneven."""


@dataclass(frozen=True, slots=True)
class TypeAudit:
    """What one question type gives away."""

    num_records: int
    num_scenes: int
    chance: float
    """Nominal: 1 / number of options."""
    letters: Letters
    scores: dict[str, Score | None]
    """By solver; None where it has nothing to read, or would need a second scene to learn from."""


@dataclass(frozen=True, slots=True)
class ConfigAudit:
    """What the records of one config give away."""

    question_types: dict[str, TypeAudit]
    flipped_shares: dict[str, float]
    """By existence type: share of records that are one of a pair, same question, other view, other answer."""
    left_out: dict[str, int]
    """Records without options, by question type: they have no chance to be measured against."""

    def found(self, verdict: str) -> Iterator[tuple[str, str, Score]]:
        """Yield question type, solver and score of every verdict of a kind."""
        for question_type, of_type in self.question_types.items():
            for solver, score in of_type.scores.items():
                if score is not None and score.verdict == verdict:
                    yield question_type, solver, score


@dataclass(frozen=True, slots=True)
class Audit:
    """What a dataset gives away, by config."""

    configs: dict[str, ConfigAudit]


def audit_as_json(audit: Audit) -> dict[str, Any]:
    """Turn an audit into plain data: the fields of `Audit`, and the thresholds of its verdicts."""
    return {"format": FORMAT, "max_excess": MAX_EXCESS, "min_scenes": MIN_SCENES, **asdict(audit)}


def format_audit(audit: Audit) -> str:
    """Lay an audit out for a terminal: accuracies in percent."""
    blocks = [f"{name}\n\n{_format_config(config)}" for name, config in audit.configs.items()]
    return "\n\n".join(blocks)


def _format_config(config: ConfigAudit) -> str:
    solvers = list(dict.fromkeys(name for of_type in config.question_types.values() for name in of_type.scores))
    header = ("question type", "records", "scenes", "chance", "letters p", *solvers)
    rows: list[tuple[str | float | None, ...]] = [
        (
            name,
            of_type.num_records,
            of_type.num_scenes,
            f"{of_type.chance:.0%}",
            f"{of_type.letters.p_value:.2f}",
            *(_cell(of_type.scores.get(solver)) for solver in solvers),
        )
        for name, of_type in config.question_types.items()
    ]
    blocks = [
        format_table(header, rows) + "\nAccuracy in percent without images; - nothing to read, ! shortcut, ? unclear.",
        *_format_found(config, "shortcut", "Shortcuts (more than {points:g} points above chance, 95 % intervals):"),
        *_format_found(config, "unclear", "As far above chance, but on too few scenes to be sure:"),
    ]
    if config.flipped_shares:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in config.flipped_shares.items())
        blocks.append(f"Existence questions that come with the same question of another view and answer: {shares}.")
    if config.left_out:
        counts = ", ".join(f"{count:,} {name}" for name, count in config.left_out.items())
        blocks.append(f"Left out, because they have no options to guess among: {counts}.")
    return "\n\n".join(blocks)


def _cell(score: Score | None) -> str:
    if score is None:
        return "-"
    return f"{100 * score.accuracy:.1f}" + {"shortcut": "!", "unclear": "?"}.get(score.verdict, "")


def _format_found(config: ConfigAudit, verdict: str, title: str) -> Iterator[str]:
    lines = []
    for question_type, solver, score in config.found(verdict):
        chance = config.question_types[question_type].chance
        between = "" if score.low is None or score.high is None else f" ({score.low:.1%} to {score.high:.1%})"
        lines.append(f"  {question_type}, {solver}: {score.accuracy:.1%}{between}, chance {chance:.0%}")
    if lines:
        yield "\n".join([title.format(points=100 * MAX_EXCESS), *lines])
