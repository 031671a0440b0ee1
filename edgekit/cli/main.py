"""Entry point: finds the command, loads only its room, turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from edgekit import __version__
from edgekit.core.errors import EdgekitError

# command -> (module of edgekit.cli that holds `command`, one-line help). Help is here so that
# `edgekit --help` imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "data": ("data", "List, inspect, fetch and synthesise data sets."),
    "features": ("features", "Describe, compute and verify audio front-ends."),
    "recipes": ("recipes", "List the recipes, or print one with its base and settings resolved."),
    "train": ("train", "Train a student by a recipe."),
    "distill": ("distill", "Train a student under teachers, or store what they say."),
    "sweep": ("sweep", "Search a recipe's keys under a budget."),
    "soup": ("soup", "Mix the weights of several runs into one."),
    "source": ("source", "Make a frozen picture classifier that edgekit adapt reprograms."),
    "adapt": ("adapt", "Adapt a frozen model to other labels: adapters, reprogramming."),
    "voice2series": ("voice2series", "Classify time series with a frozen acoustic model."),
    "join": ("join", "Put several runs side by side into one model."),
    "eval": ("evaluate", "Accuracy, confusion matrix and per-group tables of a run or model."),
    "verify": ("verify", "Equal error rate of a speaker model on voices that it never heard."),
    "export": ("export", "Write a run as ONNX with front-end and labels."),
    "quantize": ("quantize", "Make a model integer-only: TFLite and QDQ ONNX."),
    "check-budget": ("check_budget", "Judge models against budgets; exit 0 pass, 1 fail, 2 undecided."),
    "budget": ("budget", "List, show and write budgets; rank submissions."),
    "diff": ("diff", "Two versions of a model side by side; exit 1 over a bound or budget."),
    "compile": ("compile", "Generate C for a target, front-end included, and build it."),
    "stream": ("stream", "Say whether a model streams exactly, and write its step: ONNX, TFLite, C."),
    "bench": ("bench", "Run a model on targets or emulators and measure it."),
    "run": ("run", "What a model hears in files or through a microphone."),
    "doctor": ("doctor", "What is installed, what is missing, and the command that brings it."),
    "wake": ("wake", "Make an always-on detector of a word typed as text."),
    "report": ("report", "A page, Markdown, JSON or a model card about runs."),
    "completion": ("completion", "Print the script that completes edgekit in bash, zsh or fish."),
    "demo": ("demo", "The whole road, from recordings to an emulated Cortex-M4."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, in the order of the road."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``edgekit.cli.<module>`` and return its command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"edgekit.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Command list from the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest command name for a typo."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from edgekit.core.spelling import did_you_mean

            hint = did_you_mean(args[0], COMMANDS, otherwise="See 'edgekit --help'.")
            raise click.UsageError(f"No such command {args[0]!r}. {hint[0].upper()}{hint[1:]}", ctx)
        return super().resolve_command(ctx, args)


def _root(version: bool = False) -> None:
    """Root command body: only ``--version`` lives here."""
    if version:
        click.echo(f"edgekit {__version__}")
        raise click.exceptions.Exit(0)


def build() -> click.Group:
    """The root command group."""
    return LazyCommands(
        name="edgekit",
        callback=_root,
        invoke_without_command=True,
        no_args_is_help=True,
        help="edgekit takes an audio classifier from recordings to a chip.",
        params=[click.Option(["--version"], is_flag=True, help="Print the version and exit.")],
        context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 a gate failed, 2 cannot or undecided."""
    try:
        result = build().main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except click.exceptions.Exit as stop:
        return int(stop.exit_code)
    except click.ClickException as error:
        error.show(file=sys.stderr)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("edgekit: interrupted", err=True)
        return 130
    except EdgekitError as error:
        click.echo(f"edgekit: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        return 2
    except Exception as error:  # a bug of edgekit: say so in one line, with the traceback only on request
        return _report_bug(error)
    return int(result) if isinstance(result, int) else 0


def _report_bug(error: Exception) -> int:
    import traceback

    if os.environ.get("EDGEKIT_DEBUG"):
        traceback.print_exception(error)
    text = " ".join(str(error).split())
    click.echo(
        f"edgekit: internal error: {type(error).__name__}: {text} (please report it; EDGEKIT_DEBUG=1 shows where)",
        err=True,
    )
    return 2


def run() -> None:
    """Console-script entry."""
    # torch's threads spin while they wait for each other, so that beside one busy process an epoch took twenty times as
    # long and more; the library reads this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
