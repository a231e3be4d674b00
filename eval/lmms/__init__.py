"""SpatialMosaic-Bench and SpatialMosaicVLM inside lmms-eval, in an environment of its own.

task_files   writes a folder for `--include_path`: choices, numbers, and choices without pictures
documents    what its YAML files call: prompt, pictures, scores, averages
model        `--model spatialmosaic_vlm`, found by the entry point group `lmms_eval.models`
"""

from __future__ import annotations

from typing import Any


def manifest() -> Any:
    """Tell lmms-eval where the model is; called by lmms-eval alone."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(
        model_id="spatialmosaic_vlm", chat_class_path="spatialmosaic_eval.lmms.model.SpatialMosaicVLM"
    )
