"""The search for private values: every guise is found, pixels and plain words are not."""

import base64
import codecs
import gzip
import zlib
from collections.abc import Callable
from urllib.parse import quote

import numpy as np
import pytest

from tbp_extract.verify.needles import is_telling, make_guises, search

OWN = "the lesion crop outside the outline"
VALUES = {"patient_id": {"MRN-0047110", "Jürgen Müller"}, "tag": {"00471"}, "mrn": {"4711023"}}


def kinds(text: bytes, *, in_noise: bool = False) -> set[str]:
    return search(text, make_guises(VALUES, OWN, in_noise=in_noise))


@pytest.mark.parametrize("value", sorted(VALUES["patient_id"]))
@pytest.mark.parametrize("lead", range(6))
@pytest.mark.parametrize(
    "encode",
    [
        lambda t: t.encode(),
        lambda t: t.upper().encode(),
        lambda t: t[::-1].encode(),
        lambda t: t.encode("utf-16-le"),
        lambda t: t.encode("utf-16-be"),
        lambda t: t.encode("latin-1"),
        lambda t: t.encode().hex().encode(),
        lambda t: t.encode().hex().upper().encode(),
        lambda t: quote(t).encode(),
        lambda t: "".join(f"%{b:02x}" for b in t.encode()).encode(),
        lambda t: base64.b64encode(t.encode()),
        lambda t: base64.b32encode(t.encode()),
        lambda t: zlib.compress(t.encode()),
        lambda t: gzip.compress(t.encode()),
        lambda t: base64.b64encode(zlib.compress(t.encode())),
        lambda t: "".join(f"\\u{ord(c):04x}" for c in t).encode(),
        lambda t: t.replace("-", "").replace(" ", "_").encode(),
    ],
)
def test_every_guise_is_found(value: str, lead: int, encode: Callable[[str], bytes]) -> None:
    assert "patient_id" in kinds(b". " * 3 + b"." * lead + encode(value) + b" ...")


@pytest.mark.parametrize("encode", [base64.b64encode, base64.b32encode, codecs.encode])
@pytest.mark.parametrize("lead", range(8))
def test_a_value_anywhere_in_an_encoded_text_is_found(
    lead: int, encode: Callable[..., bytes]
) -> None:
    text = b"x" * lead + b"MRN-0047110" + b"y" * 3
    coded = encode(text, "hex") if encode is codecs.encode else encode(text)
    assert kinds(coded) == {"patient_id"}


def test_short_values_count_only_as_words_and_numbers_only_as_numbers() -> None:
    assert kinds(b"mole 00471 of") == set(), "five digits tell nothing"
    assert kinds(b"id 4711023, ") == {"mrn"}
    assert kinds(b"0.4711023 14711023 47110234") == set()
    values = {"tag": {"anna"}}
    guises = make_guises(values, OWN, in_noise=False)
    assert search(b"for Anna, ", guises) == {"tag"}
    assert search(b"vannadium annal", guises) == set()


def test_a_number_without_its_separators_is_a_number_still() -> None:
    guises = make_guises({"place": {"12.345678"}, "mrn": {"12-345-67"}}, OWN, in_noise=False)
    assert search(b"1,12.345678,2", guises) == {"place"}
    assert search(b"1,12345678,2", guises) == {"place"}
    assert search(b"id 1234567", guises) == {"mrn"}
    assert search(b"0.9123456784,0.12345678,912.3456789", guises) == set()


def test_words_of_the_format_itself_tell_nothing() -> None:
    assert not is_telling("outside", OWN)
    assert not is_telling("abc", OWN)
    assert is_telling("Doe, Jane", OWN)
    assert kinds(b"outside the outline") == set()
    guises = make_guises({"file": {"out-side"}}, OWN, in_noise=False)
    assert search(b"outside the outline", guises) == set()


def test_among_pixels_nothing_is_found_by_chance() -> None:
    rng = np.random.default_rng(0)
    values = {"lesion_id": {f"{n:08d}" for n in rng.integers(0, 10**8, 30_000).tolist()}}
    guises = make_guises(values, OWN, in_noise=True)
    noise = rng.integers(0, 256, 4_000_000, dtype=np.uint8).tobytes()
    assert search(noise, guises) == set()


def test_a_value_among_pixels_is_found() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 100_000, dtype=np.uint8).tobytes()
    guises = make_guises(VALUES, OWN, in_noise=True)
    assert search(noise + b"MRN-0047110" + noise, guises) == {"patient_id"}
    assert search(noise + "MRN-0047110".encode("utf-16-le") + noise, guises) == {"patient_id"}
    assert search(noise + zlib.compress(b"MRN-0047110") + noise, guises) == {"patient_id"}
