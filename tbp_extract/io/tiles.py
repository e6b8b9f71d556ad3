"""The tiles of one capture in a vendor's export: their table, their files, what does not fit."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tbp_extract.columns import BY_NAME
from tbp_extract.errors import ScanError, ScanReason, SourceError
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.text_table import TableError, TextTable
from tbp_extract.io.tile_source import TILE_FOLDERS
from tbp_extract.io.tile_table import (
    diameters,
    from_csv,
    from_json,
    given,
    header_of,
    number_column,
    plain_tag,
    texts,
    tile_ids,
)
from tbp_extract.jpeg import decode_jpeg, jpeg_markers
from tbp_extract.types import DropReason, Drops, ScanRef, TagMatch

__all__ = ["VendorTiles", "read_tiles"]

LEAST_PX: Final = 16
MOST_PX: Final = 4096
TABLE_STEM: Final = "isic24_data"

TAG_MATCH_OF: Final[Mapping[str, TagMatch]] = {
    "tiles": TagMatch.UNTAGGED,
    "tiles_tagged": TagMatch.TAGGED,
    "tiles_tagged_NL": TagMatch.TAGGED_NL,
    "tiles_unmatched": TagMatch.UNMATCHED,
}

_LEFTOVERS = frozenset({"thumbs.db", "desktop.ini"})
_GIVEN = tuple(c for c in BY_NAME.values() if c.name.startswith("tbp_lv_"))


@dataclass(frozen=True, slots=True, eq=False)
class VendorTiles:
    """N tiles of one capture, and what was left out."""

    lesion_id: tuple[str, ...]
    """The vendor's uuid; a tag without a find has none and goes by its tag. Private."""

    pixels: tuple[NDArray[np.uint8], ...]
    """(S, S, 3) sRGB each; sizes differ."""

    diameter_mm: NDArray[np.float32]
    """(N,) ``majorAxisMM``; NaN where not given."""

    extra: Mapping[str, NDArray[Any]]
    """``tag``, ``tag_match``, ``tag_status`` and every ``tbp_lv_*`` that the table has, (N,)."""

    drops: Drops

    def __len__(self) -> int:
        return len(self.lesion_id)


def read_tiles(ref: ScanRef, *, folder: ScanFolder) -> VendorTiles:
    """Read the tiles of a capture.

    Parameters
    ----------
    ref : ScanRef
        Of a tile export.
    folder : ScanFolder
        Opened at ``ref.root``.

    Returns
    -------
    VendorTiles
        In the order of the table. Rows without a file, files without a row, repeats, and files
        that are no square JPEG of the size stated are dropped by name.

    Raises
    ------
    ScanError
        ``PATIENT_ROW_MISSING``, ``TILES_MISSING``, ``TILE_TABLE_MISSING``,
        ``TILE_TABLE_UNUSABLE``, ``TILE_TABLES_DIFFER`` or as `ScanFolder.read`.
    """
    if ref.tiles is None:
        raise AssertionError("only a capture of a tile export has tiles")
    if not ref.is_listed:
        raise ScanError(
            ScanReason.PATIENT_ROW_MISSING,
            "patients.csv has no row for this capture: nothing is known of its patient, add the "
            "row or take the folder away",
        )
    names = _Names.of(folder, ref.tiles)
    try:
        table = _read_table(folder, ref.tiles, names)
        files = _FilesOfRows(table, names)
        return _VendorRows(table, files).read(folder, ref.tiles)
    except TableError as error:
        raise ScanError(
            ScanReason.TILE_TABLE_UNUSABLE, f"the table of the tiles cannot be used: {error}"
        ) from error


