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

from spatialmosaic_eval import spatialmosaic_accuracy

from ..hub_server import HubServer

PUSH = """
import sys
from huggingface_hub import HfApi

folder, name, kind = sys.argv[1:]
api = HfApi()
api.create_repo(name, repo_type=kind, **({"space_sdk": "static"} if kind == "space" else {}))
api.upload_folder(repo_id=name, repo_type=kind, folder_path=folder, ignore_patterns=["__pycache__/*"])
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
    folder = Path(spatialmosaic_accuracy.__file__).parent
    python(hub, tmp_path / "pusher", "-c", PUSH, folder, "tester/spatialmosaic_accuracy", "space")
    assert {"README.md", "spatialmosaic_accuracy.py", "choices.py"} <= set(
        hub.files("spaces", "tester/spatialmosaic_accuracy")
    )
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
    command = ("-m", "spatialmosaic_eval")
    options = ("--model", "oracle", "--data", "tester/mosaic", "--backend", "import", "--predictions", answers)
    python(hub, tmp_path / "user", *command, "run", *options, "--out", tmp_path / "run")
    python(hub, tmp_path / "user", *command, "report", tmp_path / "run", "--out", tmp_path / "report", "--no-controls")
    entries = yaml.safe_load(
        (tmp_path / "report/hub/run/.eval_results/spatialmosaic.yaml").read_text(encoding="utf-8")
    )
    assert entries[0]["dataset"]["id"] == "tester/mosaic"
    assert entries[0]["value"] == 100
