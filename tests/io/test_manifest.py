import getpass
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbp_extract.config import Config, parse_config
from tbp_extract.errors import CountError, ScanReason
from tbp_extract.io.manifest import (
    count_outcomes,
    done_scan,
    is_whole,
    quarantined_scan,
    write_manifest,
)
from tbp_extract.types import DropReason, Drops, EmptyReason

DROPS = Drops(
    ("1", "2", "3"),
    (DropReason.OFF_SURFACE, *(DropReason.DUPLICATE_POSITION,) * 2),
    np.full((3, 3), np.nan),
)
NONE = Drops((), (), np.empty((0, 3)))


def make_scans() -> list[dict[str, Any]]:
    return [
        done_scan("TBPS_A", "00" * 32, 7, DROPS, tags={"untagged": 5, "tagged": 2}),
        done_scan("TBPS_B", "01" * 32, 0, NONE, empty=EmptyReason.NO_FINDS),
        quarantined_scan("TBPS_C", None, ScanReason.MESH_EMPTY),
    ]


def make_release(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "shard-00000.hdf5").write_bytes(b"crops")
    (folder / "metadata.csv").write_bytes(b"rows")
    return folder


def test_counts_add_up_over_scans() -> None:
    counts = count_outcomes([*make_scans(), *make_scans()])
    assert counts == {
        "scans": {
            "planned": 6,
            "done": 4,
            "empty": {"no_finds": 2},
            "quarantined": {"mesh_empty": 2},
        },
        "lesions": {
            "found": 20,
            "exported": 14,
            "dropped": {"duplicate_position": 4, "off_surface": 2},
            "tags": {"tagged": 4, "untagged": 10},
        },
    }


def test_counts_that_do_not_add_up_are_refused() -> None:
    first, *others = make_scans()
    with pytest.raises(CountError, match="not the sum"):
        count_outcomes([{**first, "found": 11}, *others])


def test_the_manifest_hashes_every_other_file(tmp_path: Path) -> None:
    write_manifest(make_release(tmp_path), make_scans(), Config())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["files"] == {
        "images/shard-00000.hdf5": {"bytes": 5, "sha256": hashlib.sha256(b"crops").hexdigest()},
        "metadata.csv": {"bytes": 4, "sha256": hashlib.sha256(b"rows").hexdigest()},
    }
    assert manifest["config"]["fingerprint"] == Config().public_fingerprint


def test_the_manifest_keeps_the_column_names_of_a_source_to_itself(tmp_path: Path) -> None:
    config = parse_config({"lesions": {"columns": {"tag": "CANARY"}}})
    write_manifest(make_release(tmp_path), make_scans(), config)
    assert "CANARY" not in (tmp_path / "manifest.json").read_text()


def test_a_release_is_whole_until_a_file_changes(tmp_path: Path) -> None:
    write_manifest(make_release(tmp_path), make_scans(), Config())
    assert is_whole(tmp_path)
    (tmp_path / "metadata.csv").write_bytes(b"rowz")
    assert not is_whole(tmp_path)


def test_the_manifest_names_no_scan_host_user_or_path(tmp_path: Path) -> None:
    write_manifest(make_release(tmp_path / "release"), make_scans(), Config())
    text = (tmp_path / "release" / "manifest.json").read_text()
    for private in ("TBPS_", "00" * 32, socket.gethostname(), str(tmp_path), getpass.getuser()):
        assert f'"{private}' not in text
        assert len(private) < 6 or private not in text


def test_the_same_release_gives_the_same_manifest(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_manifest(make_release(tmp_path / name), make_scans(), Config())
    one, other = ((tmp_path / name / "manifest.json").read_bytes() for name in ("a", "b"))
    assert one == other


def test_an_old_manifest_is_not_part_of_the_new_one(tmp_path: Path) -> None:
    make_release(tmp_path)
    for _ in range(2):
        write_manifest(tmp_path, make_scans(), Config())
    assert "manifest.json" not in json.loads((tmp_path / "manifest.json").read_text())["files"]
