"""Small ONNX models whose answers are known by construction."""

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17

Constants = dict[str, NDArray[Any]]


def model_bytes(
    nodes: list[onnx.NodeProto],
    *,
    shape: tuple[int | str, ...],
    outputs: dict[str, tuple[int | str, ...]],
    constants: Constants | None = None,
    input_type: int = TensorProto.FLOAT,
) -> bytes:
    """A model with one input, ``images``."""
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("images", input_type, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, out)
            for name, out in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def echo(shape: tuple[int | str, ...], *, input_type: int = TensorProto.FLOAT) -> bytes:
    """Gives its images back as they came in, as float32."""
    nodes = [helper.make_node("Cast", ["images"], ["seen"], to=TensorProto.FLOAT)]
    return model_bytes(nodes, shape=shape, outputs={"seen": shape}, input_type=input_type)


def dark_disc_weights(inner_px: float, outer_px: float) -> NDArray[np.float32]:
    """(1, 3, K, K): mean of a ring less mean of a disc, over the three channels."""
    half = int(np.ceil(outer_px))
    away = np.hypot(*np.indices((2 * half + 1,) * 2) - half)
    disc, ring = away <= inner_px, (away > inner_px) & (away <= outer_px)
    kernel = ring / ring.sum() - disc / disc.sum()
    return np.tile(kernel / 3, (1, 3, 1, 1)).astype(np.float32)


def disc_detector(
    size_px: int, disc_px: float, *, stride: int = 1, batch: int | str = "N"
) -> bytes:
    """Boxes of one size around every place, scored by how much darker it is than what is around.

    Input (N, 3, S, S), 0 to 1. Output ``found`` (N, A, 5): centre, width, height in pixels, score.
    """
    weights = dark_disc_weights(0.5 * disc_px, 0.9 * disc_px)
    pad = weights.shape[2] // 2
    side = -(-size_px // stride)
    # A pixel's centre lies half a pixel from its corner, where models count from.
    row, col = np.indices((side, side)) * stride + 0.5
    box = np.stack((col, row, np.full_like(row, disc_px), np.full_like(row, disc_px)), axis=-1)
    nodes = [
        helper.make_node(
            "Conv", ["images", "weights"], ["contrast"],
            kernel_shape=list(weights.shape[2:]), strides=[stride] * 2, pads=[pad] * 4,
        ),
        helper.make_node("Mul", ["contrast", "gain"], ["gained"]),
        helper.make_node("Clip", ["gained", "zero", "one"], ["score"]),
        helper.make_node("Reshape", ["score", "column"], ["scores"]),
        helper.make_node("Mul", ["scores", "nothing"], ["empty"]),
        helper.make_node("Add", ["empty", "grid"], ["boxes"]),
        helper.make_node("Concat", ["boxes", "scores"], ["found"], axis=2),
    ]  # fmt: skip
    constants: Constants = {
        "weights": weights,
        "gain": np.array(3, np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "column": np.array([-1 if batch == "N" else batch, side * side, 1], np.int64),
        "nothing": np.zeros(4, np.float32),
        "grid": box.reshape(1, -1, 4).astype(np.float32),
    }
    return model_bytes(
        nodes,
        shape=(batch, 3, size_px, size_px),
        outputs={"found": (batch, side * side, 5)},
        constants=constants,
    )


def disc_classifier(size_px: int, disc_px: float) -> bytes:
    """One score a crop: how much darker its middle is than its surroundings, times 3, 0 to 1."""
    weights = dark_disc_weights(0.5 * disc_px, 0.9 * disc_px)
    mask = np.zeros((3, size_px, size_px), np.float32)
    low = size_px // 2 - weights.shape[2] // 2
    mask[:, low : low + weights.shape[2], low : low + weights.shape[3]] = weights[0]
    nodes = [
        helper.make_node("Mul", ["images", "mask"], ["weighed"]),
        helper.make_node("ReduceSum", ["weighed", "axes"], ["contrast"], keepdims=0),
        helper.make_node("Mul", ["contrast", "gain"], ["gained"]),
        helper.make_node("Clip", ["gained", "zero", "one"], ["score"]),
    ]
    constants: Constants = {
        "mask": mask[None],
        "axes": np.array([1, 2, 3], np.int64),
        "gain": np.array(3, np.float32),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
    }
    return model_bytes(
        nodes,
        shape=("N", 3, size_px, size_px),
        outputs={"score": ("N",)},
        constants=constants,
    )
