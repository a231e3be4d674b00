"""What must not be published is refused before anything is sent, whoever wrote it into the dataset folder."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from spatialmosaic_builder.card import refresh_card
from spatialmosaic_builder.config import PushConfig
from spatialmosaic_builder.errors import BuildError
from spatialmosaic_builder.hub.release import Release, collect_release, is_replaced

RIGHTS = "Our own rooms, scanned by us."


@pytest.fixture
def dataset(sample_dataset: Path, tmp_path: Path) -> Path:
    shutil.copytree(sample_dataset.with_name("spatialmosaic.work"), tmp_path / "spatialmosaic.work")
    return shutil.copytree(sample_dataset, tmp_path / "spatialmosaic")


def collect(dataset: Path, **options: object) -> Release:
    return collect_release(PushConfig(dataset, "me/rooms", **options))  # type: ignore[arg-type]


def change_table(dataset: Path, change: Callable[[pa.Table], pa.Table], **how: object) -> Path:
    """Write a shard anew as somebody might who knows what a build notes down."""
    path = dataset / "paper" / "train-00000-of-00001.parquet"
    options = {"compression": "zstd", "write_page_index": True} | how
    pq.write_table(change(pq.read_table(path)), path, **options)
    marker_file = dataset.with_name("spatialmosaic.work") / "paper.written.json"
    marker = json.loads(marker_file.read_text())
    marker["files"][path.name] = path.stat().st_size
    marker_file.write_text(json.dumps(marker))
    refresh_card(dataset, dataset.with_name("spatialmosaic.work"))
    return path


def in_first_row(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        values = [value, *table[column].to_pylist()[1:]]
        field = table.schema.get_field_index(column)
        return table.set_column(field, table.schema.field(field), pa.array(values, table.schema.field(field).type))

    return change


def append(column: str, kind: pa.DataType, value: object) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.append_column(column, pa.array([value] * len(table), kind))


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    "change",
    [
        append("picture", pa.binary(), b"\xff\xd8"),
        append("images", pa.list_(IMAGE), [{"bytes": None, "path": "a.jpg"}]),
        append("thumbnail", pa.list_(pa.uint8()), [255, 216]),
        append("inline", pa.list_(pa.string()), ["data:image/jpeg;base64,/9j/"]),
    ],
)
def test_pictures_in_tables_are_refused_without_rights(dataset: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    change_table(dataset, change)
    with pytest.raises(BuildError, match=r"train-00000.*holds pictures or other bytes"):
        collect(dataset)
    assert collect(dataset, include_images=True, rights=RIGHTS).files


@pytest.mark.parametrize("path", ["/data/scannetpp/a.jpg", "~/a.jpg", "C:\\a.jpg", "file:///a.jpg"])
def test_absolute_paths_are_refused(dataset: Path, path: str) -> None:
    change_table(dataset, in_first_row("image_paths", ["data/a/b.jpg", path]))
    with pytest.raises(BuildError, match="holds an absolute path in the column image_paths"):
        collect(dataset)


def test_tables_that_the_viewer_cannot_read_are_refused(dataset: Path) -> None:
    change_table(dataset, lambda table: table, compression="snappy")
    with pytest.raises(BuildError, match="lacks zstd compression"):
        collect(dataset)


def test_a_card_of_other_data_is_refused(dataset: Path) -> None:
    card = dataset / "README.md"
    card.write_text(card.read_text().replace("obj_size_occ_na` | 10", "obj_size_occ_na` | 99"))
    with pytest.raises(BuildError, match=r"README.md is stale.*spatialmosaic card"):
        collect(dataset)


def test_a_card_without_the_newest_checks_is_refused(dataset: Path) -> None:
    work = dataset.with_name("spatialmosaic.work")
    verdicts = {"paper": {"obj_size_occ_na": {"agrees": 15}}}
    found = {"verdicts": verdicts, "agreement": 1.0, "num_records": 15, "num_scans": 2, "num_scans_in_dataset": 2}
    (work / "verify.json").write_text(json.dumps(found))
    with pytest.raises(BuildError, match="is stale"):
        collect(dataset)
    refresh_card(dataset, work)
    assert b"Verification of `paper`" in dict(collect(dataset).files)["README.md"]  # type: ignore[operator]


def test_the_folder_alone_is_pushed_with_its_own_card(dataset: Path) -> None:
    shutil.rmtree(dataset.with_name("spatialmosaic.work"))
    assert collect(dataset).files["README.md"] == (dataset / "README.md").read_bytes()
    with pytest.raises(BuildError, match="--part bench cannot be made"):
        collect(dataset, part="bench")
    shutil.copyfile(
        dataset / "paper" / "test-00000-of-00001.parquet", dataset / "paper" / "train-00000-of-00001.parquet"
    )
    with pytest.raises(BuildError, match="describes other files"):
        collect(dataset)


@pytest.mark.parametrize(("root", "is_named"), [("/scannetpp", False), ("/train", False), ("/home/me/rooms", True)])
def test_a_folder_counts_as_named_only_where_it_stands_alone(dataset: Path, root: str, is_named: bool) -> None:
    work = dataset.with_name("spatialmosaic.work")
    marker_file = work / "paper.written.json"
    marker = json.loads(marker_file.read_text())
    marker["identity"] |= {"root": root, "images": f"made in {root if is_named else 'train'} by hand"}
    marker_file.write_text(json.dumps(marker))
    refresh_card(dataset, work)
    if is_named:
        with pytest.raises(BuildError, match="names the folder /home/me/rooms of this machine"):
            collect(dataset)
    else:
        assert collect(dataset).files


def test_the_card_of_a_profile_that_was_deleted(dataset: Path) -> None:
    shutil.rmtree(dataset / "paper")
    with pytest.raises(FileNotFoundError, match="does not tell how"):
        refresh_card(dataset, dataset.with_name("spatialmosaic.work"))


def test_what_is_no_dataset_or_not_all_of_one_is_refused(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        with pytest.raises(BuildError, match="is no dataset folder"):
            collect(tmp_path / name)
    shard = dataset / "paper" / "train-00000-of-00001.parquet"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(BuildError, match=r"not complete.*spatialmosaic status"):
        collect(dataset)
    shard.unlink()
    with pytest.raises(BuildError, match="not complete"):
        collect(dataset)
    shutil.rmtree(dataset)
    with pytest.raises(BuildError, match="not complete"):
        collect(dataset)


def test_a_missing_shard_is_noticed_without_the_work_folder(dataset: Path) -> None:
    shutil.rmtree(dataset.with_name("spatialmosaic.work"))
    (dataset / "paper" / "train-00000-of-00001.parquet").rename(dataset / "paper" / "train-00000-of-00002.parquet")
    with pytest.raises(BuildError, match=r"train-00001-of-00002.parquet is missing"):
        collect(dataset)


def test_a_dataset_that_a_build_writes_to_is_refused(dataset: Path) -> None:
    with (dataset.with_name("spatialmosaic.work") / "build.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BuildError, match="A build is writing to"):
            collect(dataset)


def test_only_the_allow_list_goes(dataset: Path) -> None:
    for name in ("report.html", "paper/notes.txt", "paper/.writing-1-train-00000-of-00001.parquet", "data/a.jpg"):
        (dataset / name).parent.mkdir(exist_ok=True)
        (dataset / name).write_bytes(b"x")
    release = collect(dataset)
    assert all(name == "README.md" or is_replaced(name) for name in release.files)
    assert not any(name.startswith("data/") for name in release.files)
    assert set(release.left_out) == {
        "report.html",
        "paper/notes.txt",
        "paper/.writing-1-train-00000-of-00001.parquet",
        "data/a.jpg",
    }


def test_pictures_go_only_with_a_statement_of_rights(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--include-images takes --rights"):
        collect(dataset, include_images=True, image_root=tmp_path)
    with pytest.raises(ValueError, match="are for --include-images"):
        collect(dataset, image_root=tmp_path)
    options = {"include_images": True, "image_root": tmp_path / "images", "rights": RIGHTS}
    with pytest.raises(BuildError, match=r"The picture .* is missing"):
        collect(dataset, **options)
    paths = {
        path
        for file in (dataset / "paper").glob("*.parquet")
        for row in pq.read_table(file)["image_paths"].to_pylist()
        for path in row
    }
    for path in paths:
        (tmp_path / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / path)
    files = collect(dataset, **options).files
    assert {name for name in files if name.startswith("data/")} == paths
    card = files["README.md"]
    assert isinstance(card, bytes)
    assert RIGHTS in card.decode()
    assert "terms-of-use" not in card.decode()
    assert "extra_gated" not in card.decode()
    assert "Images are not part of the dataset" not in card.decode()
