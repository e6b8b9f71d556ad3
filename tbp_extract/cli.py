"""The command line: arguments in, one call, an exit code out.

Exit codes: 0 complete; 1 a check failed or nothing was produced; 2 bad arguments or configuration;
3 complete, but some scans were quarantined; 130 interrupted (resumable).

Everything heavy is imported inside the commands, so that ``--help`` answers at once.
"""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

from tbp_extract import __version__
from tbp_extract.errors import ConfigError, OutputError, SourceError, TbpError

if TYPE_CHECKING:
    from tbp_extract.phantom import PhantomOptions
    from tbp_extract.pipeline.run import RunReport

__all__ = ["main"]

EXIT_FAILED, EXIT_USAGE, EXIT_QUARANTINED, EXIT_INTERRUPTED = 1, 2, 3, 130

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW = click.Path(path_type=Path)

_config_option = click.option(
    "--config", "config_path", type=_FILE, help="Settings (TOML); see configs/."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tbp-extract")
def cli() -> None:
    """Standardised, de-identified lesion crops from 3D total-body photography."""


@cli.command()
@click.argument("source", type=_FOLDER)
@click.option("--out", type=_NEW, required=True, help="Output folder; taken up again if it exists.")
@_config_option
@click.option("--workers", default="auto", help="Processes: a number, 0 for none, or auto.")
@click.option("--engine", type=click.Choice(["local"]), default="local", help="Where workers run.")
@click.option(
    "--key", "key_path", type=_FILE, help="Release key; made in OUT/private if not given."
)
def run(
    source: Path,
    out: Path,
    config_path: Path | None,
    workers: str,
    engine: str,
    key_path: Path | None,
) -> int:
    """Turn the scans of SOURCE into a de-identified release."""
    from tbp_extract.config import read_config
    from tbp_extract.console import RunProgress
    from tbp_extract.pipeline.run import run as run_pipeline

    with RunProgress() as progress:
        report = run_pipeline(
            source,
            out,
            read_config(config_path),
            workers=_worker_number(workers),
            key_path=key_path,
            progress=progress,
        )
    return _tell_run(report)


@cli.command()
@click.argument("source", type=_FOLDER)
@_config_option
def check(source: Path, config_path: Path | None) -> int:
    """Say what would be read from SOURCE and what is wrong with it; write nothing."""
    from tbp_extract.config import read_config
    from tbp_extract.pipeline.preflight import check_source

    bad = total = 0
    for finding in check_source(source, read_config(config_path)):
        total += 1
        bad += finding.problem is not None
        click.echo(f"{finding.scan_id}: {finding.problem or finding.summary}")
    click.echo(f"{total} scans, {total - bad} good, {bad} with problems")
    return EXIT_FAILED if bad or not total else 0


@cli.command()
@click.argument("out", type=_FOLDER)
def verify(out: Path) -> int:
    """Check the release in OUT: hashes, counts, formats, privacy."""
    from tbp_extract.verify import verify as verify_release

    failures = verify_release(out)
    for failure in failures:
        click.echo(f"{failure.check}: {failure.sentence}")
    click.echo(f"{len(failures)} failures" if failures else "the release passes all checks")
    return EXIT_FAILED if failures else 0


@cli.command()
@click.argument("source", metavar="INPUT", type=click.Path(exists=True, path_type=Path))
@click.option("--out", type=_NEW, required=True, help="The table: a CSV file.")
@click.option(
    "--extent-mm", default=15.0, show_default=True, help="Side of every crop on the skin, mm."
)
def measure(source: Path, out: Path, extent_mm: float) -> int:
    """Measure crops that exist already: a shard, a release folder, or a folder of JPEG files."""
    from tbp_extract.pipeline.measure_crops import measure_crops

    count = measure_crops(source, out, extent_mm=extent_mm)
    click.echo(f"{count} crops measured: {out}")
    return 0


@cli.command()
@click.argument("out", type=_NEW)
@click.option("--body", type=click.Choice(["human", "arm"]), default="human", help="Body to make.")
@click.option("--mesh", type=_FILE, help="Use this textured mesh as the body instead.")
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
@click.option("--photos", type=_FOLDER, help="Plant photographs: folder with img/ and mask/.")
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


def _worker_number(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal():
        raise ConfigError(f"--workers: expected a number from 0 up or 'auto', got {text!r}")
    return int(text)


def _tell_run(report: "RunReport") -> int:
    scans, lesions = report.counts["scans"], report.counts["lesions"]
    for scan in report.quarantined:
        click.echo(f"{scan.scan} quarantined ({scan.reason}): {scan.message}")
    dropped = ", ".join(f"{count} {reason}" for reason, count in lesions["dropped"].items())
    click.echo(
        f"scans: {scans['planned']} planned, {scans['done']} done, "
        f"{len(report.quarantined)} quarantined\n"
        f"lesions: {lesions['found']} found, {lesions['exported']} exported, "
        f"{sum(lesions['dropped'].values())} dropped{f' ({dropped})' if dropped else ''}"
    )
    if report.quarantined:
        click.echo("private/quarantine.csv in the output folder tells which scans these are")
    if not lesions["exported"]:
        click.echo("nothing was produced")
        return EXIT_FAILED
    click.echo(f"release: {report.release}")
    return EXIT_QUARANTINED if report.quarantined else 0


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, by default on the program's own arguments, and exit with its code."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = cli(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except (ConfigError, SourceError, OutputError) as error:
        click.echo(f"tbp-extract: {error}", err=True)
        sys.exit(EXIT_USAGE)
    except TbpError as error:
        click.echo(f"tbp-extract: {error}", err=True)
        sys.exit(EXIT_FAILED)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: the same command goes on where it stopped", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:
        # A traceback on the screen would show paths; a run's log has it.
        name = type(error).__name__
        click.echo(f"tbp-extract: an unexpected {name}: see private/log.txt, if any", err=True)
        sys.exit(EXIT_FAILED)
    sys.exit(code or 0)
