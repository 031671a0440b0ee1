"""A web server on loopback that serves bytes as a good, a bad or a broken server would."""

from __future__ import annotations

import contextlib
import http.server
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Site:
    """What the server has and how it behaves; ``log`` keeps (path, Range header) of each request.

    ``cut``: path → how many bytes to send before the connection is cut, one entry a request, then whole answers.
    ``status``: path → answers to give first, for instance [503, 503].
    ``ranges``: False ignores Range headers.
    """

    files: dict[str, bytes]
    cut: dict[str, list[int]] = field(default_factory=dict)
    status: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = '"v1"'
    log: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def _handler(site: Site) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            span = self.headers.get("Range")
            site.log.append((self.path, span))
            if site.status.get(self.path):
                self.send_error(site.status[self.path].pop(0))
                return
            if self.path not in site.files:
                self.send_error(404)
                return
            self._send(site.files[self.path], span)

        def _send(self, body: bytes, span: str | None) -> None:
            start = 0
            fresh = self.headers.get("If-Range") in (None, site.etag)
            if span and site.ranges and fresh:
                start = int(span.removeprefix("bytes=").rstrip("-"))
                if start >= len(body):
                    self.send_response(416)
                    self.send_header("Content-Range", f"bytes */{len(body)}")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            else:
                self.send_response(200)
            if site.etag:
                self.send_header("ETag", site.etag)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cuts = site.cut.get(self.path)
            if cuts:
                self.wfile.write(body[start : start + cuts.pop(0)])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.wfile.write(body[start:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that was killed is part of the tests
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    server = _Server(("127.0.0.1", 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
