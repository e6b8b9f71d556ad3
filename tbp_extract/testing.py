"""For whoever writes a detector: a test that tells whether it keeps the contract.

::

    from tbp_extract.testing import check_detector

    def test_my_detector():
        check_detector(MyDetector())
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.detect import Detector, Found
from tbp_extract.detect.valid import faults_of
from tbp_extract.geometry import build_surface
from tbp_extract.types import Scan, Surface
from tbp_extract.uv import rowcol_to_uv

__all__ = ["check_detector", "sample_scans"]

_RADIUS_MM: Final = 40.0
_HEIGHT_MM: Final = 160.0
_PX_PER_MM: Final = 4.0
_SKIN: Final = (206, 165, 140)
_SPOT: Final = (120, 78, 60)
_SPOT_DIAMETERS_MM: Final = (3.0, 4.0, 5.0, 6.5, 8.0)
_SPOT_SPACING_MM: Final = 30.0


def check_detector(detector: Detector, scans: Mapping[str, Scan] | None = None) -> None:
    """Ask a detector about several scans and hold its answers against the contract.

    It has to answer without an exception for skin with spots, skin of one colour, skin without
    texture and a mesh without faces; twice the same, whatever it was asked in between; to leave
    scan and surface as they are; and to answer with valid places, sizes, scores, sources and
    reasons, every find once, under an id of its own, in candidates or in drops. Ids that are
    numbers count without a gap, for a gap is a find that was lost. Whether the finds are lesions
    is another question: ``benchmarks/detection.py`` answers it.

    Parameters
    ----------
    detector : Detector
        Anything with the method ``detect``.
    scans : mapping of str to Scan, optional
        Further scans by the name that a message gives them, beside those of `sample_scans`.

    Raises
    ------
    AssertionError
        With one sentence: which scan, which rule, what came.

    Examples
    --------
    >>> from tbp_extract.detect import nothing_found
    >>> from tbp_extract.types import EmptyReason
    >>> class Blind:
    ...     def detect(self, scan, surface):
    ...         return nothing_found(EmptyReason.NO_FINDS)
    >>> check_detector(Blind())
    """
    cases = {
        name: (scan, build_surface(scan))
        for name, scan in (sample_scans() | dict(scans or {})).items()
    }
    before = {name: _digest(case) for name, case in cases.items()}
    # At once: a detector may write its next answer over this one.
    first = {name: _digest(_ask(detector, name, *case)) for name, case in cases.items()}
    # In the other order: what it was asked before must not matter.
    for name, case in reversed(cases.items()):
        if _digest(_ask(detector, name, *case)) != first[name]:
            raise AssertionError(f"{name}: asked twice, the detector gave two different answers")
    for name, case in cases.items():
        if _digest(case) != before[name]:
            raise AssertionError(f"{name}: the detector changed it while it was asked about others")


def sample_scans() -> dict[str, Scan]:
    """Make the small scans that `check_detector` asks about, by name.

    Returns
    -------
    dict of str to Scan
        A limb with dark spots, the same of one colour, without texture, and nothing at all.
    """
    limb = _limb()
    page = np.empty_like(limb.atlas[0])
    page[:] = _SKIN
    return {
        "a limb with spots": replace(limb, atlas=(_spotted(page),)),
        "a limb of one colour": replace(limb, atlas=(page,)),
        "a limb without texture": replace(
            limb,
            wedge_uv=np.full_like(limb.wedge_uv, np.nan),
            face_page=np.full_like(limb.face_page, -1),
            atlas=(),
        ),
        "a mesh without faces": Scan(
            np.empty((0, 3)),
            np.empty((0, 3), np.int32),
            np.empty((0, 3, 2), np.float32),
            np.empty(0, np.int16),
            (),
        ),
    }


def _limb() -> Scan:
    """Build an open upright tube, its page wrapped around it once."""
    around, along = 80, 50
    size = _page_size()
    turn = np.linspace(0, 2 * np.pi, around + 1)
    height = np.linspace(0, _HEIGHT_MM, along + 1)
    angle, y = np.meshgrid(turn, height, indexing="ij")
    vertices = np.stack(
        (_RADIUS_MM * np.sin(angle), y, _RADIUS_MM * np.cos(angle)), axis=-1
    ).reshape(-1, 3)
    rowcol = np.stack((size[0] - 1 - y * _PX_PER_MM, angle * _RADIUS_MM * _PX_PER_MM), axis=-1)
    corner = (np.arange(around)[:, None] * (along + 1) + np.arange(along)).ravel()
    right, above = corner + along + 1, corner + 1
    faces = np.concatenate(
        (np.column_stack((corner, right, above)), np.column_stack((above, right, right + 1)))
    ).astype(np.int32)
    uv = rowcol_to_uv(rowcol.reshape(-1, 2), size).astype(np.float32)
    page = np.zeros((*size, 3), np.uint8)
    return Scan(vertices, faces, uv[faces], np.zeros(len(faces), np.int16), (page,))


def _page_size() -> NDArray[np.int64]:
    """Rows and columns of the limb's page; the last column repeats the first."""
    return np.array(
        (round(_HEIGHT_MM * _PX_PER_MM) + 1, round(2 * np.pi * _RADIUS_MM * _PX_PER_MM) + 1)
    )


