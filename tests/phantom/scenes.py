"""A small body with skin, shared by tests."""

from functools import cache

import numpy as np

from tbp_extract.phantom import Skin, Tone, bake_skin, make_atlas, make_body
from tbp_extract.types import Scan


@cache
def arm(page_px: int = 1024, pages: int = 1) -> Scan:
    """Arm with light skin; not to be painted on."""
    body = make_body("arm", faces=4000)
    atlas = make_atlas(body, page_px=page_px, pages=pages)
    scan = Scan(
        vertices_mm=body.vertices_mm,
        faces=body.faces,
        wedge_uv=atlas.wedge_uv,
        face_page=atlas.face_page,
        atlas=tuple(np.empty((page_px, page_px, 3), np.uint8) for _ in range(pages)),
    )
    bake_skin(scan, Skin.of(Tone.LIGHT), seed=3)
    for page in scan.atlas:
        page.setflags(write=False)
    return scan
