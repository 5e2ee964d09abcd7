"""A provider that answers at once: Aircall's send, its key probe, and HubSpot's callbacks. `python -m … PORT`."""

import asyncio
import sys

ACCEPTED = b'{"id":"bench","status":"pending"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ANSWER = HEAD % len(ACCEPTED) + ACCEPTED
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class AtOnce(asyncio.Protocol):
    """Answers each request as soon as its body is complete; counts nothing, checks nothing."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            found = head.find(b"content-length:")
            length = int(head[found + 15 :].split(b"\r\n", 1)[0]) if found >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.transport.write(DONE if b"callbacks" in head[:200] else ANSWER)
            self.buffer = self.buffer[end + 4 + length :]


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(AtOnce, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
