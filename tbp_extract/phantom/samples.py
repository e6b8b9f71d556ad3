"""The two small scans of ``data_samples/``."""

from pathlib import Path

from tbp_extract.config import JpegConfig
from tbp_extract.phantom.hair import Hair
from tbp_extract.phantom.make import (
    PhantomOptions,
    PhantomScan,
    make_phantom,
    write_phantom_tables,
)
from tbp_extract.phantom.skin import Tone
from tbp_extract.phantom.write import MeshFormat

__all__ = ["make_samples"]

_BODY = PhantomOptions(
    name="body",
    seed=1,
    faces=12_000,
    page_px=3072,
    tone=Tone.LIGHT,
    freckles=0.1,
    lesions=40,
    diameter_mm=(4.0, 14.0),
    jpeg=JpegConfig(quality=92),
)
_ARM = PhantomOptions(
    name="arm",
    body="arm",
    seed=2,
    faces=9_000,
    page_px=2048,
    tone=Tone.BROWN,
    hair=Hair(per_cm2=1.0),
    lesions=15,
    diameter_mm=(1.5, 7.0),
    gap_mm=6.0,
    mesh_format=MeshFormat.GLB,
    jpeg=JpegConfig(quality=92),
)


def make_samples(out: Path) -> tuple[PhantomScan, ...]:
    """Make a whole body (OBJ) and an arm (GLB) with lesion lists and tables, under 3 MB together.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    scans = tuple(make_phantom(out, options, 0) for options in (_BODY, _ARM))
    write_phantom_tables(out, scans)
    return scans