@dataclass(frozen=True, slots=True)
class _Names:
    """What lies in a capture's folder."""

    tables: tuple[str, ...]
    tiles: Mapping[str, frozenset[str]]
    """Files by folder."""

    @classmethod
    def of(cls, folder: ScanFolder, place: str) -> "_Names":
        found = folder.names(place)
        if not found:
            raise ScanError(
                ScanReason.TILES_MISSING,
                "patients.csv names this capture, and its folder is missing or empty: expected "
                "<patient id>-<MRN>/<capture id>",
                file=place,
            )
        tables = tuple(name for name in found if name.lower().startswith(TABLE_STEM))
        tiles = {
            name: frozenset(
                file for file in folder.names(f"{place}/{name}") if file.lower() not in _LEFTOVERS
            )
            for name in TILE_FOLDERS
        }
        return cls(tables, tiles)


def _read_table(folder: ScanFolder, place: str, names: _Names) -> TextTable:
    """Read the CSV, hold the JSON against it; the JSON alone will do."""
    found = {
        ending: [n for n in names.tables if n.endswith(ending)] for ending in (".csv", ".json")
    }
    if any(len(versions) > 1 for versions in found.values()):
        raise TableError(f"expected one {TABLE_STEM} of each kind, got several versions")
    if not any(found.values()):
        raise ScanError(
            ScanReason.TILE_TABLE_MISSING,
            f"expected {TABLE_STEM}_*.csv or .json in the capture's folder, got neither",
            file=place,
        )
    tables = [
        parse(_bytes(folder, place, versions[0]), folder)
        for parse, versions in ((from_csv, found[".csv"]), (from_json, found[".json"]))
        if versions
    ]
    if len(tables) == 2 and Counter(tile_ids(tables[0])) != Counter(tile_ids(tables[1])):
        raise ScanError(
            ScanReason.TILE_TABLES_DIFFER,
            f"the two tables of the capture name different tiles ({len(tables[0])} and "
            f"{len(tables[1])} rows): one of them is of another export",
        )
    return tables[0]


def _bytes(folder: ScanFolder, place: str, name: str) -> bytes:
    return folder.read(
        f"{place}/{name}",
        role="the table of the tiles",
        missing=ScanReason.TILE_TABLE_MISSING,
        kind="table",
    )


class _FilesOfRows:
    """Which file each row means, and which no row does."""

    def __init__(self, table: TextTable, names: _Names) -> None:
        self.place: list[tuple[str, str] | None] = []
        """(N,) folder and file of each row."""

        self.repeated: list[bool] = []
        """(N,) whether an earlier row means the same file or lesion."""

        self.ids: list[str] = []
        taken: set[tuple[str, str]] = set()
        seen: set[str] = set()
        self._copies: set[tuple[str, str]] = set()
        stated = texts(table, "isic_tile_file")
        rows = zip(stated, texts(table, "uuid"), texts(table, "tag_num"), strict=True)
        for number, (file, uuid, tag) in zip(table.row_number, rows, strict=True):
            found = _places(file, uuid, plain_tag(tag), names)
            place = found[0] if found else None
            name = uuid or (f"tag {plain_tag(tag)}" if plain_tag(tag) else f"row {number}")
            self.place.append(place)
            self.ids.append(name)
            self.repeated.append(place in taken or name in seen)
            self._copies |= set(found[1:])
            seen.add(name)
            taken |= {place} if place else set()
        self.left = [
            (folder, name)
            for folder in TILE_FOLDERS
            for name in sorted(names.tiles[folder])
            if (folder, name) not in taken
        ]
        """Files that no row means."""

    def left_drops(self) -> Iterator[tuple[str, DropReason]]:
        """Name and reason of each."""
        for place in self.left:
            is_copy = place in self._copies
            reason = DropReason.TILE_REPEATED if is_copy else DropReason.TILE_UNLISTED
            yield "/".join(place), reason


def _places(file: str, uuid: str, tag: str, names: _Names) -> list[tuple[str, str]]:
    """Files that a row may mean, tagged ones first: as it states, else as files are named."""
    path = PurePosixPath(file.replace("\\", "/"))
    stated = path.name
    asked = [path.parent.name] if path.parent.name in TILE_FOLDERS else list(TILE_FOLDERS)
    found = [(f, stated) for f in asked if stated and stated in names.tiles[f]]
    usual = {
        "tiles": uuid,
        "tiles_tagged": f"{tag}_{uuid}" if tag and uuid else "",
        "tiles_tagged_NL": f"{tag}_{uuid}" if tag and uuid else "",
        "tiles_unmatched": "" if uuid else tag,
    }
    named = [
        (f, usual[f] + ending)
        for f in TILE_FOLDERS
        for ending in (".jpg", ".jpeg")
        if usual[f] and usual[f] + ending in names.tiles[f]
    ]
    return list(dict.fromkeys((*found, *named)))


