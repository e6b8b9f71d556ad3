"""Rows that the second stage of the built-in detector is trained on: spots with their labels.

Scenes are the ``tune`` half of the real bodies, in their own and four darker tones, and four made
bodies from very light to dark: bare, planted, planted with fainter lesions, planted with hair. Most
are looked at three times, as they are, in another texture layout, and as another capture would give
them, so that trees see how the same spot varies. Darker tones are made by filtering light; the two
called glossy get the veil that a skin's surface throws back as well. A spot on a planted lesion is
a lesion, one elsewhere is none; spots on rims, on lesions too faint or too small to be asked for,
and on what the skins themselves carry that looks like a lesion (`CARRIED`, looked at one by one),
are left out. Nothing of the ``test`` half is seen.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection_copies import glossy, recaptured, relaid, toned
from benchmarks.detection_scenes import (
    HALVES,
    Plants,
    bare_body,
    made_body,
    match,
    photos_of,
    plant,
)
from tbp_extract.detect.blob.find import describe_spots
from tbp_extract.geometry import build_surface
from tbp_extract.phantom.hair import Hair
from tbp_extract.phantom.skin import Tone
from tbp_extract.types import Scan

__all__ = ["SKINS", "Rows", "gathered"]

FILTERS = {
    "native": None,
    "brown": (0.50, 0.40, 0.33),
    "dark": (0.30, 0.20, 0.15),
    "glossy brown": (0.38, 0.28, 0.21),
    "glossy dark": (0.22, 0.15, 0.11),
}
"""Shares of red, green and blue light that are left of a light skin's."""

MADE = ((Tone.DARK, 0.1), (Tone.BROWN, 0.1), (Tone.VERY_LIGHT, 0.3), (Tone.TAN, 0.2))
"""Bodies of our own: tone and share of freckles."""

LESIONS = 300
FADED = 0.35
"""Fainter lesions keep at least this share of their difference from the skin."""

CARRIED = {
    "mh_male_young": (
        (-26.0, 879.0, 108.0), (10.0, 1272.0, 140.0), (-182.0, 47.0, 136.0), (-51.0, 1355.0, 123.0),
        (165.0, 1388.0, 93.0), (-19.0, 1165.0, 140.0), (17.0, 1232.0, 142.0), (4.0, 1745.0, 86.0),
        (-60.0, 1578.0, 86.0), (-64.0, 1642.0, 105.0), (54.0, 1268.0, -75.0),
        (-164.0, 1305.0, 71.0),
    ),
    "mh_male_middleage": ((86.0, 1480.0, -23.0), (82.0, 1482.0, -23.0)),
}  # fmt: skip
"""Places (mm) of spots on the bare skins that a reader would call lesions."""

CARRIED_MM = 6.0
CLEAR_CONTRAST, CLEAR_MM = 3.0, 1.5

COPIES: dict[str, Callable[[Scan, int], Scan]] = {
    "as it is": lambda scan, _: scan,
    "relaid": lambda scan, _: relaid(scan),
    "recaptured": lambda scan, seed: recaptured(scan, seed=seed),
}


@dataclass(frozen=True, slots=True)
class Skin:
    """One body in one tone."""

    body: int
    name: str
    tone: str
    make: Callable[[], Scan]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is put on a skin, and how it is looked at."""

    kind: str
    seed: int | None
    """None for a bare skin."""

    copies: tuple[str, ...]
    faded: float = 1.0
    hair: Hair | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N spots of one copy of one scene."""

    body: NDArray[np.int64]
    """() number of the body: those of one number are never both trained on and judged."""

    label: NDArray[np.int64]
    """(N,) 1 for a lesion, 0 for none, -1 for what is left out."""

    every: NDArray[np.float32]
    """(L, N, K) features of each look; NaN where one showed nothing."""

    xyz_mm: NDArray[np.float64]
    """(N, 3) as all looks together say, and so is the diameter."""

    diameter_mm: NDArray[np.float64]
    plant: NDArray[np.int64]
    """(N,) lesion below each spot, or -1."""

    plant_mm: NDArray[np.float64]
    """(P,) longest diameters of the planted lesions; none on a bare skin."""

    plant_contrast: NDArray[np.float64]
    plant_ita_deg: NDArray[np.float64]


