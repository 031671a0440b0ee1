"""Names from strangers made safe for C: identifiers, comments and string literals."""

from __future__ import annotations

import re

from edgekit.core.errors import BadConfigError

MAX_LENGTH = 40

# C11 6.4.1, C++ keywords that a header with extern "C" must survive, and names of libc that sources use.
_RESERVED_WORDS = (
    "auto break case char const continue default do double else enum extern float for goto if inline int long "
    "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while "
    "alignas alignof and asm bool catch class compl delete dynamic_cast explicit export false friend mutable "
    "namespace new noexcept not nullptr operator or private protected public reinterpret_cast static_assert "
    "static_cast template this thread_local throw true try typeid typename using virtual wchar_t xor main memcpy "
    "memset size_t null edgekit_model "
)
_KEYWORDS = frozenset(_RESERVED_WORDS.split())


def identifier(name: str) -> str:
    """A C identifier in lower case made from ``name``: letters, digits and single underscores, at most MAX_LENGTH.

    Anything else becomes an underscore, so that nothing of a hostile name reaches the compiler. A name that starts
    with a digit gets "model_" in front; a reserved word gets "_model" behind it.
    """
    words = re.findall(r"[a-z0-9]+", name.lower())
    safe = "_".join(words)[:MAX_LENGTH].rstrip("_") or "model"
    if safe[0].isdigit():
        safe = f"model_{safe}"[:MAX_LENGTH].rstrip("_")
    return f"{safe}_model" if safe in _KEYWORDS else safe


def require_identifier(name: str) -> str:
    """``name`` itself, if it is what :func:`identifier` would make of it.

    Raises:
        BadConfigError: it is not a safe C identifier.
    """
    if identifier(name) != name:
        raise BadConfigError(f"{name!r} is no safe C identifier", mend=f"use {identifier(name)!r}")
    return name


def comment_text(text: str) -> str:
    """``text`` on one line of printable ASCII that cannot end a comment or continue a line."""
    line = " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")
    line = re.sub(r"[^\x20-\x7e]", "?", line).replace("\\", "?")
    return line.replace("*/", "* /").replace("/*", "/ *")[:200]


def string_literal(text: str) -> str:
    """A C string literal with the UTF-8 bytes of ``text``.

    Raises:
        BadConfigError: the text holds a zero byte, which would end a C string early.
    """
    data = text.encode("utf-8")
    if 0 in data:
        raise BadConfigError(f"the label {text!r} holds a zero byte", mend="rename it")
    plain = set(b" !#$%&'()*+,-./:;<=>@[]^_`{|}~") | set(range(48, 58)) | set(range(65, 91)) | set(range(97, 123))
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in data) + '"'
