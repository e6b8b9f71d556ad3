import pickle

import pytest

from tbp_extract import errors
from tbp_extract.errors import ScanError, ScanReason, TbpError


def test_every_error_is_one_of_ours() -> None:
    offered = [getattr(errors, name) for name in errors.__all__]
    raised = [kind for kind in offered if issubclass(kind, Exception)]
    assert len(raised) >= 6
    assert all(issubclass(kind, TbpError) for kind in raised)


def test_a_scan_error_survives_the_way_back_from_a_worker() -> None:
    error = ScanError(ScanReason.TEXTURE_MISSING, "the texture of page 2 is missing", file="a.jpg")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert isinstance(back, ScanError)
    assert (back.reason, str(back), back.file) == (error.reason, str(error), "a.jpg")


def test_the_file_of_a_scan_error_stays_out_of_its_text() -> None:
    error = ScanError(ScanReason.MESH_EMPTY, "the mesh has no faces", file="Jane_Doe.obj")
    assert "Jane" not in str(error)
    assert "Jane" not in repr(error)


@pytest.mark.parametrize("reason", list(ScanReason))
def test_reasons_are_plain_codes(reason: ScanReason) -> None:
    assert reason.value == reason.name.lower()


def test_a_name_of_a_foreign_file_can_be_written_down() -> None:
    """JSON may hold half a letter, and a name may have no end; the quarantine table is UTF-8."""
    error = ScanError(ScanReason.TEXTURE_MISSING, "gone", file="a\ud800.png")
    assert error.file == "a\\ud800.png"
    long = ScanError(ScanReason.TEXTURE_MISSING, "gone", file="x" * 10**6)
    assert long.file is not None
    assert len(long.file) < 600
