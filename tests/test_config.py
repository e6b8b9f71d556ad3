import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tbp_extract.config import ChallengeConfig, Config, parse_config, read_config, read_settings
from tbp_extract.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def test_no_file_gives_the_defaults() -> None:
    assert read_config(None) == Config()
    assert Config().crop.extent_mm == 15.0
    assert Config().crop.size_px == 133


def test_settings_are_read_and_the_rest_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("[crop]\nsize_px = 256\nprojection = 'geodesic'\n", encoding="utf-8")
    config = read_config(path)
    assert (config.crop.size_px, config.crop.projection) == (256, "geodesic")
    assert config.jpeg == Config().jpeg


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"crop": {"sizepx": 9}}, r"crop\.sizepx.*nearest that exists is crop\.size_px"),
        ({"crops": {}}, "unknown setting crops.*nearest that exists is crop"),
        ({"lesions": {"max_snap": 3.0}}, r"lesions\.max_snap_mm"),
        ({"crop": {"size_px": 8}}, r"crop\.size_px.*got 8"),
        ({"crop": {"size_px": "133"}}, r"crop\.size_px"),
        ({"crop": {"size_px": 133.0}}, r"crop\.size_px"),
        ({"crop": {"extent_mm": float("nan")}}, r"crop\.extent_mm"),
        ({"crop": {"extent_mm": float("inf")}}, r"crop\.extent_mm"),
        ({"crop": {"extent_mm": 0}}, r"crop\.extent_mm"),
        ({"crop": {"projection": "perspective"}}, "orthographic.*geodesic"),
        ({"crop": {"native_min_px": 42}}, "must be odd"),
        ({"crop": {"native_min_px": 301}}, "must not exceed"),
        ({"scan": {"unit": "ft"}}, r"scan\.unit.*'in'"),
        ({"scan": {"up": "+z"}}, "must be different axes"),
        ({"scan": {"min_extent_m": 3.0}}, "must be below"),
        ({"jpeg": {"quality": 101}}, r"jpeg\.quality"),
        ({"jpeg": {"subsampling": "4:1:1"}}, r"jpeg\.subsampling"),
        ({"lesions": {"min_spacing_mm": -1}}, r"lesions\.min_spacing_mm"),
        ({"crop": 5}, "setting crop"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config(settings)


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"(?s)size_px.*quality"):
        parse_config({"crop": {"size_px": 1}, "jpeg": {"quality": 0}})


@pytest.mark.parametrize("text", ["crop = [", "\x00", "[crop]\nsize_px = 1\nsize_px = 2"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_config(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(b"\xff\xfe\x00crop")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_config(path)


def test_a_file_that_is_not_there_is_refused_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "secret.toml")
    assert "secret" not in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Config().crop.size_px = 9


def test_the_fingerprint_follows_the_settings_and_not_their_spelling() -> None:
    default = Config().fingerprint
    assert parse_config({"crop": {"size_px": 133}}).fingerprint == default
    assert parse_config({"crop": {"extent_mm": 15}}).fingerprint == default
    others: list[dict[str, Any]] = [
        {"crop": {"size_px": 134}},
        {"jpeg": {"quality": 94}},
        {"lesions": {"max_snap_mm": 5.001}},
        {"lesions": {"columns": {"x": "px"}}},
    ]
    prints = {default} | {parse_config(other).fingerprint for other in others}
    assert len(prints) == 5
    assert all(len(p) == 64 for p in prints)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_presets_are_valid_and_say_something(path: Path) -> None:
    assert tomllib.loads(path.read_text(encoding="utf-8"))
    if path.stem == "challenge":
        # Of another command; it shows the defaults, centres apart.
        assert isinstance(read_settings(path, ChallengeConfig), ChallengeConfig)
    else:
        assert read_config(path) != Config() or path.stem == "default"


def test_the_presets_that_are_promised_are_there() -> None:
    slice3d = read_config(ROOT / "configs" / "slice3d.toml")
    assert slice3d.crop.sampling == "native"
    assert (slice3d.jpeg.quality, slice3d.jpeg.subsampling) == (75, "4:2:0")
    research = read_config(ROOT / "configs" / "research.toml")
    assert (research.crop.size_px, research.crop.projection) == (256, "geodesic")
    assert (research.jpeg.quality, research.jpeg.subsampling) == (95, "4:4:4")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("a = " + "9" * 5000, "not valid TOML"), ("a = " + "[" * 5000, "nests too deeply"),
     ("# " + "x" * (1 << 18), "has more than"), ("a = 1\n\xff", "not valid TOML")],
)  # fmt: skip
def test_odd_toml_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=sentence):
        read_config(path)


def test_a_long_value_is_not_shown_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"scan": {"unit": "x" * 5000}})
    assert len(str(caught.value)) < 300
