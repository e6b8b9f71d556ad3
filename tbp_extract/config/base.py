"""What all sections of the settings share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Axis", "Positive", "Section", "Unit"]

Unit = Literal["mm", "cm", "m", "in"]
Axis = Literal["+x", "-x", "+y", "-y", "+z", "-z"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, strict, and closed to names that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
