"""Programs on another machine over SSH: the user's own `ssh` with keys, never a question, nothing left behind.

One connection carries everything. A short script on the far side makes a file that only this user reads, removes its
name at once, fills it with the program from the connection and starts it: the file is gone as soon as the connection,
the program or the power ends. Python runs from the connection without any file.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgekit.bench.channel import Channel, ended_error
from edgekit.core.errors import BadConfigError, EdgekitError, MissingDependencyError, TargetError

CONNECT_S = 15
ANSWER_S = 60.0
ALIVE_S = 5
"""Seconds between questions whether the far side is still there; after three without an answer the connection ends."""
SLOWEST = 50_000
"""Bytes a second that a connection must carry."""
SSH_FAILED = 255
"""ssh's own exit status."""

_HOST = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*@)?(?:[A-Za-z0-9][A-Za-z0-9_.\-]*|\[?[0-9A-Fa-f:]+(?:%\w+)?\]?)")
_REASONS = (
    # what ssh says, what it means, how to mend it
    (r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED", "the host's key is not known, or another",
     "connect once by hand (ssh HOST) and compare the key; known_hosts is never changed from here"),
    (r"Permission denied|Too many authentication failures|no such identity", "the host does not take this key",
     "put your public key there (ssh-copy-id HOST), or name another with --identity; passwords are not asked for"),
    (r"Could not resolve hostname", "no host of that name", "check the name, or give its address"),
    (r"Connection refused|Connection timed out|No route to host|timed out during banner|Network is unreachable",
     "the host does not answer", "is it on, in this network, and does sshd run there?"),
    (r"Timeout, server|Broken pipe|Connection reset|closed by remote host|Connection closed",
     "the connection was cut", "run it again; nothing was left on the host"),
)  # fmt: skip
_FAR_STATUS = {
    71: ("has no folder to write to", "free some space in its /tmp or home folder"),
    73: ("has no room for the program", "free some space in its /tmp"),
    74: ("got only a part of the program", "run it again; nothing was left there"),
    126: ("does not let programs start from its /tmp", "mount it without noexec, or set TMPDIR there"),
}
"""Exit status of the script on the far side: what happened, how to mend it."""

_READY = b"edgekit\n"
_SCRIPT = """
umask 077
d=$(mktemp -d "${TMPDIR:-/tmp}/edgekit-bench.XXXXXX") || exit 71
trap 'rm -rf "$d"' EXIT
trap 'exit 74' HUP INT TERM PIPE
: > "$d/p" && chmod 700 "$d/p" && exec 4> "$d/p" && exec 3< "$d/p" || exit 71
rm -rf "$d"
head -c SIZE >&4 || exit 73
exec 4>&-
[ "$(wc -c < /proc/self/fd/3)" -eq SIZE ] || exit 74
echo edgekit
exec PREFIX /proc/self/fd/3
"""
"""The file loses its name before it gets its contents: whatever ends the shell, the system takes the space back."""


