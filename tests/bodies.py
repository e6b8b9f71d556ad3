"""Bodies whose parts are known: painted by hand, or known from how they were built."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tbp_extract.geometry import build_surface
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.measure.location import LOCATIONS, simple_location
from tbp_extract.phantom import Body
from tbp_extract.phantom.anatomy import RIGHT, Part
from tbp_extract.types import Scan, Surface

BORDERS = Path(__file__).parent / "data" / "makehuman_borders.json"
RIG = Path(__file__).parent / "data" / "makehuman_rig_parts.json"
PAINTED = "mh_male_young"
MAKEHUMAN = (PAINTED, "mh_male_middleage", "mh_male_dark", "mh_female_middleage_asian")

CODE = {name: code for code, name in enumerate(LOCATIONS)}
SIMPLE = [simple_location(name) for name in LOCATIONS]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBody:
    """A mesh with the true body part of each face."""

    vertices_mm: NDArray[np.float64]
    faces: NDArray[np.int32]
    truth: NDArray[np.uint8]
    """(F,) index into `LOCATIONS`."""

    @property
    def centres_mm(self) -> NDArray[np.float64]:
        return np.asarray(self.vertices_mm[self.faces].mean(axis=1))

    @property
    def surface(self) -> Surface:
        n = len(self.faces)
        nowhere = np.full((n, 3, 2), np.nan, np.float32)
        return build_surface(
            Scan(self.vertices_mm, self.faces, nowhere, np.full(n, -1, np.int16), ())
        )

    def kept(self, mask: NDArray[np.bool_]) -> "LabelledBody":
        return replace(self, faces=self.faces[mask], truth=self.truth[mask])

    def turned(self, yaw_deg: float) -> "LabelledBody":
        """Turned about y, front towards the patient's left."""
        c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
        matrix = np.array(((c, 0, s), (0, 1, 0), (-s, 0, c)))
        return replace(self, vertices_mm=self.vertices_mm @ matrix.T)

    def mirrored(self) -> "LabelledBody":
        """Left and right exchanged."""
        swap = [
            CODE[n.replace("Left", "#").replace("Right", "Left").replace("#", "Right")]
            for n in LOCATIONS
        ]
        return LabelledBody(
            self.vertices_mm * (-1, 1, 1),
            np.ascontiguousarray(self.faces[:, ::-1]),
            np.array(swap, np.uint8)[self.truth],
        )

    def split(self) -> "LabelledBody":
        """Each face in four."""
        corners = [self.faces[:, k] for k in range(3)]
        pairs = np.sort(np.stack([np.stack((corners[k], corners[k - 2]), 1) for k in range(3)]), 2)
        edges, index = np.unique(pairs.reshape(-1, 2), axis=0, return_inverse=True)
        ab, bc, ca = index.reshape(3, -1) + len(self.vertices_mm)
        a, b, c = corners
        faces = [
            np.stack(face, 1) for face in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))
        ]
        return LabelledBody(
            np.concatenate((self.vertices_mm, self.vertices_mm[edges].mean(axis=1))),
            np.concatenate(faces).astype(np.int32),
            np.tile(self.truth, 4),
        )

    def arms_lowered(self, angle_deg: float) -> "LabelledBody":
        """Turn each arm down about its armpit, bending the skin of the shoulder."""
        shoulder = _borders()["shoulder"]
        points = self.vertices_mm.copy()
        arm = np.array(["Arm" in name for name in LOCATIONS])[self.truth]
        ours = np.zeros(len(points), np.bool_)
        ours[self.faces[arm]] = True
        for side in (1.0, -1.0):
            pivot = np.array(
                (side * (shoulder["armpit_xy"][0] + 15), shoulder["armpit_xy"][1] + 50)
            )
            away = side * (points[:, 0] - pivot[0])
            here = ours & (side * points[:, 0] > 0)
            turn = np.radians(angle_deg) * -side * np.where(here, np.clip(0.5 + away / 60, 0, 1), 0)
            x, y = points[:, 0] - pivot[0], points[:, 1] - pivot[1]
            points[:, 0] = pivot[0] + x * np.cos(turn) - y * np.sin(turn)
            points[:, 1] = pivot[1] + x * np.sin(turn) + y * np.cos(turn)
        return replace(self, vertices_mm=points)

    def part(self, *words: str) -> NDArray[np.bool_]:
        """Faces whose true part's name holds one of the words."""
        return np.array([any(w in name for w in words) for name in LOCATIONS])[self.truth]


@dataclass(frozen=True, slots=True)
class Score:
    """Shares of skin area."""

    simple: float
    """Right in the 8 values."""

    detailed: float
    """Right in the 21 values."""

    wrong_simple: float
    """Neither right nor Unknown in the 8 values."""

    wrong_detailed: float
    """Neither right nor less exact nor Unknown in the 21 values."""


