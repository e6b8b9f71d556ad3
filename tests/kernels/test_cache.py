"""Machine code on disk never serves other sources than those it was made from."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

SCRIPT = (
    "from tbp_extract.kernels import implicit as k\n"
    "print(k.__file__, k.body_distance.stats.cache_path)"
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copy = tmp_path / "tbp_extract"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tbp_extract" / "kernels", copy / "kernels", ignore=ignored)
    shutil.copy(ROOT / "tbp_extract" / "__init__.py", copy)
    return copy


def cache_folder(package: Path) -> Path:
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own script
        [sys.executable, "-c", SCRIPT],
        cwd=package.parent,
        env={name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")},
        capture_output=True,
        text=True,
        check=True,
    )
    source, folder = done.stdout.split()
    assert Path(source).is_relative_to(package)
    return Path(folder)


def test_an_edit_of_any_kernel_file_leads_to_another_folder(package: Path) -> None:
    before = cache_folder(package)
    assert cache_folder(package) == before
    with (package / "kernels" / "raster.py").open("a", encoding="utf-8") as file:
        file.write("\n# another state of the sources\n")
    assert cache_folder(package) != before


HELPER = "import numba\n\n@numba.njit\ndef more(x):\n    return x + 1\n"

PLANTED = """import numba
from tbp_extract.kernels import kernel
from tbp_extract.kernels.helper import more

@numba.njit(cache=True)
def usual(x):
    return more(x)

@kernel
def ours(x):
    return more(x)
"""


def test_machine_code_of_an_old_helper_is_not_used_even_where_numba_would(
    package: Path, tmp_path: Path
) -> None:
    """numba looks for changes in a function's own file only, though it compiles helpers in."""
    (package / "kernels" / "planted.py").write_text(PLANTED, encoding="utf-8")
    helper = package / "kernels" / "helper.py"
    helper.write_text(HELPER, encoding="utf-8")
    assert printed(package, tmp_path) == "2 2"
    helper.write_text(HELPER.replace("x + 1", "x + 5"), encoding="utf-8")
    assert printed(package, tmp_path) == "2 6"


def printed(package: Path, cache: Path) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own script
        [
            *(sys.executable, "-B", "-c"),
            "from tbp_extract.kernels.planted import ours, usual; print(usual(1), ours(1))",
        ],
        cwd=package.parent,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache), "NUMBA_DISABLE_JIT": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
