"""The benchmarks that can be run, one module each."""

from __future__ import annotations

from ..question import Benchmark
from . import spatialmosaic, vsti

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark for benchmark in (spatialmosaic.BENCHMARK, vsti.BENCHMARK)
}
"""Benchmarks by name."""
