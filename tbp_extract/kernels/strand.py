"""Hairs: thin lines that walk over the skin from face to face, across seams."""

import math

import numpy as np
from numpy.typing import NDArray

from tbp_extract.kernels import kernel


@kernel
def _project(
    vertices: NDArray[np.float64],
    faces: NDArray[np.int32],
    face: int,
    point: NDArray[np.float64],  # (3,)
    vector: NDArray[np.float64],  # (3,)
    out: NDArray[np.float64],  # (2, 3) barycentric of the point, and its change along the vector
) -> bool:
    """Express point and vector by the corners of a face; False where it has no area."""
    a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
    uu, uv, vv = 0.0, 0.0, 0.0
    pu, pv, du, dv = 0.0, 0.0, 0.0, 0.0
    for i in range(3):
        u, v = vertices[b, i] - vertices[a, i], vertices[c, i] - vertices[a, i]
        p, d = point[i] - vertices[a, i], vector[i]
        uu, uv, vv = uu + u * u, uv + u * v, vv + v * v
        pu, pv, du, dv = pu + p * u, pv + p * v, du + d * u, dv + d * v
    det = uu * vv - uv * uv
    if det <= 1e-12:
        return False
    out[0, 1], out[0, 2] = (pu * vv - pv * uv) / det, (pv * uu - pu * uv) / det
    out[1, 1], out[1, 2] = (du * vv - dv * uv) / det, (dv * uu - du * uv) / det
    out[0, 0] = 1.0 - out[0, 1] - out[0, 2]
    out[1, 0] = -out[1, 1] - out[1, 2]
    return True


@kernel
def _ink_segment(
    rowcol: NDArray[np.float64],  # (3, 2)
    corners: NDArray[np.float64],  # (3, 3) mm
    start: NDArray[np.float64],  # (3,) mm
    along: NDArray[np.float64],  # (3,) unit
    place: NDArray[np.float64],  # (2, 3) of `_project` at the start
    length: float,
    width: float,
    rgb: NDArray[np.float64],  # (3,)
    opacity: float,
    covered: NDArray[np.uint8],  # (H, ceil(W / 8))
    page: NDArray[np.uint8],  # (H, W, 3)
) -> None:
    """Blend a segment in: a texel takes the share of its side that the hair covers."""
    r0, c0, r1, c1 = rowcol[0, 0], rowcol[0, 1], rowcol[1, 0], rowcol[1, 1]
    r2, c2 = rowcol[2, 0], rowcol[2, 1]
    twice = (c1 - c0) * (r2 - r0) - (r1 - r0) * (c2 - c0)
    if twice == 0.0:
        return
    normal2 = 0.0
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        n = (corners[1, j] - corners[0, j]) * (corners[2, k] - corners[0, k])
        n -= (corners[1, k] - corners[0, k]) * (corners[2, j] - corners[0, j])
        normal2 += n * n
    texel = math.sqrt(math.sqrt(normal2) / abs(twice))
    row_s = place[0, 0] * r0 + place[0, 1] * r1 + place[0, 2] * r2
    col_s = place[0, 0] * c0 + place[0, 1] * c1 + place[0, 2] * c2
    row_e = row_s + length * (place[1, 0] * r0 + place[1, 1] * r1 + place[1, 2] * r2)
    col_e = col_s + length * (place[1, 0] * c0 + place[1, 1] * c1 + place[1, 2] * c2)
    margin = 1.0 + 1.5 * width / texel
    for row in range(
        max(math.floor(min(row_s, row_e) - margin), 0),
        min(math.ceil(max(row_s, row_e) + margin), page.shape[0] - 1) + 1,
    ):
        for col in range(
            max(math.floor(min(col_s, col_e) - margin), 0),
            min(math.ceil(max(col_s, col_e) + margin), page.shape[1] - 1) + 1,
        ):
            w1 = ((col - c0) * (r2 - r0) - (row - r0) * (c2 - c0)) / twice
            w2 = ((c1 - c0) * (row - r0) - (r1 - r0) * (col - c0)) / twice
            w0 = 1.0 - w1 - w2
            outside = w0 < 0.0 or w1 < 0.0 or w2 < 0.0
            if outside and covered[row, col >> 3] >> (col & 7) & 1:
                continue
            t, away2 = 0.0, 0.0
            for i in range(3):
                d = w0 * corners[0, i] + w1 * corners[1, i] + w2 * corners[2, i] - start[i]
                t += d * along[i]
                away2 += d * d
            if t < 0.0 or t >= length:
                continue
            away = math.sqrt(max(away2 - t * t, 0.0))
            shared = min(width, texel, 0.5 * (width + texel) - away)
            if shared <= 0.0:
                continue
            alpha = opacity * shared / texel
            for i in range(3):
                value = page[row, col, i] + alpha * (rgb[i] - page[row, col, i])
                page[row, col, i] = np.uint8(min(max(value + 0.5, 0.0), 255.0))


