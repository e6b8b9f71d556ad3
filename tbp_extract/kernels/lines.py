"""Hairs: thin lines, darker or lighter than what lies beside them."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

# Room around the image that no step leaves.
_PAD = 8


@kernel
def _pad_lightness(
    lightness: NDArray[np.float32],  # (M, M)
    out: NDArray[np.int16],  # (P, P) 64 L*; the image's edge goes on outside of it
) -> None:
    """Take the lightness of an image with room around it."""
    size = lightness.shape[0]
    for i in range(size):
        line, shades = out[i + _PAD, _PAD : _PAD + size], lightness[i]
        for j in range(size):
            line[j] = np.int16(shades[j] * np.float32(64.0) + np.float32(0.5))
        out[i + _PAD, :_PAD], out[i + _PAD, _PAD + size :] = line[0], line[size - 1]
    out[:_PAD], out[_PAD + size :] = out[_PAD], out[_PAD + size - 1]


@kernel
def _quantile(
    plane: NDArray[np.int16],  # (P, P)
    part: float,
    bins: NDArray[np.int32],  # (K,) scratch; four units wide, 0 in the middle
) -> int:
    """Value below which a part of every fourth row lies, the room around left out."""
    size, middle, last = plane.shape[0] - 2 * _PAD, len(bins) // 2, len(bins) - 1
    bins[:] = 0
    count, below = 0, 0
    for i in range(_PAD, _PAD + size, 4):
        line = plane[i, _PAD : _PAD + size]
        for j in range(size):
            bins[min(max((line[j] >> 2) + middle, 0), last)] += 1
        count += size
    for value in range(len(bins)):
        below += bins[value]
        if below >= part * count:
            return 4 * (value - middle)
    return 0


# A hair falls within two pixels and no further; the middle of a narrow lesion, as deep as it may
# be, falls further from two pixels to four. So a fall counts by no more than what it has over the
# one beyond it. Flat: one loop over all pixels runs in vector registers.
@kernel
def _falls(
    light: NDArray[np.int16],  # (P * P,)
    across: int,  # P
    out: NDArray[np.int16],  # (P * P,), its rim left as it is
) -> None:
    """How far pixels lie below both sides, in that of four directions in which it is most."""
    rim = 4 * across + 4
    n = light.shape[0] - 2 * rim
    near = (2, 2 * across, 2 * across + 2, 2 * across - 2)
    far = (4, 4 * across, 3 * across + 3, 3 * across - 3)
    here, deep = light[rim : rim + n], out[rim : rim + n]
    for k in range(4):
        one, two = light[rim - near[k] :][:n], light[rim + near[k] :][:n]
        three, four = light[rim - far[k] :][:n], light[rim + far[k] :][:n]
        for p in range(n):
            low = one[p] if one[p] < two[p] else two[p]
            beyond = three[p] if three[p] < four[p] else four[p]
            fall = np.int16(low - here[p])
            over = np.int16(2 * fall - np.int16(beyond - here[p]))
            fall = fall if fall < over else over
            deep[p] = fall if k == 0 or fall > deep[p] else deep[p]


@kernel
def _mark_falls(
    fall: NDArray[np.int16],  # (P, P)
    enough: int,
    out: NDArray[np.uint8],  # (P, P) 1 where marked
) -> bool:
    """Mark what falls deep enough; whether anything does."""
    size, least = fall.shape[0] - 2 * _PAD, np.int16(enough)
    out[:] = 0
    total = np.int32(0)
    for i in range(_PAD, _PAD + size):
        deep, marks = fall[i, _PAD : _PAD + size], out[i, _PAD : _PAD + size]
        for j in range(size):
            marks[j] = np.uint8(deep[j] >= least)
        for j in range(size):
            total = np.int32(total + marks[j])
    return bool(total > 0)


# What lies between two dark hairs is lighter than both its sides without being a hair.
@kernel
def _drop_gaps(
    marks: NDArray[np.uint8],  # (P, P), changed
    lines: NDArray[np.bool_],  # (M, M) dark lines and what lies beside them
) -> None:
    """Unmark what has a dark line two pixels away."""
    last = lines.shape[0] - 1
    for i in range(lines.shape[0]):
        for j in range(lines.shape[0]):
            if marks[i + _PAD, j + _PAD] == 0:
                continue
            up, down, left, right = max(i - 2, 0), min(i + 2, last), max(j - 2, 0), min(j + 2, last)
            near = lines[up, j] | lines[down, j] | lines[i, left] | lines[i, right]
            near |= lines[up, left] | lines[up, right] | lines[down, left] | lines[down, right]
            marks[i + _PAD, j + _PAD] = not near


@kernel
def _line_through(
    marks: NDArray[np.uint8],  # (P * P,)
    place: int,
    probes: NDArray[np.int64],  # (D, T) steps in the plane along each direction
    least: int,
) -> int:
    """First direction in which enough of a line through a mark is marked; -1 for none."""
    allowed = probes.shape[1] - least
    for direction in range(probes.shape[0]):
        misses = 0
        for step in range(probes.shape[1]):
            misses += marks[np.uint64(place + probes[direction, step])] == 0
            if misses > allowed:
                break
        if misses <= allowed:
            return direction
    return -1


# All marks on a line are hair, so that only every second pixel is asked, and none that is hair
# already. Two rows ask the same columns: else a diagonal line might not be asked at all.
@kernel
def _keep_lines(
    marks: NDArray[np.uint8],  # (P, P) 1 where marked; 2 where on a line
    probes: NDArray[np.int64],  # (D, T) steps in the plane to look at
    lines: NDArray[np.int64],  # (D, L) all steps along the same directions
    least: int,
) -> None:
    """Tell marks that lie on a line from others."""
    across, flat = marks.shape[0], marks.ravel()
    for i in range(_PAD, across - _PAD):
        for j in range(_PAD + (i >> 1) % 2, across - _PAD, 2):
            if marks[i, j] != 1:
                continue
            place = i * across + j
            direction = _line_through(flat, place, probes, least)
            for step in range(lines.shape[1] if direction >= 0 else 0):
                other = np.uint64(place + lines[direction, step])
                flat[other] = min(2 * flat[other], 2)


@kernel
def _add_lines(
    marks: NDArray[np.uint8],  # (P, P) 2 on a line
    covered: NDArray[np.bool_],  # (M, M)
    out: NDArray[np.bool_],  # (M, M), added to
) -> int:
    """Add lines and the pixels beside them; how many covered ones lie on lines."""
    size, count = out.shape[0], 0
    for i in range(size):
        for j in range(size):
            if marks[i + _PAD, j + _PAD] == 2:
                out[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2] = True
                count += covered[i, j]
    return count


@kernel
def _invert(
    light: NDArray[np.int16],  # (P, P), changed
    covered: NDArray[np.bool_],  # (M, M)
) -> None:
    """Make light dark; what is not covered stays the darkest, beside which nothing falls."""
    size = covered.shape[0]
    light[:] = -light
    for i in range(size):
        line = light[i + _PAD, _PAD : _PAD + size]
        for j in range(size):
            line[j] = line[j] if covered[i, j] else np.int16(-8000)


@kernel
def find_lines(
    lab: NDArray[np.float32],  # (N, 3, M, M), of which only L* counts
    depth: float,  # least fall, as a share of the crop's median L* + 16
    contrast: float,  # least fall over the lower quartile of falls, which are below 0
    most: float,  # a fall that is always enough, as the first one
    covered: NDArray[np.bool_],  # (N, M, M)
    probes: NDArray[np.int64],  # (D, T) steps, of at most 8 pixels, in a plane M + 16 pixels wide
    lines: NDArray[np.int64],  # (D, L) all steps along the same directions
    least: int,
    out: NDArray[np.bool_],  # (N, M, M)
    out_px: NDArray[np.int64],  # (N,) covered pixels on lines, without those beside them
    out_scatter: NDArray[np.float64],  # (N,) lower quartile of falls, sign turned, as a share too
) -> None:
    """Mark thin lines in lightness, with what lies beside them.

    Dark ones first; light ones are dark ones of the inverted image.
    """
    across = lab.shape[2] + 2 * _PAD
    light, fall = np.empty((across, across), np.int16), np.empty((across, across), np.int16)
    marks, bins = np.empty((across, across), np.uint8), np.empty(4096, np.int32)
    for n in range(lab.shape[0]):
        out[n], out_px[n] = False, 0
        _pad_lightness(lab[n, 0], light)
        middle = _quantile(light, 0.5, bins)
        shade = middle + 1024.0
        for sign in range(2):
            if sign == 1:
                _invert(light, covered[n])
            _falls(light.ravel(), across, fall.ravel())
            scatter = max(-_quantile(fall, 0.25, bins) / shade, 0.0)
            out_scatter[n] = out_scatter[n] if sign else scatter
            enough = int(min(max(depth, contrast * scatter), most) * shade) + 1
            if not _mark_falls(fall, enough, marks):
                continue
            if out_px[n] > 0:
                _drop_gaps(marks, out[n])
            _keep_lines(marks, probes, lines, least)
            out_px[n] += _add_lines(marks, covered[n], out[n])


@kernel
def _mix_around(
    four: NDArray[np.float32],  # (M + 2 R, M + 2 R, 4) colours and share, 0 where not known
    row: int,
    col: int,
    weight: NDArray[np.float32],  # (2 R + 1, 2 R + 1)
    out: NDArray[np.float32],  # (4,) colours, and the sum of weights; 0 if nothing is known
) -> None:
    """Weighted mean of what is known around a pixel."""
    one = two = three = total = np.float32(0.0)
    for r in range(weight.shape[0]):
        for c in range(weight.shape[0]):
            w, beside = weight[r, c], four[row + r, col + c]
            one += w * beside[0]
            two += w * beside[1]
            three += w * beside[2]
            total += w * beside[3]
    out[:] = 0.0
    if total > np.float32(0.0):
        out[0], out[1], out[2], out[3] = one / total, two / total, three / total, total


# Colours lie in vectors of four with room around them, 0 where nothing is known, so that no
# neighbour need be asked whether it counts. What a round has filled is known to the next one.
@kernel
def _fill_image(
    known: NDArray[np.bool_],  # (M, M), changed
    covered: NDArray[np.bool_],  # (M, M)
    rounds: int,
    weight: NDArray[np.float32],  # (2 R + 1, 2 R + 1)
    four: NDArray[np.float32],  # (M + 2 R, M + 2 R, 4) scratch, 0 around the image
    places: NDArray[np.int32],  # (M * M, 2) scratch
    found: NDArray[np.float32],  # (M * M, 4) scratch
    values: NDArray[np.float32],  # (3, M, M), changed where not known
) -> None:
    """Fill pixels of one image."""
    size, reach, count = known.shape[0], weight.shape[0] // 2, 0
    for i in range(size):
        for j in range(size):
            if covered[i, j] and not known[i, j]:
                places[count, 0], places[count, 1] = i, j
                count += 1
    if count == 0:
        return
    for i in range(size):
        for j in range(size):
            share, here = np.float32(known[i, j]), four[i + reach, j + reach]
            here[0], here[1] = values[0, i, j] * share, values[1, i, j] * share
            here[2], here[3] = values[2, i, j] * share, share
    for _ in range(rounds):
        for k in range(count):
            _mix_around(four, places[k, 0], places[k, 1], weight, found[k])
        left = 0
        for k in range(count):
            i, j = places[k, 0], places[k, 1]
            if found[k, 3] > np.float32(0.0):
                known[i, j], found[k, 3] = True, 1.0
                values[0, i, j], values[1, i, j] = found[k, 0], found[k, 1]
                values[2, i, j] = found[k, 2]
                four[i + reach, j + reach, :] = found[k]
            else:
                places[left, 0], places[left, 1] = i, j
                left += 1
        if left in (0, count):
            return
        count = left


# Holes are narrow: what is known within reach, weighted by inverse squared distance, fills them.
@kernel
def fill_holes(
    known: NDArray[np.bool_],  # (N, M, M) changed: filled pixels are known
    covered: NDArray[np.bool_],  # (N, M, M) pixels to be filled where they are not known
    reach: int,
    rounds: int,
    values: NDArray[np.float32],  # (N, 3, M, M), changed where filled
) -> None:
    """Fill pixels from known ones around them."""
    size = known.shape[1]
    weight = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    four = np.zeros((size + 2 * reach, size + 2 * reach, 4), np.float32)
    places, found = np.empty((size * size, 2), np.int32), np.empty((size * size, 4), np.float32)
    for r in range(-reach, reach + 1):
        for c in range(-reach, reach + 1):
            if r != 0 or c != 0:
                weight[r + reach, c + reach] = 1.0 / (r * r + c * c) ** 2
    for n in range(known.shape[0]):
        _fill_image(known[n], covered[n], rounds, weight, four, places, found, values[n])
