"""Three centres as they come: one of scans, two of vendor tile exports, each through a run.

Duplicates and label errors are planted in the sources themselves: scans filed twice, tiles copied.
"""

import csv
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from tbp_extract import ShardReader
from tbp_extract.challenge.build import ChallengeSource
from tbp_extract.config import Config, parse_config
from tbp_extract.jpeg import jpeg_markers
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.phantom.tile_export import VendorTile, write_tiles
from tbp_extract.pipeline.run import run
from tbp_extract.types import ScanRef, TagMatch
from tests.centres import CENTRES, Lesion, Visit, crop, make_patient, write_labels
from tests.challenge.planted import Planted, copied, labels_of
from tests.sources import read_rows, write_rows

SCANS, *TILES = CENTRES
"""The first centre scans, the others export tiles."""

TAGS = 3
ARM: Final = PhantomOptions(
    body="arm", faces=2000, page_px=512, diameter_mm=(3.0, 6.0), name="arm", seed=7
)
OPEN: Final = dict.fromkeys(("text", "tattoo", "jewellery", "clothing"), "allow")
"""Drawn skin is no test of what may identify a person."""

UNPLACED: Final = dict.fromkeys(
    ("face", "genital", "nipple", "nail", "background", "unplaced", "stitched"), "allow"
)
"""An arm by itself is no body that parts could be told of."""

HEAD: Final = "Head & Neck"
AXES: Final = ("tbp_lv_x", "tbp_lv_y", "tbp_lv_z")
UNMATCHED_TAG, BIOPSY_TAG = "90", "91"

People = dict[tuple[str, int], list[Visit]]
Place = tuple[str, Visit, str]


@dataclass
class PlantedSources(Planted):
    """What was planted, and what must take no part."""

    never: set[str] = field(default_factory=set)
    """Released ids of tags with a status of biopsy and of tags at which nothing was found."""

    held: int = 0
    """Tiles that wait for a reviewer: nothing of them is in a release."""


def settings(centre: str) -> Config:
    """Settings of a centre's run."""
    return parse_config(
        {
            "crop": {"sampling": "native"},
            "jpeg": {"quality": 75, "subsampling": "4:2:0"},
            "gate": OPEN | (UNPLACED if centre == SCANS else {}),
            "release": {"attribution": f"Hospital of {centre}", "copyright_license": "CC-BY"},
        }
    )


def plant_sources(
    folder: Path, *, patients: int, visits: int, scanned: int, tiles: int, workers: int = 0
) -> PlantedSources:
    """Make sources, run them, write the labels.

    ``scanned`` and ``tiles`` count lesions a capture, at the centre of scans and at the others.
    """
    share = patients // len(CENTRES)
    people: People = {(SCANS, p): _scanned_patient(p, visits, scanned) for p in range(share)}
    _file_scans_twice(people)
    _write_scans(folder / "scans", people, lesions=scanned)
    run(folder / "scans", folder / SCANS, settings(SCANS), workers=workers)
    _take_crops(folder / SCANS, people)
    for c, centre in enumerate(TILES, 1):
        for p in range(share):
            people[centre, p] = _exported_patient(centre, p, 100 * c + p, visits, tiles)
    pairs = [*_scanned_pairs(people), *_copy_tiles(people)]
    for centre in TILES:
        _write_export(folder / f"export of {centre}", centre, people)
        run(folder / f"export of {centre}", folder / centre, settings(centre), workers=workers)
    ids = {centre: _ids(folder / centre) for centre in CENTRES}
    rows, errors = _labels(people)
    planted = PlantedSources(
        ChallengeSource(
            tuple(folder / centre for centre in CENTRES),
            (write_labels(folder / "lesion.csv", rows),),
        ),
        errors=errors,
        crops=sum(map(len, ids.values())),
        never={
            ids[centre][_link(visit, lesion.lesion_id)]
            for (centre, _), own in people.items()
            for visit in own
            for lesion in visit.lesions
            if lesion.tag in (UNMATCHED_TAG, BIOPSY_TAG)
        },
        held=sum(len(own) for (centre, _), own in people.items() if centre != SCANS),
    )
    planted.duplicates = {
        frozenset(ids[centre][_link(visit, name)] for centre, visit, name in pair) for pair in pairs
    }
    return planted


