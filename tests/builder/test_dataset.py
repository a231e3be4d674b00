"""The three ways of loading: a folder, the registered name, the class."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict, load_dataset
from PIL import Image

from spatialmosaic_builder import attach_images
from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.schema import RECORD_SCHEMA


def run(code: str, folder: Path, **variables: str) -> dict:
    """Run code in a fresh interpreter with a cache of its own; it prints one JSON value last."""
    environment = {**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a dataset folder."""
    folder = tmp_path_factory.mktemp("cwd")
    build(BuildConfig(sample_root, folder / "spatialmosaic", size="120", num_proc=1))
    return folder


def test_the_folder_loads_without_importing_this_package(folder):
    code = """
import json, sys
from datasets import load_dataset
data = load_dataset("spatialmosaic")
views = load_dataset("spatialmosaic", "annotations", split="test")
assert not [name for name in sys.modules if name.startswith("spatialmosaic")]
print(json.dumps({"rows": {k: len(v) for k, v in data.items()}, "columns": data["train"].column_names, "views": len(views)}))
"""
    loaded = run(code, folder)
    assert loaded["rows"] == {"train": 80, "test": 40}
    assert loaded["columns"] == RECORD_SCHEMA.names
    assert loaded["views"] > 100


def test_a_rebuilt_folder_is_not_served_from_the_old_cache(sample_root, tmp_path):
    """load_dataset caches a folder by its card: the card must change with the records."""
    ids = []
    for seed in (0, 1):
        out = tmp_path / str(seed) / "spatialmosaic"
        build(BuildConfig(sample_root, out, size="60", seed=seed, num_proc=1))
        ids.append(load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))["id"][:])
    assert set(ids[0]).isdisjoint(ids[1])


@pytest.mark.parametrize(
    "imports",
    [
        "import spatialmosaic_builder; from datasets import load_dataset",
        "from datasets import load_dataset; import spatialmosaic_builder",
    ],
)
def test_the_registered_name_generates_and_caches(sample_root, tmp_path, imports):
    code = f"""
import json
if __name__ == "__main__":
    {imports}
    root = {str(sample_root)!r}
    data = load_dataset("spatialmosaic", "paper", data_dir=root, size=120, num_proc=2)
    from spatialmosaic_builder import scan_job
    scan_job.run_scan = None
    again = load_dataset("spatialmosaic", "paper", data_dir=root, size=120)
    stream = load_dataset("spatialmosaic", "paper", data_dir=root, size=120, streaming=True, split="test")
    import pyarrow.parquet
    text = json.dumps([data[s].to_list() for s in data])
    json_rows = load_dataset("json", data_files="rows.jsonl", split="train")
    print(json.dumps({{
        "rows": {{k: len(v) for k, v in data.items()}},
        "same": again["train"]["id"][:] == data["train"]["id"][:],
        "stream": [row["id"] for row in stream] == data["test"]["id"][:],
        "leak": root in text,
        "json": len(json_rows),
    }}))
"""
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n')
    # A stream and the second load must not need the per-scan work again: run_scan is gone by then, but is not called
    # where everything is in place; the stream asks for the same build.
    code = code.replace("    scan_job.run_scan = None\n", "    scan_job.annotate = scan_job.propose_records = None\n")
    loaded = run(code, tmp_path)
    assert loaded == {"rows": {"train": 80, "test": 40}, "same": True, "stream": True, "leak": False, "json": 1}


def test_the_other_image_source_is_generated_beside_the_first(sample_root, tmp_path):
    code = f"""
import json
import spatialmosaic_builder
from datasets import load_dataset
paths = []
for images in ("iphone", "dslr"):
    data = load_dataset("spatialmosaic", "paper", data_dir={str(sample_root)!r}, size=24, images=images, split="train")
    paths.append(data[0]["image_paths"][0].split("/")[2])
try:
    load_dataset("spatialmosaic", "paper", data_dir={str(sample_root)!r}, size=24, images="panocam")
except ValueError as error:
    paths.append(str(error))
print(json.dumps(paths))
"""
    assert run(code, tmp_path) == ["iphone", "dslr", "--images takes iphone or dslr, got 'panocam'."]


