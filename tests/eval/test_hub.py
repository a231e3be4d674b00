"""What lies on the Hub serves as what lies on disk: the metric as a space, the benchmark as a dataset."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard

from spatialmosaic_eval import spatialmosaic_accuracy

from ..hub_server import HubServer

COMMAND = ("-m", "spatialmosaic_eval")
PUSH = """
import sys
from huggingface_hub import HfApi

folder, name, kind = sys.argv[1:]
api = HfApi()
api.create_repo(name, repo_type=kind, **({"space_sdk": "static"} if kind == "space" else {}))
api.upload_folder(repo_id=name, repo_type=kind, folder_path=folder, ignore_patterns=["__pycache__/*"])
"""
MAKE_MODEL = """
from huggingface_hub import CommitOperationAdd, EvalResult, HfApi, ModelCard, ModelCardData

other = EvalResult("task", "other", "other", "metric", 7.0, metric_name="other")
card = ModelCard(f"---\\n{ModelCardData(model_name='model', eval_results=[other])}\\n---\\nWords of its maker")
files = {"README.md": str(card).encode(), "weights": b"1"}
HfApi().create_repo("tester/model")
HfApi().create_commit("tester/model", [CommitOperationAdd(*f) for f in files.items()], commit_message="model")
"""
COMPUTE = """
import json, sys
import evaluate

metric = evaluate.load("tester/spatialmosaic_accuracy")
print(json.dumps(metric.compute(
    predictions=["(B)", "A or B", "about 2 m"],
    references=["B", "A", "2.00"],
    question_type=["obj_existence_occ_lr", "obj_existence_occ_ab", "obj_distance_occ_na"],
    options=[["A. Yes", "B. No"], ["A. Yes", "B. No"], []],
    bbox_2d_diag=[0.0, 0.0, 0.0],
)))
"""


def python(hub: HubServer, home: Path, *arguments: object) -> str:
    """Run Python with a cache of its own: what it finds, it got from the Hub."""
    command, environment = [sys.executable, *map(str, arguments)], os.environ | hub.environment(home)
    done = subprocess.run(command, env=environment, cwd=home.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_metric_loads_from_a_space(hub: HubServer, tmp_path: Path) -> None:
    pushed = python(hub, tmp_path / "pusher", *COMMAND, "push", "metric", "tester/spatialmosaic_accuracy")
    assert 'evaluate.load("tester/spatialmosaic_accuracy")' in pushed
    folder = Path(spatialmosaic_accuracy.__file__).parent
    there = {path.name: path.read_bytes() for path in [*folder.glob("*.py"), folder / "README.md"]}
    assert hub.files("spaces", "tester/spatialmosaic_accuracy") == there
    result = json.loads(python(hub, tmp_path / "user", "-c", COMPUTE).splitlines()[-1])
    assert (result["macro12"], result["obj_distance_occ_na"], result["ambiguous"]) == (0.5, 1.0, 1)


def test_a_benchmark_on_the_hub_is_run_and_reported_under_its_name(
    hub: HubServer, bench: Path, records: dict[str, Any], tmp_path: Path
) -> None:
    card = {"configs": [{"config_name": "paper", "data_files": [{"split": "test", "path": "paper/test-*.parquet"}]}]}
    folder = shutil.copytree(bench, tmp_path / "mosaic")
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump(card)}---\n", encoding="utf-8")
    python(hub, tmp_path / "pusher", "-c", PUSH, folder, "tester/mosaic", "dataset")
    answers = tmp_path / "answers.jsonl"
    rows = [{"id": name, "answer": row["mc_answer"] or row["ground_truth"]} for name, row in records.items()]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = ("--model", "oracle", "--data", "tester/mosaic", "--backend", "import", "--predictions", answers)
    python(hub, tmp_path / "user", *COMMAND, "run", *options, "--out", tmp_path / "run")
    python(hub, tmp_path / "user", *COMMAND, "report", tmp_path / "run", "--out", tmp_path / "report", "--no-controls")
    entries = yaml.safe_load(
        (tmp_path / "report/hub/run/.eval_results/spatialmosaic.yaml").read_text(encoding="utf-8")
    )
    assert entries[0]["dataset"]["id"] == "tester/mosaic"
    assert entries[0]["value"] == 100

    model = (tmp_path / "report", "tester/model")
    assert "shows no model tester/model" in refused(hub, tmp_path / "user", *COMMAND, "push", *model)
    python(hub, tmp_path / "user", "-c", MAKE_MODEL)
    assert "nothing was sent" in python(hub, tmp_path / "user", *COMMAND, "push", *model, "--dry-run")
    for _ in range(2):
        python(hub, tmp_path / "user", *COMMAND, "push", *model)
    files = hub.files("models", "tester/model")
    assert set(files) == {"README.md", "weights", ".eval_results/spatialmosaic.yaml"}
    assert len(hub.commits("models", "tester/model")) == 3, "what is there already makes no commit"
    card = ModelCard(files["README.md"].decode())
    assert "Words of its maker" in card.text
    assert {(result.metric_name, result.metric_value) for result in card.data.eval_results} >= {
        ("macro12", 100.0),
        ("other", 7.0),
    }
    assert len({result.metric_name for result in card.data.eval_results}) == len(card.data.eval_results)


def test_a_push_that_cannot_be_ends_with_a_sentence(hub: HubServer, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    home = tmp_path / "home"
    assert "holds no readable report.json" in refused(hub, home, *COMMAND, "push", tmp_path / "empty", "tester/model")
    assert "log in with" in refused(hub, home, *COMMAND, "push", "metric", "tester/m", token=None)


def refused(hub: HubServer, home: Path, *arguments: object, token: str | None = "hf_test") -> str:
    """What a command that fails says."""
    environment = os.environ | hub.environment(home, token)
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, env=environment, cwd=home.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1
    return done.stderr
