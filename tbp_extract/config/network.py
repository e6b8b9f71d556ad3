"""Settings on a network of one's own: what it is shown and what its answers mean."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tbp_extract.config.base import Positive, Section

__all__ = ["OnnxConfig"]

Channels = Annotated[
    tuple[
        Annotated[float, Field(allow_inf_nan=False)],
        Annotated[float, Field(allow_inf_nan=False)],
        Annotated[float, Field(allow_inf_nan=False)],
    ],
    Field(strict=False),
]
Share = Annotated[float, Field(ge=0, le=1)]


class OnnxConfig(Section):
    """An ONNX model as a detector (boxes on surface tiles) or a classifier (scores of crops)."""

    model: str | None = None
    """The model's file. Private: the manifest states its SHA-256 instead."""

    model_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """What the file must hash to; filled in when a run starts."""

    mode: Literal["detector", "classifier"] = "detector"

    base: str = "blob"
    """Whose finds a classifier judges."""

    input_px: Annotated[int, Field(ge=16, le=4096)] = 640
    mm_per_px: Positive = 0.1
    """Sampling of what it is shown: ``input_px * mm_per_px`` of skin."""

    layout: Literal["NCHW", "NHWC"] = "NCHW"
    colour: Literal["RGB", "BGR"] = "RGB"
    scale: Positive = 255.0
    """A channel enters as (value / scale - mean) / std, with value 0 to 255."""

    mean: Channels = (0.0, 0.0, 0.0)
    """In the order of ``colour``."""

    std: Channels = (1.0, 1.0, 1.0)

    boxes: str | None = None
    """Output with the boxes, one a row; ``None``: the first output."""

    scores: str | None = None
    """Output with the scores; ``None``: for a detector they follow the box in its row, for a
    classifier they are the first output."""

    transposed: bool = False
    """Whether boxes are columns: (N, 4 + classes, A), as YOLOv8 gives them."""

    objectness: bool = False
    """Whether the first score is one that multiplies the others, as in YOLOv5."""

    box_format: Literal["xyxy", "xywh", "cxcywh"] = "xyxy"
    box_unit: Literal["px", "share"] = "px"
    activation: Literal["none", "sigmoid", "softmax"] = "none"
    """What turns the model's scores into probabilities."""

    classes: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(strict=False)] = ()
    """Classes that are lesions, by index; the highest of them counts. None named: all are."""

    score_threshold: Share = 0.25
    nms_iou: Share = 0.5
    """Of boxes on one tile that overlap more than this (intersection by union) the best stays."""

    batch: Annotated[int, Field(ge=1, le=256)] = 8
    """Images at a time, where the model leaves it open."""

    @model_validator(mode="after")
    def _check(self) -> "OnnxConfig":
        if min(self.std) <= 0:
            raise ValueError("std must be above 0 in every channel")
        if self.base == "onnx":
            raise ValueError("base must be another detector than onnx")
        return self
