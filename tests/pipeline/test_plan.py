import pickle
from dataclasses import replace
from pathlib import Path

from tbp_extract.config import parse_config
from tbp_extract.pipeline.plan import plan_shards
from tbp_extract.types import ReleaseKey, ScanRef

KEY = ReleaseKey(bytes(range(32)))
CONFIG = parse_config({})


def refs(n: int) -> tuple[ScanRef, ...]:
    return tuple(
        ScanRef(f"scan {k}", f"patient {k // 2}", Path("/somewhere"), f"{k}.obj") for k in range(n)
    )


def test_every_scan_is_in_exactly_one_shard() -> None:
    for n in (1, 63, 64, 65, 300, 2000):
        planned = [ref.scan_id for plan in plan_shards(refs(n), CONFIG, KEY) for ref in plan.scans]
        assert sorted(planned) == sorted(ref.scan_id for ref in refs(n))


def test_plan_ignores_the_order_and_place_of_the_source() -> None:
    plans = plan_shards(refs(40), CONFIG, KEY)
    moved = tuple(replace(ref, root=Path("/elsewhere")) for ref in reversed(refs(40)))
    again = plan_shards(moved, CONFIG, KEY)
    assert [plan.fingerprint for plan in plans] == [plan.fingerprint for plan in again]


def test_plan_order_is_keyed() -> None:
    first = [p.scans[0].scan_id for p in plan_shards(refs(40), CONFIG, KEY)]
    other = [p.scans[0].scan_id for p in plan_shards(refs(40), CONFIG, ReleaseKey(bytes(32)))]
    assert first != other
    assert first != sorted(first)


def test_fingerprint_follows_settings_scans_and_key() -> None:
    def fingerprint(ref: ScanRef, settings: dict[str, object], key: ReleaseKey) -> str:
        return plan_shards((ref,), parse_config(settings), key)[0].fingerprint

    ref = refs(1)[0]
    others = {
        fingerprint(ref, {}, KEY),
        fingerprint(ref, {"crop": {"size_px": 64}}, KEY),
        fingerprint(replace(ref, unit="cm"), {}, KEY),
        fingerprint(replace(ref, age_years=50.0), {}, KEY),
        fingerprint(ref, {}, ReleaseKey(bytes(32))),
    }
    assert len(others) == 5


def test_shard_size_follows_the_configuration() -> None:
    config = parse_config({"shards": {"scans_per_shard": 7}})
    assert [len(plan.scans) for plan in plan_shards(refs(20), config, KEY)] == [7, 7, 6]


def test_few_scans_spread_over_as_many_shards() -> None:
    assert [len(plan.scans) for plan in plan_shards(refs(5), CONFIG, KEY)] == [1] * 5


def test_a_plan_can_be_sent_to_a_worker() -> None:
    plan = plan_shards(refs(3), CONFIG, KEY)[0]
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301 - our own bytes
