"""Leaks through metadata and data dictionary."""

import csv
import io
from pathlib import Path

import pyarrow as pa

from tests.verify.edits import (
    column,
    edit_csv,
    edit_settings,
    edit_table,
    read_table,
    set_first,
    write_parquet,
    write_table,
)
from tests.verify.leaks import leak

SAME = ("same_tables", "csv")
"""Checks that compare the other form."""


@leak("columns", *SAME)
def kept_index(out: Path) -> None:
    table = read_table(out)
    index = pa.array(range(table.num_rows), pa.int64())
    write_parquet(out, table.append_column("__index_level_0__", index))


@leak("columns", *SAME)
def column_of_scan_ids(out: Path) -> None:
    table = read_table(out)
    write_table(out, table.append_column("scan_id", pa.array(["Doe"] * table.num_rows)))


@leak("columns", *SAME, "private_values")
def column_of_patients_in_the_csv_alone(out: Path) -> None:
    def edit(content: bytes) -> bytes:
        header, *rows = content.decode().splitlines()
        return "\n".join([f"{header},mrn", *(f"{r},MRN-00471101" for r in rows), ""]).encode()

    edit_csv(out, edit)


@leak("columns", *SAME)
def columns_in_another_order(out: Path) -> None:
    table = read_table(out)
    write_table(out, table.select([*table.column_names[1:], table.column_names[0]]))


@leak("columns", *SAME)
def header_twice(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b"isic_id,patient_id", b"isic_id,isic_id", 1))


@leak("parquet")
def pandas_metadata(out: Path) -> None:
    table = read_table(out).replace_schema_metadata({"pandas": "{'Doe': 1}"})
    write_parquet(out, table, store_schema=True)


@leak("parquet")
def metadata_of_a_field(out: Path) -> None:
    table = read_table(out)
    field = table.schema.field("sex").with_metadata({"note": "Doe"})
    at = table.column_names.index("sex")
    schema = table.schema.set(at, field)
    write_parquet(out, table.cast(schema), store_schema=True)


@leak("parquet")
def words_that_no_row_has(out: Path) -> None:
    table = read_table(out)
    at = table.column_names.index("sex")
    words = pa.array(["female", "male", "Jane Doe"])
    codes = [None if s is None else words.index(s).as_py() for s in column(out, "sex")]
    kept = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words)
    write_parquet(out, table.set_column(at, "sex", kept))


@leak("parquet")
def bytes_between_columns(out: Path) -> None:
    path = out / "release" / "metadata.parquet"
    content = path.read_bytes()
    footer = int.from_bytes(content[-8:-4], "little") + 8
    path.write_bytes(content[:-footer] + b"Jane Doe" + content[-footer:])


@leak("parquet")
def another_writer(out: Path) -> None:
    path = out / "release" / "metadata.parquet"
    content = path.read_bytes()
    start = content.index(b"parquet-cpp-arrow version ")
    path.write_bytes(content[:start] + b"parquet-cpp-arrow Jane Do" + content[start + 25 :])


@leak("parquet")
def limits_wider_than_the_rows(out: Path) -> None:
    path = out / "release" / "metadata.parquet"
    content = path.read_bytes()
    lowest = min(text.encode() for text in column(out, "isic_id"))
    at = content.rindex(lowest)
    path.write_bytes(content[:at] + b"TBP_2222JANE" + content[at + 12 :])


@leak("parquet")
def hash_of_pages(out: Path) -> None:
    write_parquet(out, read_table(out), write_page_checksum=True)


@leak("csv", "columns")
def byte_order_mark(out: Path) -> None:
    edit_csv(out, lambda content: b"\xef\xbb\xbf" + content)


@leak("csv", "columns")
def windows_line_ends(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b"\n", b"\r\n"))


@leak("csv")
def trailing_zeros(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b",3D: XP,", b",3D: XP,0", 1))


@leak("csv")
def quotes_that_are_not_needed(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b",female,", b',"female",', 1))


@leak("csv", "same_tables")
def spaces_behind_a_word(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b",female,", b",female  ,", 1))


@leak("csv")
def empty_line_at_the_end(out: Path) -> None:
    edit_csv(out, lambda content: content + b"\n")


@leak("same_tables", "csv")
def row_missing(out: Path) -> None:
    edit_csv(out, lambda content: b"".join(content.splitlines(keepends=True)[:-1]))


@leak("same_tables", "csv")
def other_age_in_the_csv(out: Path) -> None:
    edit_csv(out, lambda content: content.replace(b",55.0,", b",85.0,", 1))


@leak("dictionary")
def note_in_the_dictionary(out: Path) -> None:
    edit_csv(out, lambda c: c.replace(b"Mean a*", b"Mean of Doe"), "data_dictionary.csv")


@leak("dictionary")
def dictionary_with_another_row(out: Path) -> None:
    edit_csv(out, lambda content: content + b"Doe,,,,,\n", "data_dictionary.csv")


