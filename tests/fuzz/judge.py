"""What our readers make of a file, beside what an independent reader makes of it."""

import io
import re
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from tbp_extract.config import Config, LimitConfig, ScanConfig, read_config
from tbp_extract.crop import extract_crops, frame_crops
from tbp_extract.detect.listed import Listed
from tbp_extract.errors import ScanError, TbpError
from tbp_extract.geometry import build_surface
from tbp_extract.io.folder import ScanFolder
from tbp_extract.io.gltf import read_gltf
from tbp_extract.io.lesions import read_lesions
from tbp_extract.io.mesh import FileMesh
from tbp_extract.io.obj import read_obj
from tbp_extract.io.ply import read_ply
from tbp_extract.io.scan import read_scan
from tbp_extract.io.source import read_source
from tbp_extract.io.texture import read_page
from tbp_extract.types import Scan, ScanRef
from tests.fuzz.seeds import ball
from tests.naive import gltf, mtl, obj, ply_file

__all__ = ["FILES", "WrongLoad", "judge"]

CONFIG = Config(
    scan=ScanConfig(unit="mm"),
    limits=LimitConfig(
        page_px=4096, atlas_px=1 << 24, faces=50_000, vertices=50_000, groups=5000,
        mesh_bytes=1 << 24, texture_bytes=1 << 24, table_bytes=1 << 22, lesions=1000, rows=1000,
    ),
)  # fmt: skip

FILES = {
    "obj": "m.obj", "mtl": "m.mtl", "ply": "m.ply", "glb": "m.glb", "gltf": "m.gltf",
    "jpeg": "m_0.jpg", "png": "m_0.jpg", "tiff": "m_0.jpg", "scans": "t/scans.csv",
    "lesions": "l.csv", "toml": "c.toml",
}  # fmt: skip
"""Which file of the frame a target is."""


class WrongLoad(Exception):  # noqa: N818 - a finding, not an error of a program
    """A file was loaded, and not as the independent reader has it."""


def judge(target: str, folder: Path, data: bytes) -> str:
    """Read a file as a run would.

    Returns
    -------
    str
        "loaded", "alone" where the independent reader could not read it, or the reason of refusal.

    Raises
    ------
    WrongLoad
        Saying where the two readers differ.
    """
    (folder / FILES[target]).write_bytes(data)
    try:
        return _JUDGES[target](folder, data)
    except ScanError as error:
        return error.reason.value
    except TbpError as error:
        return type(error).__name__


