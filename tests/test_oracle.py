"""The checker checked: hand-made plates whose visibility, boxes and relations are known by construction."""

from __future__ import annotations

import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from plyfile import PlyData, PlyElement

sys.path.insert(0, str(Path(__file__).parent))

from oracle import Report, check_balance, check_records
from oracle.rays import Viewer
from oracle.scan import Camera, category_key, load_scan
from oracle.tri import Tri, above

SCENE = "0123456789"
WIDTH, HEIGHT, FOCAL = 200, 160, 100.0
NOTE = " Coordinates are pixels of the image resized to 518 x 518."
# label, x, y, z of the centre, width (x), height (z). Frames look along +y from (x, 0, z).
PLATES = [
    ("wall", 0.0, 9.0, 0.0, 8.0, 6.0),
    ("sofa", 0.0, 3.0, 0.0, 1.0, 1.0),
    ("floor lamp", -20.0, 5.0, 2.0, 1.0, 1.0),
    ("table", 20.0, 4.0, 0.0, 1.0, 1.0),
    ("plant", 22.0, 4.0, -1.5, 0.5, 0.5),
    ("vase", 18.0, 4.0, -1.5, 0.5, 0.5),
    ("Chair", 1.5, 4.0, -1.0, 0.5, 0.5),
    ("chairs", 2.0, 5.0, 1.0, 0.5, 0.5),
    ("chair", -20.0, 6.0, -0.5, 0.5, 0.5),
    ("box", -1.5, 4.0, 1.0, 1.0, 1.0),
    ("box", -22.0, 4.0, 0.0, 1.0, 1.0),
    ("REMOVE", -20.875, 2.0, 0.0, 0.25, 2.0),
]
CENTERS = {"frame_000000": (0.0, 0.0, 0.0), "frame_000010": (-20.0, 0.0, 0.0), "frame_000020": (20.0, 0.0, 0.0)}
SMALL = 4


def _plate(x: float, y: float, z: float, width: float, height: float, n: int = 9) -> tuple[np.ndarray, np.ndarray]:
    u, v = np.meshgrid(np.linspace(-0.5, 0.5, n), np.linspace(-0.5, 0.5, n))
    points = np.stack([x + width * u.ravel(), np.full(n * n, y), z + height * v.ravel()], 1)
    a = (np.arange(n - 1)[:, None] * n + np.arange(n - 1)).ravel()
    return points, np.concatenate([np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)])


def write_scene(root: Path, plates: list[tuple[Any, ...]] = PLATES, small: int | None = None) -> Path:
    """Write the plates as a ScanNet++ scene; plate `small` gets too few vertices to be a subject."""
    scans, colmap = root / "data" / SCENE / "scans", root / "data" / SCENE / "iphone" / "colmap"
    scans.mkdir(parents=True)
    colmap.mkdir(parents=True)
    vertices, faces, groups, start = [], [], [], 0
    for i, (label, x, y, z, width, height) in enumerate(plates):
        points, triangles = _plate(x, y, z, width, height, SMALL if i == small else 9)
        obb = {
            "centroid": [x, y, z],
            "axesLengths": [width, 0.1, height],
            "normalizedAxes": [1, 0, 0, 0, 1, 0, 0, 0, 1],
        }
        ids = list(range(start, start + len(points)))
        groups.append({"id": 90 + i, "objectId": 10 + i, "label": label, "segments": ids, "obb": obb})
        vertices.append(points)
        faces.append(triangles + start)
        start += len(points)
    points, triangles = np.concatenate(vertices), np.concatenate(faces).astype(np.int32)
    vertex = np.array([tuple(p) for p in points], dtype=[(c, "f4") for c in "xyz"])
    face = np.empty(len(triangles), dtype=[("vertex_indices", "i4", (3,))])
    face["vertex_indices"] = triangles
    elements = [PlyElement.describe(vertex, "vertex"), PlyElement.describe(face, "face")]
    PlyData(elements).write(str(scans / "mesh_aligned_0.05.ply"))
    # Segments are numbered backwards: a reader that skips segIndices sees other objects.
    (scans / "segments.json").write_text(json.dumps({"segIndices": list(range(start))[::-1]}))
    for group in groups:
        group["segments"] = [start - 1 - v for v in group["segments"]]
    (scans / "segments_anno.json").write_text(json.dumps({"segGroups": groups}))
    (colmap / "cameras.txt").write_text(
        f"# one\n# two\n# three\n1 OPENCV {WIDTH} {HEIGHT} {FOCAL} {FOCAL} {WIDTH / 2} {HEIGHT / 2} 0 0 0 0\n"
    )
    lines = ["# head"] * 4
    for number, (name, (x, y, z)) in enumerate(CENTERS.items(), 1):
        # x_cam = X - x, y_cam = z - Z, z_cam = Y - y: a quarter turn about x.
        lines += [f"{number} {np.sqrt(0.5)} {np.sqrt(0.5)} 0 0 {-x} {z} {-y} 1 video/{name}.jpg", ""]
    (colmap / "images.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scans"))


