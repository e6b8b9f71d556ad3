"""Bytes of text files: lines that are too long, encodings."""

__all__ = ["decode_text", "line_too_long"]


def line_too_long(data: bytes, limit: int) -> int | None:
    """Find where a line begins that is longer than `limit` bytes; ``None`` if there is none.

    Lines end in LF or CR. Ordinary text costs one backward search every `limit` bytes.
    """
    at = 0
    while at + limit < len(data):
        end = at + limit + 1
        feed = max(data.rfind(b"\n", at, end), data.rfind(b"\r", at, end))
        if feed < 0:
            return at
        at = feed + 1
    return None


def decode_text(data: bytes) -> str:
    """Decode UTF-8 with or without BOM, else Latin-1."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
