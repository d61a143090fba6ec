"""A name server as Docker has one for a network: one name, with as many addresses as there are containers."""

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_A, _IN = 1, 1
_FOUND, _NO_SUCH_NAME = 0x8180, 0x8183
_NAME_OF_THE_QUESTION = 0xC00C


class NameServer(socketserver.UDPServer):
    """Answers every question with all of `addresses`, which may change at any time."""

    def __init__(self, addresses: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.addresses = addresses

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def answer(self, question: bytes) -> bytes:
        """Return the message that answers `question`, in the form of RFC 1035."""
        end = question.index(b"\0", 12) + 5
        (kind,) = struct.unpack("!H", question[end - 4 : end - 2])
        found = [socket.inet_aton(address) for address in self.addresses] if kind == _A else []
        head = struct.pack("!5H", _FOUND if found else _NO_SUCH_NAME, 1, len(found), 0, 0)
        records = (struct.pack("!3HIH", _NAME_OF_THE_QUESTION, _A, _IN, 1, 4) + address for address in found)
        return question[:2] + head + question[12:end] + b"".join(records)


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        question, connection = self.request
        assert isinstance(self.server, NameServer)
        connection.sendto(self.server.answer(question), self.client_address)


@contextmanager
def name_server(addresses: list[str]) -> Iterator[NameServer]:
    """Yield a name server that runs during the block."""
    with NameServer(addresses) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
