"""The layouts in which published detectors answer all mean the same boxes."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.config import OnnxConfig
from tbp_extract.detect.onnx.boxes import Boxes, best_of_overlapping, boxes_of, scores_of
from tbp_extract.errors import ConfigError, ScanError, ScanReason

SIDE = 100
# Two images with two boxes each, in pixels from the corner: left, top, right, bottom.
XYXY = np.array([[[10, 20, 30, 50], [60, 60, 70, 80]], [[0, 0, 12, 8], [40, 40, 90, 90]]], float)
SCORE = np.array([[0.9, 0.3], [0.2, 0.6]])
# By image and falling score, above 0.25; pixel centres are whole numbers.
WANTED = XYXY[[0, 0, 1], [0, 1, 1]] - 0.5
WANTED_SCORE = [0.9, 0.3, 0.6]


def read(outputs: dict[str, NDArray[Any]], count: int = 2, **settings: Any) -> Boxes:
    config = OnnxConfig.model_validate({"input_px": SIDE, **settings})
    floats = {name: np.asarray(value, np.float32) for name, value in outputs.items()}
    return boxes_of(floats, count, config)


def cxcywh(box: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate((box[..., :2] + box[..., 2:], 2 * (box[..., 2:] - box[..., :2])), -1) / 2


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(p / (1 - p))


CASES: dict[str, tuple[dict[str, NDArray[Any]], dict[str, Any]]] = {
    "boxes and scores in one row": (
        {"out": np.concatenate((XYXY, SCORE[..., None]), -1)}, {},
    ),
    "boxes and scores apart": (
        {"boxes": XYXY, "scores": SCORE}, {"boxes": "boxes", "scores": "scores"},
    ),
    "scores first, several classes": (
        {"s": np.stack((SCORE / 2, SCORE), -1), "b": XYXY}, {"boxes": "b", "scores": "s"},
    ),
    "one class of several is lesions": (
        {"s": np.stack((np.full_like(SCORE, 0.99), SCORE), -1), "b": XYXY},
        {"boxes": "b", "scores": "s", "classes": [1]},
    ),
    "columns, centre and size, as YOLOv8": (
        {"out": np.concatenate((cxcywh(XYXY), SCORE[..., None]), -1).swapaxes(1, 2)},
        {"transposed": True, "box_format": "cxcywh"},
    ),
    "objectness times class, as YOLOv5": (
        {
            "out": np.concatenate(
                (cxcywh(XYXY), SCORE[..., None] / 0.95, np.full((2, 2, 1), 0.95)), -1
            )
        },
        {"objectness": True, "box_format": "cxcywh"},
    ),
    "shares of the side and logits, as DETR": (
        {"logits": logit(SCORE)[..., None], "boxes": cxcywh(XYXY / SIDE)},
        {
            "boxes": "boxes", "scores": "logits", "activation": "sigmoid",
            "box_format": "cxcywh", "box_unit": "share",
        },
    ),
    "softmax with a class for nothing": (
        {"s": np.log(np.stack((SCORE, 1 - SCORE), -1)), "b": XYXY},
        {"boxes": "b", "scores": "s", "activation": "softmax", "classes": [0]},
    ),
    "corner and size": (
        {"b": np.concatenate((XYXY[..., :2], XYXY[..., 2:] - XYXY[..., :2]), -1), "s": SCORE},
        {"boxes": "b", "scores": "s", "box_format": "xywh"},
    ),
    "a third image that only fills the batch": (
        {"out": np.concatenate((np.concatenate((XYXY, SCORE[..., None]), -1), np.ones((1, 2, 5))))},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_this_layout_gives_the_boxes_that_it_means(case: str) -> None:
    outputs, settings = CASES[case]
    boxes = read(outputs, **settings)
    assert boxes.image.tolist() == [0, 0, 1]
    np.testing.assert_allclose(boxes.corners_px, WANTED, atol=1e-4)
    np.testing.assert_allclose(boxes.score, WANTED_SCORE, atol=1e-6)


def test_a_model_of_one_image_needs_no_axis_for_it() -> None:
    boxes = read({"b": XYXY[0], "s": SCORE[0]}, 1, boxes="b", scores="s")
    np.testing.assert_allclose(boxes.corners_px, WANTED[:2])
    boxes = read({"b": XYXY[0], "s": SCORE[0][:, None]}, 1, boxes="b", scores="s")
    np.testing.assert_allclose(boxes.score, WANTED_SCORE[:2])


def test_boxes_end_at_the_image_and_corners_may_come_in_any_order() -> None:
    boxes = read({"out": np.array([[[120.0, 50, 80, -10, 0.9]]])}, 1)
    assert boxes.corners_px.tolist() == [[79.5, -0.5, 99.5, 49.5]]


def test_no_box_above_the_threshold_is_no_box() -> None:
    boxes = read({"out": np.full((2, 7, 5), 0.1)})
    assert len(boxes) == 0
    assert boxes.corners_px.shape == (0, 4)
    assert len(read({"out": np.empty((2, 0, 5))})) == 0


@pytest.mark.parametrize(
    ("outputs", "settings", "message"),
    [
        ({"out": XYXY}, {}, r"rows of 4 numbers and its scores.*\(2, 2, 4\)"),
        ({"out": XYXY[:1]}, {"scores": "out"}, "for 2 images"),
        ({"out": np.zeros(5)}, {}, r"shape \(5,\)"),
        ({"b": XYXY, "s": SCORE}, {"boxes": "c"}, "no output 'c', it has b, s"),
        ({"b": XYXY, "s": SCORE[:, :1]}, {"boxes": "b", "scores": "s"}, "2 x 2 boxes"),
        ({"b": XYXY, "s": SCORE}, {"boxes": "b", "scores": "s", "classes": [1]}, "expected 0 to 0"),
        ({"b": XYXY, "s": 9 * SCORE}, {"boxes": "b", "scores": "s"}, "see activation"),
        ({"b": XYXY, "s": -SCORE}, {"boxes": "b", "scores": "s"}, "see activation"),
    ],
)
def test_an_output_of_another_kind_is_refused_with_the_setting_to_look_at(
    outputs: dict[str, NDArray[Any]], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        read(outputs, **settings)


def test_a_threshold_that_lets_everything_through_is_a_fault() -> None:
    with pytest.raises(ScanError, match=r"2500 boxes above .* raise the threshold") as caught:
        read({"out": np.tile((40.0, 40.0, 50.0, 50.0, 1.0), (1, 2500, 1))}, 1)
    assert caught.value.reason is ScanReason.DETECTOR_FAULT


def area(box: NDArray[np.float64]) -> float:
    return float((box[2:] - box[:2]).prod())


def naive_nms(boxes: Boxes, iou: float) -> list[int]:
    kept: list[int] = []
    for row in sorted(range(len(boxes)), key=lambda i: -boxes.score[i]):
        one = boxes.corners_px[row]
        worse = False
        for two in boxes.corners_px[kept]:
            both = np.clip(np.minimum(one, two)[2:] - np.maximum(one, two)[:2], 0, None).prod()
            worse |= bool(both > iou * (area(one) + area(two) - both))
        if not worse:
            kept.append(row)
    return kept


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("iou", [0.0, 0.3, 0.7, 1.0])
def test_of_overlapping_boxes_the_best_stays(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 80, (60, 2))
    boxes = Boxes(
        np.zeros(60, np.intp),
        np.concatenate((low, low + rng.uniform(1, 30, (60, 2))), axis=1),
        rng.uniform(0, 1, 60).round(1),
    )
    assert best_of_overlapping(boxes, iou).tolist() == naive_nms(boxes, iou)


def test_one_score_an_image() -> None:
    config = OnnxConfig(classes=(1,), activation="softmax")
    logits = np.log(np.array([[0.7, 0.3], [0.1, 0.9]], np.float32))
    np.testing.assert_allclose(scores_of({"s": logits}, 2, config), [0.3, 0.9], atol=1e-6)
    flat = np.array([0.1, 0.2, 0.3], np.float32)
    np.testing.assert_allclose(scores_of({"s": flat}, 2, OnnxConfig()), [0.1, 0.2], atol=1e-6)
    with pytest.raises(ConfigError, match=r"shape \(N,\) or \(N, classes\)"):
        scores_of({"s": np.zeros((2, 3, 4), np.float32)}, 2, OnnxConfig())


MANY = np.stack((*np.random.default_rng(0).uniform(0, 80, (2, 12)), *np.full((2, 12), 9.0)), -1)
"""Corner and size."""


def answered(box: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
    return {"out": np.concatenate((box, np.full((len(box), 1), 0.9)), -1)[None]}


@pytest.mark.parametrize(
    ("box", "settings", "message"),
    [
        (MANY / SIDE, {}, "expected boxes in pixels.*see box_unit"),
        (MANY, {"box_unit": "share"}, "expected boxes in shares.*see box_unit"),
        (MANY, {"box_format": "xyxy"}, "end before they begin: see box_format"),
        (MANY + np.array((60, 60, 0, 0)), {"box_format": "cxcywh"}, "off the tile: see box_format"),
    ],
)
def test_boxes_in_another_unit_or_format_are_refused_and_not_lost(
    box: NDArray[np.float64], settings: dict[str, Any], message: str
) -> None:
    assert len(read(answered(MANY), 1, box_format="xywh", nms_iou=1.0)) == len(MANY)
    with pytest.raises(ConfigError, match=message):
        read(answered(box), 1, **{"box_format": "xywh", **settings})


def test_one_odd_box_is_no_reason_to_stop() -> None:
    odd = np.array([[90.0, 90, 5, 5], [500, 10, 520, 30]])
    assert len(read(answered(odd), 1)) == 2
    assert len(read(answered(np.zeros((9, 4))), 1)) == 9
