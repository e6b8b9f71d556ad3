"""The command line: arguments in, one call, an exit code out.

Exit codes: 0 complete; 1 a check failed or nothing was produced; 2 bad arguments or configuration;
3 complete, but some scans were quarantined; 130 interrupted (resumable).

Everything heavy is imported inside the commands, so that ``--help`` answers at once.
"""

import resource
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from tbp_extract import __version__
from tbp_extract.cli.challenge import challenge, score
from tbp_extract.cli.common import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_USAGE
from tbp_extract.cli.forget import forget
from tbp_extract.cli.measure import measure
from tbp_extract.cli.phantom import phantom
from tbp_extract.cli.risk import risk
from tbp_extract.cli.run import check, run
from tbp_extract.cli.status import retry, status
from tbp_extract.cli.verify import verify
from tbp_extract.errors import ConfigError, OutputError, SourceError, TbpError

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tbp-extract")
def cli() -> None:
    """Standardised, de-identified lesion crops from 3D total-body photography."""


for _command in (
    run,
    status,
    retry,
    check,
    verify,
    risk,
    forget,
    measure,
    phantom,
    challenge,
    score,
):
    cli.add_command(_command)


def _stop(signum: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, by default on the program's own arguments, and exit with its code."""
    signal.signal(signal.SIGTERM, _stop)
    # A core file would hold a patient's pixels, wherever the system puts it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
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
