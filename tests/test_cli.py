"""The command line as a user calls it: what it says, what it writes, how it exits."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tbp_extract.cli import main
from tbp_extract.io.layout import OutLayout
from tests.sources import LESIONS, SCANS, copy_source, read_rows, write_rows

PROGRAM = (sys.executable, "-c", "from tbp_extract.cli import main; main()")


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Call = Callable[..., Done]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the program in this process: starting one costs seconds."""

    def called(*arguments: object) -> Done:
        before = signal.getsignal(signal.SIGTERM)
        try:
            with pytest.raises(SystemExit) as stopped:
                main([str(argument) for argument in arguments])
        finally:
            signal.signal(signal.SIGTERM, before)
        code = stopped.value.code
        return Done(code if isinstance(code, int) else 0, *capsys.readouterr())

    return called


def run_program(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_run_and_verify_of_a_good_source_exit_with_0(
    call: Call, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = call("run", source, "--out", out, "--workers", 0)
    assert done.returncode == 0, done.stderr
    assert f"{SCANS * LESIONS} exported" in done.stdout
    checked = call("verify", out)
    assert (checked.returncode, checked.stdout) == (0, "the release passes all checks\n")
    (out / "release" / "notes.txt").write_text("stray")
    assert call("verify", out).returncode == 1


def test_check_says_what_would_be_read_and_writes_nothing(call: Call, source: Path) -> None:
    before = sorted(source.rglob("*"))
    done = call("check", source)
    assert done.returncode == 0, done.stderr
    assert "arm_000: " in done.stdout
    assert f"{SCANS} scans, {SCANS} good, 0 with problems" in done.stdout
    assert sorted(source.rglob("*")) == before


def test_measure_writes_a_table_of_crops(call: Call, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert call("run", source, "--out", out, "--workers", 0).returncode == 0
    done = call("measure", out / "release", "--out", tmp_path / "table.csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{SCANS * LESIONS} crops measured" in done.stdout
    again = {row["isic_id"]: row for row in read_rows(tmp_path / "table.csv")}
    for row in read_rows(out / "release" / "metadata.csv"):
        # Crops of the run were measured before they became JPEG.
        found = float(again[row["isic_id"]]["tbp_ex_ita_deg"])
        assert found == pytest.approx(float(row["tbp_ex_ita_deg"]), abs=1.0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "SOURCE", "--out", "OUT", "--workers", "many"], "--workers: expected a number"),
        (["run", "SOURCE"], "Missing option '--out'"),
        (["run", "nowhere", "--out", "OUT"], "does not exist"),
        (["run", "SOURCE", "--out", "OUT", "--config", "CONFIG"], "crop.size_px"),
        (["phantom", "OUT", "--diameters", "wide"], "--diameters: expected LOW-HIGH"),
        (["measure", "SOURCE", "--out", "OUT"], "expected crops"),
        (["measure", "SOURCE", "--out", "OUT", "--extent-mm", "-3"], "--extent-mm: expected"),
    ],
)
def test_bad_arguments_exit_with_2_and_one_sentence(
    call: Call, source: Path, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    (tmp_path / "bad.toml").write_text("[crop]\nsise_px = 3\n")
    places = {"SOURCE": source, "OUT": tmp_path / "out", "CONFIG": tmp_path / "bad.toml"}
    done = call(*(places.get(argument, argument) for argument in arguments))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def lose(folder: Path, pattern: str) -> None:
    next(folder.glob(pattern)).unlink()


def rewrite(folder: Path, pattern: str, change: Callable[[bytes], bytes]) -> None:
    path = next(folder.glob(pattern))
    path.write_bytes(change(path.read_bytes()))


def first_vertex(coordinate: bytes) -> Callable[[bytes], bytes]:
    def change(text: bytes) -> bytes:
        at = text.index(b"\nv ") + 3
        return text[:at] + coordinate + text[text.index(b" ", at) :]

    return change


def without_faces(text: bytes) -> bytes:
    return b"\n".join(line for line in text.split(b"\n") if not line.startswith(b"f "))


def huge_png(_: bytes) -> bytes:
    side = (40_000).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + side + side + b"\x08\x02\0\0\0" + bytes(400)


def listed(header: str, row: str, rows: int = 1) -> Callable[[bytes], bytes]:
    return lambda _: (header + "\n" + (row + "\n") * rows).encode()


def far_away(text: bytes) -> bytes:
    rows = [f"L{k},{k},9000,9000" for k in range(1000)]
    return "\n".join(["lesion_id,x,y,z", *rows]).encode()


SPOILT: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "mesh missing": (lambda f: lose(f, "*.obj"), "mesh_missing", "the mesh is missing"),
    "texture missing": (lambda f: lose(f, "*.jpg"), "texture_missing", "texture"),
    "MTL missing": (lambda f: lose(f, "*.mtl"), "material_missing", "MTL"),
    "NaN vertex": (
        lambda f: rewrite(f, "*.obj", first_vertex(b"nan")),
        "mesh_not_finite",
        "not finite",
    ),
    "index out of range": (
        lambda f: rewrite(f, "*.obj", lambda t: t + b"\nf 1/1 2/2 99999999/3\n"),
        "mesh_index_out_of_range",
        "line",
    ),
    "zero faces": (lambda f: rewrite(f, "*.obj", without_faces), "mesh_empty", "no faces"),
    "texture is text": (
        lambda f: rewrite(f, "*.jpg", lambda _: b"not a picture"),
        "texture_unreadable",
        "texture",
    ),
    "texture truncated": (
        lambda f: rewrite(f, "*.jpg", lambda t: t[: len(t) // 2]),
        "texture_unreadable",
        "texture",
    ),
    "huge header": (lambda f: rewrite(f, "*.jpg", huge_png), "over_limit", "40000"),
    "mtllib outside": (
        lambda f: rewrite(f, "*.obj", lambda t: b"mtllib ../../secret\n" + t),
        "path_outside_scan",
        "inside the scan's folder",
    ),
    "no usable columns": (
        lambda f: rewrite(f, "lesions.csv", listed("name,size", "a,3")),
        "lesion_list_unusable",
        "x, y, z or u, v",
    ),
    "text in numbers": (
        lambda f: rewrite(f, "lesions.csv", listed("x,y,z", "1,two,3")),
        "lesion_list_unusable",
        "row 2, column y",
    ),
    "a thousand rows off the surface": (
        lambda f: rewrite(f, "lesions.csv", far_away),
        "lesions_off_surface",
        "1000 of 1000",
    ),
    "location of no vocabulary": (
        lambda f: rewrite(f, "lesions.csv", listed("x,y,z,tbp_lv_location", "1,2,3,Elbow")),
        "lesion_list_unusable",
        "tbp_lv_location",
    ),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_bad_scan_is_named_the_others_are_done_and_the_exit_code_is_3(
    call: Call, source: Path, tmp_path: Path, fault: str
) -> None:
    spoil, reason, sentence = SPOILT[fault]
    spoilt = copy_source(source, tmp_path / "source")
    spoil(spoilt / "arm_001")
    done = call("run", spoilt, "--out", tmp_path / "out", "--workers", 0)
    assert done.returncode == 3, done.stderr
    assert f"({reason})" in done.stdout
    assert sentence in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "arm_001" not in done.stdout + done.stderr
    assert f"{(SCANS - 1) * LESIONS} exported" in done.stdout
    rows = read_rows(OutLayout(tmp_path / "out").quarantine)
    assert [(row["scan_id"], row["reason"]) for row in rows] == [("arm_001", reason)]
    assert rows[0]["file"]
    assert call("verify", tmp_path / "out").returncode == 0


def test_check_names_the_bad_scan_for_the_operator(
    call: Call, source: Path, tmp_path: Path
) -> None:
    spoilt = copy_source(source, tmp_path / "source")
    lose(spoilt / "arm_001", "*.jpg")
    done = call("check", spoilt)
    assert done.returncode == 1
    assert "arm_001: texture_missing" in done.stdout


def test_run_of_which_nothing_is_left_exits_with_1(
    call: Call, source: Path, tmp_path: Path
) -> None:
    spoilt = copy_source(source, tmp_path / "source")
    for folder in spoilt.glob("arm_*"):
        lose(folder, "*.jpg")
    done = call("run", spoilt, "--out", tmp_path / "out", "--workers", 0)
    assert done.returncode == 1
    assert "nothing was produced" in done.stdout
    assert not OutLayout(tmp_path / "out").manifest.exists()


def test_scan_table_without_unit_is_told_how_to_give_it(
    call: Call, source: Path, tmp_path: Path
) -> None:
    spoilt = copy_source(source, tmp_path / "source")
    rows = read_rows(spoilt / "scans.csv")
    for row in rows:
        del row["unit"]
    write_rows(spoilt / "scans.csv", rows)
    done = call("run", spoilt, "--out", tmp_path / "out", "--workers", 0)
    assert done.returncode == 1
    assert "scale_unknown" in done.stdout
    assert "scans.csv" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_interrupted_run_exits_with_130_and_goes_on(
    source: Path, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = ["run", str(source), "--out", str(tmp_path / "out"), "--workers", "1"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    layout = OutLayout(tmp_path / "out")
    for _ in range(600):
        if layout.log.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, stderr = process.communicate(timeout=60)
    # On a fast machine it may have finished before the signal came.
    assert process.returncode in (130, 0), stderr
    if process.returncode == 130:
        assert "goes on where it stopped" in stderr
        assert "Traceback" not in stderr
    assert run_program(*arguments).returncode == 0


def test_help_answers_without_loading_the_heavy_libraries() -> None:
    code = (
        "import sys, tbp_extract.cli as c\n"
        "try: c.cli(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'numba', 'cv2', 'pandas', 'trimesh', 'pydantic', 'h5py', 'rich'}\n"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)\n"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "run" in done.stdout


def test_phantom_makes_a_source_that_runs(call: Call, tmp_path: Path) -> None:
    small = ["--body", "arm", "--faces", 2000, "--page-px", 512, "--lesions", 3]
    assert call("phantom", tmp_path / "source", *small, "--format", "glb").returncode == 0
    done = call("run", tmp_path / "source", "--out", tmp_path / "out", "--workers", 0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 exported" in done.stdout
    truth = read_rows(tmp_path / "source" / "truth.csv")
    assert np.isfinite([float(row["area_mm2"]) for row in truth]).all()
