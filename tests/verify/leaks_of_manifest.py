"""Leaks through the manifest, and releases that are not what it says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.verify.edits import SHARD, edit_manifest, edit_settings
from tests.verify.leaks import leak

Manifest = dict[str, Any]


@leak("hashes", "csv", "same_tables", sealed=False)
def one_bit_of_a_table(out: Path) -> None:
    path = out / "release" / "metadata.csv"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


@leak("manifest", sealed=False)
def free_text_in_the_manifest(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest["tool"].update(note="as discussed"))


@leak("manifest", "private_values", sealed=False)
def patient_as_a_key_of_the_manifest(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest["counts"].update({"MRN-00471101": 3}))


@leak("manifest", sealed=False)
def time_of_the_run(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest.update(created="2024-05-03T10:11:12"))


@leak("manifest", sealed=False)
def host_as_a_version(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest["libraries"].update(numpy="2.0 on ward-pc-7"))


@leak("manifest", sealed=False)
def host_as_a_library(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest["libraries"].update({"WARD PC 7": "1.0"}))


@leak("manifest", sealed=False)
def more_about_a_file(out: Path) -> None:
    edit_manifest(out, lambda manifest: manifest["files"][SHARD].update(scans=["Doe"]))


@leak("manifest", "records", sealed=False)
def reason_in_own_words(out: Path) -> None:
    def edit(manifest: Manifest) -> None:
        counts = manifest["counts"]["lesions"]["dropped"]
        counts["Doe wanted it so"] = counts.pop("off_surface")

    edit_manifest(out, edit)


@leak("manifest", sealed=False)
def key_twice_in_the_manifest(out: Path) -> None:
    path = out / "release" / "manifest.json"
    path.write_text(path.read_text().replace("{", '{"format": "Doe", ', 1))


@leak("manifest", sealed=False)
def spaces_in_the_manifest(out: Path) -> None:
    path = out / "release" / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text())))


@leak("settings", sealed=False)
def settings_changed(out: Path) -> None:
    edit_manifest(out, lambda m: m["config"]["settings"]["lesions"].update(max_snap_mm=4.0))


@leak("settings", sealed=False)
def column_names_of_the_source(out: Path) -> None:
    edit_settings(out, lambda settings: settings["lesions"].update(columns={"tag": "Doe"}))


@leak("settings", sealed=False)
def unknown_setting(out: Path) -> None:
    edit_settings(out, lambda settings: settings.update(operator="Doe"))


@leak("settings", sealed=False)
def path_of_a_detector(out: Path) -> None:
    edit_settings(out, lambda settings: settings["detect"].update(options={"path": "/home/doe"}))


def counted(group: str, **raised: int) -> Callable[[Path], None]:
    def edit(out: Path) -> None:
        def miscount(manifest: Manifest) -> None:
            for name, more in raised.items():
                manifest["counts"][group][name] += more

        edit_manifest(out, miscount)

    return edit


@leak("counts", "records", sealed=False)
def one_scan_too_many(out: Path) -> None:
    counted("scans", planned=1)(out)


@leak("counts", "records", sealed=False)
def one_lesion_too_few(out: Path) -> None:
    counted("lesions", found=-1)(out)


@leak("counts", "records", sealed=False)
def lesions_raised_together(out: Path) -> None:
    counted("lesions", found=1, exported=1)(out)


@leak("records", sealed=False)
def dropped_lesions_raised_together(out: Path) -> None:
    def edit(manifest: Manifest) -> None:
        manifest["counts"]["lesions"]["found"] += 1
        manifest["counts"]["lesions"]["dropped"]["off_surface"] += 1

    edit_manifest(out, edit)


@leak("records", sealed=False)
def scans_raised_together(out: Path) -> None:
    counted("scans", planned=1, done=1)(out)


@leak("records", sealed=False)
def quarantined_scan_under_another_reason(out: Path) -> None:
    def edit(manifest: Manifest) -> None:
        manifest["counts"]["scans"]["quarantined"] = {"mesh_empty": 1}

    edit_manifest(out, edit)