def _scanned_patient(p: int, visits: int, lesions: int) -> list[Visit]:
    first = date(2020, 1, 15) + timedelta(days=7 * p)
    own = [
        Visit(f"{p:06d}", f"arm_{p * visits + k:03d}", first + timedelta(days=365 * k))
        for k in range(visits)
    ]
    for visit in own:
        for n in range(lesions):
            tag = str(n + 1) if n < TAGS else None
            visit.lesions.append(Lesion(f"L{n:04d}", tag, b""))
    return own


def _file_scans_twice(people: People) -> None:
    """Put one scan under two patients, another under two dates a month apart."""
    people[SCANS, 6][-1].mesh = people[SCANS, 5][-1].scan_id
    first, second = people[SCANS, 9][-2:]
    first.day = second.day - timedelta(days=30)
    second.mesh = first.scan_id


def _scanned_pairs(people: People) -> Iterator[tuple[Place, Place]]:
    one, other = people[SCANS, 5][-1], people[SCANS, 6][-1]
    first, second = people[SCANS, 9][-2:]
    # Both captures belong to the biopsies; what nobody biopsied is of the newest alone.
    for v, w, count in ((one, other, len(one.lesions)), (first, second, 2)):
        for a, b in zip(v.lesions[:count], w.lesions[:count], strict=True):
            yield (SCANS, v, a.lesion_id), (SCANS, w, b.lesion_id)


def _write_scans(folder: Path, people: People, *, lesions: int) -> None:
    captures = [v for (centre, _), own in people.items() if centre == SCANS for v in own]
    make_phantoms(folder, _arms(len(captures), lesions))
    rows = {row["scan_id"]: row for row in read_rows(folder / "scans.csv")}
    for visit in captures:
        files = rows[visit.mesh or visit.scan_id]
        rows[visit.scan_id] |= {
            "patient_id": visit.mrn,
            "capture_date": visit.day.isoformat(),
            **{name: files[name] for name in ("mesh", "lesions")},
        }
    write_rows(folder / "scans.csv", list(rows.values()))
    for table in folder.glob("*/lesions.csv"):
        listed = read_rows(table)
        tags = [str(n + 1) if n < TAGS else "" for n in range(len(listed))]
        # The body part of a lone arm is known to nobody but the centre.
        place = {"tbp_lv_location": "Left Arm", "tbp_lv_location_simple": "Left Arm"}
        write_rows(
            table, [row | place | {"tag": tag} for row, tag in zip(listed, tags, strict=True)]
        )


def _arms(count: int, lesions: int) -> PhantomOptions:
    return replace(ARM, count=count, lesions=lesions)


def _take_crops(out: Path, people: People) -> None:
    """Hand the released crops back, so that other centres can copy them.

    The gate may hold a lesion that lies where it should not, and an arm may have room for fewer.
    """
    ids = _ids(out)
    with ShardReader(out / "release") as reader:
        for visit in (v for own in people.values() for v in own):
            visit.lesions = [n for n in visit.lesions if _link(visit, n.lesion_id) in ids]
            for lesion in visit.lesions:
                lesion.jpeg = reader.jpeg(ids[_link(visit, lesion.lesion_id)])


def _exported_patient(centre: str, p: int, seed: int, visits: int, lesions: int) -> list[Visit]:
    """Zero-padded record numbers at one centre, letters and digits at the other."""
    mrn = f"{p:06d}" if centre == TILES[0] else f"V-{p:03d}x"
    own = make_patient(mrn, seed=seed, visits=visits, lesions=lesions, tags=TAGS)
    for k, visit in enumerate(own):
        pictures = (crop(10**9 + (seed * 1000 + k) * 10 + n) for n in range(3))
        visit.lesions[:0] = [
            Lesion("", UNMATCHED_TAG, next(pictures)),
            Lesion("", BIOPSY_TAG, next(pictures), status="Biopsy"),
            Lesion(HEAD, None, next(pictures)),
        ]
        for n, lesion in enumerate(visit.lesions):
            name = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{centre}/{visit.scan_id}/{n}"))
            lesion.location = HEAD if lesion.lesion_id == HEAD else "Left Arm"
            lesion.lesion_id = f"tag {UNMATCHED_TAG}" if lesion.tag == UNMATCHED_TAG else name
    return own