def gathered(folder: Path | None, part: tuple[int, int] = (0, 1)) -> dict[str, Rows]:
    """Rows by skin, scene and copy; kept in a folder if one is named.

    Parameters
    ----------
    folder : Path or None
    part : tuple of int
        Which of how many parts of the skins: parts can be gathered side by side.
    """
    out: dict[str, Rows] = {}
    for number, skin in enumerate(SKINS):
        if number % part[1] == part[0]:
            out.update(_rows_of(skin, folder))
    return out


def _rows_of(skin: Skin, folder: Path | None) -> Iterator[tuple[str, Rows]]:
    names = {
        (scene.kind, copy): f"{skin.name}, {skin.tone}, {scene.kind}, {copy}"
        for scene in scenes_of(skin)
        for copy in scene.copies
    }
    if folder is not None and all((folder / f"{name}.npz").exists() for name in names.values()):
        for name in names.values():
            with np.load(folder / f"{name}.npz") as kept:
                yield name, Rows(**{field.name: kept[field.name] for field in fields(Rows)})
        return
    bare, photos = skin.make(), photos_of("tune")
    surface = build_surface(bare)
    for scene in scenes_of(skin):
        scan, plants = bare, None
        if scene.seed is not None:
            scan, plants = plant(
                bare, surface, photos,
                count=LESIONS, seed=scene.seed, hair=scene.hair, faded=scene.faded,
            )  # fmt: skip
        for copy in scene.copies:
            name = names[scene.kind, copy]
            rows = rows_of(skin, COPIES[copy](scan, sum(map(ord, name))), plants)
            print(
                f"{name}: {len(rows.label)} spots, {int((rows.label == 1).sum())} lesions",
                flush=True,
            )
            if folder is not None:
                np.savez(
                    folder / f"{name}.npz", **{f.name: getattr(rows, f.name) for f in fields(rows)}
                )
            yield name, rows


def scenes_of(skin: Skin) -> tuple[Scene, ...]:
    """Scenes of one skin; those of the two real bodies are seen in more copies."""
    thrice, twice, once = tuple(COPIES), tuple(COPIES)[::2], tuple(COPIES)[:1]
    real = skin.body < len(HALVES["tune"])
    first = 10 * (1 + skin.body) + 100 * (list(FILTERS).index(skin.tone) if real else 9)
    out = [
        Scene("bare", None, thrice if real else once),
        Scene("planted", first, thrice),
        Scene("fainter", first + 1, thrice if real else twice, faded=FADED),
    ]
    if real:
        out.append(Scene("planted again", first + 2, thrice))
    if skin.tone in ("native", "dark"):
        out.append(Scene("with hair", first + 3, tuple(COPIES)[:2], hair=Hair()))
    return tuple(out)


def rows_of(skin: Skin, scan: Scan, plants: Plants | None) -> Rows:
    """Spots of one scan with their labels."""
    described = describe_spots(scan, build_surface(scan), None)
    spots = described.looks.spots
    label, on = np.zeros(len(spots), np.int64), np.full(len(spots), -1)
    for place in CARRIED.get(skin.name, ()):
        label[np.linalg.norm(spots.xyz_mm - place, axis=1) < CARRIED_MM] = -1
    none = np.empty(0)
    size = contrast = ita = none
    if plants is not None:
        on, near = match(spots.xyz_mm, plants)
        size, contrast, ita = plants.long_mm, plants.contrast, plants.ita_deg
        clear = (contrast >= CLEAR_CONTRAST) & (size >= CLEAR_MM)
        label[near] = -1
        label[on >= 0] = np.where(clear[on[on >= 0]], 1, -1)
    return Rows(
        np.array(skin.body), label, described.every, spots.xyz_mm, spots.diameter_mm,
        on, size, contrast, ita,
    )  # fmt: skip


def _in_tone(name: str, tone: str, seed: int) -> Scan:
    bare, shares = bare_body(name), FILTERS[tone]
    if shares is not None:
        bare = toned(bare, shares)
    return glossy(bare, seed=seed) if tone.startswith("glossy") else bare


SKINS = tuple(
    Skin(number, name, tone, partial(_in_tone, name, tone, number))
    for tone in FILTERS
    for number, name in enumerate(HALVES["tune"])
) + tuple(
    Skin(number, "made", tone.value, partial(made_body, tone, freckles=freckles, seed=number))
    for number, (tone, freckles) in enumerate(MADE, len(HALVES["tune"]))
)
