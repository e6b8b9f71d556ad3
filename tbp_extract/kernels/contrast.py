"""How far each pixel lies from its surrounding skin towards the lesion's own colour."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Skin's values fall into few bins: counted by turns in two, one count need not wait for the other.
@kernel
def _median(
    values: NDArray[np.float32],  # (K,)
    codes: NDArray[np.int32],  # (K,) or more, scratch
    bins: NDArray[np.int32],  # (2, B) scratch
) -> float:
    """Median of CIELAB values, interpolated in bins of 0.05 from -60 on."""
    count, n_bins, zero = values.shape[0], bins.shape[1], np.float32(0.0)
    first, last = np.int32(n_bins - 1), np.float32(n_bins - 1)
    for k in range(count):
        place = (values[k] + np.float32(60.0)) * np.float32(20.0)
        codes[k] = np.int32(min(max(place, zero), last))
        first = min(first, codes[k])
    bins[:] = 0
    for k in range(0, count - 1, 2):
        bins[0, codes[k]] += 1
        bins[1, codes[k + 1]] += 1
    if count % 2 == 1:
        bins[0, codes[count - 1]] += 1
    below = 0
    for b in range(first, n_bins):
        here = bins[0, b] + bins[1, b]
        if 2 * (below + here) >= count:
            share: float = (0.5 * count - below) / here
            return (b + share) / 20.0 - 60.0
        below += here
    return 0.0


@kernel
def _solve(m: NDArray[np.float64], right: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Solve a symmetric 3 x 3 system (Cramer); m (3, 3), right (3,), out (3,)."""
    c0 = m[1, 1] * m[2, 2] - m[1, 2] * m[2, 1]
    c1 = m[1, 2] * m[2, 0] - m[1, 0] * m[2, 2]
    c2 = m[1, 0] * m[2, 1] - m[1, 1] * m[2, 0]
    det = m[0, 0] * c0 + m[0, 1] * c1 + m[0, 2] * c2
    c4 = m[0, 0] * m[2, 2] - m[0, 2] * m[2, 0]
    c5 = m[0, 1] * m[2, 0] - m[0, 0] * m[2, 1]
    c8 = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
    out[0] = (c0 * right[0] + c1 * right[1] + c2 * right[2]) / det
    out[1] = (c1 * right[0] + c4 * right[1] + c5 * right[2]) / det
    out[2] = (c2 * right[0] + c5 * right[1] + c8 * right[2]) / det


# Median and median deviation first; then, per channel, a plane through the pixels that lie near
# the median in all channels. The plane's slope is held back by `stiff_mm2`, so that skin seen on
# one side only is not continued steeply to the other. Of a finer image every second pixel from the
# second one on is looked at.
@kernel
def fit_skin(
    lab: NDArray[np.float32],  # (N, 3, M, M)
    skin: NDArray[np.bool_],  # (N, M, M) pixels to fit; or (N, M // 2, M // 2)
    step_mm: float,
    stiff_mm2: float,
    out_plane: NDArray[np.float64],  # (N, 3, 3) per channel: middle, per mm down, per mm right
    out_sd: NDArray[np.float64],  # (N, 3) robust standard deviation from the plane
    out_count: NDArray[np.int64],  # (N,)
) -> None:
    """Model the skin of each image as a plane per CIELAB channel."""
    n_images, size = skin.shape[0], skin.shape[1]
    half, every = 0.5 * (size - 1), 1 if lab.shape[2] == size else 2
    values = np.empty((3, size * size), np.float32)
    work = np.empty(size * size, np.float32)
    down, across = np.empty(size * size, np.float32), np.empty(size * size, np.float32)
    bins, codes = np.empty((2, 2400), np.int32), np.empty(size * size, np.int32)
    median, spread = np.empty(3), np.empty(3)
    moment, right = np.empty((3, 3)), np.empty((3, 3))
    for n in range(n_images):
        count = 0
        for i in range(size):
            for j in range(size):
                if skin[n, i, j]:
                    down[count], across[count] = (i - half) * step_mm, (j - half) * step_mm
                    for c in range(3):
                        values[c, count] = lab[n, c, every * (i + 1) - 1, every * (j + 1) - 1]
                    count += 1
        out_count[n] = count
        out_plane[n] = np.nan
        out_sd[n] = np.nan
        if count < 3:
            continue
        for c in range(3):
            shift = np.float32(40.0) if c == 0 else np.float32(0.0)
            for k in range(count):
                work[k] = values[c, k] - shift
            median[c] = _median(work[:count], codes, bins) + shift
            for k in range(count):
                work[k] = abs(values[c, k] - np.float32(median[c]))
            spread[c] = 1.4826 * _median(work[:count], codes, bins)
        moment[:], right[:] = 0.0, 0.0
        for k in range(count):
            near = True
            for c in range(3):
                near &= abs(values[c, k] - median[c]) <= 2.5 * spread[c] + 0.5
            if not near:
                continue
            y, x = float(down[k]), float(across[k])
            moment[0, 0] += 1.0
            moment[0, 1] += y
            moment[0, 2] += x
            moment[1, 1] += y * y
            moment[1, 2] += y * x
            moment[2, 2] += x * x
            for c in range(3):
                away = values[c, k] - median[c]
                right[c, 0] += away
                right[c, 1] += away * y
                right[c, 2] += away * x
        if moment[0, 0] < 3.0:
            moment[0, 0] += 1.0
        moment[1, 0], moment[2, 0], moment[2, 1] = moment[0, 1], moment[0, 2], moment[1, 2]
        moment[1, 1] += stiff_mm2 * moment[0, 0]
        moment[2, 2] += stiff_mm2 * moment[0, 0]
        for c in range(3):
            _solve(moment, right[c], out_plane[n, c])
            out_plane[n, c, 0] += median[c]
            middle, slope = np.float32(out_plane[n, c, 0]), np.float32(out_plane[n, c, 1])
            tilt = np.float32(out_plane[n, c, 2])
            for k in range(count):
                plane = middle + down[k] * slope + across[k] * tilt
                work[k] = abs(values[c, k] - plane)
            out_sd[n, c] = 1.4826 * _median(work[:count], codes, bins)


