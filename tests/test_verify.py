"""Each check finds what it is there for, in a release that is otherwise sound."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tbp_extract.config import Config
from tbp_extract.io.tables import _write_parquet, write_csv
from tbp_extract.verify import CHECKS, Failure, verify
from tests.releases import make_jpegs, make_out

SHARD = "images/shard-00000.hdf5"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_out(tmp_path_factory.mktemp("sound") / "out")


@pytest.fixture
def out(sound: Path, tmp_path: Path) -> Path:
    shutil.copytree(sound, tmp_path / "out")
    return tmp_path / "out"


def checks_of(failures: tuple[Failure, ...]) -> set[str]:
    return {failure.check for failure in failures}


def edit_manifest(out: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    path = out / "release" / "manifest.json"
    manifest = json.loads(path.read_text())
    edit(manifest)
    path.write_text(json.dumps(manifest))


def seal(out: Path) -> None:
    """Make the manifest agree with the files again: who tampers may well do so."""
    release = out / "release"
    files = {
        path.relative_to(release).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in release.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    edit_manifest(out, lambda manifest: manifest.update(files=files))


def edit_table(out: Path, **columns: Any) -> None:
    """Replace columns in both forms of the metadata."""
    release = out / "release"
    table = pq.read_table(release / "metadata.parquet")
    for name, values in columns.items():
        at = table.column_names.index(name)
        changed = pa.array(values, table.schema.field(name).type, from_pandas=True)
        table = table.set_column(at, name, changed)
    with (release / "metadata.parquet").open("wb") as file:
        _write_parquet(table, file)
    with (release / "metadata.csv").open("wb") as file:
        write_csv(table, file)
    seal(out)


def column(out: Path, name: str) -> list[Any]:
    values: list[Any] = pq.read_table(out / "release" / "metadata.parquet")[name].to_pylist()
    return values


def edit_shard(out: Path, edit: Callable[[h5py.File], None]) -> None:
    with h5py.File(out / "release" / SHARD, "r+") as file:
        edit(file)
    seal(out)


def replace_jpeg(out: Path, change: Callable[[bytes], bytes]) -> None:
    """Write the first shard anew with another first crop."""
    with h5py.File(out / "release" / SHARD, "r") as file:
        crops = {name: bytes(file[name][()]) for name in file}
    first = min(crops)
    crops[first] = change(crops[first])
    with h5py.File(out / "release" / SHARD, "w", libver="earliest") as file:
        for name, jpeg in crops.items():
            file[name] = np.bytes_(jpeg)
    seal(out)


def test_a_sound_release_passes(sound: Path) -> None:
    assert verify(sound) == ()


@pytest.mark.parametrize("coordinates", ["kept", "withheld"])
def test_other_settings_pass_as_well(tmp_path: Path, coordinates: str) -> None:
    config = Config.model_validate({"release": {"coordinates": coordinates}})
    assert verify(make_out(tmp_path / "out", config)) == ()


def test_a_release_without_its_private_part_passes(out: Path) -> None:
    shutil.rmtree(out / "private")
    shutil.rmtree(out / "work")
    assert verify(out) == ()


def test_an_unfinished_run_is_called_so(out: Path, tmp_path: Path) -> None:
    (out / "release" / "manifest.json").unlink()
    for unfinished in (out, tmp_path / "nothing"):
        (failure,) = verify(unfinished)
        assert failure.check == "complete"
        assert "has not been completed" in failure.sentence


@pytest.mark.parametrize("name", ["notes.txt", "images/patient Doe.jpg", "images/.shard.part"])
def test_an_alien_file_is_found_and_not_named(out: Path, name: str) -> None:
    (out / "release" / name).write_bytes(b"x")
    seal(out)
    (failure,) = verify(out)
    assert failure == Failure("files", "release/ holds 1 files that do not belong there")


def test_alien_folders_and_links_are_found(out: Path) -> None:
    (out / "release" / "Doe").mkdir()
    shutil.copyfile(out / "release" / SHARD, out / "copy")
    (out / "release" / SHARD).unlink()
    (out / "release" / SHARD).symlink_to(out / "copy")
    sentences = " ".join(failure.sentence for failure in verify(out))
    assert "1 symbolic links" in sentences
    assert "1 folders" in sentences


def test_a_missing_file_is_found(out: Path) -> None:
    (out / "release" / "data_dictionary.csv").unlink()
    assert {"files", "hashes"} <= checks_of(verify(out))


@pytest.mark.parametrize("name", [SHARD, "metadata.csv", "metadata.parquet", "data_dictionary.csv"])
def test_one_flipped_bit_is_found_anywhere(out: Path, name: str) -> None:
    path = out / "release" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert Failure("hashes", f"{name}: SHA-256 differs from the manifest") in verify(out)


def test_a_truncated_table_is_found(out: Path) -> None:
    path = out / "release" / "metadata.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert {"hashes", "same_tables"} <= checks_of(verify(out))
    seal(out)
    assert checks_of(verify(out)) == {"same_tables"}


def test_a_lost_shard_is_found(out: Path) -> None:
    (out / "release" / SHARD).unlink()
    assert {"hashes", "ids"} <= checks_of(verify(out))


def test_changed_settings_are_found(out: Path) -> None:
    edit_manifest(out, lambda m: m["config"]["settings"]["jpeg"].update(quality=50))
    assert checks_of(verify(out)) == {"settings"}


@pytest.mark.parametrize(
    ("group", "field"),
    [("scans", "planned"), ("scans", "done"), ("lesions", "found"), ("lesions", "exported")],
)
def test_counts_that_do_not_add_up_are_found(out: Path, group: str, field: str) -> None:
    def miscount(manifest: dict[str, Any]) -> None:
        manifest["counts"][group][field] += 1

    edit_manifest(out, miscount)
    assert checks_of(verify(out)) == {"counts"}


def test_a_manifest_that_does_not_read_is_a_failure(out: Path) -> None:
    (out / "release" / "manifest.json").write_text('{"files": ')
    assert Failure("hashes", "the files cannot be read (JSONDecodeError)") in verify(out)


def add_attribute(file: h5py.File) -> None:
    file[next(iter(file))].attrs["patient"] = "Doe"


def add_root_attribute(file: h5py.File) -> None:
    file.attrs["patient"] = "Doe"


def add_group(file: h5py.File) -> None:
    file.create_group("more")


def add_text(file: h5py.File) -> None:
    file["notes"] = "Jane Doe"


def add_array(file: h5py.File) -> None:
    file["pixels"] = np.zeros(8, np.uint8)


def add_external_link(file: h5py.File) -> None:
    file["far"] = h5py.ExternalLink("/etc/passwd", "/")


def add_soft_link(file: h5py.File) -> None:
    file["soft"] = h5py.SoftLink("/" + next(iter(file)))


def add_second_name(file: h5py.File) -> None:
    file["second"] = file[next(iter(file))]


def add_external_storage(file: h5py.File) -> None:
    file.create_dataset("stored", (1,), "S9", external=[("/etc/passwd", 0, 9)])


def add_comment(file: h5py.File) -> None:
    h5py.h5o.set_comment(file[next(iter(file))].id, b"Jane Doe", obj_name=b".")


def add_unwritten(file: h5py.File) -> None:
    file.create_dataset("empty", (), "S9")


def add_other_padding(file: h5py.File) -> None:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(9)
    kind.set_strpad(h5py.h5t.STR_SPACEPAD)
    h5py.h5d.create(file.id, b"padded", kind, h5py.h5s.create(h5py.h5s.SCALAR))


def add_compressed(file: h5py.File) -> None:
    file.create_dataset("packed", (4,), "S9", compression="gzip")


def add_times(file: h5py.File) -> None:
    file.create_dataset("timed", data=np.bytes_(b"x" * 9), track_times=True)


@pytest.mark.parametrize(
    "edit",
    [
        *(add_attribute, add_root_attribute, add_group, add_text, add_array, add_external_link),
        *(add_soft_link, add_second_name, add_external_storage, add_comment),
        *(add_unwritten, add_other_padding, add_compressed, add_times),
    ],
    ids=lambda edit: edit.__name__,
)
def test_a_shard_with_more_than_crops_is_found(out: Path, edit: Callable[..., None]) -> None:
    edit_shard(out, edit)
    found = [failure.sentence for failure in verify(out) if failure.check == "shards"]
    assert found
    assert all(sentence.startswith(f"{SHARD}: ") for sentence in found)


def test_a_deleted_crop_that_is_still_in_the_file_is_found(out: Path) -> None:
    with h5py.File(out / "release" / SHARD, "r+") as file:
        crops, name = len(file), next(iter(file))
        jpeg = file[name][()]
        del file[name]

    # On the next opening the library has forgotten where there is room.
    def add_again(file: h5py.File) -> None:
        file[name] = jpeg

    edit_shard(out, add_again)
    assert (out / "release" / SHARD).read_bytes().count(b"\xff\xd8\xff\xe0") == crops + 1
    failures = verify(out)
    assert Failure("shards", f"{SHARD}: holds the start of a JPEG that is no member") in failures
    assert checks_of(failures) == {"shards"}


def test_a_user_block_and_bytes_behind_the_end_are_found(out: Path) -> None:
    path = out / "release" / SHARD
    content = path.read_bytes()
    for leaky in (b"Jane Doe".ljust(512) + content, content + b"Jane Doe"):
        path.write_bytes(leaky)
        seal(out)
        assert checks_of(verify(out)) == {"shards"}


def test_the_newer_file_format_is_found(out: Path) -> None:
    with h5py.File(out / "release" / SHARD, "r") as file:
        crops = {name: bytes(file[name][()]) for name in file}
    with h5py.File(out / "release" / SHARD, "w", libver="latest") as file:
        for name, jpeg in crops.items():
            file[name] = np.bytes_(jpeg)
    seal(out)
    (failure, *_) = [failure for failure in verify(out) if failure.check == "shards"]
    assert "superblock version 0" in failure.sentence


def test_crops_written_another_way_pass(out: Path) -> None:
    replace_jpeg(out, lambda jpeg: jpeg)
    assert verify(out) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda jpeg: jpeg[:20] + b"\xff\xfe\x00\x06Jane" + jpeg[20:], "hold segments beside"),
        (lambda jpeg: jpeg[:20] + b"\xff\xe1\x00\x08Exif\0\0" + jpeg[20:], "hold segments beside"),
        (lambda jpeg: jpeg + b"Jane Doe", "hold bytes after their end"),
        (lambda jpeg: jpeg[:-200], "are not whole JPEGs"),
        (lambda jpeg: b"Jane Doe", "are not whole JPEGs"),
        (lambda jpeg: make_jpegs(1, size_px=35)[0], "are not squares of the size"),
    ],
    ids=["comment", "exif", "trailing", "cut", "text", "size"],
)
def test_a_crop_with_more_or_less_than_pixels_is_found(
    out: Path, change: Callable[[bytes], bytes], words: str
) -> None:
    replace_jpeg(out, change)
    (failure,) = verify(out)
    assert failure.check == "crops"
    assert failure.sentence.startswith(f"1 crops {words}")


def test_a_crop_without_row_and_a_row_without_crop_are_found(out: Path) -> None:
    ids = column(out, "isic_id")
    edit_table(out, isic_id=["TBP_" + "A" * 12, *ids[1:]])
    failures = verify(out)
    assert Failure("ids", "1 crops have no row, 1 rows have no crop") in failures
    assert checks_of(failures) == {"ids", "linkage"}


def test_ids_that_repeat_or_are_not_sorted_are_found(out: Path) -> None:
    ids = column(out, "isic_id")
    edit_table(out, isic_id=[ids[1], *ids[1:]])
    assert Failure("ids", "isic_id: some are there more than once") in verify(out)
    edit_table(out, isic_id=ids[::-1])
    assert Failure("ids", "isic_id: the rows are not sorted") in verify(out)


@pytest.mark.parametrize("patient", ["MRN-000001", "TBPP_aaaaaaaaaaaa", "TBP_" + "A" * 12, None])
def test_a_patient_id_that_is_no_pseudonym_is_found(out: Path, patient: str | None) -> None:
    edit_table(out, patient_id=[patient, *column(out, "patient_id")[1:]])
    assert "ids" in checks_of(verify(out))


def test_metadata_of_the_writer_in_parquet_is_found(out: Path) -> None:
    path = out / "release" / "metadata.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({"pandas": "{}"}), path)
    seal(out)
    assert checks_of(verify(out)) == {"columns"}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_column_too_many_is_found(out: Path, form: str) -> None:
    path = out / "release" / f"metadata.{form}"
    if form == "parquet":
        table = pq.read_table(path)
        table = table.append_column("scan_id", pa.array(["Doe"] * table.num_rows))
        pq.write_table(table, path, store_schema=False)
    else:
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([f"{header},scan_id", *(f"{row},Doe" for row in rows), ""]))
    seal(out)
    assert checks_of(verify(out)) == {"columns", "same_tables"}


def test_a_changed_data_dictionary_is_found(out: Path) -> None:
    path = out / "release" / "data_dictionary.csv"
    path.write_text(path.read_text().replace("Mean a*", "Mean of Doe"))
    seal(out)
    assert checks_of(verify(out)) == {"columns"}


def test_tables_that_differ_in_one_digit_are_found(out: Path) -> None:
    path = out / "release" / "metadata.csv"
    path.write_text(path.read_text().replace(",45.0,", ",40.0,", 1))
    seal(out)
    assert verify(out) == (
        Failure("same_tables", "metadata.csv and metadata.parquet differ in age_approx"),
    )


def test_windows_line_ends_are_found(out: Path) -> None:
    path = out / "release" / "metadata.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    seal(out)
    assert Failure("same_tables", "metadata.csv: lines do not end in LF alone") in verify(out)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("age_approx", 43.0),
        ("age_approx", 90.0),
        ("sex", "Jane Doe"),
        ("tbp_lv_location", "left ear of Jane"),
        ("image_type", "photo"),
        ("tbp_lv_x", 123.0),
        ("tbp_lv_z", -0.5),
        ("attribution", "=cmd()"),
        ("copyright_license", "CC\tBY"),
    ],
)
def test_values_outside_their_domain_are_found(out: Path, name: str, value: object) -> None:
    edit_table(out, **{name: [value, *column(out, name)[1:]]})
    (failure,) = verify(out)
    assert failure.check == "values"
    assert failure.sentence.startswith(f"{name}: ")
    assert str(value) not in failure.sentence


def test_coordinates_that_were_to_be_withheld_are_found(tmp_path: Path) -> None:
    config = Config.model_validate({"release": {"coordinates": "withheld"}})
    out = make_out(tmp_path / "out", config)
    edit_table(out, tbp_lv_y=[10.0] * 9)
    assert verify(out) == (Failure("values", "tbp_lv_y: was to be withheld"),)


@pytest.mark.parametrize(
    ("text", "private"),
    [("Doe, MRN-000001", "patient_id"), ("taken 2024-03-01", "capture_date")],
)
def test_a_private_value_in_a_free_text_is_found(out: Path, text: str, private: str) -> None:
    edit_table(out, attribution=[text, *column(out, "attribution")[1:]])
    assert verify(out) == (
        Failure("private_values", f"{private}: private values stand in the release"),
    )


def test_a_private_value_in_the_manifest_is_found(out: Path) -> None:
    edit_manifest(out, lambda m: m["tool"].update(note="visit 0001 Doe"))
    assert checks_of(verify(out)) == {"private_values"}


def test_a_linkage_of_other_rows_is_found(out: Path) -> None:
    path = out / "private" / "linkage.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert checks_of(verify(out)) == {"linkage"}


@pytest.mark.parametrize("name", [".", "key", "linkage.csv"])
def test_a_private_place_that_others_may_enter_is_found(out: Path, name: str) -> None:
    path = out / "private" / name
    path.chmod(path.stat().st_mode | 0o044)
    assert checks_of(verify(out)) == {"private_modes"}


def test_rubbish_in_the_place_of_every_file_is_survived(out: Path) -> None:
    for path in (out / "release").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x89HDF\r\n\x1a\n rubbish \xff\n")
    assert len(checks_of(verify(out))) >= 8


def test_no_sentence_names_anything_private(out: Path) -> None:
    replace_jpeg(out, lambda jpeg: b"Jane Doe")
    edit_table(out, sex=["Doe"] * 9, attribution=["Doe"] * 9, patient_id=["MRN-000001"] * 9)
    text = " ".join(failure.sentence for failure in verify(out))
    for private in ("Doe", "MRN", str(out), "visit"):
        assert private not in text


def test_every_check_has_a_name_of_its_own() -> None:
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)


def test_text_in_the_free_room_of_a_header_is_found(out: Path) -> None:
    path = out / "release" / SHARD
    with h5py.File(path, "r") as file:
        address = h5py.h5o.get_info(file[next(iter(file))].id).addr
    content = bytearray(path.read_bytes())
    # A header of 272 bytes ends in 176 free ones.
    content[address + 200 : address + 208] = b"Jane Doe"
    path.write_bytes(content)
    seal(out)
    (failure,) = verify(out)
    assert failure.sentence.startswith(f"{SHARD}: 1 members have attributes, a comment")


def test_two_patients_under_one_pseudonym_are_found(out: Path) -> None:
    patients = column(out, "patient_id")
    edit_table(out, patient_id=[patients[0]] * len(patients))
    assert verify(out) == (
        Failure("linkage", "patient_id: patients and their pseudonyms do not go one to one"),
    )


def test_a_link_in_a_shard_is_not_followed(out: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.hdf5", "w") as file:
        file["crop"] = np.bytes_(b"Jane Doe")

    def add_link(file: h5py.File) -> None:
        file["TBP_" + "A" * 12] = h5py.ExternalLink(str(tmp_path / "secret.hdf5"), "/crop")

    edit_shard(out, add_link)
    assert "crops" not in checks_of(verify(out))
