"""Outcome of a check."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

AGREE, TOLERANCE, DISAGREE = "agree", "tolerance", "disagree"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A claim that fails. `expected` and `got`: derived and recorded value; of a predicate, what must hold and what does."""

    record_id: str
    question_type: str
    what: str
    expected: str
    got: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A structural rule that a record, or a group of records, breaks."""

    record_id: str
    question_type: str
    rule: str
    detail: str


@dataclass(slots=True)
class Report:
    """Verdicts per question type (a record counts by its worst claim), and everything that was not plain agreement."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    claims: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    disagreements: list[Disagreement] = field(default_factory=list)
    within_tolerance: list[Disagreement] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees and no rule is broken."""
        return not self.disagreements and not self.violations

    def table(self, examples: int = 3) -> str:
        """Readable summary: verdicts per question type, claims that did not agree, broken rules, examples of each."""
        lines = [f"{'question_type':28}{'records':>9}{'agree':>9}{'in band':>9}{'disagree':>9}"]
        for name in sorted(self.counts):
            count = self.counts[name]
            numbers = (sum(count.values()), count[AGREE], count[TOLERANCE], count[DISAGREE])
            lines.append(f"{name:28}" + "".join(f"{n:>9}" for n in numbers))
        lines.append("")
        lines.append(f"{'claim':44}{'checked':>9}{'in band':>9}{'disagree':>9}")
        for name in sorted(self.claims):
            count = self.claims[name]
            lines.append(f"{name:44}{sum(count.values()):>9}{count[TOLERANCE]:>9}{count[DISAGREE]:>9}")
        groups: dict[str, list[str]] = defaultdict(list)
        for d in self.disagreements:
            text = f"{d.record_id} {d.question_type}: expected {d.expected}, got {d.got} [{d.evidence}]"
            groups[f"disagreement: {d.what}"].append(text)
        for v in self.violations:
            groups[f"rule violation: {v.rule}"].append(f"{v.record_id} {v.question_type}: {v.detail}")
        for name, texts in sorted(groups.items()):
            lines.append("")
            lines.append(f"{name} ({len(texts)})")
            lines += [f"  {text}" for text in texts[:examples]]
        verdict = "OK" if self.ok else "NOT OK"
        lines.append("")
        lines.append(f"{verdict}: {len(self.disagreements)} disagreements, {len(self.violations)} rule violations")
        return "\n".join(lines)
