"""A process that is asked through its stdin and stdout, every wait bounded."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from edgekit.core.errors import EdgekitError, MissingDependencyError, TargetError

STDERR_BYTES = 4096
END_S = 5.0
"""What a process may take to end after its input has ended."""

Explain = Callable[[int, str], EdgekitError]
"""(exit status, end of stderr) to the error that they mean."""


class Channel:
    """A started process.

    Args:
        command: program and arguments.
        where: its name in errors.
        environment: added to the caller's.
        explain: turns an early end into an error; None says status and last line of stderr.

    Raises:
        MissingDependencyError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        where: str,
        environment: Mapping[str, str] | None = None,
        explain: Explain | None = None,
    ) -> None:
        self.where, self._explain = where, explain
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the channel
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, bufsize=0,
                env={**os.environ, **(environment or {})}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._stderr.close()
            mend = "install it, or check the path"
            raise MissingDependencyError(f"cannot be started: {error.strerror}", where=command[0], mend=mend) from error
        self._in, self._out = self._process.stdin, self._process.stdout
        assert self._in is not None and self._out is not None
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, data: bytes, seconds: float) -> None:
        """Write all of ``data``.

        Raises:
            TargetError: the process ended, or did not take the data within ``seconds``.
        """
        view, deadline = memoryview(data), time.monotonic() + seconds
        assert self._in is not None
        while view:
            self._wait(self._in, selectors.EVENT_WRITE, deadline)
            try:
                view = view[os.write(self._in.fileno(), view[: 1 << 16]) :]
            except BrokenPipeError:
                raise self._ended() from None

    def read(self, size: int, seconds: float) -> bytes:
        """Exactly ``size`` bytes.

        Raises:
            TargetError: the process ended, or there were fewer within ``seconds``.
        """
        found, deadline = bytearray(), time.monotonic() + seconds
        assert self._out is not None
        while len(found) < size:
            self._wait(self._out, selectors.EVENT_READ, deadline)
            part = os.read(self._out.fileno(), min(size - len(found), 1 << 16))
            if not part:
                raise self._ended()
            found += part
        return bytes(found)

    def close(self) -> None:
        """End the process: first by the end of its input, then by force."""
        assert self._in is not None and self._out is not None
        self._in.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._out.close()
        self._stderr.close()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._process.wait()

    def _wait(self, pipe: IO[bytes], event: int, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, event)
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                self._kill()
                raise TargetError("no answer in time", where=self.where, mend="give fewer clips, or a faster machine")

    def _ended(self) -> EdgekitError:
        """The error that an early end means; the process is gone afterwards."""
        try:
            status = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._kill()
            status = self._process.returncode
        end = max(self._stderr.seek(0, os.SEEK_END) - STDERR_BYTES, 0)
        self._stderr.seek(end)
        text = self._stderr.read().decode(errors="replace")
        return self._explain(status, text) if self._explain else ended_error(status, text, self.where)


def ended_error(status: int, text: str, where: str) -> TargetError:
    """What ``status`` (negative: a signal) and the last line of ``text`` say about a process that ended early."""
    how = f"ended with status {status}"
    if status < 0:
        names = {number.value: number.name for number in signal.Signals}
        how = f"was ended by {names.get(-status, f'signal {-status}')}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = f": {lines[-1][:300]}" if lines else ""
    return TargetError(f"{how}{said}", where=where, mend="run it alone to see more, or leave this runner out")