@dataclass(frozen=True)
class Host:
    """Where to go.

    Attributes:
        name: "pi@192.168.0.7", a name of the user's ssh configuration, …
        port: None for ssh's own choice.
        identity: file of a private key, None for ssh's own choice.
        options: further "Name=value" for ssh's ``-o``.

    Raises:
        BadConfigError: the name could be taken for an option.
    """

    name: str
    port: int | None = None
    identity: Path | None = None
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.name):
            raise BadConfigError(f"{self.name!r} is no host", where="--host", mend="give USER@NAME or NAME")

    def command(self, remote: str) -> list[str]:
        """Ssh's command line: no questions, no forwarding, the far side watched, an unknown key refused.

        Raises:
            MissingDependencyError: there is no ssh.
        """
        program = shutil.which("ssh")
        if program is None:
            raise MissingDependencyError("ssh is not installed", mend="install it (Debian: openssh-client)")
        settings = [
            *self.options,  # ssh takes the first value that it is given
            "BatchMode=yes", "StrictHostKeyChecking=yes", f"ConnectTimeout={CONNECT_S}", "ClearAllForwardings=yes",
            f"ServerAliveInterval={ALIVE_S}", "ServerAliveCountMax=3", "ControlMaster=no", "ControlPath=none",
        ]  # fmt: skip
        words = [program, "-T", "-x", "-a", *(word for setting in settings for word in ("-o", setting))]
        if self.port is not None:
            words += ["-p", str(self.port)]
        if self.identity is not None:
            words += ["-i", str(self.identity), "-o", "IdentitiesOnly=yes"]
        return [*words, "--", self.name, remote]

    def explain(self, status: int, text: str) -> EdgekitError:
        """The error that ssh's end means, from its status and what it said."""
        if status == SSH_FAILED:
            for pattern, what, mend in _REASONS:
                if re.search(pattern, text):
                    return TargetError(what, where=self.name, mend=mend.replace("HOST", self.name))
        if status in _FAR_STATUS:
            what, mend = _FAR_STATUS[status]
            return TargetError(what, where=self.name, mend=mend)
        return ended_error(status, text, self.name)


def ask(host: Host, command: str) -> str:
    """What a short command prints on the host.

    Raises:
        TargetError: the host cannot be reached, or the command fails.
    """
    try:
        done = subprocess.run(
            host.command(command), capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL,
            timeout=ANSWER_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TargetError("the host does not answer", where=host.name, mend="is it busy or gone?") from error
    if done.returncode != 0:
        raise host.explain(done.returncode, done.stderr)
    return done.stdout


@contextmanager
def remote_program(host: Host, program: Path, prefix: Sequence[str] = ()) -> Iterator[Channel]:
    """Run a static program on the host; its stdin and stdout are the channel's.

    Args:
        host: where.
        program: an executable for that machine that ends at the end of its input.
        prefix: command before it, for instance ("taskset", "-c", "3").

    Raises:
        TargetError: the host cannot be reached, has no room, or does not start the program.
    """
    data = program.read_bytes()
    script = _SCRIPT.replace("SIZE", str(len(data))).replace("PREFIX", shlex.join(prefix))
    with Channel(host.command(f"sh -c {shlex.quote(script)}"), where=host.name, explain=host.explain) as channel:
        seconds = ANSWER_S + len(data) / SLOWEST
        channel.send(data, seconds)
        if channel.read(len(_READY), seconds) != _READY:
            mend = "keep its shell's start-up files from printing"
            raise TargetError("prints something before it runs a command", where=host.name, mend=mend)
        yield channel


@contextmanager
def remote_python(host: Host, source: str, prefix: Sequence[str] = (), python: str = "python3") -> Iterator[Channel]:
    """Run Python text on the host, from the connection: no file is written there.

    Args:
        host: where.
        source: the text.
        prefix: command before it.
        python: its interpreter there.

    Raises:
        TargetError: the host cannot be reached, or has no such interpreter.
    """
    data = source.encode()
    text = f"compile(sys.stdin.buffer.read({len(data)}), 'edgekit', 'exec')"
    loader = f"import sys; exec({text}, {{'__name__': '__main__'}})"
    command = shlex.join([*prefix, python, "-c", loader])
    with Channel(host.command(command), where=host.name, explain=host.explain) as channel:
        channel.send(data, ANSWER_S)
        yield channel


def facts(host: Host, questions: Mapping[str, str]) -> dict[str, str]:
    """What several shell commands print on the host, in one connection; "" where one fails.

    Args:
        host: where.
        questions: name to shell command.

    Raises:
        TargetError: the host cannot be reached.
    """
    parts = [f"echo '@@{name}'; {{ {command}; }} 2>/dev/null" for name, command in questions.items()]
    found, name = dict.fromkeys(questions, ""), ""
    for line in ask(host, "; ".join([*parts, "true"])).splitlines():
        if line.startswith("@@"):
            name = line[2:]
        elif name in found:
            found[name] = f"{found[name]}\n{line}".strip()
    return found
