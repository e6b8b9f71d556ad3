import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from tbp_extract.config import LimitConfig
from tbp_extract.errors import ScanError, ScanReason
from tbp_extract.io.texture import read_page
from tbp_extract.io.tiff import prepare_tiff

LIMITS = LimitConfig()


def gradient(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    row, col = np.mgrid[:height, :width]
    return np.stack((row * 5, col * 3, 255 - row - col), axis=-1).astype(np.uint8)


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def read(data: bytes, limits: LimitConfig = LIMITS) -> NDArray[np.uint8]:
    return read_page(data, limits, page=2)


def refusal(data: bytes, limits: LimitConfig = LIMITS) -> ScanError:
    with pytest.raises(ScanError) as caught:
        read(data, limits)
    assert "the texture of page 2" in str(caught.value)
    return caught.value


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(b"")) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode(Image.fromarray(gradient()), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "packbits"}),
    ],
)
def test_lossless_pixels_come_back_exactly(kind: str, options: dict[str, Any]) -> None:
    pixels = gradient()
    np.testing.assert_array_equal(read(encode(Image.fromarray(pixels), kind, **options)), pixels)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_rgb_and_close(progressive: bool) -> None:
    pixels = gradient()
    data = encode(
        Image.fromarray(pixels), "JPEG", quality=98, subsampling=0, progressive=progressive
    )
    # Quality 98 without chroma subsampling stays within a few levels on a smooth image.
    assert np.abs(read(data).astype(int) - pixels).max() <= 6


def test_grey_is_repeated() -> None:
    grey = gradient()[:, :, 0]
    for kind in ("PNG", "TIFF"):
        page = read(encode(Image.fromarray(grey), kind))
        np.testing.assert_array_equal(page, np.dstack([grey] * 3))
    assert read(encode(Image.fromarray(grey), "JPEG")).shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("alpha", [0, 40])
def test_alpha_is_dropped_without_blending(kind: str, alpha: int) -> None:
    pixels = gradient()
    rgba = np.dstack([pixels, np.full(pixels.shape[:2], alpha, np.uint8)])
    np.testing.assert_array_equal(read(encode(Image.fromarray(rgba), kind)), pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_ignored(orientation: int) -> None:
    pixels = gradient()
    tiff = TiffImagePlugin.ImageFileDirectory_v2()
    tiff[274] = orientation
    data = encode(Image.fromarray(pixels), "TIFF", tiffinfo=tiff)
    np.testing.assert_array_equal(read(data), pixels)
    exif = Image.Exif()
    exif[274] = orientation
    plain = encode(Image.fromarray(pixels), "JPEG")
    turned = encode(Image.fromarray(pixels), "JPEG", exif=exif)
    np.testing.assert_array_equal(read(turned), read(plain))
    png = encode(Image.fromarray(pixels), "PNG", exif=exif)
    np.testing.assert_array_equal(read(png), pixels)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_lose_the_lower_eight(extension: str, channels: int) -> None:
    ramp = np.linspace(0, 65535, 40 * 50).astype(np.uint16).reshape(40, 50)
    deep = np.dstack([np.roll(ramp, k, axis=1) for k in range(channels)])
    data = cv2.imencode(extension, deep)[1].tobytes()
    # OpenCV writes blue first.
    order = [0, 0, 0] if channels == 1 else [2, 1, 0]
    np.testing.assert_array_equal(read(data), (deep[:, :, order] >> 8).astype(np.uint8))


def test_palette_becomes_rgb() -> None:
    image = Image.fromarray(gradient()).quantize(16)
    expected = np.asarray(image.convert("RGB"))
    for kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(read(encode(image, kind)), expected)


@pytest.mark.parametrize(
    "data",
    [png_claiming(40_000, 40_000), jpeg_claiming(40_000, 40_000), png_claiming(16, 16_385)],
    ids=["png", "jpeg", "one side"],
)
def test_a_header_over_the_limit_is_refused_before_decoding(
    data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    error = refusal(data)
    assert error.reason is ScanReason.OVER_LIMIT
    assert "limits.page_px" in str(error)


def test_tiff_header_over_the_limit_is_refused() -> None:
    data = encode(Image.fromarray(gradient()), "TIFF")
    assert refusal(data, LimitConfig(page_px=63)).reason is ScanReason.OVER_LIMIT
    assert read(data, LimitConfig(page_px=64)).shape == (48, 64, 3)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_refused(kind: str) -> None:
    error = refusal(encode(Image.new("CMYK", (16, 16), (10, 20, 30, 40)), kind))
    assert error.reason is ScanReason.TEXTURE_UNSUPPORTED
    assert "CMYK" in str(error)


@pytest.mark.parametrize("mode", ["LAB", "F"])
def test_other_tiff_kinds_are_refused(mode: str) -> None:
    error = refusal(encode(Image.new(mode, (16, 16)), "TIFF"))
    assert error.reason is ScanReason.TEXTURE_UNSUPPORTED


def test_several_images_in_a_tiff_are_refused() -> None:
    image = Image.fromarray(gradient())
    data = encode(image, "TIFF", save_all=True, append_images=[image])
    assert refusal(data).reason is ScanReason.TEXTURE_UNSUPPORTED


def test_animated_png_is_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    image = Image.fromarray(gradient())
    data = encode(image, "PNG", save_all=True, append_images=[image.rotate(90)])
    error = refusal(data)
    assert error.reason is ScanReason.TEXTURE_UNSUPPORTED
    assert "animated" in str(error)


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "GIF"])
def test_other_formats_are_named(kind: str) -> None:
    error = refusal(encode(Image.fromarray(gradient()), kind))
    assert error.reason is ScanReason.TEXTURE_UNSUPPORTED
    assert {"WEBP": "WebP"}.get(kind, kind) in str(error)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99, None])
