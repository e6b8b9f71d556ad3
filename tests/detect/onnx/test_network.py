"""What a model is shown is what the configuration says, and a model that wants else is refused."""

import builtins
import importlib
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from tbp_extract.config import OnnxConfig
from tbp_extract.detect.onnx.network import load_network
from tbp_extract.errors import ConfigError, ScanError, ScanReason
from tests.detect.models import OPSET, echo, model_bytes

SIDE = 16
IMAGES = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)


def seen(model: bytes, **settings: Any) -> np.ndarray[Any, Any]:
    network = load_network(model, OnnxConfig.model_validate({"input_px": SIDE, **settings}))
    answers = list(network.run(IMAGES))
    assert [a.first for a in answers] == list(range(0, 5, network.batch))
    return np.concatenate([a.outputs["seen"][: a.count] for a in answers])


def test_by_default_a_model_sees_channels_first_from_0_to_1() -> None:
    got = seen(echo(("N", 3, SIDE, SIDE)))
    np.testing.assert_allclose(got, IMAGES.transpose(0, 3, 1, 2) / 255, atol=1e-7)


def test_channels_last_and_blue_first() -> None:
    got = seen(echo(("N", SIDE, SIDE, 3)), layout="NHWC", colour="BGR", scale=1.0)
    np.testing.assert_array_equal(got, IMAGES[..., ::-1])


def test_mean_and_deviation_follow_the_order_of_the_channels() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    wanted = (IMAGES / 255 - mean) / std
    got = seen(echo(("N", SIDE, SIDE, 3)), layout="NHWC", mean=mean, std=std)
    np.testing.assert_allclose(got, wanted, atol=1e-5)
    wanted = (IMAGES[..., ::-1] / 255 - mean) / std
    got = seen(echo(("N", SIDE, SIDE, 3)), layout="NHWC", colour="BGR", mean=mean, std=std)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_half_precision_and_bytes_are_given_where_the_model_wants_them() -> None:
    half = echo(("N", 3, SIDE, SIDE), input_type=TensorProto.FLOAT16)
    # Eleven bits of mantissa below 1.
    np.testing.assert_allclose(seen(half), IMAGES.transpose(0, 3, 1, 2) / 255, atol=5e-4)
    whole = echo(("N", 3, SIDE, SIDE), input_type=TensorProto.UINT8)
    np.testing.assert_array_equal(seen(whole, scale=1.0), IMAGES.transpose(0, 3, 1, 2))
    with pytest.raises(ConfigError, match="takes bytes as they are: expected scale = 1"):
        seen(whole)


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_a_model_of_fixed_batch_is_fed_full_batches(batch: int) -> None:
    got = seen(echo((batch, 3, SIDE, SIDE)))
    np.testing.assert_allclose(got, IMAGES.transpose(0, 3, 1, 2) / 255, atol=1e-7)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (b"no model", {}, "cannot load it"),
        (echo(("N", 3, 32, 32)), {}, r"\('N', 3, 16, 16\).*got one with \('N', 3, 32, 32\)"),
        (echo(("N", 3, SIDE, SIDE)), {"layout": "NHWC"}, r"\('N', 16, 16, 3\)"),
        (echo((3, SIDE, SIDE)), {}, r"got one with \(3, 16, 16\)"),
        (
            echo(("N", 3, SIDE, SIDE), input_type=TensorProto.DOUBLE),
            {},
            r"got tensor\(double\)",
        ),
    ],
)
def test_a_model_that_does_not_fit_the_settings_is_refused(
    model: bytes, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        seen(model, **settings)


def test_a_network_that_gives_nan_is_a_fault_of_the_scan_that_it_was_asked_about() -> None:
    nodes = [helper.make_node("Log", ["images"], ["seen"])]
    shape = ("N", 3, SIDE, SIDE)
    with pytest.raises(ScanError, match="NaN or infinite") as caught:
        seen(model_bytes(nodes, shape=shape, outputs={"seen": shape}), mean=(2.0, 2.0, 2.0))
    assert caught.value.reason is ScanReason.DETECTOR_FAULT


@pytest.mark.parametrize("kind", ["sequence", "text"])
def test_a_network_whose_output_is_no_array_of_numbers_is_refused(kind: str) -> None:
    shape = ("N", 3, SIDE, SIDE)
    if kind == "sequence":
        node = helper.make_node("SplitToSequence", ["images"], ["seen"], axis=0)
        out = helper.make_tensor_sequence_value_info("seen", TensorProto.FLOAT, None)
    else:
        node = helper.make_node("Cast", ["images"], ["seen"], to=TensorProto.STRING)
        out = helper.make_tensor_value_info("seen", TensorProto.STRING, shape)
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "odd", [given], [out])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    with pytest.raises(ConfigError, match="arrays of numbers, got others"):
        seen(model.SerializeToString())


def test_without_onnxruntime_it_is_said_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without(name: str, *rest: Any) -> Any:
        if name == "onnxruntime":
            raise ModuleNotFoundError(name)
        return builtins.__import__(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ConfigError, match=r"pip install 'tbp-extract\[onnx\]'"):
        load_network(b"", OnnxConfig())
