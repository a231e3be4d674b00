"""The vocabulary: what flows between the stages, as frozen data classes without logic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .geometry import Camera


@dataclass(frozen=True, slots=True)
class Skip:
    """A thing that was rejected, and why: nothing is dropped without one."""

    reason: str
    """Short and countable, such as `pose is not finite`."""
    where: str
    """What was rejected: a scene, `scene/frame`, a file."""
    detail: str = ""
    """The sentence a person reads: file, what was wrong, what to do."""


@dataclass(frozen=True, slots=True)
class OrientedBox:
    """An oriented bounding box in the world frame, as ScanNet++ annotates it."""

    centroid: tuple[float, float, float]
    """Box centre, metres."""
    axes: tuple[float, ...]
    """Three unit axes one after another (9 numbers): rows of a 3 x 3 matrix."""
    lengths: tuple[float, float, float]
    """Full side lengths, metres; entry i along axis i."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An annotated object of a scan."""

    instance_id: int
    """`objectId` of `segments_anno.json`."""
    label: str
    """The annotator's raw text."""
    category: str
    """Normalised name (`labels.py`); empty when the label names no object."""
    box: OrientedBox
    num_vertices: int
    """Mesh vertices that the instance owns after overlaps are resolved."""
    extent_ratio: float = 0.0
    """Diagonal of `box` over the diagonal of the labelled scene's axis-aligned box."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A posed picture."""

    name: str
    """Bare name without suffix, such as `frame_000110` or `DSC01234`."""
    image_path: str
    """POSIX path relative to the image root, which is the ScanNet++ root unless the pictures lie elsewhere."""
    camera: Camera
    cam_from_world: NDArray[np.float64]
    """Shape (4, 4), OpenCV axes, metres."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One scanned room: the labelled mesh and its posed frames."""

    scene_name: str
    vertices_world: NDArray[np.float32]
    """Shape (v, 3), metres, in the file's order."""
    faces: NDArray[np.int32]
    """Shape (f, 3), vertex indices."""
    vertex_instance: NDArray[np.int32]
    """Shape (v,): index into `instances`, -1 where no instance owns the vertex."""
    instances: tuple[Instance, ...]
    """In the order of the annotation file."""
    frames: tuple[Frame, ...]
    """In the order of their names."""
    skips: tuple[Skip, ...] = ()
    """Frames and instances that the reader had to drop."""


