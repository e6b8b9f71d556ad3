"""Labels joined with lesions: strong ones from biopsies, weak ones for the rest.

Strong: every capture of a biopsied lesion that is at most ``labels.window_days`` older than the
biopsy. Weak: all other lesions of one index capture a patient, taken as benign (SLICE-3D,
Kurtansky et al. 2024, doi:10.1038/s41597-024-03743-w). A row that cannot be used is a `Problem`;
its lesion takes no part, neither as what the row says nor as benign.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.challenge.fates import Fate
from tbp_extract.challenge.label_rows import Label, LabelError, Problem, ProblemCode, understand
from tbp_extract.challenge.pool import Pool, plain_tag
from tbp_extract.challenge.taxonomy import Diagnosis, diagnose, nearest_names
from tbp_extract.config.challenge import LabelConfig
from tbp_extract.errors import ConfigError
from tbp_extract.io.labels import LabelRow

__all__ = ["BENIGN", "Labelling", "join_labels"]

BENIGN: Final = Diagnosis("Benign")
"""What a lesion is taken for that nobody saw reason to biopsy."""

DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False)
class Labelling:
    """What the labels say of every crop of a pool. Private."""

    label: NDArray[np.int32]
    """(N,) index into ``labels``; -1 for a crop without one."""

    fate: NDArray[np.object_]
    """(N,) ``Fate``: taken (strong or weak), or why not."""

    labels: tuple[Label, ...]
    """Rows in use."""

    problems: tuple[Problem, ...]
    """Rows not in use as they stand, by table and row."""

    def diagnosis(self, crop: int) -> Diagnosis:
        """Diagnosis of a crop that takes part."""
        index = int(self.label[crop])
        return BENIGN if index < 0 else self.labels[index].diagnosis

    def malignant(self) -> NDArray[np.bool_]:
        """(N,) whether the crop's own label is malignant."""
        of_label = np.array([*(label.diagnosis.is_malignant for label in self.labels), False])
        return of_label[self.label]


def join_labels(pool: Pool, rows: Sequence[LabelRow], config: LabelConfig) -> Labelling:
    """Join a pool with its label tables.

    Parameters
    ----------
    pool : Pool
    rows : sequence of LabelRow
    config : LabelConfig

    Returns
    -------
    Labelling

    Raises
    ------
    ConfigError
        If a qualifying diagnosis is not known.
    """
    return _Join(pool, rows, config).run()