def test_changed_scene_lists_are_read_anew(sample_root, sample_scenes, tmp_path):
    code = f"""
import json, pathlib
import spatialmosaic_builder
from datasets import load_dataset
scenes = {sample_scenes!r}
found = []
for train, test in (scenes, scenes[::-1]):
    pathlib.Path("train.txt").write_text(train)
    pathlib.Path("test.txt").write_text(test)
    data = load_dataset("spatialmosaic", data_dir={str(sample_root)!r}, size=24, scene_split="train.txt,test.txt")
    found.append(data["train"][0]["scene_name"])
    assert str(data["train"].info.version) != "0.0.0"
print(json.dumps(found))
"""
    assert run(code, tmp_path) == sample_scenes


def test_a_changed_root_is_generated_anew(sample_root, tmp_path):
    code = f"""
import json, os, shutil
import spatialmosaic_builder
from datasets import load_dataset
shutil.copytree({str(sample_root)!r}, "root")
first = load_dataset("spatialmosaic", "annotations", data_dir="root", size=24)
scene = first["test"][0]["scene_name"]
shutil.rmtree(f"root/data/{{scene}}")
second = load_dataset("spatialmosaic", "annotations", data_dir="root", size=24)
print(json.dumps([sorted(first), sorted(second)]))
"""
    assert run(code, tmp_path) == [["test", "train"], ["train"]]


def test_without_a_root_the_error_says_what_to_pass(tmp_path):
    code = """
import json
import spatialmosaic_builder
from datasets import load_dataset
try:
    load_dataset("spatialmosaic", "paper")
except ValueError as error:
    print(json.dumps({"error": str(error)}))
"""
    assert "data_dir=" in run(code, tmp_path)["error"]


def test_resolving_a_root_does_not_list_its_files(sample_root, tmp_path):
    """`datasets` would stat every file below `data_dir` to find data files; a ScanNet++ root has a million."""
    code = f"""
import json, os
import spatialmosaic_builder
from datasets import load_dataset_builder
calls = []
real = os.stat
os.stat = lambda *a, **k: (calls.append(a[0]), real(*a, **k))[1]
os.makedirs("root/data/extra/panocam")
os.symlink({str(sample_root / "data")!r} + "/" + sorted(os.listdir({str(sample_root / "data")!r}))[0], "root/data/a")
for k in range(3000):
    open(f"root/data/extra/panocam/{{k}}", "w").close()
load_dataset_builder("spatialmosaic", "paper", data_dir="root")
print(json.dumps(sum("panocam" in str(path) for path in calls)))
"""
    assert run(code, tmp_path) == 0


def test_registration_gives_up_where_datasets_has_changed(monkeypatch):
    import datasets.load

    from spatialmosaic_builder.registration import register

    assert register()
    monkeypatch.delattr(datasets.load, "PackagedDatasetModuleFactory")
    assert not register()


class TestAttachImages:
    @pytest.fixture
    def records(self, tmp_path: Path) -> Dataset:
        names = [f"data/s/iphone/rgb/frame_{k:06d}.jpg" for k in range(4)]
        (tmp_path / "data/s/iphone/rgb").mkdir(parents=True)
        for k, name in enumerate(names):
            Image.fromarray(np.full((6, 8, 3), 60 * k, np.uint8)).save(tmp_path / name)
        return Dataset.from_dict({"id": ["a", "b"], "image_paths": [names[:2], names[1:]]})

    def test_in_the_order_of_the_frames(self, records, tmp_path):
        images = attach_images(records, tmp_path)[1]["images"]
        assert [image.size for image in images] == [(8, 6)] * 3
        assert [round(np.asarray(image).mean() / 60) for image in images] == [1, 2, 3]

    def test_to_a_slice_a_dictionary_and_a_stream(self, records, tmp_path):
        assert len(attach_images(records.select([1]), tmp_path)[0]["images"]) == 3
        assert len(attach_images(DatasetDict(train=records), tmp_path)["train"][0]["images"]) == 2
        streamed = next(iter(attach_images(records.to_iterable_dataset(), tmp_path)))
        assert [image.size for image in streamed["images"]] == [(8, 6)] * 2

    def test_a_picture_that_is_still_in_the_video_is_named_with_how_to_make_it(self, records, tmp_path):
        (tmp_path / "data/s/iphone/rgb/frame_000000.jpg").unlink()
        with pytest.raises(
            FileNotFoundError, match=r"frame_000000\.jpg is missing.*prepare-images .* --images iphone"
        ):
            attach_images(records, tmp_path)

    def test_a_missing_root_is_named(self, records, tmp_path):
        with pytest.raises(FileNotFoundError, match="nowhere"):
            attach_images(records, tmp_path / "nowhere")
