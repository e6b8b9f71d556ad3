"""Wavefront MTL: which texture a material has."""

import re
from dataclasses import dataclass

from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.folder import ScanFolder, join_name, parent_name
from tbp_extract.io.text import decode_text, line_too_long

__all__ = ["Material", "merge_materials", "read_mtl"]

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

_ARGUMENTS = {
    "-blendu": 1,
    "-blendv": 1,
    "-bm": 1,
    "-boost": 1,
    "-cc": 1,
    "-clamp": 1,
    "-imfchan": 1,
    "-mm": 2,
    "-texres": 1,
    "-type": 1,
}
"""Number of arguments of the options of a texture."""

_SWITCHES = frozenset({"-blendu", "-blendv", "-cc", "-clamp"})
"""Those that are on or off."""

_UNCHANGED = {"-o": 0.0, "-s": 1.0, "-t": 0.0}
"""Options with up to three numbers, and the number that changes nothing."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is used of a material."""

    texture: str | None = None
    """File of its ``map_Kd``, relative to the mesh's folder. Private."""

    changed_by: str | None = None
    """Option that moves, scales or recolours the texture."""


def read_mtl(folder: ScanFolder, name: str, *, within: str = "") -> dict[str, Material]:
    """Read the materials of an MTL file.

    Parameters
    ----------
    folder : ScanFolder
    name : str
        Relative to `within`.
    within : str, optional
        The mesh's folder, relative to the root of `folder`.

    Returns
    -------
    dict of str to Material
        By name.

    Raises
    ------
    ScanError
        ``MATERIAL_MISSING`` if there is no such file; ``MATERIAL_AMBIGUOUS`` if a material has two
        textures; ``OVER_LIMIT`` if a line is too long; or as `ScanFolder.read`.
    """
    data = folder.read(
        name,
        role="an MTL file of the mesh",
        missing=ScanReason.MATERIAL_MISSING,
        within=within,
        kind="material",
    )
    if line_too_long(data, folder.limits.line_bytes) is not None:
        raise ScanError(
            ScanReason.OVER_LIMIT,
            "an MTL file of the mesh has a line of more bytes than limits.line_bytes allows "
            f"({folder.limits.line_bytes})",
            file=name,
        )
    if b"\0" in data:
        raise ScanError(
            ScanReason.MATERIAL_MISSING,
            "an MTL file of the mesh is not text: expected UTF-8 or Latin-1 without NUL bytes",
            file=name,
        )
    return parse_mtl(decode_text(data), parent_name(name))


def merge_materials(known: dict[str, Material], more: dict[str, Material]) -> None:
    """Add materials to those that are known.

    Raises
    ------
    ScanError
        ``MATERIAL_AMBIGUOUS`` if a name then stands for two different textures.
    """
    for name, material in more.items():
        if known.setdefault(name, material) != material:
            raise ScanError(
                ScanReason.MATERIAL_AMBIGUOUS,
                "a material of the mesh is defined twice with different textures: give each "
                "material a name of its own",
                file=name,
            )


def parse_mtl(text: str, parent: str) -> dict[str, Material]:
    """Find materials in the text of an MTL file that lies in the folder `parent`."""
    materials: dict[str, Material] = {}
    for name, maps in _maps_by_material(text, parent):
        for material in maps or [Material()]:
            merge_materials(materials, {name: material})
    return materials


def _maps_by_material(text: str, parent: str) -> list[tuple[str, list[Material]]]:
    """List each ``newmtl`` with what its ``map_Kd`` lines say."""
    found: list[tuple[str, list[Material]]] = []
    for line in re.split(r"\r\n|\n|\r", text):
        keyword, _, rest = line.strip().replace("\t", " ").partition(" ")
        if keyword.lower() == "newmtl":
            found.append((rest.strip(), []))
        elif keyword.lower() == "map_kd" and found:
            found[-1][1].append(_parse_map(rest.strip(), parent))
    return found


def _parse_map(rest: str, parent: str) -> Material:
    changed_by, line = None, rest
    while rest.startswith("-"):
        option, _, after = rest.partition(" ")
        if option in _UNCHANGED:
            numbers, after = _take_numbers(after)
            changed = any(number != _UNCHANGED[option] for number in numbers)
        elif option in _ARGUMENTS:
            words, after = _take_words(after, _ARGUMENTS[option])
            changed = (
                [float(w) for w in words if _is_number(w)] != [0.0, 1.0]
                if option == "-mm"
                else option in _SWITCHES and words not in (["on"], ["off"])
            )
        else:
            break
        changed_by = option if changed else changed_by
        rest = after
    file = rest.strip().strip('"')
    if line and not file:
        raise ScanError(
            ScanReason.TEXTURE_MISSING,
            "a map_Kd line of an MTL file has options, and no file behind them",
        )
    return Material(join_name(parent, file) if file else None, changed_by)


def _take_words(text: str, count: int) -> tuple[list[str], str]:
    words = text.split(None, count)
    return words[:count], words[count] if len(words) > count else ""


def _take_numbers(text: str) -> tuple[list[float], str]:
    """Take up to three numbers, but never the last word: that is the file."""
    numbers: list[float] = []
    while len(numbers) < 3:
        word, rest = _take_words(text, 1)
        if not rest or not _is_number(word[0]):
            break
        numbers.append(float(word[0]))
        text = rest
    return numbers, text


def _is_number(word: str) -> bool:
    return _NUMBER.fullmatch(word) is not None
