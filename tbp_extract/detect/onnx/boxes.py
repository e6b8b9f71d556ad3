"""What a model's arrays mean: boxes and scores."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import OnnxConfig
from tbp_extract.errors import ConfigError, ScanError, ScanReason

__all__ = ["Boxes", "best_of_overlapping", "boxes_of", "scores_of"]

MOST_BOXES: Final = 2000
"""More boxes above the threshold on one tile are no lesions: the threshold is wrong."""

ONE_PX: Final = 1.05
"""Boxes that all lie within the first pixel are in shares of the side."""

FAR_OUT: Final = 2.0
"""Shares beyond this are in pixels."""

SOME: Final = 8
"""Boxes of one batch that say something about the format of all."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """K boxes on images."""

    image: NDArray[np.intp]
    """(K,)."""

    corners_px: NDArray[np.float64]
    """(K, 4) left, top, right, bottom, from the middle of the first pixel."""

    score: NDArray[np.float64]
    """(K,)."""

    def __len__(self) -> int:
        return len(self.score)


def boxes_of(outputs: Mapping[str, NDArray[Any]], count: int, config: OnnxConfig) -> Boxes:
    """Read boxes out of a detector's answer, above the threshold, the best of overlapping ones.

    Parameters
    ----------
    outputs : mapping of str to array
        Boxes (N, A, 4) with scores (N, A), (N, A, C) in another output, or (N, A, 4 + C) with
        both; without the first axis where the model takes one image.
    count : int
        N, images that were asked about; a model of fixed batch may answer for more.
    config : OnnxConfig

    Returns
    -------
    Boxes
        By image, then by falling score.

    Raises
    ------
    ConfigError
        If an output is not there or not of such a shape, or if its boxes are in another unit or
        format than the settings say.
    ScanError
        If more boxes pass the threshold than there can be lesions.
    """
    rows = _array(outputs, config.boxes)
    rows = rows[None] if rows.ndim == 2 else rows
    if rows.ndim == 3 and config.transposed:
        rows = rows.swapaxes(1, 2)
    inline = config.scores is None
    if rows.ndim != 3 or len(rows) < count or rows.shape[2] < 4 + inline:
        wanted = "4 numbers and its scores" if inline else "4 numbers"
        raise ConfigError(
            f"detect.onnx: expected boxes as rows of {wanted} for {count} images, got an output "
            f"of shape {rows.shape}: see boxes, scores and transposed"
        )
    given = rows[:count, :, 4:] if inline else _aligned(_array(outputs, config.scores), rows)
    score = _probability(given[:count], config)
    image, row = np.nonzero(score >= config.score_threshold)
    raw = rows[image, row, :4].astype(np.float64)
    _check_numbers(raw, config)
    corners = _corners_px(raw, config)
    return _best(Boxes(image, corners, score[image, row]), count, config.nms_iou)


def scores_of(
    outputs: Mapping[str, NDArray[Any]], count: int, config: OnnxConfig
) -> NDArray[np.float64]:
    """Read one score an image out of a classifier's answer, (count,).

    Raises
    ------
    ConfigError
        If there is no output of shape (N,) or (N, C).
    """
    raw = _array(outputs, config.scores)
    raw = raw[:, None] if raw.ndim == 1 else raw
    if raw.ndim != 2 or len(raw) < count or raw.shape[1] < 1:
        raise ConfigError(
            f"detect.onnx: expected scores of shape (N,) or (N, classes) for {count} images, got "
            f"{raw.shape}: see scores"
        )
    return _probability(raw[:count], config)


def best_of_overlapping(boxes: Boxes, iou: float) -> NDArray[np.intp]:
    """Rows of one image's boxes, by falling score, that no better one overlaps too much.

    Parameters
    ----------
    boxes : Boxes
        Of one image.
    iou : float
        Intersection by union above which the lower score goes.

    Returns
    -------
    (L,) intp
    """
    left, top, right, bottom = boxes.corners_px.T
    area = (right - left) * (bottom - top)
    order = np.argsort(-boxes.score, kind="stable")
    kept: list[int] = []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(int(best))
        wide = np.minimum(right[best], right[order]) - np.maximum(left[best], left[order])
        high = np.minimum(bottom[best], bottom[order]) - np.maximum(top[best], top[order])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        order = order[shared <= iou * (area[best] + area[order] - shared)]
    return np.array(kept, np.intp)


def _best(boxes: Boxes, count: int, iou: float) -> Boxes:
    kept = []
    for image in range(count):
        rows = np.flatnonzero(boxes.image == image)
        if len(rows) > MOST_BOXES:
            raise ScanError(
                ScanReason.DETECTOR_FAULT,
                f"the network put {len(rows)} boxes above detect.onnx.score_threshold on one "
                f"tile, expected {MOST_BOXES} at most: raise the threshold, or look at activation",
            )
        one = Boxes(boxes.image[rows], boxes.corners_px[rows], boxes.score[rows])
        kept.append(rows[best_of_overlapping(one, iou)])
    rows = np.concatenate(kept) if kept else np.empty(0, np.intp)
    return Boxes(boxes.image[rows], boxes.corners_px[rows], boxes.score[rows])


def _array(outputs: Mapping[str, NDArray[Any]], name: str | None) -> NDArray[Any]:
    """Take the output of a name, or the first."""
    if name is None:
        return next(iter(outputs.values()))
    if name not in outputs:
        raise ConfigError(
            f"detect.onnx: the model has no output {name!r}, it has {', '.join(outputs)}"
        )
    return outputs[name]


def _aligned(scores: NDArray[Any], rows: NDArray[Any]) -> NDArray[Any]:
    """Scores as (N, A, C) beside boxes (N, A, 4)."""
    images, anchors = rows.shape[:2]
    for shape in ((images, anchors, -1), (images, anchors)):
        if scores.ndim == len(shape) and scores.shape[:2] == (images, anchors):
            return scores.reshape(images, anchors, -1)
    if images == 1 and scores.ndim in (1, 2) and len(scores) == anchors:
        return scores.reshape(1, anchors, -1)
    raise ConfigError(
        f"detect.onnx.scores: expected scores for {images} x {anchors} boxes, got an output of "
        f"shape {scores.shape}"
    )


def _probability(raw: NDArray[Any], config: OnnxConfig) -> NDArray[np.float64]:
    """One probability from scores (..., C): that of the likeliest class of lesions."""
    value = raw.astype(np.float64)
    if config.activation == "sigmoid":
        value = 1.0 / (1.0 + np.exp(-np.clip(value, -700, 700)))
    elif config.activation == "softmax":
        value = np.exp(value - value.max(axis=-1, keepdims=True))
        value /= value.sum(axis=-1, keepdims=True)
    if config.objectness and value.shape[-1] > 1:
        value = value[..., :1] * value[..., 1:]
    if config.classes:
        if max(config.classes) >= value.shape[-1]:
            raise ConfigError(
                f"detect.onnx.classes: expected 0 to {value.shape[-1] - 1}, got "
                f"{max(config.classes)}"
            )
        value = value[..., list(config.classes)]
    best: NDArray[np.float64] = value.max(axis=-1)
    if best.size and not (best.min() >= 0.0 and best.max() <= 1.0):
        raise ConfigError(
            f"detect.onnx: expected probabilities from 0 to 1, got scores from {best.min():.3g} "
            f"to {best.max():.3g}: see activation"
        )
    return best


def _check_numbers(box: NDArray[np.float64], config: OnnxConfig) -> None:
    """Raise where boxes (K, 4) cannot be what the settings say; such would be no finds, silently.

    One odd box is a network's fault, not a setting's.
    """
    if not len(box):
        return
    largest, usual = float(np.abs(box).max()), float(np.median(np.abs(box)))
    if 0 < largest <= ONE_PX if config.box_unit == "px" else usual > FAR_OUT:
        unit = "pixels" if config.box_unit == "px" else "shares of a tile's side"
        raise ConfigError(
            f"detect.onnx: expected boxes in {unit}, got numbers of {usual:.3g}, the largest "
            f"{largest:.3g}: see box_unit"
        )
    side = config.input_px if config.box_unit == "px" else 1
    if config.box_format == "xyxy":
        wrong, what = (box[:, 2:] < box[:, :2]).any(axis=1), "end before they begin"
    else:
        middle = box[:, :2] + (0.5 * box[:, 2:] if config.box_format == "xywh" else 0.0)
        wrong, what = ((middle < 0) | (middle > side)).any(axis=1), "have their middle off the tile"
    if len(box) >= SOME and wrong.mean() > 0.5:
        raise ConfigError(f"detect.onnx: {wrong.sum()} of {len(box)} boxes {what}: see box_format")


def _corners_px(box: NDArray[np.float64], config: OnnxConfig) -> NDArray[np.float64]:
    """Left, top, right, bottom on the scale on which pixel centres are whole numbers."""
    box = box * config.input_px if config.box_unit == "share" else box
    one, two = box[:, :2], box[:, 2:]
    if config.box_format == "cxcywh":
        one, two = one - 0.5 * two, one + 0.5 * two
    elif config.box_format == "xywh":
        two = one + two
    # Models count from the corner of the first pixel.
    corners = np.concatenate((np.minimum(one, two), np.maximum(one, two)), axis=1) - 0.5
    return np.clip(corners, -0.5, config.input_px - 0.5)
