"""Tables of what other commands found: the report of a build, an audit and a verification, each read as plain data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Cell = str | int | float | None
_VERDICTS = ("agrees", "within tolerance", "disagrees")
"""Of a verification: each has a column, also where none came out so."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a header; numbers stand to the right, None is a blank."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    is_long: bool = False
    """Whether it is folded until it is asked for."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is known of one profile's records, as the JSON files beside the dataset hold it; None where there is none."""

    build: Mapping[str, Any] | None = None
    """`report.Report`."""
    audit: Mapping[str, Any] | None = None
    verification: Mapping[str, Any] | None = None


def tables_of(findings: Findings, profile: str) -> list[Table]:
    """Lay out what is known of a profile, and nothing for what is not."""
    tables = []
    if findings.audit is not None and profile in findings.audit["configs"]:
        tables.append(_audit(findings.audit["configs"][profile]["question_types"]))
    if findings.verification is not None and profile in findings.verification["verdicts"]:
        tables.append(_verification(findings.verification, profile))
    if findings.build is not None:
        tables += [*_skips(findings.build["skips"]), *_losses(findings.build)]
    return [table for table in tables if table.rows]


def _audit(question_types: Mapping[str, Any]) -> Table:
    """Accuracy of the solvers that see no image."""
    solvers = list(dict.fromkeys(name for of_type in question_types.values() for name in of_type["scores"]))
    rows = [
        (
            name,
            of_type["num_records"],
            f"{of_type['chance']:.0%}",
            f"{of_type['letters']['p_value']:.2f}",
            *(_score(of_type["scores"].get(solver)) for solver in solvers),
        )
        for name, of_type in question_types.items()
    ]
    note = "Accuracy in percent without images; ! a shortcut, ? as far above chance, but on too few scenes to be sure."
    return Table("Audit", ("question type", "records", "chance", "letters p", *solvers), tuple(rows), note)


def _score(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return ""
    return f"{100 * score['accuracy']:.1f}" + {"shortcut": " !", "unclear": " ?"}.get(score["verdict"], "")


def _verification(found: Mapping[str, Any], profile: str) -> Table:
    """What became of the records when their answers were derived again."""
    by_type = found["verdicts"][profile]
    rows = [(name, sum(by.values()), *(by.get(verdict, 0) for verdict in _VERDICTS)) for name, by in by_type.items()]
    note = f"{found['agreement']:.3%} of {found['num_records']:,} records of all profiles are not contradicted."
    return Table("Verification", ("question type", "records", *_VERDICTS), tuple(rows), note)


def _skips(skips: Mapping[str, Mapping[str, int]]) -> list[Table]:
    """Why questions were not asked, in all and by type."""
    reasons: Counter[str] = Counter()
    for by_reason in skips.values():
        reasons.update(by_reason)
    rows = [(name, reason, count) for name, by in skips.items() for reason, count in by.items()]
    return [
        Table("Questions not asked", ("because", "times"), tuple(reasons.most_common())),
        Table("Questions not asked, by type", ("question type", "because", "times"), tuple(rows), is_long=True),
    ]


def _losses(build: Mapping[str, Any]) -> list[Table]:
    """Scans that gave nothing, and frames and objects that were left out."""
    failed = [(skip["where"], skip["reason"], skip["detail"]) for skip in build["failures"]]
    dropped: Sequence[Mapping[str, str]] = build["dropped"]
    counts = Counter(skip["reason"] for skip in dropped)
    example = {skip["reason"]: skip["detail"] or skip["where"] for skip in reversed(dropped)}
    rows = [(reason, count, example[reason]) for reason, count in counts.most_common()]
    return [
        Table("Scans left out", ("scan", "because", "in full"), tuple(failed)),
        Table("Frames and objects left out", ("because", "times", "such as"), tuple(rows)),
    ]
