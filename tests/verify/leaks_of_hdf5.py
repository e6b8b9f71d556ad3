"""Leaks through what HDF5 can hold besides members of the root."""

from pathlib import Path

import h5py
import numpy as np

from tests.verify.edits import (
    SHARD,
    column,
    edit_shard,
    edit_shard_bytes,
    read_crops,
    read_linkage,
    write_crops,
    write_linkage,
)
from tests.verify.leaks import leak


def first(file: h5py.File) -> str:
    return str(min(file))


def bare(size: int = 9, padding: int = h5py.h5t.STR_NULLPAD) -> h5py.h5t.TypeStringID:
    kind = h5py.h5t.C_S1.copy()
    kind.set_size(size)
    kind.set_strpad(padding)
    return kind


def header_of(out: Path) -> int:
    with h5py.File(out / "release" / SHARD, "r") as file:
        address: int = h5py.h5o.get_info(file[first(file)].id).addr
        return address


@leak("shards", "ids")
def attribute_of_a_crop(out: Path) -> None:
    edit_shard(out, lambda file: file[first(file)].attrs.update(patient="Doe"))


@leak("shards", "ids")
def attribute_of_the_root(out: Path) -> None:
    edit_shard(out, lambda file: file.attrs.update(patient="Doe"))


@leak("shards", "ids")
def deleted_attribute(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        file[first(file)].attrs["patient"] = "Doe"
        del file[first(file)].attrs["patient"]

    edit_shard(out, edit)


@leak("shards", "ids")
def group_beside_the_crops(out: Path) -> None:
    edit_shard(out, lambda file: file.create_group("more"))


@leak("shards", "ids")
def text_of_variable_length(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("notes", data="Jane Doe"))


@leak("shards", "ids")
def array_beside_the_crops(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("pixels", data=np.zeros(8, np.uint8)))


@leak("shards", "ids")
def plain_text_as_a_member(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        crop = h5py.h5d.create(file.id, b"notes", bare(), h5py.h5s.create(h5py.h5s.SCALAR))
        crop.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(b"Jane Doe!", "S9"), mtype=bare())

    edit_shard(out, edit)


@leak("shards", "ids")
def link_to_another_file(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        file["far"] = h5py.ExternalLink("/etc/passwd", "/")

    edit_shard(out, edit)


@leak("shards", "ids")
def soft_link(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        file["soft"] = h5py.SoftLink(f"/{first(file)}")

    edit_shard(out, edit)


@leak("shards", "ids")
def second_name_of_a_crop(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        file["second"] = file[first(file)]

    edit_shard(out, edit)


@leak("shards", "ids")
def content_stored_in_another_file(out: Path) -> None:
    edit_shard(
        out,
        lambda file: file.create_dataset("stored", (1,), "S9", external=[("/etc/passwd", 0, 9)]),
    )


@leak("shards", "ids")
def comment_of_a_crop(out: Path) -> None:
    edit_shard(
        out,
        lambda file: h5py.h5o.set_comment(file[first(file)].id, b"Jane Doe", obj_name=b"."),
    )


@leak("shards", "ids")
def comment_of_the_root(out: Path) -> None:
    edit_shard(out, lambda file: h5py.h5o.set_comment(file["/"].id, b"Jane Doe", obj_name=b"."))


@leak("shards", "ids")
def committed_type(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        file["kind"] = np.dtype("S9")

    edit_shard(out, edit)


@leak("shards", "ids")
def fill_value(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("f", (), "S9", fillvalue=b"Jane Doe"))


@leak("shards", "ids")
def crop_that_was_never_written(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("empty", (), "S9"))


@leak("shards", "ids")
def text_padded_with_spaces(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        kind = bare(padding=h5py.h5t.STR_SPACEPAD)
        h5py.h5d.create(file.id, b"padded", kind, h5py.h5s.create(h5py.h5s.SCALAR))

    edit_shard(out, edit)


@leak("shards", "ids")
def compressed_member(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("c", (4,), "S9", compression="gzip"))


@leak("shards", "ids")
def chunked_member(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("c", (4,), "S9", chunks=(2,)))


@leak("shards", "ids")
def compact_member(out: Path) -> None:
    def edit(file: h5py.File) -> None:
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_layout(h5py.h5d.COMPACT)
        scalar = h5py.h5s.create(h5py.h5s.SCALAR)
        crop = h5py.h5d.create(file.id, b"compact", bare(), scalar, dcpl=layout)
        crop.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array(b"Jane Doe!", "S9"), mtype=bare())

    edit_shard(out, edit)


@leak("shards", "ids")
def time_of_writing(out: Path) -> None:
    edit_shard(
        out, lambda file: file.create_dataset("t", data=np.bytes_(b"x" * 9), track_times=True)
    )


@leak("shards", "ids", "order")
def deleted_crop_still_in_the_file(out: Path) -> None:
    with h5py.File(out / "release" / SHARD, "r+") as file:
        name = first(file)
        jpeg = file[name][()]
        del file[name]

    # On the next opening the library has forgotten where there is room.
    def add_again(file: h5py.File) -> None:
        file[name] = jpeg

    edit_shard(out, add_again)


@leak("shards", "ids")
def deleted_member_of_another_name(out: Path) -> None:
    edit_shard(out, lambda file: file.create_dataset("Jane Doe", data=np.bytes_(b"x" * 3000)))

    def delete(file: h5py.File) -> None:
        del file["Jane Doe"]

    edit_shard(out, delete)


@leak("shards", "ids")
def user_block(out: Path) -> None:
    path = out / "release" / SHARD
    path.write_bytes(b"Jane Doe".ljust(512) + path.read_bytes())


@leak("shards", "ids")
def bytes_behind_the_end(out: Path) -> None:
    path = out / "release" / SHARD
    path.write_bytes(path.read_bytes() + b"Jane Doe")


@leak("shards", "ids")
def newer_file_format(out: Path) -> None:
    write_crops(out, read_crops(out), libver="latest")


@leak("shards", "ids")
def text_in_the_free_room_of_a_header(out: Path) -> None:
    address = header_of(out)
    # A header of 272 bytes ends in 176 free ones.
    edit_shard_bytes(out, lambda b: b.__setitem__(slice(address + 200, address + 208), b"Jane Doe"))


@leak("shards", "ids")
def text_between_the_crops(out: Path) -> None:
    # The library leaves room behind the first heap of names.
    edit_shard_bytes(out, lambda b: b.__setitem__(slice(720, 728), b"Jane Doe"))


@leak("shards", "ids")
def text_in_the_room_for_a_driver(out: Path) -> None:
    edit_shard_bytes(out, lambda b: b.__setitem__(slice(48, 56), b"Jane Doe"))


@leak("shards", "ids")
def text_in_the_free_room_of_the_names(out: Path) -> None:
    def edit(content: bytearray) -> None:
        heap = content.index(b"HEAP")
        size, free, address = (
            int.from_bytes(content[heap + 8 * k : heap + 8 * k + 8], "little") for k in (1, 2, 3)
        )
        assert free + 24 <= size
        content[address + free + 16 : address + free + 24] = b"Jane Doe"

    edit_shard_bytes(out, edit)


@leak("order")
def crops_in_the_order_of_the_scan(out: Path) -> None:
    crops = read_crops(out)
    write_crops(out, dict(reversed(crops.items())))


@leak("order")
def one_shard_for_each_patient(out: Path) -> None:
    crops = read_crops(out)
    patients = dict(zip(column(out, "isic_id"), column(out, "patient_id"), strict=True))
    for number, patient in enumerate(sorted(set(patients.values()))):
        mine = {name: jpeg for name, jpeg in crops.items() if patients[name] == patient}
        write_crops(out, mine, f"images/shard-{number:05d}.hdf5")
    rows = read_linkage(out)
    files = sorted(set(patients.values()))
    for row in rows:
        row["shard"] = f"shard-{files.index(patients[row['isic_id']]):05d}.hdf5"
    write_linkage(out, rows)
