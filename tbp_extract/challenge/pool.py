"""All crops of all centres in one table, with who and what is behind them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tbp_extract.errors import ConfigError, SourceError
from tbp_extract.io.centres import CentreRelease
from tbp_extract.types import TagMatch

__all__ = ["Pool", "centre_names", "merge_centres", "plain_tag"]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """N crops of all releases, by centre, release and ``isic_id``. Private."""

    rows: Any
    """``pyarrow.Table`` (N,) of the released columns."""

    release: NDArray[np.int16]
    """(N,) which release holds the crop."""

    centre: NDArray[np.int16]
    """(N,) index into ``centres``."""

    patient: NDArray[np.int32]
    """(N,) index into ``mrns``; people of different centres are different people."""

    capture: NDArray[np.int32]
    """(N,) index of the capture (scan)."""

    lesion: NDArray[np.int32]
    """(N,) index of the lesion, the same in all captures where it has a name of its own."""

    named: NDArray[np.bool_]
    """(N,) whether the lesion has such a name."""

    day: NDArray[np.datetime64]
    """(N,) capture date, NaT where it is not known."""

    tag: NDArray[np.object_]
    """(N,) as given, ``None`` where there is none."""

    lesion_id: NDArray[np.object_]
    """(N,) as given."""

    status: NDArray[np.object_]
    """(N,) status of the tag, ``None`` where there is none."""

    unmatched: NDArray[np.bool_]
    """(N,) whether the crop shows a tag at which nothing was found."""

    centres: tuple[str, ...]
    """Names in the order of the settings."""

    mrns: tuple[str, ...]
    """(P,) record number by patient, as given."""

    patient_centre: NDArray[np.int16]
    """(P,) centre by patient."""

    images: tuple[Path, ...]
    """Folder with shards, by release."""

    def __len__(self) -> int:
        return len(self.patient)

    def column(self, name: str) -> NDArray[Any]:
        """Values of a released column; missing numbers are NaN, missing text is ``None``."""
        values: NDArray[Any] = self.rows[name].to_numpy()
        return values


def centre_names(names: Sequence[str], releases: int) -> tuple[str, ...]:
    """Name each release's centre.

    Raises
    ------
    ConfigError
        If there are several releases and not as many names.
    """
    if not names and releases == 1:
        return ("centre 1",)
    if len(names) != releases:
        raise ConfigError(
            f"setting centres.names: expected one name for each of {releases} releases (the same "
            f"name for releases of one centre), got {len(names)}"
        )
    return tuple(names)


def merge_centres(parts: Sequence[CentreRelease], identity: str = "tag") -> Pool:
    """Put the crops of all centres together.

    Parameters
    ----------
    parts : sequence of CentreRelease
    identity : str
        ``tag`` or ``lesion_id``: what names a lesion in all captures of its patient.

    Returns
    -------
    Pool

    Raises
    ------
    SourceError
        If there is nothing, or a release is given twice.
    """
    if sum(part.rows.num_rows for part in parts) == 0:
        raise SourceError("expected releases with crops, got none")
    centres = tuple(dict.fromkeys(part.centre for part in parts))
    # Earlier centres first, so that of two crops the lower index is never of the later centre.
    parts = sorted(parts, key=lambda part: centres.index(part.centre))
    columns = parts[0].rows.column_names
    if any(part.rows.column_names != columns for part in parts):
        raise SourceError(
            "expected releases with the same columns, got others: make them with one version"
        )
    rows = pa.concat_tables([part.rows for part in parts]).combine_chunks()
    links = pa.concat_tables([part.links for part in parts])
    release = np.repeat(np.arange(len(parts)), [p.rows.num_rows for p in parts]).astype(np.int16)
    of_part = np.array([centres.index(part.centre) for part in parts], np.int16)
    centre = of_part[release]
    mrn, scan, tag, lesion_id = (
        _texts(links, name) for name in ("patient_id", "scan_id", "tag", "lesion_id")
    )
    _check_distinct(centre, scan, lesion_id)
    patient, people = _numbered(centre, mrn)
    capture, _ = _numbered(patient, scan)
    name = _plain_tags(tag) if identity == "tag" else lesion_id
    named = np.array([text is not None for text in name])
    places = [
        (int(p), text) if text is not None else (int(p), int(c), own)
        for p, c, text, own in zip(patient, capture, name, lesion_id, strict=True)
    ]
    lesion, _ = _indexed(places)
    return Pool(
        rows=rows,
        release=release,
        centre=centre,
        patient=patient,
        capture=capture,
        lesion=lesion,
        named=named,
        day=_days(links),
        tag=_plain_tags(tag),
        lesion_id=lesion_id,
        status=_texts(links, "tag_status"),
        unmatched=_texts(links, "tag_match") == TagMatch.UNMATCHED,
        centres=centres,
        mrns=tuple(text for _, text in people),
        patient_centre=np.array([c for c, _ in people], np.int16),
        images=tuple(part.images for part in parts),
    )


def _texts(links: Any, name: str) -> NDArray[np.object_]:
    return np.array(links[name].to_pylist() or [], dtype=object)


def _plain_tags(tags: NDArray[np.object_]) -> NDArray[np.object_]:
    """Tags as numbers are written: a table that went through a spreadsheet says 7.0 or 007."""
    return np.array([None if tag is None else plain_tag(tag) for tag in tags], object)


def plain_tag(text: str) -> str | None:
    """Write a tag without decimals and leading zeros; ``None`` for 0, which means no tag."""
    text = text.strip()
    whole = text.removesuffix(".0")
    if whole.isdecimal():
        return str(int(whole)) if int(whole) else None
    return text or None


def _numbered(
    outer: NDArray[np.integer[Any]], texts: NDArray[np.object_]
) -> tuple[NDArray[np.int32], list[tuple[int, str]]]:
    pairs = [(int(o), str(text or "")) for o, text in zip(outer, texts, strict=True)]
    return _indexed(pairs)


def _indexed(keys: list[Any]) -> tuple[NDArray[np.int32], list[Any]]:
    """Index of each key in order of first appearance, so that later centres move none."""
    places: dict[Any, int] = {}
    index = np.fromiter((places.setdefault(key, len(places)) for key in keys), np.int32, len(keys))
    return index, list(places)


def _days(links: Any) -> NDArray[np.datetime64]:
    days = np.full(links.num_rows, np.datetime64("NaT"), "datetime64[D]")
    for k, text in enumerate(links["capture_date"].to_pylist()):
        if text:
            try:
                days[k] = np.datetime64(text[:10], "D")
            except ValueError:
                raise SourceError(
                    f"row {k + 2} of the merged linkage: expected an ISO capture date, got another "
                    "text"
                ) from None
    return days


def _check_distinct(
    centre: NDArray[np.int16], scan: NDArray[np.object_], lesion_id: NDArray[np.object_]
) -> None:
    keys = {json.dumps([int(c), s, n]) for c, s, n in zip(centre, scan, lesion_id, strict=True)}
    if len(keys) < len(centre):
        raise SourceError(
            f"{len(centre) - len(keys)} lesions of one centre and scan come twice: a release was "
            "given twice, or two centres have the same name in centres.names"
        )
