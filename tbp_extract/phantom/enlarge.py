"""Enlarge the pages of a scan to the texel density of total-body photography."""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError
from tbp_extract.phantom.colour import rgb_to_lab
from tbp_extract.phantom.skin import Skin, add_fine_texture
from tbp_extract.types import Scan

__all__ = ["enlarge_atlas", "mean_skin"]

_LARGEST_PX = 16384


def enlarge_atlas(scan: Scan, *, page_px: int) -> Scan:
    """Enlarge all pages so that the longer side of the largest one has `page_px` texels.

    Parameters
    ----------
    scan : Scan
        Stays as it is.
    page_px : int
        At most 16384.

    Returns
    -------
    Scan
        Pages interpolated with Lanczos weights over 8 x 8 texels.

    Raises
    ------
    ConfigError
        If there is no page, or `page_px` is smaller than what is there or too large.
    """
    if not scan.atlas:
        raise ConfigError("a body without texture cannot be a phantom")
    largest = max(max(page.shape[:2]) for page in scan.atlas)
    if not largest <= page_px <= _LARGEST_PX:
        raise ConfigError(
            f"pages of {largest} px can be enlarged to {largest}..{_LARGEST_PX} px, got {page_px}"
        )
    factor = page_px / largest
    return replace(scan, atlas=tuple(_enlarge(page, factor) for page in scan.atlas))


def _enlarge(page: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    if factor == 1.0:
        return page.copy()
    size = (max(round(page.shape[1] * factor), 1), max(round(page.shape[0] * factor), 1))
    return np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)


def mean_skin(scan: Scan) -> Skin:
    """Skin whose colour is the median over the places of face corners."""
    samples = []
    for number, page in enumerate(scan.atlas):
        uv = scan.wedge_uv[scan.face_page == number].reshape(-1, 2)
        size = np.array(page.shape[:2])
        rowcol = np.stack((1.0 - uv[:, 1], uv[:, 0]), axis=1) * size
        rows, columns = np.clip(np.nan_to_num(rowcol).astype(int), 0, size - 1).T
        samples.append(page[rows, columns])
    lightness, a, b = np.median(rgb_to_lab(np.concatenate(samples)), axis=0)
    return Skin((float(lightness), float(a), float(b)))


def roughen(scan: Scan, *, seed: int) -> None:
    """Add the fine texture of skin to enlarged pages, in place."""
    add_fine_texture(scan, mean_skin(scan), seed=seed)
