"""The options of every verb: configuration, command line and provenance at once. Light to import, for `--help`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import Positional, arg

Images = Literal["iphone", "dslr"]
"""Which camera's frames: names of `scans.files.ImageSource`s."""

Profile = Literal["paper", "strict"]
"""Names of `rules.PROFILES`."""
DEFAULT_PROFILE: Profile = "paper"

Verify = Literal["all", "sample", "none"]
"""Whose answers a build derives again when it ends."""

EngineName = Literal["local", "slurm"]
"""Names of `engines.ENGINES`."""

Part = Literal["all", "train", "bench", "annotations"]
"""Names of `card.PARTS`."""

RendererName = Literal["numba", "pyrender"]
"""Who looks at the mesh: see `renderers.make_renderer`."""

_NOT_IN_RECORDS = ("out", "image_root", "num_proc", "engine", "engine_options", "verify")
"""Options that the records do not depend on."""
_MIN_CANVAS_SCALE = 0.1
"""A pixel in a hundred still shows most objects."""


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """Turn ScanNet++ scenes into SpatialMosaic and SpatialMosaic-Bench."""

    root: Positional[Annotated[Path, arg(metavar="ROOT")]]
    """ScanNet++ root: the folder that holds data/."""
    out: Path = Path("spatialmosaic")
    """Dataset folder to write; per-scan files go to OUT.work beside it."""
    profile: Profile = DEFAULT_PROFILE
    """Rules of the questions: the published ones, or those that keep text and options from giving the answer away
    (docs/profiles.md). Also the name of the dataset's config: both may lie in one folder."""
    images: Images = "iphone"
    """Frames to ask about: the phone's, as in the paper, or the DSLR's undistorted ones."""
    image_root: Path | None = None
    """Folder with the pictures, if they are not below ROOT: what `spatialmosaic prepare-images` fills."""
    size: str = "mini"
    """mini (200K train + 100K test questions), full (2M + 1M), or a number of questions in all."""
    split: str = "default"
    """default (80/20 by the hash of the scene id), official (ScanNet++'s lists), or TRAIN.txt,TEST.txt."""
    num_proc: int | None = None
    """Worker processes; all cores by default, and 1 works in this very process. The records do not depend on it."""
    engine: EngineName = "local"
    """Where the scans are worked on: by processes of this machine, or by the array jobs of a Slurm cluster, to which this
    command submits and for which it waits (docs/cluster.md). The records do not depend on it."""
    engine_options: Path | None = None
    """YAML file with options of datatrove's SlurmPipelineExecutor: at least partition and time."""
    seed: int = 0
    """Seed of everything random."""
    canvas_scale: float = 0.5
    """Resolution of the visibility test relative to the picture; use 1 for a dataset to be published."""
    renderer: RendererName = "numba"
    """numba (the engine), or pyrender (the paper's depth maps to the letter: hundreds of times slower, a reference)."""
    verify: Verify = "sample"
    """Whose answers are derived again by exact rays when the dataset is written: those of all scans, of a few drawn by the
    seed, or none. The result and the audit go on the dataset card."""

    def identity(self) -> dict[str, Any]:
        """What the records depend on, ready for JSON: two builds into one folder must agree on it."""
        config = asdict(self) | {"root": str(self.root.resolve())}
        return {name: value for name, value in config.items() if name not in _NOT_IN_RECORDS}

    def check(self) -> None:
        """Raise ValueError for an option that is out of its range; those that name files are checked when they are read."""
        if not self.out.resolve().name:
            raise ValueError(f"--out takes a folder that others can lie beside, got {self.out}.")
        if self.num_proc is not None and self.num_proc < 1:
            raise ValueError(f"--num-proc takes a positive number of processes, got {self.num_proc}.")
        if (self.engine == "slurm") != (self.engine_options is not None):
            raise ValueError(
                "--engine slurm and --engine-options FILE.yaml go together; FILE names a partition and a time."
            )
        if not _MIN_CANVAS_SCALE <= self.canvas_scale <= 1:
            raise ValueError(f"--canvas-scale takes a number from {_MIN_CANVAS_SCALE} to 1, got {self.canvas_scale}.")
        if not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"--seed takes an integer of 64 bits, got {self.seed}.")


@dataclass(frozen=True, slots=True)
class PrepareImagesConfig:
    """Make the pictures that questions show: the registered frames of the phone's video, or undistorted DSLR pictures."""

    root: Positional[Annotated[Path, arg(metavar="ROOT")]]
    """ScanNet++ root: the folder that holds data/. It is only read."""
    image_root: Path
    """Folder to fill; pictures that are there already are kept. Pass it to `build` and `report` too."""
    images: Images = "iphone"
    """Which pictures."""
    long_side: int | None = None
    """Shrink them so that the longer side has this many pixels, for training and evaluation only: 518 is what the model
    sees. Pictures below ROOT are then shrunk where there are some."""
    num_proc: int | None = None
    """Worker processes; all cores by default."""

    def check(self) -> None:
        """Raise ValueError for an option that is out of its range."""
        if self.long_side is None:
            return
        if self.long_side < 1:
            raise ValueError(f"--long-side takes a number of pixels, got {self.long_side}.")
        if self.image_root.resolve() == self.root.resolve():
            raise ValueError("--long-side takes an --image-root of its own: the pictures below ROOT are not replaced.")


