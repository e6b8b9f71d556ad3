"""Hairs: thin lines, darker or lighter than what lies beside them."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Images are flat here: one loop over all pixels runs in vector registers. What wraps around a row's
# end reaches the padding only.
@kernel
def _highest(
    image: NDArray[np.int16],  # (P * P,)
    shift: int,
    out: NDArray[np.int16],  # (P * P,); stays as it is where the line leaves the image
) -> None:
    """Greatest of five pixels that are `shift` apart."""
    n = image.shape[0] - 4 * shift
    one, two, three = image[:n], image[shift : shift + n], image[2 * shift : 2 * shift + n]
    four, five = image[3 * shift : 3 * shift + n], image[4 * shift :]
    middle = out[2 * shift : 2 * shift + n]
    for p in range(n):
        left = one[p] if one[p] > two[p] else two[p]
        right = four[p] if four[p] > five[p] else five[p]
        most = left if left > right else right
        middle[p] = most if most > three[p] else three[p]


@kernel
def _lowest(
    image: NDArray[np.int16],  # (P * P,)
    shift: int,
    out: NDArray[np.int16],  # (P * P,); stays as it is where the line leaves the image
) -> None:
    """Least of five pixels that are `shift` apart."""
    n = image.shape[0] - 4 * shift
    one, two, three = image[:n], image[shift : shift + n], image[2 * shift : 2 * shift + n]
    four, five = image[3 * shift : 3 * shift + n], image[4 * shift :]
    middle = out[2 * shift : 2 * shift + n]
    for p in range(n):
        left = one[p] if one[p] < two[p] else two[p]
        right = four[p] if four[p] < five[p] else five[p]
        most = left if left < right else right
        middle[p] = most if most < three[p] else three[p]


@kernel
def _jump(
    image: NDArray[np.int16],  # (P * P,)
    across: int,  # P
    buffers: NDArray[np.int16],  # (2, P * P)
    out: NDArray[np.int16],  # (P * P,)
) -> None:
    """How far a pixel lies below its closings or above its openings, whichever is more."""
    first, second = buffers[0], buffers[1]
    first[:], second[:] = image, image
    out[:] = 0
    for shift in (1, across, across + 1, across - 1):
        _highest(image, shift, first)
        _lowest(first, shift, second)
        for p in range(image.shape[0]):
            jump = second[p] - image[p]
            out[p] = jump if jump > out[p] else out[p]
        _lowest(image, shift, first)
        _highest(first, shift, second)
        for p in range(image.shape[0]):
            jump = image[p] - second[p]
            out[p] = jump if jump > out[p] else out[p]


@kernel
def _grow(
    seen: NDArray[np.int8],  # (M, M) 1: to be visited; becomes 2
    first_row: int,
    first_col: int,
    stack: NDArray[np.int32],  # (M * M, 2) gets the pixels of the part
) -> int:
    """Collect the 8-connected part of 1s around a pixel; their number."""
    size = seen.shape[0]
    stack[0, 0], stack[0, 1] = first_row, first_col
    seen[first_row, first_col] = 2
    count, done = 1, 0
    while done < count:
        row, col = stack[done]
        done += 1
        for i in range(max(row - 1, 0), min(row + 2, size)):
            for j in range(max(col - 1, 0), min(col + 2, size)):
                if seen[i, j] == 1:
                    seen[i, j] = 2
                    stack[count, 0], stack[count, 1] = i, j
                    count += 1
    return count


@kernel
def _keep_long(
    seen: NDArray[np.int8],  # (M, M) 1 where a line may be
    least_px: int,
    stack: NDArray[np.int32],  # (M * M, 2)
    out: NDArray[np.bool_],  # (M, M)
) -> None:
    """Mark the parts that are long enough and leave most of their box, or fill the image."""
    size = seen.shape[0]
    for i in range(size):
        for j in range(size):
            if seen[i, j] != 1:
                continue
            count = _grow(seen, i, j, stack)
            top = left = size
            bottom = right = 0
            for k in range(count):
                row, col = stack[k]
                top, bottom = min(top, row), max(bottom, row)
                left, right = min(left, col), max(right, col)
            length = max(bottom - top, right - left) + 1
            room = (bottom - top + 1) * (right - left + 1)
            sparse = count <= max(5 * length, 0.3 * room)
            # A net that fills a third of the image is no lesion's own structure.
            if length >= least_px and (sparse or 3 * count > size * size):
                for k in range(count):
                    out[stack[k, 0], stack[k, 1]] = True


@kernel
def _usual(jump: NDArray[np.int16], size: int, bins: NDArray[np.int32]) -> int:
    """Lower median of every fourth row, the padding left out."""
    bins[:] = 0
    count, below = 0, 0
    for i in range(0, size, 4):
        for j in range(size):
            bins[min(jump[i + 4, j + 4], len(bins) - 1)] += 1
            count += 1
    for value in range(len(bins)):
        below += bins[value]
        if 2 * below >= count:
            return value
    return 0


# A dark line is filled by a closing across it and stays under one along it, so the greatest of
# four closings of five pixels lies above it; blobs wider than five pixels are left. A light line
# is the same upside down. The image is padded by four pixels: two for each of two passes. Whole
# numbers run twice as fast.
@kernel
def find_lines(
    lab: NDArray[np.float32],  # (N, 3, M, M), of which only L* counts
    depth: float,  # least difference from what lies beside
    contrast: float,  # least difference over the usual one
    most: float,  # a difference that is always enough
    least_px: int,  # least length
    out: NDArray[np.bool_],  # (N, M, M)
) -> None:
    """Mark lines of at most four pixels' width in lightness."""
    n_images, size = lab.shape[0], lab.shape[2]
    across = size + 8
    padded = np.empty((across, across), np.int16)
    jump = np.empty((across, across), np.int16)
    buffers = np.empty((2, across * across), np.int16)
    seen = np.empty((size, size), np.int8)
    stack, bins = np.empty((size * size, 2), np.int32), np.empty(1024, np.int32)
    for n in range(n_images):
        for i in range(across):
            row = min(max(i - 4, 0), size - 1)
            for j in range(size):
                # 64ths of L*.
                padded[i, j + 4] = np.int16(lab[n, 0, row, j] * np.float32(64.0) + np.float32(0.5))
            padded[i, :4], padded[i, size + 4 :] = padded[i, 4], padded[i, size + 3]
        _jump(padded.ravel(), across, buffers, jump.ravel())
        enough = min(max(64.0 * depth, contrast * _usual(jump, size, bins)), 64.0 * most)
        for i in range(size):
            for j in range(size):
                seen[i, j] = 1 if jump[i + 4, j + 4] > enough else 0
        out[n] = False
        _keep_long(seen, least_px, stack, out[n])


