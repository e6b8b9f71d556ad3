"""A finished output without some of its patients, put together anew without the source."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from tbp_extract.config import Config
from tbp_extract.errors import OutputError
from tbp_extract.io.claim import claimed
from tbp_extract.io.layout import OutLayout
from tbp_extract.io.ledger import ScanState, open_ledger
from tbp_extract.io.scan_record import read_scan_record
from tbp_extract.pipeline.finish import finish, remove_release
from tbp_extract.pipeline.survey import quarantined_of
from tbp_extract.pipeline.work import Context, ShardDone, ShardTask, Stopped, carry_out
from tbp_extract.types import ReleaseKey

__all__ = ["leave_out_patients"]


def leave_out_patients(out: Path, patients: Collection[str], key: ReleaseKey) -> int:
    """Take all scans of some patients out of an output and put the release together anew.

    Records, crops, ledger rows, tables, linkage and attachments of these scans are deleted; every
    image shard is written anew, so that nothing of them stays in unused space of a file. A kill in
    between leaves an output without a manifest, which the next call or run completes.

    Parameters
    ----------
    out : Path
    patients : collection of str
        Pseudonyms, as ``deidentify.patient_pseudonym`` gives them.
    key : ReleaseKey
        Of the run.

    Returns
    -------
    int
        Scans taken out, quarantined and unfinished ones included.

    Raises
    ------
    OutputError
        If the folder holds no run, somebody works on it, or what is left of it is damaged.
    """
    layout = OutLayout(out)
    if not layout.ledger.is_file():
        raise OutputError("expected the folder of a run, got one without a ledger")
    with claimed(layout.lock), open_ledger(layout.ledger) as ledger:
        settings = ledger.facts().get("config")
        if settings is None:
            raise OutputError("the ledger does not hold the settings: give the run's command first")
        context = Context(Config.model_validate_json(settings), key, layout)
        rows = ledger.rows()
        records = [read_scan_record(path) for path in sorted(layout.records.glob("*.record"))]
        known = {record.scan: record.patient for record in records}
        known |= {row.scan: row.patient for row in rows.values()}
        gone = {scan for scan, patient in known.items() if patient in patients}
        layout.manifest.unlink(missing_ok=True)
        for scan in gone:
            layout.record(scan).unlink(missing_ok=True)
            layout.crops(scan).unlink(missing_ok=True)
        ledger.remove(gone)
        left = [record for record in records if record.scan not in gone]
        lost = [
            quarantined_of(row)
            for row in rows.values()
            if row.state == ScanState.QUARANTINED and row.scan not in gone
        ]
        counts = finish(left, lost, context, lambda tasks: _made(tasks, context))
        if not counts["lesions"]["exported"]:
            remove_release(layout)
        return len(gone)


def _made(tasks: Sequence[ShardTask], context: Context) -> Iterator[ShardDone]:
    for task in tasks:
        outcome = carry_out(task, context)
        if isinstance(outcome, Stopped):
            raise outcome.error
        if isinstance(outcome, ShardDone):
            yield outcome
