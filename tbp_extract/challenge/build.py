"""From the releases of several centres to the files of a challenge, in one go.

Merge, join labels, leave out what was published before, find duplicates, select, share out, name,
write, audit. Every crop ends with one `Fate`; crops are read one at a time and never held together.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tbp_extract.challenge.audit import Audit, audit
from tbp_extract.challenge.crops import PoolCrops
from tbp_extract.challenge.duplicates import DuplicatePairs, find_duplicates, group_pairs
from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.fingerprints import FileFacts, Fingerprints, fingerprint
from tbp_extract.challenge.info_model import check_model
from tbp_extract.challenge.label_rows import Problem
from tbp_extract.challenge.labels import Labelling, join_labels
from tbp_extract.challenge.pool import Pool, centre_names, merge_centres
from tbp_extract.challenge.resolve import resolve_duplicates
from tbp_extract.challenge.rows import Rows, make_rows
from tbp_extract.challenge.selection import PatientFigures, patient_figures, select
from tbp_extract.challenge.splits import TEST, SplitInput, share_out
from tbp_extract.challenge.write import write_challenge, write_problems
from tbp_extract.config.challenge import ChallengeConfig
from tbp_extract.errors import OutputError, SourceError
from tbp_extract.io.centres import read_centre
from tbp_extract.io.challenge_files import ChallengeLayout, check_place, prepare
from tbp_extract.io.claim import claimed
from tbp_extract.io.dicom import check_dicom
from tbp_extract.io.earlier import Earlier, read_earlier
from tbp_extract.io.files import make_private_folder
from tbp_extract.io.keys import read_key, read_or_make_key
from tbp_extract.io.labels import read_labels
from tbp_extract.types import ReleaseKey

__all__ = ["Challenge", "ChallengeSource", "build_challenge"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChallengeSource:
    """What a challenge is made from."""

    releases: tuple[Path, ...]
    labels: tuple[Path, ...]
    earlier: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Challenge:
    """A challenge before it is written. Private."""

    pool: Pool
    labels: Labelling
    fate: NDArray[np.object_]
    """(N,) ``Fate`` of every crop."""

    rows: Rows
    files: FileFacts
    """On the K crops of ``rows``."""

    compared: NDArray[np.int64]
    """(C,) crops that were compared with each other."""

    pairs: DuplicatePairs
    """Places in ``compared``, or behind its end for crops of earlier releases."""

    before: PatientFigures
    after: PatientFigures
    audit: Audit
    key: ReleaseKey

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Rows of the label tables that were not used as they stand."""
        return self.labels.problems


def build_challenge(
    source: ChallengeSource, out: Path, config: ChallengeConfig, key_path: Path | None = None
) -> Challenge:
    """Make a challenge and write it.

    Parameters
    ----------
    source : ChallengeSource
    out : Path
        A new folder.
    config : ChallengeConfig
    key_path : Path, optional
        The challenge key; made in the private folder when not given.

    Returns
    -------
    Challenge
        As it was written.

    Raises
    ------
    SourceError
        If a release, label table or earlier release cannot be used, or a class is empty.
    ConfigError
        If a setting does not fit the releases.
    OutputError
        If the folder holds something else or cannot be written.
    ReleaseError
        If a row breaks the information model.
    """
    layout = ChallengeLayout(out)
    _check_apart(source, out)
    check_place(layout)
    if config.files.dicom:
        check_dicom()
    names = centre_names(config.centres.names, len(source.releases))
    pool = merge_centres(
        [
            read_centre(path, name, place=f"release {k}")
            for k, (path, name) in enumerate(zip(source.releases, names, strict=True), 1)
        ],
        config.labels.identity,
    )
    rows = read_labels(source.labels)
    earlier = read_earlier(source.earlier)
    given = read_key(key_path) if key_path else None
    make_private_folder(layout.private)
    with claimed(layout.lock):
        prepare(layout)
        key = given or read_or_make_key(layout.key)
        with closing(PoolCrops(pool)) as crops:
            _LOG.info("releases merged: %d crops of %d centres", len(pool), len(pool.centres))
            labels = join_labels(pool, rows, config.labels)
            # First of all, so that it is there to be read should the rest fail for it.
            write_problems(labels, layout)
            made = _choose(pool, labels, earlier, crops, config, key)
            write_challenge(made, crops, layout, config)
            _LOG.info("files written")
    return made


def _choose(
    pool: Pool,
    labels: Labelling,
    earlier: Earlier,
    crops: PoolCrops,
    config: ChallengeConfig,
    key: ReleaseKey,
) -> Challenge:
    """Decide which crops take part, where, and under what name."""
    fate = labels.fate.copy()
    _leave_out_listed(fate, pool, earlier)
    compared = np.flatnonzero(fate == Fate.TAKEN)
    _LOG.info("labels joined: %d of %d crops are labelled", len(compared), len(pool))
    prints, pairs = _compare(compared, earlier, crops, config)
    _LOG.info("crops compared: %d pairs of duplicates", len(pairs))
    resolve_duplicates(fate, pool, labels, compared, pairs, config.duplicates.policy, key)
    before = patient_figures(pool, labels, fate)
    fate = select(pool, labels, fate, config.selection, key)
    group = _groups(len(pool), compared, pairs, config)
    is_test = _share_out(fate, pool, labels, group, config, key)
    taken = np.flatnonzero(fate == Fate.TAKEN)
    rows = make_rows(pool, labels, taken, is_test[taken], config, key)
    _check_classes(rows, labels)
    check_model(rows.table)
    _LOG.info("patients shared out: %d crops take part", len(rows))
    place = np.searchsorted(compared, rows.crop)
    files = prints.files.take(place)
    whole = _groups(len(pool), compared, pairs, None)
    return Challenge(
        pool=pool,
        labels=labels,
        fate=fate,
        rows=rows,
        files=files,
        compared=compared,
        pairs=pairs,
        before=before,
        after=patient_figures(pool, labels, fate),
        audit=audit(rows, files, whole[rows.crop], config.audit),
        key=key,
    )