class _Join:
    """The state of one join."""

    def __init__(self, pool: Pool, rows: Sequence[LabelRow], config: LabelConfig) -> None:
        self.pool, self.rows, self.config = pool, rows, config
        self.qualifying = [_known(name) for name in config.qualifying]
        self.people = _People(pool)
        self.lesions = _Lesions(pool, {row.get("lesion_id") for row in rows})
        self.problems: list[Problem] = []
        self.listed: set[int] = set()
        self.blocked: set[int] = set()
        self.doubtful: dict[int, np.datetime64] = {}
        self.claims: dict[int, list[Label]] = defaultdict(list)

    def run(self) -> Labelling:
        for row in self.rows:
            self._take(row)
        label = np.full(len(self.pool), -1, np.int32)
        fate = np.full(len(self.pool), Fate.PATIENT_NOT_LISTED, object)
        self._weak(fate)
        used = list(self._strong(label, fate))
        for lesion in self.blocked:
            fate[self.lesions.crops(lesion)] = Fate.LABEL_PROBLEM
            label[self.lesions.crops(lesion)] = -1
        problems = sorted(self.problems, key=lambda p: (p.row.table, p.row.row, p.code))
        return Labelling(label, fate, tuple(used), tuple(problems))

    def _refuse(self, row: LabelRow, code: ProblemCode, message: str) -> None:
        self.problems.append(Problem(code, row, message))

    def _take(self, row: LabelRow) -> None:
        """Find the row's patient and lesion, and what it says of it."""
        try:
            patient = self.people.find(row)
        except LabelError as fault:
            self._refuse(row, fault.code, str(fault))
            return
        self.listed.add(patient)
        label: Label | None = None
        lesion: int | None = None
        faults = []
        try:
            label = understand(row, self.config.date_order)
        except LabelError as fault:
            faults.append(fault)
        if label is None and not faults:
            return
        try:
            lesion = self.lesions.find(patient, row)
        except LabelError as fault:
            if not any(f.code == ProblemCode.TAG_MISSING for f in faults):
                faults.append(fault)
        for found in faults:
            self._refuse(row, found.code, str(found))
        if lesion is not None:
            self.blocked |= {lesion} if faults else set()
            if label is not None:
                self.claims[lesion].append(label)
        elif label is None or label.diagnosis.levels[0] != "Benign":
            # The lesion may be any of this patient's crops: none of them can be called benign.
            day = np.datetime64("NaT") if label is None else label.biopsy_day
            earlier = self.doubtful.get(patient, day)
            self.doubtful[patient] = earlier if np.isnat(earlier) else max(earlier, day)

    def _strong(self, label: NDArray[np.int32], fate: NDArray[np.object_]) -> Iterator[Label]:
        """Give biopsied lesions their label, in the captures that belong to the biopsy."""
        count = 0
        for lesion, claims in sorted(self.claims.items()):
            crops = self.lesions.crops(lesion)
            fate[crops] = Fate.OUTSIDE_WINDOW
            chosen = self._agreed(lesion, claims)
            if chosen is None or lesion in self.blocked:
                continue
            inside = crops[self._in_window(crops, chosen)]
            if not len(inside):
                self._say_why_outside(crops, chosen)
                continue
            qualifies = not self.qualifying or any(map(chosen.diagnosis.is_below, self.qualifying))
            fate[inside] = Fate.TAKEN if qualifies else Fate.NOT_QUALIFYING
            label[inside] = count
            count += 1
            yield chosen

    def _agreed(self, lesion: int, claims: list[Label]) -> Label | None:
        """Choose the row that counts: the earliest biopsy of those that say the same."""
        if len({claim.diagnosis for claim in claims}) > 1:
            names = sorted({claim.row.get("diagnosis") for claim in claims})
            for claim in claims:
                self._refuse(
                    claim.row,
                    ProblemCode.TWO_DIAGNOSES,
                    f"this lesion has {len(claims)} rows with different diagnoses: "
                    f"{', '.join(names)}",
                )
            self.blocked.add(lesion)
            return None
        first = min(claims, key=lambda c: (c.biopsy_day, c.row.table, c.row.row))
        for claim in claims:
            if claim is not first:
                same = claim.says == first.says
                what = "says the same as" if same else "is of another date or detail than"
                self._refuse(
                    claim.row,
                    ProblemCode.REPEATED,
                    f"this row {what} row {first.row.row} of table {first.row.table} on the same "
                    "lesion with the same diagnosis: that one is used",
                )
        return first

    def _in_window(self, crops: NDArray[np.int64], label: Label) -> NDArray[np.bool_]:
        age_days = (label.biopsy_day - self.pool.day[crops]) / DAY
        inside: NDArray[np.bool_] = (age_days >= 0) & (age_days <= self.config.window_days)
        return inside

    def _say_why_outside(self, crops: NDArray[np.int64], label: Label) -> None:
        days = self.pool.day[crops]
        known = days[~np.isnat(days)]
        if not len(known):
            code, what = ProblemCode.CAPTURE_DATE_MISSING, "no capture of this lesion has a date"
        elif (known > label.biopsy_day).all():
            code = ProblemCode.BIOPSY_BEFORE_CAPTURE
            what = f"biopsied on {label.biopsy_day}, before its first capture on {known.min()}"
        else:
            code = ProblemCode.NO_CAPTURE_IN_WINDOW
            what = (
                f"biopsied on {label.biopsy_day}, more than {self.config.window_days:g} days after "
                f"its last capture before that on {known[known <= label.biopsy_day].max()}"
            )
        self._refuse(label.row, code, what)

    def _weak(self, fate: NDArray[np.object_]) -> None:
        """Take the other lesions of each listed patient's index capture as benign."""
        out = {status.strip().lower() for status in self.config.statuses_out}
        status = np.array([(s or "").strip().lower() in out for s in self.pool.status])
        for patient, crops in enumerate(_grouped(self.pool.patient, len(self.pool.mrns))):
            if patient not in self.listed:
                continue
            index = _index_capture(self.pool, crops)
            inside = crops[self.pool.capture[crops] == index]
            fate[crops] = Fate.NOT_IN_INDEX_CAPTURE
            if not self.config.weak:
                fate[inside] = Fate.WITHOUT_DIAGNOSIS
                continue
            doubt = self.doubtful.get(patient)
            day = self.pool.day[inside][0]
            if doubt is not None and not doubt < day:
                fate[inside] = Fate.DOUBTFUL_PATIENT
                continue
            fate[inside] = Fate.TAKEN
            fate[inside[self.pool.unmatched[inside]]] = Fate.TAG_UNMATCHED
            fate[inside[status[inside]]] = Fate.TAG_STATUS


