"""From nothing to a drawn dataset: sample scans, build, table, gallery."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .annotations import read_annotations
from .config import BuildConfig, DemoConfig, ReportConfig
from .gallery import write_gallery
from .pipeline import build, work_folder
from .report import format_report
from .rules import PROFILES
from .scans.sample import write_sample_scans
from .workers import available_cores


def run_demo(config: DemoConfig) -> str:
    """Write sample scans and a dataset below `config.out`, draw samples of it, and return the closing text."""
    root, out = config.out / "scannetpp", config.out / "spatialmosaic"
    num_proc = config.num_proc or available_cores()
    write_sample_scans(root, num_scans=config.scans, seed=config.seed, num_proc=num_proc)
    report = build(BuildConfig(root, out=out, size=config.size, num_proc=config.num_proc, seed=config.seed))
    gallery = draw_dataset(ReportConfig(out, image_root=root, out=config.gallery, seed=config.seed))
    return (
        f"\n{format_report(report)}\n\nThe dataset is in {out}: "
        f'`cd {config.out}` and load_dataset("spatialmosaic", "paper").\nLook at {gallery} in a browser.'
    )


def draw_dataset(config: ReportConfig) -> Path:
    """Draw samples of each question type of a built dataset; returns the HTML file.

    Raises:
        FileNotFoundError: if the folder holds no records or their annotations are gone.
    """
    shards = [path for profile in PROFILES for path in sorted((config.dataset / profile).glob("*.parquet"))]
    if not shards:
        raise FileNotFoundError(f"{config.dataset} holds no records; pass a folder that `spatialmosaic build` wrote.")
    annotations = work_folder(config.dataset) / "annotations"
    if not annotations.is_dir():
        raise FileNotFoundError(f"{annotations} is gone, so boxes cannot be drawn; run `spatialmosaic build` again.")
    records = pa.concat_tables([pq.read_table(path) for path in shards])
    return write_gallery(
        records,
        image_root=config.image_root,
        annotations_of=lambda scene: read_annotations(scene, annotations / scene),
        out=config.out,
        samples_per_type=config.samples,
        seed=config.seed,
    )
