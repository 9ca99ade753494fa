"""The Typer application: which commands there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from kubectl_pydebug import __version__
from kubectl_pydebug.cli.attach import attach
from kubectl_pydebug.cli.debug import debug


class CommandLineError(Exception):
    """The command line cannot be understood; ``text`` says why and what to type."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


app = typer.Typer(add_completion=False, rich_markup_mode=None)
COMMANDS = ("attach", "debug", "version")
"""``debug`` is what the main job is called here; nobody types it."""
HELP = {"help_option_names": ["-h", "--help"]}
OTHERS = "Other commands: kubectl pydebug attach, kubectl pydebug version (--help shows theirs)."
app.command("debug", context_settings=HELP, epilog=OTHERS)(debug)
app.command("attach", context_settings=HELP)(attach)


@app.command("version")
def version() -> None:
    """Print the version."""
    print(f"kubectl-pydebug {__version__}")


def commands() -> dict[str, Any]:
    """The commands, as Typer has made them, by name."""
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


def invoke(words: Sequence[str], behind: Sequence[str]) -> int:
    """Run the command; returns its exit code. ``behind``: the words behind ``--``. Raises CommandLineError."""
    if "--version" in words:
        version()
        return 0
    name, *arguments = words
    shown = "kubectl pydebug" if name == "debug" else f"kubectl pydebug {name}"
    try:
        command = commands()[name]
        # Not command.main: that turns Ctrl-C into an exit code of its own.
        with command.make_context(shown, arguments, obj=list(behind)) as context:
            result = command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        raise CommandLineError(f"{message()} See: kubectl pydebug --help") from None
    return int(result or 0)
