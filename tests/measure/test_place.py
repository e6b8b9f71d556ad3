import numpy as np
import pytest

from tbp_extract.geometry import build_surface
from tbp_extract.measure.location import label_body_parts, locate_lesions
from tbp_extract.measure.place import add_places
from tbp_extract.phantom.body import make_body
from tbp_extract.types import LesionTable, Scan, Surface


@pytest.fixture(scope="module")
def surface() -> Surface:
    body = make_body("human", faces=20_000, height_m=1.7)
    faces = body.faces
    return build_surface(
        Scan(
            body.vertices_mm,
            faces,
            np.full((len(faces), 3, 2), np.nan, np.float32),
            np.full(len(faces), -1, np.int16),
            (),
        )
    )


def test_places_are_shares_of_the_part_and_do_not_depend_on_body_height(surface: Surface) -> None:
    parts = label_body_parts(surface)
    face = np.arange(0, len(surface.faces), 97)
    middle = surface.vertices_mm[surface.faces[face]].mean(axis=1)
    found = add_places(LesionTable({}), surface, parts, face=face, position_mm=middle).columns
    simple = locate_lesions(parts, face)["tbp_lv_location_simple"]
    for axis in "xyz":
        values = found[f"tbp_ex_part_{axis}"]
        known = simple != "Unknown"
        assert ((values[known] >= 0) & (values[known] <= 1)).all()
        assert np.isnan(values[~known]).all()
    legs = np.isin(simple, ("Left Leg", "Right Leg"))
    order = np.argsort(middle[legs & (simple == "Left Leg"), 1])
    left = found["tbp_ex_part_y"][legs & (simple == "Left Leg")][order]
    assert (np.diff(left) >= 0).all()
    assert left[0] < 0.1
    assert left[-1] > 0.8


def test_no_lesions_give_no_places(surface: Surface) -> None:
    parts = label_body_parts(surface)
    nothing = np.empty(0, np.int32)
    found = add_places(
        LesionTable({}), surface, parts, face=nothing, position_mm=np.empty((0, 3))
    ).columns
    assert all(len(found[f"tbp_ex_part_{axis}"]) == 0 for axis in "xyz")
