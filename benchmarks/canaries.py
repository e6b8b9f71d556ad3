"""Plant canaries in every channel of a source, run the program, and look for them everywhere.

    python -m benchmarks.canaries

Three sources: scans, a vendor's tile export, scans for detectors that print, log, warn and break.
Canaries stand in file and folder names, comments, names and metadata of all formats, in every
column of the tables, in what breaking code says, in the settings, the environment and the place of
the key. None may be found in the release, the log or on the terminal, in any guise; on the private
side are exactly those of the channels in `KEPT`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.machine import machine_facts, write_result
from benchmarks.planting import Canaries, PlantOptions, plant_source
from benchmarks.planting_tiles import (
    DETECTOR,
    FAULTS,
    plant_faulty_detector,
    plant_plain_scans,
    plant_tile_export,
)
from tbp_extract.verify import verify
from tbp_extract.verify.needles import make_guises, search

__all__ = ["KEPT", "Outcome", "run_canaries", "run_fault_canaries", "run_tile_canaries"]

Done = subprocess.CompletedProcess[str]

COMMANDS = ("check", "run", "again", "wrong setting", "verify", "status")
"""What is called, in order."""

TALKING = frozenset({"check", "wrong setting"})
"""Those that name what the caller wrote: scans by their ids, a setting by its value."""

FULL = PlantOptions(scans=24, lesions=12)

KEPT = frozenset(
    {
        "column mapping",
        "dropped lesion",
        "folder name",
        *(f"file name: {name}" for name in ("lesion list", "mesh", "MTL", "texture", "PLY", "GLB")),
        "file name: texture of a PLY",
        *(f"lesion list: {name}" for name in ("lesion_id", "tag", "tag_status")),
        *(f"scan table: {name}" for name in ("scan_id", "patient_id", "capture_date")),
        *(f"patients.csv: {n}" for n in ("MRN", "Patient ID", "Capture ID", "capture date")),
        *(f"tile table: {name}" for name in ("uuid", "tag_num", "tag_status_name")),
        *("uuid without a tile", "folder of a patient without a row", "file name: tile table"),
        "file name: tile that no row names",
        *(f"detector: {name}" for name in ("exception", "note of an exception")),
        *(f"detector: {name}" for name in ("local variable", "path in an OSError")),
        "detector: exit with a text",
    }
)
"""Channels that the private side keeps: to lead back, to tell what to mend, to go on. Where code
broke, and how, stands in the quarantine table."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where canaries were found, by channel."""

    planted: dict[str, int]
    in_release: set[str]
    in_log: set[str]
    in_report: set[str]
    on_terminal: set[str]
    shown_on_purpose: set[str]
    """By `check` and by the message about a wrong setting: they speak to who typed it."""

    in_private: set[str]
    exit_codes: dict[str, int]
    failures: int
    """Of `verify` on the same output."""

    def __or__(self, other: "Outcome") -> "Outcome":
        """Put two sources together; their channels and commands have other names."""
        return Outcome(
            self.planted | other.planted,
            self.in_release | other.in_release,
            self.in_log | other.in_log,
            self.in_report | other.in_report,
            self.on_terminal | other.on_terminal,
            self.shown_on_purpose | other.shown_on_purpose,
            self.in_private | other.in_private,
            self.exit_codes | other.exit_codes,
            self.failures + other.failures,
        )


def main() -> None:
    """Run in full, print, keep."""
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("scans", "tiles", "faults")]
        for place in places:
            place.mkdir()
        outcome = run_canaries(places[0], FULL)
        outcome |= run_tile_canaries(places[1], captures=20, lesions=12)
        outcome |= run_fault_canaries(places[2])
    found = {
        "canaries": sum(outcome.planted.values()),
        "channels": len(outcome.planted),
        "in_release": sorted(outcome.in_release),
        "in_log": sorted(outcome.in_log),
        "in_report": sorted(outcome.in_report),
        "on_terminal": sorted(outcome.on_terminal),
        "shown_on_purpose": sorted(outcome.shown_on_purpose),
        "private_and_expected": sorted(outcome.in_private & KEPT),
        "private_and_not_expected": sorted(outcome.in_private - KEPT),
        "expected_and_not_private": sorted(KEPT - outcome.in_private),
        "exit_codes": outcome.exit_codes,
        "failures_of_verify": outcome.failures,
    }
    for name, value in found.items():
        print(f"{name}: {value}")
    write_result("canaries", found | {"planted": outcome.planted, "machine": machine_facts()})


def run_canaries(
    folder: Path, options: PlantOptions, commands: Collection[str] = COMMANDS
) -> Outcome:
    """Run the program on a source full of canaries.

    Parameters
    ----------
    folder : Path
        Empty; gets the source and the output.
    options : PlantOptions
        How large the source is.
    commands : collection of str
        Which of `COMMANDS` to call.

    Returns
    -------
    Outcome
    """
    canaries = Canaries()
    source = folder / canaries.new("folder name of the source")
    plant_source(source, canaries, options)
    out = folder / "out"
    environment = _environment(folder, canaries)
    settings, key = _settings(folder, canaries), _key(folder, canaries)
    arguments: dict[str, list[object]] = {
        "check": ["check", source, "--config", settings],
        "run": ["run", source, "--out", out, "--config", settings, "--key", key, "--workers", "0"],
        "again": ["run", source, "--out", out, "--config", settings, "--key", key],
        "wrong setting": ["run", source, "--out", out, "--config", _wrong(folder, canaries)],
        "verify": ["verify", out, "--key", key],
        "status": ["status", out],
    }
    done = {name: _call(environment, *arguments[name]) for name in COMMANDS if name in commands}
    return _looked_through(out, done, canaries, key)


