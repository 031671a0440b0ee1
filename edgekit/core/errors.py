"""Errors of edgekit: each says what is wrong, where, and how to mend it, in one line.

The command line prints ``str(error)`` and exits with ``error.exit_code``; a notebook gets the same text. Anything that
is not an :class:`EdgekitError` and reaches the command line is a bug of edgekit and is reported as one.
"""

from __future__ import annotations


class EdgekitError(Exception):
    """Base of all errors that a user can mend.

    Args:
        what: what is wrong, a clause without a final full stop.
        where: the file, layer, key or option that it concerns.
        mend: what to do about it, an imperative clause.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str | None = None, mend: str | None = None) -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f" ({self.mend})" if self.mend else ""
        return " ".join(f"{place}{self.what}{cure}".split())


class BadFileError(EdgekitError):
    """A file is not what its name says, is damaged, or breaks a limit on untrusted input."""


class BadConfigError(EdgekitError):
    """An option, a recipe, a budget or a front-end description has an unknown key or an impossible value."""


class DataError(EdgekitError):
    """A data set or manifest cannot be used: nothing in it, unknown label, missing split."""


class UnknownShapeError(EdgekitError):
    """A dimension is not known and nobody said what it is."""


class UnsupportedOpError(EdgekitError):
    """A model holds an operator, or a form of one, that this step cannot carry."""


class DigestMismatchError(EdgekitError):
    """A model and a front-end, or two artifacts, were not made for each other."""


class MissingDependencyError(EdgekitError):
    """A package or program that this step needs is not installed."""


class TargetError(EdgekitError):
    """The model does not fit the target, or the target, its toolchain or its emulator failed."""