@pytest.fixture(scope="module")
def viewer(root: Path) -> Viewer:
    return Viewer(load_scan(root, SCENE))


def base(**changes: Any) -> dict[str, Any]:
    frames = list(CENTERS)
    record = {
        "id": "r1", "dataset": "scannetpp", "scene_name": SCENE, "split": "train", "profile": "paper",
        "frame_set_id": "set", "frames": frames, "image_paths": [f"data/{SCENE}/iphone/rgb/{f}.jpg" for f in frames],
        "query_frame": 1, "mc_answer": "A", "answer_index": 0, "answer_type": "choice", "chance": 0.25,
        "answer_band": None, "category": "floor lamp", "source": {"instance_id": 11, "category": "sofa", "position": None},
        "target": {"instance_id": 12, "category": "floor lamp", "position": None}, "relation": "left",
        "bbox_2d": None, "bbox_2d_diag": None, "overlap_avg": 0.0, "occlusion_avg": 0.0, "occ_level": "low",
        "overlap_level": "high", "vis_level": "Partially Visible", "gt_scenario": "Full Coverage",
        "num_frames_visible": 1, "seed": 0, "builder_version": "0",
    }  # fmt: skip
    return record | changes


def existence(**changes: Any) -> dict[str, Any]:
    return base(
        task="existence", question_type="obj_existence_occ_lr", chance=0.5, options=["A. Yes", "B. No"],
        question="In Frame 1, is the floor lamp to the left of the sofa in this viewpoint?", ground_truth="Yes",
    ) | changes  # fmt: skip


def attribute(**changes: Any) -> dict[str, Any]:
    return base(
        task="attribute", question_type="obj_attribute_occ_lr", ground_truth="floor lamp",
        question="In Frame 1, which object appears to the left of the sofa in this viewpoint?",
        options=["A. floor lamp", "B. table", "C. vase", "D. plant"],
    ) | changes  # fmt: skip


def spatial(**changes: Any) -> dict[str, Any]:
    texts = ["To the left of", "To the right of", "Lower than", "Closer to the camera than"]
    return base(
        task="spatial_relation", question_type="obj_spatial_occ_lr", ground_truth="To the left of the sofa.",
        question="In Frame 1, where does the floor lamp appear in this view relative to the sofa?",
        options=[f"{'ABCD'[i]}. {t} the sofa." for i, t in enumerate(texts)],
    ) | changes  # fmt: skip


def count(**changes: Any) -> dict[str, Any]:
    return base(
        task="count", question_type="obj_count_occ", ground_truth="3", options=["A. 3", "B. 2", "C. 4", "D. 1"],
        question="How many chair(s) are visible across these frames?", category="chair", query_frame=None,
        source=None, target=None, relation=None, num_frames_visible=2,
    ) | changes  # fmt: skip


def best_view(**changes: Any) -> dict[str, Any]:
    question = (
        "How many chair(s) are visible across these frames? "
        "And tell me which frame provides the most informative view of the chair(s)."
    )
    options = ["A. 3 chair(s); Frame 1", "B. 2 chair(s); Frame 1", "C. 3 chair(s); Frame 2", "D. 2 chair(s); Frame 3"]
    record = count(task="best_view", question_type="bestview_count_occ", question=question, options=options)
    return record | {"ground_truth": options[0][3:]} | changes


