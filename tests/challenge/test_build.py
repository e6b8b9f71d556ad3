"""From three centres to files: what was planted is found, what is written reads as the genuine."""

import csv
import io
import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image

from tbp_extract.challenge.build import Challenge, ChallengeSource, build_challenge
from tbp_extract.columns import CLINICAL_BLOCKS, ISIC_TEST_COLUMNS, ISIC_TRAIN_COLUMNS
from tbp_extract.config import ChallengeConfig, parse_settings
from tbp_extract.errors import ConfigError, OutputError, SourceError
from tbp_extract.io.dataset import LesionDataset
from tbp_extract.verify.hdf5 import read_shard
from tests.centres import CENTRES, label, make_patient, write_centre, write_labels
from tests.challenge.planted import Planted, key_file, plant, settings
from tests.io.test_genuine_readers import READERS


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("centres"))


@pytest.fixture(scope="module")
def made(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Challenge]:
    folder = tmp_path_factory.mktemp("challenge")
    out = folder / "out"
    return out, build_challenge(planted.source, out, settings(), key_file(folder))


@pytest.fixture(scope="module")
def out(made: tuple[Path, Challenge]) -> Path:
    return made[0]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_planted_label_error_is_listed_with_its_row_and_none_is_invented(
    out: Path, planted: Planted
) -> None:
    found: dict[int, set[str]] = {}
    for row in read(out / "private" / "label_problems.csv"):
        found.setdefault(int(row["row"]), set()).add(row["code"])
    assert found == planted.errors


def test_every_planted_duplicate_is_found_and_none_is_invented(out: Path, planted: Planted) -> None:
    rows = read(out / "private" / "duplicates.csv")
    found = {frozenset((row["source_isic_id_1"], row["source_isic_id_2"])) for row in rows}
    assert found == planted.duplicates
    assert {row["relation"] for row in rows} == {
        *("within capture", "across visits", "across patients", "across centres")
    }


def test_every_crop_has_one_fate_and_the_counts_add_up(out: Path, planted: Planted) -> None:
    fates = read(out / "private" / "fates.csv")
    assert len(fates) == planted.crops
    taken = {row["isic_id"] for row in fates if row["fate"] == "taken"}
    rows = [
        *read(out / "public" / "train-metadata.csv"),
        *read(out / "public" / "test-metadata.csv"),
    ]
    assert taken == {row["isic_id"] for row in rows}
    assert not any(row["isic_id"] for row in fates if row["fate"] != "taken")
    counts = json.loads((out / "public" / "manifest.json").read_text())["counts"]
    assert sum(counts["crops"].values()) == planted.crops


def test_nothing_crosses_the_split_and_the_held_out_centre_is_test_only(out: Path) -> None:
    links = read(out / "private" / "linkage.csv")
    people: dict[tuple[str, str], set[str]] = {}
    for row in links:
        people.setdefault((row["centre"], row["mrn"]), set()).add(row["split"])
    assert all(len(splits) == 1 for splits in people.values())
    assert {row["split"] for row in links if row["centre"] == "Vienna"} == {"test"}
    assert {row["split"] for row in links if row["centre"] == "Basel"} == {"train", "test"}
    train = {row["patient_id"] for row in read(out / "public" / "train-metadata.csv")}
    assert not train & {row["patient_id"] for row in read(out / "public" / "test-metadata.csv")}


def test_the_same_record_number_at_two_centres_is_two_patients(out: Path) -> None:
    links = read(out / "private" / "linkage.csv")
    rows = {
        row["isic_id"]: row["patient_id"]
        for name in ("train", "test")
        for row in read(out / "public" / f"{name}-metadata.csv")
    }
    people = {(row["centre"], row["mrn"]): rows[row["isic_id"]] for row in links}
    assert len(set(people.values())) == len(people)
    assert {mrn for centre, mrn in people if centre == "Basel"} & {
        mrn for centre, mrn in people if centre == "Athens"
    }


def test_images_are_the_crops_of_the_centres_byte_for_byte(out: Path, planted: Planted) -> None:
    links = {row["isic_id"]: row for row in read(out / "private" / "linkage.csv")}
    source: dict[str, bytes] = {}
    for folder in planted.source.releases:
        for path in (folder / "release" / "images").iterdir():
            with h5py.File(path, "r") as file:
                source |= {name: file[name][()] for name in file}
    for split in ("train", "test"):
        with h5py.File(out / "public" / f"{split}-image.hdf5", "r") as file:
            rows = read(out / "public" / f"{split}-metadata.csv")
            assert list(file) == [row["isic_id"] for row in rows]
            for name in file:
                assert file[name][()] == source[links[name]["source_isic_id"]]


