"""Image files, the crops in them, and how crops and rows belong together."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import pyarrow.compute as pc

from tbp_extract.verify.evidence import Evidence
from tbp_extract.verify.jpeg import CropForm, jpeg_fault

__all__ = ["check_crops", "check_ids", "check_order", "check_shards"]

LESION_ID: Final = r"^TBP_[A-Z2-7]{12}$"
PATIENT_ID: Final = r"^TBPP_[A-Z2-7]{12}$"
MAX_BACKWARD_SHARE: Final = 0.1


def check_shards(evidence: Evidence) -> Iterator[str]:
    """Expect each image file to be an HDF5 file of crops and of nothing else, to the byte."""
    for name, shard in evidence.shards():
        for fault in shard.faults:
            yield f"images/{name}: {fault}"


def check_crops(evidence: Evidence) -> Iterator[str]:
    """Expect of each crop the JPEG that its size and the settings call for, and no more."""
    settings = evidence.settings["jpeg"]
    form = CropForm(settings["quality"], settings["subsampling"])
    sizes = dict(zip(evidence.column("isic_id"), evidence.column("tbp_ex_size_px"), strict=True))
    faulty: dict[str, list[str]] = {}
    for _, shard in evidence.shards():
        for name, jpeg in shard.crops.items():
            fault = jpeg_fault(jpeg, sizes.get(name), form)
            if fault:
                faulty.setdefault(fault, []).append(name)
    for fault, names in sorted(faulty.items()):
        yield f"{len(names)} crops {fault}"


def check_ids(evidence: Evidence) -> Iterator[str]:
    """Expect one crop a row, one row a crop, pseudonyms of the right form."""
    ids = evidence.column("isic_id")
    members = Counter(name for _, shard in evidence.shards() for name in shard.crops)
    if len(set(ids)) < len(ids) or members.total() > len(members):
        yield "isic_id: some are there more than once"
    if set(ids) != members.keys():
        alone, orphan = len(members.keys() - set(ids)), len(set(ids) - members.keys())
        yield f"{alone} crops have no row, {orphan} rows have no crop"
    for column, form in (("isic_id", LESION_ID), ("patient_id", PATIENT_ID)):
        matches = pc.fill_null(pc.match_substring_regex(evidence.table[column], form), False)
        if pc.any(pc.invert(matches)).as_py():
            yield f"{column}: some are no pseudonyms of the form {form}"


def check_order(evidence: Evidence) -> Iterator[str]:
    """Expect rows and crops in the order of their ids, which says nothing."""
    ids = evidence.column("isic_id")
    if ids != sorted(ids, key=str):
        yield "metadata: the rows are not in the order of their ids"
    last = ""
    for name, shard in evidence.shards():
        if shard.crops and min(shard.crops) <= last:
            yield f"images/{name}: holds crops that belong into an earlier file by their ids"
        last = max(shard.crops, default=last)
        if list(shard.crops) != sorted(shard.crops):
            yield f"images/{name}: the crops are not in the order of their ids"
        places = [shard.places[crop] for crop in sorted(shard.crops)]
        # The library may fill a hole with a small crop; a shuffled file turns back at every other.
        backward = sum(b < a for a, b in pairwise(places))
        if backward > MAX_BACKWARD_SHARE * len(places):
            yield f"images/{name}: the crops do not lie in the order of their ids"
