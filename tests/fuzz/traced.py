"""What the system is asked to open while odd names are read, as strace tells it.

``python -m tests.fuzz.traced FOLDER`` reads every odd file whose fate hangs on a name, and opens a
marker that does not exist before and after each.
"""

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from tests.fuzz.judge import FILES, judge
from tests.fuzz.odd import Odd, odd_files
from tests.fuzz.seeds import seeds_of, write_frame
from tests.fuzz.worker import restore

__all__ = ["BEGIN", "END", "named", "opened_outside"]

BEGIN, END = "/marker-begin", "/marker-end"

_CORES = "/sys/devices/system/cpu/online"
"""The C library counts processors there, now and then."""

_OPEN = re.compile(
    r'(?:open|openat|openat2)\((?:(AT_FDCWD|\d+)(?:<[^>]*>)?, )?"((?:[^"\\]|\\.)*)", ([^)]*)\)'
)
_LINK = re.compile(r'readlink(?:at)?\(.*?"((?:[^"\\]|\\.)*)"')


def named() -> list[Odd]:
    """Odd files that name other files, and good ones in which links wait."""
    kinds = ("map_Kd", "mtllib", "seed", "image", "buffer")
    bad = [
        odd
        for odd in odd_files()
        if odd.name.startswith(kinds)
        and odd.expected & {"path_outside_scan", "texture_missing", "material_missing"}
    ]
    good = [
        Odd(f"good {target}", target, seeds_of(target)[0], frozenset())
        for target in ("obj", "mtl", "ply", "glb", "gltf", "lesions", "scans")
    ]
    return [*bad, *good]


def opened_outside(trace: str, folder: Path) -> list[str]:
    """Lines of a trace, between markers, in which something outside of `folder` is opened.

    A step below an open folder counts as inside if it is one name and follows no link: the folder
    itself was reached in such steps from the scan's own.
    """
    # Roots of scans; the judge itself reads the good files for the other reader.
    own = {str(folder), str(folder / "t"), _CORES, *(str(folder / name) for name in FILES.values())}
    inside, outside = False, []
    for line in trace.splitlines():
        if BEGIN in line or END in line:
            inside = BEGIN in line
        elif inside and (link := _LINK.search(line)):
            outside.append(link[0])
        elif inside and (call := _OPEN.search(line)):
            at, name, flags = call.groups()
            stepped = at not in (None, "AT_FDCWD") and "/" not in name and name != ".."
            if name not in own and not (stepped and "O_NOFOLLOW" in flags):
                outside.append(line)
    return outside


def _mark(name: str) -> None:
    with suppress(FileNotFoundError):
        os.open(name, os.O_RDONLY)


def main() -> None:
    """Read them all, once to warm up and once between markers."""
    folder = Path(sys.argv[1])
    (folder / "t").mkdir()
    write_frame(folder)
    lay_traps(folder)
    for odd in named():
        for marked in (False, True):
            (folder / FILES[odd.target]).write_bytes(odd.data)
            if marked:
                _mark(BEGIN)
            judge(odd.target, folder, odd.data)
            if marked:
                _mark(END)
            restore(odd.target, folder)


def lay_traps(folder: Path) -> None:
    """Put files of the same names where another reader would look for them."""
    for name in ("m_0.jpg", "m.mtl", "secret.jpg"):
        (folder.parent / name).write_bytes((folder / "m_0.jpg").read_bytes())
    (folder / "sub").mkdir()
    (folder / "sub" / "link.jpg").symlink_to(folder.parent / "secret.jpg")


if __name__ == "__main__":
    main()
