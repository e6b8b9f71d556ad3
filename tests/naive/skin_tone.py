"""Typical colour of skin by sorting."""

import numpy as np
from numpy.typing import NDArray


def skin_colour(lab: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
    """(3,) median of the colours (M, 3) whose L* is typical."""
    light = lab[:, 0]
    middle = np.median(light)
    spread = max(reach * np.median(np.abs(light - middle)), 1.0)
    return np.asarray(np.median(lab[np.abs(light - middle) <= spread], axis=0))
