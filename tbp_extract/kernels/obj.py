"""A byte parser of OBJ text: one pass counts, one fills.

Bytes: 9 tab, 10 LF, 13 CR, 32 blank, 35 #, 43 +, 45 -, 46 point, 47 /, 48-57 digits, 92 backslash.
Every text ends in four LF that its reader appends, so that looking ahead stays inside.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

POWERS = np.array([float(f"1e{k}") for k in range(23)])  # those that float64 holds exactly

MANTISSA_END = 10**17
"""A mantissa takes another digit while it is below: 18 digits, more than float64 can tell."""

BEYOND = 1 << 40  # an index that no mesh has
MALFORMED, OUT_OF_RANGE = 1, 2


@kernel
def _is_break(c: int) -> bool:
    return c == 10 or c == 13


@kernel
def _digit(c: Any) -> Any:
    """Value of a digit, outside 0..9 for other bytes; never an unsigned byte, which would wrap."""
    return np.int64(c) - 48


@kernel
def _skip_blanks(text: NDArray[np.uint8], at: int) -> int:
    """Step over blanks and continued line ends."""
    while True:
        c = text[at]
        if c == 32 or c == 9:
            at += 1
        elif c == 92 and text[at + 1] == 10:
            at += 2
        elif c == 92 and text[at + 1] == 13:
            at += 3 if text[at + 2] == 10 else 2
        else:
            return at


@kernel
def _is_end(text: NDArray[np.uint8], at: int) -> bool:
    """Whether a token ends here."""
    c = text[at]
    if c > 32 and c != 92:
        return False
    return c == 32 or c == 9 or _is_break(c) or (c == 92 and _is_break(text[at + 1]))


@kernel
def _line_end(text: NDArray[np.uint8], at: int) -> int:
    while text[at] > 13 or not _is_break(text[at]):
        at += 1
    return at


@kernel
def _scale_exactly(mantissa: int, exponent: int) -> float:
    """``mantissa * 10**exponent`` in double-double arithmetic, rounded once."""
    high = float(mantissa)
    low = float(mantissa - int(high))
    while exponent != 0 and high != 0.0 and abs(high) < 1e290:
        step = min(abs(exponent), 22)
        p = POWERS[step]
        scaled = high / p if exponent < 0 else high * p
        # Veltkamp split and Dekker product: `error` is what rounding lost, exactly.
        a, b = (scaled, p) if exponent < 0 else (high, p)
        t = 134217729.0 * a
        a1 = t - (t - a)
        t = 134217729.0 * b
        b1 = t - (t - b)
        a2, b2 = a - a1, b - b1
        product = a * b
        error = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
        rest = ((high - product) - error + low) / p if exponent < 0 else error + low * p
        high = scaled + rest
        low = rest - (high - scaled)
        exponent += step if exponent < 0 else -step
    if exponent > 0 and high != 0.0:
        return np.inf
    return high


@kernel
def _word(text: NDArray[np.uint8], at: int, a: int, b: int, c: int) -> bool:
    """Whether three letters stand here, in either case."""
    return bool((text[at] | 32) == a and (text[at + 1] | 32) == b and (text[at + 2] | 32) == c)


@kernel
def _number(text: NDArray[np.uint8], at: int) -> tuple[float, int]:
    """Read a number; the second value is where it ends, -1 if there is none."""
    negative = text[at] == 45
    if negative or text[at] == 43:
        at += 1
    mantissa, exponent, digits, after_point = 0, 0, 0, 0
    while True:
        d = _digit(text[at])
        if 0 <= d <= 9:
            digits += 1
            if mantissa < MANTISSA_END:
                mantissa = mantissa * 10 + d
                exponent -= after_point
            else:
                exponent += 1 - after_point
        elif d == -2 and after_point == 0:
            after_point = 1
        else:
            break
        at += 1
    if digits == 0:
        if _word(text, at, 110, 97, 110):
            return np.nan, at + 3
        if _word(text, at, 105, 110, 102):
            return -np.inf if negative else np.inf, at + 3
        return 0.0, -1
    if text[at] == 101 or text[at] == 69:
        at += 1
        sign = -1 if text[at] == 45 else 1
        if text[at] == 45 or text[at] == 43:
            at += 1
        if not 48 <= text[at] <= 57:
            return 0.0, -1
        power = 0
        while 48 <= text[at] <= 57:
            power = min(power * 10 + _digit(text[at]), 100000)
            at += 1
        exponent += sign * power
    if mantissa <= 9007199254740992 and -22 <= exponent <= 22:
        value = float(mantissa)
        value = value / POWERS[-exponent] if exponent < 0 else value * POWERS[exponent]
    else:
        value = _scale_exactly(mantissa, exponent)
    return -value if negative else value, at


@kernel
def _index(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Read a whole number; the second value is where it ends, -1 if there is none."""
    negative = text[at] == 45
    if negative or text[at] == 43:
        at += 1
    start, value = at, 0
    while 48 <= text[at] <= 57:
        value = min(value * 10 + _digit(text[at]), BEYOND)
        at += 1
    return -value if negative else value, at if at > start else -1


