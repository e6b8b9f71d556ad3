from pathlib import Path

import numpy as np
import pytest

from tbp_extract.config import JpegConfig
from tbp_extract.errors import SourceError
from tbp_extract.io.crops import CropReader
from tbp_extract.jpeg import decode_jpeg, encode_jpeg
from tests.releases import image_of, make_jpegs, make_pixels, make_release


def write_single_files(folder: Path, sizes_px: dict[str, int]) -> None:
    for name, size_px in sizes_px.items():
        (folder / name).write_bytes(make_jpegs(1, size_px, seed=size_px)[0])


def test_files_come_in_groups_of_one_size_with_their_places(tmp_path: Path) -> None:
    write_single_files(tmp_path, {"b.jpg": 33, "a.JPEG": 41, "c.jpg": 33, "d.jpg": 33})
    (tmp_path / "notes.txt").write_text("no crop")
    with CropReader(tmp_path) as reader:
        assert reader.ids == ("a", "b", "c", "d")
        groups = list(reader.groups(2 * 33**2))
    assert [group.index.tolist() for group in groups] == [[1, 2], [3], [0]]
    assert [group.pixels.shape for group in groups] == [
        (2, 33, 33, 3),
        (1, 33, 33, 3),
        (1, 41, 41, 3),
    ]
    expected = decode_jpeg((tmp_path / "c.jpg").read_bytes())
    np.testing.assert_array_equal(groups[0].pixels[1], expected)


def test_shard_and_release_folder_read_alike(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    made = make_release(3)
    (images / "shard-00000.hdf5").write_bytes(image_of(made))
    for source in (tmp_path, images, images / "shard-00000.hdf5"):
        with CropReader(source) as reader:
            assert list(reader.ids) == made.columns["isic_id"].tolist()
            (group,) = reader.groups(10**6)
            assert group.pixels.shape == (3, 33, 33, 3)


def test_a_folder_without_crops_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"expected crops .* got none"):
        CropReader(tmp_path)


def test_what_is_no_jpeg_is_told_by_its_place_and_not_by_its_name(tmp_path: Path) -> None:
    write_single_files(tmp_path, {"a.jpg": 33, "c.jpg": 33})
    (tmp_path / "jane.jpg").write_text("not a picture")
    with CropReader(tmp_path) as reader, pytest.raises(SourceError, match="crop 3 of 3") as caught:
        list(reader.groups(10**6))
    assert "jane" not in str(caught.value)


def test_a_crop_that_is_not_square_is_refused(tmp_path: Path) -> None:
    pixels = np.ascontiguousarray(make_pixels(40, 0)[:30])
    (tmp_path / "a.jpg").write_bytes(encode_jpeg(pixels, JpegConfig()))
    with CropReader(tmp_path) as reader, pytest.raises(SourceError, match="30 x 40 px"):
        list(reader.groups(10**6))


def test_a_truncated_crop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(make_jpegs(1, 99)[0][:-200])
    with CropReader(tmp_path) as reader, pytest.raises(SourceError, match="crop 1 of 1"):
        list(reader.groups(10**6))


def test_names_that_differ_in_their_ending_only_are_refused(tmp_path: Path) -> None:
    write_single_files(tmp_path, {"a.jpg": 33, "a.jpeg": 33})
    with pytest.raises(SourceError, match="different names"):
        CropReader(tmp_path)