@leak("dictionary")
def dictionary_in_quotes(out: Path) -> None:
    def quoted(content: bytes) -> bytes:
        text = io.StringIO()
        rows = csv.reader(io.StringIO(content.decode(), newline=""))
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    edit_csv(out, quoted, "data_dictionary.csv")


@leak("ids", "linkage", "pairing")
def source_id_as_crop_id(out: Path) -> None:
    set_first(out, "isic_id", "AAA_000_lesion_3")


@leak("ids", "linkage", "pseudonyms", "counts", "private_values")
def patient_id_as_given(out: Path) -> None:
    set_first(out, "patient_id", "MRN-00471100")


@leak("ids", "linkage", "pseudonyms", "counts")
def lower_case_pseudonym(out: Path) -> None:
    set_first(out, "patient_id", column(out, "patient_id")[0].lower())


@leak("ids", "linkage", "pseudonyms", "counts")
def patient_id_missing(out: Path) -> None:
    set_first(out, "patient_id", None)


@leak("ids", "linkage", "order")
def id_twice(out: Path) -> None:
    ids = column(out, "isic_id")
    edit_table(out, isic_id=[ids[1], *ids[1:]])


@leak("order")
def rows_in_another_order(out: Path) -> None:
    table = read_table(out)
    write_table(out, table.take(list(range(table.num_rows))[::-1]))


@leak("order")
def rows_patient_by_patient(out: Path) -> None:
    write_table(out, read_table(out).sort_by("patient_id"))


@leak("vocabulary")
def name_in_the_place_of_sex(out: Path) -> None:
    set_first(out, "sex", "Jane")


@leak("vocabulary")
def body_part_in_own_words(out: Path) -> None:
    set_first(out, "tbp_lv_location", "left ear")


@leak("vocabulary")
def other_image_type(out: Path) -> None:
    set_first(out, "image_type", "photo of Doe")


@leak("ranges")
def number_of_a_record_as_measure(out: Path) -> None:
    set_first(out, "tbp_lv_areaMM2", 471100.0)


@leak("ranges")
def absurd_number(out: Path) -> None:
    set_first(out, "tbp_ex_z_areaMM2", 1e300)


@leak("ranges")
def number_below_its_range(out: Path) -> None:
    set_first(out, "tbp_lv_L", -1.0)


@leak("ranges")
def share_above_one(out: Path) -> None:
    set_first(out, "tbp_ex_hair_fraction", 47.11)


@leak("precision")
def wide_precision(out: Path) -> None:
    set_first(out, "tbp_ex_covered_fraction", 0.123456789)


@leak("precision")
def sixteen_digits_of_a_measure(out: Path) -> None:
    set_first(out, "clin_size_long_diam_mm", 4.7110000000000047)


@leak("precision")
def zero_that_tells_a_side(out: Path) -> None:
    set_first(out, "tbp_lv_x", -0.0)


@leak("precision", "ages")
def exact_age(out: Path) -> None:
    set_first(out, "age_approx", 43.2)


@leak("ages")
def age_in_years(out: Path) -> None:
    set_first(out, "age_approx", 43.0)


@leak("ages", "ranges")
def age_above_the_cap(out: Path) -> None:
    set_first(out, "age_approx", 90.0)


@leak("policies")
def exact_coordinates(out: Path) -> None:
    set_first(out, "tbp_lv_x", 123.0)


@leak("policies")
def withheld_coordinates_still_there(out: Path) -> None:
    edit_settings(out, lambda settings: settings["release"].update(coordinates="withheld"))


@leak("policies")
def withheld_site_still_there(out: Path) -> None:
    edit_settings(out, lambda settings: settings["release"].update(site="withheld"))


@leak("policies")
def withheld_sex_still_there(out: Path) -> None:
    edit_settings(out, lambda settings: settings["release"].update(sex="withheld"))


@leak("policies")
def withheld_centre_still_there(out: Path) -> None:
    edit_settings(out, lambda settings: settings["release"].update(centre="withheld"))


@leak("policies")
def day_of_capture(out: Path) -> None:
    set_first(out, "tbp_ex_capture_day", 738_000.0)


@leak("policies")
def place_in_the_body_part(out: Path) -> None:
    edit_table(out, tbp_ex_part_y=[0.5] * read_table(out).num_rows)


@leak("ages")
def ages_finer_than_the_settings(out: Path) -> None:
    edit_settings(out, lambda settings: settings["release"].update(age_step_years=10))
    edit_table(out, age_approx=[45.0] * read_table(out).num_rows)


@leak("texts")
def free_text_in_the_attribution(out: Path) -> None:
    set_first(out, "attribution", "as told by the patient")


@leak("texts")
def text_that_a_spreadsheet_runs(out: Path) -> None:
    set_first(out, "attribution", "=cmd|'/c calc'!A0")


@leak("texts")
def control_character_in_a_licence(out: Path) -> None:
    set_first(out, "copyright_license", "CC\tBY")


@leak("texts")
def date_in_the_attribution(out: Path) -> None:
    set_first(out, "attribution", "taken on 3 May 2019")