@dataclass(slots=True)
class _Kept:
    """Rows whose tile is good, and the others with their reason."""

    rows: list[int] = field(default_factory=list)
    pixels: list[NDArray[np.uint8]] = field(default_factory=list)
    drops: list[tuple[str, DropReason]] = field(default_factory=list)


class _VendorRows:
    """The table's rows with the tiles behind them."""

    def __init__(self, table: TextTable, files: _FilesOfRows) -> None:
        self._table = table
        self._files = files
        self._diameter = diameters(table)
        self._stated_px = number_column(table, "isic_tile_px")
        self._given = {c.name: given(table, c.name) for c in _GIVEN if header_of(table, c.name)}

    def read(self, folder: ScanFolder, place: str) -> VendorTiles:
        kept = _Kept()
        for row in range(len(self._table)):
            outcome = self._tile(row, folder, place)
            if isinstance(outcome, DropReason):
                kept.drops.append((self._files.ids[row], outcome))
            else:
                kept.rows.append(row)
                kept.pixels.append(outcome)
        kept.drops += self._files.left_drops()
        return self._tiles(kept)

    def _tile(self, row: int, folder: ScanFolder, place: str) -> NDArray[np.uint8] | DropReason:
        where = self._files.place[row]
        if self._files.repeated[row]:
            return DropReason.TILE_REPEATED
        if where is None:
            return DropReason.TILE_MISSING
        data = folder.read(
            "/".join((place, *where)), role="a tile", missing=ScanReason.TILES_MISSING
        )
        return _pixels(data, self._stated_px[row])

    def _tiles(self, kept: _Kept) -> VendorTiles:
        rows = np.array(kept.rows, np.intp)
        folders = [where[0] for row in rows if (where := self._files.place[row]) is not None]
        cells_of = {
            "tag": [plain_tag(tag) for tag in texts(self._table, "tag_num")],
            "tag_status": texts(self._table, "tag_status_name"),
        }
        extra: dict[str, NDArray[Any]] = {
            name: np.array([cells[row] or None for row in rows], object)
            for name, cells in cells_of.items()
        }
        uuids = texts(self._table, "uuid")
        extra["tag_match"] = np.array(
            [
                str(TAG_MATCH_OF[name] if uuids[row] else TagMatch.UNMATCHED)
                for row, name in zip(rows, folders, strict=True)
            ],
            object,
        )
        return VendorTiles(
            lesion_id=tuple(self._files.ids[row] for row in rows),
            pixels=tuple(kept.pixels),
            diameter_mm=self._diameter[rows],
            extra=extra | {name: values[rows] for name, values in self._given.items()},
            drops=_drops(kept.drops),
        )


def _pixels(data: bytes, stated_px: float) -> NDArray[np.uint8] | DropReason:
    """Pixels of a square tile of the size stated; else what is wrong with it."""
    try:
        found = jpeg_markers(data)
        if found.height_px != found.width_px:
            return DropReason.TILE_NOT_SQUARE
        wrong = not np.isnan(stated_px) and found.height_px != stated_px
        if wrong or not LEAST_PX <= found.height_px <= MOST_PX:
            return DropReason.TILE_SIZE
        return decode_jpeg(data)
    except SourceError:
        return DropReason.TILE_UNREADABLE


def _drops(entries: Sequence[tuple[str, DropReason]]) -> Drops:
    return Drops(
        lesion_id=tuple(name for name, _ in entries),
        reason=tuple(reason for _, reason in entries),
        position_mm=np.full((len(entries), 3), np.nan),
    )
