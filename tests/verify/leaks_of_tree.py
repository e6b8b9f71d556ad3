"""Leaks beside the content of files."""

import os
from pathlib import Path

from tests.verify.edits import SHARD, TIME_S
from tests.verify.leaks import leak


@leak("tree", "manifest")
def stray_file_in_release(out: Path) -> None:
    (out / "release" / "notes.txt").write_text("x")


@leak("tree", "manifest")
def stray_image_among_shards(out: Path) -> None:
    (out / "release" / "images" / "0001.jpg").write_bytes(b"\xff\xd8\xff\xd9")


@leak("tree", "manifest")
def unfinished_file_left(out: Path) -> None:
    (out / "release" / "images" / ".shard-00000.hdf5.ab.part").write_bytes(b"x")


@leak("tree", "manifest")
def thumbnail_cache_of_a_desktop(out: Path) -> None:
    (out / "release" / ".DS_Store").write_bytes(b"x")


@leak("tree")
def stray_folder_in_release(out: Path) -> None:
    (out / "release" / "more").mkdir()


@leak("tree")
def stray_file_in_the_output_folder(out: Path) -> None:
    (out / "linkage copy.csv").write_text("x")


@leak("tree", "private_values", "manifest")
def name_of_a_patient_as_file_name(out: Path) -> None:
    (out / "release" / "images" / "MRN-00471101.hdf5").write_bytes(b"x")


@leak("tree", "hashes", "dictionary", sealed=False)
def dictionary_missing(out: Path) -> None:
    (out / "release" / "data_dictionary.csv").unlink()


@leak("links")
def shard_is_a_symbolic_link(out: Path) -> None:
    (out / "release" / SHARD).rename(out / "private" / "a.hdf5")
    (out / "private" / "a.hdf5").chmod(0o600)
    (out / "release" / SHARD).symlink_to(out / "private" / "a.hdf5")


@leak("links")
def table_has_a_second_name_elsewhere(out: Path) -> None:
    os.link(out / "release" / "metadata.csv", out.parent / "metadata.csv")


@leak("links", "tree")
def pipe_in_the_release(out: Path) -> None:
    os.mkfifo(out / "release" / "pipe")


@leak("extended_attributes")
def note_in_an_extended_attribute(out: Path) -> None:
    os.setxattr(out / "release" / "metadata.csv", "user.comment", b"Jane Doe")


@leak("modes")
def everybody_may_write_to_a_table(out: Path) -> None:
    (out / "release" / "metadata.csv").chmod(0o666)


@leak("modes")
def everybody_may_write_to_the_release(out: Path) -> None:
    (out / "release").chmod(0o777)


@leak("modes")
def manifest_can_be_run(out: Path) -> None:
    (out / "release" / "manifest.json").chmod(0o755)


@leak("times", sealed=False)
def time_of_capture_as_time_of_change(out: Path) -> None:
    os.utime(out / "release" / SHARD, (TIME_S + 1, TIME_S + 1))


@leak("times", sealed=False)
def time_of_change_of_a_folder(out: Path) -> None:
    os.utime(out / "release" / "images", ns=(0, TIME_S * 10**9 + 1))


@leak("private_modes")
def others_may_read_the_key(out: Path) -> None:
    (out / "private" / "key").chmod(0o644)


@leak("private_modes")
def others_may_enter_the_private_folder(out: Path) -> None:
    (out / "private").chmod(0o755)


@leak("private_modes")
def private_folder_leads_into_the_release(out: Path) -> None:
    (out / "private" / "copy").symlink_to(out / "release")
