"""Rows of the tables of a challenge."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tbp_extract.challenge.crops import PoolCrops
from tbp_extract.challenge.keyed import name_all
from tbp_extract.challenge.labels import Labelling
from tbp_extract.challenge.pool import Pool
from tbp_extract.challenge.verification import verification_stages
from tbp_extract.columns import (
    BY_LABEL_NAME,
    BY_NAME,
    CLINICAL_BLOCKS,
    CONFIRM_OF_STAGE,
    ISIC_TEST_COLUMNS,
    ISIC_TRAIN_COLUMNS,
)
from tbp_extract.config.challenge import ChallengeConfig
from tbp_extract.types import ReleaseKey

__all__ = ["Rows", "make_rows"]

_TYPES = {"str": pa.string(), "float": pa.float64(), "int": pa.int64(), "bool": pa.bool_()}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The K crops that take part, by ascending released id."""

    crop: NDArray[np.int64]
    """(K,) index in the pool."""

    ids: tuple[str, ...]
    """(K,) released ids."""

    is_test: NDArray[np.bool_]
    """(K,)."""

    table: Any
    """``pyarrow.Table`` (K,) of released and label columns."""

    def __len__(self) -> int:
        return len(self.ids)

    def chosen(self, *, test: bool) -> Any:
        """Rows of one split, all columns."""
        return self.table.filter(pa.array(self.is_test == test))

    def images(self, crops: PoolCrops, *, test: bool) -> Iterator[tuple[str, bytes]]:
        """Id and JPEG of each crop of one split, by ascending id."""
        for k in np.flatnonzero(self.is_test == test).tolist():
            yield self.ids[k], crops.jpeg(int(self.crop[k]))

    def train_metadata(self) -> Any:
        """``train-metadata.csv``: 55 columns."""
        return self.chosen(test=False).select(list(ISIC_TRAIN_COLUMNS))

    def test_metadata(self) -> Any:
        """``test-metadata.csv``: 44 columns."""
        return self.chosen(test=True).select(list(ISIC_TEST_COLUMNS))

    def clinical(self, *, test: bool) -> Any:
        """Rows of the information model of a clinically verified set: 16 columns."""
        names = [name for block in CLINICAL_BLOCKS.values() for name in block]
        return self.chosen(test=test).select(names)

    def solution(self) -> Any:
        """``solution.csv``."""
        return self.chosen(test=True).select(["isic_id", "target", "patient_id"])

    def sample_submission(self) -> Any:
        """Make a submission that knows nothing."""
        ids = self.chosen(test=True)["isic_id"]
        return pa.table({"isic_id": ids, "target": pa.array(np.full(len(ids), 0.3))})


def make_rows(
    pool: Pool,
    labels: Labelling,
    crops: NDArray[np.int64],
    is_test: NDArray[np.bool_],
    config: ChallengeConfig,
    key: ReleaseKey,
) -> Rows:
    """Make the rows of the crops that take part.

    Parameters
    ----------
    pool, labels
        As merged and joined.
    crops : (K,) int64
        Places in the pool, ascending.
    is_test : (K,) bool
    config, key
        Of the challenge.
    """
    names = _image_names(pool, crops, config, key)
    order = np.argsort(np.array(names))
    crops, is_test = crops[order], is_test[order]
    ids = tuple(names[k] for k in order)
    made = {
        "isic_id": list(ids),
        "patient_id": _patient_names(pool, crops, config, key),
        "lesion_id": _lesion_names(pool, crops, config, key),
        **_label_values(pool, labels, crops, config),
    }
    taken = pool.rows.take(pa.array(crops))
    wanted = dict.fromkeys((*ISIC_TRAIN_COLUMNS, *taken.column_names, *BY_LABEL_NAME))
    columns: dict[str, Any] = {}
    for name in wanted:
        kind = _TYPES[(BY_NAME.get(name) or BY_LABEL_NAME[name]).dtype]
        if name in made:
            columns[name] = pa.array(made[name], kind)
        elif name in taken.column_names:
            columns[name] = taken[name].combine_chunks()
        else:
            columns[name] = pa.nulls(len(crops), kind)
    return Rows(crops, ids, is_test, pa.table(columns))


def _image_names(
    pool: Pool, crops: NDArray[np.int64], config: ChallengeConfig, key: ReleaseKey
) -> list[str]:
    source = pool.rows["isic_id"].take(pa.array(crops)).to_pylist()
    centre = (pool.centres[c] for c in pool.centre[crops])
    return name_all(
        key, "image", zip(centre, source, strict=True), config.ids.image_prefix, config.ids
    )


def _patient_names(
    pool: Pool, crops: NDArray[np.int64], config: ChallengeConfig, key: ReleaseKey
) -> list[str]:
    people = np.unique(pool.patient[crops])
    things = [(pool.centres[pool.patient_centre[p]], pool.mrns[p]) for p in people]
    names = name_all(key, "patient", things, config.ids.patient_prefix, config.ids)
    return [names[k] for k in np.searchsorted(people, pool.patient[crops])]


def _lesion_names(
    pool: Pool, crops: NDArray[np.int64], config: ChallengeConfig, key: ReleaseKey
) -> list[str | None]:
    """Only lesions with a name of their own can be told to be the same in another capture."""
    named = crops[pool.named[crops]]
    lesions, first = np.unique(pool.lesion[named], return_index=True)
    by_tag = config.labels.identity == "tag"
    things = [
        (
            pool.centres[pool.centre[c]],
            pool.mrns[pool.patient[c]],
            str(pool.tag[c] if by_tag else pool.lesion_id[c]),
        )
        for c in named[first]
    ]
    names = name_all(key, "lesion", things, config.ids.lesion_prefix, config.ids)
    of_lesion = dict(zip(lesions.tolist(), names, strict=True))
    return [of_lesion.get(lesion) for lesion in pool.lesion[crops].tolist()]


def _label_values(
    pool: Pool, labels: Labelling, crops: NDArray[np.int64], config: ChallengeConfig
) -> dict[str, Sequence[Any]]:
    found = [labels.diagnosis(c) for c in crops.tolist()]
    own = [labels.labels[k] if k >= 0 else None for k in labels.label[crops].tolist()]
    stages = verification_stages(pool, labels, crops, config.labels)
    return {
        "target": [int(d.is_malignant) for d in found],
        "iddx_full": [d.full for d in found],
        **{f"iddx_{k + 1}": [d.levels[k] for d in found] for k in range(5)},
        "melanocytic": [d.melanocytic for d in found],
        "mel_thick_mm": [None if label is None else label.mel_thick_mm for label in own],
        "mel_mitotic_index": [None if label is None else label.mel_mitotic_index for label in own],
        "verification_stage": stages,
        "diagnosis_confirm_type": [
            CONFIRM_OF_STAGE[stage] if label is None else label.confirm_type
            for stage, label in zip(stages, own, strict=True)
        ],
    }
