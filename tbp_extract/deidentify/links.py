"""The private way back from released ids to the source."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import LINKAGE_COLUMNS, NOTED_COLUMNS
from tbp_extract.deidentify.pseudonyms import lesion_pseudonym, scan_pseudonym
from tbp_extract.types import ReleaseKey, ScanRef

__all__ = ["link"]


def link(
    *,
    lesion_ids: Sequence[str],
    noted: Mapping[str, Sequence[str | None]],
    jpegs: Sequence[bytes],
    position_mm: NDArray[np.float64],
    ref: ScanRef,
    key: ReleaseKey,
) -> dict[str, NDArray[Any]]:
    """Private rows that lead from released ids back to the source.

    Parameters
    ----------
    lesion_ids : sequence of str
        N, as given.
    noted : mapping of str to sequence
        N each, for any of ``NOTED_COLUMNS``; the others are empty.
    jpegs : sequence of bytes
        N crops.
    position_mm : (N, 3) float64
        Exact, in body space.
    ref, key
        As in `release`.

    Returns
    -------
    dict
        ``LINKAGE_COLUMNS`` but ``shard``, which is known when the shard is, (N,) each, in the
        order given.
    """
    count = len(lesion_ids)
    same: dict[str, str | None] = {
        "scan": scan_pseudonym(key, ref.scan_id),
        "scan_id": ref.scan_id,
        "patient_id": ref.patient_id,
    }
    ids = [lesion_pseudonym(key, ref.scan_id, lesion) for lesion in lesion_ids]
    columns: dict[str, NDArray[Any]] = {"isic_id": np.array(ids, dtype=object)}
    columns |= {name: np.full(count, value, dtype=object) for name, value in same.items()}
    hashes = [hashlib.sha256(jpeg).hexdigest() for jpeg in jpegs]
    columns["crop_sha256"] = np.array(hashes, dtype=object)
    columns["lesion_id"] = np.array(lesion_ids, dtype=object)
    for name in NOTED_COLUMNS:
        columns[name] = np.array(noted.get(name, [None] * count), dtype=object)
    columns["capture_date"] = np.full(count, ref.capture_date, dtype=object)
    columns |= {f"{axis}_mm": position_mm[:, i].copy() for i, axis in enumerate("xyz")}
    return {c.name: columns[c.name] for c in LINKAGE_COLUMNS if c.name != "shard"}
