"""Hairs: thin lines, darker or lighter than what lies beside them."""

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


# Images are flat here: one loop over all pixels runs in vector registers. What wraps around a row's
# end reaches the padding only.
@kernel
def _highest(
    image: NDArray[np.float32],  # (P * P,)
    shift: int,
    out: NDArray[np.float32],  # (P * P,); stays as it is where the line leaves the image
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
    image: NDArray[np.float32],  # (P * P,)
    shift: int,
    out: NDArray[np.float32],  # (P * P,); stays as it is where the line leaves the image
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
    image: NDArray[np.float32],  # (P * P,)
    across: int,  # P
    buffers: NDArray[np.float32],  # (2, P * P)
    out: NDArray[np.float32],  # (P * P,)
) -> None:
    """How far a pixel lies below its closings or above its openings, whichever is more."""
    first, second = buffers[0], buffers[1]
    first[:], second[:] = image, image
    out[:] = 0.0
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
    start: int,
    stack: NDArray[np.int32],  # (M * M,) gets the pixels of the part
) -> int:
    """Collect the 8-connected part of 1s around a pixel; their number."""
    size = seen.shape[0]
    stack[0] = start
    seen[start // size, start % size] = 2
    count, done = 1, 0
    while done < count:
        row, col = stack[done] // size, stack[done] % size
        done += 1
        for i in range(max(row - 1, 0), min(row + 2, size)):
            for j in range(max(col - 1, 0), min(col + 2, size)):
                if seen[i, j] == 1:
                    seen[i, j] = 2
                    stack[count] = i * size + j
                    count += 1
    return count


@kernel
def _keep_long(
    seen: NDArray[np.int8],  # (M, M) 1 where a line may be
    least_px: int,
    stack: NDArray[np.int32],  # (M * M,)
    out: NDArray[np.bool_],  # (M, M)
) -> None:
    """Mark the parts that are long enough and leave most of their box."""
    size = seen.shape[0]
    for start in range(size * size):
        if seen[start // size, start % size] != 1:
            continue
        count = _grow(seen, start, stack)
        top = left = size
        bottom = right = 0
        for k in range(count):
            row, col = stack[k] // size, stack[k] % size
            top, bottom = min(top, row), max(bottom, row)
            left, right = min(left, col), max(right, col)
        length = max(bottom - top, right - left) + 1
        room = (bottom - top + 1) * (right - left + 1)
        if length >= least_px and count <= max(5 * length, 0.3 * room):
            for k in range(count):
                out[stack[k] // size, stack[k] % size] = True


# A dark line is filled by a closing across it and stays under one along it, so the greatest of
# four closings of five pixels lies above it; blobs wider than five pixels are left. A light line
# is the same upside down. The image is padded by four pixels: two for each of two passes.
@kernel
def find_lines(
    light: NDArray[np.float32],  # (N, M, M) lightness
    depth: float,  # least difference from what lies beside
    contrast: float,  # least difference over the usual one: median of each fourth row's median
    least_px: int,  # least length
    out: NDArray[np.bool_],  # (N, M, M)
) -> None:
    """Mark lines of at most four pixels' width in lightness."""
    n_images, size = light.shape[0], light.shape[1]
    across = size + 8
    padded = np.empty((across, across), np.float32)
    jump = np.empty((across, across), np.float32)
    buffers = np.empty((2, across * across), np.float32)
    seen = np.empty((size, size), np.int8)
    stack = np.empty(size * size, np.int32)
    rows = (size + 3) // 4
    usual = np.empty(rows, np.float32)
    for n in range(n_images):
        for i in range(across):
            row = min(max(i - 4, 0), size - 1)
            padded[i, 4 : size + 4] = light[n, row]
            padded[i, :4] = light[n, row, 0]
            padded[i, size + 4 :] = light[n, row, size - 1]
        _jump(padded.ravel(), across, buffers, jump.ravel())
        for i in range(rows):
            usual[i] = np.median(jump[4 * i + 4, 4 : size + 4])
        enough = max(depth, contrast * np.median(usual))
        for i in range(size):
            for j in range(size):
                seen[i, j] = 1 if jump[i + 4, j + 4] > enough else 0
        out[n] = False
        _keep_long(seen, least_px, stack, out[n])


# Holes are narrow: what is known within reach, weighted by inverse squared distance, fills them.
@kernel
def fill_holes(
    known: NDArray[np.bool_],  # (N, M, M)
    wanted: NDArray[np.bool_],  # (N, M, M) pixels to be filled; none of them known
    reach: int,
    values: NDArray[np.float32],  # (N, M, M, 3), changed where wanted
    out_filled: NDArray[np.bool_],  # (N, M, M) whether anything was in reach
) -> None:
    """Fill pixels from known ones around them."""
    n_images, size = known.shape[0], known.shape[1]
    for n in range(n_images):
        for i in range(size):
            for j in range(size):
                out_filled[n, i, j] = False
                if not wanted[n, i, j]:
                    continue
                total = one = two = three = 0.0
                for r in range(max(i - reach, 0), min(i + reach + 1, size)):
                    for c in range(max(j - reach, 0), min(j + reach + 1, size)):
                        if known[n, r, c]:
                            w = 1.0 / ((r - i) ** 2 + (c - j) ** 2) ** 2
                            total += w
                            one += w * values[n, r, c, 0]
                            two += w * values[n, r, c, 1]
                            three += w * values[n, r, c, 2]
                if total > 0.0:
                    values[n, i, j, 0] = one / total
                    values[n, i, j, 1] = two / total
                    values[n, i, j, 2] = three / total
                    out_filled[n, i, j] = True
