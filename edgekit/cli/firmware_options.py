"""Options of the commands that write C, and of those that reach another machine."""

from __future__ import annotations

from pathlib import Path

import click

FRONTEND = click.option(
    "--frontend", metavar="SPEC", help='Preset or frontend.json; "none": without.  [default: the model\'s own]'
)
NAME = click.option("--name", help="Prefix of the C API.  [default: from the file's name]")
TOOLCHAIN = click.option(
    "--toolchain", metavar="NAME", help="zig, arm-none-eabi-gcc, gcc or cc.  [default: the first found]"
)
OPTIMIZE = click.option(
    "--optimize",
    type=click.Choice(["size", "speed", "balanced"]),
    default="balanced",
    show_default=True,
    help="What kernels and compiler flags are chosen for: little flash, few instructions, or both.",
)
SOURCES_ONLY = click.option("--sources-only", is_flag=True, help="Write the C, build nothing.")
SSH_PORT = click.option("--ssh-port", type=click.IntRange(1, 65535), help="Of --host.")
IDENTITY = click.option("--identity", type=click.Path(path_type=Path), help="Private key for --host.")
SSH_OPTION = click.option(
    "--ssh-option", "ssh_options", multiple=True, metavar="NAME=VALUE", help="For ssh's -o; repeatable."
)