def localization(**changes: Any) -> dict[str, Any]:
    # The sofa spans x -0.5..0.5 at 3 m: 33.3 px about the middle of the picture, so (259, 259) of 518.
    box = [83, 63, 117, 97]
    return base(
        task="localization", question_type="obj_localization_occ", ground_truth="Yes; (259, 259)", source=None,
        relation=None, category="sofa", target={"instance_id": 11, "category": "sofa", "position": None},
        question="Is there a(n) sofa in Frame 1? If so, what is the bounding box center coordinates?" + NOTE,
        options=["A. Yes; (259, 259)", "B. Yes; (320, 259)", "C. Yes; (200, 200)", "D. No"],
        bbox_2d=box, bbox_2d_diag=float(np.hypot(34 * 518 / WIDTH, 34 * 518 / HEIGHT)),
    ) | changes  # fmt: skip


def number(**changes: Any) -> dict[str, Any]:
    """A record without options; the question counts chairs unless it is changed."""
    blank = {"options": [], "mc_answer": None, "answer_index": None, "chance": None, "answer_type": "number"}
    return count(question_type="obj_count_occ_na", answer_band=[3.0, 3.0]) | blank | changes


def place(**changes: Any) -> dict[str, Any]:
    record = localization(question_type="obj_localization_occ_na", ground_truth="(259, 259)")
    blank = {name: number()[name] for name in ("options", "mc_answer", "answer_index", "chance")}
    return record | blank | {"answer_type": "point"} | changes


def distance(**changes: Any) -> dict[str, Any]:
    return number(
        task="distance", question_type="obj_distance_occ_na", category="sofa", query_frame=1,
        question="In Frame 1, what is the distance in meters between the camera and the sofa?",
        target={"instance_id": 11, "category": "sofa", "position": None}, num_frames_visible=1,
        ground_truth="3.00", answer_band=[2.94, 3.06],
    ) | changes  # fmt: skip


def between(**changes: Any) -> dict[str, Any]:
    # Sofa (0, 3, 0) and floor lamp (-20, 5, 2): the root of 408.
    return distance(
        question_type="obj_obj_distance_occ_na", query_frame=None, ground_truth="20.20", answer_band=[19.795, 20.603],
        question="What is the distance in meters between the sofa and the floor lamp?",
        source={"instance_id": 12, "category": "floor lamp", "position": None},
    ) | changes  # fmt: skip


def size(**changes: Any) -> dict[str, Any]:
    return distance(
        task="size", question_type="obj_size_occ_na", query_frame=None, ground_truth="100", answer_band=[98.0, 102.0],
        question="What is the length in centimeters of the longest side of the sofa?",
    ) | changes  # fmt: skip


MAKERS = {
    m.__name__: m
    for m in (
        *(existence, attribute, spatial, count, best_view, localization),
        *(number, place, distance, between, size),
    )
}


def run(root: Path, viewer: Viewer, *records: dict[str, Any]) -> Report:
    return check_records(list(records), root, {(SCENE, "iphone"): viewer})


def whats(report: Report) -> set[str]:
    return {d.what for d in report.disagreements} | {v.rule for v in report.violations}


def test_visibility_of_plates(viewer: Viewer) -> None:
    scan, front, lamp = viewer.scan, viewer.frame("frame_000000"), viewer.frame("frame_000010")
    sofa, wall, half = scan.index[11], scan.index[10], scan.index[20]
    assert front.ratio[sofa] == 0
    assert front.visible[sofa]
    assert front.points[sofa] >= 2000
    assert front.box[sofa] == pytest.approx([83.3, 63.3, 116.7, 96.7], abs=1.0)
    assert front.pixels[sofa] == pytest.approx(33.3**2 / 4, rel=0.1)
    # Shadows on the wall of 8 x 6 m, clipped to it: sofa, box and the two chairs in this frame.
    shadows = 3.0 * 3.0 + 1.75 * 1.875 + 1.125 * 1.125 + 0.85 * 0.9
    assert front.ratio[wall] == pytest.approx(shadows / 48, abs=0.005)
    # The junk plate covers the right half of the second box.
    assert lamp.ratio[half] == pytest.approx(0.5, abs=0.01)
    assert not front.visible[half]
    assert lamp.points[sofa] == 0
    assert lamp.ratio[sofa] == 1.0


