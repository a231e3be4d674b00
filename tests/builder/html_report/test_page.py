"""The page on a made-up room: every question type is drawn, marked right, and nothing leaves the one file."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from spatialmosaic_builder.annotations import Annotations
from spatialmosaic_builder.balance import stock_of
from spatialmosaic_builder.evidence import SceneEvidence
from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.html_report import choose_samples, count_levels, draw_record, drawing, write_page
from spatialmosaic_builder.html_report.charts import with_num_frames
from spatialmosaic_builder.html_report.diagram import MAP, Viewpoint, plan_diagram
from spatialmosaic_builder.html_report.exhibit import Exhibit
from spatialmosaic_builder.html_report.reasons import explain_answers
from spatialmosaic_builder.merge import finish_records, plan_quotas
from spatialmosaic_builder.records import propose_records
from spatialmosaic_builder.rules import PAPER
from spatialmosaic_builder.schema import Frame, Instance, OrientedBox
from spatialmosaic_builder.tasks import QUESTION_TYPES
from spatialmosaic_builder.tasks.wording import OPPOSITES, RELATION_PHRASES

WIDTH, HEIGHT, NUM_FRAMES = 240, 180, 5
EVIL = 'mug <img src="https://x.y/"> & "co"'
CATEGORIES = ("chair", "chair", "chair", "lamp", "sofa", "plant", "book", "table", "bottle", "clock", EVIL)
BOX = 24
"""Side of a visible box, pixels."""


def annotate_by_hand(scene_name: str) -> Annotations:
    """Cameras in the origin that look along z; objects of 10 cm on a slanted line, each seen in two of the frames."""
    shape = (NUM_FRAMES, len(CATEGORIES))
    points, boxes = np.zeros(shape, np.int32), np.full((*shape, 4), -1, np.int32)
    instances = []
    for n, category in enumerate(CATEGORIES):
        place = (0.4 * (n * 4 % 11) - 2.0, 0.3 * (n * 3 % 11) - 1.5, 1.0 + 0.4 * (n * 7 % 11))
        box = OrientedBox(place, tuple(np.eye(3).ravel().tolist()), (0.1, 0.1, 0.1))
        instances.append(Instance(100 + n, category, category, box, 500, 0.05))
        for frame in (n % NUM_FRAMES, (n + 2) % NUM_FRAMES):
            points[frame, n] = 60 + 3 * n
            x, y = 18 * n % (WIDTH - BOX), 40 + 11 * n % 90
            boxes[frame, n] = (x, y, x + BOX, y + BOX)
    camera = Camera(WIDTH, HEIGHT, 200.0, 200.0, WIDTH / 2, HEIGHT / 2)
    frames = tuple(
        Frame(f"frame_{k:06d}", f"data/{scene_name}/frame_{k:06d}.jpg", camera, np.eye(4)) for k in range(NUM_FRAMES)
    )
    return Annotations(
        scene_name=scene_name,
        instances=tuple(instances),
        tight_boxes=tuple(instance.box for instance in instances),
        frames=frames,
        points_in_view=np.where(points > 0, 100, 0).astype(np.int32),
        visible_points=points,
        visible_points_id=points,
        visible_points_canvas=points,
        visible_pixels=np.where(points > 0, BOX * BOX - points, 0).astype(np.float32),
        bbox_2d=boxes,
        overlap=np.eye(NUM_FRAMES, dtype=np.float32),
    )


ANNOTATIONS = {name: annotate_by_hand(name) for name in ("room_a", "room_b")}


@pytest.fixture(scope="module")
def table() -> pa.Table:
    candidates = {name: propose_records(a, PAPER, share=6, seed=0).table for name, a in ANNOTATIONS.items()}
    quotas = plan_quotas({name: stock_of(c) for name, c in candidates.items()}, 10 * len(QUESTION_TYPES), 0)
    records = pa.concat_tables([finish_records(c, quotas[name], "train", 0) for name, c in candidates.items()])
    assert set(records["question_type"].to_pylist()) == set(QUESTION_TYPES)
    return records


@pytest.fixture(scope="module")
def image_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Plain green pictures, twice as large as annotated: prepared copies may have another size."""
    root = tmp_path_factory.mktemp("images")
    for name, room in ANNOTATIONS.items():
        (root / "data" / name).mkdir(parents=True)
        for frame in room.frames:
            Image.new("RGB", (2 * WIDTH, 2 * HEIGHT), "#80c080").save(root / frame.image_path)
    return root


