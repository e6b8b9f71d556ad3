import math
import random

import numpy as np
import pytest
from numpy.typing import NDArray

from tbp_extract.kernels import obj as kernels
from tbp_extract.kernels.mesh import gather_wedges
from tests.naive import obj as naive

PADDING = b"\n\n\n\n"


def as_text(data: str) -> NDArray[np.uint8]:
    return np.frombuffer(data.encode() + PADDING, np.uint8)


def compiled(text: str) -> naive.ParsedObj:
    data = as_text(text)
    counts, status = np.empty(7, np.int64), np.empty(2, np.int64)
    kernels.count_lines(data, counts)
    v, t, f, g, b, unknown, _ = counts.tolist()
    assert unknown == 0
    vertices, texcoords = np.empty((v, 3)), np.empty((t, 2))
    faces, face_texcoord = np.empty((f, 3), np.int32), np.empty((f, 3), np.int32)
    face_group, names = np.empty(f, np.int32), np.empty((g + b, 2), np.int64)
    kernels.fill_mesh(data, vertices, texcoords, faces, face_texcoord, face_group, names, status)
    assert status[0] == 0
    words = [data[start:end].tobytes().decode().strip() for start, end in names]
    return naive.ParsedObj(
        vertices.tolist(),
        texcoords.tolist(),
        faces.tolist(),
        face_texcoord.tolist(),
        face_group.tolist(),
        words[:g],
        words[g:][::-1],
    )


def random_line(rng: random.Random, seen: dict[str, int]) -> str:
    """A line of any kind, with the liberties that OBJ files take."""
    gap = rng.choice([" ", "\t", "  ", " \\\n ", " \\\r\n"])
    kind = rng.choice(["v", "v", "v", "vt", "vn", "f", "f", "usemtl", "mtllib", "#", "g", "l", ""])
    if kind in ("v", "vt", "vn"):
        seen[kind] = seen.get(kind, 0) + 1
        numbers = [random_number(rng) for _ in range(rng.randint(3, 6) if kind == "v" else 2)]
        return rng.choice(["", " "]) + gap.join([kind, *numbers])
    if kind == "f" and seen.get("v", 0) and seen.get("vt", 0):
        corners = [random_corner(rng, seen) for _ in range(rng.randint(3, 7))]
        return gap.join(["f", *corners]) + rng.choice(["", " ", " # note"])
    if kind in ("usemtl", "mtllib"):
        return f"{kind} {rng.choice(['skin', 'a b', 'ü.mtl'])}"
    return {"#": "# f 1 2 3", "g": "g v 1 2", "l": "l 1 2"}.get(kind, "")


def random_number(rng: random.Random) -> str:
    value = rng.uniform(-1, 1) * 10 ** rng.randint(-6, 6)
    return rng.choice([repr(value), f"{value:.4f}", f"{value:+.3e}", f"{value:E}", str(int(value))])


def random_corner(rng: random.Random, seen: dict[str, int]) -> str:
    v = rng.choice([rng.randint(1, seen["v"]), -rng.randint(1, seen["v"])])
    t = rng.choice([rng.randint(1, seen["vt"]), -rng.randint(1, seen["vt"])])
    return rng.choice([f"{v}", f"{v}/{t}", f"{v}//1", f"{v}/{t}/1", f"{v}/{t}/-1", f"{v}/"])


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_random_files_parse_as_line_by_line(seed: int, ending: str) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    seen: dict[str, int] = {}
    text = ending.join(random_line(rng, seen) for _ in range(120))
    assert compiled(text) == naive.parse(text)


def read_number(word: str) -> float:
    out, status = np.empty(1), np.empty(2, np.int64)
    kernels.fill_numbers(as_text(word), out, status)
    assert status[0] == 0
    return float(out[0])


@pytest.mark.parametrize(
    "word",
    ["0", "-0", "+1.5", ".5", "5.", "1e3", "1E+3", "1e-3", "-1.5e+02", "007.50", "1e22", "1e23",
     "9007199254740993", "0.1", "123456789012345678901234567890", "0.000000000000000000000001234",
     "6.1232339957367660e-17", "1.7976931348623157e280", "0e999"],
)  # fmt: skip
def test_numbers_written_in_any_way(word: str) -> None:
    value = read_number(word)
    assert value == float(word)
    assert math.copysign(1, value) == math.copysign(1, float(word))


def test_numbers_are_right_to_the_last_bit() -> None:
    """Decimal to binary once, in over 100 bits: only what lies nearer to a tie could differ."""
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 2**52, 3000) | (rng.integers(1023 - 900, 1023 + 900, 3000) << 52)
    values = np.concatenate((bits.view(np.float64), rng.uniform(-2000, 2000, 3000)))
    words = [repr(v) for v in values.tolist()] + [f"{v:.25e}" for v in values.tolist()]
    words += [f"{v:.4f}" for v in values[3000:].tolist()]
    text = as_text("\n".join(words))
    out, count, status = np.empty(len(words)), np.empty(1, np.int64), np.empty(2, np.int64)
    kernels.count_words(text, count)
    assert count[0] == len(words)
    kernels.fill_numbers(text, out, status)
    assert status[0] == 0
    expected = np.array([float(word) for word in words])
    # Digits after the 18th are left out, which can move a near tie by one step.
    exact = out == expected
    assert exact.mean() > 0.999
    np.testing.assert_array_max_ulp(out, expected, maxulp=1)


@pytest.mark.parametrize(("word", "value"), [("1e400", math.inf), ("-1e400", -math.inf),
                                             ("inf", math.inf), ("-Inf", -math.inf)])  # fmt: skip
def test_numbers_beyond_range_are_infinite(word: str, value: float) -> None:
    assert read_number(word) == value


def test_nan_is_nan() -> None:
    assert math.isnan(read_number("nan"))
    assert math.isnan(read_number("-NaN"))


@pytest.mark.parametrize("word", ["", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "12x", "--1", "na",
                                  "0x10", "1,5"])  # fmt: skip
def test_what_is_no_number_is_malformed(word: str) -> None:
    out, status = np.empty(1), np.empty(2, np.int64)
    kernels.fill_numbers(as_text(f"{word} x" if word else "x"), out, status)
    assert status[0] == kernels.MALFORMED


def test_wedges_gather_as_arrays_do() -> None:
    rng = np.random.default_rng(5)
    texcoords = rng.uniform(-1, 2, (40, 2))
    index = rng.integers(-1, 40, (200, 3)).astype(np.int32)
    out = np.empty((200, 3, 2), np.float32)
    gather_wedges(texcoords, index, out)
    np.testing.assert_array_equal(out, naive.wedges(texcoords, index))
