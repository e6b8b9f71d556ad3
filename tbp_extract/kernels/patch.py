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
def _length(x: float, y: float) -> float:
    return math.sqrt(x * x + y * y)


@kernel
def _turn(
    fx: float, fy: float, fz: float, tx: float, ty: float, tz: float,
    x: float, y: float, z: float,
) -> tuple[float, float, float]:  # fmt: skip
    """Carry a tangent vector along: the least rotation that takes normal f to normal t.

    Without a direction to turn in, or with a normal of no length, the vector stays.
    """
    cos = fx * tx + fy * ty + fz * tz
    no_normal = (fx == 0.0 and fy == 0.0 and fz == 0.0) or (tx == 0.0 and ty == 0.0 and tz == 0.0)
    if cos <= -0.999999 or no_normal:
        return x, y, z
    cx, cy, cz = fy * tz - fz * ty, fz * tx - fx * tz, fx * ty - fy * tx
    along = (cx * x + cy * y + cz * z) / (1.0 + cos)
    return (
        cos * x + cy * z - cz * y + along * cx,
        cos * y + cz * x - cx * z + along * cy,
        cos * z + cx * y - cy * x + along * cz,
    )


@kernel
def _step(
    x: float, y: float, z: float, nx: float, ny: float, nz: float, tx: float, ty: float, tz: float
) -> tuple[float, float]:
    """Offset in the plane of a normal and a tangent, its length kept; bitangent = t x n."""
    along = x * tx + y * ty + z * tz
    across = x * (ty * nz - tz * ny) + y * (tz * nx - tx * nz) + z * (tx * ny - ty * nx)
    flat = _length(along, across)
    if flat == 0.0:
        return 0.0, 0.0
    longer = math.sqrt(x * x + y * y + z * z) / flat
    return along * longer, across * longer


@kernel
def _leap(
    base: NDArray[np.float64],  # (3,) position
    normal: NDArray[np.float64],  # (3,)
    tangent: NDArray[np.float64],  # (3,)
    to: NDArray[np.float64],  # (3,) position
    to_normal: NDArray[np.float64],  # (3,)
) -> tuple[float, float, float, float, float]:
    """Step from a point to another: the mean of how either end's tangent plane sees it.

    The mean cancels the first-order error of projecting in one plane only. With the step comes
    the tangent as carried to the other point.
    """
    x, y, z = to[0] - base[0], to[1] - base[1], to[2] - base[2]
    tx, ty, tz = _turn(
        normal[0], normal[1], normal[2], to_normal[0], to_normal[1], to_normal[2],
        tangent[0], tangent[1], tangent[2],
    )  # fmt: skip
    from_here = _step(x, y, z, normal[0], normal[1], normal[2], tangent[0], tangent[1], tangent[2])
    from_there = _step(x, y, z, to_normal[0], to_normal[1], to_normal[2], tx, ty, tz)
    right, down = from_here[0] + from_there[0], from_here[1] + from_there[1]
    flat = _length(right, down)
    if flat == 0.0:
        return from_here[0], from_here[1], tx, ty, tz
    longer = _length(from_here[0], from_here[1]) / flat
    return right * longer, down * longer, tx, ty, tz


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
) -> None:
    """Place a vertex for good: the mean of the places that its settled neighbours give it.

    Nearer neighbours weigh more, and so do those that lie towards the seed: a step across the
    direction of travel is too short on a dome, a step along it is exact. A neighbour that puts
    the vertex farther than an edge from where it first was put (`flat`, comes from one of them)
    was reached around the other side of something, and does not count.
    """
    first_x, first_y = flat[vertex, 0], flat[vertex, 1]
    x, y, weights = 0.0, 0.0, 0.0
    tx, ty, tz, cx, cy, cz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for entry in range(vertex_start[vertex], vertex_start[vertex + 1]):
        for side in range(2):
            other = _across(faces, neighbours, vertex_face[entry], vertex, side)
            if other < 0 or other == vertex or state[other] != settled:
                continue
            right, down, cx, cy, cz = _leap(
                vertices[other], normals[other], tangents[other], vertices[vertex], normals[vertex]
            )
            length = _length(right, down)
            px, py = flat[other, 0] + right, flat[other, 1] + down
            if _length(px - first_x, py - first_y) > length:
                continue
            outward = (px * right + py * down) / max(length * _length(px, py), 1e-12)
            weight = max(outward, 1e-3) ** 4 / max(length, 1e-9)
            x += weight * px
            y += weight * py
            tx += weight * cx
            ty += weight * cy
            tz += weight * cz
            weights += weight
    flat[vertex, 0], flat[vertex, 1] = x / weights, y / weights
    length = math.sqrt(tx * tx + ty * ty + tz * tz)
    if length == 0.0:
        # Opposed tangents cancel: the last one carried is as good as any.
        tx, ty, tz, length = cx, cy, cz, 1.0
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
    corner = np.empty((3, 2))
    for n in range(first, seed.shape[0]):
        waiting, settled = 2 * n + 1, 2 * n + 2
        size, reach = 0, half * math.sqrt(2.0)
        for k in range(3):
            vertex = faces[seed[n], k]
            right, down, tx, ty, tz = _leap(
                origin[n], axes[n, 2], axes[n, 0], vertices[vertex], normals[vertex]
            )
            flat[vertex, 0], flat[vertex, 1] = right, down
            tangents[vertex, 0], tangents[vertex, 1], tangents[vertex, 2] = tx, ty, tz
            state[vertex] = settled
            key = _length(right, down)
            reach = max(reach, key)
            _push(keys, items, size, key, vertex)
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
                    settled, state, flat, tangents,
                )  # fmt: skip
                state[vertex] = settled
            elif distance > _length(flat[vertex, 0], flat[vertex, 1]):
                continue
            for entry in range(vertex_start[vertex], vertex_start[vertex + 1]):
                for side in range(2):
                    other = _across(faces, neighbours, vertex_face[entry], vertex, side)
                    if other < 0 or state[other] == settled:
                        continue
                    right, down, _, _, _ = _leap(
                        vertices[vertex], normals[vertex], tangents[vertex],
                        vertices[other], normals[other],
                    )  # fmt: skip
                    x, y = flat[vertex, 0] + right, flat[vertex, 1] + down
                    key = _length(x, y)
                    if state[other] != waiting or key < _length(flat[other, 0], flat[other, 1]):
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
                        right, down, _, _, _ = _leap(
                            vertices[other], normals[other], tangents[other],
                            vertices[vertex], normals[vertex],
                        )  # fmt: skip
                        flat[vertex, 0] = flat[other, 0] + right
                        flat[vertex, 1] = flat[other, 1] + down
                        state[vertex] = waiting
                _settle(
                    vertices, faces, neighbours, vertex_start, vertex_face, normals, vertex,
                    settled, state, flat, tangents,
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
                out_height[row, k] = -_length(corner[k, 0], corner[k, 1])
            row += 1
            for k in range(3):
                other = neighbours[face, k]
                if other >= 0 and seen[other] != n + 1:
                    seen[other] = n + 1
                    queue[tail] = other
                    tail += 1
        out_start[n + 1] = row
    return len(seed)
