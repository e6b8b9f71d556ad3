"""Commands that take something out of an output: ``forget``."""

import sys
from pathlib import Path

import click

from tbp_extract.cli.common import EXIT_FAILED, FILE, FOLDER

__all__ = ["forget"]


@click.command()
@click.argument("out", type=FOLDER)
@click.argument("patient")
@click.option("--key", "key_path", type=FILE, help="The run's key, if it is not in OUT.")
def forget(out: Path, patient: str, key_path: Path | None) -> int:
    """Take PATIENT out of OUT, keep them out of later runs, and prove it.

    PATIENT is the id of the source; - reads it from standard input, where no list of processes and
    no shell history keeps it.
    """
    from tbp_extract.errors import ConfigError
    from tbp_extract.io.keys import read_key
    from tbp_extract.io.layout import OutLayout
    from tbp_extract.pipeline.forget import forget_patient

    if patient == "-":
        patient = sys.stdin.readline().rstrip("\r\n")
    if not patient:
        raise ConfigError("expected the id of a patient, got nothing")
    done = forget_patient(out, patient, read_key(key_path or OutLayout(out).key))
    if not done.scans:
        click.echo(
            "no scan of this patient is known here: was the id written as the source writes it? "
            "Later runs will leave out whoever has this id"
        )
        return EXIT_FAILED
    click.echo(
        f"{done.scans} scans and {done.crops} crops are gone; searched {done.files_searched} "
        "files and found nothing of the patient"
    )
    return 0
