"""From a dataset folder and what lies beside it to the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from spatialmosaic_builder.config import ReportConfig
from spatialmosaic_builder.findings import read_findings
from spatialmosaic_builder.html_report import write_report
from spatialmosaic_builder.pipeline import work_folder
from spatialmosaic_builder.tasks import QUESTION_TYPES


def test_the_page_of_a_dataset(sample_dataset: Path, sample_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports" / "report.html"
    assert write_report(ReportConfig(sample_dataset, sample_root, out, samples=1)) == out
    page = out.read_text(encoding="utf-8")
    assert page.count("<article") == len(QUESTION_TYPES)
    assert "240 questions" in page
    assert "Questions not asked" in page
    assert "Verification" not in page


def test_samples_are_kept_by_the_seed(sample_dataset: Path, sample_root: Path, tmp_path: Path) -> None:
    first, second = (
        write_report(ReportConfig(sample_dataset, sample_root, tmp_path / name, samples=1)) for name in ("a", "b")
    )
    assert first.read_bytes() == second.read_bytes()


def test_what_other_commands_found_is_read(sample_dataset: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(work_folder(sample_dataset), work, ignore=shutil.ignore_patterns("annotations", "candidates"))
    (work / "audit.json").write_text(json.dumps({"configs": {}}))
    findings = read_findings(work, "paper")
    assert findings.build is not None
    assert findings.build["config"]["profile"] == "paper"
    assert findings.audit == {"configs": {}}
    assert findings.verification is None
    assert read_findings(work, "strict").build is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"configs":'])
def test_a_broken_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(content)
    with pytest.raises(ValueError, match=r"audit\.json .*; remove it or run the command that wrote it"):
        read_findings(tmp_path, "paper")