def test_first_view_of_hidden_points_follows_tolerance(tmp_path: Path) -> None:
    plates = [("wall", 0.0, 9.0, 0.0, 4.0, 4.0), ("poster", 0.0, 3.0, 0.0, 1.0, 1.0), ("glass", 0.0, 2.995, 0.0, 1.0, 1.0),
              ("pane", 0.0, 2.98, 0.0, 1.0, 1.0)]  # fmt: skip
    near = Viewer(load_scan(write_scene(tmp_path / "a", plates[:3]), SCENE)).frame("frame_000000")
    assert near.ratio[1] < 0.01
    assert near.pixels[1] < 10
    far = Viewer(load_scan(write_scene(tmp_path / "b", plates), SCENE)).frame("frame_000000")
    assert far.ratio[1] > 0.97


def test_overlap(viewer: Viewer) -> None:
    assert viewer.set(list(CENTERS)).overlaps == [0.0, 0.0, 0.0]
    assert viewer.set(["frame_000000", "frame_000000"]).overlaps == [1.0]


def test_camera_agrees_with_opencv() -> None:
    camera = Camera(960, 720, 716.0, 715.8, 478.0, 362.4, 0.06, -0.09, 0.002, -0.001)
    rng = np.random.default_rng(0)
    xy = rng.uniform(-0.6, 0.6, (200, 2))
    matrix = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1]])
    points = np.column_stack([xy, np.ones(200)])
    uv, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, np.array([0.06, -0.09, 0.002, -0.001]))
    assert camera.distort(xy) == pytest.approx(uv[:, 0], abs=1e-6)
    assert camera.undistort(camera.distort(xy)) == pytest.approx(xy, abs=1e-9)


def test_smallest_owner_wins_and_faces_vote(viewer: Viewer) -> None:
    scan = viewer.scan
    assert [int((scan.face_owner == i).sum()) for i in range(len(PLATES))] == [128] * len(PLATES)
    assert scan.instances[0].owned == scan.instances[0].group_size == 81
    assert scan.index[11] == 1


def test_category_keys() -> None:
    for a, b in (("Chair", "chairs"), ("white board", "Whiteboard"), ("tv-stand", "TV  stand"), ("glass", "glass ")):
        assert category_key(a) == category_key(b)
    assert category_key("office chair") != category_key("chair")
    assert category_key("cutti\u0307ng board") == category_key("cutti\u0307ng boards")


