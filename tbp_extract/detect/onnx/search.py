"""A network as a detector: it is shown surface tiles and answers with boxes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from tbp_extract.config import OnnxConfig
from tbp_extract.detect import Found, nothing_found
from tbp_extract.detect.onnx.boxes import Boxes, boxes_of
from tbp_extract.detect.onnx.network import Network, load_network
from tbp_extract.detect.tiles.lay import MARGIN_MM, Coverage, draw_tiles, lay_tiles
from tbp_extract.detect.tiles.skin import Skin, read_skin
from tbp_extract.detect.tiles.views import Views, on_skin
from tbp_extract.errors import ConfigError
from tbp_extract.geometry import point_positions
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    Scan,
    Surface,
)

__all__ = ["BoxDetector", "make_box_detector"]

ROUNDS: Final = 2
"""What a first round of tiles does not show squarely, in folds, gets tiles of its own once more."""

SHOWN: Final = 0.5
"""Share of a face that a tile has to show for it to be done."""

SLACK_MM: Final = 1e-6
"""Taken off a tile's side so that its pixels come out as many as the network wants."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxDetector:
    """Finds what a network puts boxes around."""

    network: Network

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Search the whole skin tile by tile; of boxes on the same lesion the best stays."""
        skin = read_skin(scan, surface, to_mm=self.network.config.mm_per_px)
        if not (skin.area_mm2 > 0).any():
            return nothing_found(EmptyReason.NO_SKIN)
        coverage = Coverage(skin.area_mm2, np.zeros(len(skin.area_mm2)))
        finds = _joined([*self._search(skin, coverage)])
        found = _found(finds.at(_best(finds))) if len(finds.score) else None
        return replace(found or nothing_found(EmptyReason.NO_FINDS), seen_share=coverage.fraction)

    def _search(self, skin: Skin, coverage: Coverage) -> Iterator["_Finds"]:
        config = self.network.config
        core_mm = config.input_px * config.mm_per_px - 2 * MARGIN_MM - SLACK_MM
        done = skin.area_mm2 <= 0.0
        for _ in range(ROUNDS):
            frames = lay_tiles(skin, done, core_mm=core_mm, mm_per_px=config.mm_per_px)
            for tiles in draw_tiles(skin, frames):
                coverage.add(tiles)
                yield from self._look(skin, tiles, core_mm)
            done = (skin.area_mm2 <= 0.0) | (coverage.share >= SHOWN)

    def _look(self, skin: Skin, tiles: Views, core_mm: float) -> Iterator["_Finds"]:
        # What shows no skin is black, as in crops.
        images = np.where((tiles.shown >= 0)[..., None], tiles.pixels, np.uint8(0))
        for answers in self.network.run(images):
            boxes = boxes_of(answers.outputs, answers.count, self.network.config)
            yield _on_skin(skin, tiles, boxes.image + answers.first, boxes, core_mm)


def make_box_detector(model: bytes, config: OnnxConfig) -> BoxDetector:
    """Load a network that answers with boxes.

    Raises
    ------
    ConfigError
        If it cannot be loaded, or a tile would be all margin.
    """
    side_mm = config.input_px * config.mm_per_px
    if side_mm < 3 * MARGIN_MM:
        raise ConfigError(
            f"detect.onnx: expected tiles of at least {3 * MARGIN_MM:g} mm of skin, got input_px * "
            f"mm_per_px = {side_mm:g} mm: {MARGIN_MM:g} mm on each side are margin"
        )
    return BoxDetector(load_network(model, config))


@dataclass(frozen=True, slots=True, eq=False)
class _Finds:
    """Boxes put on the skin."""

    face: NDArray[np.int32]
    barycentric: NDArray[np.float64]
    xyz_mm: NDArray[np.float64]
    diameter_mm: NDArray[np.float64]
    score: NDArray[np.float64]

    def at(self, rows: NDArray[np.intp]) -> "_Finds":
        return _Finds(
            self.face[rows],
            self.barycentric[rows],
            self.xyz_mm[rows],
            self.diameter_mm[rows],
            self.score[rows],
        )


def _on_skin(
    skin: Skin, tiles: Views, tile: NDArray[np.int64], boxes: Boxes, core_mm: float
) -> _Finds:
    """Take boxes to the skin under their middles.

    Those far out in the margin are left to the tile that has them in its core, and a middle that
    shows no skin is no place on it.
    """
    frames = tiles.frames
    middle = _middles(boxes)
    row = tiles.row_at(tile, middle)
    off_mm = np.abs(middle - 0.5 * (frames.size_px - 1)).max(axis=1) * frames.mm_per_px
    kept = np.flatnonzero((row >= 0) & (off_mm <= 0.5 * (core_mm + MARGIN_MM)))
    face, barycentric = on_skin(skin.surface, tiles, tile[kept], row[kept], middle[kept])
    left, top, right, bottom = boxes.corners_px[kept].T
    return _Finds(
        face=skin.order[face],
        barycentric=barycentric,
        xyz_mm=point_positions(skin.surface, face, barycentric),
        diameter_mm=np.maximum(right - left, bottom - top) * frames.mm_per_px,
        score=boxes.score[kept],
    )


def _middles(boxes: Boxes) -> NDArray[np.float64]:
    """(K, 2) row and column."""
    left, top, right, bottom = boxes.corners_px.T
    return np.asarray(0.5 * np.stack((top + bottom, left + right), axis=1))


def _joined(parts: list[_Finds]) -> _Finds:
    return _Finds(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("face", "barycentric", "xyz_mm", "diameter_mm", "score")
        )
    )


def _best(finds: _Finds) -> NDArray[np.intp]:
    """Rows by falling score of which none lies within half a diameter of a better one."""
    radius = 0.5 * finds.diameter_mm
    tree = KDTree(finds.xyz_mm)
    gone = np.zeros(len(radius), np.bool_)
    kept = []
    for row in np.argsort(-finds.score, kind="stable"):
        if gone[row]:
            continue
        kept.append(row)
        near = np.array(tree.query_ball_point(finds.xyz_mm[row], float(radius.max())), np.intp)
        away = np.linalg.norm(finds.xyz_mm[near] - finds.xyz_mm[row], axis=1)
        gone[near[away <= np.maximum(radius[near], radius[row])]] = True
    return np.array(kept, np.intp)


def _found(finds: _Finds) -> Found:
    """Name the finds; a box without width is no lesion."""
    solid = finds.diameter_mm > 0
    good, flat = finds.at(np.flatnonzero(solid)), finds.at(np.flatnonzero(~solid))
    n, m = len(good.score), len(flat.score)
    candidates = Candidates(
        face=good.face,
        barycentric=good.barycentric,
        diameter_mm=good.diameter_mm.astype(np.float32),
        score=good.score.astype(np.float32),
        source=(CandidateSource.DETECTOR,) * n,
        lesion_id=tuple(str(k + 1) for k in range(n)),
        extra={},
    )
    drops = Drops(
        lesion_id=tuple(str(n + k + 1) for k in range(m)),
        reason=(DropReason.REJECTED,) * m,
        position_mm=flat.xyz_mm,
    )
    return Found(candidates, drops, None if n else EmptyReason.ALL_DROPPED)