@pytest.fixture(scope="module")
def page(table: pa.Table, image_root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write(table, image_root, tmp_path_factory.mktemp("out") / "reports" / "report.html")


def write(table: pa.Table, image_root: Path, out: Path) -> str:
    samples = table.take(pa.array(choose_samples(table, 3, seed=0), pa.int64())).to_pylist()
    assert write_page({"paper": table}, samples, image_root, ANNOTATIONS.__getitem__, out) == out
    return out.read_text(encoding="utf-8")


class Cards(HTMLParser):
    """The texts of a page's cards."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cards: list[dict[str, Any]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._into: str | None = None
        self._is_right = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag == "article":
            self.cards.append({"type": values["data-question_type"], "question": "", "right": "", "images": 0})
        self._into = "question" if self.cards and values.get("class") == "question" else None
        if tag == "li":
            self._is_right = values.get("class") == "right"
        elif tag == "b" and self._is_right:
            self._into, self._is_right = "right", False
        if tag == "img":
            self.cards[-1]["images"] += 1

    def handle_data(self, data: str) -> None:
        if self._into:
            self.cards[-1][self._into] += data

    def handle_endtag(self, tag: str) -> None:
        self._into = None


def rows_of(table: pa.Table, **values: str) -> list[dict[str, Any]]:
    return [row for row in table.to_pylist() if all(row[name] == value for name, value in values.items())]


def exhibit_of(row: dict[str, Any]) -> Exhibit:
    return Exhibit.of(row, SceneEvidence(ANNOTATIONS[row["scene_name"]], PAPER))


def test_page_shows_three_samples_of_every_question_type(page: str) -> None:
    cards = Cards(page).cards
    assert [card["type"] for card in cards] == [name for name in QUESTION_TYPES for _ in range(3)]


def test_cards_show_all_frames_and_mark_the_right_answer(page: str, table: pa.Table) -> None:
    by_question: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        by_question.setdefault(row["question"], []).append(row)
    for card in Cards(page).cards:
        rows = [row for row in by_question[card["question"]] if row["question_type"] == card["type"]]
        shown = {
            (row["options"][row["answer_index"]] if row["options"] else row["ground_truth"], len(row["frames"]))
            for row in rows
        }
        assert (card["right"], card["images"]) in shown


def test_page_needs_nothing_from_outside(page: str) -> None:
    tags = Cards(page).tags
    assert {tag for tag, _ in tags}.isdisjoint({"link", "iframe", "object", "embed", "base"})
    sources = [values[name] or "" for _, values in tags for name in ("src", "href", "srcset") if name in values]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    code = "".join(re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", page, re.DOTALL))
    assert not re.search(r"https?:|file:|url\(|@import|fetch\(|import\(", code)


def test_embedded_pictures_are_jpegs_of_the_frames_shape(page: str) -> None:
    data = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    for encoded in data[:5]:
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
            assert picture.format == "JPEG"
            assert picture.size[0] * HEIGHT == picture.size[1] * WIDTH


def test_category_names_are_escaped(page: str) -> None:
    assert "<img src=&#34;" not in page
    assert EVIL not in page
    assert "mug &lt;img src=&#34;https://x.y/&#34;&gt; &amp; &#34;co&#34;" in page


def test_page_depends_on_records_and_seed_alone(page: str, table: pa.Table, image_root: Path, tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(len(table))
    assert write(table.take(pa.array(order)), image_root, tmp_path / "again.html") == page
    assert choose_samples(table, 3, seed=1) != choose_samples(table, 3, seed=0)


def test_no_records_give_an_empty_page(table: pa.Table, tmp_path: Path) -> None:
    assert not Cards(write(table.slice(0, 0), tmp_path, tmp_path / "report.html")).cards


def test_samples_come_from_different_scenes(table: pa.Table) -> None:
    chosen = table.take(pa.array(choose_samples(table, 2, seed=3))).to_pylist()
    scenes: dict[str, set[str]] = {}
    for row in chosen:
        scenes.setdefault(row["question_type"], set()).add(row["scene_name"])
    assert all(names == set(ANNOTATIONS) for names in scenes.values())


def test_counts_add_up(table: pa.Table) -> None:
    counts = count_levels(with_num_frames(table))
    assert [row["question_type"] for row in counts] == list(QUESTION_TYPES)
    for row in counts:
        rows = rows_of(table, question_type=row["question_type"])
        assert row["total"] == len(rows)
        assert sum(row["by_level"]["occ_level"]) == sum(r["occ_level"] is not None for r in rows)
        for level in ("num_frames", "overlap_level", "vis_level", "gt_scenario"):
            assert sum(row["by_level"][level]) == len(rows)


@pytest.mark.parametrize("damage", ["missing", "no picture", "cut off"])
def test_unreadable_pictures_become_grey_sheets(
    damage: str, table: pa.Table, image_root: Path, tmp_path: Path
) -> None:
    row = rows_of(table, question_type="obj_localization_occ")[0]
    if damage != "missing":
        for path in row["image_paths"]:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            content = (image_root / path).read_bytes()
            (tmp_path / path).write_bytes(b"nothing" if damage == "no picture" else content[: len(content) // 2])
    picture = draw_record(row, ANNOTATIONS[row["scene_name"]], tmp_path)
    assert picture.getpixel((26, picture.height // 8)) == (0xCE, 0xD4, 0xDA)


@pytest.mark.parametrize("question_type", QUESTION_TYPES)
def test_every_question_type_can_be_drawn_as_one_picture(
    question_type: str, table: pa.Table, image_root: Path
) -> None:
    row = rows_of(table, question_type=question_type)[0]
    picture = draw_record(row, ANNOTATIONS[row["scene_name"]], image_root, frame_width=160)
    assert picture.width >= 3 * 160
    colours = {colour for _, colour in picture.getcolors(picture.width * picture.height)}
    assert (0x2B, 0x8A, 0x3E) in colours


def test_boxes_lie_where_the_annotations_say(table: pa.Table, image_root: Path) -> None:
    for row in rows_of(table, task="count"):
        exhibit = exhibit_of(row)
        frame_of = exhibit.evidence.frame_of
        for position in range(len(row["frames"])):
            picture = exhibit.draw_frame(position, image_root, WIDTH, 0.75)
            visible = [n for n, _, _ in exhibit.subjects if exhibit.evidence.is_visible[position, n]]
            boxes = ANNOTATIONS[row["scene_name"]].bbox_2d[frame_of(position), visible]
            painted = np.abs(np.asarray(picture, int) - (0x80, 0xC0, 0x80)).max(axis=2) > 40
            assert painted.any() == bool(visible)
            for x0, y0, x1, y1 in boxes:
                assert painted[y0 : y1 + 1, x1].all() or painted[y0 : y1 + 1, x1 - 1].all()
                assert not painted[y0 + 12, x0 + 12]


def test_frames_are_marked_where_instances_are_visible_only(table: pa.Table) -> None:
    for row in rows_of(table, task="existence"):
        exhibit = exhibit_of(row)
        (source, _, _), (target, _, _) = exhibit.subjects
        assert exhibit.evidence.is_visible[exhibit.query_position, source]
        assert not exhibit.evidence.is_visible[exhibit.query_position, target]


@pytest.mark.parametrize("task", ["existence", "attribute", "spatial_relation"])
def test_diagrams_show_the_true_relation(task: str, table: pa.Table) -> None:
    rows = rows_of(table, task=task)
    assert {row["relation"] for row in rows} >= {"left", "right", "higher", "lower", "closer", "farther"}
    for row in rows:
        _, *diagrams = exhibit_of(row).diagrams
        assert len(diagrams) == 1 + (row["relation"] in ("higher", "lower") or task == "spatial_relation")
        spans = [{shape.role: shape.points for shape in diagram.shapes} for diagram in diagrams]
        top, side = spans[0], spans[-1]
        view, across, sign = {
            "left": (top, 0, 1),
            "right": (top, 0, -1),
            "farther": (top, 1, 1),
            "closer": (top, 1, -1),
            "higher": (side, 1, 1),
            "lower": (side, 1, -1),
        }[row["relation"]]
        target, source = ([sign * point[across] for point in view[role]] for role in ("target", "source"))
        (edge_t, _), (edge_s, _) = ([sign * p[across] for p in view[f"{role}-edge"]] for role in ("target", "source"))
        assert (edge_t, edge_s) == (max(target), min(source))
        assert edge_t < edge_s


def test_gaps_name_the_true_relation(table: pa.Table) -> None:
    for row in rows_of(table, task="spatial_relation"):
        gaps = exhibit_of(row).gaps
        assert len(gaps) == 3
        assert gaps[row["relation"]] > 0


def test_option_points_stand_in_the_query_frame(table: pa.Table) -> None:
    for row in rows_of(table, task="localization"):
        dots = exhibit_of(row).dots
        assert len(dots) == (sum("Yes" in option for option in row["options"]) if row["options"] else 1)
        keys = [dot for dot in dots if dot.is_key]
        assert len(keys) == (row["ground_truth"] != "No")
        for key in keys:
            x0, y0, x1, y1 = row["bbox_2d"]
            assert key.letter == (row["mc_answer"] or "")
            assert key.x * WIDTH == pytest.approx((x0 + x1) / 2, abs=1)
            assert key.y * HEIGHT == pytest.approx((y0 + y1) / 2, abs=1)


@pytest.mark.parametrize("task", ["distance", "size"])
def test_diagrams_show_the_length_that_is_asked_for(task: str, table: pa.Table) -> None:
    rows = rows_of(table, task=task)
    assert rows
    for row in rows:
        exhibit = exhibit_of(row)
        unit = "m" if task == "distance" else "cm"
        measured = exhibit.diagrams[-2:]
        assert len(exhibit.diagrams) == (2 if row["query_frame"] is None else 3)
        for diagram in measured:
            shapes = {shape.role: shape for shape in diagram.shapes}
            assert shapes["length"].label == f"{row['ground_truth']} {unit}"
            has_camera = row["query_frame"] is not None or diagram is exhibit.diagrams[0]
            assert ("camera" in shapes) == has_camera
            assert ("source" in shapes) == (row["source"] is not None)
            low, high = (extreme(np.array(shapes["target"].points), axis=0) for extreme in (np.min, np.max))
            if task == "size":
                assert ((shapes["length"].points >= low - 0.2) & (shapes["length"].points <= high + 0.2)).all()
            else:
                assert shapes["length"].points[0] == pytest.approx((low + high) / 2, abs=20)


def test_annotations_of_another_build_are_refused(table: pa.Table, image_root: Path) -> None:
    row = rows_of(table, task="existence")[0]
    annotations = ANNOTATIONS[row["scene_name"]]
    for wrong, what in (
        ({"frames": ["frame_999999"]}, "the frame frame_999999"),
        ({"source": {**row["source"], "instance_id": 7}}, "the instance 7"),
        ({"source": None, "category": "dragon"}, "the category dragon"),
        ({"profile": "mine"}, "the profile 'mine'"),
    ):
        with pytest.raises(ValueError, match=what):
            draw_record({**row, **wrong}, annotations, image_root)


def test_labels_and_points_at_the_rim_stay_inside(tmp_path: Path) -> None:
    marks = [drawing.Mark((x, y, x, y), "#e8590c", 90 * "w") for x in (0.0, 1.0) for y in (0.0, 1.0)]
    dots = [drawing.Dot(x, y, "A", True) for x in (0.0, 1.0) for y in (0.0, 1.0)]
    assert drawing.draw_frame(tmp_path / "none.jpg", "none.jpg", (160, 8), marks, dots, 0.5).size == (160, 8)


def test_every_answer_has_its_reason(table: pa.Table) -> None:
    for row in table.to_pylist():
        exhibit = exhibit_of(row)
        reasons = explain_answers(exhibit)
        assert len(reasons) == len(exhibit.answers)
        assert all(reason.endswith(".") and len(reason) > 15 for reason in reasons)
        assert not any("do not" in reason or "not decided" in reason for reason in reasons)


def test_reasons_name_the_truth(table: pa.Table) -> None:
    for row in table.to_pylist():
        exhibit = exhibit_of(row)
        reasons = explain_answers(exhibit)
        key, wrong = reasons[exhibit.key], [reason for k, reason in enumerate(reasons) if k != exhibit.key]
        if row["task"] == "count":
            assert key.endswith(f": {row['ground_truth']} in all.")
            assert all(f"The frames show {row['ground_truth']}, not" in reason for reason in wrong)
        elif row["task"] in ("existence", "attribute", "spatial_relation"):
            assert f"wholly {RELATION_PHRASES[row['relation']]} that around the" in key
        elif row["task"] == "localization" and row["bbox_2d"]:
            assert row["ground_truth"].removeprefix("Yes; ") in key
        elif row["task"] in ("distance", "size"):
            assert row["ground_truth"] in key
        if row["task"] == "attribute":
            assert all(RELATION_PHRASES[OPPOSITES[row["relation"]]] in reason for reason in wrong)
        if row["task"] == "spatial_relation":
            assert sum(f"{row['relation']}, by" in reason for reason in wrong) == 1


def test_a_map_shows_the_cameras_and_the_subjects(table: pa.Table) -> None:
    for row in table.to_pylist():
        exhibit = exhibit_of(row)
        plan = exhibit.diagrams[0]
        cameras = [shape for shape in plan.shapes if shape.role == "camera"]
        assert [camera.label for camera in cameras] == [str(k + 1) for k in range(len(row["frames"]))]
        assert sum(shape.role == "view" for shape in plan.shapes) == (row["query_frame"] is not None)
        labels = {shape.label for shape in plan.shapes}
        assert labels >= {label for _, _, label in exhibit.subjects}


def test_a_camera_that_looks_straight_down_has_a_place_on_the_map() -> None:
    rays = np.array([[-1.0, 0.0, -1.0], [1.0, 0.0, -1.0]])
    plan = plan_diagram(MAP, [], [Viewpoint(np.zeros(3), rays, "1")])
    assert np.isfinite([shape.points for shape in plan.shapes if shape.role == "camera"]).all()
