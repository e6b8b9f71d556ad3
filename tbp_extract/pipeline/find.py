"""Who finds the lesions of a scan: its list, or the configured detector."""

import hashlib
from pathlib import Path
from typing import Final

from tbp_extract.config import Config, DetectConfig
from tbp_extract.detect import Found, without_small
from tbp_extract.detect.resolve import Given, resolve_detector
from tbp_extract.detect.tags import match_tags
from tbp_extract.detect.valid import answer_of
from tbp_extract.errors import ConfigError, ScanError, ScanReason
from tbp_extract.io.code import foreign_fingerprint
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.lesions import read_lesions
from tbp_extract.io.models import read_model
from tbp_extract.types import Scan, ScanRef, Surface

__all__ = ["detector_name", "find_lesions", "settle_detector"]

LISTED: Final = "listed"


def settle_detector(config: Config) -> Config:
    """Make the configured detector once, before anything starts, and fix what it is made of.

    Returns
    -------
    Config
        States the SHA-256 of the model, or of the code of a class of one's own: from now on only
        that will do.

    Raises
    ------
    ConfigError
        If the detector cannot be made, or is not the one whose hash the configuration states.
    """
    settings = config.detect
    if settings.detector == LISTED:
        return config
    given = _given(config)
    resolve_detector(settings.detector, config, given)
    if given.model is not None:
        sha256 = hashlib.sha256(given.model).hexdigest()
        onnx = settings.onnx.model_copy(update={"model_sha256": sha256})
        settings = settings.model_copy(update={"onnx": onnx})
    settings = settings.model_copy(update={"code_sha256": _foreign_code(settings)})
    return config.model_copy(update={"detect": settings})


def _foreign_code(settings: DetectConfig) -> str | None:
    """SHA-256 of what finds lesions and is not of this package."""
    prints = [foreign_fingerprint(module) for module in _foreign_modules(settings)]
    if not prints:
        return None
    found = prints[0] if len(prints) == 1 else hashlib.sha256("".join(prints).encode()).hexdigest()
    if settings.code_sha256 not in (None, found):
        raise ConfigError(
            f"detect.code_sha256: expected code of SHA-256 {settings.code_sha256}, got {found}: "
            "take the version of the detector that was meant, or change the setting"
        )
    return found


def _foreign_modules(settings: DetectConfig) -> list[str]:
    """Modules of other packages that find lesions; a network judges what another has found."""
    names = [settings.detector]
    if settings.detector == "onnx" and settings.onnx.mode == "classifier":
        names.append(settings.onnx.base)
    own = [module for module, colon, _ in (name.partition(":") for name in names) if colon]
    return ["onnxruntime", *own] if settings.detector == "onnx" else own


def _given(config: Config) -> Given:
    settings = config.detect.onnx
    if config.detect.detector != "onnx" or settings.model is None:
        return Given()
    return Given(model=read_model(Path(settings.model), settings.model_sha256))


def detector_name(ref: ScanRef, config: Config) -> str:
    """Name of what finds the lesions of a scan."""
    if ref.lesions is None:
        return config.detect.detector
    return LISTED if config.detect.with_list == "list" else f"{config.detect.detector} with tags"


def find_lesions(
    ref: ScanRef, scan: Scan, surface: Surface, config: Config, folder: ScanFolder
) -> Found:
    """Find the lesions of a scan: those of its list if it has one, else what the detector finds.

    With ``detect.with_list = "tags"`` the detector searches scans with a list as well, and the
    list's entries are tags beside its finds.

    Raises
    ------
    ScanError
        If the list cannot be used, if there is neither a list nor a detector, or if the detector
        breaks its contract.
    """
    settings = config.detect
    listed = None
    if ref.lesions is not None:
        lesions = read_lesions(ref, scan, config, folder=folder)
        listed = resolve_detector(LISTED, config, Given(lesions)).detect(scan, surface)
        if settings.with_list == "list":
            return listed
    if settings.detector == LISTED:
        raise ScanError(
            ScanReason.LESION_LIST_MISSING,
            "expected a lesion list for this scan, got none: name it in the column lesions of "
            "scans.csv, or without that table lay lesions.csv beside the mesh; or choose a "
            "detector in detect.detector",
        )
    found = answer_of(resolve_detector(settings.detector, config, _given(config)), scan, surface)
    if listed is not None:
        found = match_tags(found, listed, surface, distance_mm=settings.tag_distance_mm)
    return without_small(found, settings.min_diameter_mm, surface)