def test_truncated_files_are_refused(
    kind: str, options: dict[str, Any], share: float | None
) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (200, 200, 3), np.uint8)
    data = encode(Image.fromarray(noise), kind, **options)
    cut = len(data) - 1 if share is None else int(len(data) * share)
    assert refusal(data[:cut]).reason is ScanReason.TEXTURE_UNREADABLE


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", b"II*\0"])
def test_what_is_no_image_is_refused(data: bytes) -> None:
    assert refusal(data).reason is ScanReason.TEXTURE_UNREADABLE


def test_rubbish_after_the_magic_never_escapes() -> None:
    rng = np.random.default_rng(11)
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0")
    for start in starts:
        for size in (4, 40, 400):
            for _ in range(20):
                with pytest.raises(ScanError):
                    read(start + rng.bytes(size))


@pytest.mark.slow
def test_a_page_of_the_largest_size_is_read() -> None:
    page = np.zeros((16_384, 16_384, 3), np.uint8)
    page[:8192, 8192:] = (200, 120, 40)
    data = cv2.imencode(".jpg", page[:, :, ::-1])[1].tobytes()
    del page
    decoded = read(data)
    assert decoded.shape == (16_384, 16_384, 3)
    # A flat block far from its edges loses nothing but rounding.
    np.testing.assert_allclose(decoded[100, -100], (200, 120, 40), atol=2)
    np.testing.assert_array_equal(decoded[-100, 100], (0, 0, 0))


JPEG_KINDS = [
    {"subsampling": 0},
    {"subsampling": 2},
    {"progressive": True},
    {"restart_marker_blocks": 4},
    {"quality": 100},
]


@pytest.mark.parametrize("options", JPEG_KINDS, ids=str)
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("tail", [b"\xff\xd9", bytes(3000) + b"\xff\xd9", bytes(3000)])
def test_a_jpeg_that_was_cut_and_closed_again_is_refused(
    options: dict[str, Any], grey: bool, tail: bytes
) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (150, 130, 3), np.uint8)
    image = Image.fromarray(noise)
    data = encode(image.convert("L") if grey else image, "JPEG", **options)
    for share in (0.3, 0.6, 0.9, 0.99):
        assert refusal(data[: int(len(data) * share)] + tail).reason is (
            ScanReason.TEXTURE_UNREADABLE
        )


def test_a_progressive_jpeg_without_its_last_scan_is_refused() -> None:
    data = encode(Image.fromarray(gradient()), "JPEG", progressive=True)
    starts = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 3
    tables = data.rindex(b"\xff\xc4", 0, starts[-1])
    for cut in (tables, data.rindex(b"\xff\xc4", 0, starts[1])):
        error = refusal(data[:cut] + b"\xff\xd9")
        assert error.reason is ScanReason.TEXTURE_UNREADABLE
        assert "lacks its last scans" in str(error)


