"""Colours inside and around one region an image."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# One look over the image lists the pixels of both sides; all that follows runs along those lists.
@kernel
def choose_sides(
    mask: NDArray[np.bool_],  # (M, M)
    clear: NDArray[np.bool_],  # (M, M)
    away_mm: NDArray[np.float32],  # (M, M)
    reach_mm: NDArray[np.float32],  # (2,) the surrounding lies between these distances outside
    least_px: int,
    side: NDArray[np.int8],  # (M,) scratch
    out_inside: NDArray[np.int32],  # (M * M,) clear pixels of the mask; all if they are too few
    out_around: NDArray[np.int32],  # (M * M,) clear pixels around
    out_px: NDArray[np.int64],  # (2,) how many of each
) -> None:
    """List the pixels whose colours are compared, as flat indices."""
    size, near, far = mask.shape[0], -reach_mm[0], -reach_mm[1]
    inside = around = 0
    for i in range(size):
        own, seen, away, some = mask[i], clear[i], away_mm[i], np.int8(0)
        for j in range(size):
            ring = seen[j] & (away[j] < near) & (away[j] > far)
            side[j] = np.int8(own[j] & seen[j]) + np.int8(2) * np.int8(ring)
            some |= side[j]
        for j in range(size if some > 0 else 0):
            # Written always, kept where it belongs: no branch to guess.
            out_inside[inside] = out_around[around] = i * size + j
            inside += int(side[j] & 1)
            around += int(side[j] >> 1)
    if inside < least_px:
        inside = 0
        for i in range(size):
            for j in range(size):
                if mask[i, j]:
                    out_inside[inside] = i * size + j
                    inside += 1
    out_px[0], out_px[1] = inside, around


# Two rounds: the second leaves out what lies beyond `trim` standard deviations of lightness in the
# first, where that is finite.
@kernel
def colour_means(
    lab: NDArray[np.float32],  # (3, P)
    places: NDArray[np.int32],  # (K,) pixels
    trim: float,
    out: NDArray[np.float64],  # (4,) means of L*, a*, b*, standard deviation of L*; NaN if none
) -> None:
    """Mean colour of some pixels, and the spread of their lightness."""
    out[:] = np.nan
    low, high = -np.inf, np.inf
    for _ in range(2):
        count = one = two = three = square = 0.0
        for k in range(places.shape[0]):
            place = np.uint64(places[k])
            light = float(lab[0, place])
            if low <= light <= high:
                count += 1.0
                one += light
                square += light * light
                two += float(lab[1, place])
                three += float(lab[2, place])
        if count == 0.0:
            break
        out[0], out[1], out[2] = one / count, two / count, three / count
        out[3] = math.sqrt(max(square / count - out[0] ** 2, 0.0))
        low, high = out[0] - trim * out[3], out[0] + trim * out[3]
        if trim == np.inf:
            break


@kernel
def mean_distance(
    lab: NDArray[np.float32],  # (3, P)
    places: NDArray[np.int32],  # (K,) pixels
    light: float,
    yellow: float,
) -> float:
    """Mean distance of some pixels from a colour in the plane of L* and b*; NaN if none."""
    total = 0.0
    for k in range(places.shape[0]):
        place = np.uint64(places[k])
        down, along = lab[0, place] - light, lab[2, place] - yellow
        total += math.sqrt(down * down + along * along)
    return total / places.shape[0] if places.shape[0] > 0 else np.nan


# Pixels count by how far they lie below the rim: one that crosses its limit as the outline moves by
# a hair's breadth does not make the value jump.
@kernel
def deep_spread(
    lab: NDArray[np.float32],  # (3, P), of which only L* counts
    away_mm: NDArray[np.float32],  # (P,)
    places: NDArray[np.int32],  # (K,) pixels
    depth_mm: float,  # so far below the outline a pixel begins to count; twice as far it does
    least_px: int,
) -> float:
    """Measure the scatter of lightness below the rim, of all if few lie there; NaN if none."""
    count, weight, one, two, all_one, all_two = 0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(places.shape[0]):
        place = np.uint64(places[k])
        light, below = float(lab[0, place]), float(away_mm[place]) / depth_mm - 1.0
        share = min(max(below, 0.0), 1.0)
        count += below > 0.0
        weight += share
        one += share * light
        two += share * light * light
        all_one += light
        all_two += light * light
    if count < least_px:
        weight, one, two = float(places.shape[0]), all_one, all_two
    return math.sqrt(max(two / weight - (one / weight) ** 2, 0.0)) if weight > 0.0 else np.nan


@kernel
def _sector(down: float, right: float) -> int:
    """Eighth of a turn, 0..7, counted from the left over the top; as an arc tangent would say."""
    if down >= 0.0:
        if right > 0.0 or (right == 0.0 and down == 0.0):
            return 4 if down < right or down == 0.0 else 5
        return 6 if -right < down else 7
    if right < 0.0:
        return 0 if down > right else 1
    return 2 if -down > right else 3


# Cells are rings of equal depth below the outline, cut into eight sectors around the centroid. What
# differs between the cells of a ring is colour asymmetry, without the fall towards the edge. Cells
# and rings weigh as many pixels as they have, so that one that is hardly there hardly matters.
@kernel
def ring_spread(
    lab: NDArray[np.float32],  # (3, P)
    away_mm: NDArray[np.float32],  # (P,)
    places: NDArray[np.int32],  # (K,) pixels
    size: int,  # pixels a row
    middle: NDArray[np.float64],  # (2,) row and column
    ring_mm: float,
    least_px: int,  # a cell counts from so many pixels on
    cells: NDArray[np.float64],  # (R, 8, 4) scratch
    out: NDArray[np.float64],  # (2,) mean and maximum over rings; both 0 where no ring counts
) -> None:
    """Root mean square over L*, a*, b* of the SD among the cells of a ring; mean and maximum."""
    n_rings, most = cells.shape[0], 0
    cells[:] = 0.0
    for k in range(places.shape[0]):
        place = np.uint64(places[k])
        ring = min(int(away_mm[place] / ring_mm), n_rings) - 1
        # The outermost ring is mixed with skin.
        if ring < 0:
            continue
        most, row = max(most, ring + 1), places[k] // size
        cell = cells[ring, _sector(row - middle[0], places[k] - row * size - middle[1])]
        cell[3] += 1.0
        for c in range(3):
            cell[c] += lab[c, place]
    weight = out[0] = out[1] = 0.0
    for ring in range(most):
        counted = pixels = variance = 0.0
        for sector in range(8):
            if cells[ring, sector, 3] >= least_px:
                counted += 1.0
                pixels += cells[ring, sector, 3]
        for c in range(3 if counted >= 4.0 else 0):
            one = two = 0.0
            for sector in range(8):
                here = cells[ring, sector, 3]
                if here >= least_px:
                    one += cells[ring, sector, c] / pixels
                    two += cells[ring, sector, c] ** 2 / here / pixels
            variance += max(two - one**2, 0.0) / 3.0
        if counted >= 4.0:
            weight += pixels
            out[0] += pixels * math.sqrt(variance)
            out[1] = max(out[1], math.sqrt(variance))
    if weight > 0.0:
        out[0] /= weight


@kernel
def compare(
    lab: NDArray[np.float32],  # (N, 3, M, M)
    mask: NDArray[np.bool_],  # (N, M, M)
    clear: NDArray[np.bool_],  # (N, M, M)
    away_mm: NDArray[np.float32],  # (N, M, M)
    middle: NDArray[np.float64],  # (N, 2) row and column of the centroid
    reach_mm: NDArray[np.float32],  # (2,) of `choose_sides`
    trim: float,
    depth_mm: float,  # what lies less deep is mixed with skin; the width of a ring
    least_px: NDArray[np.int64],  # (2,) in a side, in a cell
    out_means: NDArray[np.float64],  # (N, 2, 4) of `colour_means`: inside, around
    out_spread: NDArray[np.float64],  # (N, 4) `mean_distance`, `deep_spread`, both of `ring_spread`
    out_px: NDArray[np.int64],  # (N, 2) pixels inside and around
) -> None:
    """Compare the colours of each region with those around it, crop after crop in one scratch."""
    size, cells = mask.shape[1], np.empty((64, 8, 4))
    lists, side = np.empty((2, size * size + 1), np.int32), np.empty(size, np.int8)
    for n in range(mask.shape[0]):
        colours, away = lab[n].reshape(3, size * size), away_mm[n].reshape(-1)
        choose_sides(
            *(mask[n], clear[n], away_mm[n], reach_mm, least_px[0], side),
            *(lists[0], lists[1], out_px[n]),
        )
        inside, around = lists[0, : out_px[n, 0]], lists[1, : out_px[n, 1]]
        colour_means(colours, inside, np.inf, out_means[n, 0])
        colour_means(colours, around, trim, out_means[n, 1])
        out_spread[n, 0] = mean_distance(colours, inside, out_means[n, 1, 0], out_means[n, 1, 2])
        out_spread[n, 1] = deep_spread(colours, away, inside, depth_mm, least_px[0])
        ring_spread(
            *(colours, away, inside, size, middle[n], depth_mm, least_px[1], cells),
            out_spread[n, 2:],
        )
