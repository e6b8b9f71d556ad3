"""A model in ONNX format: images in, arrays out."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import OnnxConfig
from tbp_extract.errors import ConfigError, ScanError, ScanReason

__all__ = ["Answers", "Network", "load_network"]

_InputType = type[np.floating[Any]] | type[np.uint8]

_INPUT_TYPES: Final[Mapping[str, _InputType]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What a model said of some images."""

    first: int
    """Index of the first image."""

    count: int
    outputs: dict[str, NDArray[Any]]
    """By name, in the model's order; the first axis is the image unless the model has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A loaded model that knows how its input is to be made."""

    config: OnnxConfig
    session: Any
    input_name: str
    input_type: _InputType
    batch: int
    """Images that it takes at a time."""

    is_fixed: bool
    """Whether it takes neither more nor fewer."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs in the model's order."""
        return tuple(output.name for output in self.session.get_outputs())

    def run(self, images: NDArray[np.uint8]) -> Iterator[Answers]:
        """Show images to the model.

        Parameters
        ----------
        images : (N, S, S, 3) uint8
            sRGB, of the configured size.

        Yields
        ------
        Answers
            Batch after batch, in the order of the images.

        Raises
        ------
        ConfigError
            If an output is no array of numbers.
        ScanError
            ``DETECTOR_FAULT`` if the model fails or gives numbers that are none.
        MemoryError
            If the model needs more than there is.
        """
        names = self.output_names
        for first in range(0, len(images), self.batch):
            part = images[first : first + self.batch]
            fed = self._prepared(part)
            if self.is_fixed and len(part) < self.batch:
                fed = np.concatenate((fed, np.repeat(fed[-1:], self.batch - len(part), axis=0)))
            try:
                outputs = self.session.run(None, {self.input_name: fed})
            # onnxruntime raises types of its own, which differ between versions.
            except Exception as error:
                _check_memory(error)
                raise ScanError(
                    ScanReason.DETECTOR_FAULT, f"the network failed with a {type(error).__name__}"
                ) from error
            if not all(isinstance(o, np.ndarray) and o.dtype.kind in "fiub" for o in outputs):
                raise ConfigError(
                    "detect.onnx.model: expected outputs that are arrays of numbers, got others "
                    "(sequences, maps or texts): export it without them"
                )
            if any(o.dtype.kind == "f" and not np.isfinite(o).all() for o in outputs):
                raise ScanError(
                    ScanReason.DETECTOR_FAULT, "the network gave NaN or infinite numbers"
                )
            yield Answers(first, len(part), dict(zip(names, outputs, strict=True)))

    def _prepared(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Order, scale and lay out channels as the model wants them."""
        fed: NDArray[Any] = images[..., ::-1] if self.config.colour == "BGR" else images
        if self.input_type is not np.uint8:
            value = fed.astype(np.float32) / np.float32(self.config.scale)
            mean, std = (np.array(v, np.float32) for v in (self.config.mean, self.config.std))
            fed = ((value - mean) / std).astype(self.input_type)
        if self.config.layout == "NCHW":
            fed = fed.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(fed)


def load_network(model: bytes, config: OnnxConfig) -> Network:
    """Load a model and hold its input against the settings.

    Parameters
    ----------
    model : bytes
        An ONNX file, whole: weights in files beside it are not looked for.
    config : OnnxConfig

    Returns
    -------
    Network
        Runs on one core: scans are what runs in parallel.

    Raises
    ------
    ConfigError
        If onnxruntime is not installed, the model does not load, or it wants another input.
    """
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        _check_memory(error)
        raise ConfigError(
            f"detect.onnx.model: onnxruntime {runtime.__version__} cannot load it "
            f"({type(error).__name__}): expected one ONNX file with its weights in it"
        ) from error
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ConfigError(
            f"detect.onnx.model: expected one input, the images, got {len(inputs)}: "
            f"{', '.join(entry.name for entry in inputs)}"
        )
    batch = _batch(inputs[0], config)
    return Network(
        config=config,
        session=session,
        input_name=inputs[0].name,
        input_type=_input_type(inputs[0], config),
        batch=batch or config.batch,
        is_fixed=batch is not None,
    )


def _check_memory(error: Exception) -> None:
    """Raise `MemoryError` for what is neither the model's fault nor the scan's."""
    if isinstance(error, MemoryError) or "alloc" in str(error).lower():
        raise MemoryError from error


def _runtime() -> ModuleType:
    try:
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ConfigError(
            "the detector 'onnx' needs onnxruntime: pip install 'tbp-extract[onnx]'"
        ) from error


def _batch(entry: Any, config: OnnxConfig) -> int | None:
    """Images that the model takes at a time; ``None`` where it leaves that open."""
    size = config.input_px
    wanted = (3, size, size) if config.layout == "NCHW" else (size, size, 3)
    shape = tuple(entry.shape)
    fits = len(shape) == 4 and all(
        not isinstance(got, int) or got == want for got, want in zip(shape[1:], wanted, strict=True)
    )
    if not fits:
        raise ConfigError(
            f"detect.onnx: expected a model with input {('N', *wanted)} by layout and input_px, "
            f"got one with {shape}"
        )
    return shape[0] if isinstance(shape[0], int) else None


def _input_type(entry: Any, config: OnnxConfig) -> _InputType:
    if entry.type not in _INPUT_TYPES:
        raise ConfigError(
            f"detect.onnx.model: expected an input of {', '.join(_INPUT_TYPES)}, got {entry.type}"
        )
    kind = _INPUT_TYPES[entry.type]
    untouched = (config.scale, config.mean, config.std) == (1.0, (0.0,) * 3, (1.0,) * 3)
    if kind is np.uint8 and not untouched:
        raise ConfigError(
            "detect.onnx: the model takes bytes as they are: expected scale = 1, mean = [0, 0, 0] "
            "and std = [1, 1, 1]"
        )
    return kind
