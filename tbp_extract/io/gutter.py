"""Fresh atlas pages made fit for interpolation at their seams."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import gutter
from tbp_extract.uv import uv_to_rowcol

__all__ = ["fill_gutters"]


def fill_gutters(
    atlas: tuple[NDArray[np.uint8], ...],
    wedge_uv: NDArray[np.float32],
    face_page: NDArray[np.int16],
) -> None:
    """Carry the colour at each chart's edge two texels outward, in place.

    Interpolation at a seam reaches across the edge of the chart. What an exporter left there
    (black, or another chart) would show as a line on the skin.

    Parameters
    ----------
    atlas : tuple of (H, W, 3) uint8
        Pages just decoded; texels outside all charts are overwritten near an edge.
    wedge_uv : (F, 3, 2) float32
    face_page : (F,) int16
    """
    for index, page in enumerate(atlas):
        uv = wedge_uv[face_page == index]
        mask = np.zeros(page.shape[:2], np.uint8)
        gutter.mark_texels(uv_to_rowcol(uv, np.array(page.shape[:2])), mask)
        gutter.fill_gutter(mask, np.empty(page.shape[1], np.uint8), page)
