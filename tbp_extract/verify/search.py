"""Private values of this run, sought in the release, the log and the report."""

import contextlib
import getpass
import json
import re
import socket
from collections.abc import Iterator, Mapping, Set
from datetime import date
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from tbp_extract.columns import RELEASED_COLUMNS, VOCABULARY
from tbp_extract.config import Config
from tbp_extract.errors import ScanReason
from tbp_extract.types import DropReason, EmptyReason
from tbp_extract.verify.evidence import Evidence
from tbp_extract.verify.needles import Guises, make_guises, search

__all__ = ["check_log", "check_private_values", "dates", "own_words"]

_PUBLIC_FIELDS: Final = frozenset(
    {
        *("isic_id", "shard", "crop_sha256", "scan", "reason", "message", "tag_match"),
        *("x_mm", "y_mm", "z_mm"),
    }
)
"""Of private tables: what may stand elsewhere as well."""

_MADE_HERE: Final = re.compile(rb"\bTBPS?P?_[A-Z2-7]{12}\b|\b[0-9a-f]{64}\b")
"""Pseudonyms and hashes: checked by themselves, and full of short words by chance."""

_DATE_FORMS: Final = (
    *("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d%m%Y"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d %B %Y", "%d %b %Y", "%B %d, %Y", "%b %d, %Y"),
)

_OWN_NAMES: Final = (
    "tbp_extract release format_version fingerprint settings libraries counts planned found "
    "exported dropped quarantined images shard metadata manifest data_dictionary hdf5 parquet "
    "h5py numba numpy opencv-python-headless pyarrow scikit-image trimesh simplejpeg sha256 bytes "
    "scans lesions version unknown root home localhost"
)


def check_private_values(evidence: Evidence) -> Iterator[str]:
    """Expect nothing of the source's own names and dates in the release, in any guise."""
    if not evidence.has_private:
        return
    values, own = _private_values(evidence), own_words()
    guises = make_guises(values, own, in_noise=False)
    for name in ("metadata.csv", "data_dictionary.csv", "manifest.json"):
        yield from _found(evidence.release / name, guises, f"release/{name}")
    names = " ".join(p.relative_to(evidence.release).as_posix() for p in _all(evidence.release))
    for kind in sorted(search(names.encode("utf-8", "surrogateescape"), guises)):
        yield f"names of files in release/ hold private values: {kind}"
    # Both at once would take gigabytes where lesions are many.
    del guises
    guises = make_guises(values, own, in_noise=True)
    for path in (evidence.release / "metadata.parquet", *evidence.shard_paths):
        yield from _found(path, guises, path.relative_to(evidence.out).as_posix())


def check_log(evidence: Evidence) -> Iterator[str]:
    """Expect pseudonyms and reason codes alone in the log and the report."""
    if not evidence.has_private:
        return
    # A log tells when it was written, which may well be a day of capture.
    values = {k: v for k, v in _private_values(evidence).items() if k != "capture_date"}
    guises = make_guises(values, own_words(), in_noise=False)
    for path in (*sorted(evidence.private.glob("log*")), evidence.out / "report.html"):
        if path.is_file():
            yield from _found(path, guises, path.relative_to(evidence.out).as_posix())


def _found(path: Path, guises: Guises, shown: str) -> Iterator[str]:
    if not path.is_file():
        return
    content = _MADE_HERE.sub(b"-", path.read_bytes())
    for kind in sorted(search(content, guises)):
        yield f"{shown} holds private values: {kind}"


def _all(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def _private_values(evidence: Evidence) -> Mapping[str, set[str]]:
    """All values of the source and of this machine, by kind."""
    found: dict[str, set[str]] = {}
    for path in sorted(evidence.private.glob("*.csv")):
        for row in evidence.private_rows(path.name):
            for name, cell in row.items():
                if name not in _PUBLIC_FIELDS and cell:
                    found.setdefault(name, set()).update(_parts(name, cell))
    found["input file"] = found.get("input file", set()) | _input_names(evidence)
    found["this machine"] = _machine_names(evidence)
    return found


def _parts(name: str, cell: str) -> Set[str]:
    if name == "capture_date":
        return dates(cell)
    if name == "file":
        return _steps(cell)
    return {cell}


def _input_names(evidence: Evidence) -> set[str]:
    files = (name for note in evidence.scan_notes for name in note.inputs)
    return {step for name in files for step in _steps(name)}


def _steps(name: str) -> set[str]:
    """Take a path apart; a file's name counts with its suffix only."""
    path = PurePosixPath(name.replace("\\", "/"))
    return {name, *(part for part in path.parts if part not in ("/", "..", "."))}


@lru_cache(1 << 16)
def dates(text: str) -> frozenset[str]:
    """All ways to write a day that is given as YYYY-MM-DD."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return frozenset({text})
    written = {day.strftime(form) for form in _DATE_FORMS}
    written |= {f"{day.day}.{day.month}.{day.year}", f"{day.month}/{day.day}/{day.year}"}
    return frozenset(written | {f"{day.day}/{day.month}/{day.year}"})


def _machine_names(evidence: Evidence) -> set[str]:
    names = {socket.gethostname(), str(Path.home()), str(evidence.out.resolve())}
    with contextlib.suppress(OSError, KeyError):
        names.add(getpass.getuser())
    return names


def own_words() -> str:
    """All that a release says by itself: a value that stands there tells nothing."""
    columns = " ".join(f"{c.name} {c.unit} {c.definition} {c.origin}" for c in RELEASED_COLUMNS)
    words = " ".join(word for words in VOCABULARY.values() for word in words)
    reasons = " ".join((*ScanReason, *DropReason, *EmptyReason))
    settings = json.dumps(Config().public_settings)
    return " ".join((columns, words, reasons, settings, _OWN_NAMES)).casefold()
