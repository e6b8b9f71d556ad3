"""Crops that may identify a person are held back from the release, and queued for review."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tbp_extract.config import Config, GateConfig
from tbp_extract.gate import (
    Verdict,
    appearance_reasons,
    beyond_union,
    judge,
    region_reasons,
    skin_palette,
    view_share,
)
from tbp_extract.io.review import ReviewRow, parse_review, review_bytes
from tbp_extract.measure.location import LOCATIONS, BodyParts
from tbp_extract.types import (
    CropBatch,
    CropFrames,
    Decision,
    GateReason,
    Scan,
    Surface,
)

__all__ = [
    "Flags",
    "Gate",
    "Judged",
    "bound_stands",
    "decisions_stand",
    "held_files",
    "review_queue",
    "stray_decisions",
]

Flags = Mapping[GateReason, NDArray[np.bool_]]
"""(N,) bool by reason."""

LIST_SUFFIX = ".csv"

HEAD = LOCATIONS.index("Head & Neck")


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of all crops of a scan."""

    verdicts: list[Verdict]

    view_share: float
    """Largest share of a body part that those which pass all else would show, overlaps apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """The crop gate of one scan."""

    surface: Surface
    body: BodyParts
    palette: NDArray[np.float64]
    config: GateConfig

    patient_scans: int = 1
    """Scans of the same patient in this run: they show the same skin, and share the bound on it."""

    @classmethod
    def of(
        cls,
        scan: Scan,
        surface: Surface,
        body: BodyParts,
        config: Config,
        patient_scans: int = 1,
    ) -> "Gate":
        """Make the gate for a scan."""
        return cls(surface, body, skin_palette(scan, surface), config.gate, patient_scans)

    def zones(self, frames: CropFrames) -> Flags:
        """Tell which crops lie where they identify the person."""
        return region_reasons(
            self.surface,
            self.body,
            face=frames.face,
            position_mm=frames.origin_mm,
            extent_mm=frames.extent_mm,
        )

    def looks(self, batch: CropBatch) -> Flags:
        """Tell which crops of a batch show what is not skin."""
        return appearance_reasons(
            batch,
            self.palette,
            head=self.body.face_location[batch.frames.face] == HEAD,
            max_uncovered_share=self.config.max_uncovered_share,
        )

    def judge(
        self,
        looks: Flags,
        frames: CropFrames,
        ids: Sequence[str],
        decisions: Mapping[str, Decision],
    ) -> Judged:
        """Say what becomes of all crops of the scan.

        Parameters
        ----------
        looks : mapping
            Of all batches together.
        frames : CropFrames
            N crops.
        ids : sequence of str
            N released ids: keyed hashes, so their order is nobody's choice.
        decisions : mapping
            The reviewer's, by id.
        """
        flags = {**self.zones(frames), **looks}
        said = [decisions.get(isic_id) for isic_id in ids]
        first = judge(flags, self.config, said)
        passed = [row for row, verdict in enumerate(first) if verdict.drop is None]
        share = view_share(self.surface, self.body, frames, passed)
        if self.config.stitched == "allow":
            return Judged(first, share)
        beyond = beyond_union(
            self.surface,
            self.body,
            frames,
            sorted(passed, key=ids.__getitem__),
            max_share=self.config.max_union_share / self.patient_scans,
        )
        return Judged(judge({**flags, GateReason.STITCHED: beyond}, self.config, said), share)


def held_files(
    scan: str, ids: Sequence[str], jpegs: Sequence[bytes], verdicts: Sequence[Verdict]
) -> dict[str, bytes]:
    """Private files for the reviewer: each held crop, and a list of those of this scan.

    Parameters
    ----------
    scan : str
        Pseudonym.
    ids, jpegs, verdicts : sequence
        N crops.
    """
    rows = [
        ReviewRow(isic_id, scan, tuple(map(str, verdict.reasons)), verdict.decision)
        for isic_id, verdict in zip(ids, verdicts, strict=True)
        if verdict.is_held
    ]
    if not rows:
        return {}
    listed = {row.isic_id for row in rows}
    crops = {
        f"{isic_id}.jpg": jpeg
        for isic_id, jpeg in zip(ids, jpegs, strict=True)
        if isic_id in listed
    }
    return {**crops, f"{scan}{LIST_SUFFIX}": review_bytes(rows)}


def review_queue(attachments: Mapping[str, bytes]) -> list[ReviewRow]:
    """Read the lists that `held_files` made, of any number of scans."""
    return [
        row
        for name, data in sorted(attachments.items())
        if name.endswith(LIST_SUFFIX)
        for row in parse_review(data)
    ]


def bound_stands(view_share: float, made_for: int, scans: int, config: GateConfig) -> bool:
    """Whether a scan's crops are the same for another number of scans of its patient.

    Parameters
    ----------
    view_share : float
        As `Judged` has it.
    made_for, scans : int
        How many scans the patient had when this one was done, and has now.
    config : GateConfig
    """
    if config.stitched == "allow" or made_for == scans:
        return True
    return view_share <= config.max_union_share / max(made_for, scans)


def stray_decisions(
    attachments: Iterable[Mapping[str, bytes]], decisions: Mapping[str, Decision]
) -> int:
    """Count decisions on crops that no scan has held back."""
    held = {row.isic_id for files in attachments for row in review_queue(files)}
    return len(decisions.keys() - held)


def decisions_stand(attachments: Mapping[str, bytes], decisions: Mapping[str, Decision]) -> bool:
    """Whether a finished scan followed the decisions that there are now."""
    return all(decisions.get(row.isic_id) is row.decision for row in review_queue(attachments))
