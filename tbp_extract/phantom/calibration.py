"""A body whose every mark is known, and what must come out of it: faults of measurement show.

Sizes, colours, places and directions are painted from closed forms. Whoever runs it through the
pipeline, or through an exporter and the pipeline, learns whether units, axes, textures, colours and
sampling are what they should be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tbp_extract.phantom.marks import Mark, MarkKind, ink
from tbp_extract.phantom.targets import Target, TargetShape, make_target, target_point
from tbp_extract.phantom.write import MeshFormat, write_scan, write_table
from tbp_extract.types import Scan

__all__ = [
    "CALIBRATION_MARKS",
    "Deviation",
    "MarkCrop",
    "calibration_point",
    "check_calibration",
    "make_calibration",
    "write_calibration",
]

_RADIUS_MM, _HEIGHT_MM = 40.0, 120.0
_BACK_MM = np.pi * _RADIUS_MM
_SKIN = (205, 165, 145)
_INK = (90, 50, 40)
_SAME_LIGHT = (120, 190, 238)
"""As light as the skin, of another hue."""

CALIBRATION_MARKS: Mapping[str, Mark] = {
    "disc 5 mm": Mark(MarkKind.DISC, 5.0, (0.0, 40.0)),
    "disc 3 mm": Mark(MarkKind.DISC, 3.0, (-25.0, 40.0)),
    "letter": Mark(MarkKind.LETTER, 6.0, (0.0, 15.0)),
    "red": Mark(MarkKind.DISC, 8.0, (25.0, 40.0), (200, 60, 60)),
    "green": Mark(MarkKind.DISC, 8.0, (25.0, 15.0), (60, 150, 70)),
    "blue": Mark(MarkKind.DISC, 8.0, (25.0, -10.0), (60, 80, 190)),
    "dark grey": Mark(MarkKind.DISC, 8.0, (-25.0, 15.0), (60, 60, 60)),
    "middle grey": Mark(MarkKind.DISC, 8.0, (-25.0, -10.0), (128, 128, 128)),
    "waves": Mark(MarkKind.WAVES, 2.0, (0.0, -10.0), extent_mm=12.0),
    "hues": Mark(MarkKind.CHECKER, 0.6, (0.0, -35.0), _SAME_LIGHT, extent_mm=9.0),
    "back disc 4 mm": Mark(MarkKind.DISC, 4.0, (_BACK_MM, 40.0)),
    "back yellow": Mark(MarkKind.DISC, 8.0, (_BACK_MM, 15.0), (220, 200, 60)),
}
"""Marks by name, later ones on the back; those of the back lie on the second page."""

_DISCS = ("disc 5 mm", "disc 3 mm", "back disc 4 mm")
_PATCHES = ("red", "green", "blue", "dark grey", "middle grey", "back yellow")

PLACE_MM = 0.1
"""How far a crop's centre may lie from its mark in body space; the mesh itself is 0.0125 mm off."""

CENTRE_MM = 0.025
"""How far the middle of a disc may lie from the middle of its crop; half a texel is 0.0625 mm."""

DIAMETER_SHARE = 0.01
"""How wrong a diameter may be; 0.3 % is usual."""

COLOUR_LEVELS = 4.0
"""How far a channel of an even colour may be off; JPEG costs one."""

WAVES_LEVELS = 2.0
"""RMS of waves against their formula: 1.4 with bilinear sampling, 3.7 with the nearest texel."""

HUES_SHARE = 0.7
"""Contrast that hues of equal light keep: 0.79 in 4:4:4, 0.53 in 4:2:0."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkCrop:
    """The crop around one mark."""

    pixels: NDArray[np.uint8]
    """(S, S, 3) sRGB, as released."""

    mm_per_px: float
    origin_mm: NDArray[np.float64]
    """(3,) its centre in body space."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """Something that is not as it was painted."""

    mark: str
    what: str
    expected: float
    got: float

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.mark}: {self.what} expected {self.expected:.4g}, got {self.got:.4g}"


def calibration_point(name: str) -> NDArray[np.float64]:
    """Centre of a mark in body space, (3,) mm."""
    return target_point(_target(()), *CALIBRATION_MARKS[name].at_mm)


def make_calibration() -> Scan:
    """Make the body: a cylinder that faces +z, front and back on a page each."""
    halves = [
        make_target(
            _target([mark for name, mark in CALIBRATION_MARKS.items() if back == _is_back(name)])
        )
        for back in (False, True)
    ]
    front = halves[0]
    behind = front.vertices_mm[front.faces].mean(axis=1)[:, 2] < 0.0
    return Scan(
        vertices_mm=front.vertices_mm,
        faces=front.faces,
        wedge_uv=front.wedge_uv,
        face_page=behind.astype(np.int16),
        atlas=(front.atlas[0], halves[1].atlas[0]),
    )


def write_calibration(
    folder: Path, *, mesh_format: MeshFormat = MeshFormat.OBJ, scan: Scan | None = None
) -> Path:
    """Write the body with ``lesions.csv``: a row a mark, named by it.

    Parameters
    ----------
    folder : Path
        Made if missing.
    mesh_format : MeshFormat
    scan : Scan, optional
        What `make_calibration` gave, if it was made before.

    Returns
    -------
    Path
        The mesh.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    scan = scan or make_calibration()
    mesh = write_scan(folder, "calibration", scan, mesh_format=mesh_format)
    rows = [
        {
            "lesion_id": name,
            **dict(zip("xyz", calibration_point(name) * mesh_format.per_mm, strict=True)),
        }
        for name in CALIBRATION_MARKS
    ]
    write_table(folder / "lesions.csv", rows)
    return mesh


