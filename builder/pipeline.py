"""The stages in order: scans -> annotations -> candidates -> one dataset folder.

<out>/                     the dataset: README.md and one folder of Parquet files a config
<out>.work/annotations/    one folder a scan: the costly stage, kept between builds
<out>.work/candidates/     one folder a profile and scan
<out>.work/outcomes/       how far the build is, see `progress.py`; who works on what, see `running.py`
<out>.work/PROFILE.report.json     what was made, what was dropped and why
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import progress
from .balance import Stock
from .config import BuildConfig
from .engines import Engine, make_engine
from .errors import BuildError, explain
from .randomness import digest
from .renderers import missing_parts
from .report import Report
from .rules import PROFILES, VisibilityRules
from .scan_job import ScanJob, ScanResult
from .scans.files import SceneFiles, list_scenes
from .schema import Skip
from .shards import remove_leftovers, write_text
from .splits import SPLITS, questions_by_split, split_scenes
from .tasks import QUESTION_TYPES
from .version import source_digest
from .writer import LEVEL_FIELDS, Counts, DatasetPlan, write_dataset

logger = logging.getLogger(__name__)

_SPARE_SCANS = 2
"""So many scans of a split may give nothing, and the others still make up for them: it matters where there are few."""


def build(config: BuildConfig) -> Report:
    """Build one config of the dataset folder; resumes what an earlier run of the same command finished.

    Args:
        config: what to build.

    Returns:
        The closing report, which is also written to `<out>.work/PROFILE.report.json`.

    Raises:
        BuildError: if no scan is usable, the output folder belongs to another configuration, the renderer cannot run
            here, or the disk is full.
        ScanError: if `config.root` is not a ScanNet++ folder or a scene list cannot be read.
        ValueError: if an option is malformed.
    """
    config.check()
    questions = questions_by_split(config.size)
    scenes = list_scenes(config.root, config.images, config.image_root)
    annotated = [scene.scene_name for scene in scenes if scene.is_annotated]
    if not any(scene.has_pictures for scene in scenes):
        logger.warning(
            "There is no picture below %s, so none is checked; `spatialmosaic prepare-images %s --image-root DIR --images %s` "
            "makes them.",
            config.image_root or config.root,
            config.root,
            config.images,
        )
    lists = split_scenes(config.split, config.root, annotated)
    _warn_of_unlisted(config, annotated, lists)
    work = work_folder(config.out)
    _refuse_other_configuration(config, work)
    if sentence := missing_parts(config.renderer):
        raise BuildError(sentence)
    try:
        work.mkdir(parents=True, exist_ok=True)
        with progress.sole_build(work):
            return _build(config, scenes, lists, questions, work)
    except BlockingIOError as error:
        raise BuildError(
            f"Another build is writing to {work}; wait for it (`spatialmosaic status {config.out}`) or name another --out."
        ) from error
    except OSError as error:
        raise explain(error, config.out, "--out") from error


def _build(
    config: BuildConfig, scenes: list[SceneFiles], lists: dict[str, list[str]], questions: dict[str, int], work: Path
) -> Report:
    key = digest("plan", source_digest(), json.dumps(config.identity()), lists)
    engine = make_engine(config, work, key)
    for folder in (config.out, work):
        if not engine.is_at_work:
            remove_leftovers(folder)
    write_text(work / f"{config.profile}.json", json.dumps(config.identity(), indent=1) + "\n")
    if not any(lists.values()):
        raise BuildError(f"--split {config.split} names none of the annotated scenes below {config.root}.")
    sizes = {scene.scene_name: scene.mesh_bytes for scene in scenes}
    mesh_bytes = {scene: sizes.get(scene, 0) for names in lists.values() for scene in names}
    progress.start(work, config.profile, lists, key, engine.workers(len(mesh_bytes)), mesh_bytes)
    jobs = _jobs(config, lists, questions, work, mesh_bytes)
    results = sorted(_run_scans(engine, jobs), key=lambda result: result.scene_name)
    usable = {result.scene_name: result for result in results if result.failure is None}
    failures = [*_unannotated(scenes, lists), *(result.failure for result in results if result.failure)]
    _refuse_empty(config, usable, failures)
    plan = DatasetPlan(
        out=config.out,
        work=work,
        profile=config.profile,
        seed=config.seed,
        canvas_scale=config.canvas_scale,
        questions=questions,
        scenes={split: [scene for scene in lists[split] if scene in usable] for split in SPLITS},
        stocks={scene: _stock(result.summary) for scene, result in usable.items()},
        keys={scene: result.summary["key"] for scene, result in usable.items()},
        annotation_keys={scene: result.summary["annotations_key"] for scene, result in usable.items()},
        identity=config.identity(),
    )
    counts = write_dataset(plan)
    report = _report(config, plan, counts, list(usable.values()), failures)
    write_text(work / f"{config.profile}.report.json", json.dumps(asdict(report), indent=1) + "\n")
    return report


def work_folder(out: Path) -> Path:
    """Where the per-scan files of a dataset folder lie: beside it."""
    out = out.resolve()
    return out.with_name(f"{out.name}.work")


def _refuse_other_configuration(config: BuildConfig, work: Path) -> None:
    out = config.out
    if out.exists() and not out.is_dir():
        raise BuildError(f"{out} is a file; name another --out.")
    if out.is_dir() and any(out.iterdir()) and not work.is_dir():
        raise BuildError(f"{out} holds files that this command did not write; name another --out or empty it.")
    now = config.identity()
    for profile in PROFILES:
        if not (out / profile).is_dir():
            continue
        try:
            before = json.loads((work / f"{profile}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            before = {}
        # Profiles in one folder share its annotations, so they differ in nothing else but their size.
        compared = [name for name in now if profile == config.profile or name not in ("profile", "size")]
        changed = [
            f"{name} {before.get(name)!r} -> {now[name]!r}" for name in compared if before.get(name) != now[name]
        ]
        if changed:
            raise BuildError(
                f"{out / profile} was built with another configuration ({', '.join(changed)}); name another --out, or "
                f"delete {out / profile} to replace it (annotations in {work} are reused where they fit)."
            )


def _jobs(
    config: BuildConfig, lists: dict[str, list[str]], questions: dict[str, int], work: Path, mesh_bytes: dict[str, int]
) -> list[ScanJob]:
    """Make the jobs of the scans, the largest first, so that no worker is left alone with one at the end."""
    jobs = [
        ScanJob(
            root=config.root.resolve(),
            scene_name=scene,
            images=config.images,
            image_root=(config.image_root or config.root).resolve(),
            work=work.resolve(),
            profile=config.profile,
            visibility=VisibilityRules(canvas_scale=config.canvas_scale),
            renderer=config.renderer,
            share=-(-questions[split] // (len(QUESTION_TYPES) * max(len(lists[split]) - _SPARE_SCANS, 1))),
            seed=config.seed,
        )
        for split in SPLITS
        for scene in lists[split]
    ]
    return sorted(jobs, key=lambda job: (-mesh_bytes[job.scene_name], job.scene_name))


def _run_scans(engine: Engine, jobs: list[ScanJob]) -> Iterator[ScanResult]:
    failed = 0
    with tqdm(total=len(jobs), desc="scans", unit="scan") as bar, closing(engine.run(jobs)) as results:
        for result in results:
            failed += result.failure is not None
            if result.failure:
                logger.warning("%s skipped: %s", result.scene_name, result.failure.detail)
            bar.set_postfix(failed=failed)
            bar.update()
            yield result


def _stock(summary: dict[str, Any]) -> dict[str, Stock]:
    return {question_type: Stock(**stock) for question_type, stock in summary["stock"].items()}


def _refuse_empty(config: BuildConfig, usable: dict[str, ScanResult], failures: list[Skip]) -> None:
    if not usable:
        causes = "; ".join(sorted({f"{skip.where}: {skip.detail}" for skip in failures})[:3])
        raise BuildError(f"No scan below {config.root} is usable. {causes}")
    if not any(result.summary["stock"] for result in usable.values()):
        reasons = {reason for result in usable.values() for _, reason, _ in result.summary["skips"]}
        causes = "; ".join(sorted(reasons)[:3])
        raise BuildError(f"No question can be made from the scans below {config.root}. {causes}")


def _warn_of_unlisted(config: BuildConfig, annotated: list[str], lists: dict[str, list[str]]) -> None:
    unlisted = sorted(set(annotated).difference(*lists.values()))
    if unlisted:
        logger.warning(
            "--split %s names %d of the %d annotated scenes below %s; not %s, for example.",
            config.split,
            len(annotated) - len(unlisted),
            len(annotated),
            config.root,
            unlisted[0],
        )


def _unannotated(scenes: list[SceneFiles], lists: dict[str, list[str]]) -> list[Skip]:
    listed = {scene for names in lists.values() for scene in names}
    detail = "no segments: ScanNet++'s own test scenes are not annotated, so there is no truth to ask about."
    return [
        Skip("no annotation", scene.scene_name, f"{scene.scene_name} has {detail}")
        for scene in scenes
        if not scene.is_annotated and scene.scene_name not in listed
    ]


def _report(
    config: BuildConfig,
    plan: DatasetPlan,
    counts: Counts,
    results: list[ScanResult],
    failures: list[Skip],
) -> Report:
    skips: dict[str, Counter[str]] = {}
    for result in results:
        for question_type, reason, count in result.summary["skips"]:
            skips.setdefault(question_type, Counter())[reason] += count
    return Report(
        config=config.identity(),
        scenes={split: len(scenes) for split, scenes in plan.scenes.items()},
        questions=counts["question_type"],
        levels={name: counts[name] for name in LEVEL_FIELDS},
        num_frame_sets=sum(counts["num_frame_sets"]["all"].values()),
        wanted=plan.questions,
        failures=tuple(failures),
        dropped=tuple(Skip(**skip) for result in results for skip in result.summary["dropped"]),
        skips={question_type: dict(counter.most_common()) for question_type, counter in sorted(skips.items())},
    )
