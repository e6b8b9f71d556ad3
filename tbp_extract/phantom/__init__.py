"""Digital bodies with known lesions, and geometric targets."""

from tbp_extract.phantom.atlas import Atlas, make_atlas
from tbp_extract.phantom.body import Body, make_body
from tbp_extract.phantom.enlarge import enlarge_atlas, mean_skin
from tbp_extract.phantom.hair import Hair, grow_hair
from tbp_extract.phantom.lesions import Lesion, LesionKind, Stamp, make_stamp
from tbp_extract.phantom.make import (
    PhantomOptions,
    PhantomScan,
    make_phantom,
    make_phantoms,
    write_phantom_tables,
)
from tbp_extract.phantom.marks import Mark, MarkKind
from tbp_extract.phantom.mix import draw_lesions
from tbp_extract.phantom.photos import Photo, make_photo, read_photos
from tbp_extract.phantom.plant import Planted, Truth, plant_lesions
from tbp_extract.phantom.sites import Sites, faces_between, sample_sites
from tbp_extract.phantom.skin import Skin, Tone, add_fine_texture, bake_skin
from tbp_extract.phantom.targets import (
    Layout,
    Target,
    TargetShape,
    log_map,
    make_target,
    target_point,
)
from tbp_extract.phantom.write import MeshFormat, write_mask_pages, write_scan

__all__ = [
    "Atlas",
    "Body",
    "Hair",
    "Layout",
    "Lesion",
    "LesionKind",
    "Mark",
    "MarkKind",
    "MeshFormat",
    "PhantomOptions",
    "PhantomScan",
    "Photo",
    "Planted",
    "Sites",
    "Skin",
    "Stamp",
    "Target",
    "TargetShape",
    "Tone",
    "Truth",
    "add_fine_texture",
    "bake_skin",
    "draw_lesions",
    "enlarge_atlas",
    "faces_between",
    "grow_hair",
    "log_map",
    "make_atlas",
    "make_body",
    "make_phantom",
    "make_phantoms",
    "make_photo",
    "make_stamp",
    "make_target",
    "mean_skin",
    "plant_lesions",
    "read_photos",
    "sample_sites",
    "target_point",
    "write_mask_pages",
    "write_phantom_tables",
    "write_scan",
]
