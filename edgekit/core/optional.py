"""Import of packages that belong to an extra, with an error that names the extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from edgekit.core.errors import MissingDependencyError


def require(module: str, extra: str, instead: str = "") -> ModuleType:
    """Import ``module`` (dotted name), which the extra ``extra`` of edgekit installs; ``instead`` does without it.

    Raises:
        MissingDependencyError: the package is not installed, or its native part does not load.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"does not load: {error}"
        package = module.split(".")[0]
        mend = f"pip install 'edgekit[{extra}]'" + (f", or {instead}" if instead else "")
        raise MissingDependencyError(f"{package} {reason}", mend=mend) from error
