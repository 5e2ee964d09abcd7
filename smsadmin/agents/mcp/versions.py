"""The revisions of the Model Context Protocol that are spoken here, in two eras: those that begin with a handshake, and
those whose every request says everything."""

MODERN = ("2026-07-28",)
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")
SUPPORTED = (*MODERN, *LEGACY)
#: What a request without the version's header speaks (2025-06-18, Protocol Version Header).
ASSUMED = "2025-03-26"
#: The one that has several requests in one body: every server must take them (2025-03-26, Sending Messages).
WITH_BATCHES = "2025-03-26"
