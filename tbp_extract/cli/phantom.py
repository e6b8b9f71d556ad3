"""The command that makes digital bodies: ``phantom``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tbp_extract.cli.common import FILE, FOLDER, NEW
from tbp_extract.errors import ConfigError

if TYPE_CHECKING:
    from tbp_extract.phantom import PhantomOptions

__all__ = ["phantom"]


@click.command()
@click.argument("out", type=NEW)
@click.option("--body", type=click.Choice(["human", "arm"]), default="human", help="Body to make.")
@click.option("--mesh", type=FILE, help="Use this textured mesh as the body instead.")
@click.option("--unit", type=click.Choice(["mm", "cm", "m", "in"]), help="Unit of that mesh.")
@click.option("--count", default=1, show_default=True, help="Number of scans.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same bytes.",
)
@click.option("--name", default="phantom", show_default=True, help="Start of every scan_id.")
@click.option("--faces", default=100_000, show_default=True, help="Triangles of a made body.")
@click.option("--height", default=1.75, show_default=True, help="Height of a made body, m.")
@click.option("--page-px", default=4096, show_default=True, help="Side of each texture page.")
@click.option("--pages", default=1, show_default=True, help="Texture pages of a made body.")
@click.option(
    "--tone",
    type=click.Choice(["very_light", "light", "intermediate", "tan", "brown", "dark"]),
    help="Skin tone of a made body; each scan its own if not given.",
)
@click.option("--hair", is_flag=True, help="Grow body hair.")
@click.option("--lesions", default=100, show_default=True, help="Lesions a scan.")
@click.option("--diameters", default="1.5-10", show_default=True, help="Range in mm, as LOW-HIGH.")
@click.option("--photos", type=FOLDER, help="Plant photographs: folder with img/ and mask/.")
@click.option(
    "--format",
    "mesh_format",
    type=click.Choice(["obj", "glb", "ply"]),
    default="obj",
    show_default=True,
    help="Mesh format.",
)
@click.option("--quality", default=95, show_default=True, help="JPEG quality of the pages.")
@click.option("--masks", is_flag=True, help="Write where the lesions are, as pages of their own.")
def phantom(out: Path, **options: Any) -> int:
    """Make digital bodies with known lesions in OUT: a source for run, and the truth."""
    from tbp_extract.phantom import make_phantoms

    made = make_phantoms(out, _phantom_options(options))
    click.echo(f"{len(made)} scans with {sum(len(scan.truth) for scan in made)} lesions: {out}")
    return 0


def _phantom_options(options: dict[str, Any]) -> "PhantomOptions":
    from tbp_extract.config import parse_config
    from tbp_extract.phantom import Hair, LesionKind, MeshFormat, PhantomOptions, Tone

    chosen = dict(options)
    low, _, high = chosen.pop("diameters").partition("-")
    try:
        diameter_mm = (float(low), float(high or low))
    except ValueError:
        raise ConfigError("--diameters: expected LOW-HIGH in mm, such as 2-8") from None
    if chosen["photos"]:
        chosen["kinds"] = (LesionKind.PHOTO,)
    return PhantomOptions(
        mesh_unit=chosen.pop("unit"),
        height_m=chosen.pop("height"),
        tone=Tone(tone) if (tone := chosen.pop("tone")) else None,
        hair=Hair() if chosen.pop("hair") else None,
        mesh_format=MeshFormat(chosen.pop("mesh_format")),
        jpeg=parse_config({"jpeg": {"quality": chosen.pop("quality")}}).jpeg,
        diameter_mm=diameter_mm,
        **chosen,
    )
