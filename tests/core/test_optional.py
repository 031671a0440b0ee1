"""A package of an extra that is missing: the error says which command brings it, and what does without."""

from __future__ import annotations

import pytest

from edgekit.core.errors import MissingDependencyError
from edgekit.core.optional import require


@pytest.mark.parametrize(
    ("instead", "mend"),
    [("", "pip install 'edgekit[mcu]'"), ("do without", "pip install 'edgekit[mcu]', or do without")],
)
def test_a_missing_package_is_named_with_the_command_that_brings_it(instead: str, mend: str) -> None:
    with pytest.raises(MissingDependencyError) as caught:
        require("no_such_package.inside", "mcu", instead)
    assert (caught.value.what, caught.value.mend) == ("no_such_package is not installed", mend)


def test_one_that_is_there_is_handed_out() -> None:
    assert require("json.decoder", "mcu").JSONDecoder is not None
