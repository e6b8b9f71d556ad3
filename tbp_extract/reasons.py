"""Fixed codes for why a lesion or a crop is not in a release: what a ledger counts."""

from enum import StrEnum

__all__ = ["Decision", "DropReason", "EmptyReason", "GateReason"]


class GateReason(StrEnum):
    """What a crop may show that identifies a person; in order of weight."""

    FACE = "face"
    """Between brow and chin, and the ears."""

    GENITAL = "genital"
    NIPPLE = "nipple"
    TEXT = "text"
    """A label, writing, a ruler."""

    TATTOO = "tattoo"
    JEWELLERY = "jewellery"
    CLOTHING = "clothing"
    NAIL = "nail"
    """Ends of fingers: nails, and ridges of the tips."""

    BACKGROUND = "background"
    """More of the crop shows no skin than is allowed."""

    UNPLACED = "unplaced"
    """On a scan that may show a face or a trunk, and whose shape does not tell where."""

    STITCHED = "stitched"
    """With it, the crops of this body part would join into too large a view."""


class DropReason(StrEnum):
    """Why a candidate was not exported."""

    OFF_SURFACE = "off_surface"
    DUPLICATE_POSITION = "duplicate_position"
    UNTEXTURED = "untextured"
    UNCOVERED = "uncovered"
    BELOW_DIAMETER = "below_diameter"
    BELOW_SCORE = "below_score"
    """By a classifier that was shown its crop."""

    # Tiles that a vendor's software has cut.
    TILE_MISSING = "tile_missing"
    """The table names a file that is not there."""

    TILE_UNLISTED = "tile_unlisted"
    """A file that no row of the table names."""

    TILE_REPEATED = "tile_repeated"
    """A second row, or a second file, of the same lesion."""

    TILE_UNREADABLE = "tile_unreadable"
    TILE_NOT_SQUARE = "tile_not_square"
    TILE_SIZE = "tile_size"
    """Another number of pixels than the table states, or fewer or more than a crop can have."""

    REJECTED = "rejected"
    """By a detector that has no closer word for it."""

    # What the built-in detector takes a find for that is no lesion.
    EYE_OR_MOUTH = "eye_or_mouth"
    EAR = "ear"
    BROW = "brow"
    SCALP = "scalp"
    NIPPLE = "nipple"
    NAVEL = "navel"
    NAIL = "nail"
    GENITAL = "genital"
    MUCOSA = "mucosa"
    HAIR = "hair"
    GLARE = "glare"
    FOLD = "fold"
    SKIN_BORDER = "skin_border"
    """At the edge of the scanned skin, or of clothing."""

    STRAIGHT_EDGE = "straight_edge"
    """Has corners: writing, a ruler, a patch."""

    SHADING = "shading"
    """Part of a larger dark area: open on one side."""

    BLURRED = "blurred"
    """Has no rim."""

    FAINT = "faint"

    # Held back by the crop gate until a reviewer decides.
    HELD_FACE = "held_face"
    HELD_GENITAL = "held_genital"
    HELD_NIPPLE = "held_nipple"
    HELD_TEXT = "held_text"
    HELD_TATTOO = "held_tattoo"
    HELD_JEWELLERY = "held_jewellery"
    HELD_CLOTHING = "held_clothing"
    HELD_NAIL = "held_nail"
    HELD_BACKGROUND = "held_background"
    HELD_UNPLACED = "held_unplaced"
    HELD_STITCHED = "held_stitched"

    # Never released, by the settings of the crop gate.
    BARRED_FACE = "barred_face"
    BARRED_GENITAL = "barred_genital"
    BARRED_NIPPLE = "barred_nipple"
    BARRED_TEXT = "barred_text"
    BARRED_TATTOO = "barred_tattoo"
    BARRED_JEWELLERY = "barred_jewellery"
    BARRED_CLOTHING = "barred_clothing"
    BARRED_NAIL = "barred_nail"
    BARRED_BACKGROUND = "barred_background"
    BARRED_UNPLACED = "barred_unplaced"
    BARRED_STITCHED = "barred_stitched"

    REFUSED = "refused"
    """By a reviewer, after it was held."""


class EmptyReason(StrEnum):
    """Why a detector came upon nothing that goes on."""

    NO_SKIN = "no_skin"
    """There is no textured skin to look at."""

    ONE_COLOUR = "one_colour"
    """The skin has no contrast in which anything could show."""

    NO_FINDS = "no_finds"
    """Nothing stands out."""

    ALL_DROPPED = "all_dropped"
    """There were finds or listed lesions, and each was dropped with its own reason."""

    EMPTY_LIST = "empty_list"


class Decision(StrEnum):
    """What a reviewer says of a crop that was held back."""

    APPROVE = "approve"
    REJECT = "reject"
