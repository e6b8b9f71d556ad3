"""The layers of ``docs/architecture.md``, held by walking the imports."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "tbp_extract"
MODULES = sorted(PACKAGE.rglob("*.py"))

BASE = {
    "errors",
    "types",
    "reasons",
    "uv",
    "kernels",
    "column",
    "columns",
    "own_columns",
    "label_columns",
    "dictionary",
    "config",
    "jpeg",
}
PARTS = {"geometry", "crop", "measure", "gate", "deidentify", "detect", "io"}
WHOLES = {"pipeline", "challenge", "report", "review", "phantom", "verify", "risk"}

MAY_IMPORT: dict[str, set[str]] = {
    **{unit: set() for unit in BASE},
    "types": {"reasons"},
    "own_columns": {"column"},
    "label_columns": {"column"},
    "columns": {"column", "own_columns", "label_columns", "errors"},
    "dictionary": {"column", "columns"},
    "config": {"errors"},
    "jpeg": {"config", "errors"},
    **{unit: BASE for unit in PARTS},
    "crop": BASE | {"geometry"},
    "gate": BASE | {"geometry", "measure"},
    "detect": BASE | {"geometry", "crop", "measure"},
    "testing": BASE | {"geometry", "detect"},
    **{unit: BASE | PARTS for unit in WHOLES},
    # These look at finished output only.
    **{unit: BASE | {"io"} for unit in ("report", "review", "risk")},
    # What goes out as DICOM passes the gate before the manifest makes it complete.
    "challenge": BASE | PARTS | {"verify"},
    # A gate that shared code with what it guards would share its faults.
    "verify": {"columns", "config", "errors", "kernels", "types"},
    "console": BASE | PARTS | WHOLES,
    "cli": BASE | PARTS | WHOLES | {"console"},
    "__main__": {"cli"},
}
"""Units of the package, and which others each may import."""

HEAVY = ("numba", "pandas", "trimesh", "cv2", "pydantic", "pyarrow", "h5py", "skimage")


def unit_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Full names of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.parent != PACKAGE or p.stem != "__init__"], ids=name_of
)
def test_imports_point_down(path: Path) -> None:
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("tbp_extract.")}
    unit = unit_of(path)
    assert ours - {"__version__", unit} <= MAY_IMPORT[unit]


def test_every_unit_has_a_layer() -> None:
    units = {unit_of(path) for path in MODULES} - {"__init__"}
    assert units <= MAY_IMPORT.keys()


@pytest.mark.parametrize("path", sorted((PACKAGE / "kernels").glob("*.py")), ids=name_of)
def test_kernels_import_numbers_and_nothing_else(path: Path) -> None:
    if path.stem == "__init__":
        return
    foreign = {
        name
        for name in imported(path)
        if name.split(".")[0] not in ("numpy", "numba", "math", "typing")
        and name != "tbp_extract.kernels.kernel"
    }
    assert not foreign


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_is_longer_than_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("name", [name_of(path) for path in MODULES if path.stem != "__main__"])
def test_what_a_module_offers_exists(name: str) -> None:
    module = importlib.import_module(name)
    offered = getattr(module, "__all__", [])
    assert len(set(offered)) == len(offered)
    missing = [entry for entry in offered if not hasattr(module, entry)]
    assert not missing


@pytest.mark.parametrize("module", ["tbp_extract", "tbp_extract.cli"])
def test_importing_the_package_and_its_command_line_stays_light(module: str) -> None:
    script = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == []
