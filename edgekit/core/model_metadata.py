"""What travels with a model in the metadata of its file, whatever the format: keys, and the labels."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from edgekit.core.errors import BadConfigError, BadFileError

FRONTEND_KEY = "edgekit.frontend"
"""FrontendSpec as canonical JSON."""
FRONTEND_DIGEST_KEY = "edgekit.frontend_digest"
"""The spec's digest, ``sha256:…``."""
LABELS_KEY = "edgekit.labels"
"""JSON list of class names in the order of the outputs."""
MODEL_KEY = "edgekit.model"
"""JSON object {"name", "arguments"} of the registry model that the graph came from."""
ROUNDING_KEY = "edgekit.rounding"
"""How integers are rescaled, "twice" or "once" (graph/rounding.py); "twice" where it is absent."""


def labels_in(metadata: Mapping[str, str], where: str) -> tuple[str, ...]:
    """The class names, () where there are none.

    Raises:
        BadFileError: they are no JSON list of strings.
    """
    text = metadata.get(LABELS_KEY, "")
    if not text:
        return ()
    mend = "write the labels as a JSON list of strings, one an output"
    try:
        labels = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFileError("the labels in the metadata are no JSON", where=where, mend=mend) from error
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise BadFileError("the labels in the metadata are no list of strings", where=where, mend=mend)
    return tuple(labels)


def require_labels(
    metadata: Mapping[str, str], given: Sequence[str] | None, outputs: int, where: str
) -> tuple[str, ...]:
    """The class names that the caller gives, or the model's own, one an output.

    Raises:
        BadConfigError: there are none.
        BadFileError: not as many as outputs, or those of the model are damaged.
    """
    names = tuple(given) if given is not None else labels_in(metadata, where)
    if not names:
        raise BadConfigError("the model carries no labels", where=where, mend="give them with --labels labels.txt")
    if len(names) != outputs:
        raise BadFileError(f"{len(names)} labels for {outputs} outputs", where=where, mend="check the labels")
    return names
