"""True records of a sample room, and one observer for all who look at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from spatialmosaic_builder.config import BuildConfig
from spatialmosaic_builder.pipeline import build
from spatialmosaic_builder.rules import VisibilityRules
from spatialmosaic_builder.schema import Scan
from spatialmosaic_builder.verify.examine import Finding, examine
from spatialmosaic_builder.verify.observer import Observer

Record = dict[str, Any]


@pytest.fixture(scope="session")
def verified_dataset(sample_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the two sample rooms in both profiles."""
    out = tmp_path_factory.mktemp("verified") / "spatialmosaic"
    for profile in ("paper", "strict"):
        build(BuildConfig(sample_root, out, profile=profile, size="2200", num_proc=1))
    return out


@pytest.fixture(scope="session")
def true_records(verified_dataset: Path) -> list[Record]:
    """Its records."""
    return [row for path in verified_dataset.glob("*/t*.parquet") for row in rows_of(path)]


def rows_of(path: Path) -> list[Record]:
    table = pq.read_table(path)
    return table.to_pylist() if "question_type" in table.column_names else []


@pytest.fixture(scope="session")
def observer(sample_scan: Scan) -> Observer:
    return Observer(sample_scan, VisibilityRules())


@pytest.fixture(scope="session")
def findings_of(observer: Observer) -> Callable[..., list[Finding]]:
    """Examine records of the first room."""
    return lambda *records: examine(list(records), observer)
