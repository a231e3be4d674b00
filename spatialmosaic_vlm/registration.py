"""Makes transformers' Auto classes know the models, and saved folders carry their code.

After `import spatialmosaic_vlm`, `AutoModel.from_pretrained` and its kin load a SpatialMosaic folder. Where the package
is missing they do so with `trust_remote_code=True`: every saved folder holds the files that define its classes.
"""

from __future__ import annotations

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_LIGHT = {f"{__package__}.{name}" for name in ("chat_templates", "cli", "convert", "train")}
"""Modules of this package that are imported without PyTorch, so that `--help` answers at once."""


def register() -> None:
    """Register now if transformers is imported, else as soon as it is: importing it takes seconds."""
    if "transformers" in sys.modules:
        _register_classes()
    else:
        sys.meta_path.insert(0, _RegisterOnImport())


def _register_classes() -> None:
    from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoProcessor

    from .configuration_spatial_mosaic import SpatialMosaicConfig
    from .configuration_vggt import VGGTEncoderConfig
    from .modeling_spatial_mosaic import SpatialMosaicForConditionalGeneration, SpatialMosaicModel
    from .modeling_vggt import VGGTEncoderModel
    from .processing_spatial_mosaic import SpatialMosaicProcessor

    for config in (VGGTEncoderConfig, SpatialMosaicConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        config.register_for_auto_class()
    for auto, config, model in (
        (AutoModel, VGGTEncoderConfig, VGGTEncoderModel),
        (AutoModel, SpatialMosaicConfig, SpatialMosaicModel),
        (AutoModelForImageTextToText, SpatialMosaicConfig, SpatialMosaicForConditionalGeneration),
    ):
        auto.register(config, model, exist_ok=True)
        model.register_for_auto_class(auto.__name__)
    AutoProcessor.register(SpatialMosaicConfig, SpatialMosaicProcessor, exist_ok=True)
    SpatialMosaicProcessor.register_for_auto_class()


class _RegisterOnImport(MetaPathFinder):
    """Waits for the first import of transformers, or of a module here that needs it, then steps aside."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        is_ours = name.startswith(f"{__package__}.") and name not in _LIGHT
        if name != "transformers" and not is_ours:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenRegister(spec.loader)
        return spec


class _ThenRegister(Loader):
    """Loads a module as its own loader does, then registers: a module in the middle of its import cannot be used."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        _register_classes()
