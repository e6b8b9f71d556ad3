import io
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tbp_extract.config import JpegConfig
from tbp_extract.errors import ReleaseError, SourceError
from tbp_extract.jpeg import check_jpeg, decode_jpeg, encode_jpeg, jpeg_markers
from tests.releases import make_pixels

SLICE3D = JpegConfig(quality=75, subsampling="4:2:0")
EXIF = b"\xff\xe1\x00\x0aExif\0\0MM"
COMMENT = b"\xff\xfe\x00\x09Jane Do"


def with_segment(jpeg: bytes, segment: bytes) -> bytes:
    """Put a segment behind the JFIF header."""
    return jpeg[:20] + segment + jpeg[20:]


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_subsampling_is_the_configured_one(subsampling: str) -> None:
    config = JpegConfig.model_validate({"quality": 90, "subsampling": subsampling})
    found = jpeg_markers(encode_jpeg(make_pixels(41, 1), config))
    assert found.subsampling == subsampling
    assert (found.height_px, found.width_px, found.components) == (41, 41, 3)
    assert found.trailing_bytes == 0


def test_slice3d_setting_gives_the_bytes_of_pillow() -> None:
    # The genuine crops were written with Pillow's defaults: quality 75, 4:2:0.
    pixels, expected = make_pixels(133, 2), io.BytesIO()
    Image.fromarray(pixels).save(expected, "JPEG", quality=75)
    assert encode_jpeg(pixels, SLICE3D) == expected.getvalue()


def test_channels_are_not_swapped_on_the_way() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[..., 0] = 200
    decoded = decode_jpeg(encode_jpeg(pixels, JpegConfig(quality=95)))
    # Quality 95 keeps a flat colour within a few grey levels.
    np.testing.assert_allclose(decoded, pixels, atol=4)


def test_decoded_pixels_are_those_of_pillow() -> None:
    jpeg = encode_jpeg(make_pixels(64, 3), JpegConfig(quality=95))
    pillow = np.asarray(Image.open(io.BytesIO(jpeg)))
    np.testing.assert_array_equal(decode_jpeg(jpeg), pillow)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "empty"],
)
def test_other_arrays_are_refused(pixels: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8"):
        encode_jpeg(pixels, SLICE3D)


def test_every_truncation_is_noticed() -> None:
    jpeg = encode_jpeg(make_pixels(32, 4), SLICE3D)
    for length in range(len(jpeg)):
        with pytest.raises(SourceError):
            decode_jpeg(jpeg[:length])


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"GIF89a", b"\xff" * 99, b"\xff\xd8\xff\xc0\0\1"],
)
def test_rubbish_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(SourceError, match="expected"):
        jpeg_markers(data)


def test_random_damage_never_raises_anything_else() -> None:
    rng = np.random.default_rng(5)
    whole = np.frombuffer(encode_jpeg(make_pixels(32, 5), SLICE3D), np.uint8)
    for _ in range(500):
        damaged = whole.copy()
        damaged[rng.integers(2, len(whole), 3)] = rng.integers(0, 256, 3)
        try:
            jpeg_markers(damaged.tobytes())
        except SourceError:
            continue


@pytest.mark.parametrize(
    ("segment", "name"), [(EXIF, "FFE1"), (COMMENT, "FFFE"), (b"\xff\xe2\x00\x05ICC", "FFE2")]
)
def test_segments_beside_pixels_and_tables_are_refused(segment: bytes, name: str) -> None:
    jpeg = with_segment(encode_jpeg(make_pixels(32, 6), SLICE3D), segment)
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR) is not None
    with pytest.raises(ReleaseError, match=name):
        check_jpeg(jpeg)


def test_bytes_after_the_end_are_counted_and_refused() -> None:
    jpeg = encode_jpeg(make_pixels(32, 7), SLICE3D) + b"Jane Doe"
    assert jpeg_markers(jpeg).trailing_bytes == 8
    with pytest.raises(ReleaseError, match="8 more bytes"):
        check_jpeg(jpeg)


def test_thumbnail_in_the_header_is_refused() -> None:
    jpeg = encode_jpeg(make_pixels(32, 8), SLICE3D)
    with_thumbnail = jpeg[:2] + b"\xff\xe0\x00\x13" + jpeg[6:18] + b"\x01\x01" + b"RGB" + jpeg[20:]
    assert jpeg_markers(with_thumbnail).app0.endswith(b"RGB")
    with pytest.raises(ReleaseError, match="thumbnail"):
        check_jpeg(with_thumbnail)


def test_progressive_is_refused() -> None:
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    _, encoded = cv2.imencode(".jpg", make_pixels(32, 9), options)
    assert jpeg_markers(encoded.tobytes()).markers[-1] == 0xD9
    with pytest.raises(ReleaseError, match="FFC2"):
        check_jpeg(encoded.tobytes())


def test_restart_markers_belong_to_the_scan() -> None:
    _, encoded = cv2.imencode(".jpg", make_pixels(64, 9), [cv2.IMWRITE_JPEG_RST_INTERVAL, 1])
    assert encoded.tobytes().count(b"\xff\xd0") >= 1
    assert not set(range(0xD0, 0xD8)) & set(jpeg_markers(encoded.tobytes()).markers)
