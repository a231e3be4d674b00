"""Rows: what shows the same views is together, and pictures that are missing are found before training starts."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from spatialmosaic_builder.prompting import messages
from spatialmosaic_vlm.training.records import read_records


@pytest.fixture
def data(arguments, tmp_path):
    return arguments(tmp_path)[0]


def test_questions_on_one_frame_set_share_a_row_and_none_is_lost(records):
    table = records.table
    rows = list(records.rows(4))
    texts = [conversation[-1]["content"][0]["text"] for row in rows for conversation in row["conversations"]]
    assert len(texts) == len(table)
    assert max(len(row["conversations"]) for row in rows) == 4
    asked = {(str(message[0]["content"])) for row in rows for message in row["conversations"]}
    assert asked == {str(messages(record)[0]["content"]) for record in table}


def test_the_views_of_a_row_are_those_of_its_records(records):
    table = records.table
    first = records.rows(4)[0]
    (place,) = (k for k in range(len(table)) if messages(table[k], with_answer=True) == first["conversations"][0])
    assert [image.tobytes() for image in first["images"]] == [image.tobytes() for image in table[place]["images"]]


def test_one_question_a_row_keeps_the_order_of_the_dataset(records):
    rows = records.rows(1)
    assert len(rows) == len(records.table)
    assert rows[3]["messages"] == messages(records.table[3], with_answer=True)


def test_question_types_and_records_are_chosen(data):
    chosen = read_records(replace(data, question_types=["obj_count_occ"]), "train", 5).table
    assert len(chosen) == 5
    assert set(chosen["question_type"]) == {"obj_count_occ"}
    with pytest.raises(ValueError, match=r"holds no obj_guess; it holds bestview_count_occ"):
        read_records(replace(data, question_types=["obj_guess"]), "train", None)


def test_missing_pictures_are_counted_and_named_or_left_out(data, rooms, tmp_path):
    root = tmp_path / "images"
    shutil.copytree(rooms, root)
    all_records = read_records(data, "train", None).table
    lost = all_records[0]["image_paths"][-1]
    (root / lost).unlink()
    hit = [record["id"] for record in all_records if lost in record["image_paths"]]
    with pytest.raises(
        FileNotFoundError,
        match=rf"1 pictures are missing .*{len(hit)} of {len(all_records)} records.*{hit[0]}: {lost}",
    ):
        read_records(replace(data, image_root=str(root)), "train", None)
    left = read_records(replace(data, image_root=str(root), on_missing_image="skip"), "train", None)
    assert (left.skipped.num_images, left.skipped.num_records) == (1, len(hit))
    assert set(left.table["id"]) == set(all_records["id"]) - set(hit)


def test_a_root_without_pictures_is_refused(data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No picture of the .* records lies under .*prepare-images"):
        read_records(replace(data, image_root=str(tmp_path), on_missing_image="skip"), "train", None)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        read_records(replace(data, image_root=str(tmp_path / "nowhere")), "train", None)
    with pytest.raises(ValueError, match="image_root is not set"):
        read_records(replace(data, image_root=None), "train", None)


def test_a_damaged_picture_is_named_with_its_record(data, rooms, tmp_path):
    root = tmp_path / "images"
    shutil.copytree(rooms, root)
    picture = root / read_records(data, "train", None).table[0]["image_paths"][0]
    picture.write_bytes(picture.read_bytes()[:500])
    records = read_records(replace(data, image_root=str(root)), "train", None)
    with pytest.raises(ValueError, match=rf"A picture of record {records.table['id'][0]} cannot be read"):
        records.rows(1)[0]


def test_what_is_no_dataset_is_refused(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder; build it"):
        read_records(replace(data, dataset=str(tmp_path / "nothing")), "train", None)
    with pytest.raises(ValueError, match=r"The split train of .*, config strict, cannot be loaded"):
        read_records(replace(data, profile="strict"), "train", None)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the columns id, frames"):
        read_records(replace(data, dataset=str(tmp_path), profile="default"), "train", None)


def test_the_registered_name_generates_from_the_scans(data, rooms, tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    generated = replace(data, dataset="spatialmosaic", data_dir=str(rooms), size="24")
    assert len(read_records(generated, "train", None).table) == 16
