"""From a file's unit and axes to body space."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import ScanConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.mesh import FileMesh
from tbp_extract.types import ScanRef

__all__ = ["MM_PER_UNIT", "apply_axes", "body_matrix", "check_extent"]

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}
"""Units that a scan may have."""

_HOW = "give it in the column unit of scans.csv or as scan.unit in the configuration"


def body_matrix(ref: ScanRef, mesh: FileMesh, config: ScanConfig) -> NDArray[np.float64]:
    """Find the way from a mesh to body space.

    Unit and axes come from the scan table, else from the format, else from the configuration.

    Returns
    -------
    (3, 3) float64
        ``body_mm = matrix @ xyz``: a rotation times millimetres per unit.

    Raises
    ------
    ScanError
        ``SCALE_UNKNOWN``.
    """
    unit = _unit(ref, mesh, config)
    up = _axis(ref.up or mesh.up or config.up)
    front = _axis(ref.front or mesh.front or config.front)
    if up @ front != 0:
        raise ScanError(
            ScanReason.SCALE_UNKNOWN,
            "up and front name the same axis: give both in scans.csv or in the configuration",
        )
    # Right-handed: with the head up and the face to the front, +x is the patient's left.
    return MM_PER_UNIT[unit] * np.stack((np.cross(up, front), up, front))


def apply_axes(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take (N, 3) points to body space; `matrix` as `body_matrix` gives it.

    Each coordinate is one product: no library can round it differently.
    """
    column = np.abs(matrix).argmax(axis=1)
    return np.stack([points[:, column[k]] * matrix[k, column[k]] for k in range(3)], axis=-1)


def check_extent(extent_mm: float, matrix: NDArray[np.float64], config: ScanConfig) -> None:
    """Refuse a body of implausible size, and say which unit would make it plausible.

    Raises
    ------
    ScanError
        ``SCALE_IMPLAUSIBLE``.
    """
    if _is_plausible(extent_mm, config):
        return
    used_mm = float(np.abs(matrix).max())
    used = min(MM_PER_UNIT, key=lambda unit: abs(MM_PER_UNIT[unit] - used_mm))
    better = [
        unit
        for unit, mm in MM_PER_UNIT.items()
        if unit != used and _is_plausible(extent_mm / used_mm * mm, config)
    ]
    if better:
        hint = f"in {' or '.join(better)} it would be plausible: if that is the unit, {_HOW}"
    else:
        hint = "in no unit would it be plausible"
    raise ScanError(
        ScanReason.SCALE_IMPLAUSIBLE,
        f"the mesh extends over {extent_mm / 1000:.4g} m when read in {used}, expected "
        f"{config.min_extent_m:g} to {config.max_extent_m:g} m (scan.min_extent_m, "
        f"scan.max_extent_m); {hint}",
    )


def _unit(ref: ScanRef, mesh: FileMesh, config: ScanConfig) -> str:
    unit = ref.unit or mesh.unit or config.unit
    if unit is None:
        raise ScanError(
            ScanReason.SCALE_UNKNOWN,
            f"the unit of the mesh is not known (mm, cm, m or in): {_HOW}",
        )
    if unit not in MM_PER_UNIT:
        raise ScanError(ScanReason.SCALE_UNKNOWN, f"the unit of a scan is mm, cm, m or in: {_HOW}")
    return unit


def _axis(name: str) -> NDArray[np.float64]:
    if len(name) != 2 or name[0] not in "+-" or name[1] not in "xyz":
        raise ScanError(
            ScanReason.SCALE_UNKNOWN, "up and front of a scan are one of +x, -x, +y, -y, +z, -z"
        )
    axis = np.zeros(3)
    axis["xyz".index(name[1])] = -1.0 if name[0] == "-" else 1.0
    return axis


def _is_plausible(extent_mm: float, config: ScanConfig) -> bool:
    return config.min_extent_m <= extent_mm / 1000 <= config.max_extent_m
