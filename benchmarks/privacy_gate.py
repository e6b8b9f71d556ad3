"""What the crop gate holds back: stickers, faces, nipples and genitals, and how much else.

``python -m benchmarks.privacy_gate`` takes the four MakeHuman bodies and four phantoms, plants
photographed lesions (on phantoms: drawn ones), hair and stickers, and crops all of them. A crop is
marked if a sticker was painted under it or its centre lies in a zone of `benchmarks.zones`; it is
unmarked if no zone is nearer than it reaches. Demanded: all marked crops held, under 2 % of the
others. What lesions only sample, the share of unmarked skin in the gate's zones, is measured too.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.bodies import candidates_of, scatter
from benchmarks.machine import data_folder, machine_facts, write_result
from benchmarks.zones import Zones, inner_faces, is_near, phantom_zones, skin_zones
from tbp_extract.config import Config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.gate import region_reasons
from tbp_extract.geometry import build_surface, point_positions
from tbp_extract.io.scan import read_scan, scan_ref
from tbp_extract.measure.location import label_body_parts
from tbp_extract.phantom.atlas import make_atlas
from tbp_extract.phantom.body import make_body
from tbp_extract.phantom.enlarge import enlarge_atlas, mean_skin, roughen
from tbp_extract.phantom.hair import Hair, grow_hair
from tbp_extract.phantom.lesions import Lesion, LesionKind
from tbp_extract.phantom.mix import draw_lesions
from tbp_extract.phantom.photos import read_photos
from tbp_extract.phantom.plant import plant_lesions, plant_stickers
from tbp_extract.phantom.sites import Sites, faces_between, sample_sites
from tbp_extract.phantom.skin import Skin, Tone, bake_skin
from tbp_extract.phantom.stickers import Sticker, StickerKind
from tbp_extract.pipeline.hold import Gate
from tbp_extract.types import GateReason, Scan, Surface

__all__ = ["main"]

LESIONS, STICKERS, IN_ZONE, PLACES = 250, 60, 60, 40_000
REACH_MM = 15.0 / np.sqrt(2.0)
JITTER_MM = 3.0
BELOW_CHIN = 0.86
"""Share of a phantom's height: on its face every crop is marked."""

SEED = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One body with lesions and stickers."""

    name: str
    scan: Scan
    surface: Surface
    sites: Sites
    label: tuple[str, ...]
    """Per site: ``lesion``, a kind of sticker, or ``zone`` and its name."""

    zones: Zones
    allowed: NDArray[np.bool_]
    """(F,) where crops may lie."""


def main(only: Sequence[int] = ()) -> None:
    """Measure and print; the result goes to ``benchmarks/results`` unless some bodies are left out.

    Parameters
    ----------
    only : sequence of int
        Numbers of the bodies to be looked at; none means all.
    """
    per_body = {}
    totals: dict[str, Counter[str]] = {"held": Counter(), "all": Counter(), "why": Counter()}
    for number, subject in _subjects(only):
        counted = _count(subject, number)
        skin = _skin_held(subject)
        per_body[subject.name] = {k: dict(v) for k, v in counted.items()} | {"skin_percent": skin}
        for key, counts in counted.items():
            totals[key] += counts
        print(subject.name, per_body[subject.name], flush=True)
    marked = {k: f"{totals['held'][k]} of {n}" for k, n in totals["all"].items() if k != "unmarked"}
    held, of = totals["held"]["unmarked"], totals["all"]["unmarked"]
    low, high = _interval(held, of)
    print(marked, f"unmarked held: {held} of {of}, {100 * held / of:.2f} % ({low} to {high})")
    print(dict(totals["why"]))
    result = {
        "marked_held": marked,
        "unmarked_held": f"{held} of {of}",
        "unmarked_held_percent": round(100 * held / of, 2),
        "unmarked_held_percent_95": [low, high],
        "unmarked_reasons": dict(totals["why"]),
        "bodies": per_body,
        "machine": machine_facts(),
    }
    if not only:
        write_result("privacy_gate", result)


def _interval(held: int, of: int) -> tuple[float, float]:
    """Wilson's interval of 95 %, in percent."""
    z, share = 1.96, held / of
    middle = share + z * z / (2 * of)
    half = z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    low, high = ((middle + way * half) / (1 + z * z / of) for way in (-1, 1))
    return round(100 * float(low), 2), round(100 * float(high), 2)


def _subjects(only: Sequence[int] = ()) -> Iterator[tuple[int, Subject]]:
    bodies = sorted(path for path in (data_folder() / "bodies").iterdir() if path.is_dir())
    pages = (8192, 4096, 4096, 2048)
    for number, (folder, page_px) in enumerate(zip(bodies, pages, strict=True)):
        if only and number not in only:
            continue
        scan = read_scan(scan_ref(next(folder.glob("*.obj")), unit="mm"), Config())
        if page_px > 2048:
            scan = enlarge_atlas(replace(scan, to_body=None), page_px=page_px)
            roughen(scan, seed=number)
        photos = read_photos(data_folder() / "lesion_patches")
        lesions = draw_lesions(
            LESIONS,
            kinds=(LesionKind.PHOTO,),
            diameter_mm=(2.0, 14.0),
            skin=mean_skin(scan),
            photos=photos,
            seed=SEED + number,
        )
        skin = ~inner_faces(scan)
        yield number, _dressed(folder.name, scan, lesions, number, skin, skin_zones(scan))
    for number, tone in enumerate((Tone.VERY_LIGHT, Tone.INTERMEDIATE, Tone.BROWN, Tone.DARK), 4):
        if only and number not in only:
            continue
        scan = _phantom(tone, number)
        lesions = draw_lesions(
            LESIONS,
            kinds=(LesionKind.ELLIPSE, LesionKind.IRREGULAR, LesionKind.TWO_TONE),
            diameter_mm=(1.5, 12.0),
            skin=mean_skin(scan),
            seed=SEED + number,
        )
        high_mm = float(scan.vertices_mm[:, 1].max())
        below_chin = faces_between(build_surface(scan), 0.0, BELOW_CHIN * high_mm)
        zones = phantom_zones(scan)
        yield number, _dressed(f"phantom_{tone}", scan, lesions, number, below_chin, zones)


