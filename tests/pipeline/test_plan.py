import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from tbp_extract.config import parse_config
from tbp_extract.pipeline.plan import plan_scans, shard_count
from tbp_extract.types import ReleaseKey, ScanRef

KEY = ReleaseKey(bytes(range(32)))
CONFIG = parse_config({})


def refs(n: int) -> tuple[ScanRef, ...]:
    return tuple(
        ScanRef(f"scan {k}", f"patient {k // 2}", Path("/somewhere"), f"{k}.obj") for k in range(n)
    )


def test_every_scan_is_planned_once() -> None:
    planned = [plan.ref.scan_id for plan in plan_scans(refs(300), CONFIG, KEY)]
    assert sorted(planned) == sorted(ref.scan_id for ref in refs(300))


def test_plan_ignores_the_order_and_place_of_the_source() -> None:
    plans = plan_scans(refs(40), CONFIG, KEY)
    moved = tuple(replace(ref, root=Path("/elsewhere")) for ref in reversed(refs(40)))
    again = plan_scans(moved, CONFIG, KEY)
    assert [plan.fingerprint for plan in plans] == [plan.fingerprint for plan in again]


def test_plan_order_is_keyed() -> None:
    first = [plan.ref.scan_id for plan in plan_scans(refs(40), CONFIG, KEY)]
    other = [plan.ref.scan_id for plan in plan_scans(refs(40), CONFIG, ReleaseKey(bytes(32)))]
    assert first != other
    assert first != sorted(first)


def fingerprint(ref: ScanRef, settings: dict[str, object], key: ReleaseKey = KEY) -> str:
    return plan_scans((ref,), parse_config(settings), key)[0].fingerprint


def test_fingerprint_follows_settings_scans_and_key() -> None:
    ref = refs(1)[0]
    others = {
        fingerprint(ref, {}),
        fingerprint(ref, {"crop": {"size_px": 64}}),
        fingerprint(replace(ref, unit="cm"), {}),
        fingerprint(replace(ref, age_years=50.0), {}),
        fingerprint(ref, {}, ReleaseKey(bytes(32))),
    }
    assert len(others) == 5


def test_fingerprint_follows_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(refs(1)[0], {})
    monkeypatch.setattr("tbp_extract.pipeline.plan.code_fingerprint", lambda: "another program")
    assert fingerprint(refs(1)[0], {}) != before


@pytest.mark.parametrize(
    "settings", [{"run": {"scan_seconds": 5.0, "worker_memory_gb": 9.0}}, {"shards": {"max_mb": 1}}]
)
def test_settings_that_shape_no_scan_leave_its_fingerprint(settings: dict[str, object]) -> None:
    assert fingerprint(refs(1)[0], settings) == fingerprint(refs(1)[0], {})


def test_limits_of_a_run_are_not_published_and_change_no_fingerprint() -> None:
    config = parse_config({"run": {"scan_seconds": 5.0}})
    assert config.fingerprint == CONFIG.fingerprint
    assert config.public_settings == CONFIG.public_settings
    assert "run" not in config.public_settings


def test_shards_double_as_crops_grow_and_stay_below_their_size() -> None:
    config = parse_config({"shards": {"max_mb": 1}})
    counts = [shard_count(mb * 2**20, config) for mb in (0, 1, 2, 3, 5, 100)]
    assert counts == [1, 1, 2, 4, 8, 128]


def test_a_plan_can_be_sent_to_a_worker() -> None:
    plan = plan_scans(refs(3), CONFIG, KEY)[0]
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301 - our own bytes
