"""Where flat views of the skin lie, so that together they show all of it."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def order_faces(
    neighbours: NDArray[np.int32],  # (F, 3)
    chunk: int,
    placed: NDArray[np.bool_],  # (F,) comes as False
    out: NDArray[np.int32],  # (F,)
) -> None:
    """Order faces so that what lies together on the skin lies together in memory.

    Plan: breadth first over shared edges, a chunk at a time; the list is its own queue. Only how
    faces hang together counts: moving or turning the body changes nothing.
    """
    n = 0
    for seed in range(neighbours.shape[0]):
        if placed[seed]:
            continue
        head = begin = n
        out[n], placed[seed] = seed, True
        n += 1
        while head < n and n - begin < chunk:
            face = out[head]
            head += 1
            for k in range(3):
                other = neighbours[face, k]
                if other >= 0 and not placed[other]:
                    out[n], placed[other] = other, True
                    n += 1


@kernel
def _set_axes(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], face: int, axes: NDArray[np.float64]
) -> None:
    """Fill tangent and bitangent: the tangent runs along the face's longest edge."""
    best = -1.0
    for k in range(3):
        a, b = faces[face, k], faces[face, (k + 1) % 3]
        along, length2 = 0.0, 0.0
        for axis in range(3):
            step = vertices[b, axis] - vertices[a, axis]
            along += step * axes[2, axis]
            length2 += step * step
        flat2 = length2 - along * along
        if flat2 > best:
            best = flat2
            for axis in range(3):
                step = vertices[b, axis] - vertices[a, axis]
                axes[0, axis] = (step - along * axes[2, axis]) / math.sqrt(max(flat2, 1e-12))
    # Down in the image: normal, right and down are a right-handed system seen from inside.
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        axes[1, axis] = axes[0, one] * axes[2, two] - axes[0, two] * axes[2, one]


@kernel
def _widen(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    middle: NDArray[np.float64],  # (3,)
    axes: NDArray[np.float64],  # (3, 3)
    core_mm: float,
    at: NDArray[np.float64],  # (2,) scratch
    box: NDArray[np.float64],  # (2, 2)
) -> None:
    """Let a box hold the part of a face that lies in the core."""
    for k in range(3):
        vertex = faces[face, k]
        at[:] = 0.0
        for axis in range(3):
            way = vertices[vertex, axis] - middle[axis]
            at[0] += way * axes[0, axis]
            at[1] += way * axes[1, axis]
        for side in range(2):
            inside = min(max(at[side], -core_mm), core_mm)
            box[0, side] = min(box[0, side], inside)
            box[1, side] = max(box[1, side], inside)


@kernel
def lay_tiles(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    normals: NDArray[np.float64],  # (F, 3)
    middles: NDArray[np.float64],  # (F, 3)
    look: NDArray[np.float64],  # (F, 3) unit normals of the skin around each face
    order: NDArray[np.int32],  # (F,) in which faces are asked whether they need a tile
    core_mm: float,  # half the side of what a tile answers for
    cos: float,  # least cosine at which a face counts as seen
    seen: NDArray[np.int32],  # (F,) zeros
    queue: NDArray[np.int32],  # (F,) scratch
    done: NDArray[np.bool_],  # (F,) faces that need no tile; all are set at the end
    out_face: NDArray[np.int32],  # (N,) with room for every face
    out_axes: NDArray[np.float64],  # (M, 3, 3)
    out_box: NDArray[np.float64],  # (M, 2, 2) least and most, right and down of the middle, mm
) -> int:
    """Greedy cover in an order of the faces; returns how many tiles were laid, at most M.

    Plan: the first face without a tile gets one that looks along the mean normal around it; every
    face that a growth over shared edges reaches inside the tile's core, and that looks at it
    squarely enough, is done. Nothing here depends on where the body stands or how it is turned.
    The box holds the part of the core with faces that no tile before had done.
    """
    n, at = 0, np.empty(2)
    for at_face in range(order.shape[0]):
        seed = order[at_face]
        if done[seed]:
            continue
        if n == out_axes.shape[0]:
            break
        axes = out_axes[n]
        axes[2] = look[seed]
        _set_axes(vertices, faces, seed, axes)
        mark = n + 1
        queue[0], seen[seed], done[seed] = seed, mark, True
        out_box[n, 0], out_box[n, 1] = core_mm, -core_mm
        _widen(vertices, faces, seed, middles[seed], axes, core_mm, at, out_box[n])
        head, tail = 0, 1
        while head < tail:
            face = queue[head]
            head += 1
            for k in range(3):
                other = neighbours[face, k]
                if other < 0 or seen[other] == mark:
                    continue
                seen[other] = mark
                right, down, facing = 0.0, 0.0, 0.0
                for axis in range(3):
                    way = middles[other, axis] - middles[seed, axis]
                    right += way * axes[0, axis]
                    down += way * axes[1, axis]
                    facing += normals[other, axis] * axes[2, axis]
                if facing < cos or max(abs(right), abs(down)) > core_mm:
                    continue
                if not done[other]:
                    done[other] = True
                    _widen(vertices, faces, other, middles[seed], axes, core_mm, at, out_box[n])
                queue[tail] = other
                tail += 1
        out_face[n] = seed
        n += 1
    return n


@kernel
def add_shares(
    shown: NDArray[np.int32],  # (N, S, S) row that shows in each pixel, -1 for none
    face: NDArray[np.int32],  # (M,) of each row
    cos: NDArray[np.float32],  # (M,) between the face and its view
    area_mm2: NDArray[np.float64],  # (F,)
    mm_per_px: float,
    least_cos: float,
    count: NDArray[np.int64],  # (M,) zeros
    share: NDArray[np.float64],  # (F,) of each face that one view has shown, raised
) -> None:
    """Raise the share of each face that a view shows squarely enough to what it shows of it.

    A face below a pixel may fall between samples: one hit of it shows it all.
    """
    flat = shown.reshape(-1)
    for i in range(flat.shape[0]):
        if flat[i] >= 0:
            count[flat[i]] += 1
    for m in range(face.shape[0]):
        if cos[m] < least_cos:
            continue
        px = area_mm2[face[m]] * cos[m] / (mm_per_px * mm_per_px)
        part = min((count[m] + 0.5) / max(px, 1e-9), 1.0)
        share[face[m]] = max(share[face[m]], part)
