"""The front-end that travels in a model's metadata, and whether another one is the same."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.core.errors import BadConfigError, DigestMismatchError
from edgekit.core.model_metadata import FRONTEND_DIGEST_KEY, FRONTEND_KEY
from edgekit.features.spec import FrontendSpec, from_json


def embedded_spec(metadata: Mapping[str, str], where: str) -> FrontendSpec | None:
    """The front-end in the metadata, None where there is none.

    Raises:
        BadConfigError: it is damaged.
    """
    text = metadata.get(FRONTEND_KEY)
    return from_json(text, where=f"{where}: metadata {FRONTEND_KEY}") if text else None


def agreed_spec(metadata: Mapping[str, str], given: FrontendSpec | None, where: str) -> FrontendSpec | None:
    """The model's own front-end, which ``given`` must equal; ``given`` where the model carries none.

    Raises:
        DigestMismatchError: the metadata's digest is that of another one.
        BadConfigError: the one in the metadata is damaged.
    """
    own = embedded_spec(metadata, where)
    digest = metadata.get(FRONTEND_DIGEST_KEY) or (own.digest if own else "")
    for spec in filter(None, (own, given)):
        check_digest(spec, digest, where)
    return own or given


def require_spec(metadata: Mapping[str, str], given: FrontendSpec | None, where: str) -> FrontendSpec:
    """:func:`agreed_spec`, where there has to be one.

    Raises:
        BadConfigError: neither the model nor the caller names one; as :func:`agreed_spec`.
        DigestMismatchError: as :func:`agreed_spec`.
    """
    spec = agreed_spec(metadata, given, where)
    if spec is None:
        raise BadConfigError("the model names no front-end", where=where, mend="give one with --frontend")
    return spec


def check_digest(spec: FrontendSpec, digest: str, where: str) -> None:
    """The front-end is the one with this digest; any is where ``digest`` is "".

    Raises:
        DigestMismatchError: it is another.
    """
    if digest and digest != spec.digest:
        raise DigestMismatchError(
            f"the model was made for front-end {digest}, given is {spec.digest}",
            where=where,
            mend="give the front-end that it was trained with, or leave it out where it travels in the model",
        )
