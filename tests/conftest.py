"""What all tests share: where real data lies, a kernel cache that is never stale."""

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _kernel_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "tbp_extract" / "kernels").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# numba renews a cached kernel only when its own file changes; this one follows every kernel file.
# It is set before any test module imports the package.
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"tbp_extract_numba_{_kernel_hash()}")
)


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
