"""Lay the skin around a point flat: straight from above, or unrolled along the skin.

Both kernels fill rows of one growing list and return how many crops they finished; when the room
runs out the caller gives more and goes on from there.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _misses_window(corners: NDArray[np.float64], half: float) -> bool:  # (3, 2)
    for axis in range(2):
        a, b, c = corners[0, axis], corners[1, axis], corners[2, axis]
        if min(a, b, c) > half or max(a, b, c) < -half:
            return True
    return False


@kernel
def orthographic_patches(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    face_normals: NDArray[np.float64],  # (F, 3)
    seed: NDArray[np.int32],  # (N,)
    origin: NDArray[np.float64],  # (N, 3)
    axes: NDArray[np.float64],  # (N, 3, 3)
    half: float,  # half the window, mm
    reach: float,  # how far above or below the tangent plane, mm
    first: int,
    seen: NDArray[np.int32],  # (F,) holds no n + 1 of the crops to come
    queue: NDArray[np.int32],  # (F,)
    out_start: NDArray[np.int64],  # (N + 1,) filled up to `first`
    out_face: NDArray[np.int32],  # (M,)
    out_corner: NDArray[np.float64],  # (M, 3, 2)
    out_height: NDArray[np.float64],  # (M, 3)
) -> int:
    """Grow from each seed over faces that look at the camera and touch the window.

    Plan: breadth first over shared edges. A face that turns away, leaves the window or lies
    beyond reach ends the growth there, so nothing is drawn that the skin inside the window does
    not lead to. Faces without area are passed over: they look nowhere.
    """
    corner, height = np.empty((3, 2)), np.empty(3)
    for n in range(first, seed.shape[0]):
        row = out_start[n]
        queue[0] = seed[n]
        seen[seed[n]] = n + 1
        head, tail = 0, 1
        while head < tail:
            face = queue[head]
            head += 1
            facing, has_area = 0.0, False
            for axis in range(3):
                facing += face_normals[face, axis] * axes[n, 2, axis]
                has_area = has_area or face_normals[face, axis] != 0.0
            if has_area and facing <= 1e-3:
                continue
            for k in range(3):
                vertex = faces[face, k]
                dx = vertices[vertex, 0] - origin[n, 0]
                dy = vertices[vertex, 1] - origin[n, 1]
                dz = vertices[vertex, 2] - origin[n, 2]
                corner[k, 0] = dx * axes[n, 0, 0] + dy * axes[n, 0, 1] + dz * axes[n, 0, 2]
                corner[k, 1] = dx * axes[n, 1, 0] + dy * axes[n, 1, 1] + dz * axes[n, 1, 2]
                height[k] = dx * axes[n, 2, 0] + dy * axes[n, 2, 1] + dz * axes[n, 2, 2]
            if _misses_window(corner, half) or min(height) > reach or max(height) < -reach:
                continue
            if has_area:
                if row == out_face.shape[0]:
                    return int(n)
                out_face[row] = face
                out_corner[row] = corner
                out_height[row] = height
                row += 1
            for k in range(3):
                other = neighbours[face, k]
                if other >= 0 and seen[other] != n + 1:
                    seen[other] = n + 1
                    queue[tail] = other
                    tail += 1
        out_start[n + 1] = row
    return len(seed)


@kernel
def _push(
    keys: NDArray[np.float64], items: NDArray[np.int32], size: int, key: float, item: int
) -> None:
    at = size
    while at > 0:
        up = (at - 1) // 2
        if keys[up] <= key:
            break
        keys[at], items[at] = keys[up], items[up]
        at = up
    keys[at], items[at] = key, item


@kernel
def _sink(keys: NDArray[np.float64], items: NDArray[np.int32], size: int) -> None:
    """Take the root out of a heap of `size`: the last entry finds its place from the top."""
    key, item = keys[size - 1], items[size - 1]
    at = 0
    while True:
        down = 2 * at + 1
        if down >= size - 1:
            break
        if down + 1 < size - 1 and keys[down + 1] < keys[down]:
            down += 1
        if keys[down] >= key:
            break
        keys[at], items[at] = keys[down], items[down]
        at = down
    keys[at], items[at] = key, item


@kernel
def _turn(
    fx: float, fy: float, fz: float, tx: float, ty: float, tz: float, vector: NDArray[np.float64]
) -> None:
    """Carry a tangent vector along: the least rotation that takes normal f to normal t.

    Without a direction to turn in, or with a normal of no length, the vector stays.
    """
    cos = fx * tx + fy * ty + fz * tz
    no_normal = (fx == 0.0 and fy == 0.0 and fz == 0.0) or (tx == 0.0 and ty == 0.0 and tz == 0.0)
    if cos <= -0.999999 or no_normal:
        return
    cx, cy, cz = fy * tz - fz * ty, fz * tx - fx * tz, fx * ty - fy * tx
    x, y, z = vector[0], vector[1], vector[2]
    along = (cx * x + cy * y + cz * z) / (1.0 + cos)
    vector[0] = cos * x + cy * z - cz * y + along * cx
    vector[1] = cos * y + cz * x - cx * z + along * cy
    vector[2] = cos * z + cx * y - cy * x + along * cz


@kernel
def _step(
    offset: NDArray[np.float64],  # (3,)
    normal: NDArray[np.float64],  # (3,)
    tangent: NDArray[np.float64],  # (3,)
    out: NDArray[np.float64],  # (2,)
) -> None:
    """Offset in the plane of a point, its length kept; bitangent = tangent x normal."""
    bx = tangent[1] * normal[2] - tangent[2] * normal[1]
    by = tangent[2] * normal[0] - tangent[0] * normal[2]
    bz = tangent[0] * normal[1] - tangent[1] * normal[0]
    out[0] = offset[0] * tangent[0] + offset[1] * tangent[1] + offset[2] * tangent[2]
    out[1] = offset[0] * bx + offset[1] * by + offset[2] * bz
    flat = math.hypot(out[0], out[1])
    if flat > 0.0:
        full = math.sqrt(offset[0] ** 2 + offset[1] ** 2 + offset[2] ** 2)
        out[0] *= full / flat
        out[1] *= full / flat


@kernel
def _leap(
    vertices: NDArray[np.float64],
    normals: NDArray[np.float64],
    base: NDArray[np.float64],  # (3,) position
    base_normal: NDArray[np.float64],  # (3,)
    base_tangent: NDArray[np.float64],  # (3,)
    vertex: int,
    tangent: NDArray[np.float64],  # (3,) becomes the carried tangent at the vertex
    offset: NDArray[np.float64],  # (3,) scratch
    step: NDArray[np.float64],  # (2,) becomes the step from base to vertex
    scratch: NDArray[np.float64],  # (2,)
) -> None:
    """Step from a point to a vertex: the mean of how either end's tangent plane sees it.

    The mean cancels the first-order error of projecting in one plane only.
    """
    offset[:] = vertices[vertex] - base
    tangent[:] = base_tangent
    _turn(
        base_normal[0], base_normal[1], base_normal[2],
        normals[vertex, 0], normals[vertex, 1], normals[vertex, 2],
        tangent,
    )  # fmt: skip
    _step(offset, base_normal, base_tangent, step)
    _step(offset, normals[vertex], tangent, scratch)
    x, y = 0.5 * (step[0] + scratch[0]), 0.5 * (step[1] + scratch[1])
    flat = math.hypot(x, y)
    if flat > 0.0:
        full = math.hypot(step[0], step[1])
        x, y = x * full / flat, y * full / flat
    step[0], step[1] = x, y


@kernel
def _across(
    faces: NDArray[np.int32], neighbours: NDArray[np.int32], face: int, vertex: int, side: int
) -> int:
    """Other end of an edge of a face at a vertex: 0 the edge ahead, 1 the edge behind.

    Two faces share an edge, and for one of them it is the edge ahead: behind counts at a border
    only, so that going round a vertex meets each of its edges once. -1 is no edge.
    """
    k = 0
    while faces[face, k] != vertex:
        k += 1
    if side == 0:
        return int(faces[face, (k + 1) % 3])
    return int(faces[face, (k + 2) % 3]) if neighbours[face, (k + 2) % 3] < 0 else -1


@kernel
def _settle(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    vertex_start: NDArray[np.int32],
    vertex_face: NDArray[np.int32],
    normals: NDArray[np.float64],
    vertex: int,
    settled: int,
    state: NDArray[np.int32],
    flat: NDArray[np.float64],
    tangents: NDArray[np.float64],
    tangent: NDArray[np.float64],
    offset: NDArray[np.float64],
    step: NDArray[np.float64],
    scratch: NDArray[np.float64],
) -> None:
    """Place a vertex for good: the mean of the places that its settled neighbours give it.

    Nearer neighbours weigh more, and so do those that lie towards the seed: a step across the
    direction of travel is too short on a dome, a step along it is exact. A neighbour that puts
    the vertex farther than an edge from where it first was put (`flat`, comes from one of them)
    was reached around the other side of something, and does not count.
    """
    first_x, first_y = flat[vertex, 0], flat[vertex, 1]
    x, y, weights = 0.0, 0.0, 0.0
    tx, ty, tz = 0.0, 0.0, 0.0
    for entry in range(vertex_start[vertex], vertex_start[vertex + 1]):
        for side in range(2):
            other = _across(faces, neighbours, vertex_face[entry], vertex, side)
            if other < 0 or other == vertex or state[other] != settled:
                continue
            _leap(
                vertices, normals, vertices[other], normals[other], tangents[other],
                vertex, tangent, offset, step, scratch,
            )  # fmt: skip
            length = math.hypot(step[0], step[1])
            px, py = flat[other, 0] + step[0], flat[other, 1] + step[1]
            if math.hypot(px - first_x, py - first_y) > length:
                continue
            outward = (px * step[0] + py * step[1]) / max(length * math.hypot(px, py), 1e-12)
            weight = max(outward, 1e-3) ** 4 / max(length, 1e-9)
            x += weight * px
            y += weight * py
            tx += weight * tangent[0]
            ty += weight * tangent[1]
            tz += weight * tangent[2]
            weights += weight
    flat[vertex, 0], flat[vertex, 1] = x / weights, y / weights
    length = math.sqrt(tx * tx + ty * ty + tz * tz)
    if length == 0.0:
        # Opposed tangents cancel: the last one carried is as good as any.
        tangents[vertex] = tangent
        return
    tangents[vertex, 0], tangents[vertex, 1] = tx / length, ty / length
    tangents[vertex, 2] = tz / length


@kernel
def geodesic_patches(
    vertices: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    vertex_start: NDArray[np.int32],  # (V + 1,)
    vertex_face: NDArray[np.int32],  # (3F,)
    normals: NDArray[np.float64],  # (V, 3)
    seed: NDArray[np.int32],  # (N,)
    origin: NDArray[np.float64],  # (N, 3)
    axes: NDArray[np.float64],  # (N, 3, 3)
    half: float,  # half the window, mm
    first: int,
    seen: NDArray[np.int32],  # (F,) holds no n + 1 of the crops to come
    queue: NDArray[np.int32],  # (F,)
    state: NDArray[np.int32],  # (V,) holds no 2n + 1, 2n + 2 of the crops to come
    flat: NDArray[np.float64],  # (V, 2) scratch
    tangents: NDArray[np.float64],  # (V, 3) scratch
    keys: NDArray[np.float64],  # (H,) heap, H at least 6F
    items: NDArray[np.int32],  # (H,)
    out_start: NDArray[np.int64],  # (N + 1,) filled up to `first`
    out_face: NDArray[np.int32],  # (M,)
    out_corner: NDArray[np.float64],  # (M, 3, 2)
    out_height: NDArray[np.float64],  # (M, 3)
) -> int:
    """Discrete exponential map around each seed.

    Plan: Dijkstra over vertices, nearest first, up to the window's corner and the seed's own. A
    vertex is settled with the mean place that its settled neighbours give it, and hands on a
    tangent frame carried along the skin. Then faces are collected over shared edges from the
    seed; corners of theirs that lie beyond are settled as they are met, however long the edges.
    """
    corner, tangent, offset = np.empty((3, 2)), np.empty(3), np.empty(3)
    step, scratch = np.empty(2), np.empty(2)
    for n in range(first, seed.shape[0]):
        waiting, settled = 2 * n + 1, 2 * n + 2
        size, reach = 0, half * math.sqrt(2.0)
        for k in range(3):
            vertex = faces[seed[n], k]
            _leap(
                vertices, normals, origin[n], axes[n, 2], axes[n, 0],
                vertex, tangent, offset, step, scratch,
            )  # fmt: skip
            flat[vertex] = step
            tangents[vertex] = tangent
            state[vertex] = settled
            reach = max(reach, math.hypot(step[0], step[1]))
            _push(keys, items, size, math.hypot(step[0], step[1]), vertex)
            size += 1
        while size > 0:
            distance, vertex = keys[0], items[0]
            _sink(keys, items, size)
            size -= 1
            if distance > reach:
                break
            if state[vertex] == waiting:
                _settle(
                    vertices, faces, neighbours, vertex_start, vertex_face, normals, vertex,
                    settled, state, flat, tangents, tangent, offset, step, scratch,
                )  # fmt: skip
                state[vertex] = settled
            elif distance > math.hypot(flat[vertex, 0], flat[vertex, 1]):
                continue
            for entry in range(vertex_start[vertex], vertex_start[vertex + 1]):
                for side in range(2):
                    other = _across(faces, neighbours, vertex_face[entry], vertex, side)
                    if other < 0 or state[other] == settled:
                        continue
                    _leap(
                        vertices, normals, vertices[vertex], normals[vertex], tangents[vertex],
                        other, tangent, offset, step, scratch,
                    )  # fmt: skip
                    x, y = flat[vertex, 0] + step[0], flat[vertex, 1] + step[1]
                    key = math.hypot(x, y)
                    if state[other] != waiting or key < math.hypot(flat[other, 0], flat[other, 1]):
                        state[other] = waiting
                        flat[other, 0], flat[other, 1] = x, y
                        _push(keys, items, size, key, other)
                        size += 1
        row = out_start[n]
        queue[0] = seed[n]
        seen[seed[n]] = n + 1
        head, tail = 0, 1
        while head < tail:
            face = queue[head]
            head += 1
            for k in range(3):
                vertex = faces[face, k]
                if state[vertex] == settled:
                    continue
                for j in range(1, 3):
                    other = faces[face, (k + j) % 3]
                    if state[other] == settled and state[vertex] != waiting:
                        _leap(
                            vertices, normals, vertices[other], normals[other], tangents[other],
                            vertex, tangent, offset, step, scratch,
                        )  # fmt: skip
                        flat[vertex, 0] = flat[other, 0] + step[0]
                        flat[vertex, 1] = flat[other, 1] + step[1]
                        state[vertex] = waiting
                _settle(
                    vertices, faces, neighbours, vertex_start, vertex_face, normals, vertex,
                    settled, state, flat, tangents, tangent, offset, step, scratch,
                )  # fmt: skip
                state[vertex] = settled
            for k in range(3):
                corner[k] = flat[faces[face, k]]
            if _misses_window(corner, half):
                continue
            if row == out_face.shape[0]:
                return int(n)
            out_face[row] = face
            out_corner[row] = corner
            for k in range(3):
                out_height[row, k] = -math.hypot(corner[k, 0], corner[k, 1])
            row += 1
            for k in range(3):
                other = neighbours[face, k]
                if other >= 0 and seen[other] != n + 1:
                    seen[other] = n + 1
                    queue[tail] = other
                    tail += 1
        out_start[n + 1] = row
    return len(seed)
