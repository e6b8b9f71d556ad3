"""Packed data of TIFF, unpacked with plain lists as the format's specification tells it."""


def packbits(data: bytes) -> bytes | None:
    out, at = b"", 0
    while at < len(data):
        head = data[at]
        if head < 128:
            run = data[at + 1 : at + 2 + head]
            at += 2 + head
        elif head > 128:
            run = data[at + 1 : at + 2] * (257 - head)
            at += 2
        else:
            run = b""
            at += 1
        if at > len(data):
            return None
        out += run
    return out


def lzw(data: bytes) -> bytes | None:
    stream = "".join(f"{byte:08b}" for byte in data)
    at, width, out = 0, 9, b""
    table: list[bytes] = []
    previous: bytes | None = None
    while at + width <= len(stream):
        code = int(stream[at : at + width], 2)
        at += width
        if code == 257:
            break
        if code == 256:
            table = [bytes([k]) for k in range(256)] + [b"", b""]
            width, previous = 9, None
            continue
        if previous is None and not table:
            table = [bytes([k]) for k in range(256)] + [b"", b""]
        if code < len(table) and (previous is not None or code < 256):
            entry = table[code]
        elif code == len(table) and previous is not None:
            entry = previous + previous[:1]
        else:
            return None
        if previous is not None and len(table) < 4096:
            table.append(previous + entry[:1])
        out += entry
        previous = entry
        if len(table) >= (1 << width) - 1 and width < 12:
            width += 1
    return out