# Holes are narrow: what is known within reach, weighted by inverse squared distance, fills them.
# Colours lie in vectors of four with room around them, 0 where nothing is known, so that no
# neighbour need be asked whether it counts.
@kernel
def _fill_image(
    known: NDArray[np.bool_],  # (M, M)
    wanted: NDArray[np.bool_],  # (M, M)
    weight: NDArray[np.float32],  # (2 R + 1, 2 R + 1)
    four: NDArray[np.float32],  # (M + 2 R, M + 2 R, 4) scratch, 0 around the image
    values: NDArray[np.float32],  # (3, M, M), changed where wanted
    out_filled: NDArray[np.bool_],  # (M, M)
) -> None:
    """Fill pixels of one image."""
    size, across = known.shape[0], weight.shape[0]
    reach, zero = across // 2, np.float32(0.0)
    for i in range(size):
        for j in range(size):
            share = np.float32(1.0) if known[i, j] else zero
            here = four[i + reach, j + reach]
            here[0], here[1] = values[0, i, j] * share, values[1, i, j] * share
            here[2], here[3] = values[2, i, j] * share, share
    for i in range(size):
        for j in range(size):
            if not wanted[i, j]:
                continue
            one = two = three = total = zero
            for r in range(across):
                for c in range(across):
                    w, beside = weight[r, c], four[i + r, j + c]
                    one += w * beside[0]
                    two += w * beside[1]
                    three += w * beside[2]
                    total += w * beside[3]
            if total > zero:
                values[0, i, j], values[1, i, j] = one / total, two / total
                values[2, i, j] = three / total
                out_filled[i, j] = True


@kernel
def fill_holes(
    known: NDArray[np.bool_],  # (N, M, M)
    wanted: NDArray[np.bool_],  # (N, M, M) pixels to be filled; none of them known
    reach: int,
    values: NDArray[np.float32],  # (N, 3, M, M), changed where wanted
    out_filled: NDArray[np.bool_],  # (N, M, M) whether anything was in reach
) -> None:
    """Fill pixels from known ones around them."""
    room = known.shape[1] + 2 * reach
    weight = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    four = np.zeros((room, room, 4), np.float32)
    for r in range(-reach, reach + 1):
        for c in range(-reach, reach + 1):
            if r != 0 or c != 0:
                weight[r + reach, c + reach] = 1.0 / (r * r + c * c) ** 2
    for n in range(known.shape[0]):
        out_filled[n] = False
        if wanted[n].any():
            _fill_image(known[n], wanted[n], weight, four, values[n], out_filled[n])