def _phantom(tone: Tone, seed: int) -> Scan:
    body = make_body("human", faces=100_000, height_m=1.7)
    atlas = make_atlas(body, page_px=4096, pages=1)
    page = np.empty((4096, 4096, 3), np.uint8)
    scan = Scan(body.vertices_mm, body.faces, atlas.wedge_uv, atlas.face_page, (page,))
    bake_skin(scan, Skin.of(tone, freckles=0.3), seed=seed)
    return scan


def _dressed(
    name: str,
    scan: Scan,
    lesions: list[Lesion] | tuple[Lesion, ...],
    number: int,
    allowed: NDArray[np.bool_],
    zones: Zones,
) -> Subject:
    surface = build_surface(scan)
    kinds = [kind for kind in StickerKind for _ in range(STICKERS // len(StickerKind))]
    radii = np.array([*(0.5 * lesion.diameter_mm for lesion in lesions), *(15.0 for _ in kinds)])
    sites = sample_sites(surface, radii, seed=SEED + number, gap_mm=11.0, allowed=allowed)
    n = len(lesions)
    painted = plant_lesions(scan, surface, _part(sites, slice(0, n)), lesions).scan
    if number % 2 == 0:
        grow_hair(painted, surface, Hair(), seed=number, allowed=allowed)
    rng = np.random.default_rng(SEED + number)
    across = (StickerKind.RING, StickerKind.CLOTHING)
    stickers = [
        Sticker(kind, 26.0 if kind in across else float(rng.uniform(9.0, 14.0)), seed)
        for kind, seed in zip(kinds, rng.integers(1 << 30, size=len(kinds)).tolist(), strict=True)
    ]
    painted = plant_stickers(painted, surface, _part(sites, slice(n, None)), stickers).scan
    label = ["lesion"] * n + [kind.value for kind in kinds]
    for zone, faces in zones.items():
        more = sample_sites(
            surface, np.full(IN_ZONE, 0.1), seed=1, gap_mm=0.5, allowed=faces & allowed
        )
        sites, label = _joined(sites, more), [*label, *[f"zone {zone}"] * len(more)]
    return Subject(name, painted, surface, sites, tuple(label), zones, allowed)


def _part(sites: Sites, rows: slice) -> Sites:
    return Sites(sites.face[rows], sites.barycentric[rows], sites.xyz_mm[rows])


def _joined(a: Sites, b: Sites) -> Sites:
    return Sites(
        np.concatenate((a.face, b.face)),
        np.concatenate((a.barycentric, b.barycentric)),
        np.concatenate((a.xyz_mm, b.xyz_mm)),
    )


def _count(subject: Subject, number: int) -> dict[str, Counter[str]]:
    """Held and all crops by what they are, and why unmarked ones were held."""
    scan, surface = subject.scan, subject.surface
    config = Config()
    gate = Gate.of(scan, surface, label_body_parts(surface), config)
    candidates = candidates_of(subject.sites.face, subject.sites.barycentric)
    held, of_all, why = Counter[str](), Counter[str](), Counter[str]()
    for frames in frame_crops(surface, candidates, config.crop):
        frames = replace(
            frames, origin_mm=_jittered(frames.origin_mm, frames.axes, subject, number)
        )
        batch = extract_crops(scan, surface, frames, projection="orthographic")
        flags = {**gate.zones(frames), **gate.looks(batch)}
        near = is_near(scan, subject.zones, frames.origin_mm, REACH_MM)
        for row, index in enumerate(frames.candidate):
            label = subject.label[index]
            if label == "lesion":
                if near[row]:
                    continue
                label = "unmarked"
            reasons = [reason for reason in GateReason if reason in flags and flags[reason][row]]
            of_all[label] += 1
            held[label] += bool(reasons)
            if label == "unmarked" and reasons:
                why[str(reasons[0])] += 1
    return {"held": held, "all": of_all, "why": why}


def _skin_held(subject: Subject) -> dict[str, float]:
    """Share of unmarked skin in the gate's zones, in percent: by reason, and of all."""
    surface = subject.surface
    places = scatter(surface, PLACES)
    xyz_mm = point_positions(surface, places.face, places.barycentric)
    found = region_reasons(
        surface,
        label_body_parts(surface),
        face=places.face,
        position_mm=xyz_mm,
        extent_mm=Config().crop.extent_mm,
    )
    unmarked = subject.allowed[places.face] & ~is_near(
        subject.scan, subject.zones, xyz_mm, REACH_MM
    )
    shares = {str(reason): held[unmarked].mean() for reason, held in found.items()}
    shares["any"] = np.any(list(found.values()), axis=0)[unmarked].mean()
    return {reason: round(100 * float(share), 2) for reason, share in shares.items() if share}


def _jittered(
    origin_mm: NDArray[np.float64], axes: NDArray[np.float64], subject: Subject, number: int
) -> NDArray[np.float64]:
    """Move the crops along the skin: a lesion does not lie in the middle of a tattoo."""
    rng = np.random.default_rng(SEED + 100 + number)
    way = rng.uniform(-JITTER_MM, JITTER_MM, (len(origin_mm), 2))
    return np.asarray(origin_mm + (way[:, :, None] * axes[:, :2]).sum(axis=1))


if __name__ == "__main__":
    main([int(number) for number in sys.argv[1:]])
