"""All settings together."""

import hashlib
import json
from typing import Any, Final

from tbp_extract.config.base import Section
from tbp_extract.config.crop import CropConfig, JpegConfig
from tbp_extract.config.detect import DetectConfig
from tbp_extract.config.gate import GateConfig
from tbp_extract.config.release import ReleaseConfig, ShardConfig
from tbp_extract.config.run import RunConfig
from tbp_extract.config.source import LesionConfig, LimitConfig, ScanConfig

__all__ = ["Config"]

_MODEL_PATH: Final[dict[str, Any]] = {"detect": {"onnx": {"model"}}}
"""Where a model happens to lie."""


class Config(Section):
    """All settings."""

    scan: ScanConfig = ScanConfig()
    limits: LimitConfig = LimitConfig()
    lesions: LesionConfig = LesionConfig()
    detect: DetectConfig = DetectConfig()
    crop: CropConfig = CropConfig()
    jpeg: JpegConfig = JpegConfig()
    gate: GateConfig = GateConfig()
    release: ReleaseConfig = ReleaseConfig()
    shards: ShardConfig = ShardConfig()
    run: RunConfig = RunConfig()

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all settings that shape the release; a model counts by its hash."""
        return _hashed(self.model_dump(mode="json", exclude={"run": True, **_MODEL_PATH}))

    @property
    def scan_fingerprint(self) -> str:
        """SHA-256 over all settings that shape what one scan gives."""
        hidden = {"run": True, "shards": True, **_MODEL_PATH}
        return _hashed(self.model_dump(mode="json", exclude=hidden))

    @property
    def public_settings(self) -> dict[str, Any]:
        """Settings as a release may state them: without a source's column names, without paths."""
        return self.model_dump(
            mode="json",
            exclude={
                "run": True,
                "lesions": {"columns"},
                "detect": {"options": True, "onnx": {"model"}},
            },
        )

    @property
    def public_fingerprint(self) -> str:
        """SHA-256 over the public settings."""
        return _hashed(self.public_settings)


def _hashed(settings: dict[str, Any]) -> str:
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
