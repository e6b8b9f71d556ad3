"""Score every action that de-identification owes, value by value, in the manner of MIDI-B.

    python -m benchmarks.required_actions

For each value of a source it is known beforehand what has to happen: it is removed, replaced by a
pseudonym, made coarser, shifted or kept. Each is looked up in the release by way of the private
linkage; what has to be kept is scored as well, so that a program which deletes everything fails.
"""

import csv
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.machine import machine_facts, write_result
from tbp_extract import ShardReader
from tbp_extract.config import parse_config
from tbp_extract.phantom import PhantomOptions, make_phantoms
from tbp_extract.pipeline.run import run
from tbp_extract.verify.needles import make_guises, search

__all__ = ["Score", "make_case", "score"]

SCANS: Final = 16
LESIONS: Final = 40
KNOWN_CENTRE: Final = "Department of Dermatology"
DEFAULT_CENTRE: Final = "A hospital"
DEFAULT_LICENCE: Final = "CC-BY-NC"

Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Score:
    """Required actions by kind, and those that were not done."""

    required: Counter[str]
    missed: Counter[str]

    @property
    def share(self) -> float:
        """Of the required actions, those that were done."""
        return 1 - self.missed.total() / self.required.total()


def main() -> None:
    """Run, score, print, keep."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source", Path(folder) / "out"
        run(source, out, make_case(source, SCANS, LESIONS), workers=0)
        scores = {
            "release": score(source, out),
            "control_deleting_everything": score(source, out, as_if="deleted"),
            "control_releasing_everything": score(source, out, as_if="given"),
        }
    result: dict[str, Any] = {
        name: {
            "required": found.required.total(),
            "percent": round(100 * found.share, 2),
            "missed": dict(found.missed),
        }
        for name, found in scores.items()
    }
    result["required_by_kind"] = dict(scores["release"].required)
    for name, value in result.items():
        print(f"{name}: {value}")
    write_result("required_actions", result | {"machine": machine_facts()})


def make_case(source: Path, scans: int, lesions: int) -> Any:
    """Make a source whose every value is known, and the settings to run it with."""
    make_phantoms(
        source,
        PhantomOptions(
            body="arm", count=scans, seed=3, faces=3000, page_px=512, lesions=lesions,
            diameter_mm=(2.6, 5.0), gap_mm=2.0, name="arm",
        ),
    )  # fmt: skip
    rows = _read(source / "scans.csv")
    for number, row in enumerate(rows):
        row |= {
            "scan_id": f"visit-{7000 + number}-{number:03d}",
            # Two visits each of half the patients.
            "patient_id": f"MRN{48_151_623 + number // 2 if number % 4 < 2 else 900_000 + number}",
            "capture_date": f"20{10 + number % 14}-{1 + number % 12:02d}-{1 + number % 28:02d}",
            "age": str(7 * number % 96),
            "attribution": KNOWN_CENTRE if number % 2 else f"Dr Quux{number:03d}, room {number}",
            "copyright_license": "CC-BY" if number % 2 else f"ask Dr Quux{number:03d}",
            "operator": f"nurse Plugh{number:03d}",
        }
        _fill_lesions(source / row["lesions"], number)
    _write(source / "scans.csv", rows)
    release = {
        "capture_day": "shifted",
        "attributions": [KNOWN_CENTRE],
        "attribution": DEFAULT_CENTRE,
        "copyright_license": DEFAULT_LICENCE,
    }
    gate = dict.fromkeys(
        ("face", "genital", "nipple", "text", "tattoo", "jewellery", "clothing", "nail"), "allow"
    )
    gate |= {"background": "allow", "stitched": "allow"}
    return parse_config({"release": release, "gate": gate})


def _fill_lesions(path: Path, scan: int) -> None:
    rows = _read(path)
    for number, row in enumerate(rows):
        own = f"{scan:03d}x{number:03d}"
        row |= {
            "lesion_id": f"les-{own}-{number * 7919 % 1000}",
            "tag": f"tag#{own}",
            "tag_status": f"seen by Xyzzy{own}",
            "note": f"patient {own} worries",
            "tbp_lv_nevi_confidence": f"{(number * 37 + scan) % 100 + 0.25}",
        }
    _write(path, rows)


def score(source: Path, out: Path, *, as_if: str = "released") -> Score:
    """Score a run of `make_case`.

    Parameters
    ----------
    source, out : Path
    as_if : {'released', 'deleted', 'given'}
        Controls: an empty release, or the source's own values in the place of the released ones.

    Returns
    -------
    Score
    """
    required, missed = Counter[str](), Counter[str]()
    for kind, done in _actions(source, out, as_if):
        required[kind] += 1
        missed[kind] += not done
    return Score(required, missed)


def _actions(source: Path, out: Path, as_if: str) -> Iterator[tuple[str, bool]]:
    scans = {row["scan_id"]: row for row in _read(source / "scans.csv")}
    given = {
        (scan_id, lesion["lesion_id"]): lesion
        for scan_id, scan in scans.items()
        for lesion in _read(source / scan["lesions"])
    }
    links = {(r["scan_id"], r["lesion_id"]): r["isic_id"] for r in _read(_linkage(out))}
    released = {row["isic_id"]: row for row in _read(out / "release" / "metadata.csv")}
    if as_if == "deleted":
        released = {}
    if as_if == "given":
        released = {
            links[place]: _as_given(scans[place[0]], lesion, released[links[place]])
            for place, lesion in given.items()
            if place in links
        }
    yield from _kept_and_coarsened(scans, given, links, released)
    yield from _pseudonyms(scans, given, links, released)
    yield from _shifted(scans, given, links, released)
    yield from _removed(scans, given, out, as_if)
    yield from _images(given, links, out, as_if)


def _kept_and_coarsened(
    scans: Mapping[str, Row],
    given: Mapping[tuple[str, str], Row],
    links: Mapping[tuple[str, str], str],
    released: Mapping[str, Row],
) -> Iterator[tuple[str, bool]]:
    for place, lesion in given.items():
        scan, row = scans[place[0]], released.get(links.get(place, ""), {})
        known = scan["attribution"] == KNOWN_CENTRE
        centre, licence = (KNOWN_CENTRE, "CC-BY") if known else (DEFAULT_CENTRE, DEFAULT_LICENCE)
        age = min(5 * round(float(scan["age"]) / 5), 85)
        size = round(float(lesion["diameter_mm"]), 2)
        yield "keep sex", row.get("sex") == scan["sex"]
        yield "keep lighting", row.get("tbp_tile_type") == scan["tbp_tile_type"]
        yield "keep diameter", _is(row.get("clin_size_long_diam_mm"), size, 0.011)
        told = float(lesion["tbp_lv_nevi_confidence"])
        yield "keep a given measure", _is(row.get("tbp_lv_nevi_confidence"), told, 1e-9)
        yield "keep or replace centre", row.get("attribution") == centre
        yield "keep or replace licence", row.get("copyright_license") == licence
        yield "keep image type", row.get("image_type") == "TBP tile: close-up"
        yield "coarsen age", _is(row.get("age_approx"), age, 0)
        for axis in "xyz":
            yield f"coarsen {axis}", _is_coarse(row.get(f"tbp_lv_{axis}"), float(lesion[axis]))


def _pseudonyms(
    scans: Mapping[str, Row],
    given: Mapping[tuple[str, str], Row],
    links: Mapping[tuple[str, str], str],
    released: Mapping[str, Row],
) -> Iterator[tuple[str, bool]]:
    """Replace ids one to one, by something that is not them."""
    names = defaultdict[str, set[str]](set)
    rows = {place: released.get(links.get(place, ""), {}) for place in given}
    for place, row in rows.items():
        names[scans[place[0]]["patient_id"]].add(row.get("patient_id", ""))
    used = Counter(name for pseudonyms in names.values() for name in pseudonyms)
    for place, row in rows.items():
        (mine, *others), patient = names[scans[place[0]]["patient_id"]], row.get("patient_id", "")
        is_one = not others and used[mine] == 1 and patient.startswith("TBPP_")
        yield "replace patient", is_one
        yield "replace lesion", row.get("isic_id", "").startswith("TBP_")


def _shifted(
    scans: Mapping[str, Row],
    given: Mapping[tuple[str, str], Row],
    links: Mapping[tuple[str, str], str],
    released: Mapping[str, Row],
) -> Iterator[tuple[str, bool]]:
    """Shift all days of a patient by the same number, and not by none."""
    shifts = defaultdict[str, set[float]](set)
    for place in given:
        row, scan = released.get(links.get(place, ""), {}), scans[place[0]]
        day = date.fromisoformat(scan["capture_date"]).toordinal()
        told = row.get("tbp_ex_capture_day") or "nan"
        shifts[scan["patient_id"]].add(float(told) - day)
    for place in given:
        found = shifts[scans[place[0]]["patient_id"]]
        yield "shift day", len(found) == 1 and not found & {0.0} and not np.isnan([*found]).any()


def _removed(
    scans: Mapping[str, Row], given: Mapping[tuple[str, str], Row], out: Path, as_if: str
) -> Iterator[tuple[str, bool]]:
    """Leave nothing of what identifies, in any guise, in any file."""
    texts: dict[str, tuple[str, str]] = {}
    for scan_id, scan in scans.items():
        for name in ("scan_id", "patient_id", "capture_date", "operator", "mesh", "lesions"):
            texts[f"{name} {scan_id}"] = (f"remove {name}", scan[name])
        if scan["attribution"] != KNOWN_CENTRE:
            texts[f"centre {scan_id}"] = ("remove free text", scan["attribution"])
            texts[f"licence {scan_id}"] = ("remove free text", scan["copyright_license"])
    for (scan_id, lesion_id), lesion in given.items():
        for name in ("lesion_id", "tag", "tag_status", "note"):
            texts[f"{name} {scan_id} {lesion_id}"] = (f"remove {name}", lesion[name])
        for axis in "xyz":
            place = f"{axis} {scan_id} {lesion_id}"
            texts[place] = ("remove exact place", lesion[axis])
    found = set() if as_if == "deleted" else set(texts)
    if as_if == "released":
        found = _found_in(out / "release", {name: [text] for name, (_, text) in texts.items()})
    for name, (kind, _) in texts.items():
        yield kind, name not in found


def _found_in(release: Path, values: Mapping[str, list[str]]) -> set[str]:
    """Seek values in all files, among pixels only in guises that do not occur there by chance."""
    in_text, in_noise = (make_guises(values, "", in_noise=noise) for noise in (False, True))
    found: set[str] = set()
    for path in release.rglob("*"):
        if path.is_file():
            guises = in_noise if path.suffix in (".hdf5", ".parquet") else in_text
            found |= search(path.name.encode() + b"\n" + path.read_bytes(), guises)
    return found


def _images(
    given: Mapping[tuple[str, str], Row],
    links: Mapping[tuple[str, str], str],
    out: Path,
    as_if: str,
) -> Iterator[tuple[str, bool]]:
    with ShardReader(out / "release") as reader:
        for place in given:
            name = links.get(place, "")
            there = as_if != "deleted" and name in reader
            yield "keep image", there and float(reader[name].std()) > 1


def _as_given(scan: Row, lesion: Row, row: Row) -> Row:
    """Make a row as it would be if the source were handed through."""
    same = {"patient_id": scan["patient_id"], "isic_id": lesion["lesion_id"]}
    texts = {name: scan[name] for name in ("attribution", "copyright_license")}
    places = {f"tbp_lv_{axis}": lesion[axis] for axis in "xyz"}
    day = str(date.fromisoformat(scan["capture_date"]).toordinal())
    return row | same | texts | places | {"age_approx": scan["age"], "tbp_ex_capture_day": day}


def _is(text: str | None, value: float, tolerance: float) -> bool:
    return bool(text) and abs(float(text or "nan") - value) <= tolerance


def _is_coarse(text: str | None, exact: float) -> bool:
    """Whether a place is the nearest step of 10 mm; it may move by 0.1 mm onto the skin."""
    return _is(text, exact, 5.1) and float(text or "nan") % 10 == 0


def _linkage(out: Path) -> Path:
    return out / "private" / "linkage.csv"


def _read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    main()
