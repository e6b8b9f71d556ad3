"""Lesion crops and measures from 3D total-body photography.

Names are imported when they are first used, so that the command line starts at once.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "tbp_extract.config",
    "LesionDataset": "tbp_extract.io.dataset",
    "Listed": "tbp_extract.detect.listed",
    "ShardReader": "tbp_extract.io.shards",
    "build_surface": "tbp_extract.geometry",
    "extract_crops": "tbp_extract.crop",
    "frame_crops": "tbp_extract.crop",
    "read_config": "tbp_extract.config",
    "read_lesions": "tbp_extract.io.lesions",
    "read_metadata": "tbp_extract.io.tables",
    "read_scan": "tbp_extract.io.scan",
    "resolve_detector": "tbp_extract.detect.resolve",
    "run": "tbp_extract.pipeline.run",
    "scan_ref": "tbp_extract.io.scan",
}

__all__ = [
    "Config",
    "LesionDataset",
    "Listed",
    "ShardReader",
    "__version__",
    "build_surface",
    "extract_crops",
    "frame_crops",
    "read_config",
    "read_lesions",
    "read_metadata",
    "read_scan",
    "resolve_detector",
    "run",
    "scan_ref",
]

if TYPE_CHECKING:
    from tbp_extract.config import Config, read_config
    from tbp_extract.crop import extract_crops, frame_crops
    from tbp_extract.detect.listed import Listed
    from tbp_extract.detect.resolve import resolve_detector
    from tbp_extract.geometry import build_surface
    from tbp_extract.io.dataset import LesionDataset
    from tbp_extract.io.lesions import read_lesions
    from tbp_extract.io.scan import read_scan, scan_ref
    from tbp_extract.io.shards import ShardReader
    from tbp_extract.io.tables import read_metadata
    from tbp_extract.pipeline.run import run


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