def test_tri() -> None:
    assert above(0.01, 0, 0.02) == Tri(True, False, True)
    assert ~above(0.01, 0, 0.02) == Tri(False, False, True)
    assert above(0.03, 0, 0.02) == Tri(True, True, True)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_right_records_agree(name: str, root: Path, viewer: Viewer) -> None:
    report = run(root, viewer, MAKERS[name]())
    assert report.ok, report.table()
    assert not report.within_tolerance
    assert sum(c["agree"] for c in report.counts.values()) == 1


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("existence", {"relation": "right", "ground_truth": "No", "mc_answer": "B", "answer_index": 1}, "relation"),
    ("existence", {"ground_truth": "No", "mc_answer": "B", "answer_index": 1}, "existence key follows the relation"),
    ("existence", {"query_frame": 2, "question": "In Frame 2, is the floor lamp to the left of the sofa in this viewpoint?"},
     "source in the query frame"),
    ("existence", {"query_frame": 2, "question": "In Frame 2, is the floor lamp to the left of the sofa in this viewpoint?"},
     "target not in the query frame"),
    ("existence", {"frames": ["frame_000000", "frame_000020"], "image_paths": [f"data/{SCENE}/iphone/rgb/{f}.jpg"
     for f in ("frame_000000", "frame_000020")]}, "target elsewhere"),
    ("existence", {"source": {"instance_id": 11, "category": "sofa", "position": [259, 259]},
     "question": f"In Frame 1, is the floor lamp to the left of the sofa (259, 259) in this viewpoint?{NOTE}"}, "tag needed"),
    ("existence", {"source": {"instance_id": 16, "category": "chair", "position": None},
     "question": "In Frame 1, is the floor lamp to the left of the chair in this viewpoint?"}, "source unique or tagged"),
    ("existence", {"source": {"instance_id": 16, "category": "chair", "position": [300, 300]},
     "question": f"In Frame 1, is the floor lamp to the left of the chair (300, 300) in this viewpoint?{NOTE}"},
     "tag centre of box"),
    ("existence", {"source": {"instance_id": 16, "category": "chair", "position": [356, 340]},
     "question": "In Frame 1, is the floor lamp to the left of the chair (356, 340) in this viewpoint?"},
     "coordinate note iff coordinates"),
    ("existence", {"target": {"instance_id": 18, "category": "chair", "position": None}, "category": "chair",
     "question": "In Frame 1, is the chair to the left of the sofa in this viewpoint?"},
     "one eligible instance of T's category"),
    ("existence", {"question": "In Frame 1, is the floor lamp left of the sofa in this viewpoint?"}, "question wording"),
    ("existence", {"query_frame": 4}, "query_frame in range"),
    ("existence", {"occlusion_avg": 0.1}, "occlusion_avg"),
    ("existence", {"occlusion_avg": 0.1, "occ_level": "medium"}, "occ_level of occlusion_avg"),
    ("existence", {"num_frames_visible": 2}, "num_frames_visible"),
    ("existence", {"gt_scenario": "Partial Coverage"}, "gt_scenario"),
    ("existence", {"vis_level": "Fully Visible"}, "vis_level partial in relations"),
    ("existence", {"overlap_avg": 15.0, "overlap_level": "medium"}, "overlap_avg"),
    ("existence", {"chance": 0.25}, "chance"),
    ("existence", {"image_paths": ["a/b.jpg"] * 3}, "image_paths end with the frame names"),
    ("attribute", {"options": ["A. floor lamp", "B. table", "C. vase", "D. box"]}, "distractor all opposite"),
    ("attribute", {"options": ["A. floor lamp", "B. table", "C. vase", "D. chair"]}, "distractor all opposite"),
    ("attribute", {"options": ["A. floor lamp", "B. table", "C. vase", "D. wall"]}, "distractor is a subject"),
    ("attribute", {"options": ["A. floor lamp", "B. table", "C. vase", "D. vases"]}, "categories of options and S differ"),
    ("spatial", {"options": ["A. To the left of the sofa.", "B. To the right of the sofa.", "C. Higher than the sofa.",
     "D. Closer to the camera than the sofa."]}, "distractor false, axis decided"),
    ("spatial", {"options": ["A. To the left of the sofa.", "B. Farther from the camera than the sofa.",
     "C. Lower than the sofa.", "D. Closer to the camera than the sofa."]},
     "spatial options: truth, opposite, one of each other axis"),
    ("count", {"ground_truth": "2", "answer_index": 1, "mc_answer": "B"}, "count"),
    ("count", {"options": ["A. 3", "B. 2", "C. 9", "D. 1"]}, "count distractors within 3 of a key >= 1"),
    ("count", {"options": ["A. 3", "B. 2", "C. 2", "D. 1"]}, "options distinct"),
    ("count", {"query_frame": 1}, "query_frame null where no frame is named"),
    ("best_view", {"ground_truth": "3 chair(s); Frame 2", "answer_index": 2, "mc_answer": "C"}, "best frame"),
    ("best_view", {"ground_truth": "2 chair(s); Frame 1", "answer_index": 1, "mc_answer": "B"}, "count"),
    ("localization", {"ground_truth": "Yes; (320, 259)", "answer_index": 1, "mc_answer": "B"}, "key centre of box"),
    ("localization", {"ground_truth": "No", "answer_index": 3, "mc_answer": "D", "bbox_2d": None, "bbox_2d_diag": None},
     "No: none in the query frame"),
    ("localization", {"options": ["A. Yes; (259, 259)", "B. Yes; (270, 259)", "C. Yes; (200, 200)", "D. No"]}, "points apart"),
    ("localization", {"options": ["A. Yes; (259, 259)", "B. Yes; (530, 259)", "C. Yes; (200, 200)", "D. No"]},
     "points inside the image"),
    ("localization", {"bbox_2d": [60, 63, 140, 97]}, "bbox_2d edges"),
    ("localization", {"bbox_2d_diag": 48.0}, "bbox_2d_diag of bbox_2d"),
    ("localization", {"question": "Is there a sofa in Frame 1?"}, "question wording"),
    ("localization", {"answer_band": [1.0, 2.0]}, "answer_band iff number"),
    ("number", {"ground_truth": "2", "answer_band": [2.0, 2.0]}, "count"),
    ("number", {"ground_truth": "three"}, "answer form"),
    ("number", {"answer_band": [2.0, 4.0]}, "answer_band of a count is the count"),
    ("number", {"answer_band": [4.0, 4.0]}, "answer_band holds the answer"),
    ("number", {"answer_band": None}, "answer_band iff number"),
    ("number", {"options": ["A. 3", "B. 2"]}, "no options"),
    ("number", {"mc_answer": "A"}, "mc_answer null without options"),
    ("number", {"answer_index": 0}, "answer_index null without options"),
    ("number", {"chance": 0.25}, "chance null without options"),
    ("number", {"answer_type": "choice"}, "answer_type"),
    ("place", {"ground_truth": "(320, 259)"}, "key centre of box"),
    ("place", {"ground_truth": "No"}, "answer form"),
    ("place", {"bbox_2d_diag": 48.0}, "bbox_2d_diag of bbox_2d"),
    ("place", {"bbox_2d_diag": None}, "bbox_2d_diag iff bbox_2d"),
    ("distance", {"ground_truth": "3.10", "answer_band": [3.04, 3.16]}, "distance to the camera"),
    ("distance", {"answer_band": [2.9, 3.1]}, "answer_band"),
    ("distance", {"ground_truth": "3"}, "answer form"),
    ("distance", {"ground_truth": "0.05", "answer_band": [0.03, 0.07]}, "answer long enough to be scored"),
    ("distance", {"query_frame": 2, "question": "In Frame 2, what is the distance in meters between the camera and the sofa?"},
     "target in the query frame"),
    ("distance", {"target": {"instance_id": 16, "category": "chair", "position": None}, "category": "chair",
     "question": "In Frame 1, what is the distance in meters between the camera and the chair?"},
     "target unique or tagged"),
    ("distance", {"target": {"instance_id": 16, "category": "chair", "position": [300, 300]}, "category": "chair",
     "question": f"In Frame 1, what is the distance in meters between the camera and the chair (300, 300)?{NOTE}"},
     "tag centre of box"),
    ("distance", {"target": {"instance_id": 16, "category": "chair", "position": [356, 340]}, "category": "chair",
     "question": "In Frame 1, what is the distance in meters between the camera and the chair?"},
     "question shows the target's position"),
    ("distance", {"vis_level": "Fully Visible"}, "vis_level"),
    ("between", {"ground_truth": "20.80", "answer_band": [20.384, 21.216]}, "distance"),
    ("between", {"source": {"instance_id": 19, "category": "box", "position": None},
     "question": "What is the distance in meters between the sofa and the box?"}, "one eligible instance of S's category"),
    ("between", {"target": {"instance_id": 18, "category": "chair", "position": None}, "category": "chair",
     "question": "What is the distance in meters between the chair and the floor lamp?"},
     "one eligible instance of T's category"),
    ("between", {"frames": ["frame_000000", "frame_000020"], "image_paths": [f"data/{SCENE}/iphone/rgb/{f}.jpg"
     for f in ("frame_000000", "frame_000020")]}, "source in a frame"),
    ("between", {"query_frame": 1}, "query_frame null where no frame is named"),
    ("between", {"source": None}, "source iff two objects"),
    ("size", {"ground_truth": "103", "answer_band": [101.0, 105.0]}, "longest side"),
    ("size", {"question": "What is the length in meters of the longest side of the sofa?"}, "question wording"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "what"), WRONG)
