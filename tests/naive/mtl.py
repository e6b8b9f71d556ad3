"""MTL, line by line: the last words of ``map_Kd`` of each material."""

import re

_OPTION = re.compile(r"-(\w+(\s+[-+.\deE]+(?=\s))+|(clamp|cc|blend[uv])\s+(on|off))\s+")


def parse(data: bytes) -> dict[str, str]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    found: dict[str, str] = {}
    name = None
    for line in re.split(r"\r\n|\n|\r", text):
        keyword, _, rest = line.strip().replace("\t", " ").partition(" ")
        if keyword.lower() == "newmtl":
            name = rest.strip()
        elif keyword.lower() == "map_kd" and name is not None:
            rest = rest.strip()
            while option := _OPTION.match(rest):
                rest = rest[option.end() :]
            found[name] = rest.strip().strip('"')
    return found
