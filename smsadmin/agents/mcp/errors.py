"""Errors of JSON-RPC as the Model Context Protocol uses them, and the HTTP status that goes with each (2026-07-28)."""

from typing import Any

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
#: Ours, for what happens before a request is looked at.
TURNED_AWAY = -32000

STATUS = {METHOD_NOT_FOUND: 404, INTERNAL_ERROR: 500}


class RpcError(Exception):
    """What a request is answered instead of a result. `http` is its status, where that is not the usual one."""

    def __init__(self, code: int, text: str, data: Any = None, *, http: int = 0) -> None:
        super().__init__(text)
        self.code, self.text, self.data = code, text, data
        self.http = http or STATUS.get(code, 400)

    def body(self, request_id: Any = None) -> dict[str, Any]:
        """The whole answer; without the id of a request where none could be read."""
        error = {"code": self.code, "message": self.text}
        if self.data is not None:
            error["data"] = self.data
        return {"jsonrpc": "2.0", "id": request_id, "error": error}
