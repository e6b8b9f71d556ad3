"""Canaries in every field and channel of a vendor's tile export, and in a detector that breaks.

As `benchmarks.planting` does for meshes; `benchmarks.canaries` runs the program on both and looks.
"""

import csv
import io
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.planting import Canaries, jpeg_with_segments, write_rows
from tbp_extract.config import Config
from tbp_extract.io.source import read_source
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.phantom.tile_export import write_tile_export

__all__ = ["DETECTOR", "plant_faulty_detector", "plant_plain_scans", "plant_tile_export"]

KINDS = ("csv", "both", "json", "word", "twisted")
"""Captures in turn: their table as CSV, as both, as JSON; a word where none of it may stand; JSON
that does not parse. The last two are refused."""

DETECTOR = "canary_detector"
"""Module; its classes are `FAULTS`."""


def plant_tile_export(folder: Path, canaries: Canaries, captures: int, lesions: int) -> None:
    """Make a tile export with canaries in every channel.

    Parameters
    ----------
    folder : Path
        Made here.
    canaries : Canaries
        Gets what is planted.
    captures, lesions : int
        How large it is; captures take the `KINDS` in turn.
    """
    raw = folder.parent / f"{folder.name}-raw"
    make_phantoms(
        raw,
        PhantomOptions(
            body="arm", count=captures, faces=3000, page_px=512, lesions=lesions,
            diameter_mm=(3.0, 6.0), name="arm",
        ),
    )  # fmt: skip
    write_tile_export(read_source(raw, Config()), folder)
    rows = _read_rows(folder / "patients.csv")
    unknown = canaries.new("patients.csv: column name")
    for number, row in enumerate(rows):
        _plant_capture(folder, row, KINDS[number % len(KINDS)], canaries)
        row[unknown] = canaries.new("patients.csv: cell")
    write_rows(folder / "patients.csv", rows)
    stray = folder / f"9999-{canaries.new('folder of a patient without a row')}" / "20200101_x"
    (stray / "tiles").mkdir(parents=True)
    (stray / "tiles" / f"{canaries.new('file name: tile without a row')}.jpg").write_bytes(b"")
    (folder / f"{canaries.new('file beside patients.csv')}.txt").write_text(
        canaries.new("text beside patients.csv")
    )


def _plant_capture(folder: Path, row: dict[str, str], kind: str, canaries: Canaries) -> None:
    """Rename one capture and fill what it consists of."""
    old = folder / f"{row['Patient ID']}-{row['MRN']}"
    place = old / row["Capture ID"]
    row["MRN"] = canaries.new("patients.csv: MRN")
    row["Patient ID"] = canaries.new("patients.csv: Patient ID")
    day = f"19{30 + len(canaries.texts['patients.csv: MRN']) % 60}0{1 + len(kind)}19"
    canaries.add("patients.csv: capture date", f"{day[:4]}-{day[4:6]}-{day[6:]}")
    row["Capture ID"] = f"{day}_{canaries.new('patients.csv: Capture ID')}"
    home = folder / f"{row['Patient ID']}-{row['MRN']}"
    home.mkdir()
    place = place.rename(home / row["Capture ID"])
    old.rmdir()
    rows = _read_rows(place / "isic24_data_1.0.0.csv")
    for number, tile in enumerate(rows):
        _plant_tile(place, tile, canaries, tagged=number % 2 == 1)
    (place / "tiles" / f"{canaries.new('file name: tile that no row names')}.jpg").write_bytes(
        canaries.new("bytes that are no tile").encode()
    )
    rows.append(dict(rows[0]) | {"uuid": canaries.new("uuid without a tile"), "tag_num": ""})
    rows[-1]["isic_tile_file"] = f"{rows[-1]['uuid']}.jpg"
    _write_tables(place, rows, kind, canaries)