def test_a_jpeg_with_more_or_fewer_rows_than_its_header_says_is_refused() -> None:
    data = encode(Image.fromarray(gradient()), "JPEG")
    frame = data.index(b"\xff\xc0")
    (height,) = struct.unpack_from(">H", data, frame + 5)
    for rows in (height - 16, height + 16):
        changed = data[: frame + 5] + struct.pack(">H", rows) + data[frame + 7 :]
        assert refusal(changed).reason is ScanReason.TEXTURE_UNREADABLE


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = encode(Image.fromarray(gradient()), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    scan = data[last:-2]
    assert "at most 32 scans" in str(refusal(data[:-2] + scan * 40 + b"\xff\xd9"))


def test_a_flipped_bit_of_a_png_is_noticed_wherever_it_is() -> None:
    rng = np.random.default_rng(5)
    data = encode(Image.fromarray(gradient()), "PNG")
    for at in range(8, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << rng.integers(8)
        with pytest.raises(ScanError):
            read(bytes(changed))


def test_only_pixels_of_a_png_reach_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile, text or gamma cannot change pixels, and a bomb in one is never opened."""
    plain = encode(Image.fromarray(gradient()), "PNG")
    bomb = b"x\0\0" + zlib.compress(bytes(10**7))
    extras = [(b"iCCP", bomb), (b"zTXt", bomb), (b"gAMA", b"\0\0\x20\0"), (b"eXIf", b"MM\0*")]
    dressed = plain[:33] + b"".join(png_chunk(*extra) for extra in extras) + plain[33:]
    seen: list[bytes] = []
    decode = cv2.imdecode

    def spy(data: NDArray[np.uint8], flags: int) -> Any:
        seen.append(data.tobytes())
        return decode(data, flags)

    monkeypatch.setattr(cv2, "imdecode", spy)
    np.testing.assert_array_equal(read(dressed), read(plain))
    assert seen == [plain, plain]


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_a_strip_of_a_tiff_that_lacks_data_is_refused(compression: str) -> None:
    """The file is as long as ever; only what the strip unpacks to is short."""
    noise = np.random.default_rng(7).integers(0, 9, (64, 64, 3), np.uint8)
    data = bytearray(encode(Image.fromarray(noise), "TIFF", compression=compression))
    start, length, _ = prepare_tiff(bytes(data)).pieces[-1]
    data[start + length // 2 : start + length] = bytes(length - length // 2)
    assert refusal(bytes(data)).reason is ScanReason.TEXTURE_UNREADABLE


def test_a_deflated_tiff_is_checked_by_its_checksum() -> None:
    data = bytearray(encode(Image.fromarray(gradient()), "TIFF", compression="tiff_adobe_deflate"))
    start, length, _ = prepare_tiff(bytes(data)).pieces[0]
    for at in range(start + 2, start + length, 7):
        changed = bytearray(data)
        changed[at] ^= 4
        assert refusal(bytes(changed)).reason is ScanReason.TEXTURE_UNREADABLE


def test_textures_share_their_room() -> None:
    page = encode(Image.fromarray(gradient()), "PNG")
    rows, columns = gradient().shape[:2]
    assert read_page(page, LIMITS, page=1, room_px=rows * columns).shape[0] == rows
    with pytest.raises(ScanError, match=r"limits\.atlas_px") as caught:
        read_page(page, LIMITS, page=1, room_px=rows * columns - 1)
    assert caught.value.reason is ScanReason.OVER_LIMIT


@pytest.mark.parametrize("count", [512, 769, 0])
def test_a_palette_of_another_length_is_not_read_as_grey(count: int) -> None:
    data = bytearray(encode(Image.fromarray(gradient()).convert("P"), "TIFF"))
    assert read(bytes(data)).std(axis=-1).max() > 0
    at = data.index(struct.pack("<HHI", 320, 3, 768))
    struct.pack_into("<I", data, at + 4, count)
    assert refusal(bytes(data)).reason == ScanReason.TEXTURE_UNREADABLE


def test_a_palette_that_may_be_of_8_bits_or_black_is_not_guessed_at() -> None:
    data = encode(Image.fromarray(gradient()).convert("P"), "TIFF")
    at = data.index(struct.pack("<HHI", 320, 3, 768))
    (place,) = struct.unpack_from("<I", data, at + 8)
    narrow = np.frombuffer(data, "<u2", 768, place) >> 8
    data = data[:place] + narrow.astype("<u2").tobytes() + data[place + 2 * 768 :]
    assert refusal(data).reason == ScanReason.TEXTURE_UNSUPPORTED


def test_a_tiff_that_holds_more_than_its_header_counts_is_refused() -> None:
    """A damaged tag may make the depth one bit, and the same bytes an eighth of a picture."""
    data = bytearray(encode(Image.fromarray(gradient()[:, :, 0]), "TIFF"))
    at = data.index(struct.pack("<HHI", 258, 3, 1))
    struct.pack_into("<H", data, at + 8, 1)
    assert refusal(bytes(data)).reason == ScanReason.TEXTURE_UNREADABLE
