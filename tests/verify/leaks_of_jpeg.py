"""Leaks through what a JPEG can hold besides its pixels."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.verify.edits import read_crops, replace_crop, write_crops
from tests.verify.leaks import leak


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """Put a segment behind the JFIF header."""
    head = bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big")
    return jpeg[:20] + head + payload + jpeg[20:]


def before_scan(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    at = jpeg.index(b"\xff\xda")
    head = bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big")
    return jpeg[:at] + head + payload + jpeg[at:]


def rewritten(jpeg: bytes, **options: object) -> bytes:
    image, file = Image.open(io.BytesIO(jpeg)), io.BytesIO()
    image.save(file, "JPEG", **{"quality": 95, "subsampling": 0} | options)
    return file.getvalue()


@leak("crops", "linkage")
def jpeg_comment(out: Path) -> None:
    replace_crop(out, lambda jpeg: with_segment(jpeg, 0xFE, b"Jane Doe"))


@leak("crops", "linkage")
def exif_header(out: Path) -> None:
    replace_crop(out, lambda jpeg: with_segment(jpeg, 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0"))


@leak("crops", "linkage")
def xmp_packet(out: Path) -> None:
    replace_crop(
        out, lambda jpeg: with_segment(jpeg, 0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>Doe</x>")
    )


@leak("crops", "linkage")
def colour_profile(out: Path) -> None:
    replace_crop(out, lambda jpeg: with_segment(jpeg, 0xE2, b"ICC_PROFILE\0\1\1" + b"Jane Doe" * 9))


@leak("crops", "linkage")
def photoshop_caption(out: Path) -> None:
    replace_crop(out, lambda jpeg: with_segment(jpeg, 0xED, b"Photoshop 3.0\0Jane Doe"))


@leak("crops", "linkage")
def adobe_marker(out: Path) -> None:
    replace_crop(out, lambda jpeg: with_segment(jpeg, 0xEE, b"Adobe\0d\0\0\0\0\1"))


@leak("crops", "linkage")
def jfif_thumbnail(out: Path) -> None:
    def edit(jpeg: bytes) -> bytes:
        payload = jpeg[6:18] + b"\1\1" + b"Doe"
        return jpeg[:4] + (len(payload) + 2).to_bytes(2, "big") + payload + jpeg[20:]

    replace_crop(out, edit)


@leak("crops", "linkage")
def numbers_in_the_density(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg[:13] + b"\1\x12\x34\x56\x78" + jpeg[18:])


@leak("crops", "linkage")
def unused_quantisation_table(out: Path) -> None:
    text = b"Jane Doe, born on the first of May".ljust(64)
    replace_crop(out, lambda jpeg: before_scan(jpeg, 0xDB, b"\x03" + text))


@leak("crops", "linkage")
def unused_huffman_table(out: Path) -> None:
    counts = bytes([0, 0, 0, 0, 0, 0, 0, 8, *[0] * 8])
    replace_crop(out, lambda jpeg: before_scan(jpeg, 0xC4, b"\x03" + counts + b"Jane Doe"))


@leak("crops", "linkage")
def order_of_an_own_huffman_table(out: Path) -> None:
    replace_crop(out, lambda jpeg: rewritten(jpeg, optimize=True))


@leak("crops", "linkage")
def other_quality_than_stated(out: Path) -> None:
    replace_crop(out, lambda jpeg: rewritten(jpeg, quality=60))


@leak("crops", "linkage")
def progressive_scans(out: Path) -> None:
    replace_crop(out, lambda jpeg: rewritten(jpeg, progressive=True))


@leak("crops", "linkage")
def restart_interval(out: Path) -> None:
    replace_crop(out, lambda jpeg: before_scan(jpeg, 0xDD, b"\x12\x34"))


@leak("crops", "linkage")
def restart_markers_in_the_data(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg[:-2] + b"\xff\xd3" + jpeg[-2:])


@leak("crops", "linkage")
def bytes_after_the_end_of_a_crop(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg + b"Jane Doe\xff\xd9")


@leak("crops", "linkage")
def bytes_after_the_last_block(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg[:-2] + b"Jane Doe" + jpeg[-2:])


@leak("crops", "linkage")
def second_picture_behind_the_first(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg + jpeg)


@leak("crops", "linkage")
def fill_bytes_before_a_marker(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg[:20] + b"\xff" * 9 + jpeg[20:])


@leak("crops", "linkage")
def crop_cut_short(out: Path) -> None:
    replace_crop(out, lambda jpeg: jpeg[:-200])


@leak("crops", "linkage")
def text_in_the_place_of_a_crop(out: Path) -> None:
    replace_crop(out, lambda jpeg: b"Jane Doe")


@leak("crops", "linkage")
def picture_of_another_kind(out: Path) -> None:
    png = cv2.imencode(".png", np.zeros((133, 133, 3), np.uint8))[1].tobytes()
    replace_crop(out, lambda jpeg: png)


@leak("crops", "linkage")
def grey_picture(out: Path) -> None:
    grey = cv2.imencode(".jpg", np.zeros((133, 133), np.uint8))[1].tobytes()
    replace_crop(out, lambda jpeg: grey)


@leak("crops", "linkage")
def larger_view(out: Path) -> None:
    view = Image.fromarray(np.zeros((266, 266, 3), np.uint8))
    file = io.BytesIO()
    view.save(file, "JPEG", quality=95, subsampling=0)
    replace_crop(out, lambda jpeg: file.getvalue())


@leak("pairing")
def crops_swapped_between_ids(out: Path) -> None:
    crops = read_crops(out)
    a, b = sorted(crops)[:2]
    rows = (out / "private" / "linkage.csv").read_bytes()
    write_crops(out, crops | {a: crops[b], b: crops[a]})
    (out / "private" / "linkage.csv").write_bytes(rows)


@leak("pairing")
def crop_moved_to_another_shard(out: Path) -> None:
    other = "images/shard-00001.hdf5"
    crops = read_crops(out)
    moved = max(crops)
    write_crops(out, {name: jpeg for name, jpeg in crops.items() if name != moved})
    write_crops(out, {moved: crops[moved]}, other)