# A box of 3 x 3 pixels is moved over the middle; the one whose mean differs most from skin, in
# units of skin's own scatter, times a bell over the distance from the middle, is the core.
@kernel
def find_core(
    lab: NDArray[np.float32],  # (N, 3, M, M)
    usable: NDArray[np.bool_],  # (N, M, M)
    plane: NDArray[np.float64],  # (N, 3, 3)
    sd: NDArray[np.float64],  # (N, 3) above 0
    step_mm: float,
    bell_mm: float,
    out_core: NDArray[np.bool_],  # (N, M, M)
) -> None:
    """Mark the middle of what looks least like skin near the middle of each image."""
    n_images, size = lab.shape[0], lab.shape[2]
    half = 0.5 * (size - 1)
    reach = min(2.5 * bell_mm / step_mm, half - 1.0)
    low, high = math.ceil(half - reach), math.floor(half + reach)
    total = np.empty(3)
    for n in range(n_images):
        out_core[n] = False
        best, row, col = 0.0, -1, -1
        for i in range(low, high + 1):
            for j in range(low, high + 1):
                if not usable[n, i, j]:
                    continue
                count = 0.0
                total[:] = 0.0
                for r in range(i - 1, i + 2):
                    for s in range(j - 1, j + 2):
                        if usable[n, r, s]:
                            count += 1.0
                            for c in range(3):
                                total[c] += lab[n, c, r, s]
                y, x = (i - half) * step_mm, (j - half) * step_mm
                far2 = 0.0
                for c in range(3):
                    skin = plane[n, c, 0] + y * plane[n, c, 1] + x * plane[n, c, 2]
                    far2 += ((total[c] / count - skin) / sd[n, c]) ** 2
                score = math.sqrt(far2) * math.exp(-0.5 * (y * y + x * x) / bell_mm**2)
                if score > best:
                    best, row, col = score, i, j
        if row >= 0:
            for i in range(row - 1, row + 2):
                for j in range(col - 1, col + 2):
                    out_core[n, i, j] = usable[n, i, j]


# The core may lie on a grid half as fine, whose pixels stand for two by two, at the end three.
@kernel
def core_contrast(
    lab: NDArray[np.float32],  # (3, M, M)
    usable: NDArray[np.bool_],  # (M, M)
    core: NDArray[np.bool_],  # (M, M), or (M // 2, M // 2) for M odd
    plane: NDArray[np.float64],  # (3, 3)
    step_mm: float,
    out: NDArray[np.float64],  # (3,) NaN where there is no core
) -> None:
    """Mean colour of the core minus that of the skin below it."""
    size, cells = lab.shape[1], core.shape[0]
    half, every = 0.5 * (size - 1), 1 if cells == size else 2
    count = one = two = three = down = right = 0.0
    for a in range(cells):
        for b in range(cells):
            if not core[a, b]:
                continue
            for i in range(every * a, size if a == cells - 1 else every * (a + 1)):
                for j in range(every * b, size if b == cells - 1 else every * (b + 1)):
                    if usable[i, j]:
                        count += 1.0
                        one += float(lab[0, i, j])
                        two += float(lab[1, i, j])
                        three += float(lab[2, i, j])
                        down += i - half
                        right += j - half
    out[0], out[1], out[2] = one, two, three
    for c in range(3):
        out[c] -= (down * plane[c, 1] + right * plane[c, 2]) * step_mm
        out[c] = out[c] / count - plane[c, 0] if count > 0.0 else np.nan


