"""Teaches `load_dataset` the name "spatialmosaic".

`datasets` has no entry point for that. Its table of packaged builders is the place, but the factory behind the table
resolves `data_dir` as data files, which lists every file below it: minutes for a ScanNet++ download. So the factory is
wrapped for this one name. Where a future release has renamed these, `register` returns False and the other two ways go
on working: the folder that `spatialmosaic build` writes, and the class `SpatialMosaic`.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

NAME = "spatialmosaic"
_BUILDER_MODULE = f"{__package__}.dataset"
_HOOKED_MODULE = "datasets.load"


def register() -> bool:
    """Register now if `datasets` is imported, else as soon as it is; False where `datasets` has changed too much."""
    if _HOOKED_MODULE in sys.modules:
        return _register_in(sys.modules[_HOOKED_MODULE])
    sys.meta_path.insert(0, _RegisterOnImport())
    return True


def _register_in(load: ModuleType) -> bool:
    from .version import source_digest

    try:
        from datasets.data_files import DataFilesDict
        from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as PACKAGED_MODULES

        base = load.PackagedDatasetModuleFactory
        local_factory, dataset_module = load.LocalDatasetModuleFactory, load.DatasetModule
    except (ImportError, AttributeError):
        return False
    PACKAGED_MODULES[NAME] = (_BUILDER_MODULE, source_digest())
    if getattr(base, "knows_spatialmosaic", False):
        return True

    class Factory(base):  # type: ignore[misc, valid-type]
        knows_spatialmosaic = True

        def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
            if name == NAME:
                self.name, self.data_dir = name, kwargs.get("data_dir")
            else:
                super().__init__(name, *args, **kwargs)

        def get_module(self) -> Any:
            if self.name != NAME:
                return super().get_module()
            if not self.data_dir and os.path.isfile(os.path.join(NAME, "README.md")):  # noqa: PTH113, PTH118
                return local_factory(NAME).get_module()
            # An empty dictionary, not None: the builder drops it, and None has no configs to look up.
            return dataset_module(*PACKAGED_MODULES[NAME], {"data_files": DataFilesDict(), "dataset_name": NAME})

    Factory.__name__ = Factory.__qualname__ = base.__name__
    load.PackagedDatasetModuleFactory = Factory  # type: ignore[attr-defined]
    return True


class _RegisterOnImport(MetaPathFinder, Loader):
    """Waits for `datasets.load`, so that importing this package does not import `datasets`."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != _HOOKED_MODULE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is None or spec.loader is None:
            return None
        self._loader = spec.loader
        spec.loader = self
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _register_in(module)