def test_image_files_have_the_genuine_structure(out: Path) -> None:
    for split in ("train", "test"):
        assert read_shard(out / "public" / f"{split}-image.hdf5").faults == ()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_public_readers_read_the_images(
    out: Path, tmp_path: Path, reader: Callable[[Path], list[Any]]
) -> None:
    path = tmp_path / "train-image.hdf5"
    shutil.copyfile(out / "public" / "train-image.hdf5", path)
    with h5py.File(path, "r") as file:
        expected = [np.array(Image.open(io.BytesIO(file[name][()]))) for name in file]
    for image, wanted in zip(reader(path), expected, strict=True):
        np.testing.assert_array_equal(image, wanted)


def test_public_readers_read_images_with_their_rows(out: Path) -> None:
    path = out / "public" / "train-image.hdf5"
    frame = pd.read_csv(out / "public" / "train-metadata.csv", low_memory=False)
    with h5py.File(path, "r") as file:
        for name in frame.isic_id[:5]:
            image = Image.open(io.BytesIO(file[name][()]))
            array = np.array(Image.open(io.BytesIO(np.array(file[name]))))  # type: ignore[arg-type]
            assert image.size == array.shape[1::-1]
    dataset = LesionDataset(path, out / "public" / "train-metadata.csv")
    pixels, row = dataset[0]
    assert pixels.ndim == 3
    assert row["target"] in (0, 1)


def genuine_schema(data: Path) -> tuple[pd.Series, dict[str, pl.DataType]]:
    path = data / "isic2024" / "test-metadata.csv"
    # This copy of the genuine file lost the decimals of its ages; the original writes 45.0.
    frame = pd.read_csv(path, dtype={"age_approx": "float64"})
    schema = pl.read_csv(path, schema_overrides={"age_approx": pl.Float64}).schema
    return frame.dtypes, dict(schema)


def test_columns_and_types_are_those_of_the_genuine_test_metadata(out: Path, data: Path) -> None:
    by_pandas, by_polars = genuine_schema(data)
    path = out / "public" / "test-metadata.csv"
    frame = pd.read_csv(path)
    assert list(frame.columns) == list(ISIC_TEST_COLUMNS)
    assert (frame.dtypes == by_pandas).all()
    assert dict(pl.read_csv(path).schema) == by_polars


def test_train_metadata_has_the_55_columns_and_types_of_the_field(out: Path, data: Path) -> None:
    by_pandas, _ = genuine_schema(data)
    frame = pd.read_csv(out / "public" / "train-metadata.csv", low_memory=False)
    assert list(frame.columns) == list(ISIC_TRAIN_COLUMNS)
    for name in ISIC_TEST_COLUMNS:
        assert frame[name].dtype == by_pandas[name], name
    assert frame.target.dtype == np.int64
    assert frame.mel_thick_mm.dtype == np.float64
    assert (frame.iddx_full.str.split("::").str[0] == frame.iddx_1).all()
    assert (frame.target == (frame.iddx_1 == "Malignant")).all()


def test_solution_and_sample_submission_go_with_the_test_set(out: Path) -> None:
    ids = [row["isic_id"] for row in read(out / "public" / "test-metadata.csv")]
    solution = read(out / "private" / "solution.csv")
    assert [row["isic_id"] for row in solution] == ids
    assert {row["target"] for row in solution} == {"0", "1"}
    assert [row["isic_id"] for row in read(out / "public" / "sample_submission.csv")] == ids


def test_the_information_model_has_16_fields_in_six_blocks(out: Path) -> None:
    names = [name for block in CLINICAL_BLOCKS.values() for name in block]
    assert (len(CLINICAL_BLOCKS), len(names)) == (6, 16)
    assert list(read(out / "public" / "train-clinical.csv")[0]) == names
    assert list(read(out / "private" / "test-clinical.csv")[0]) == names


def test_nothing_private_is_public(out: Path, planted: Planted) -> None:
    links = read(out / "private" / "linkage.csv")
    secrets = {row["mrn"] for row in links} | {row["capture_date"] for row in links}
    secrets |= {row["source_isic_id"] for row in links}
    for path in (out / "public").iterdir():
        content = path.read_bytes()
        assert not [text for text in secrets if text.encode() in content], path.name
    for path in (out / "private").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path.name
    assert stat.S_IMODE((out / "private").stat().st_mode) == 0o700


def test_test_labels_are_not_public(out: Path) -> None:
    card = (out / "public" / "card.md").read_text()
    target = card.partition("## Target")[2].partition("##")[0]
    assert "test" not in target
    private = (out / "private" / "card-with-test-labels.md").read_text()
    assert "test" in private.partition("## Target")[2].partition("##")[0]


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_key_and_input_give_the_same_bytes(
    out: Path, planted: Planted, tmp_path: Path
) -> None:
    build_challenge(planted.source, tmp_path / "again", settings(), key_file(tmp_path))
    assert content(tmp_path / "again") == content(out)


