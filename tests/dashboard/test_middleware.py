"""What is turned away before it is read."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db


def posted(client: Client, name: str, value: str, encoding: str) -> int:
    """The status of a form with one field that claims this encoding."""
    part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--x--\r\n'
    kind = f"multipart/form-data; boundary=x; charset={encoding}"
    return client.generic("POST", "/actions/new/", part.encode(), content_type=kind).status_code


@pytest.mark.parametrize("encoding", ["utf-7", "unicode_escape", "latin-1"])
def test_a_form_in_an_encoding_that_spells_half_characters_is_refused(encoding: str) -> None:
    client = Client()
    client.force_login(make_member(make_workspace(), "editor").user)
    half = "+2D0-" if encoding == "utf-7" else "\\ud83d"

    assert posted(client, "name", half, encoding) == 400
    assert posted(Client(), "typed_by", half, encoding) == 400


@pytest.mark.parametrize("encoding", ["UTF-8", "utf8", "no-such-encoding"])
def test_a_form_in_utf_8_is_read(encoding: str) -> None:
    client = Client()
    client.force_login(make_member(make_workspace(), "editor").user)

    assert posted(client, "name", "Grüße", encoding) == 422
