"""``python -m edgekit``."""

from edgekit.cli.main import run

run()
