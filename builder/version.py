"""Versions that stand in records and cache keys."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    BUILDER_VERSION = version("spatialmosaic")
except PackageNotFoundError:
    BUILDER_VERSION = "0+uninstalled"

ENGINE_VERSION = 1
"""Raised whenever the visibility stage gives other numbers: annotations of another engine are made anew."""
GENERATOR_VERSION = 1
"""Raised whenever the question stage gives other candidates."""