def test_wrong_records_are_caught(name: str, changes: dict[str, Any], what: str, root: Path, viewer: Viewer) -> None:
    report = run(root, viewer, MAKERS[name](**changes))
    assert what in whats(report), report.table()


def test_no_key_and_tagged_source_agree(root: Path, viewer: Viewer) -> None:
    absent = localization(
        category="table", target={"instance_id": 13, "category": "table", "position": None}, bbox_2d=None,
        bbox_2d_diag=None, ground_truth="No", mc_answer="D", answer_index=3,
        question="Is there a(n) table in Frame 1? If so, what is the bounding box center coordinates?" + NOTE,
    )  # fmt: skip
    # The chair: centre (1.5, 4, -1), so (137.5, 105) of 200 x 160.
    tagged = existence(
        id="r2", source={"instance_id": 16, "category": "chair", "position": [356, 340]},
        question=f"In Frame 1, is the floor lamp to the left of the chair (356, 340) in this viewpoint?{NOTE}",
    )  # fmt: skip
    report = run(root, viewer, absent, tagged)
    assert report.ok, report.table()


def test_small_instance_bars_its_category(tmp_path: Path) -> None:
    write_scene(tmp_path, small=8)
    report = check_records([count()], tmp_path)
    assert "no instance < 50 vertices shows" in whats(report)
    assert not whats(check_records([attribute()], tmp_path))


