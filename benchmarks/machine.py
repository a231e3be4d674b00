"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import resource
import sys
from importlib.metadata import version
from pathlib import Path

_VECTORS = {"avx512f": 512, "avx2": 256, "avx": 256, "sse4_2": 128}
"""Vector instructions, widest first, and their width in bits."""


def describe() -> str:
    """CPU model, widest vector instructions, cores, and the versions that speed depends on."""
    model, widest = platform.processor() or platform.machine(), "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        values = {name.strip(): value.strip() for name, value in fields.items()}
        model = values.get("model name", model)
        flags = values.get("flags", "").split()
        widest = next((f"{name} ({bits} bit)" for name, bits in _VECTORS.items() if name in flags), widest)
    return (
        f"{model}, {widest}, {os.cpu_count()} cores; Python {sys.version.split()[0]}, "
        f"numba {version('numba')}, numpy {version('numpy')}"
    )


def peak_gigabytes() -> float:
    """Largest resident size of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