def run_tile_canaries(
    folder: Path, *, captures: int, lesions: int, commands: Collection[str] = COMMANDS
) -> Outcome:
    """Run the program on a tile export full of canaries.

    Parameters
    ----------
    folder : Path
        Empty; gets the source and the output.
    captures, lesions : int
        How large it is.
    commands : collection of str
        Which of `COMMANDS` to call.
    """
    canaries = Canaries()
    source = folder / canaries.new("folder name of the tile export")
    plant_tile_export(source, canaries, captures, lesions)
    out, key, settings = folder / "out", _key(folder, canaries), folder / "settings.toml"
    # Tiles of arms alone are of unknown place, and would all wait for a reviewer.
    settings.write_text('[gate]\nface = "allow"\n')
    run = ["run", source, "--out", out, "--config", settings, "--key", key]
    arguments: dict[str, list[object]] = {
        "check": ["check", source, "--config", settings],
        "run": [*run, "--workers", "0"],
        "again": run,
        "verify": ["verify", out, "--key", key],
        "status": ["status", out],
    }
    done = {
        name: _call(dict(os.environ), *call) for name, call in arguments.items() if name in commands
    }
    outcome = _looked_through(out, done, canaries, key)
    return replace(outcome, exit_codes={f"tiles: {k}": v for k, v in outcome.exit_codes.items()})


def run_fault_canaries(folder: Path, faults: Collection[str] = FAULTS) -> Outcome:
    """Run the program with detectors that break and talk.

    Parameters
    ----------
    folder : Path
        Empty; gets the source and the outputs.
    faults : collection of str
        Which of `FAULTS`.
    """
    canaries = Canaries()
    source = folder / "source"
    plant_plain_scans(source)
    plant_faulty_detector(folder, canaries)
    key = _key(folder, canaries)
    environment = os.environ | {"PYTHONPATH": str(folder)}
    outcome = Outcome({}, set(), set(), set(), set(), set(), set(), {}, 0)
    for fault in faults:
        out, settings = folder / f"out-{fault}", folder / f"{fault}.toml"
        settings.write_text(f'[detect]\ndetector = "{DETECTOR}:{fault}"\n')
        command = ["run", source, "--out", out, "--config", settings, "--key", key]
        done = {
            f"{fault}: run": _call(environment, *command, "--workers", "1"),
            f"{fault}: status": _call(environment, "status", out),
        }
        outcome |= _looked_through(out, done, canaries, key)
    # Nothing was exported: there is no release to be verified.
    return replace(outcome, failures=0)


def _looked_through(out: Path, done: dict[str, Done], canaries: Canaries, key: Path) -> Outcome:
    guises = make_guises(canaries.texts, "", in_noise=False)

    def found(*paths: Path) -> set[str]:
        return {kind for path in paths if path.is_file() for kind in search(_content(path), guises)}

    def heard(names: Collection[str]) -> set[str]:
        said = (done[name].stdout + done[name].stderr for name in names)
        return search("\n".join(said).encode(), guises)

    private = [p for p in (out / "private").rglob("*") if not p.name.startswith("log")]
    return Outcome(
        planted={channel: len(texts) for channel, texts in canaries.texts.items()},
        in_release=found(*(out / "release").rglob("*")),
        in_log=found(*(out / "private").glob("log*")),
        in_report=found(out / "report.html"),
        on_terminal=heard(done.keys() - TALKING),
        shown_on_purpose=heard(done.keys() & TALKING),
        in_private=found(*private),
        exit_codes={name: call.returncode for name, call in done.items()},
        failures=len(verify(out, key)),
    )


def _content(path: Path) -> bytes:
    """Name and bytes of a file."""
    return path.name.encode() + b"\n" + path.read_bytes()


def _call(environment: dict[str, str], *arguments: object) -> Done:
    command = [sys.executable, "-c", "from tbp_extract.cli import main; main()"]
    return subprocess.run(  # noqa: S603 - our own program
        [*command, *map(str, arguments)],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def _environment(folder: Path, canaries: Canaries) -> dict[str, str]:
    home = folder / canaries.new("home folder")
    home.mkdir()
    names = {name: canaries.new(f"environment: {name}") for name in ("USER", "LOGNAME", "HOSTNAME")}
    others = {f"TBP_{k}": canaries.new("environment: other") for k in range(5)}
    return os.environ | names | others | {"HOME": str(home)}


def _settings(folder: Path, canaries: Canaries) -> Path:
    path = folder / f"{canaries.new('file name: settings')}.toml"
    path.write_text(
        f"# {canaries.new('comment in the settings')}\n"
        f'[lesions.columns]\ntag = "{canaries.mapped_column}"\n'
    )
    return path


def _wrong(folder: Path, canaries: Canaries) -> Path:
    path = folder / f"{canaries.new('file name: wrong settings')}.toml"
    path.write_text(f'[crop]\nsize_px = "{canaries.new("value of a wrong setting")}"\n')
    return path


def _key(folder: Path, canaries: Canaries) -> Path:
    path = folder / f"{canaries.new('file name: key')}"
    path.touch(0o600)
    path.write_text("5a" * 32 + "\n")
    canaries.add("release key", "5a" * 32)
    return path


if __name__ == "__main__":
    main()