@dataclass(frozen=True, slots=True)
class FrameSet:
    """An ordered set of 2 to 5 frames that overlap little pairwise (Sec. 3.2)."""

    frame_set_id: str
    """Hash of the scene and the sorted frame names."""
    frames: tuple[int, ...]
    """Indices into the annotations' frames, in the order in which the question shows them."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An instance as a record names it."""

    instance_id: int
    """`objectId` of the annotation."""
    category: str
    position: tuple[int, int] | None = None
    """[x, y] that tells the instance from others of its category, in question coordinates; null where not needed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question with its options, answer, evidence and difficulty. Field order is column order."""

    id: str
    """Hash of profile, scene, ordered frames, question type, question, target and source."""
    dataset: str
    """Always `scannetpp`."""
    scene_name: str
    """ScanNet++'s id of the scene."""
    split: str
    """`train` (SpatialMosaic) or `test` (SpatialMosaic-Bench)."""
    profile: str
    """Rules that the question was made by: `paper` or `strict`."""
    task: str
    """count, best_view, existence, attribute, spatial_relation, localization, distance or size."""
    question_type: str
    """The authors' name of the question type."""
    frame_set_id: str
    """Hash of scene and sorted frames: records that share it show the same images in the same order."""
    frames: tuple[str, ...]
    """Bare frame names in the order shown; the question calls them Frame 1 ... Frame N."""
    image_paths: tuple[str, ...]
    """POSIX paths of the frames relative to the image root (the ScanNet++ root by default)."""
    query_frame: int | None
    """1-based position of the frame that the question asks about; null if none."""
    question: str
    """Without options, and without the words that ask for a letter or a number: `prompting.py` puts them together."""
    options: tuple[str, ...]
    """`A. ...` strings in the order shown; empty where a number or a point is asked for."""
    mc_answer: str | None
    """Letter of the right option; null without options."""
    ground_truth: str
    """Text of the right option without its letter; a number such as `2` or `1.83` in the question's unit; or a point
    such as `(217, 122)` in question coordinates."""
    answer_index: int | None
    """0-based position of the right option; null without options."""
    answer_type: str
    """`choice`, scored by its letter; `number`, by mean relative accuracy; `point`, by mean point accuracy."""
    answer_band: tuple[float, float] | None
    """Least and greatest number that count as the same answer, in the question's unit: the two are equal for a count,
    and 2 % or 2 cm away, whichever is more, for a distance or size. Null for choices and points."""
    chance: float | None
    """Nominal score of a uniform guess, 1 / number of options; null without options, because numbers and points have no
    uniform guess: what a constant scores depends on the data and is measured there."""
    category: str
    """Category that is asked about: the counted one, or the target's."""
    source: ObjectRef | None
    """Reference object of a relation, visible in the query frame; or the other object of a distance between two."""
    target: ObjectRef | None
    """Object that is asked about; null for count and best view."""
    relation: str | None
    """True relation of target to source in the query frame on the asked axis: left, right, higher, lower, closer,
    farther; null outside relation tasks."""
    bbox_2d: tuple[int, int, int, int] | None
    """Localization: box (x0, y0, x1, y1) of the target's visible pixels in the query frame, native pixels."""
    bbox_2d_diag: float | None
    """Diagonal of `bbox_2d` in question coordinates."""
    overlap_avg: float
    """Mean pairwise overlap of the frames, percent."""
    occlusion_avg: float | None
    """Mean occlusion ratio of the target instances over the frames where one of their points falls in the image."""
    occ_level: str | None
    """low < 0.3 <= medium < 0.6 <= high < 0.9 <= extreme."""
    overlap_level: str
    """Difficulty by overlap in percent: high < 10 <= medium < 20 <= low."""
    vis_level: str
    """`Fully Visible` iff every target instance is visible in all frames, else `Partially Visible`."""
    gt_scenario: str
    """`Full Coverage` iff the frames show every instance of the target category in the scene, else `Partial Coverage`."""
    num_frames_visible: int
    """Frames of the set in which a target instance is visible."""
    seed: int
    """Seed of the build."""
    builder_version: str
    """Version of the software that made the record."""


_OBJECT_REF = pa.struct(
    [("instance_id", pa.int32()), ("category", pa.string()), ("position", pa.list_(pa.int32()))],
)
RECORD_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("dataset", pa.string()),
        ("scene_name", pa.string()),
        ("split", pa.string()),
        ("profile", pa.string()),
        ("task", pa.string()),
        ("question_type", pa.string()),
        ("frame_set_id", pa.string()),
        ("frames", pa.list_(pa.string())),
        ("image_paths", pa.list_(pa.string())),
        ("query_frame", pa.int8()),
        ("question", pa.string()),
        ("options", pa.list_(pa.string())),
        ("mc_answer", pa.string()),
        ("ground_truth", pa.string()),
        ("answer_index", pa.int8()),
        ("answer_type", pa.string()),
        ("answer_band", pa.list_(pa.float32())),
        ("chance", pa.float32()),
        ("category", pa.string()),
        ("source", _OBJECT_REF),
        ("target", _OBJECT_REF),
        ("relation", pa.string()),
        ("bbox_2d", pa.list_(pa.int32())),
        ("bbox_2d_diag", pa.float32()),
        ("overlap_avg", pa.float32()),
        ("occlusion_avg", pa.float32()),
        ("occ_level", pa.string()),
        ("overlap_level", pa.string()),
        ("vis_level", pa.string()),
        ("gt_scenario", pa.string()),
        ("num_frames_visible", pa.int8()),
        ("seed", pa.int64()),
        ("builder_version", pa.string()),
    ]
)
"""Arrow schema of `Record`: one for all tasks, profiles and splits."""
