"""Where flat views of the skin lie, so that together they show all of it."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel

TIE_MM2 = 1e-3
"""Of faces whose distances squared differ by less the first is taken: rounding must not choose."""


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
def _face_skin(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    look: NDArray[np.float64],  # (F, 3)
    axes: NDArray[np.float64],  # (3, 3)
) -> None:
    """Fill tangent, bitangent and normal: the tangent runs along the face's longest edge."""
    axes[2] = look[face]
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
def _take(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    reached: NDArray[np.int32],  # (K,) faces
    middle: NDArray[np.float64],  # (3,)
    axes: NDArray[np.float64],  # (3, 3)
    core_mm: float,
    done: NDArray[np.bool_],
    box: NDArray[np.float64],  # (2, 2)
) -> None:
    """Let a tile have the faces that it reaches and no tile before it has, and box them."""
    at = np.empty(2)
    box[0], box[1] = core_mm, -core_mm
    for face in reached:
        if not done[face]:
            done[face] = True
            _widen(vertices, faces, face, middle, axes, core_mm, at, box)


@kernel
def _reach(
    neighbours: NDArray[np.int32],  # (F, 3)
    normals: NDArray[np.float64],  # (F, 3)
    middles: NDArray[np.float64],  # (F, 3)
    seed: int,
    axes: NDArray[np.float64],  # (3, 3)
    core_mm: float,
    cos: float,
    mark: int,  # one that `seen` does not hold
    seen: NDArray[np.int32],  # (F,)
    queue: NDArray[np.int32],  # (F,) gets the faces
) -> int:
    """Grow over shared edges within the core, over faces seen squarely; returns how many."""
    queue[0], seen[seed] = seed, mark
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
            if facing >= cos and max(abs(right), abs(down)) <= core_mm:
                queue[tail] = other
                tail += 1
    return tail


@kernel
def _middlemost(
    reached: NDArray[np.int32],  # (K,) faces
    done: NDArray[np.bool_],  # (F,)
    area_mm2: NDArray[np.float64],  # (F,)
    middles: NDArray[np.float64],  # (F, 3)
    centre: NDArray[np.float64],  # (3,) scratch
) -> int:
    """Of the faces that are not done the one nearest to the centre of their area."""
    weight = 0.0
    centre[:] = 0.0
    for face in reached:
        if not done[face]:
            weight += area_mm2[face]
            for axis in range(3):
                centre[axis] += area_mm2[face] * middles[face, axis]
    if weight <= 0.0:
        return int(reached[0])
    least, nearest = np.inf, done.shape[0]
    for turn in range(2):
        for face in reached:
            if done[face]:
                continue
            away2 = 0.0
            for axis in range(3):
                away2 += (middles[face, axis] - centre[axis] / weight) ** 2
            if turn == 0:
                least = min(least, away2)
            elif away2 <= least + TIE_MM2:
                nearest = min(nearest, int(face))
    return int(nearest)


@kernel
def lay_tiles(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    normals: NDArray[np.float64],  # (F, 3)
    middles: NDArray[np.float64],  # (F, 3)
    area_mm2: NDArray[np.float64],  # (F,)
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

    Plan: a tile looks along the mean normal around its face; every face that a growth over shared
    edges reaches inside the tile's core, and that looks at it squarely enough, is done. For the
    first face without a tile one is tried, and laid where the middle of what it would add is: that
    leaves half of it for more. If the first face is then still without, it gets one of its own.
    Nothing here depends on where the body stands or how it is turned. The box holds the part of the
    core with faces that no tile before had done.
    """
    n, centre, axes = 0, np.empty(3), np.empty((3, 3))
    for first in order:
        if done[first] or n == out_axes.shape[0]:
            continue
        _face_skin(vertices, faces, first, look, axes)
        tail = _reach(neighbours, normals, middles, first, axes, core_mm, cos, -1 - n, seen, queue)
        seed = _middlemost(queue[:tail], done, area_mm2, middles, centre)
        for _ in range(2):
            _face_skin(vertices, faces, seed, look, out_axes[n])
            tail = _reach(
                neighbours, normals, middles, seed, out_axes[n], core_mm, cos, 1 + n, seen, queue
            )
            _take(
                vertices, faces, queue[:tail], middles[seed], out_axes[n], core_mm, done, out_box[n]
            )
            out_face[n] = seed
            n += 1
            if done[first] or n == out_axes.shape[0]:
                break
            seed = first
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

    Pixels along its edges may fall to the faces beside it: as many as the root of its pixels times
    a half count as shown, and one hit shows all of a face below a pixel.
    """
    flat = shown.reshape(-1)
    for i in range(flat.shape[0]):
        if flat[i] >= 0:
            count[flat[i]] += 1
    for m in range(face.shape[0]):
        if cos[m] < least_cos:
            continue
        px = area_mm2[face[m]] * cos[m] / (mm_per_px * mm_per_px)
        slack = 0.5 * max(math.sqrt(px), 1.0)
        part = min((count[m] + slack) / max(px, 1e-9), 1.0)
        share[face[m]] = max(share[face[m]], part)