def check_calibration(crops: Mapping[str, MarkCrop]) -> tuple[Deviation, ...]:
    """Compare crops of the marks with what was painted.

    Parameters
    ----------
    crops : mapping of str to MarkCrop
        By the names of `CALIBRATION_MARKS`.

    Returns
    -------
    tuple of Deviation
        Empty if units, axes, orientation, colours and sampling are right. A mark without a crop is
        a deviation as well.
    """
    found = [Deviation(name, "crops", 1, 0) for name in CALIBRATION_MARKS if name not in crops]
    for name, crop in crops.items():
        away = float(np.linalg.norm(crop.origin_mm - calibration_point(name)))
        if not away <= PLACE_MM:
            found.append(Deviation(name, "distance from its place in mm", 0.0, away))
        if name in _DISCS:
            found += _check_disc(name, crop)
        elif name in _PATCHES:
            found += _check_colour(name, crop)
        elif name == "letter":
            found += _check_letter(name, crop)
        else:
            found += _check_texture(name, crop)
    return tuple(found)


def _target(marks: list[Mark] | tuple[Mark, ...]) -> Target:
    return Target(
        TargetShape.CYLINDER,
        _RADIUS_MM,
        height_mm=_HEIGHT_MM,
        edge_mm=2.0,
        texel_mm=0.125,
        marks=tuple(marks),
        skin_rgb=_SKIN,
    )


def _is_back(name: str) -> bool:
    return name.startswith("back")


def _ways_mm(crop: MarkCrop) -> NDArray[np.float64]:
    """(S, S, 2) way to the right and up of each pixel's centre."""
    axis = (np.arange(len(crop.pixels)) - 0.5 * (len(crop.pixels) - 1)) * crop.mm_per_px
    return np.stack(np.broadcast_arrays(axis[None, :], -axis[:, None]), axis=-1)


def _inked(crop: MarkCrop, rgb: tuple[int, int, int]) -> NDArray[np.float64]:
    """Share of ink in each pixel, along the line from skin to ink."""
    skin = np.array(_SKIN, np.float64)
    line = np.array(rgb) - skin
    return np.asarray((crop.pixels - skin) @ line / (line @ line))


def _check_disc(name: str, crop: MarkCrop) -> list[Deviation]:
    share, ways = _inked(crop, _INK), _ways_mm(crop)
    away, size = np.hypot(ways[..., 0], ways[..., 1]), CALIBRATION_MARKS[name].size_mm
    # Rounded levels of skin all over would add up to ink.
    share = share - np.median(share[(away > 4.0) & (away < 6.0)])
    share = np.where(away < 0.5 * size + 1.0, share, 0.0)
    total = float(share.sum())
    diameter = 2.0 * np.sqrt(max(total, 0.0) * crop.mm_per_px**2 / np.pi)
    found = []
    if not abs(diameter / size - 1.0) <= DIAMETER_SHARE:
        found.append(Deviation(name, "diameter in mm", size, float(diameter)))
    middle = (share[..., None] * ways).sum(axis=(0, 1)) / max(total, 1e-9)
    for way, off in zip(("to the right", "up"), middle.tolist(), strict=True):
        if not abs(off) <= CENTRE_MM:
            found.append(Deviation(name, f"middle {way} in mm", 0.0, off))
    return found


def _check_colour(name: str, crop: MarkCrop) -> list[Deviation]:
    inside = np.hypot(*np.moveaxis(_ways_mm(crop), -1, 0)) < 3.0
    got = crop.pixels[inside].mean(axis=0)
    return [
        Deviation(name, f"{channel} of its colour", want, float(value))
        for channel, want, value in zip(
            ("red", "green", "blue"), CALIBRATION_MARKS[name].rgb, got, strict=True
        )
        if not abs(value - want) <= COLOUR_LEVELS
    ]


def _check_letter(name: str, crop: MarkCrop) -> list[Deviation]:
    """Overlap of ink with the letter as it reads from outside, top to the head."""
    inked = _inked(crop, _INK) > 0.5
    drawn = ink(CALIBRATION_MARKS[name], _ways_mm(crop).reshape(-1, 2)).reshape(inked.shape) > 0.5
    overlap = float((inked & drawn).sum() / max((inked | drawn).sum(), 1))
    return [] if overlap > 0.85 else [Deviation(name, "overlap with an upright F", 1.0, overlap)]


def _check_texture(name: str, crop: MarkCrop) -> list[Deviation]:
    """Waves must follow their formula, neighbouring hues must keep apart."""
    mark, ways = CALIBRATION_MARKS[name], _ways_mm(crop)
    inside = np.abs(ways).max(axis=-1) < 4.0
    drawn = ink(mark, ways.reshape(-1, 2)).reshape(inside.shape)[inside]
    expected = np.array(_SKIN) + drawn[:, None] * (np.array(mark.rgb) - np.array(_SKIN))
    got = crop.pixels[inside].astype(np.float64)
    if name == "waves":
        rms = float(np.sqrt(((got - expected) ** 2).mean()))
        return [] if rms <= WAVES_LEVELS else [Deviation(name, "RMS of its levels", 0.0, rms)]
    hue = [(rgb[:, 0] - rgb[:, 2]).std() for rgb in (got, expected)]
    share = float(hue[0] / hue[1])
    return [] if share >= HUES_SHARE else [Deviation(name, "contrast of hues", 1.0, share)]
