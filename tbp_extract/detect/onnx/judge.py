"""A network as a classifier: it is shown the crop of each find and answers with its score."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import CropConfig, OnnxConfig
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect import Detector, Found, drop
from tbp_extract.detect.onnx.boxes import scores_of
from tbp_extract.detect.onnx.network import Network, load_network
from tbp_extract.detect.valid import answer_of
from tbp_extract.errors import ConfigError
from tbp_extract.types import Candidates, DropReason, Scan, Surface

__all__ = ["Judge", "make_judge"]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Keeps of another detector's finds those that a network takes for lesions."""

    base: Detector
    network: Network
    crop: CropConfig

    def detect(self, scan: Scan, surface: Surface) -> Found:
        """Score every find by its crop; what scores too low is dropped as ``below_score``."""
        found = answer_of(self.base, scan, surface)
        if not len(found.candidates):
            return found
        score = self._scores(scan, surface, found.candidates)
        low = score < self.network.config.score_threshold
        scored = replace(found, candidates=replace(found.candidates, score=score))
        return drop(scored, [DropReason.BELOW_SCORE if is_low else None for is_low in low], surface)

    def _scores(self, scan: Scan, surface: Surface, candidates: Candidates) -> NDArray[np.float32]:
        score = np.empty(len(candidates), np.float32)
        for frames in frame_crops(surface, candidates, self.crop):
            pixels = extract_crops(scan, surface, frames).pixels
            for answers in self.network.run(pixels):
                rows = frames.candidate[answers.first : answers.first + answers.count]
                score[rows] = scores_of(answers.outputs, answers.count, self.network.config)
        return score


def make_judge(model: bytes, config: OnnxConfig, base: Detector) -> Judge:
    """Load a network that scores the crops of another detector's finds.

    Raises
    ------
    ConfigError
        If it cannot be loaded, or its crops are no size that a crop can have.
    """
    side_mm = config.input_px * config.mm_per_px
    if not 1 <= side_mm <= 200:
        raise ConfigError(
            f"detect.onnx: expected crops of 1 to 200 mm, got input_px * mm_per_px = {side_mm:g} mm"
        )
    crop = CropConfig(extent_mm=side_mm, size_px=config.input_px)
    return Judge(base, load_network(model, config), crop)
