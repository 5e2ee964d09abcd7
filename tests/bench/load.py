"""A load generator: signed executions over kept-alive connections, as fast as they are answered.

`python -m tests.bench.load URL FIRST COUNT CONNECTIONS` prints one JSON line: seconds, and answers by status.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

from tests.bench.shape import NUMBERS, PORTAL, SECRET, USERS
from tests.bench.sign import v2


def request(url: str, index: int) -> bytes:
    """One execution of the contact `index`, signed as HubSpot signs."""
    inputs = {
        "sender_mode": "number",
        "sender_number": str(1000 + index % NUMBERS),
        "send_as_mode": "user",
        "send_as_user": str(5000 + index % USERS),
        "recipient": f"+1212555{index % 10000:04d}",
        "message": f"Hi contact {index}, your order is on its way. Reply STOP to opt out.",
    }
    payload = {
        "callbackId": f"ap-{PORTAL}-{index}-4-0",
        "origin": {"portalId": PORTAL, "actionDefinitionId": 1, "actionDefinitionVersion": 1},
        "context": {"workflowId": 17, "actionId": 4, "source": "WORKFLOWS"},
        "object": {"objectId": index, "objectType": "CONTACT", "properties": {}},
        "fields": inputs,
        "inputFields": inputs,
    }
    body = json.dumps(payload).encode()
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
        f"X-HubSpot-Signature: {v2(SECRET, 'POST', url, body)}\r\nX-HubSpot-Signature-Version: v2\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def complete(answer: bytes) -> bool:
    """Whether the whole answer is here, by its length or its last chunk."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    found = head.lower().find(b"content-length:")
    if found < 0:
        return bool(blank) and body.endswith(b"0\r\n\r\n")
    return bool(blank) and len(body) >= int(head[found + 15 :].split(b"\r\n", 1)[0])


class Client(asyncio.Protocol):
    """One connection: the next request leaves when the answer to the last one is complete."""

    def __init__(self, queue: list[bytes], seen: Counter[int], done: asyncio.Future[None]) -> None:
        self.queue, self.seen, self.done, self.buffer = queue, seen, done, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if complete(self.buffer):
            self.seen[int(self.buffer[9:12])] += 1
            self.buffer = b""
            self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the server"))

    def _next(self) -> None:
        if self.queue:
            self.transport.write(self.queue.pop())
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()


async def main(url: str, first: int, count: int, connections: int) -> None:
    queue = [request(url, index) for index in range(first, first + count)][::-1]
    loop, seen, host = asyncio.get_running_loop(), Counter[int](), urlsplit(url)
    started, waiting = time.perf_counter(), []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        await loop.create_connection(lambda done=done: Client(queue, seen, done), host.hostname, host.port)
        waiting.append(done)
    await asyncio.gather(*waiting)
    print(json.dumps({"seconds": time.perf_counter() - started, "answers": dict(seen)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