# The direction is that of best separation with independent channels: the core's difference over
# the variance of skin. Scaled so that skin is 0 and the core 1.
@kernel
def project(
    lab: NDArray[np.float32],  # (N, 3, M, M)
    usable: NDArray[np.bool_],  # (N, M, M)
    plane: NDArray[np.float64],  # (N, 3, 3)
    sd: NDArray[np.float64],  # (N, 3) above 0
    core: NDArray[np.bool_],  # (N, M, M) or (N, M // 2, M // 2)
    step_mm: float,
    out_contrast: NDArray[np.float32],  # (N, M, M); -1 where not usable, above -1 elsewhere
    out_core_lab: NDArray[np.float64],  # (N, 3) core minus skin
    out_noise: NDArray[np.float64],  # (N,) skin's standard deviation in units of the contrast
) -> None:
    """Project colours onto the line from skin to core."""
    n_images, size = lab.shape[0], lab.shape[2]
    half, least = 0.5 * (size - 1), np.float32(-0.99)
    weight, ramp = np.empty(3), np.empty(size, np.float32)
    for j in range(size):
        ramp[j] = j
    for n in range(n_images):
        core_contrast(lab[n], usable[n], core[n], plane[n], step_mm, out_core_lab[n])
        out_contrast[n], out_noise[n] = -1.0, np.nan
        far2 = noise2 = zero = down = right = 0.0
        for c in range(3):
            far2 += (out_core_lab[n, c] / sd[n, c]) ** 2
        if not far2 > 0.0:
            continue
        for c in range(3):
            weight[c] = out_core_lab[n, c] / sd[n, c] ** 2 / far2
            noise2 += (weight[c] * sd[n, c]) ** 2
            zero += weight[c] * plane[n, c, 0]
            down += weight[c] * plane[n, c, 1] * step_mm
            right += weight[c] * plane[n, c, 2] * step_mm
        out_noise[n] = math.sqrt(noise2)
        one, two, three = np.float32(weight[0]), np.float32(weight[1]), np.float32(weight[2])
        along = np.float32(right)
        for i in range(size):
            start = np.float32(zero + (i - half) * down - half * right)
            light, red, yellow = lab[n, 0, i], lab[n, 1, i], lab[n, 2, i]
            known, line = usable[n, i], out_contrast[n, i]
            for j in range(size):
                value = one * light[j] + two * red[j] + three * yellow[j]
                value = max(value - (start + ramp[j] * along), least)
                line[j] = value if known[j] else np.float32(-1.0)


@kernel
def _smooth_row(
    total: NDArray[np.float32],  # (M,) weighted sums down
    share: NDArray[np.float32],  # (M,) their weights
    usable: NDArray[np.bool_],  # (M,)
    line: NDArray[np.float32],  # (M,) changed
) -> None:
    """Second half of `smooth`: along a row."""
    last, two = len(line) - 1, np.float32(2.0)
    for j in range(1, last):
        known = share[j - 1] + two * share[j] + share[j + 1]
        value = total[j - 1] + two * total[j] + total[j + 1]
        # Where the pixel is not usable the sum of weights may be 0.
        line[j] = value / max(known, np.float32(1.0)) if usable[j] else line[j]
    for j in (0, last):
        left, right = max(j - 1, 0), min(j + 1, last)
        if usable[j]:
            known = share[left] + two * share[j] + share[right]
            line[j] = (total[left] + two * total[j] + total[right]) / known


@kernel
def smooth(
    usable: NDArray[np.bool_],  # (N, M, M)
    contrast: NDArray[np.float32],  # (N, M, M) of `project`, changed
) -> None:
    """Smooth by 1-2-1 both ways, usable pixels only."""
    size, two = contrast.shape[1], np.float32(2.0)
    total, share = np.empty((size, size), np.float32), np.empty((size, size), np.float32)
    for n in range(contrast.shape[0]):
        for i in range(size):
            up, down = max(i - 1, 0), min(i + 1, size - 1)
            above, here, below = contrast[n, up], contrast[n, i], contrast[n, down]
            seen_above, seen, seen_below = usable[n, up], usable[n, i], usable[n, down]
            sums, shares = total[i], share[i]
            for j in range(size):
                a, c = np.float32(seen_above[j]), np.float32(seen_below[j])
                b = two * np.float32(seen[j])
                shares[j] = a + b + c
                sums[j] = a * above[j] + b * here[j] + c * below[j]
        for i in range(size):
            _smooth_row(total[i], share[i], usable[n, i], contrast[n, i])


