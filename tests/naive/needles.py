"""Starts in bytes, place by place."""


def find_starts(data: bytes, width: int, starts: set[bytes]) -> list[int]:
    return [at for at in range(len(data) - width + 1) if data[at : at + width] in starts]