@kernel
def _resolve(index: int, seen: int, total: int) -> int:
    """Turn an index of the file (from 1, or backwards from here) into ours; -1 if it has none."""
    found = index - 1 if index > 0 else seen + index
    return found if index != 0 and 0 <= found < total else -1


@kernel
def _starts_index(c: int) -> bool:
    return 48 <= c <= 57 or c == 45 or c == 43


@kernel
def _corner(text: NDArray[np.uint8], at: int) -> tuple[int, int, int]:
    """Read ``v``, ``v/t``, ``v//n`` or ``v/t/n``: vertex, texture (0 if none), end (-1 if bad)."""
    vertex, at = _index(text, at)
    texture = 0
    if at >= 0 and text[at] == 47:
        at += 1
        if _starts_index(text[at]):
            texture, at = _index(text, at)
            if texture == 0:
                texture = BEYOND
        if at >= 0 and text[at] == 47:
            at += 1
            if _starts_index(text[at]):
                _, at = _index(text, at)
    if at >= 0 and not _is_end(text, at):
        at = -1
    return vertex, texture, at


WORDS = (
    "vn usemtl mtllib g o s l p vp mg usemap maplib bevel c_interp d_interp lod shadow_obj "
    "trace_obj deg bmat step cstype curv curv2 surf parm trim hole scrv sp end con ctech stech"
)
"""What else a line may begin with: the words of the format but those that run other files."""

TABLE = np.array([np.frombuffer(word.encode().ljust(10), np.uint8) for word in WORDS.split()])

VERTEX, TEXTURE, FACE, GROUP, LIBRARY, UNKNOWN, OTHER = 0, 1, 2, 3, 4, 5, 6


@kernel
def _find_word(text: NDArray[np.uint8], at: int) -> int:
    """Row of `TABLE` that stands here, -1 for another word."""
    for row in range(len(TABLE)):
        k = 0
        while k < 10 and TABLE[row, k] != 32 and text[at + k] == TABLE[row, k]:
            k += 1
        if (k == 10 or TABLE[row, k] == 32) and _is_end(text, at + k):
            return row
    return -1


@kernel
def _kind(text: NDArray[np.uint8], at: int) -> int:
    """Tell what the line that starts here declares."""
    c = text[at]
    if c == 118 and _is_end(text, at + 1):
        return VERTEX
    if c == 118 and text[at + 1] == 116 and _is_end(text, at + 2):
        return TEXTURE
    if c == 102 and _is_end(text, at + 1):
        return FACE
    if c == 35 or _is_break(c):
        return OTHER
    row = _find_word(text, at)
    if row < 0:
        return UNKNOWN
    return GROUP if row == 1 else LIBRARY if row == 2 else OTHER