def test_another_key_gives_other_ids(planted: Planted, out: Path, tmp_path: Path) -> None:
    build_challenge(planted.source, tmp_path / "other", settings())
    ids = {row["isic_id"] for row in read(out / "public" / "train-metadata.csv")}
    assert not ids & {
        r["isic_id"] for r in read(tmp_path / "other" / "public" / "train-metadata.csv")
    }


def test_a_later_centre_moves_nobody_and_renames_nothing(
    planted: Planted, out: Path, tmp_path: Path
) -> None:
    fewer = ChallengeSource(planted.source.releases[:2], planted.source.labels)
    config = settings(centres={"names": list(CENTRES[:2])})
    build_challenge(fewer, tmp_path / "fewer", config, key_file(tmp_path))
    before = read(tmp_path / "fewer" / "private" / "linkage.csv")
    after = {row["isic_id"]: row for row in read(out / "private" / "linkage.csv")}
    assert before
    for row in before:
        assert after[row["isic_id"]] == row


def test_the_key_inside_the_output_is_enough_to_make_it_again(
    planted: Planted, tmp_path: Path
) -> None:
    build_challenge(planted.source, tmp_path / "one", settings())
    shutil.rmtree(tmp_path / "one" / "public")
    build_challenge(planted.source, tmp_path / "one", settings())
    assert (tmp_path / "one" / "public" / "manifest.json").exists()


def test_a_finished_challenge_is_not_written_over(planted: Planted, out: Path) -> None:
    with pytest.raises(OutputError, match="holds a finished challenge"):
        build_challenge(planted.source, out, settings())


def test_a_folder_with_anything_else_is_left_alone(planted: Planted, tmp_path: Path) -> None:
    for place in ("notes.txt", "private/quarantine.csv"):
        path = tmp_path / Path(place).stem / place
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        with pytest.raises(OutputError, match="1 other entries"):
            build_challenge(planted.source, tmp_path / Path(place).stem, settings())
        assert [p for p in (tmp_path / Path(place).stem).rglob("*") if p.is_file()] == [path]


def test_same_split_keeps_all_duplicates_and_lists_their_released_pairs(
    planted: Planted, tmp_path: Path
) -> None:
    config = settings(duplicates={"policy": "same_split"})
    made = build_challenge(planted.source, tmp_path / "out", config, key_file(tmp_path))
    assert made.audit.crossings["duplicate_groups"] == 0
    links = {row["isic_id"]: row for row in read(tmp_path / "out" / "private" / "linkage.csv")}
    pairs = read(tmp_path / "out" / "public" / "duplicates.csv")
    assert list(pairs[0]) == ["image_name_1", "image_name_2"]
    found = {
        frozenset(links[row[f"image_name_{k}"]]["source_isic_id"] for k in (1, 2)) for row in pairs
    }
    assert found <= planted.duplicates
    # Those that tie the held-out centre to training patients cannot stay.
    assert len(found) >= len(planted.duplicates) - 2
    for row in pairs:
        assert links[row["image_name_1"]]["split"] == links[row["image_name_2"]]["split"]


def test_keep_keeps_everything_and_the_audit_says_what_crosses(
    planted: Planted, tmp_path: Path
) -> None:
    config = settings(duplicates={"policy": "keep"})
    made = build_challenge(planted.source, tmp_path / "out", config, key_file(tmp_path))
    assert len(read(tmp_path / "out" / "public" / "duplicates.csv")) == len(planted.duplicates)
    assert made.audit.crossings["duplicate_groups"] > 0
    assert not made.audit.passes


def test_what_was_published_before_is_left_out_by_pixels_and_by_id(
    planted: Planted, out: Path, tmp_path: Path
) -> None:
    links = read(out / "private" / "linkage.csv")
    # Crops of which there is one only: a published crop takes its duplicates along.
    copied = frozenset().union(*planted.duplicates)
    by_id, by_pixels, *_ = (
        row
        for row in links
        if (row["split"], row["label"]) == ("train", "weak") and row["source_isic_id"] not in copied
    )
    (tmp_path / "ids.csv").write_text(f"isic_id\n{by_id['source_isic_id']}\n")
    (tmp_path / "jpegs").mkdir()
    with h5py.File(out / "public" / "train-image.hdf5", "r") as file:
        pixels = Image.open(io.BytesIO(file[by_pixels["isic_id"]][()]))
        pixels.save(tmp_path / "jpegs" / "old.jpg", quality=90)
    source = ChallengeSource(
        planted.source.releases, planted.source.labels, (tmp_path / "ids.csv", tmp_path / "jpegs")
    )
    build_challenge(source, tmp_path / "out", settings(), key_file(tmp_path))
    fates = {
        r["source_isic_id"]: r["fate"] for r in read(tmp_path / "out" / "private" / "fates.csv")
    }
    assert (
        fates[by_id["source_isic_id"]] == fates[by_pixels["source_isic_id"]] == "published_before"
    )
    assert list(fates.values()).count("published_before") == 2


