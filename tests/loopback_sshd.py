"""A real sshd on the loopback interface, with keys of its own, for tests."""

from __future__ import annotations

import getpass
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgekit.bench.ssh import Host

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv TMPDIR={tmp} PATH={path}
"""


@dataclass(frozen=True)
class Sshd:
    """A running server.

    Attributes:
        host: how to reach it.
        folder: its keys and configuration.
        tmp: what sessions take for /tmp.
        pid: of the listening process.
    """

    host: Host
    folder: Path
    tmp: Path
    pid: int

    def sessions(self) -> list[int]:
        """Processes of sshd that serve connections: one that watches, and where it has privileges one that talks."""
        return [pid for pid in self.family() if _name(pid).startswith("sshd")]

    def family(self) -> list[int]:
        """All processes below the server."""
        known, found = {self.pid}, []
        for _ in range(8):
            more = [pid for pid in _processes() if pid not in known and _parent(pid) in known]
            known |= set(more)
            found += more
        return found


def sshd_program() -> str:
    """Path of sshd; skips where there is none."""
    found = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None or shutil.which("ssh") is None:
        pytest.skip("install openssh-server and openssh-client (Debian packages)")
    return found


def new_key(path: Path) -> Path:
    """A private key without passphrase, its public half beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextmanager
def sshd(
    folder: Path, *, file_limit: int | None = None, tmp: Path | None = None, programs: Path | None = None
) -> Iterator[Sshd]:
    """Start a server; ``file_limit`` is the size that no file of its sessions may exceed.

    ``programs`` is a folder whose programs its sessions find before the system's.
    """
    program, far = sshd_program(), tmp or folder / "tmp"
    far.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own condition when it runs as root
    new_key(folder / "host_key")
    key = new_key(folder / "key")
    shutil.copy(folder / "key.pub", folder / "authorized")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    path = ":".join([*([str(programs)] if programs else []), os.defpath.lstrip(":"), "/usr/local/bin"])
    (folder / "config").write_text(_CONFIG.format(port=port, folder=folder, tmp=far, path=path))
    public = (folder / "host_key.pub").read_text().split()
    (folder / "known").write_text(f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")

    def limit() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    server = subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL, preexec_fn=limit
    )
    known = f"UserKnownHostsFile={folder / 'known'}"
    host = Host(f"{getpass.getuser()}@127.0.0.1", port, key, (known, "GlobalKnownHostsFile=/dev/null"))
    try:
        _wait_for(port)
        yield Sshd(host, folder, far, server.pid)
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("sshd does not listen")


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def _name(pid: int) -> str:
    try:
        return (Path("/proc") / str(pid) / "comm").read_text().strip()
    except OSError:
        return ""


def cut(pids: list[int]) -> None:
    """End processes at once, as a lost machine would."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
