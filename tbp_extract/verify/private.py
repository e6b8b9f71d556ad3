"""The release against the private side of its run, as far as that is at hand."""

import base64
import hashlib
import hmac
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from tbp_extract.columns import LINKAGE_COLUMNS
from tbp_extract.verify.evidence import Evidence

__all__ = ["check_linkage", "check_pairing", "check_pseudonyms", "check_records"]

TOKEN_CHARACTERS: Final = 12
_SCHEME: Final = "tbp_extract 1"


def check_linkage(evidence: Evidence) -> Iterator[str]:
    """Expect one private row for each released one, patients and pseudonyms one to one."""
    if not evidence.has_private:
        return
    rows = evidence.linkage
    if not rows and evidence.table.num_rows:
        yield "private/linkage.csv is missing or empty: the ids lead nowhere"
        return
    if list(rows[0]) != [column.name for column in LINKAGE_COLUMNS]:
        yield "private/linkage.csv has other columns than this version writes"
    other = _rows_unlike_their_notes(evidence)
    if other:
        yield f"{other} rows of the private linkage are not what the run noted"
    ids = [row["isic_id"] for row in rows]
    if sorted(ids) != sorted(evidence.column("isic_id")):
        yield "the private linkage does not have one row for each row of the metadata"
        return
    released = dict(zip(evidence.column("isic_id"), evidence.column("patient_id"), strict=True))
    pairs = {(row["patient_id"], released[row["isic_id"]]) for row in rows}
    if not len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}):
        yield "patient_id: patients and their pseudonyms do not go one to one"


def _rows_unlike_their_notes(evidence: Evidence) -> int:
    """Rows that were changed after the run; the file that holds a crop is noted elsewhere."""
    noted = {row["isic_id"]: row for note in evidence.scan_notes for row in note.links}
    return sum(
        any(_differ(row[name], cell) for name, cell in noted.get(row["isic_id"], {}).items())
        for row in evidence.linkage
    )


def _differ(text: str | None, noted: str) -> bool:
    """Whether two cells say other things; numbers may be written in other ways."""
    if text == noted or text is None:
        return text is None
    try:
        return float(text) != float(noted)
    except ValueError:
        return True


def check_pairing(evidence: Evidence) -> Iterator[str]:
    """Expect each id to bear the very image that was made for it, in the file that was noted."""
    if not evidence.has_private:
        return
    made = {row["isic_id"]: (row["crop_sha256"], row["shard"]) for row in evidence.linkage}
    there = {name: (fact.sha256, fact.shard) for name, fact in evidence.crops.items()}
    both = made.keys() & there.keys()
    other = sum(made[name][0] != there[name][0] for name in both)
    if other:
        yield f"{other} ids bear another image than the one that was made for them"
    moved = sum(made[name][1] != there[name][1] for name in both)
    if moved:
        yield f"{moved} images lie in another file than the linkage says"


def check_pseudonyms(evidence: Evidence) -> Iterator[str]:
    """Expect ids that the key gives for their source, and that nobody gets without it."""
    if not evidence.has_private:
        return
    released = dict(zip(evidence.column("isic_id"), evidence.column("patient_id"), strict=True))
    rows = [row for row in evidence.linkage if row["isic_id"] in released]
    if evidence.key is not None:
        wrong = sum(not _is_keyed(evidence.key, row, released[row["isic_id"]]) for row in rows)
        if wrong:
            yield f"{wrong} rows of the linkage do not give their ids with this key"
    tokens = {name.partition("_")[2] for name in (*released, *released.values()) if name}
    sources = {row[name] for row in rows for name in ("scan_id", "patient_id")}
    sources |= {f"{row['scan_id']}{row['lesion_id']}" for row in rows}
    guessed = sum(not tokens.isdisjoint(_unkeyed_tokens(source)) for source in sources)
    if guessed:
        yield f"{guessed} ids are hashes that anyone can make who guesses their source"


def _is_keyed(key: bytes, row: dict[str, str], patient: str) -> bool:
    lesion = "TBP_" + _token(key, "lesion", row["scan_id"], row["lesion_id"])
    return (lesion, "TBPP_" + _token(key, "patient", row["patient_id"])) == (
        row["isic_id"],
        patient,
    )


def _token(key: bytes, *parts: str) -> str:
    message = b""
    for part in (_SCHEME, *parts):
        text = part.encode("utf-8", "surrogateescape")
        message += len(text).to_bytes(8, "big") + text
    digest = hmac.new(key, message, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:TOKEN_CHARACTERS]


_UNKEYED: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda text: hashlib.sha256(text).digest(),
    lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
    lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
    lambda text: hashlib.sha512(text).digest(),
    lambda text: hashlib.blake2b(text).digest(),
    lambda text: hmac.new(b"", text, hashlib.sha256).digest(),
    lambda text: zlib.crc32(text).to_bytes(4, "big") * 4,
)


def _unkeyed_tokens(source: str) -> set[str]:
    """Tokens that hashing without a secret would give."""
    text = source.encode("utf-8", "surrogateescape")
    digests = [make(text) for make in _UNKEYED]
    empty = _token(b"", "patient", source)
    shown = {base64.b32encode(digest).decode() for digest in digests}
    shown |= {digest.hex().upper() for digest in digests}
    return {empty, *(token[:TOKEN_CHARACTERS] for token in shown)}


def check_records(evidence: Evidence) -> Iterator[str]:
    """Expect the manifest to count what the private tables name."""
    if not evidence.has_private:
        return
    counts = evidence.manifest["counts"]
    tables = {
        "quarantine.csv": counts["scans"]["quarantined"],
        "dropped.csv": counts["lesions"]["dropped"],
    }
    for name, told in tables.items():
        named = Counter(row["reason"] for row in evidence.private_rows(name))
        if named != Counter(told):
            yield f"private/{name} names {named.total()}, the manifest counts {sum(told.values())}"
    entries = [note.entry for note in evidence.scan_notes]
    recorded = {
        "planned": len(entries) + len(evidence.private_rows("quarantine.csv")),
        "done": len(entries),
        "found": sum(entry["found"] for entry in entries),
        "exported": sum(entry["exported"] for entry in entries),
    }
    for name, number in recorded.items():
        told = (counts["scans"] | counts["lesions"])[name]
        if number != told:
            yield f"the private records name {number} {name}, the manifest counts {told}"