def _spotted(page: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add grain and dark round spots of several sizes."""
    rows, cols = np.indices(page.shape[:2])
    grain = np.random.default_rng(0).normal(0, 2, (*page.shape[:2], 1))
    out = np.clip(page + grain, 0, 255).astype(np.uint8)
    step = _SPOT_SPACING_MM * _PX_PER_MM
    centres = [
        (row, col)
        for row in np.arange(step / 2, page.shape[0] - step / 2, step)
        for col in np.arange(step / 2, page.shape[1] - step / 2, step)
    ]
    for number, (row, col) in enumerate(centres):
        radius = 0.5 * _PX_PER_MM * _SPOT_DIAMETERS_MM[number % len(_SPOT_DIAMETERS_MM)]
        out[np.hypot(rows - row, cols - col) <= radius] = _SPOT
    return out


def _ask(detector: Detector, name: str, scan: Scan, surface: Surface) -> Found:
    """Put one scan before the detector and check its answer."""
    before = _digest((scan, surface))
    try:
        found = detector.detect(scan, surface)
    # Whatever a foreign detector may raise, its writer is to read which scan it was.
    except (Exception, SystemExit) as error:
        raise AssertionError(
            f"{name}: the detector raised {type(error).__name__}: {error}"
        ) from error
    if _digest((scan, surface)) != before:
        raise AssertionError(f"{name}: the detector changed its input, which it has to leave alone")
    fault = next(_faults(found, scan), None)
    if fault is not None:
        raise AssertionError(f"{name}: {fault}")
    return found


def _faults(found: Found, scan: Scan) -> Iterator[str]:
    yield from faults_of(found, scan)
    ids = found.candidates.lesion_id + found.drops.lesion_id
    numbers = sorted(int(name) for name in ids if name.isdecimal())
    if len(numbers) == len(ids) and numbers != list(range(1, len(ids) + 1)):
        yield (
            f"lesion_id: {len(ids)} finds are not numbered from 1 without a gap: a find may have "
            "been lost between candidates and drops"
        )


def _digest(value: Any) -> str:
    """Hash a structure of arrays with all that is in it."""
    digest = hashlib.sha256()
    for part in _parts(value):
        digest.update(part)
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray | tuple | list):
        yield f"{len(value)} ".encode()
        for entry in value:
            yield from _parts(entry)
    elif isinstance(value, Mapping):
        yield from _parts([entry for pair in value.items() for entry in pair])
    elif hasattr(value, "__dataclass_fields__"):
        yield from _parts([getattr(value, field.name) for field in fields(value)])
    else:
        yield repr(value).encode()