def test_bands(tmp_path: Path) -> None:
    for x, state in ((-1.01, "agree"), (-0.99, "tolerance"), (-0.95, "disagree")):
        plates = list(PLATES)
        plates[2] = ("floor lamp", x, 5.0, 40.0, 1.0, 1.0)
        root = write_scene(tmp_path / state, plates)
        report = check_records([existence()], root)
        assert report.claims["existence: relation"][state] == 1


def test_length_bands(root: Path, viewer: Viewer) -> None:
    for text, state in (("3.00", "agree"), ("3.05", "tolerance"), ("3.07", "disagree")):
        report = run(root, viewer, distance(ground_truth=text, answer_band=[2.94, 3.06]))
        assert report.claims["distance: distance to the camera"][state] == 1


def test_a_tagged_target_agrees(root: Path, viewer: Viewer) -> None:
    # The chair: centre (1.5, 4, -1), the root of 19.25 away.
    chair = distance(
        target={"instance_id": 16, "category": "chair", "position": [356, 340]}, category="chair",
        question=f"In Frame 1, what is the distance in meters between the camera and the chair (356, 340)?{NOTE}",
        ground_truth="4.39", answer_band=[4.2997, 4.4752], gt_scenario="Full Coverage",
    )  # fmt: skip
    report = run(root, viewer, chair)
    assert report.ok, report.table()


def test_a_text_stands_once_with_options_and_once_without() -> None:
    first, second = count(), number(id="x")
    assert not check_balance([first, second])
    assert {v.rule for v in check_balance([second, number(id="y")])} == {"question once in a frame set"}
    turned = between(id="z", source=between()["target"], target=between()["source"], question="?")
    assert {v.rule for v in check_balance([between(), turned])} == {"distance of a pair once in a frame set"}


def test_groups_and_balance() -> None:
    first = existence()
    assert not check_balance([first])
    again = copy.deepcopy(first)
    rules = {v.rule for v in check_balance([first, again])}
    assert rules == {"id unique", "question once in a frame set", "key letters balanced", "Yes/No balanced"}
    second = localization(id="x", frame_set_id="y", frames=first["frames"][:2])
    third = second | {"id": "y", "question": "?", "mc_answer": "B"}
    assert {v.rule for v in check_balance([second, third])} == {"Yes/No balanced"}
    other = existence(id="x", frames=first["frames"][::-1], question="?", split="test")
    assert {v.rule for v in check_balance([first, other])} == {"one order a frame set", "one split a scene"}
    other = existence(id="x", frame_set_id="other", question="?", mc_answer="B", ground_truth="No")
    assert {v.rule for v in check_balance([first, other])} == {"one frame_set_id a set"}
    other = existence(id="x", frames=first["frames"][:2], question="?", mc_answer="B", ground_truth="No")
    assert {v.rule for v in check_balance([first, other])} == {"one set a frame_set_id"}


def test_rays_match_rendered_depth() -> None:
    """The rooms ship depth maps from another program: poses, camera and rays agree with them."""
    folder = os.environ.get("SPATIALMOSAIC_TEST_SCANS")
    if not folder:
        pytest.skip("SPATIALMOSAIC_TEST_SCANS is not set")
    viewer = Viewer(load_scan(Path(folder), "bef926d9db"))
    for name in sorted(viewer.scan.frames)[:5]:
        frame = viewer.scan.frames[name]
        path = Path(folder) / "data" / "bef926d9db" / "iphone" / "depth" / f"{name}.png"
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) / 1000.0
        rows, columns = depth.shape
        u, v = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
        pixels = np.stack([u.ravel() * frame.camera.width / columns, v.ravel() * frame.camera.height / rows], 1)
        rays = np.column_stack([frame.camera.undistort(pixels), np.ones(rows * columns)])
        face, distance = viewer.cast(frame.center, rays @ frame.rotation)
        both = (face >= 0) & (depth.ravel() > 0)
        assert both.mean() > 0.9
        assert np.median(abs(distance - depth.ravel())[both]) < 0.02