@kernel
def find_seed(
    contrast: NDArray[np.float32],  # (N, M, M); -1 where not usable
    core: NDArray[np.bool_],  # (N, M, M), or (N, M // 2, M // 2) as in `core_contrast`
    out_seed: NDArray[np.int64],  # (N,) flat index of the core's pixel of greatest contrast, or -1
) -> None:
    """Choose the pixel from which each region is grown."""
    size, cells = contrast.shape[1], core.shape[1]
    every = 1 if cells == size else 2
    for n in range(contrast.shape[0]):
        best = np.float32(-1.0)
        out_seed[n] = -1
        for a in range(cells):
            for b in range(cells):
                if not core[n, a, b]:
                    continue
                for i in range(every * a, size if a == cells - 1 else every * (a + 1)):
                    for j in range(every * b, size if b == cells - 1 else every * (b + 1)):
                        if contrast[n, i, j] > best:
                            best = contrast[n, i, j]
                            out_seed[n] = i * size + j


# What the first outline, on a grid half as fine, says of its surroundings.
@kernel
def surround(
    away_mm: NDArray[np.float32],  # (N, H, H) of `edge.rough`, inside above 0
    clear: NDArray[np.bool_],  # (N, M, M), M = 2 H + 1
    usable: NDArray[np.bool_],  # (N, H, H)
    skin_mm: tuple[float, float],  # skin lies between these distances outside
    rim_mm: tuple[float, float],  # the rim reaches so far inside and outside
    core_mm: float,  # the core lies deeper than this, or than half of the greatest depth
    out_ring: NDArray[np.bool_],  # (N, H, H) clear skin around
    out_core: NDArray[np.bool_],  # (N, H, H) usable pixels deep inside
    out_hidden: NDArray[np.float64],  # (N,) share of the rim that is not clear
) -> None:
    """Mark skin and core by a first outline."""
    near, far = np.float32(-skin_mm[0]), np.float32(-skin_mm[1])
    inside, outside = np.float32(rim_mm[0]), np.float32(-rim_mm[1])
    half = away_mm.shape[1]
    for n in range(away_mm.shape[0]):
        deepest = away_mm[n, 0, 0]
        for i in range(half):
            for j in range(half):
                deepest = max(deepest, away_mm[n, i, j])
        depth = min(np.float32(core_mm), np.float32(0.5) * deepest)
        rim = hidden = np.int32(0)
        for i in range(half):
            line, seen = away_mm[n, i], clear[n, 2 * i + 1]
            for j in range(half):
                away, shown = line[j], seen[np.uint64(2 * j + 1)]
                out_ring[n, i, j] = shown & (away < near) & (away > far)
                out_core[n, i, j] = usable[n, i, j] & (away > depth)
                at_rim = (away < inside) & (away > outside)
                rim = np.int32(rim + np.int32(at_rim))
                hidden = np.int32(hidden + np.int32(at_rim & (not shown)))
        out_hidden[n] = hidden / rim if rim > 0 else 0.0


# A pixel against the mean of the four that are two pixels away: what is left of a slope or of broad
# mottling is little.
@kernel
def grain(
    contrast: NDArray[np.float32],  # (N, M, M) of `smooth`
    skin: NDArray[np.bool_],  # (N, M // 2, M // 2) around every second pixel from the second one on
    out: NDArray[np.float64],  # (N,) NaN where there is no skin
) -> None:
    """Scatter of skin over two pixels: 1.48 times the median difference."""
    bins, fine, quarter = np.empty(512, np.int32), np.float32(2000.0), np.float32(0.25)
    for n in range(contrast.shape[0]):
        field = contrast[n]
        bins[:] = 0
        count = 0
        for r in range(1, skin.shape[1] - 1):
            for s in range(1, skin.shape[2] - 1):
                if skin[n, r, s]:
                    i, j = 2 * r + 1, 2 * s + 1
                    beside = field[i - 2, j] + field[i + 2, j] + field[i, j - 2] + field[i, j + 2]
                    place = int(abs(field[i, j] - quarter * beside) * fine)
                    bins[min(place, bins.shape[0] - 1)] += 1
                    count += 1
        out[n] = np.nan
        below = 0
        for b in range(bins.shape[0]):
            if count > 0 and 2 * (below + bins[b]) >= count:
                out[n] = 1.4826 * (b + (0.5 * count - below) / bins[b]) / 2000.0
                break
            below += bins[b]
