"""The front-end in a model's metadata: found, held against the one that is given, missed."""

from __future__ import annotations

import pytest

from edgekit.core.errors import BadConfigError, BadFileError, DigestMismatchError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY, LABELS_KEY, labels_in, require_labels
from edgekit.features.embedded import agreed_spec, embedded_spec, require_spec
from edgekit.features.presets import PRESETS

OWN, OTHER = PRESETS["kws-mfcc-49x10"], PRESETS["kws-logmel-40"]
METADATA = {FRONTEND_KEY: OWN.canonical(), FRONTEND_DIGEST_KEY: OWN.digest}


def test_the_models_own_is_taken_and_another_refused() -> None:
    assert embedded_spec(METADATA, "m") == agreed_spec(METADATA, None, "m") == require_spec(METADATA, OWN, "m") == OWN
    for metadata in (METADATA, {FRONTEND_KEY: OWN.canonical()}, {FRONTEND_DIGEST_KEY: OWN.digest}):
        with pytest.raises(DigestMismatchError, match="made for front-end"):
            agreed_spec(metadata, OTHER, "m")
    with pytest.raises(DigestMismatchError):  # the file contradicts itself
        agreed_spec({**METADATA, FRONTEND_DIGEST_KEY: OTHER.digest}, None, "m")


def test_a_model_without_one_takes_what_is_given() -> None:
    assert agreed_spec({}, None, "m") is None and require_spec({}, OTHER, "m") == OTHER
    with pytest.raises(BadConfigError, match="names no front-end"):
        require_spec({}, None, "m")


def test_labels_are_one_an_output_and_text() -> None:
    known = {LABELS_KEY: '["yes", "no"]'}
    assert labels_in(known, "m") == require_labels(known, None, 2, "m") == ("yes", "no")
    assert require_labels(known, ["a", "b"], 2, "m") == ("a", "b")
    with pytest.raises(BadConfigError, match="carries no labels"):
        require_labels({}, None, 2, "m")
    with pytest.raises(BadFileError, match="2 labels for 3 outputs"):
        require_labels(known, None, 3, "m")
    for damaged in ("[1, 2]", '"yes"', "[", "[" * 100_000):
        with pytest.raises(BadFileError, match="labels in the metadata"):
            labels_in({LABELS_KEY: damaged}, "m")
