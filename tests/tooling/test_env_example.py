""".env.example names every setting that the product reads, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
READ = re.compile(r"""\b(?:env(?:\.[a-z_]+)?\(|environ(?:\.get\(|\[))\s*"([A-Z_]+)""")
NOT_FOR_PEOPLE = {"DJANGO_SETTINGS_MODULE", "STATIC_STORAGE", "TEST_DATABASE"}
FROM_WSGI = {"CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "PATH_INFO"}


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    sources = [path.read_text() for path in (ROOT / "smsadmin").rglob("*.py")]
    read = {name for source in sources for name in READ.findall(source)} - NOT_FOR_PEOPLE - FROM_WSGI
    documented = re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)
    assert sorted(documented) == sorted(read)
