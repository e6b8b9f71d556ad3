"""Commands on a finished output: ``verify``."""

from pathlib import Path

import click

from tbp_extract.cli.common import EXIT_FAILED, FILE, FOLDER

__all__ = ["verify"]


@click.command()
@click.argument("out", type=FOLDER)
@click.option("--key", "key_path", type=FILE, help="Release key, if it is not in OUT/private.")
@click.option("--dicom", is_flag=True, help="OUT is a folder of crops as DICOM (needs pydicom).")
def verify(out: Path, key_path: Path | None, dicom: bool) -> int:
    """Check the release in OUT: hashes, counts, formats, privacy."""
    from tbp_extract.verify import Failure, dicom_faults
    from tbp_extract.verify import verify as verify_release

    if dicom:
        failures = tuple(Failure("dicom", sentence) for sentence in dicom_faults(out))
    else:
        failures = verify_release(out, key_path)
    for failure in failures:
        click.echo(f"{failure.check}: {failure.sentence}")
    click.echo(f"{len(failures)} failures" if failures else "the release passes all checks")
    return EXIT_FAILED if failures else 0
