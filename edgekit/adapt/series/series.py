"""Sets of labelled time series from the files of the UCR/UEA archive."""

from __future__ import annotations

from pathlib import Path

from edgekit.adapt.series.arff_file import parse_arff
from edgekit.adapt.series.series_set import SeriesSet
from edgekit.adapt.series.ts_file import parse_ts
from edgekit.core.errors import BadFileError

LARGEST_FILE = 256 << 20
_PARSERS = {".ts": parse_ts, ".arff": parse_arff}


def read_series(path: Path) -> SeriesSet:
    """A ``.ts`` file (sktime, aeon, timeseriesclassification.com) or an ``.arff`` file (UCR/UEA archive).

    Raises:
        BadFileError: missing, too large, another kind of file, damaged, or a label that its header does not list.
    """
    where = str(path)
    if path.suffix.lower() not in _PARSERS:
        raise BadFileError(
            "is no .ts or .arff file", where=where, mend="give a UCR/UEA problem in one of the two forms"
        )
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadFileError("is larger than 256 MiB", where=where, mend="give a smaller problem")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"cannot be read as text: {error}", where=where, mend="download it again") from error
    return _PARSERS[path.suffix.lower()](text, where)
