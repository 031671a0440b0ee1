"""A front-end by the name of its preset or from its file."""

from __future__ import annotations

from pathlib import Path

from edgekit.core import run_files
from edgekit.core.errors import BadConfigError, BadFileError
from edgekit.core.spelling import did_you_mean
from edgekit.features.presets import PRESETS
from edgekit.features.spec import FrontendSpec, from_json

MAX_JSON_BYTES = 1 << 16


def load_spec(name_or_path: str | Path) -> FrontendSpec:
    """A spec by preset name, from a ``.json`` file, or from the ``frontend.json`` of a run or model folder.

    Raises:
        BadConfigError: no such preset or file, or a bad spec in it.
        BadFileError: the file cannot be read.
    """
    name = str(name_or_path)
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if path.is_dir():
        path = path / run_files.FRONTEND
    if not path.is_file():
        hint = did_you_mean(name, PRESETS, f"presets: {', '.join(PRESETS)}; or give a .json file")
        raise BadConfigError("is neither a preset nor a front-end file", where=name, mend=hint)
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise BadFileError("is too large for a front-end description", where=str(path), mend="give frontend.json")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError("cannot be read as UTF-8 text", where=str(path), mend="give a frontend.json") from error
    return from_json(text, where=str(path))
