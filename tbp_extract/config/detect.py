"""Settings on how lesions are found where no list names them."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tbp_extract.config.base import Positive, Section
from tbp_extract.config.network import OnnxConfig

__all__ = ["BlobConfig", "DetectConfig"]


class BlobConfig(Section):
    """The built-in detector."""

    min_score: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Finds less likely to be a lesion are dropped (``docs/detection.md``, operating points)."""


class DetectConfig(Section):
    """Which detector looks at a scan, and what of its finds goes on."""

    detector: Annotated[str, Field(min_length=1)] = "blob"
    """A name that comes with the package (``docs/detection.md``), or ``package.module:Class``."""

    with_list: Literal["list", "tags"] = "list"
    """Of a scan with a lesion list, ``list`` takes the list's lesions and looks for no others;
    ``tags`` lets the detector search, and the list holds a person's tags beside its finds."""

    tag_distance_mm: Positive = 5.0
    """How far a tag may lie from the middle of the find that it means."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of a ``package.module:Class``. Private: they may name files."""

    code_sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    """Of the code of a ``package.module:Class``, or of onnxruntime; given, no other code will do.
    A run fills it in."""

    onnx: OnnxConfig = OnnxConfig()

    min_diameter_mm: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.5
    """A find that is smaller is dropped; a listed lesion never is for its size."""

    blob: BlobConfig = BlobConfig()

    @model_validator(mode="after")
    def _check(self) -> "DetectConfig":
        if self.with_list == "tags" and self.detector == "listed":
            raise ValueError("with_list = 'tags' needs a detector beside the list")
        if self.detector == "onnx" and self.onnx.model is None:
            raise ValueError("the detector onnx needs onnx.model, the file with the network")
        return self
