"""Scans of different patients that come from one mesh: almost always a slip in the scan table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from tbp_extract.io.magic import MESH_NAMES

__all__ = ["patients_of_one_mesh", "shared_mesh_sentence"]


def patients_of_one_mesh(scans: Iterable[tuple[str, Mapping[str, str | None]]]) -> int:
    """Count meshes that stand for more than one patient.

    Parameters
    ----------
    scans : iterable
        Of each scan its patient and the SHA-256 of its input files by name.
    """
    patients: dict[str, set[str]] = defaultdict(set)
    for patient, files in scans:
        for name, sha256 in files.items():
            if sha256 and name.lower().endswith(tuple(MESH_NAMES)):
                patients[sha256].add(patient)
    return sum(len(found) > 1 for found in patients.values())


def shared_mesh_sentence(meshes: int) -> str:
    """Say what `patients_of_one_mesh` found."""
    return (
        f"warning: the same mesh stands for more than one patient ({meshes} such meshes): one of "
        "them is likely to have a wrong row in the scan table, and one person would be in the "
        "release under two pseudonyms"
    )
