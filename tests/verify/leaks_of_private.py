"""Private values in the release in many guises, and a private side that does not fit."""

import base64
import gzip
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from tests.verify.edits import (
    column,
    edit_csv,
    edit_manifest,
    edit_table,
    read_linkage,
    write_linkage,
)
from tests.verify.leaks import leak

MRN = "MRN-00471101"


def noted(out: Path, text: str) -> None:
    """Put a text into the manifest."""
    edit_manifest(out, lambda manifest: manifest["tool"].update(version=text))


def appended(out: Path, content: bytes) -> None:
    """Put bytes behind the data dictionary."""
    edit_csv(out, lambda before: before + content + b"\n", "data_dictionary.csv")


@leak("private_values", "manifest")
def patient_id_in_a_sentence(out: Path) -> None:
    noted(out, f"Doe, {MRN}")


@leak("private_values", "manifest")
def patient_id_glued_into_a_word(out: Path) -> None:
    noted(out, f"x{MRN}x")


@leak("private_values", "manifest")
def patient_id_in_lower_case(out: Path) -> None:
    noted(out, MRN.lower())


@leak("private_values", "manifest")
def patient_id_without_its_hyphen(out: Path) -> None:
    noted(out, MRN.replace("-", ""))


@leak("private_values", "manifest")
def patient_id_backwards(out: Path) -> None:
    noted(out, MRN[::-1])


@leak("private_values", "manifest")
def patient_id_in_hexadecimal(out: Path) -> None:
    noted(out, MRN.encode().hex())


@leak("private_values", "manifest")
def patient_id_in_base64(out: Path) -> None:
    noted(out, base64.b64encode(b"x" + MRN.encode()).decode())


@leak("private_values", "manifest")
def patient_id_in_base32(out: Path) -> None:
    noted(out, base64.b32encode(b"xy" + MRN.encode()).decode())


@leak("private_values", "manifest")
def patient_id_in_percent_signs(out: Path) -> None:
    noted(out, "".join(f"%{byte:02X}" for byte in MRN.encode()))


@leak("private_values", "manifest")
def patient_id_as_an_address(out: Path) -> None:
    noted(out, quote(f"id={MRN}/", safe=""))


@leak("private_values", "manifest")
def patient_id_packed_and_in_base64(out: Path) -> None:
    noted(out, base64.b64encode(zlib.compress(MRN.encode())).decode())


@leak("private_values", "dictionary")
def patient_id_in_utf_16(out: Path) -> None:
    appended(out, MRN.encode("utf-16-le"))


@leak("private_values", "dictionary")
def patient_id_in_the_other_utf_16(out: Path) -> None:
    appended(out, MRN.encode("utf-16-be"))


@leak("private_values", "dictionary")
def patient_id_deflated(out: Path) -> None:
    appended(out, b"...." + zlib.compress(MRN.encode()))


@leak("private_values", "dictionary")
def patient_id_in_gzip(out: Path) -> None:
    appended(out, gzip.compress(MRN.encode()))


@leak("private_values", "shards", "ids", "pairing")
def patient_id_raw_in_a_shard(out: Path) -> None:
    path = out / "release" / "images" / "shard-00000.hdf5"
    path.write_bytes(path.read_bytes() + MRN.encode())


@leak("private_values", "parquet")
def patient_id_raw_in_parquet(out: Path) -> None:
    path = out / "release" / "metadata.parquet"
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    path.write_bytes(content[:-footer] + MRN.encode() + content[-footer:])


@leak("private_values", "manifest")
def id_of_a_scan(out: Path) -> None:
    noted(out, "arm_001")


@leak("private_values", "manifest")
def id_of_a_scan_that_failed(out: Path) -> None:
    noted(out, "visit Doe")


@leak("private_values", "manifest")
def file_of_a_scan_that_failed(out: Path) -> None:
    noted(out, "Doe_Jane.obj")


@leak("private_values", "manifest")
def id_of_a_dropped_lesion(out: Path) -> None:
    noted(out, "lesion far away")


@leak("private_values", "manifest")
def name_of_an_input_file(out: Path) -> None:
    noted(out, "arm_002.mtl")


@leak("private_values", "manifest")
def place_of_the_output(out: Path) -> None:
    noted(out, str(out.resolve()))


def dated(form: Callable[[str, str, str], str]) -> Callable[[Path], None]:
    def edit(out: Path) -> None:
        day = read_linkage(out)[0]["capture_date"]
        noted(out, form(*day.split("-")))

    return edit


@leak("private_values", "manifest")
def capture_date_as_given(out: Path) -> None:
    dated(lambda y, m, d: f"{y}-{m}-{d}")(out)


@leak("private_values", "manifest")
def capture_date_the_european_way(out: Path) -> None:
    dated(lambda y, m, d: f"{d}.{m}.{y}")(out)


@leak("private_values", "manifest")
def capture_date_the_american_way(out: Path) -> None:
    dated(lambda y, m, d: f"{int(m)}/{int(d)}/{y}")(out)


@leak("private_values", "manifest")
def capture_date_as_one_number(out: Path) -> None:
    dated(lambda y, m, d: f"{y}{m}{d}")(out)


@leak("log")
def patient_in_the_log(out: Path) -> None:
    with (out / "private" / "log.txt").open("a") as file:
        file.write(f"scan of {MRN} read\n")


@leak("log")
def file_name_in_the_log(out: Path) -> None:
    with (out / "private" / "log.txt").open("a") as file:
        file.write("Doe_Jane.obj is missing\n")


@leak("log")
def patient_in_the_report(out: Path) -> None:
    (out / "report.html").write_text(f"<p title='{MRN}'>")


@leak("linkage")
def linkage_missing(out: Path) -> None:
    (out / "private" / "linkage.csv").unlink()


@leak("linkage")
def linkage_of_other_rows(out: Path) -> None:
    write_linkage(out, read_linkage(out)[:-1])


@leak("linkage", "pseudonyms")
def two_patients_under_one_pseudonym(out: Path) -> None:
    patients = column(out, "patient_id")
    edit_table(out, patient_id=[patients[0]] * len(patients))


@leak("pseudonyms", "linkage")
def linkage_leads_to_another_lesion(out: Path) -> None:
    rows = read_linkage(out)
    rows[0]["lesion_id"] += "0"
    write_linkage(out, rows)


@leak("pseudonyms", "linkage")
def linkage_leads_to_another_patient(out: Path) -> None:
    rows = read_linkage(out)
    rows[0]["patient_id"] = next(
        row["patient_id"] for row in rows if row["patient_id"] != rows[0]["patient_id"]
    )
    write_linkage(out, rows)


@leak("pseudonyms")
def another_key(out: Path) -> None:
    (out / "private" / "key").write_text("ab" * 32 + "\n")


@leak("pseudonyms")
def pseudonyms_without_a_key(out: Path) -> None:
    (out / "private" / "key").unlink()
    of = {row["isic_id"]: row["patient_id"] for row in read_linkage(out)}
    hashed = [hashlib.sha256(of[name].encode()).digest() for name in column(out, "isic_id")]
    edit_table(out, patient_id=["TBPP_" + base64.b32encode(d).decode()[:12] for d in hashed])


@leak("linkage")
def other_date_in_the_linkage(out: Path) -> None:
    rows = read_linkage(out)
    rows[0]["capture_date"] = "1999-12-31"
    write_linkage(out, rows)


@leak("linkage")
def other_place_in_the_linkage(out: Path) -> None:
    rows = read_linkage(out)
    rows[0]["x_mm"] = str(float(rows[0]["x_mm"]) + 1)
    write_linkage(out, rows)
