"""transformers' own tests of models, from the source distribution of the installed version, on our models."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest
import transformers

SUITE = Path(__file__).with_name("upstream_suite.py")
STUBS = {
    "exporters/test_export.py": "class ExportTesterMixin: ...",
    "generation/test_utils.py": "class GenerationTesterMixin: ...",
}
"""What the suite imports although the source distribution lacks it; its tests then have no say."""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with transformers' tests as the package `transformers_tests`."""
    folder = tmp_path_factory.mktemp("upstream")
    source = f"transformers=={transformers.__version__}"
    options = ["--quiet", "--no-deps", "--no-binary", "transformers", "--no-build-isolation", "--dest", folder]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, source], check=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    tests = folder / "transformers_tests"
    (folder / f"transformers-{transformers.__version__}" / "tests").rename(tests)
    for name, text in STUBS.items():
        (tests / name).parent.mkdir(exist_ok=True)
        (tests / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_our_models_pass_the_suite_of_transformers(upstream: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")  # the suite has marks of its own
    options = ["-q", "-c", "pytest.ini", "--import-mode=importlib", "-p", "no:cacheprovider", "--junitxml=report.xml"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, SUITE],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(upstream), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20000:]
    cases = ElementTree.parse(tmp_path / "report.xml").findall(".//testcase")
    ran = [case for case in cases if case.find("skipped") is None]
    assert len(ran) > 100