@kernel
def draw_strands(
    vertices: NDArray[np.float64],  # (V, 3) mm
    faces: NDArray[np.int32],  # (F, 3)
    neighbours: NDArray[np.int32],  # (F, 3)
    normals: NDArray[np.float64],  # (F, 3)
    rowcol: NDArray[np.float64],  # (F, 3, 2)
    on_page: NDArray[np.bool_],  # (F,) whether a face lies on this page
    seed: NDArray[np.int32],  # (N,) faces
    roots: NDArray[np.float64],  # (N, 3) mm
    headings: NDArray[np.float64],  # (N, 3)
    shape: NDArray[np.float64],  # (N, 3) length mm, width mm at the root, turn per mm
    step: float,  # longest piece that is straight, mm
    rgb: NDArray[np.float64],  # (3,)
    opacity: float,
    covered: NDArray[np.uint8],  # (H, ceil(W / 8))
    page: NDArray[np.uint8],  # (H, W, 3), blended over
) -> None:
    """Let every strand walk straight inside a face, over the edge where it leaves, and bend."""
    point, along, corners = np.empty(3), np.empty(3), np.empty((3, 3))
    place, turned = np.empty((2, 3)), np.empty(3)
    for n in range(seed.shape[0]):
        face, left = seed[n], shape[n, 0]
        point[:] = roots[n]
        along[:] = headings[n]
        pieces = 0
        while left > 1e-6 and pieces < 1000:
            pieces += 1
            # Into the plane of this face, at unit length.
            dot = 0.0
            for i in range(3):
                dot += along[i] * normals[face, i]
            length2 = 0.0
            for i in range(3):
                along[i] -= dot * normals[face, i]
                length2 += along[i] * along[i]
            if length2 < 1e-8:
                break
            for i in range(3):
                along[i] /= math.sqrt(length2)
            if not _project(vertices, faces, face, point, along, place):
                break
            go, leave = min(step, left), -1
            for k in range(3):
                if place[1, k] < 0.0:
                    way = max(place[0, k], 0.0) / -place[1, k]
                    if way < go:
                        go, leave = way, (k + 1) % 3
            if on_page[face] and go > 0.0:
                for k in range(3):
                    for i in range(3):
                        corners[k, i] = vertices[faces[face, k], i]
                width = shape[n, 1] * (0.35 + 0.65 * left / shape[n, 0])
                _ink_segment(
                    rowcol[face], corners, point, along, place, go, width, rgb, opacity,
                    covered, page,
                )  # fmt: skip
            turn = shape[n, 2] * go
            for i in range(3):
                point[i] += go * along[i]
                j, k = (i + 1) % 3, (i + 2) % 3
                aside = normals[face, j] * along[k] - normals[face, k] * along[j]
                turned[i] = along[i] * math.cos(turn) + aside * math.sin(turn)
            along[:] = turned
            left -= go
            if leave >= 0:
                face = neighbours[face, leave]
                if face < 0:
                    break
