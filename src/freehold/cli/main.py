"""The command line: a lazy table of commands, one error printer, documented exit codes.

Nothing heavy is imported here: `freehold --help` reads only this file and the table.
"""

from __future__ import annotations

import sys

import click

from freehold.cli.built import print_version
from freehold.cli.lazy import LazyGroup
from freehold.cli.output import fail, interrupted
from freehold.errors import FreeholdError


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=print_version,
    help="Show the version and exit.",
)  # fmt: skip
def cli() -> None:
    """Run AI on anyone's chips. Belong to none of them. Prove what happened."""


def main() -> None:
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(interrupted())
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FreeholdError as error:
        sys.exit(fail(error, as_json="--json" in sys.argv))
    except KeyboardInterrupt:
        sys.exit(interrupted())
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away; so do we
        sys.exit(0)
    sys.exit(status if isinstance(status, int) else 0)