@dataclass(frozen=True, slots=True)
class DoctorConfig:
    """Look a ScanNet++ download over: what is there, what is missing and costs what, which poses look wrong."""

    root: Positional[Annotated[Path, arg(metavar="ROOT")]]
    """ScanNet++ root: the folder that holds data/."""
    images: Images = "iphone"
    """Frames to ask about: the phone's, or the DSLR's undistorted ones."""
    image_root: Path | None = None
    """Folder with the pictures, if they are not below ROOT."""
    size: str = "mini"
    """Size of the build whose time and disk are estimated: mini, full, or a number of questions in all."""
    poses: int = 32
    """Frames whose pose is checked, a few of each of some scenes; 0 for none."""
    num_proc: int | None = None
    """Worker processes; all cores by default."""
    seed: int = 0
    """Which scenes and frames are drawn for the pose check."""
    json: bool = False
    """Print JSON instead of text."""

    def check(self) -> None:
        """Raise ValueError for an option that is out of its range."""
        if self.num_proc is not None and self.num_proc < 1:
            raise ValueError(f"--num-proc takes a positive number of processes, got {self.num_proc}.")
        if self.poses < 0:
            raise ValueError(f"--poses takes the number of frames to check, 0 for none, got {self.poses}.")


@dataclass(frozen=True, slots=True)
class StatusConfig:
    """Say how far a build is: scans done, failed and left, and what each gave."""

    folder: Positional[Annotated[Path, arg(metavar="DIR")]]
    """Dataset folder of the build, running or not."""
    json: bool = False
    """Print JSON instead of a table."""


@dataclass(frozen=True, slots=True)
class ReportConfig:
    """Show a built dataset in one HTML file: counts, levels, what was skipped, and samples with the evidence for them."""

    dataset: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder that `spatialmosaic build` wrote."""
    image_root: Path
    """Folder with the pictures: the ScanNet++ root, or what `spatialmosaic prepare-images` filled."""
    out: Path = Path("reports/report.html")
    """File to write. It shows ScanNet++ pictures: do not publish it."""
    samples: int = 3
    """Records drawn of each profile and question type."""
    seed: int = 0
    """Which ones."""


@dataclass(frozen=True, slots=True)
class ExportConfig:
    """Write the records of a built dataset in another form: one file a split."""

    dataset: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder that `spatialmosaic build` wrote."""
    format: Literal["authors", "jsonl", "parquet"]
    """authors (the JSON that the authors' training and evaluation read), or the records as they are."""
    config: str = "paper"
    """Config of the dataset: a profile, or annotations."""
    split: Literal["all", "train", "test"] = "all"
    """Which splits to write."""
    out: Path | None = None
    """Folder, or file for a single split; exports/CONFIG-FORMAT by default."""
    overwrite: bool = False
    """Replace files that are there already."""


@dataclass(frozen=True, slots=True)
class AuditConfig:
    """Measure what can be scored on a dataset without looking at an image."""

    dataset: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder, such as `spatialmosaic build` writes."""
    json: Path | None = None
    """File to write the result to; DATASET.work/audit.json, where `report` finds it, if there is such a folder."""


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Derive every answer of a dataset again by exact rays; exits with 1 if too many records are contradicted."""

    dataset: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder, such as `spatialmosaic build` writes."""
    scans: Path
    """ScanNet++ root that the dataset was built from."""
    num_scans: int | None = None
    """Examine the records of so many scans, drawn by the seed; all by default."""
    num_proc: int | None = None
    """Worker processes; all cores by default."""
    seed: int = 0
    """Which scans, and to which points rays are sent."""
    json: Path | None = None
    """File to write the result to; DATASET.work/verify.json, where `report` finds it, if there is such a folder."""


@dataclass(frozen=True, slots=True)
class CardConfig:
    """Write the card of a dataset folder anew, from the data and from what `audit` and `verify` found."""

    dataset: Positional[Annotated[Path, arg(metavar="DATASET")]]
    """Dataset folder that `spatialmosaic build` wrote."""


@dataclass(frozen=True, slots=True)
class PushConfig:
    """Publish a dataset on the Hub, all of it in one commit: Parquet files, scene lists and the card, and no picture."""

    dataset: Positional[Annotated[Path, arg(metavar="DIR")]]
    """Dataset folder that `spatialmosaic build` wrote."""
    repo: Positional[Annotated[str, arg(metavar="REPO")]]
    """Dataset repository, OWNER/NAME; it is made where it is missing."""
    part: Part = "all"
    """all, or a part with a card of its own: train (SpatialMosaic), bench (SpatialMosaic-Bench), annotations."""
    private: bool = False
    """Make a repository that its owner alone sees."""
    revision: str = "main"
    """Branch to push to; it is made where it is missing."""
    dry_run: bool = False
    """Look everything over and say what would be sent; needs no network."""
    include_images: bool = False
    """Let pictures be published too; only with --rights."""
    image_root: Path | None = None
    """Folder with the pictures that --include-images sends, at the paths that records give them."""
    rights: str = ""
    """By which right you publish the pictures, in a sentence: it stands on the card."""

    def check(self) -> None:
        """Raise ValueError for options that contradict each other."""
        if self.include_images and not self.rights.strip():
            raise ValueError(
                '--include-images takes --rights "...": a sentence that says by which right you publish the pictures. '
                "ScanNet++ may not be redistributed."
            )
        if not self.include_images and (self.rights or self.image_root is not None):
            raise ValueError("--rights and --image-root are for --include-images; pass it too, or leave them out.")


@dataclass(frozen=True, slots=True)
class DemoConfig:
    """Write sample scans, build a dataset from them, and show it: no download needed."""

    out: Path = Path("demo")
    """Folder for the scans (OUT/scannetpp) and the dataset (OUT/spatialmosaic)."""
    report: Path = Path("reports/report.html")
    """HTML file that shows the dataset."""
    scans: int = 3
    """Rooms to write."""
    size: str = "3000"
    """Questions to make."""
    num_proc: int | None = None
    """Worker processes; all cores by default."""
    seed: int = 0
    """Seed of rooms and questions."""