def score(body: LabelledBody, location: NDArray[np.uint8]) -> Score:
    a, b, c = (body.vertices_mm[body.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    area = area / area.sum()
    simple = np.array(SIMPLE, object)
    names = np.array(LOCATIONS, object)
    right_simple = simple[location] == simple[body.truth]
    right = location == body.truth
    coarser = right_simple & (names[location] == simple[location])
    unknown = location == 0
    return Score(
        simple=float(area[right_simple].sum()),
        detailed=float(area[right].sum()),
        wrong_simple=float(area[~right_simple & ~unknown].sum()),
        wrong_detailed=float(area[~right & ~coarser & ~unknown].sum()),
    )


def _borders() -> dict[str, Any]:
    borders: dict[str, Any] = json.loads(BORDERS.read_text(encoding="utf-8"))
    return borders


def makehuman(data: Path, name: str) -> LabelledBody:
    """One of the four MakeHuman bodies; inner surfaces (mouth, eyes) count as head."""
    ours, painted = _mesh(data, name), _mesh(data, PAINTED)
    np.testing.assert_array_equal(ours.faces, painted.faces)
    points = painted.vertices_mm[painted.faces].mean(axis=1)
    truth = paint(points)
    return LabelledBody(
        ours.vertices_mm, ours.faces, _relaid(truth, name, painted.vertices_mm, ours)
    )


@dataclass(frozen=True, slots=True)
class RigScore:
    """Shares of skin area beside a rig, which knows no front and back, halves and thirds."""

    simple: float
    """In the same of head, torso, arms and legs."""

    detailed: float
    """Upper and lower limbs told apart too."""

    simple_far: float
    """`simple`, of the skin that is farther than 50 mm from every border of the rig's."""


def beside_rig(body: LabelledBody, location: NDArray[np.uint8]) -> RigScore:
    """Compare with parts by the bones that MakeHuman's authors let each vertex of theirs follow.

    Nothing of these was drawn or chosen for this package.
    """
    rig = json.loads(RIG.read_text(encoding="utf-8"))
    kind, count = np.array(rig["runs"]).T
    part = np.repeat(kind, count)
    votes = np.stack([(part[body.faces] == k).sum(axis=1) for k in range(len(rig["parts"]))])
    theirs = np.array(rig["parts"], object)[votes.argmax(axis=0)]
    whole = ["Torso" if n.startswith("Torso") else n for n in LOCATIONS]
    ours = np.array(whole, object)[location]
    a, b, c = (body.vertices_mm[body.faces[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    limb, rig_limb = (np.array([n.split(" - ")[0] for n in names]) for names in (ours, theirs))
    far = _border_distance_mm(body.centres_mm, rig_limb) > 50.0
    same = limb == rig_limb
    return RigScore(
        simple=float(area[same].sum() / area.sum()),
        detailed=float(area[ours == theirs].sum() / area.sum()),
        simple_far=float(area[same & far].sum() / area[far].sum()),
    )


def _border_distance_mm(points: NDArray[np.float64], names: NDArray[Any]) -> NDArray[np.float64]:
    """Distance of each point to the nearest one of another name."""
    away = np.empty(len(points))
    for name in np.unique(names):
        here = names == name
        away[here] = cKDTree(points[~here]).query(points[here])[0]
    return away


def _relaid(
    truth: NDArray[np.uint8], name: str, painted: NDArray[np.float64], ours: Scan
) -> NDArray[np.uint8]:
    """Lay the borders that are planes again, through the places that a body's landmarks moved to.

    Halves and thirds are shares of each body's own trunk.
    """
    borders = _borders()
    x, y, z = ours.vertices_mm[ours.faces].mean(axis=1).T
    middle = borders["middle_yz_of"].get(name, borders["middle_yz"])
    front = z > np.interp(y, *np.array(middle).T)
    shoulder, crotch, fold = (
        _carried(painted, ours.vertices_mm, point)
        for point in (*borders["trunk"].values(), borders["groin"]["fold"])
    )
    (gx, gy), (hx, hy) = borders["groin"]["front_xy"]
    rise = (hy - gy) / (hx - gx) * np.maximum(np.abs(x) - gx, 0)
    start = crotch + gy - borders["trunk"]["crotch"][1]
    names = np.array(LOCATIONS, object)[truth]
    core = np.array([n.startswith("Torso") or n.endswith("Leg - Upper") for n in names])
    leg = core & (y < np.where(front, start + rise, fold))
    names[core] = _paint_trunk(shoulder, crotch, y, front)[core]
    names[leg] = np.where(x > 0, "Left Leg - Upper", "Right Leg - Upper").astype(object)[leg]
    return np.array([CODE[n] for n in names], np.uint8)


def _carried(painted: NDArray[np.float64], ours: NDArray[np.float64], point: list[float]) -> float:
    """Height that a place on the painted body has on another body of the same topology."""
    nearest = np.linalg.norm(painted - np.array(point), axis=1).argsort()[:6]
    return float(ours[nearest, 1].mean() + point[1] - painted[nearest, 1].mean())


def _mesh(data: Path, name: str) -> Scan:
    return read_scan(scan_ref(data / "bodies" / name / f"{name}.obj", unit="mm"))


def paint(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Body parts of points of the painted body, by the borders read off its renders."""
    borders = _borders()
    x, y, z = points.T
    side = np.where(x > 0, "Left", "Right").astype(object)
    trunk = borders["trunk"]
    out = _paint_trunk(trunk["shoulder"][1], trunk["crotch"][1], y, z > _middle(borders, y))
    (ax, ay), (tx, ty) = borders["shoulder"]["armpit_xy"], borders["shoulder"]["tip_xy"]
    lean = (tx - ax) / (ty - ay)
    arm = (np.abs(x) - ax > lean * np.maximum(y - ay, 0)) & (
        y > borders["shoulder"]["hands_above_y"]
    )
    elbow = borders["elbow"]
    folded = np.stack((np.abs(x), y, z), axis=1) - elbow["point"]
    below = folded @ np.array(elbow["onward"]) > 0
    out[arm] = (side + " Arm - " + np.where(below, "Lower", "Upper").astype(object))[arm]
    (gx, gy), (hx, hy) = borders["groin"]["front_xy"]
    groin = gy + (hy - gy) / (hx - gx) * np.maximum(np.abs(x) - gx, 0)
    leg = ~arm & (y < np.where(z > _middle(borders, y), groin, borders["groin"]["fold_y"]))
    below = y < borders["knee"]["y"]
    out[leg] = (side + " Leg - " + np.where(below, "Lower", "Upper").astype(object))[leg]
    neck = borders["neck"]
    fall = neck["front_slope"] * np.maximum(z - neck["front_from_z"], 0)
    out[~arm & (y > np.maximum(neck["side_y"] - fall, neck["front_lowest_y"]))] = "Head & Neck"
    return np.array([CODE[name] for name in out], np.uint8)


def _middle(borders: dict[str, Any], y: NDArray[np.float64]) -> NDArray[np.float64]:
    heights, depths = np.array(borders["middle_yz"]).T
    return np.asarray(np.interp(y, heights, depths))


def _paint_trunk(
    top: float, low: float, y: NDArray[np.float64], front: NDArray[np.bool_]
) -> NDArray[Any]:
    depth = (top - y) / (top - low)
    half = np.where(depth < 1 / 2, "Top Half", "Bottom Half").astype(object)
    third = np.select([depth < 1 / 3, depth < 2 / 3], ["Top Third", "Middle Third"], "Bottom Third")
    painted: NDArray[Any] = np.where(
        front, "Torso Front " + half, "Torso Back " + third.astype(object)
    )
    return painted


PHANTOM_NAMES = {
    Part.HEAD: "Head & Neck",
    Part.UPPER_ARM: "Arm - Upper",
    Part.FOREARM: "Arm - Lower",
    **dict.fromkeys(range(Part.PALM, Part.THIGH), "Arm - Lower"),
    Part.THIGH: "Leg - Upper",
    Part.CALF: "Leg - Lower",
    Part.FOOT: "Leg - Lower",
}


def phantom_truth(body: Body, *, by_limb_alone: bool = False) -> LabelledBody:
    """Parts of a phantom by the limb that each face was built for.

    Its cones overlap at neck and groin: there the borders are planes between its landmarks, as on
    the painted bodies, unless `by_limb_alone`.
    """
    vertices, faces = body.vertices_mm, body.faces.astype(np.int32)
    scale = vertices[:, 1].max() / 1750.0
    x, y, z = vertices[faces].mean(axis=1).T / scale
    part = body.face_part % RIGHT
    side = np.where(x > 0, "Left", "Right").astype(object)
    names = _paint_trunk(1490.0, 780.0, y, z > -6.0)
    for limb, name in PHANTOM_NAMES.items():
        here = part == limb
        names[here] = name if limb == Part.HEAD else (side + f" {name}")[here]
    if not by_limb_alone:
        core = (part == Part.TRUNK) | (part == Part.HEAD) | (part == Part.THIGH)
        groin = 785.0 + np.where(z > -6.0, 0.8 * np.maximum(np.abs(x) - 15.0, 0.0), 0.0)
        names[core] = _paint_trunk(1490.0, 780.0, y, z > -6.0)[core]
        leg = core & (y < groin)
        names[leg] = (side + " Leg - " + np.where(y < 500, "Lower", "Upper").astype(object))[leg]
        head = y > 1490.0 - np.minimum(0.77 * np.maximum(z + 12.0, 0.0), 50.0)
        names[core & head] = "Head & Neck"
    return LabelledBody(vertices, faces, np.array([CODE[name] for name in names], np.uint8))
