"""A plausible mix of lesions."""

from collections.abc import Sequence

import numpy as np

from tbp_extract.phantom.lesions import Lesion, LesionKind
from tbp_extract.phantom.photos import Photo
from tbp_extract.phantom.skin import Skin

__all__ = ["draw_lesions"]

_RED_SHARE = 0.1
_LIGHT_SKIN = 70.0


def draw_lesions(
    count: int,
    *,
    kinds: Sequence[LesionKind],
    diameter_mm: tuple[float, float],
    skin: Skin,
    photos: Sequence[Photo] = (),
    seed: int,
) -> tuple[Lesion, ...]:
    """Draw lesions at random: kinds alike often, diameters even on a log scale.

    Parameters
    ----------
    count : int
    kinds : sequence of LesionKind
    diameter_mm : tuple of float
        Least and greatest longest diameter.
    skin : Skin
        Drawn colours are the fainter the darker it is.
    photos : sequence of Photo
        For lesions of kind ``photo``.
    seed : int
    """
    rng = np.random.default_rng(seed)
    low, high = np.log(diameter_mm)
    return tuple(
        _draw(rng, kinds[int(rng.integers(len(kinds)))], float(np.exp(rng.uniform(low, high))),
              skin.lab[0] / _LIGHT_SKIN, photos)
        for _ in range(count)
    )  # fmt: skip


def _draw(
    rng: np.random.Generator,
    kind: LesionKind,
    diameter_mm: float,
    strength: float,
    photos: Sequence[Photo],
) -> Lesion:
    rough = kind in (LesionKind.IRREGULAR, LesionKind.TWO_TONE)
    offset = _red(rng, strength) if rng.random() < _RED_SHARE else _brown(rng, strength)
    inner = tuple(float(v) for v in np.add(offset, np.array((-9.0, 1.0, -3.0)) * strength))
    return Lesion(
        kind,
        diameter_mm,
        offset_lab=offset,
        inner_lab=(inner[0], inner[1], inner[2]) if kind is LesionKind.TWO_TONE else None,
        aspect=1.0 if kind is LesionKind.DISC else float(rng.uniform(0.55, 0.95)),
        angle_deg=float(rng.uniform(0.0, 360.0)),
        edge_mm=float(rng.uniform(0.15, 0.7)),
        roughness=float(rng.uniform(0.08, 0.3)) if rough else 0.0,
        outline_seed=int(rng.integers(2**31)),
        photo=photos[int(rng.integers(len(photos)))] if kind is LesionKind.PHOTO else None,
    )


def _brown(rng: np.random.Generator, strength: float) -> tuple[float, float, float]:
    depth = float(rng.uniform(7.0, 30.0)) * strength
    return -depth, float(rng.uniform(0.1, 0.35)) * depth, float(rng.uniform(-0.1, 0.3)) * depth


def _red(rng: np.random.Generator, strength: float) -> tuple[float, float, float]:
    depth = float(rng.uniform(8.0, 18.0)) * strength
    return -depth, float(rng.uniform(0.9, 1.4)) * depth, float(rng.uniform(0.1, 0.4)) * depth