def _copy_tiles(people: People) -> Iterator[tuple[Place, Place]]:
    """Copy tiles among those that take part: untagged ones of the newest capture."""
    athens, vienna = TILES
    copies = (
        ((athens, 7), -2, (athens, 7), -3, "same"),
        ((vienna, 4), -1, (vienna, 5), -1, "same"),
        ((athens, 8), -1, (vienna, 8), -1, "same"),
        ((athens, 4), -1, (athens, 5), -1, "saved again"),
        ((athens, 6), -1, (vienna, 6), -1, "lighter"),
        # crops that the centre of scans released, on their way through another's export
        ((SCANS, 7), -1, (athens, 7), -1, "same"),
        ((SCANS, 8), -1, (athens, 9), -1, "resized"),
    )
    for from_, a, to, b, how in copies:
        source, target = people[from_][-1].lesions[a], people[to][-1].lesions[b]
        target.jpeg = copied(source, how)
        yield (
            (from_[0], people[from_][-1], source.lesion_id),
            (to[0], people[to][-1], target.lesion_id),
        )
    first, second = people[athens, 3][-2:]
    first.day = second.day - timedelta(days=30)
    one, other = (next(n for n in v.lesions if n.tag == "1") for v in (first, second))
    other.jpeg = one.jpeg
    yield (athens, first, one.lesion_id), (athens, second, other.lesion_id)


def _write_export(folder: Path, centre: str, people: People) -> None:
    captures = [v for (c, _), own in people.items() if c == centre for v in own]
    write_tiles(((_ref(visit), list(map(_tile, visit.lesions))) for visit in captures), folder)
    # A spreadsheet has taken the zeros away: the folders keep them.
    rows = read_rows(folder / "patients.csv")
    write_rows(folder / "patients.csv", [r | {"MRN": r["MRN"].lstrip("0") or "0"} for r in rows])


def _ref(visit: Visit) -> ScanRef:
    return ScanRef(
        scan_id="",
        patient_id=visit.mrn,
        root=Path("/nowhere"),
        mesh="",
        capture_date=visit.day.isoformat(),
        age_years=30.0 + len(visit.mrn),
        sex="female",
        tile_type="3D: XP",
    )


def _tile(lesion: Lesion) -> VendorTile:
    """Nothing is measured: the run has to."""
    alone = lesion.tag == UNMATCHED_TAG
    match = TagMatch.UNTAGGED if lesion.tag is None else TagMatch.TAGGED
    return VendorTile(
        jpeg=lesion.jpeg,
        size_px=jpeg_markers(lesion.jpeg).width_px,
        match=TagMatch.UNMATCHED if alone else match,
        uuid=None if alone else lesion.lesion_id,
        tag=lesion.tag,
        tag_status=lesion.status,
        # Axes are there as at the centre of scans: what only one centre lacks tells centres apart.
        measures={"majorAxisMM": None, "location_simple": lesion.location}
        | dict.fromkeys(AXES, 100.0),
    )


def _ids(out: Path) -> Mapping[tuple[str, str, str], str]:
    """Released id by record number, day and lesion, as the linkage of a run has them."""
    with (out / "private" / "linkage.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {(r["patient_id"], r["capture_date"], r["lesion_id"]): r["isic_id"] for r in rows}


def _link(visit: Visit, lesion_id: str) -> tuple[str, str, str]:
    return visit.mrn, visit.day.isoformat(), lesion_id


def _labels(people: People) -> tuple[list[dict[str, Any]], dict[int, set[str]]]:
    """Rows in the forms that tables have: numbers without zeros, tags with decimals."""
    rows: list[dict[str, Any]] = []
    errors: dict[int, set[str]] = {}
    for (centre, p), own in people.items():
        for row, code in labels_of(centre, p, own):
            spelt = {"centre": centre, **row}
            if p % 2 == 0 and spelt["mrn"].isdecimal():
                spelt["mrn"] = spelt["mrn"].lstrip("0") or "0"
            if centre == TILES[1] and spelt["lesion_tag"]:
                spelt["lesion_tag"] = f"{spelt['lesion_tag']}.0"
            rows.append(spelt)
            if code:
                errors.setdefault(len(rows) + 1, set()).add(code)
    return rows, errors
