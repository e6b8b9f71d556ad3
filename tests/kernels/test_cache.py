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
