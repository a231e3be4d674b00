"""The result of a verification, as data, as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..report import format_table
from ..schema import Skip
from .examine import Finding, Verdict

FORMAT = 1
"""Raised when the JSON changes in a way that its readers notice."""
MIN_AGREEMENT = 0.999
"""A dataset passes if at least this share of its records is not contradicted."""
_SHOWN = 20
"""Disagreements that the text lists."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of the records of a dataset, or of some of its scans."""

    num_scans: int
    """Scans whose records were examined."""
    num_scans_in_dataset: int
    """Scans that have records."""
    verdicts: dict[str, dict[str, dict[str, int]]]
    """Records by config, question type and verdict."""
    claims: dict[str, dict[str, int]]
    """How often each claim was in doubt, by `within tolerance` and `disagrees`."""
    disagreements: tuple[Finding, ...]
    """Records that are contradicted, with the evidence."""
    failures: tuple[Skip, ...]
    """Scans that could not be read, so that nobody knows about their records."""

    @property
    def num_records(self) -> int:
        """Records that were examined."""
        return sum(count for by_type in self.verdicts.values() for by in by_type.values() for count in by.values())

    @property
    def agreement(self) -> float:
        """Share of the examined records that are not contradicted."""
        return 1 - len(self.disagreements) / max(self.num_records, 1)

    @property
    def passes(self) -> bool:
        """Whether the records are as true as they should be, and all of them could be examined."""
        return self.num_records > 0 and self.agreement >= MIN_AGREEMENT and not self.failures


def summarize(
    findings: Iterable[tuple[str, list[Finding]]], failures: Iterable[Skip], num_scans_in_dataset: int
) -> Verification:
    """Count findings.

    Args:
        findings: of one config and scan each, with the config's name.
        failures: scans that gave none.
        num_scans_in_dataset: scans that have records, examined or not.
    """
    verdicts: dict[str, dict[str, Counter[str]]] = {}
    claims: dict[str, Counter[str]] = {}
    disagreements: list[Finding] = []
    scans = set()
    for config, of_scan in findings:
        for finding in of_scan:
            scans.add(finding.scene_name)
            by_type = verdicts.setdefault(config, {}).setdefault(finding.question_type, Counter())
            by_type[finding.verdict.value] += 1
            for doubt in finding.doubts:
                verdict = Verdict.WITHIN_TOLERANCE if doubt.is_possible else Verdict.DISAGREES
                claims.setdefault(doubt.claim, Counter())[verdict.value] += 1
            if finding.verdict is Verdict.DISAGREES:
                disagreements.append(finding)
    return Verification(
        num_scans=len(scans),
        num_scans_in_dataset=num_scans_in_dataset,
        verdicts={
            name: {k: dict(sorted(v.items())) for k, v in sorted(by_type.items())}
            for name, by_type in sorted(verdicts.items())
        },
        claims={claim: dict(sorted(counts.items())) for claim, counts in sorted(claims.items())},
        disagreements=tuple(sorted(disagreements, key=lambda finding: finding.record_id)),
        failures=tuple(sorted(failures, key=lambda skip: skip.where)),
    )


def verification_as_json(found: Verification) -> dict[str, Any]:
    """Turn a verification into plain data: the fields of `Verification`, and what a dataset must reach to pass."""
    summary = {"num_records": found.num_records, "agreement": found.agreement, "passes": found.passes}
    return {"format": FORMAT, "min_agreement": MIN_AGREEMENT, **summary, **asdict(found)}


def format_verification(found: Verification) -> str:
    """Lay a verification out for a terminal."""
    blocks = [f"{name}\n\n{_verdict_table(by_type)}" for name, by_type in found.verdicts.items()]
    if found.claims:
        rows: list[tuple[str | float | None, ...]] = [
            (claim, *(counts.get(verdict, 0) for verdict in _DOUBTS)) for claim, counts in found.claims.items()
        ]
        blocks.append(format_table(("in doubt", *_DOUBTS), rows))
    if found.disagreements:
        shown = [_format_finding(finding) for finding in found.disagreements[:_SHOWN]]
        hidden = len(found.disagreements) - len(shown)
        blocks.append(
            "\n".join(
                ["Disagreements:", *shown, *([f"... and {hidden:,} more, all of them in the JSON"] if hidden else [])]
            )
        )
    if found.failures:
        lines = [f"  {skip.where}: {skip.detail or skip.reason}" for skip in found.failures]
        blocks.append("\n".join(["Scans that could not be examined:", *lines]))
    words = "passes" if found.passes else "does not pass"
    blocks.append(
        f"{found.num_records:,} records of {found.num_scans:,} of {found.num_scans_in_dataset:,} scans examined, {found.agreement:.3%} not contradicted "
        f"({MIN_AGREEMENT:.1%} are asked for): {words}."
    )
    return "\n\n".join(blocks)


_DOUBTS = (Verdict.WITHIN_TOLERANCE.value, Verdict.DISAGREES.value)


def _verdict_table(by_type: dict[str, dict[str, int]]) -> str:
    names = [verdict.value for verdict in Verdict]
    rows: list[tuple[str | float | None, ...]] = [
        (name, sum(by.values()), *(by.get(verdict, 0) for verdict in names)) for name, by in by_type.items()
    ]
    return format_table(("question type", "records", *names), rows)


def _format_finding(finding: Finding) -> str:
    lines = [f"  {finding.question_type} {finding.record_id}, scan {finding.scene_name}"]
    for doubt in finding.doubts:
        if not doubt.is_possible:
            lines.append(f"    not so: {doubt.claim}; expected {doubt.expected}, found {doubt.got}")
            evidence = f"    {doubt.evidence}"
            lines += [evidence] if doubt.evidence and evidence not in lines else []
    return "\n".join(lines)
