"""Renders the dataset card from what the dataset folder holds: of all of it, or of a part that is published alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from datasets import Features
from huggingface_hub import DatasetCard, DatasetCardData

from .config import Part as PartName
from .findings import Table, check_tables, read_findings
from .markers import read_marker
from .rules import PROFILES
from .shards import write_text
from .splits import SPLITS

CONFIG_DESCRIPTIONS = {
    "paper": "Questions by the published rules.",
    "strict": "Questions made so that text and options do not give the answer away.",
    "annotations": "Visibility of every instance in every frame.",
}
"""The configs in the order of the card."""


@dataclass(frozen=True, slots=True)
class Part:
    """What of a dataset folder goes into one repository."""

    title: str
    configs: tuple[str, ...]
    splits: tuple[str, ...]


PARTS: dict[PartName, Part] = {
    "all": Part("SpatialMosaic", (*PROFILES, "annotations"), SPLITS),
    "train": Part("SpatialMosaic", tuple(PROFILES), ("train",)),
    "bench": Part("SpatialMosaic-Bench", tuple(PROFILES), ("test",)),
    "annotations": Part("SpatialMosaic annotations", ("annotations",), SPLITS),
}

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""The Hub's names of sizes; beyond: 1M<n<10M."""
_TERMS = "https://scannetpp.mlsg.cit.tum.de/scannetpp/static/scannetpp-terms-of-use.pdf"
_GATE = (
    "These records are derived from ScanNet++. By asking for access you confirm that you have accepted ScanNet++'s terms of "
    "use, and that you use the records for non-commercial research only."
)


@dataclass(frozen=True, slots=True)
class Build:
    """What one profile's build made."""

    profile: str
    counts: dict[str, dict[str, dict[str, int]]]
    """Records by column, value and split."""
    identity: dict[str, Any]
    """The configuration."""
    thresholds: dict[str, dict[str, Any]]
    """`VisibilityRules` and `Rules` that it was made with."""
    builder_version: str


_OF_BUILD = ("counts", "identity", "thresholds", "builder_version")
"""What a marker must hold: one of an older version does not tell all that a card says."""


def read_builds(folders: Mapping[str, Path], markers: Mapping[str, Path]) -> list[Build]:
    """Read what the builds of the profiles made, in the order of the profiles.

    Args:
        folders: where each config's Parquet files lie now.
        markers: where each profile's marker lies now.
    """
    builds = []
    for profile in PROFILES:
        marker = read_marker(markers[profile], profile)
        if folders[profile].is_dir() and all(name in marker for name in _OF_BUILD):
            builds.append(Build(profile, **{name: marker[name] for name in _OF_BUILD}))
    return builds


def folder_card(out: Path, work: Path, part: PartName = "all", name: str = "spatialmosaic", rights: str = "") -> str:
    """Render the card of a written dataset folder; see `card_text`."""
    folders = {config: out / config for config in CONFIG_DESCRIPTIONS}
    return card_text(folders, read_builds(folders, dict.fromkeys(PROFILES, work)), work, part, name, rights)


def is_known(out: Path, work: Path) -> bool:
    """Tell whether a work folder says how a dataset folder was made, which a card must tell."""
    folders = {profile: out / profile for profile in PROFILES}
    return bool(read_builds(folders, dict.fromkeys(PROFILES, work)))


def refresh_card(out: Path, work: Path) -> None:
    """Write the card of a dataset folder again, with what is known of it now.

    Raises:
        FileNotFoundError: if the folder was not built here.
    """
    if not is_known(out, work):
        raise FileNotFoundError(
            f"{work} does not tell how {out} was made, so its card cannot be written; name a folder that `spatialmosaic build` "
            "wrote."
        )
    write_text(out / "README.md", folder_card(out, work))


