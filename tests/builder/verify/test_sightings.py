"""Plates whose shares, pixels and boxes are known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from spatialmosaic_builder.geometry import Camera
from spatialmosaic_builder.rules import PAPER, STRICT, Rules, VisibilityRules
from spatialmosaic_builder.schema import Frame, Instance, OrientedBox, Scan
from spatialmosaic_builder.verify.boxes import Boxes
from spatialmosaic_builder.verify.observer import Observer
from spatialmosaic_builder.verify.rays import NOBODY, RayTracer, Surfaces, face_owners
from spatialmosaic_builder.verify.sightings import FIRST_LOOK, LAST_LOOK, SECOND_LOOK, Effort, Needs, Sightings
from spatialmosaic_builder.verify.view import SceneView

CAMERA = Camera(200, 160, 100.0, 100.0, 100.0, 80.0)
# Name, centre (x, y, z) and size (width, height) of plates that face a camera in the origin that looks along z.
PLATES = [
    ("wall", (0.0, 0.0, 4.0), (8.0, 6.4)),
    ("board", (0.0, 0.0, 2.0), (1.0, 0.5)),
    ("cover", (0.125, 0.0, 1.0), (0.25, 1.0)),
    ("far", (30.0, 0.0, 2.0), (1.0, 1.0)),
    ("speck", (-0.8, 0.0, 1.0), (0.002, 0.002)),
    ("scrap", (-0.8, 0.4, 1.0), (0.025, 0.025)),
    ("edge", (1.9, 0.0, 2.0), (1.0, 1.0)),
]
WALL, BOARD, COVER, FAR, SPECK, SCRAP, EDGE = range(len(PLATES))
GHOST = len(PLATES)


@pytest.fixture(scope="module")
def scan() -> Scan:
    vertices, faces, owners, instances = [], [], [], []
    for k, (name, (x, y, z), (width, height)) in enumerate(PLATES):
        corners = [(x + a * width / 2, y + b * height / 2, z) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
        first = len(vertices)
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
        vertices += corners
        owners += [k] * 4
        box = OrientedBox((x, y, z), tuple(np.eye(3).ravel().tolist()), (width, height, 0.01))
        instances.append(Instance(10 + k, name, name, box, 100, 0.1))
    instances.append(Instance(99, "ghost", "ghost", instances[0].box, 0, 0.1))
    poses = {"ahead": np.eye(4), "same": np.eye(4), "back": np.diag([-1.0, 1.0, -1.0, 1.0])}
    frames = tuple(Frame(name, f"{name}.jpg", CAMERA, pose) for name, pose in poses.items())
    return Scan(
        "plates",
        np.array(vertices, np.float32),
        np.array(faces, np.int32),
        np.array(owners, np.int32),
        tuple(instances),
        frames,
    )


def look(scan: Scan, effort: Effort) -> Sightings:
    everything = np.ones((len(scan.frames), len(scan.instances)), bool)
    needs = Needs(everything[:, 0], everything, everything, canvas=True)
    return Observer(scan, VisibilityRules()).look(needs, effort)


def view_of(scan: Scan, seen: Sightings, rules: Rules = PAPER) -> SceneView:
    boxes = Boxes(scan, Surfaces(scan, face_owners(scan), 0), VisibilityRules())
    return SceneView(scan, rules, seen, boxes, VisibilityRules())


@pytest.mark.parametrize("effort", [FIRST_LOOK, SECOND_LOOK, LAST_LOOK], ids=["first", "second", "last"])
def test_plates_are_seen_as_they_are(scan: Scan, effort: Effort) -> None:
    seen, error = look(scan, effort), 3 * (0.25 / effort.points_per_view) ** 0.5
    # The cover hides x > 0 of the board: its shadow at twice the distance is twice as wide.
    assert seen.hidden[0, BOARD] == pytest.approx(0.5, abs=error)
    assert seen.hidden[0, COVER] == 0
    # Of the wall it sees 8 x 6.4 m. Shadows of board and cover: 2 x 1 and 1 x 4 m, 1 x 1 in common; of the edge's 0.6 x 1
    # m in the picture: 1.2 x 2 m.
    assert seen.hidden[0, WALL] == pytest.approx((2 + 4 - 1 + 2.4) / (8 * 6.4), abs=error)
    # The border of the picture is at x = 2 m, that of the canvas at 4 m.
    assert seen.cut_off[0, EDGE] == pytest.approx(0.4, abs=error)
    assert seen.cut_off[0, BOARD] == 0
    assert seen.cut_off[0, FAR] == 1
    assert seen.in_view[0, [WALL, BOARD, COVER, FAR]].tolist() == [1, 1, 1, 0]
    assert seen.pixels[0, BOARD] == pytest.approx(25 * 25, rel=0.15)
    assert seen.box[0, BOARD] == pytest.approx([75, 67.5, 100, 92.5], abs=2 * seen.pixel_step[0, BOARD])
    assert (seen.box_low[0, BOARD] <= seen.box[0, BOARD]).all()
    assert (seen.box_high[0, BOARD] >= seen.box[0, BOARD]).all()


def test_what_no_frame_shows(scan: Scan) -> None:
    seen = look(scan, FIRST_LOOK)
    assert seen.hidden[2, [WALL, BOARD, COVER, FAR]].tolist() == [1, 1, 1, 1]
    assert seen.in_view[0, GHOST] == 0, "an instance without surface"
    assert np.isnan(seen.box[0, FAR]).all()


def test_overlap_of_equal_and_of_disjoint_frames(scan: Scan) -> None:
    seen = look(scan, FIRST_LOOK)
    assert seen.overlap(0, 1) == 1
    assert seen.overlap(0, 2) == 0


def test_a_box_may_end_before_a_speck(scan: Scan) -> None:
    """Where a grid may step over an edge, the box is known to less than that."""
    seen = look(scan, LAST_LOOK)
    view = view_of(scan, seen)
    shows = view.shows_pixel(SPECK, 0)
    assert not shows.surely
    assert shows.possibly


def test_predicates_follow_the_rules(scan: Scan) -> None:
    view = view_of(scan, look(scan, SECOND_LOOK))
    assert view.visible(BOARD, 0).surely
    assert not view.visible(BOARD, 2).possibly
    assert view.eligible(COVER, 0).surely
    assert view.stands(SPECK, "left", COVER, 0).surely
    assert view.stands(BOARD, "farther", COVER, 0).surely
    assert not view.stands(BOARD, "higher", COVER, 0).possibly
    # The camera of the third frame looks back, so left is right.
    assert view.stands(SPECK, "right", COVER, 2).surely
    assert "board 11 (ahead: 0.5" in view.describe([BOARD], [0])


def test_between_visible_and_absent_lies_what_is_uncertain(scan: Scan) -> None:
    """The scrap has 6 pixels of 32,000: more than 0.005 %, less than 0.05 %."""
    seen = look(scan, SECOND_LOOK)
    view = view_of(scan, seen, STRICT)
    assert not view.visible(SCRAP, 0).holds
    assert not view.absent(SCRAP, 0).holds
    assert view.visible(BOARD, 0).surely
    assert view.absent(BOARD, 2).surely
    assert view_of(scan, seen).visible(SCRAP, 0).holds, "a pixel is enough for the paper"


def test_strict_relations_need_a_margin_and_every_reading(scan: Scan) -> None:
    boxes = view_of(scan, look(scan, FIRST_LOOK)).boxes
    assert boxes.stands(SPECK, "left", COVER, 0, STRICT).surely
    assert boxes.stands(SCRAP, "lower", SPECK, 0, PAPER).surely
    assert not boxes.stands(SCRAP, "lower", SPECK, 0, STRICT).possibly, "equally high in the room"
    assert boxes.stands(BOARD, "farther", COVER, 0, STRICT).holds
    assert not boxes.stands(EDGE, "farther", BOARD, 0, STRICT).possibly, "equally far"
    # Behind the camera there is no "in this view".
    assert boxes.stands(SPECK, "right", COVER, 2, PAPER).surely
    assert not boxes.stands(SPECK, "right", COVER, 2, STRICT).possibly


def test_tight_boxes_leave_stray_points_out(scan: Scan) -> None:
    boxes = Boxes(scan, Surfaces(scan, face_owners(scan), 0), VisibilityRules())
    assert boxes.tight[BOARD].lengths == pytest.approx((0.98, 0.49, 0.0), abs=0.004)
    assert boxes.tight[BOARD].centroid == pytest.approx((0, 0, 2), abs=0.004)
    assert boxes.tight[GHOST] == boxes.annotated[GHOST]


def test_nothing_is_said_of_what_nobody_looked_at(scan: Scan) -> None:
    nothing = Sightings.of_nothing((3, GHOST + 1), np.ones(GHOST + 1))
    view = view_of(scan, nothing)
    with pytest.raises(LookupError, match="nobody looked"):
        view.visible(BOARD, 0)


def test_a_face_belongs_to_whoever_owns_two_of_its_vertices(scan: Scan) -> None:
    faces = np.array([[0, 1, 4], [4, 0, 5], [0, 4, 8], [0, 1, 2]], np.int32)
    owners = np.array([0, 0, -1, 3, 1, 1, 3, 3, 2], np.int32)
    mixed = Scan("mixed", np.zeros((9, 3), np.float32), faces, owners, scan.instances, scan.frames)
    assert face_owners(mixed).tolist() == [0, 1, NOBODY, 0]


def test_rays_meet_the_nearest_plate(scan: Scan) -> None:
    tracer = RayTracer(scan, face_owners(scan))
    rays = np.array([(0.1, 0.0, 1.0), (-0.1, 0.0, 1.0), (-0.9, 0.0, 1.0), (0.0, 0.0, -1.0)])
    first, away, is_hit = tracer.first_surfaces(np.zeros(3), rays)
    assert first.tolist() == [COVER, BOARD, WALL, NOBODY]
    assert away[:3] == pytest.approx([1, 2, 4])
    assert is_hit.tolist() == [True, True, True, False]


def test_points_are_uniform_by_area(scan: Scan) -> None:
    surfaces = Surfaces(scan, face_owners(scan), seed=0)
    points, owner = surfaces.draw_from_all(20_000)
    share = np.bincount(owner, minlength=GHOST + 1) / len(owner)
    assert share == pytest.approx(surfaces.area / surfaces.area.sum(), abs=1e-3)
    board = surfaces.draw_from(np.array([BOARD]), 4_000)[0]
    counts, _, _ = np.histogram2d(board[:, 0], board[:, 1], bins=(4, 2), range=((-0.5, 0.5), (-0.25, 0.25)))
    assert counts == pytest.approx(np.full((4, 2), 500), abs=4 * 500**0.5)
    assert points[owner == WALL][:, 2] == pytest.approx(4)
