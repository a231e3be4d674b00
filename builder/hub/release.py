"""What of a dataset folder may be published: an allow-list, and the reasons to refuse.

Parquet files, scene lists and the card go; pictures go only with a statement of rights, everything else stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow.compute as pc
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard
from PIL import Image

from .. import progress
from ..card import CONFIG_DESCRIPTIONS, PARTS, content_digests, folder_card, is_known
from ..config import PushConfig
from ..errors import BuildError
from ..markers import is_whole, read_marker
from ..pipeline import work_folder
from .publishable import refuse_unfit

_PUBLISHED = re.compile(rf"({'|'.join(CONFIG_DESCRIPTIONS)})/(train|test)-(\d{{5}}-of-\d{{5}}\.parquet|scenes\.txt)")
_PICTURE = re.compile(r"data/.+\.(jpe?g|png)", re.IGNORECASE)
_SHARD = re.compile(r"(\w+)-(\d{5})-of-(\d{5})\.parquet")


@dataclass(frozen=True, slots=True)
class Release:
    """What is put on the Hub."""

    files: dict[str, Path | bytes]
    """Path in the repository -> file, or content."""
    left_out: tuple[str, ...]
    """Other files of the dataset folder."""

    def sizes(self) -> dict[str, int]:
        """Bytes by path."""
        return {
            path: len(source) if isinstance(source, bytes) else source.stat().st_size
            for path, source in self.files.items()
        }


def is_replaced(path: str) -> bool:
    """Tell whether a file of a repository is of the kind that a push writes, so that an old one must not stay."""
    return bool(_PUBLISHED.fullmatch(path) or _PICTURE.fullmatch(path))


def collect_release(config: PushConfig) -> Release:
    """Choose what of a dataset folder goes to the Hub, and look all of it over.

    Raises:
        BuildError: if the folder is no dataset, a build of it is not complete, or its card does not describe it; if a table
            or the card holds a picture or an absolute path; if a picture that should go is missing.
    """
    config.check()
    out, work = config.dataset, work_folder(config.dataset)
    _refuse_unfinished(out, work)
    part = PARTS[config.part]
    found = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*")) if path.is_file()}
    files: dict[str, Path | bytes] = {
        name: path
        for name, path in found.items()
        if (match := _PUBLISHED.fullmatch(name)) and match[1] in part.configs and match[2] in part.splits
    }
    tables = [path for name, path in found.items() if name in files and path.suffix == ".parquet"]
    if not tables:
        raise BuildError(f"{out} holds no Parquet file for --part {config.part}; build it, or name another part.")
    for path in tables:
        refuse_unfit(path, config.include_images)
    if config.image_root is not None:
        files |= _pictures(tables, config.image_root)
    files["README.md"] = _card(config, work)
    return Release(files, tuple(name for name in found if name not in files))


def _refuse_unfinished(out: Path, work: Path) -> None:
    """Refuse what is no dataset, or not all of one."""
    again = f"run the same `spatialmosaic build` again (`spatialmosaic status {out}` says how far it is)."
    if work.is_dir() and progress.is_running(work):
        raise BuildError(f"A build is writing to {out}; wait until it is done (`spatialmosaic status {out}`).")
    if not (out / "README.md").is_file() or not any(out.glob("*/*.parquet")):
        if work.is_dir():
            raise BuildError(f"The build of {out} is not complete; {again}")
        raise BuildError(f"{out} is no dataset folder; name one that `spatialmosaic build` wrote.")
    for config in CONFIG_DESCRIPTIONS:
        folder = out / config
        if not folder.is_dir():
            continue
        marker = read_marker(work, config)
        if (work.is_dir() and not is_whole(folder, marker)) or (missing := _missing_shard(folder)):
            detail = (
                f"{folder} is not what its build wrote" if work.is_dir() else f"{folder / str(missing)} is missing"
            )
            raise BuildError(f"The build of {out} is not complete: {detail}; {again}")


def _missing_shard(folder: Path) -> str | None:
    names = {path.name for path in folder.glob("*.parquet")}
    for match in filter(None, map(_SHARD.fullmatch, sorted(names))):
        for number in range(int(match[3])):
            if (name := f"{match[1]}-{number:05d}-of-{match[3]}.parquet") not in names:
                return name
    return None


def _pictures(tables: list[Path], image_root: Path) -> dict[str, Path | bytes]:
    """The pictures that records show, by the path that records give them."""
    names: set[str] = set()
    for path in tables:
        if "image_paths" in pq.read_schema(path).names:
            names.update(
                pc.unique(
                    pq.read_table(path, columns=["image_paths"])["image_paths"].combine_chunks().flatten()
                ).to_pylist()
            )
    files: dict[str, Path | bytes] = {}
    for name in sorted(names):
        path = image_root / name
        if ".." in PurePosixPath(name).parts or not _PICTURE.fullmatch(name):
            raise BuildError(
                f"A record names the picture {name}, which is no .jpg or .png below data/; it is not sent."
            )
        try:
            with Image.open(path) as picture:
                picture.verify()
        except (OSError, SyntaxError) as error:
            raise BuildError(
                f"The picture {path} is missing or unreadable; make it with `spatialmosaic prepare-images`, or name the "
                "--image-root that has it."
            ) from error
        files[name] = path
    if not files:
        raise BuildError("--include-images: no record of this part names a picture.")
    return files


def _card(config: PushConfig, work: Path) -> bytes:
    """The card of what is published, made from the data; refuses where the folder's own does not describe them.

    Without the work folder its tables cannot be made again: then the folder's own card goes, if it is of these files.
    """
    out, readme = config.dataset, config.dataset / "README.md"
    written = readme.read_text(encoding="utf-8")
    anew = f"write it anew with `spatialmosaic card {out}`."
    if is_known(out, work):
        if written != folder_card(out, work):
            raise BuildError(f"{readme} is stale: it is not the card of these data and checks; {anew}")
        card = folder_card(out, work, config.part, config.repo, _in_a_cell(config.rights))
    elif config.part != "all" or config.rights:
        raise BuildError(f"{work} is missing: without it the card of --part {config.part} cannot be made.")
    else:
        described = {
            entry["config_name"]: str(entry["description"]) for entry in DatasetCard(written).data.get("configs", ())
        }
        digests = content_digests(out)
        if set(described) != set(digests) or any(digest not in described[name] for name, digest in digests.items()):
            raise BuildError(f"{readme} is stale: it describes other files than those of {out}; build it again.")
        card = written
    for place in {str(out.resolve().parent), *_roots(work)}:
        if len(place) > 1 and re.search(rf"(?<![\w./:-]){re.escape(place)}(?![\w-])", card):
            raise BuildError(f"{readme} names the folder {place} of this machine; {anew}")
    return card.encode()


def _in_a_cell(text: str) -> str:
    """Keep a sentence within one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def _roots(work: Path) -> set[str]:
    """ScanNet++ roots of the builds."""
    identities = (read_marker(work, config).get("identity", {}) for config in CONFIG_DESCRIPTIONS)
    return {str(identity["root"]) for identity in identities if "root" in identity}
