"""What all tests share: where real data lies, a source of small scans."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder with real bodies, lesion patches and the genuine ISIC 2024 sample."""
    folder = Path(os.environ.get("TBP_EXTRACT_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: point TBP_EXTRACT_DATA at the data folder")
    return folder


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source folder with three small scans; not to be written to."""
    from tests.sources import make_source

    return make_source(tmp_path_factory.mktemp("source"))