def test_ids_can_look_like_those_of_the_archive(planted: Planted, tmp_path: Path) -> None:
    ids = {"style": "digits", "image_prefix": "ISIC_", "patient_prefix": "IP_"}
    build_challenge(planted.source, tmp_path / "out", settings(ids=ids))
    frame = pd.read_csv(tmp_path / "out" / "public" / "train-metadata.csv", low_memory=False)
    assert frame.isic_id.str.fullmatch(r"ISIC_\d{7}").all()
    assert frame.patient_id.str.fullmatch(r"IP_\d{7}").all()


def test_single_jpegs_are_those_of_the_image_file(planted: Planted, tmp_path: Path) -> None:
    build_challenge(planted.source, tmp_path / "out", settings(files={"jpegs": True}))
    public = tmp_path / "out" / "public"
    with h5py.File(public / "test-image.hdf5", "r") as file:
        names = {f"{name}.jpg" for name in file}
        folder = public / "test-image" / "image"
        assert {path.name for path in folder.iterdir()} == names
        assert all((folder / f"{name}.jpg").read_bytes() == file[name][()] for name in file)


def test_names_must_go_with_the_releases(planted: Planted, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected one name for each of 3 releases"):
        build_challenge(planted.source, tmp_path / "out", ChallengeConfig())


def test_a_release_without_its_linkage_is_refused(planted: Planted, tmp_path: Path) -> None:
    shutil.copytree(planted.source.releases[0] / "release", tmp_path / "alone" / "release")
    source = ChallengeSource((tmp_path / "alone",), planted.source.labels)
    with pytest.raises(SourceError, match="release 1: expected the private linkage"):
        build_challenge(source, tmp_path / "out", ChallengeConfig())


def test_a_release_that_was_changed_is_refused(planted: Planted, tmp_path: Path) -> None:
    shutil.copytree(planted.source.releases[0], tmp_path / "centre")
    with (tmp_path / "centre" / "release" / "metadata.csv").open("a") as file:
        file.write("\n")
    source = ChallengeSource((tmp_path / "centre",), planted.source.labels)
    with pytest.raises(SourceError, match="files are those of its manifest"):
        build_challenge(source, tmp_path / "out", ChallengeConfig())


def test_the_same_release_twice_is_refused(planted: Planted, tmp_path: Path) -> None:
    source = ChallengeSource((planted.source.releases[0],) * 2, planted.source.labels)
    config = parse_settings({"centres": {"names": ["Basel", "Basel"]}}, ChallengeConfig)
    with pytest.raises(SourceError, match="a release was given twice"):
        build_challenge(source, tmp_path / "out", config)


def test_an_empty_class_is_said_in_one_sentence(tmp_path: Path) -> None:
    visits = [v for p in range(4) for v in make_patient(f"{p}", seed=p, visits=1, lesions=3)]
    centre = write_centre(tmp_path / "centre", visits, attribution="Hospital of Basel")
    labels = write_labels(
        tmp_path / "l.csv", [label(f"{p}", 1, visits[p].day, "nevus") for p in range(4)]
    )
    with pytest.raises(SourceError, match="holds no malignant lesion"):
        build_challenge(ChallengeSource((centre,), (labels,)), tmp_path / "out", ChallengeConfig())
    assert not (tmp_path / "out" / "public" / "manifest.json").exists()


def test_labels_of_other_people_are_said_and_listed(tmp_path: Path) -> None:
    visits = make_patient("7", seed=7, visits=1, lesions=3)
    centre = write_centre(tmp_path / "centre", visits, attribution="Hospital of Basel")
    rows = [label("8", 1, visits[0].day, "nevus"), label("9", 1, visits[0].day, "melanoma")]
    source = ChallengeSource((centre,), (write_labels(tmp_path / "lesion.csv", rows),))
    with pytest.raises(SourceError, match=r"no crop takes part.*2 patient_unknown"):
        build_challenge(source, tmp_path / "out", ChallengeConfig())
    listed = read(tmp_path / "out" / "private" / "label_problems.csv")
    assert [row["mrn"] for row in listed] == ["8", "9"]
