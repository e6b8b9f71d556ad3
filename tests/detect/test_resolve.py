"""Names lead to detectors, and wrong ones to the nearest right one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tbp_extract.config import Config, parse_config
from tbp_extract.detect.listed import Listed
from tbp_extract.detect.resolve import BUILT_IN, Given, resolve_detector
from tbp_extract.errors import ConfigError
from tests.detect.finds import EveryNth
from tests.detect.test_listed import listed

HERE = "tests.detect.finds"


def test_a_class_of_ones_own_is_made_with_the_options_of_the_configuration() -> None:
    config = parse_config({"detect": {"options": {"step": 7, "diameter_mm": 3.0}}})
    assert resolve_detector(f"{HERE}:EveryNth", config) == EveryNth(step=7, diameter_mm=3.0)


def test_the_detector_that_is_told_needs_a_list() -> None:
    lesions = listed(np.zeros((2, 3)))[0].lesions
    detector = resolve_detector("listed", Config(), Given(lesions))
    assert isinstance(detector, Listed)
    assert detector.lesions is lesions
    with pytest.raises(ConfigError, match="takes the scan's lesion list"):
        resolve_detector("listed", Config())


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("list", {}, "unknown detector 'list'.*nearest that exist.*listed"),
        ("", {}, "unknown detector ''"),
        (f"{HERE}:EveryNht", {}, "no class 'EveryNht'; the nearest are EveryNth"),
        (f"{HERE}:", {}, "no class ''"),
        (f"{HERE}:NoDetector", {}, "a method detect, it has none"),
        (f"{HERE}:np", {}, "expected a class, got a module"),
        ("tests.detect.nowhere:Any", {}, "can be imported, got ModuleNotFoundError"),
        (":EveryNth", {}, "can be imported, got ValueError"),
        (f"{HERE}:Unmakeable", {}, r"detect\.options \(none given\): it raised FileNotFoundError$"),
        (f"{HERE}:Quitter", {}, "it raised SystemExit$"),
        (f"{HERE}:EveryNth", {"stride": 3}, r"detect\.options \(stride\).*unexpected keyword"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_with_what_would(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_detector(name, parse_config({"detect": {"options": options}}))


def test_every_built_in_name_is_offered() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_detector("blobb", Config())
    assert any(name in str(caught.value) for name in BUILT_IN)


@pytest.mark.parametrize("line", ["def broken(", "nothing_of_that_name", "raise SystemExit(0)"])
def test_a_module_that_fails_on_import_is_a_wrong_setting(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_finder.py").write_text(line)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"can be imported, got \w+: import it to see"):
        resolve_detector("failing_finder:Any", Config())
