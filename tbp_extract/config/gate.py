"""Settings on crops that may identify a person."""

from typing import Annotated, Literal

from pydantic import Field

from tbp_extract.config.base import Section

__all__ = ["GateConfig", "Policy"]

Policy = Literal["hold", "allow", "drop"]
"""``hold``: back until a reviewer decides; ``allow``: release; ``drop``: never release."""

Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class GateConfig(Section):
    """What becomes of crops that may identify a person, reason by reason."""

    face: Policy = "hold"
    genital: Policy = "hold"
    nipple: Policy = "hold"
    text: Policy = "hold"
    tattoo: Policy = "hold"
    jewellery: Policy = "hold"
    clothing: Policy = "hold"
    nail: Policy = "hold"
    background: Policy = "hold"
    unplaced: Policy = "hold"
    stitched: Policy = "hold"

    max_uncovered_share: Share = 0.5
    """A crop of which more shows no skin is held as background."""

    max_union_share: Share = 0.5
    """Crops of one patient may show this share of a body part together, of n scans each 1/n."""