def card_text(
    folders: Mapping[str, Path],
    builds: Sequence[Build],
    work: Path,
    part: PartName = "all",
    name: str = "spatialmosaic",
    rights: str = "",
) -> str:
    """Write the card `README.md`: the `configs:` that `load_dataset` reads, and what a person wants to know.

    Args:
        folders: where each config's Parquet files lie now.
        builds: of the profiles that are there; the first is the default config.
        work: the work folder, where audit and verification lie if they were made.
        part: which configs and splits the card is of.
        name: what `load_dataset` takes: the folder's name, or a repository's.
        rights: by which right the pictures come with the records; empty where they do not.
    """
    shown = PARTS[part]
    found = {config: _data_files(folders[config], shown.splits) for config in shown.configs}
    found = {config: data_files for config, data_files in found.items() if data_files}
    lists = {
        f"{config}/{path.name}": (_num_lines(path), _sha256(path))
        for config in found
        for path in sorted(folders[config].glob("*-scenes.txt"))
        if path.name.removesuffix("-scenes.txt") in shown.splits
    }
    card = DatasetCard.from_template(
        _card_data(shown, found, rights),
        template_str=(files("spatialmosaic_hub_cards") / "dataset_card.md").read_text(encoding="utf-8"),
        part=part,
        title=shown.title,
        name=name,
        rights=rights,
        configs={config: list(data_files) for config, data_files in found.items()},
        builds=[replace(build, identity=_without_paths(build.identity)) for build in builds],
        images=builds[0].identity["images"],
        splits={build.profile: _splits_with_records(build, shown) for build in builds},
        features={config: _columns(data_files) for config, data_files in found.items()},
        scene_lists=lists,
        checks={build.profile: _checks(work, build.profile) for build in builds},
    )
    return str(card.content)


def content_digests(folder: Path, part: PartName = "all") -> dict[str, str]:
    """SHA-256 of what each config of a dataset folder holds, as the card names it."""
    shown = PARTS[part]
    found = {config: _data_files(folder / config, shown.splits) for config in shown.configs}
    return {config: _content_digest(data_files) for config, data_files in found.items() if data_files}


def _card_data(part: Part, found: Mapping[str, dict[str, list[Path]]], rights: str) -> DatasetCardData:
    configs: list[dict[str, Any]] = []
    infos: list[dict[str, Any]] = []
    num_rows = 0
    for config, data_files in found.items():
        configs.append(
            {
                "config_name": config,
                # load_dataset caches a folder by its card alone: without the digest it would go on serving the records
                # of an earlier build.
                "description": f"{CONFIG_DESCRIPTIONS[config]} Content: {_content_digest(data_files)}.",
                "data_files": [{"split": split, "path": f"{config}/{split}-*.parquet"} for split in data_files],
                **({"default": True} if not configs else {}),
            }
        )
        infos.append({"config_name": config, "features": _features(data_files)._to_yaml_list()})
        num_rows += sum(pq.read_metadata(path).num_rows for paths in data_files.values() for path in paths)
    return DatasetCardData(
        pretty_name=part.title,
        language="en",
        license="other",
        license_name="as-stated-in-the-card" if rights else "scannetpp-terms-of-use",
        license_link=None if rights else _TERMS,
        annotations_creators=["machine-generated"],
        size_categories=[next((size for limit, size in _SIZES if num_rows < limit), "1M<n<10M")],
        task_categories=["visual-question-answering", "multiple-choice"] if set(found) & set(PROFILES) else None,
        tags=["spatial-reasoning", "multi-view", "3d", "occlusion"],
        extra_gated_prompt=None if rights else _GATE,
        extra_gated_fields=None if rights else {"I have accepted ScanNet++'s terms of use": "checkbox"},
        configs=configs,
        dataset_info=infos,
    )


def _data_files(folder: Path, splits: Sequence[str]) -> dict[str, list[Path]]:
    found = {split: sorted(folder.glob(f"{split}-*.parquet")) for split in splits}
    return {split: paths for split, paths in found.items() if paths}


def _features(data_files: dict[str, list[Path]]) -> Features:
    return Features.from_arrow_schema(pq.read_schema(next(iter(data_files.values()))[0]))


def _columns(data_files: dict[str, list[Path]]) -> dict[str, str]:
    """Columns and their Arrow types."""
    return {field.name: str(field.type) for field in _features(data_files).arrow_schema}


def _splits_with_records(build: Build, part: Part) -> list[str]:
    by_split = build.counts["question_type"].values()
    return [split for split in part.splits if any(split in counts for counts in by_split)]


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
