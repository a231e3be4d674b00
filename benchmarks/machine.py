"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path


def describe() -> str:
    """CPU model, widest vector instructions, cores, and the versions that speed depends on."""
    model, widest = platform.processor() or platform.machine(), "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        values = {name.strip(): value.strip() for name, value in fields.items()}
        model = values.get("model name", model)
        flags = values.get("flags", "").split()
        widest = next((name for name in ("avx512f", "avx2", "avx", "sse4_2") if name in flags), widest)
    return (
        f"{model}, {widest}, {os.cpu_count()} cores; Python {sys.version.split()[0]}, "
        f"numba {version('numba')}, numpy {version('numpy')}"
    )
