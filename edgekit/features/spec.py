"""FrontendSpec: everything that turns PCM into a model's input, with a digest over its canonical JSON.

The chain that a spec describes, in order (the reference is :mod:`edgekit.features.reference`)::

    PCM -> pad/trim to clip_samples -> [pre-emphasis of the signal] -> [centre padding] -> frames
        -> [remove DC] -> [pre-emphasis of the frame] -> window -> |FFT|^power -> mel -> log
        -> [DCT-II, lifter] -> (x - mean) / std -> layout

A scalogram has a Morlet wavelet transform (:mod:`edgekit.features.wavelet`) in the place of frames, window, FFT and
mel; what it does not use of the rest decides about the number of its frames only.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, get_type_hints

from edgekit.core.digest import canonical_json, digest_json
from edgekit.core.errors import BadConfigError
from edgekit.core.spelling import did_you_mean
from edgekit.features.spec_checks import check_framing, check_types, check_values
from edgekit.features.spec_fields import SpecFields


@dataclass(frozen=True, kw_only=True)
class FrontendSpec(SpecFields):
    """One audio front-end, validated when it is built; its fields are those of its base, in their order."""

    def __post_init__(self) -> None:
        check_types(self, _TYPES)
        check_framing(self)
        check_values(self)

    @property
    def digest(self) -> str:
        """``"sha256:…"`` over the canonical JSON."""
        return digest_json(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """All fields by name, as JSON values; ``morlet`` of scalograms only, so that other digests never change."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key != "morlet" or value is not None}

    def canonical(self) -> str:
        """Canonical JSON: sorted keys, no spaces; two equal specs give equal text."""
        return canonical_json(self.to_json())

    def replace(self, **changes: Any) -> FrontendSpec:
        """A copy with some fields changed, validated again.

        Raises:
            BadConfigError: an unknown field or an impossible value.
        """
        return from_json({**self.to_json(), **changes})


_NAMES = tuple(field.name for field in dataclasses.fields(FrontendSpec))
_REQUIRED = tuple(field.name for field in dataclasses.fields(FrontendSpec) if field.default is dataclasses.MISSING)
_TYPES = get_type_hints(FrontendSpec)


def from_json(value: dict[str, Any] | str, *, where: str = "front-end") -> FrontendSpec:
    """Build a spec from a mapping or from JSON text; nothing is guessed.

    Raises:
        BadConfigError: not an object, an unknown key (with the nearest known one), a missing key, a bad value.
    """
    if isinstance(value, str):
        value = _parse(value, where)
    if not isinstance(value, dict):
        raise BadConfigError("is not a JSON object", where=where, mend="write one object with the fields of a spec")
    for key in value:
        if key not in _NAMES:
            hint = did_you_mean(key, _NAMES, f"known: {', '.join(_NAMES)}")
            raise BadConfigError(f"unknown key {str(key)!r}", where=where, mend=hint)
    missing = [name for name in _REQUIRED if name not in value]
    if missing:
        raise BadConfigError(f"missing {', '.join(missing)}", where=where, mend="give all required fields")
    return FrontendSpec(**value)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadConfigError("is not JSON", where=where, mend="see `edgekit features show PRESET`") from error
