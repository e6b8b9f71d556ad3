"""What an earlier run has left in an output folder, and what of it still holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tbp_extract.errors import OutputError, ScanReason
from tbp_extract.io.crop_places import CropPlaces
from tbp_extract.io.folder import InputFile
from tbp_extract.io.inputs import still_the_same
from tbp_extract.io.ledger import COUNTED, ScanRow, ScanState
from tbp_extract.io.manifest import is_whole
from tbp_extract.io.records import Quarantined
from tbp_extract.io.scan_record import ScanRecord, read_scan_record
from tbp_extract.io.tables import released_ids
from tbp_extract.pipeline.hold import bound_stands, decisions_stand
from tbp_extract.pipeline.plan import ScanPlan
from tbp_extract.pipeline.work import Context

__all__ = ["Survey", "quarantined_of", "row_inputs", "survey"]

MAY_PASS: Final = frozenset({str(ScanReason.WORKER_KILLED)})
"""Reasons for which a scan is tried again though nothing about it has changed."""


@dataclass(slots=True)
class Survey:
    """How the scans of a run stand."""

    records: dict[str, ScanRecord] = field(default_factory=dict)
    """Finished scans."""

    quarantined: dict[str, Quarantined] = field(default_factory=dict)
    queued: list[ScanPlan] = field(default_factory=list)

    renewed: list[ScanRow] = field(default_factory=list)
    """Rows of scans whose work holds and of which the ledger knew less than is known now."""

    why: Counter[str] = field(default_factory=Counter)
    """Why scans of an earlier run are made again."""


def survey(
    plans: Sequence[ScanPlan], rows: Mapping[str, ScanRow], context: Context, *, rehash: bool
) -> Survey:
    """Sort the scans of a plan into finished, quarantined and to be done.

    A scan is finished where its record is whole and of the same work, its inputs are as they were
    and every crop is there as it was made. All of this is read from the files; the ledger adds how
    input files looked, so that they need not be read, and which scans were quarantined.

    Parameters
    ----------
    plans : sequence of ScanPlan
    rows : mapping of str to ScanRow
        The ledger.
    context : Context
    rehash : bool
        Read every input file, even where the system says that nobody has written to it.
    """
    found, layout = Survey(), context.layout
    places = CropPlaces(layout)
    published = released_ids(layout.release) if is_whole(layout.release) else frozenset()
    for plan in plans:
        row = rows.get(plan.scan)
        if row and row.state == ScanState.QUARANTINED and _stands(row, plan, context, rehash):
            found.quarantined[plan.scan] = quarantined_of(row)
            continue
        try:
            record = read_scan_record(layout.record(plan.scan))
        except OutputError:
            if layout.record(plan.scan).exists():
                found.why["files are damaged"] += 1
            found.queued.append(plan)
            continue
        ids = {crop.isic_id for crop in record.crops}
        inputs = _unchanged(record, row, plan, context, rehash)
        if record.fingerprint != plan.fingerprint:
            found.why["settings, program or scan table have changed"] += 1
        elif inputs is None:
            found.why["input files have changed"] += 1
        elif not decisions_stand(record.attachments, context.decisions):
            found.why["a reviewer decided on crops that were held back"] += 1
        elif not bound_stands(
            record.view_share, record.patient_scans, plan.patient_scans, context.config.gate
        ):
            found.why["their patient has more or fewer scans than before"] += 1
        elif not ids <= published and places.find(record) is None:
            found.why["files are damaged"] += 1
        else:
            found.records[plan.scan] = record
            found.renewed += _renewed(record, row, inputs)
            continue
        found.queued.append(plan)
    return found


def quarantined_of(row: ScanRow) -> Quarantined:
    """Say what the quarantine table tells of a scan."""
    return Quarantined(scan=row.scan, reason=row.reason or "", **row.details)


def row_inputs(inputs: Mapping[str, InputFile]) -> dict[str, list[object]]:
    """Turn what input files looked like into what a ledger row holds."""
    return {name: list(file) for name, file in inputs.items()}


def _stands(row: ScanRow, plan: ScanPlan, context: Context, rehash: bool) -> bool:
    """Whether a scan in quarantine stays there: nothing that was wrong with it has changed."""
    if row.fingerprint != plan.fingerprint or row.reason in MAY_PASS:
        return False
    inputs = {name: InputFile(*file) for name, file in row.inputs.items()}
    limits = context.config.limits
    return still_the_same(plan.ref.root, inputs, limits, rehash=rehash) is not None


def _unchanged(
    record: ScanRecord, row: ScanRow | None, plan: ScanPlan, context: Context, rehash: bool
) -> Mapping[str, InputFile] | None:
    noted = {
        name: InputFile.absent()._replace(sha256=sha256) for name, sha256 in record.inputs.items()
    }
    if row:
        for name, file in row.inputs.items():
            if name in noted and file[0] == noted[name].sha256:
                noted[name] = InputFile(*file)
    return still_the_same(plan.ref.root, noted, context.config.limits, rehash=rehash)


def _renewed(
    record: ScanRecord, row: ScanRow | None, inputs: Mapping[str, InputFile]
) -> list[ScanRow]:
    entry, now = record.entry, row_inputs(inputs)
    if row and row.state == ScanState.DONE and dict(row.inputs) == now:
        return []
    return [
        ScanRow(
            scan=record.scan,
            state=ScanState.DONE,
            fingerprint=record.fingerprint,
            patient=record.patient,
            tries=row.tries if row else 0,
            seconds=row.seconds if row else 0.0,
            counts={name: entry[name] for name in COUNTED},
            inputs=now,
        )
    ]