def _plant_tile(place: Path, tile: dict[str, str], canaries: Canaries, *, tagged: bool) -> None:
    """Rename a tile, fill its row and its metadata."""
    (path,) = place.rglob(tile["isic_tile_file"])
    tile["uuid"] = canaries.new("tile table: uuid")
    tile["tag_num"] = canaries.new("tile table: tag_num") if tagged else ""
    tile["tag_status_name"] = canaries.new("tile table: tag_status_name")
    name = "_".join(filter(None, (tile["tag_num"], tile["uuid"])))
    jpeg = jpeg_with_segments(Image.open(io.BytesIO(path.read_bytes())), canaries)
    folder = place / ("tiles_tagged" if tagged else "tiles")
    path.unlink()
    (folder / f"{name}.jpg").write_bytes(jpeg)
    # A path as the vendor's own machine has it.
    operator = canaries.new("tile table: isic_tile_file")
    tile["isic_tile_file"] = f"C:\\{operator}\\{folder.name}\\{name}.jpg"
    for column in ("tag_style_id", "tag_status_id", "operator"):
        tile[column] = canaries.new(f"tile table: {column}")


def _write_tables(place: Path, rows: list[dict[str, str]], kind: str, canaries: Canaries) -> None:
    for old in place.glob("isic24_data*"):
        old.unlink()
    if kind == "word":
        rows[0]["tbp_lv_location"] = canaries.new("tile table: word that is none")
    unknown = canaries.new("tile table: column name")
    rows = [row | {unknown: canaries.new("tile table: cell")} for row in rows]
    version = canaries.new("file name: tile table")
    if kind in ("csv", "both", "word"):
        write_rows(place / f"isic24_data_{version}.csv", rows)
    if kind in ("both", "json", "twisted"):
        records: list[dict[str, Any]] = [
            row | {"nested": {canaries.new("tile JSON: key"): canaries.new("tile JSON: value")}}
            for row in rows
        ]
        content = {"exported_by": canaries.new("tile JSON: head"), "tiles": records}
        text = json.dumps(content)
        if kind == "twisted":
            text = text[:-3] + canaries.new("tile JSON: text that does not parse")
        (place / f"isic24_data_{version}.json").write_text(text)


def plant_plain_scans(folder: Path) -> None:
    """Make two scans without lists, for a detector to look at."""
    make_phantoms(
        folder, PhantomOptions(body="arm", count=2, faces=3000, page_px=512, lesions=3, name="arm")
    )
    rows = _read_rows(folder / "scans.csv")
    write_rows(folder / "scans.csv", [row | {"lesions": ""} for row in rows])


FAULTS = ("Raises", "Exits", "Overflows", "Answers")
"""Detectors that break, each in its own way."""


def plant_faulty_detector(folder: Path, canaries: Canaries) -> None:
    """Write a module of detectors that print, log, warn and break, with canaries in what they say.

    Parameters
    ----------
    folder : Path
        To be on the path of modules.
    canaries : Canaries
        Gets what is planted.
    """
    said: Callable[[str], str] = lambda what: canaries.new(f"detector: {what}")  # noqa: E731
    text = f"""
        import logging, os, sys, threading, warnings

        def talk():
            print({said("printed")!r})
            print({said("printed as an error")!r}, file=sys.stderr)
            os.write(2, {said("written to the descriptor")!r}.encode())
            logging.getLogger("somebody").error({said("logged")!r})
            warnings.warn({said("warned")!r})
            def broken():
                raise RuntimeError({said("exception of a thread")!r})
            thread = threading.Thread(target=broken, name={said("name of a thread")!r})
            thread.start()
            thread.join()

        class Talking:
            name = "canary"

        class Raises(Talking):
            def detect(self, scan, surface):
                talk()
                patient = {said("local variable")!r}
                try:
                    open("/nowhere/" + {said("path in an OSError")!r})
                except OSError as cause:
                    error = ValueError({said("exception")!r}, patient)
                    error.add_note({said("note of an exception")!r})
                    raise error from cause

        class Exits(Talking):
            def detect(self, scan, surface):
                talk()
                sys.exit({said("exit with a text")!r})

        class Overflows(Talking):
            def detect(self, scan, surface):
                talk()
                raise MemoryError({said("MemoryError")!r})

        class Answers(Talking):
            def detect(self, scan, surface):
                talk()
                return {said("answer that is none")!r}
    """
    (folder / f"{DETECTOR}.py").write_text(textwrap.dedent(text))


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
