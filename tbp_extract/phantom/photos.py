"""Photographed lesions with expert masks, ready to be carried over to other skin."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import SourceError
from tbp_extract.phantom.colour import rgb_to_lab

__all__ = ["Photo", "make_photo", "read_photos"]

_LEAST_MASK_PX = 200
_RING_SHARE = 0.12


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One lesion as a difference to the skin around it."""

    offset_lab: NDArray[np.float32]
    """(H, W, 3) CIELAB minus that of its own skin."""

    away_px: NDArray[np.float32]
    """(H, W) distance to the outline, negative inside."""

    skin_lab: tuple[float, float, float]
    """Median of the skin in a ring around the lesion."""


def make_photo(rgb: NDArray[np.uint8], mask: NDArray[np.bool_]) -> Photo:
    """Measure a lesion against its own skin.

    Parameters
    ----------
    rgb : (H, W, 3) uint8
    mask : (H, W) bool
        True on the lesion; only its largest connected piece counts.

    Raises
    ------
    SourceError
        If mask and image differ in size, or the mask leaves no lesion or no skin.
    """
    if rgb.shape[:2] != mask.shape:
        raise SourceError(f"expected a mask of {rgb.shape[:2]} px like its image, got {mask.shape}")
    whole = _largest_piece(mask)
    if whole.sum() < _LEAST_MASK_PX:
        raise SourceError(f"expected a mask of {_LEAST_MASK_PX} px or more, got {whole.sum()}")
    away = _signed_distance(whole)
    lab = rgb_to_lab(rgb)
    width = _RING_SHARE * float(np.sqrt(whole.sum()))
    ring = (away > 0.5 * width) & (away < 2.5 * width) & ~mask
    if not ring.any():
        raise SourceError("expected skin around the masked lesion, got none")
    skin = np.median(lab[ring], axis=0)
    return Photo(
        offset_lab=(lab - skin).astype(np.float32),
        away_px=away,
        skin_lab=(float(skin[0]), float(skin[1]), float(skin[2])),
    )


def read_photos(folder: Path) -> tuple[Photo, ...]:
    """Read all pairs ``img/NAME.jpg`` and ``mask/NAME.png`` of a folder, in order of name.

    Raises
    ------
    SourceError
        If there is no pair, or one cannot be read; names are not given away.
    """
    images = sorted((folder / "img").glob("*.jpg"))
    if not images:
        raise SourceError("expected lesion images in the folder img beside mask, got none")
    return tuple(
        _read_pair(number, path, folder / "mask" / f"{path.stem}.png")
        for number, path in enumerate(images)
    )


def _read_pair(number: int, image: Path, mask: Path) -> Photo:
    bgr = cv2.imdecode(_read_bytes(image), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    grey = cv2.imdecode(_read_bytes(mask), cv2.IMREAD_GRAYSCALE)
    if bgr is None or grey is None:
        raise SourceError(f"lesion image {number} or its mask is no readable picture")
    return make_photo(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).astype(np.uint8), grey > 127)


def _read_bytes(path: Path) -> NDArray[np.uint8]:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise SourceError(f"a lesion image or mask cannot be opened: {error.strerror}") from error
    if len(data) == 0:
        raise SourceError("a lesion image or mask is empty")
    return data


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    count, label, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    return np.asarray(label == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    outward = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inward = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    away = np.where(mask, 0.5 - inward, outward - 0.5).astype(np.float32)
    # Takes the stairs of the pixels out of the outline.
    return np.asarray(cv2.GaussianBlur(away, (0, 0), 2.0), np.float32)
