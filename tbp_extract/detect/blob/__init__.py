"""The built-in detector: dark spots on flat views of the skin, told from what is no lesion.

1. Surface tiles show the whole skin in true millimetres (`tiles`).
2. Spots of 2 to 20 mm are maxima of differences of Gaussians in optical density, which exposure
   only shifts (`spots`).
3. Each is looked at twice, straight on and at its own scale: outline, size, looks (`describe`);
   what stays open from further angles, whose mean counts (`find`).
4. Boosted trees give its probability of being a lesion; what is dropped gets a word (`judge`),
   from where on the body it lies if that says more (`places`).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import BlobConfig
from tbp_extract.detect import Found, nothing_found
from tbp_extract.detect.blob.describe import Looks
from tbp_extract.detect.blob.find import Described, describe_spots
from tbp_extract.detect.blob.judge import is_barred, load_forest, reasons_of
from tbp_extract.detect.blob.places import Place, places_of
from tbp_extract.detect.blob.spots import kept_of_pairs, nested_pairs
from tbp_extract.detect.blob.surroundings import FEATURES
from tbp_extract.types import (
    Candidates,
    CandidateSource,
    DropReason,
    Drops,
    EmptyReason,
    Scan,
    Surface,
)

__all__ = ["Blob"]


@dataclass(frozen=True, slots=True)
class Blob:
    """Finds pigmented and red lesions of 2 to 20 mm on skin of any tone."""

    config: BlobConfig

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Find lesions; what stands out but is no lesion is dropped with a word for it."""
        # A face without area has no normal.
        if not ((scan.face_page >= 0) & surface.face_normals.any(axis=1)).any():
            return nothing_found(EmptyReason.NO_SKIN)
        return self.decide(surface, describe_spots(scan, surface, load_forest()))

    def decide(self, surface: Surface, described: Described) -> Found:
        """Tell lesions among spots that were described."""
        looks, features = described.looks, described.features
        seen_share = described.coverage.fraction
        if len(looks) == 0:
            flat = described.texture <= 0.0
            why = EmptyReason.ONE_COLOUR if flat else EmptyReason.NO_FINDS
            return replace(nothing_found(why), seen_share=seen_share)
        score = described.score
        reasons = self._reasons(surface, looks, features, score)
        likely = np.array([reason is None for reason in reasons])
        rank = np.where(likely, 1.0 + score, score).astype(np.float64)
        rows = np.flatnonzero(likely)
        pairs = rows[nested_pairs(looks.spots.xyz_mm[rows], looks.spots.diameter_mm[rows])]
        found = _found(looks, score, kept_of_pairs(rank, pairs), reasons)
        return replace(found, seen_share=seen_share)

    def _reasons(
        self,
        surface: Surface,
        looks: Looks,
        features: NDArray[np.float32],
        score: NDArray[np.float32],
    ) -> list[DropReason | None]:
        """``None`` for a lesion; for the rest a word."""
        spots = looks.spots
        bulge = features[:, FEATURES.index("bulge")].astype(np.float64)
        places = places_of(surface, spots.xyz_mm, spots.face, spots.diameter_mm, bulge)
        words = reasons_of(features)
        barred = is_barred(features)
        return [
            None
            if score[row] >= self.config.min_score and not barred[row] and not _bars(place)
            else place.reason
            if place is not None
            else words[row]
            for row, place in enumerate(places)
        ]


def _bars(place: Place | None) -> bool:
    return place is not None and place.barred


def _found(
    looks: Looks,
    score: NDArray[np.float32],
    kept: NDArray[np.intp],
    reasons: list[DropReason | None],
) -> Found:
    good = np.array([row for row in kept if reasons[row] is None], np.intp)
    bad = np.array([row for row in kept if reasons[row] is not None], np.intp)
    spots = looks.spots
    candidates = Candidates(
        face=spots.face[good].astype(np.int32),
        barycentric=spots.barycentric[good],
        diameter_mm=spots.diameter_mm[good].astype(np.float32),
        score=score[good],
        source=(CandidateSource.DETECTOR,) * len(good),
        lesion_id=tuple(str(1 + k) for k in range(len(good))),
        extra={},
    )
    drops = Drops(
        lesion_id=tuple(str(1 + len(good) + k) for k in range(len(bad))),
        reason=tuple(reason for row in bad if (reason := reasons[row]) is not None),
        position_mm=spots.xyz_mm[bad],
    )
    return Found(candidates, drops, None if len(good) else EmptyReason.ALL_DROPPED)
