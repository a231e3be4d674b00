"""What is known of a dataset beside its records: the report of a build, an audit and a verification, as plain data.

They lie in the work folder, so a page or a card can show what another command found:

<out>.work/PROFILE.report.json   what was made, what was dropped and why
<out>.work/audit.json            what can be scored without looking, of all profiles
<out>.work/verify.json           whether the answers hold, of all profiles
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .report import format_table

AUDIT = "audit.json"
VERIFICATION = "verify.json"

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


def read_findings(work: Path, profile: str) -> Findings:
    """Read what the build, the audit and the verification left in the work folder.

    Raises:
        ValueError: if one of the files cannot be read.
    """
    return Findings(
        build=_read_json(work / f"{profile}.report.json", "skips"),
        audit=_read_json(work / AUDIT, "configs"),
        verification=_read_json(work / VERIFICATION, "verdicts"),
    )


def forget_checks(work: Path) -> None:
    """Remove the audit and the verification of records that are about to be replaced."""
    for name in (AUDIT, VERIFICATION):
        (work / name).unlink(missing_ok=True)


def _read_json(path: Path, key: str) -> dict[str, Any] | None:
    """Read an object that has a key; None if there is no file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}); remove it or run the command that wrote it.") from error
    if not isinstance(content, dict) or key not in content:
        raise ValueError(f"{path} has no {key!r}; remove it or run the command that wrote it.")
    return content


def tables_of(findings: Findings, profile: str) -> list[Table]:
    """Lay out what is known of a profile, and nothing for what is not."""
    tables = check_tables(findings, profile)
    if findings.build is not None:
        tables += [*_skips(findings.build["skips"]), *_losses(findings.build)]
    return [table for table in tables if table.rows]


def check_tables(findings: Findings, profile: str) -> list[Table]:
    """Lay out the audit and the verification of a profile."""
    tables = []
    if findings.audit is not None and profile in findings.audit["configs"]:
        tables.append(_audit(findings.audit["configs"][profile]["question_types"]))
    if findings.verification is not None and profile in findings.verification["verdicts"]:
        tables.append(_verification(findings.verification, profile))
    return [table for table in tables if table.rows]


def format_checks(findings: Findings, profile: str) -> str:
    """Lay out the audit and the verification of a profile for a terminal."""
    blocks = [f"{t.title}\n\n{format_table(t.header, t.rows)}\n{t.note}" for t in check_tables(findings, profile)]
    return "\n\n".join(blocks)


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
    note = (
        f"{found['agreement']:.3%} of {found['num_records']:,} records of all profiles are not contradicted: those of "
        f"{found['num_scans']:,} of {found['num_scans_in_dataset']:,} scans, derived again by exact rays."
    )
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
