"""Settings: TOML in, one frozen ``Config`` out; defaults and limits stand here and nowhere else."""

from tbp_extract.config.base import Axis, Unit
from tbp_extract.config.challenge import ChallengeConfig
from tbp_extract.config.crop import CropConfig, JpegConfig
from tbp_extract.config.detect import BlobConfig, DetectConfig
from tbp_extract.config.gate import GateConfig, Policy
from tbp_extract.config.network import OnnxConfig
from tbp_extract.config.read import parse_config, parse_settings, read_config, read_settings
from tbp_extract.config.release import ReleaseConfig, ShardConfig
from tbp_extract.config.run import RunConfig
from tbp_extract.config.source import LesionConfig, LimitConfig, ScanConfig
from tbp_extract.config.whole import Config

__all__ = [
    "Axis",
    "BlobConfig",
    "ChallengeConfig",
    "Config",
    "CropConfig",
    "DetectConfig",
    "GateConfig",
    "JpegConfig",
    "LesionConfig",
    "LimitConfig",
    "OnnxConfig",
    "Policy",
    "ReleaseConfig",
    "RunConfig",
    "ScanConfig",
    "ShardConfig",
    "Unit",
    "parse_config",
    "parse_settings",
    "read_config",
    "read_settings",
]