@kernel
def _count_corners(text: NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Tokens up to the end of the line or a comment, and where that is."""
    corners, inside = 0, False
    while True:
        c = text[at]
        if c > 35 and c != 92:
            corners += not inside
            inside = True
            at += 1
        elif c == 32 or c == 9:
            inside = False
            at += 1
        elif _is_break(c) or (c == 35 and not inside):
            return corners, at
        else:
            after = _skip_blanks(text, at)
            corners += after == at and not inside
            inside = after == at
            at = max(after, at + 1)


@kernel
def _goes_on(text: NDArray[np.uint8], start: int, at: int) -> bool:
    """Whether a line only has more numbers of a line that ended in a backslash."""
    if start < 3 or not (_starts_index(text[at]) or text[at] == 46):
        return False
    return bool(text[start - 3 if text[start - 2] == 13 else start - 2] == 92)


@kernel
def count_lines(
    text: NDArray[np.uint8],  # (L + 4,)
    out: NDArray[np.int64],  # (7,) by kind up to `UNKNOWN`, faces as triangles; the first unknown
) -> None:
    """Find out how large the arrays of `fill_mesh` must be."""
    out[:] = 0
    at, end = 0, len(text) - 4
    while at < end:
        start = at
        at = _skip_blanks(text, at)
        kind = _kind(text, at)
        if kind == UNKNOWN and _goes_on(text, start, at):
            kind = OTHER
        if kind == FACE:
            corners, at = _count_corners(text, at + 1)
            out[FACE] += max(corners - 2, 0)
        elif kind != OTHER:
            out[kind] += 1
        if kind == UNKNOWN and out[UNKNOWN] == 1:
            out[6] = at
        at = _line_end(text, at) + 1


@kernel
def _fill_numbers(text: NDArray[np.uint8], at: int, least: int, out: NDArray[np.float64]) -> int:
    """Read as many numbers as `out` takes, at least `least`; the end, -1 if malformed."""
    for k in range(len(out)):
        at = _skip_blanks(text, at)
        if k >= least and (_is_break(text[at]) or text[at] == 35):
            out[k] = 0.0
            continue
        out[k], at = _number(text, at)
        if at < 0 or not _is_end(text, at):
            return -1
    end = _line_end(text, at)
    if text[end - 1] == 92:
        # Whether a next line that begins with a word goes on with this one would be a guess.
        c = text[_skip_blanks(text, end - 1)]
        return at if _starts_index(c) or c == 46 or _is_break(c) else -1
    return at


@kernel
def fill_mesh(
    text: NDArray[np.uint8],  # (L + 4,)
    vertices: NDArray[np.float64],  # (V, 3)
    texcoords: NDArray[np.float64],  # (T, 2)
    faces: NDArray[np.int32],  # (F, 3)
    face_texcoord: NDArray[np.int32],  # (F, 3), -1 where a corner has none
    face_group: NDArray[np.int32],  # (F,) usemtl line in force, -1 before the first
    names: NDArray[np.int64],  # (G + B, 2) start and end of the usemtl names, then of the mtllib
    out: NDArray[np.int64],  # (2,) 0, MALFORMED or OUT_OF_RANGE; where that line starts
) -> None:
    """Read all lines; polygons become fans around their first corner, in order."""
    at, end = 0, len(text) - 4
    v, t, f, g, b = 0, 0, 0, -1, len(names)
    out[0] = 0
    while at < end:
        at = out[1] = _skip_blanks(text, at)
        kind = _kind(text, at)
        if kind == VERTEX:
            at = _fill_numbers(text, at + 1, 3, vertices[v])
            v += 1
        elif kind == TEXTURE:
            at = _fill_numbers(text, at + 2, 1, texcoords[t])
            t += 1
        elif kind == FACE:
            at = _skip_blanks(text, at + 1)
            corners, v0, t0, v1, t1 = 0, 0, 0, 0, 0
            while at >= 0 and not _is_break(text[at]) and text[at] != 35:
                iv, it, at = _corner(text, at)
                v2 = _resolve(iv, v, len(vertices))
                t2 = _resolve(it, t, len(texcoords))
                if at >= 0 and (v2 < 0 or (it != 0 and t2 < 0)):
                    out[0] = OUT_OF_RANGE
                    return
                corners += 1
                if corners == 1:
                    v0, t0 = v2, t2
                elif corners > 2 and at >= 0:
                    faces[f, 0], faces[f, 1], faces[f, 2] = v0, v1, v2
                    face_texcoord[f, 0], face_texcoord[f, 1], face_texcoord[f, 2] = t0, t1, t2
                    face_group[f] = g
                    f += 1
                v1, t1 = v2, t2
                if at >= 0:
                    at = _skip_blanks(text, at)
            if corners < 3:
                at = -1
        elif kind == GROUP:
            g += 1
            names[g, 0], names[g, 1] = at + 6, _line_end(text, at)
        elif kind == LIBRARY:
            b -= 1
            names[b, 0], names[b, 1] = at + 6, _line_end(text, at)
        if at < 0:
            out[0] = MALFORMED
            return
        at = _line_end(text, at) + 1


@kernel
def count_words(
    text: NDArray[np.uint8],  # (L + 4,)
    out: NDArray[np.int64],  # (1,)
) -> None:
    """Count what blanks and line ends separate."""
    out[0] = 0
    inside = False
    for at in range(len(text) - 4):
        blank = text[at] == 32 or text[at] == 9 or _is_break(text[at])
        if inside and blank:
            out[0] += 1
        inside = not blank
    if inside:
        out[0] += 1


@kernel
def fill_numbers(
    text: NDArray[np.uint8],  # (L + 4,)
    out: NDArray[np.float64],  # (N,) as counted by `count_words`
    status: NDArray[np.int64],  # (2,) 0 or MALFORMED; where that word starts
) -> None:
    """Read a text that holds numbers only."""
    at = 0
    status[0] = 0
    for k in range(len(out)):
        while text[at] == 32 or text[at] == 9 or _is_break(text[at]):
            at += 1
        status[1] = at
        out[k], at = _number(text, at)
        if at < 0 or not _is_end(text, at):
            status[0] = MALFORMED
            return