class _People:
    """Patients by record number; the same number at two centres is two people."""

    def __init__(self, pool: Pool) -> None:
        self.centres = {name.lower(): k for k, name in enumerate(pool.centres)}
        self.exact: dict[str, list[int]] = defaultdict(list)
        self.bare: dict[str, list[int]] = defaultdict(list)
        self.centre_of = pool.patient_centre
        for patient, mrn in enumerate(pool.mrns):
            self.exact[mrn.strip()].append(patient)
            self.bare[_bare_number(mrn)].append(patient)

    def find(self, row: LabelRow) -> int:
        mrn, centre = row.get("mrn"), row.get("centre").lower()
        if not mrn:
            raise LabelError(ProblemCode.MRN_MISSING, "expected a record number, got an empty cell")
        if centre and centre not in self.centres:
            raise LabelError(
                ProblemCode.CENTRE_UNKNOWN,
                f"expected one of the centres {', '.join(self.centres)}, got {centre!r}",
            )
        for known in (self.exact.get(mrn, []), self.bare.get(_bare_number(mrn), [])):
            found = [p for p in known if not centre or self.centre_of[p] == self.centres[centre]]
            if len(found) == 1:
                return found[0]
            if found:
                raise LabelError(
                    ProblemCode.PATIENT_AMBIGUOUS,
                    f"the record number stands for {len(found)} people: name the centre in a "
                    "column centre, and write leading zeros",
                )
        raise LabelError(ProblemCode.PATIENT_UNKNOWN, "no release holds this record number")


class _Lesions:
    """Lesions of each patient, by tag and by id."""

    def __init__(self, pool: Pool, asked: set[str]) -> None:
        """Index the lesions with tags, and those whose ids are asked for."""
        self._order = np.argsort(pool.lesion, kind="stable")
        self._sorted = pool.lesion[self._order]
        self.by_tag: dict[tuple[int, str], set[int]] = defaultdict(set)
        self.by_id: dict[tuple[int, str], set[int]] = defaultdict(set)
        for patient, lesion, tag, own in zip(
            pool.patient.tolist(), pool.lesion.tolist(), pool.tag, pool.lesion_id, strict=True
        ):
            if tag is not None:
                self.by_tag[patient, tag].add(lesion)
            if own in asked:
                self.by_id[patient, str(own)].add(lesion)

    def crops(self, lesion: int) -> NDArray[np.int64]:
        """Places of a lesion's crops."""
        first, last = np.searchsorted(self._sorted, (lesion, lesion + 1))
        return np.asarray(self._order[first:last], np.int64)

    def find(self, patient: int, row: LabelRow) -> int:
        by_id, tag = row.get("lesion_id"), plain_tag(row.get("lesion_tag"))
        found = self.by_id.get((patient, by_id), set()) if by_id else set()
        if not found and tag is not None:
            found = self.by_tag.get((patient, tag), set())
        if not found:
            what = f"tag {tag}" if tag is not None else f"lesion {by_id}"
            raise LabelError(ProblemCode.LESION_UNKNOWN, f"no crop of this patient is of {what}")
        if len(found) > 1:
            raise LabelError(
                ProblemCode.LESION_AMBIGUOUS,
                f"the lesion is {len(found)} lesions of different captures: give its tag, or set "
                "labels.identity to what names lesions over time",
            )
        return next(iter(found))


def _index_capture(pool: Pool, crops: NDArray[np.int64]) -> int:
    """Newest capture with tagged lesions, else the newest."""
    tagged = np.array([tag is not None for tag in pool.tag[crops]])
    among = crops[tagged] if tagged.any() else crops
    # NaT sorts last: an unknown date counts as the oldest.
    days = np.where(np.isnat(pool.day[among]), np.datetime64(0, "D"), pool.day[among])
    newest = among[days == days.max()]
    return int(pool.capture[newest].max())


def _grouped(index: NDArray[np.int32], count: int) -> list[NDArray[np.int64]]:
    """Places of each value 0..count-1."""
    order = np.argsort(index, kind="stable")
    return np.split(order, np.searchsorted(index[order], np.arange(1, count)))


def _bare_number(mrn: str) -> str:
    """Record number as a spreadsheet leaves it: without leading zeros."""
    text = mrn.strip()
    return text.lstrip("0") or "0" if text.isdecimal() else text


def _known(name: str) -> Diagnosis:
    found = diagnose(name)
    if found is None:
        raise ConfigError(
            f"setting labels.qualifying: unknown diagnosis {name!r}, the nearest that is known is "
            f"{nearest_names(name)!r}"
        )
    return found