def _same(what: str, ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.size == theirs.size == 0:
        return
    if ours.shape != theirs.shape or not np.array_equal(ours, theirs, equal_nan=True):
        raise WrongLoad(f"{what}: {ours.shape} and {theirs.shape}, or other values")


def _same_mesh(mesh: FileMesh, vertices: Any, faces: Any, wedge_uv: Any) -> None:
    _same("vertices", mesh.vertices, np.array(vertices, np.float64).reshape(-1, 3))
    _same("faces", mesh.faces, np.array(faces, np.float64).reshape(-1, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = np.array(wedge_uv, np.float64).reshape(-1, 3, 2).astype(np.float32)
    _same("texture coordinates", mesh.wedge_uv, theirs)


def _finish(folder: Path, name: str) -> None:
    """Go on as a run does: the surface and two crops must bear what was read."""
    metres = name.endswith(("glb", "gltf"))
    ref = ScanRef("s", "p", folder, name, lesions="l_m.csv" if metres else "l.csv")
    scan = read_scan(ref, CONFIG)
    surface = build_surface(scan)
    found = Listed(read_lesions(ref, scan, CONFIG), CONFIG.lesions).detect(scan, surface)
    for frames in frame_crops(surface, found.candidates, CONFIG.crop):
        extract_crops(scan, surface, frames, projection=CONFIG.crop.projection)


def _textures(mesh: FileMesh) -> list[str | None]:
    return [None if k < 0 else mesh.pages[k].name for k in mesh.face_page]


def _obj(folder: Path, data: bytes) -> str:
    _finish(folder, "m.obj")
    mesh = read_obj(ScanFolder(folder, CONFIG.limits), "m.obj")
    theirs = obj.parse(data.decode("latin-1").removeprefix("\xef\xbb\xbf"))
    _same_mesh(
        mesh,
        theirs.vertices,
        theirs.faces,
        obj.wedges(
            np.array(theirs.texcoords, np.float64).reshape(-1, 2),
            np.array(theirs.face_texcoord, np.int32).reshape(-1, 3),
        ),
    )
    maps = mtl.parse((folder / "m.mtl").read_bytes())
    groups = [*(maps.get(_recoded(name)) for name in theirs.groups), None]
    expected = [groups[k] or None for k in theirs.face_group]
    if _textures(mesh) != expected and theirs.libraries:
        raise WrongLoad("textures")
    return "loaded"


def _recoded(name: str) -> str:
    raw = name.encode("latin-1")
    try:
        return raw.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return name


def _mtl(folder: Path, data: bytes) -> str:
    return _obj(folder, (folder / "m.obj").read_bytes())


def _ply(folder: Path, data: bytes) -> str:
    _finish(folder, "m.ply")
    mesh = read_ply(ScanFolder(folder, CONFIG.limits), "m.ply")
    file = ply_file.parse(data)
    wedge = any("texcoord" in row for row in file.rows.get("face", ()))
    try:
        theirs = ply_file.triangles(file)
    except KeyError:
        return "alone"  # other names of the same things
    _same_mesh(mesh, theirs.vertices, theirs.faces, theirs.wedge_uv if wedge else mesh.wedge_uv)
    ours = [None if k < 0 else mesh.pages[k].name for k in mesh.face_page]
    if ours != theirs.textures:
        raise WrongLoad("textures")
    return "loaded"


def _gltf_named(name: str) -> Callable[[Path, bytes], str]:
    def judged(folder: Path, data: bytes) -> str:
        _finish(folder, name)
        mesh = read_gltf(ScanFolder(folder, CONFIG.limits), name)
        try:
            theirs = gltf.parse(data)
        except gltf.Unknown:
            return "alone"
        _same_mesh(mesh, theirs.vertices, theirs.faces, theirs.wedge_uv)
        ours: list[bytes | str | None] = [
            None if k < 0 else (mesh.pages[k].data or mesh.pages[k].name) for k in mesh.face_page
        ]
        if ours != theirs.images:
            raise WrongLoad("textures")
        return "loaded"

    return judged


def _image(folder: Path, data: bytes) -> str:
    ours = read_page(data, CONFIG.limits, page=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = _by_pillow(data)
        except Exception:  # whatever the other reader says
            return "alone"
    _same("pixels", ours, theirs)
    return "loaded"


def _by_pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        if 274 in image.getexif():
            # It would turn a TIFF as it loads it; ours leaves pixels where they are stored.
            image.getexif()[274] = 1
        image.load()
        if image.mode.startswith("I"):
            return np.repeat((np.asarray(image) >> 8).astype(np.uint8)[:, :, None], 3, axis=2)
        return np.asarray(image.convert("RGB"))


def _scans(folder: Path, data: bytes) -> str:
    refs = read_source(folder / "t", CONFIG)
    theirs = _by_pandas(data)
    if theirs is None:
        return "alone"
    for ours, name in (("scan_id", "scan_id"), ("patient_id", "patient_id"), ("mesh", "mesh"),
                       ("attribution", "attribution"), ("sex", "sex")):  # fmt: skip
        if name in theirs:
            values = [getattr(ref, ours) or "" for ref in refs]
            lower = ours == "sex"
            expected = [v.strip().lower() if lower else v.strip() for v in theirs[name]]
            if values != expected:
                raise WrongLoad(f"column {name}")
    return "loaded"


def _by_pandas(data: bytes) -> pd.DataFrame | None:
    """Read as text whatever separates and encodes it; ``None`` if pandas cannot."""
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "latin-1"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        return None
    # Not `splitlines`: it takes FS, NEL and others for ends of lines as well.
    head = re.split(r"[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    separator = max(",;\t", key=head.count)
    try:
        frame = pd.read_csv(
            io.StringIO(text, newline=""), sep=separator, dtype=str, keep_default_na=False,
            engine="python", skip_blank_lines=True, index_col=False,
        )  # fmt: skip
    except (ValueError, pd.errors.ParserError, IndexError):
        return None
    frame.columns = [str(name).strip().lower() for name in frame.columns]
    if not all(isinstance(cell, str) for column in frame for cell in frame[column]):
        return None  # pandas has cut or filled a row
    kept = [any(map(str.strip, row)) for row in frame.itertuples(index=False)]
    return frame.loc[kept]


_SCAN = Scan(
    *(lambda b: (b.vertices_mm, b.faces, b.wedge_uv, b.face_page, b.atlas))(ball()),
    page_names=("m_0.jpg", "m_1.jpg"),
)


def _lesions(folder: Path, data: bytes) -> str:
    ref = ScanRef("s", "p", folder, "m.obj", lesions="l.csv", unit="mm")
    lesions = read_lesions(ref, _SCAN, CONFIG)
    theirs = _by_pandas(data)
    if theirs is None:
        return "alone"
    columns = ["x", "y", "z"] if lesions.xyz_mm is not None else ["u", "v"]
    ours = lesions.xyz_mm if lesions.xyz_mm is not None else lesions.uv
    expected = theirs[columns].map(lambda cell: float(cell.strip().replace(",", ".")))
    _same("positions", ours, expected.to_numpy(np.float64).reshape(-1, len(columns)))
    if "lesion_id" in theirs:
        ids = [str(cell).strip() for cell in theirs["lesion_id"]]
        if list(lesions.lesion_id) != ids:
            raise WrongLoad("ids")
    return "loaded"


def _toml(folder: Path, data: bytes) -> str:
    config = read_config(folder / "c.toml")
    for section, values in tomllib.loads(data.decode("utf-8-sig")).items():
        ours = getattr(config, section).model_dump()
        for name, value in values.items():
            if ours[name] != value:
                raise WrongLoad(f"setting {section}.{name}")
    return "loaded"


_JUDGES: dict[str, Callable[[Path, bytes], str]] = {
    "obj": _obj, "mtl": _mtl, "ply": _ply, "glb": _gltf_named("m.glb"),
    "gltf": _gltf_named("m.gltf"), "jpeg": _image, "png": _image, "tiff": _image,
    "scans": _scans, "lesions": _lesions, "toml": _toml,
}  # fmt: skip
