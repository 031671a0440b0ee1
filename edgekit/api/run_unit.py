"""A systemd unit that listens from boot on: the template, filled for one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgekit.core.errors import BadConfigError

_UNIT = """\
# Written by 'edgekit run --systemd-unit'. Put it where systemd looks, and switch it on:
#   sudo cp edgekit-run.service /etc/systemd/system/ && sudo systemctl enable --now edgekit-run
# What was heard is in the journal, a JSON object a line: journalctl -u edgekit-run -o cat -f
[Unit]
Description={description}
After=sound.target
Wants=sound.target

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=5
DynamicUser=yes
SupplementaryGroups=audio
CacheDirectory=edgekit
Environment=EDGEKIT_CACHE=/var/cache/edgekit
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
Nice=-5

[Install]
WantedBy=multi-user.target
"""


def systemd_unit(program: str | Path, model: str | Path, arguments: Sequence[str] = ()) -> str:
    """Text of a unit that runs ``edgekit run MODEL`` on the microphone.

    Args:
        program: the ``edgekit`` command.
        model: made absolute.
        arguments: further ones.

    Raises:
        BadConfigError: a name with a line break, which no unit can hold.
    """
    words = [str(Path(program).absolute()), "run", str(Path(model).absolute()), "--format", "jsonl", *arguments]
    bad = next((word for word in words if any(ord(char) < 32 for char in word)), None)
    if bad is not None:
        raise BadConfigError("a name holds a control character", where=repr(bad), mend="rename the file")
    name = Path(model).name.replace("%", "%%")
    return _UNIT.format(description=f"edgekit listens with {name}", command=" ".join(map(_quoted, words)))


def _quoted(word: str) -> str:
    """A word of ExecStart: systemd's quotes, specifiers and variables (systemd.service, systemd.syntax) as they are."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if any(char in text for char in " '\";\\") or not text else text
