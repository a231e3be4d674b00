"""Renders the dataset card from what the dataset folder holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Features
from huggingface_hub import DatasetCard, DatasetCardData

from .findings import Table, check_tables, read_findings
from .splits import SPLITS
from .version import BUILDER_VERSION

CONFIG_DESCRIPTIONS = {
    "paper": "Questions by the published rules.",
    "strict": "Questions made so that text and options do not give the answer away.",
    "annotations": "Visibility of every instance in every frame.",
}
"""The configs in the order of the card."""


@dataclass(frozen=True, slots=True)
class Build:
    """What one profile's build made."""

    profile: str
    counts: dict[str, dict[str, dict[str, int]]]
    """Records by column, value and split."""
    identity: dict[str, Any]
    """The configuration."""

    @property
    def splits(self) -> list[str]:
        """Splits that hold records."""
        by_split = self.counts["question_type"].values()
        return [split for split in SPLITS if any(split in counts for counts in by_split)]


def card_text(folders: dict[str, Path], builds: Sequence[Build], work: Path) -> str:
    """Write the card `README.md`: the `configs:` that `load_dataset` reads, and what a person wants to know.

    Args:
        folders: where each config's Parquet files lie now.
        builds: of the profiles that are there; the first is the default config.
        work: the work folder, where audit and verification lie if they were made.
    """
    configs: list[dict[str, Any]] = []
    infos: list[dict[str, Any]] = []
    for name, description in CONFIG_DESCRIPTIONS.items():
        data_files = {split: sorted(folders[name].glob(f"{split}-*.parquet")) for split in SPLITS}
        data_files = {split: paths for split, paths in data_files.items() if paths}
        if not data_files:
            continue
        configs.append(
            {
                "config_name": name,
                # load_dataset caches a folder by its card alone: without the digest it would go on serving the records
                # of an earlier build.
                "description": f"{description} Content: {_content_digest(data_files)}.",
                "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in data_files],
                **({"default": True} if not configs else {}),
            }
        )
        schema = pq.read_schema(next(iter(data_files.values()))[0])
        infos.append({"config_name": name, "features": Features.from_arrow_schema(schema)._to_yaml_list()})
    lists = {
        f"{build.profile}/{path.name}": (_num_lines(path), _sha256(path))
        for build in builds
        for path in sorted(folders[build.profile].glob("*-scenes.txt"))
    }
    card = DatasetCard.from_template(
        DatasetCardData(
            pretty_name="SpatialMosaic",
            language="en",
            license="other",
            license_name="scannetpp-terms-of-use",
            license_link="https://scannetpp.mlsg.cit.tum.de/scannetpp/static/scannetpp-terms-of-use.pdf",
            task_categories=["visual-question-answering", "multiple-choice"],
            tags=["spatial-reasoning", "multi-view", "3d", "occlusion"],
            configs=configs,
            dataset_info=infos,
        ),
        template_str=(files("spatialmosaic_hub_cards") / "dataset_card.md").read_text(encoding="utf-8"),
        builds=[replace(build, identity=_without_paths(build.identity)) for build in builds],
        builder_version=BUILDER_VERSION,
        scene_lists=lists,
        checks={build.profile: _checks(work, build.profile) for build in builds},
    )
    return str(card.content)


def _checks(work: Path, profile: str) -> list[tuple[Table, str]]:
    """The audit and the verification, each with its rows as Markdown."""
    return [(table, _markdown(table)) for table in check_tables(read_findings(work, profile), profile)]


def _markdown(table: Table) -> str:
    rows = [
        (f"`{row[0]}`", *(f"{cell:,}" if isinstance(cell, int) else cell or "" for cell in row[1:]))
        for row in table.rows
    ]
    lines = [table.header, ("---", *("---:" for _ in table.header[1:])), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _without_paths(identity: dict[str, Any]) -> dict[str, Any]:
    """Leave out where things lie on the machine that built: the root, and the folders of the scene lists."""
    names = ",".join(Path(part).name for part in identity["split"].split(","))
    return {name: value for name, value in identity.items() if name != "root"} | {"split": names}


def _content_digest(data_files: dict[str, list[Path]]) -> str:
    digests = [f"{path.name} {_sha256(path)}" for paths in data_files.values() for path in paths]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _num_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
