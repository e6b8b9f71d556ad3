"""The crop gate: crops that may identify a person stay behind until somebody has looked at them."""

from tbp_extract.gate.appearance import appearance_reasons, skin_palette
from tbp_extract.gate.judge import Verdict, judge
from tbp_extract.gate.regions import region_reasons
from tbp_extract.gate.stitched import beyond_union, view_share

__all__ = [
    "Verdict",
    "appearance_reasons",
    "beyond_union",
    "judge",
    "region_reasons",
    "skin_palette",
    "view_share",
]
