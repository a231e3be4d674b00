"""Whose weights a model is made of, and under which licence each part stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_KNOWN = {
    "facebook/VGGT-1B": "CC BY-NC 4.0: non-commercial",
    "facebook/VGGT-1B-Commercial": "VGGT's commercial licence, with its acceptable use policy",
    "google/siglip-so400m-patch14-384": "Apache-2.0",
    "llava-hf/LLaVA-NeXT-Video-7B-hf": "Llama 2 Community License",
    "llava-hf/llava-onevision-qwen2-0.5b-ov-hf": "Apache-2.0",
    "llava-hf/llava-onevision-qwen2-7b-ov-hf": "Apache-2.0",
    "lmms-lab/LLaVA-Video-7B-Qwen2": "Apache-2.0",
    "Qwen/Qwen2-0.5B-Instruct": "Apache-2.0",
    "Qwen/Qwen2-7B-Instruct": "Apache-2.0",
}
SCANNETPP_TERMS = "https://scannetpp.mlsg.cit.tum.de/scannetpp/static/scannetpp-terms-of-use.pdf"


@dataclass(frozen=True)
class Licence:
    """A row of a card."""

    part: str
    origin: str
    licence: str


def part_licences(
    conversion: dict[str, Any] | None, base: str, has_geometry: bool, is_random: bool = False
) -> list[Licence]:
    """List the parts of a model.

    Args:
        conversion: conversion.json of the start checkpoint; None where there is none.
        base: Name of the start checkpoint.
        has_geometry: Whether the model has a geometry encoder.
        is_random: Whether the start checkpoint was of nobody's making.
    """
    rows = []
    if is_random:
        rows.append(Licence("all weights before training", "random", "none"))
    elif conversion is None:
        rows.append(Licence("all weights before training", f"`{base}`", "see there"))
        if has_geometry:
            rows.append(_row("geometry encoder", base))
    elif conversion["source"]:
        rows.append(_row("vision tower, projector, language model", conversion["source"]))
    else:
        rows += [_row("vision tower", conversion["vision"]), _row("language model", conversion["text"])]
    if conversion is not None and has_geometry:
        rows.append(_row("geometry encoder", conversion["geometry"]))
        if conversion["fusion"]:
            rows.append(Licence("fusion before training", "the authors' weights", "non-commercial, as their release"))
    return [
        *rows,
        Licence(
            "questions that it learnt",
            "made from ScanNet++",
            f"[terms of use]({SCANNETPP_TERMS}): non-commercial research",
        ),
        Licence("code", "SpatialMosaic", "Apache-2.0"),
    ]


def _row(part: str, origin: str) -> Licence:
    return Licence(part, f"`{origin}`", _KNOWN.get(origin, "see there"))


def is_non_commercial_by_geometry(rows: list[Licence]) -> bool:
    """Whether the model holds weights of a geometry encoder that may not be used commercially, or that is not known."""
    return any(row.part == "geometry encoder" and "commercial licence" not in row.licence for row in rows)