def _check_apart(source: ChallengeSource, out: Path) -> None:
    for path in source.releases:
        if out.resolve().is_relative_to(path.resolve()):
            raise OutputError("the output folder must lie outside the releases")


def _leave_out_listed(fate: NDArray[np.object_], pool: Pool, earlier: Earlier) -> None:
    known = set(earlier.ids).union(*(crops.ids for crops in earlier.crops))
    if known:
        ids = pool.rows["isic_id"].to_pylist()
        listed = np.array([name in known for name in ids])
        fate[listed & (fate == Fate.TAKEN)] = Fate.PUBLISHED_BEFORE


def _compare(
    compared: NDArray[np.int64], earlier: Earlier, crops: PoolCrops, config: ChallengeConfig
) -> tuple[Fingerprints, DuplicatePairs]:
    """Describe all crops and those of earlier releases, and find what looks the same."""
    old = [(source, name) for source in earlier.crops for name in source.ids]

    def jpegs() -> Iterator[bytes]:
        yield from map(crops.jpeg, compared.tolist())
        yield from (source.jpeg(name) for source, name in old)

    def pixels(k: int) -> NDArray[np.uint8]:
        if k < len(compared):
            return crops.pixels(int(compared[k]))
        source, name = old[k - len(compared)]
        return crops.decode(source.jpeg(name))

    prints = fingerprint(jpegs(), len(compared) + len(old))
    pairs = find_duplicates(prints, pixels, config.duplicates)
    # Two earlier crops that look the same are no matter of ours.
    ours = pairs.first < len(compared)
    return prints, DuplicatePairs(pairs.first[ours], pairs.second[ours], pairs.similarity[ours])


def _groups(
    count: int,
    compared: NDArray[np.int64],
    pairs: DuplicatePairs,
    config: ChallengeConfig | None,
) -> NDArray[np.int64]:
    """Group of each crop of the pool; with a policy of ``keep`` each is its own."""
    group = np.arange(count)
    if config is None or config.duplicates.policy != "keep":
        inside = pairs.second < len(compared)
        within = DuplicatePairs(pairs.first[inside], pairs.second[inside], pairs.similarity[inside])
        group[compared] = compared[group_pairs(within, len(compared))]
    return group


def _share_out(
    fate: NDArray[np.object_],
    pool: Pool,
    labels: Labelling,
    group: NDArray[np.int64],
    config: ChallengeConfig,
    key: ReleaseKey,
) -> NDArray[np.bool_]:
    """Put patients into train and test; crops that would tie the two together are left out."""
    taken = np.flatnonzero(fate == Fate.TAKEN)
    given = SplitInput(
        names=[(pool.centres[c], m) for c, m in zip(pool.patient_centre, pool.mrns, strict=True)],
        centre=pool.patient_centre,
        stratum=_strata(pool, labels, taken),
        patient=pool.patient[taken],
        group=group[taken],
    )
    held_out = frozenset(
        k for k, name in enumerate(pool.centres) if name in config.centres.held_out
    )
    splits = share_out(given, test_share=config.splits.test_share, held_out=held_out, key=key)
    fate[taken[splits.left_out]] = Fate.DUPLICATE_ACROSS_SPLITS
    of_crop: NDArray[np.bool_] = splits.of_patient[pool.patient] == TEST
    return of_crop


def _strata(pool: Pool, labels: Labelling, taken: NDArray[np.int64]) -> list[str]:
    """Class of each patient: whether a lesion is malignant, and the commonest skin tone."""
    malignant = np.zeros(len(pool.mrns), np.bool_)
    np.logical_or.at(malignant, pool.patient[taken], labels.malignant()[taken])
    tones = pool.rows["tbp_ex_skin_tone"].take(pa.array(taken)).to_pylist()
    words, index = np.unique([tone or "" for tone in tones], return_inverse=True)
    counts = np.zeros((len(pool.mrns), len(words)), np.int64)
    np.add.at(counts, (pool.patient[taken], index), 1)
    commonest = counts.argmax(axis=1) if len(words) else np.zeros(len(malignant), np.int64)
    return [
        f"{int(m)} {words[k] if len(words) else ''}"
        for m, k in zip(malignant, commonest, strict=True)
    ]


def _check_classes(rows: Rows, labels: Labelling) -> None:
    if not len(rows):
        counts = Counter(str(problem.code) for problem in labels.problems)
        told = ", ".join(f"{count} {code}" for code, count in sorted(counts.items())) or "none"
        raise SourceError(
            "no crop takes part: expected labels whose record numbers and tags are those of the "
            f"releases; label rows that were not used: {told} (see private/label_problems.csv)"
        )
    target = rows.table["target"].to_numpy()
    for test, split in ((False, "training"), (True, "test")):
        of_split = target[rows.is_test == test]
        if not len(of_split):
            raise SourceError(f"the {split} set is empty: change splits.test_share or held_out")
        for value, word in ((1, "malignant"), (0, "benign")):
            if not (of_split == value).any():
                raise SourceError(
                    f"the {split} set holds no {word} lesion: it needs both classes, so give more "
                    "labelled patients or change splits.test_share"
                )
