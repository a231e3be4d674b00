"""A build ends with what can be guessed and whether the answers hold, and its card says so."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from spatialmosaic_builder import checks, cli
from spatialmosaic_builder.checks import check_build
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build, work_folder
from spatialmosaic_builder.verify import report as verify_report


@pytest.fixture
def config(sample_root, sample_dataset, tmp_path):
    """Of a copy of the sample dataset."""
    out = tmp_path / "spatialmosaic"
    shutil.copytree(sample_dataset, out)
    shutil.copytree(work_folder(sample_dataset), work_folder(out))
    return BuildConfig(sample_root, out, size="240", num_proc=1)


def with_verify(config, verify):
    return BuildConfig(config.root, config.out, size=config.size, num_proc=1, verify=verify)


def card(config):
    return (config.out / "README.md").read_text()


def verification(config):
    return json.loads((work_folder(config.out) / "verify.json").read_text())


def test_both_tables_are_on_the_card(config):
    assert "`paper` was not audited or verified." in card(config)
    found = check_build(config)
    assert found.verification["passes"]
    assert "### Audit of `paper`" in card(config)
    assert "| `obj_count_occ` | " in card(config).partition("### Verification of `paper`")[2]
    assert "of 2 of 2 scans" in card(config)


def test_a_sample_is_of_a_few_scans_and_all_goes_on_from_it(config, monkeypatch):
    monkeypatch.setattr(checks, "_SAMPLE_SCANS", 1)
    check_build(config)
    assert verification(config)["num_scans"] == 1
    check_build(with_verify(config, "all"))
    assert verification(config)["num_scans"] == 2


def test_what_was_checked_is_not_checked_again(config, monkeypatch):
    check_build(config)
    monkeypatch.setattr(checks, "audit_dataset", None)
    monkeypatch.setattr(checks, "verify_dataset", None)
    check_build(with_verify(config, "all"))


def test_other_records_are_checked_anew(config):
    check_build(config)
    build(BuildConfig(config.root, config.out, profile="strict", size="240", num_proc=1))
    assert "was not audited or verified" in card(config)
    check_build(config)
    assert "### Audit of `strict`" in card(config)
    assert "### Verification of `strict`" in card(config)


def test_none_leaves_the_verification_out(config):
    found = check_build(with_verify(config, "none"))
    assert found.audit is not None
    assert found.verification is None


def test_a_dataset_whose_answers_do_not_hold_is_an_error(config, monkeypatch, capsys, caplog):
    monkeypatch.setattr(verify_report, "MIN_AGREEMENT", 1.1)
    argv = ["spatialmosaic", "build", config.root, "--out", config.out, "--size", config.size, "--num-proc", 1]
    monkeypatch.setattr(sys, "argv", list(map(str, argv)))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "not contradicted" in caplog.text
    assert "Verification" in capsys.readouterr().out
