"""What a host is called with: stored encrypted, added to every call of it, and shown nowhere."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.urls import reverse

from smsadmin.flows import fetching
from smsadmin.flows.fetching import Used
from smsadmin.flows.masking import masked
from smsadmin.flows.models import FetchHost, FlowVersion
from smsadmin.providers.http import Answer, Exchange
from tests.factories import make_member, make_workspace

pytestmark = pytest.mark.django_db

TOKEN = "tok-48151623"
VALUE = f"Bearer {TOKEN}"


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def owner(client, workspace):
    client.force_login(make_member(workspace, "owner").user)
    return client


def allow(owner, **values) -> FetchHost:
    owner.post(reverse("fetch-hosts"), {"host": "crm.example.com", "header": "", "value": "", **values})
    return FetchHost.objects.get()


# --- The form -------------------------------------------------------------------------------------------


def test_a_header_is_stored_encrypted_and_shown_on_no_page(owner):
    host = allow(owner, value=VALUE)

    assert dict(host.secrets) == {"header": "Authorization", "value": VALUE}
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM flows_fetchhost")
        assert TOKEN not in cursor.fetchone()[0]
    for address in (reverse("fetch-hosts"), reverse("fetch-host", args=[host.pk])):
        page = owner.get(address).content.decode()
        assert TOKEN not in page
        assert "Set" in page


def test_without_a_value_nothing_is_added(owner):
    assert dict(allow(owner).secrets) == {}


def test_what_is_left_empty_stays_and_only_the_tick_takes_it_away(owner):
    host = allow(owner, header="X-Api-Key", value=VALUE)
    address = reverse("fetch-host", args=[host.pk])

    def after(**values: str) -> dict[str, str]:
        assert owner.post(address, {"header": "", "value": "", **values}).status_code == 302
        host.refresh_from_db()
        return dict(host.secrets)

    assert after() == {"header": "X-Api-Key", "value": VALUE}
    assert after(value="another") == {"header": "X-Api-Key", "value": "another"}
    assert after(header="X-Token") == {"header": "X-Token", "value": "another"}
    assert after(forget="on") == {}
    assert after() == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"header": "X Token", "value": VALUE}, "is not a header that can be set"),
        ({"header": "Host", "value": VALUE}, "is not a header that can be set"),
        ({"header": "X-Token", "value": "clé"}, "This has a sign that no header carries"),
        ({"header": "X-Token"}, "Give the value of the header too."),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_shown(owner, values, said):
    page = owner.post(reverse("fetch-hosts"), {"host": "crm.example.com", **values})

    assert page.status_code == 422
    assert said in page.content.decode()
    assert TOKEN not in page.content.decode()
    assert not FetchHost.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "operator", "editor"])
def test_only_owners_change_it(client, workspace, role):
    host = FetchHost.objects.create(workspace=workspace, host="crm.example.com", secrets={})
    client.force_login(make_member(workspace, role).user)
    address = reverse("fetch-host", args=[host.pk])

    assert (client.get(address).status_code, client.post(address, {"value": "x"}).status_code) == (403, 403)


def test_no_host_of_another_workspace_is_reached(owner):
    theirs = FetchHost.objects.create(workspace=make_workspace(), host="crm.example.com")
    assert owner.get(reverse("fetch-host", args=[theirs.pk])).status_code == 404


# --- The call -------------------------------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch):
    """The headers of each call; the other side repeats them."""
    made: list[dict[str, str]] = []

    def call_outside(method: str, url: str, content: bytes, *, headers: dict[str, str], **_: Any) -> Answer:
        made.append(headers)
        exchange = Exchange(method, url, http_status=200, headers={"x-echo": str(headers)}, elapsed_ms=1)
        return Answer(exchange, "", f'{{"echo": "{headers}"}}')

    monkeypatch.setattr(fetching.http, "call_outside", call_outside)
    return made


def call(workspace, url="https://crm.example.com/v1", **headers: str) -> dict[str, Any]:
    params = {"method": "GET", "url": url, "headers": headers, "body": "", "timeout": 0}
    return fetching.call(workspace.pk, params, Used())[0]


def kept(workspace, host="crm.example.com", header="Authorization"):
    secrets = {"header": header, "value": VALUE}
    return FetchHost.objects.create(workspace=workspace, host=host, secrets=secrets)


def test_a_call_of_the_host_carries_it_instead_of_what_the_step_says(workspace, calls):
    kept(workspace)
    call(workspace, authorization="Bearer of-the-step", accept="text/plain")
    assert calls == [{"accept": "text/plain", "Authorization": VALUE}]


@pytest.mark.parametrize("url", ["https://other.example.com/", "https://crm.example.com:8443/"])
def test_no_other_host_gets_it(workspace, calls, url):
    kept(workspace)
    kept(make_workspace(), "other.example.com")
    call(workspace, url)
    assert calls == [{}]


def test_a_host_that_repeats_it_does_not_bring_it_into_the_run(workspace, calls):
    kept(workspace)
    answer = call(workspace)
    assert calls
    assert TOKEN not in str(answer)
    assert "•••" in answer["body"]


# --- What else would tell -------------------------------------------------------------------------------


def literal(value: str) -> str:
    return (
        "branches:\n  inbound-call:\n    actions:\n      - action: fetch@v2\n        params:\n"
        f"          url: https://crm.example.com/\n          headers:\n            {value}\n"
        "        result: $answer\n      - action: log@v1\n        params:\n          message: Done\n"
    )


def test_the_audit_log_has_neither_the_header_nor_the_steps(owner, workspace):
    host = allow(owner, value=VALUE)
    owner.post(reverse("fetch-host", args=[host.pk]), {"value": f"{VALUE}2"})
    source = literal(f"authorization: {VALUE}")
    owner.post(reverse("flow-new"), {"name": "F", "source": source, "do": "save"})

    assert FlowVersion.objects.get().source == source
    entries = LogEntry.objects.get_for_model(FetchHost) | LogEntry.objects.get_for_model(FlowVersion)
    assert entries.exists()
    assert not [entry for entry in entries if TOKEN in f"{entry.changes} {entry.changes_text}"]


@pytest.mark.parametrize(
    "header",
    [
        f"Authorization: {VALUE}",
        f"x-api-key: '{TOKEN}'",
        f'"Cookie": "a={TOKEN}"',
        f"authorization: >-\n              Bearer\n              {TOKEN}",
        f"authorization: Bearer ${{{{ '{TOKEN}' }}}}",
        f"{{x-api-key: {TOKEN}, accept: text/plain}}",
        f"accept: text/plain\n            # authorization: {VALUE}",
        f"x-one: &key {TOKEN}\n            authorization: *key",
        f"${{{{ ({{'authorization': '{TOKEN}'}}) }}}}",
        f"authorization: [unreadable {TOKEN}",
    ],
)
def test_a_literal_key_in_a_header_is_masked_and_every_line_stays_where_it_is(header):
    source = literal(header)
    found = masked(source)

    assert TOKEN not in found
    assert "•••" in found
    assert found.count("\n") == source.count("\n")
    assert found.splitlines()[-3:] == source.splitlines()[-3:]


@pytest.mark.parametrize(
    "header", ["authorization: ${{ $key }}", "content-type: application/json", "x-request-id: cookie"]
)
def test_what_only_refers_to_a_value_or_is_no_key_stays(header):
    assert masked(literal(header)) == literal(header)


@pytest.mark.parametrize(("role", "reads"), [("viewer", False), ("operator", False), ("editor", True)])
def test_pages_show_literal_keys_to_who_edits_the_flow_alone(owner, client, workspace, role, reads):
    source = literal(f"authorization: {VALUE}")
    owner.post(reverse("flow-new"), {"name": "F", "source": source, "do": "save"})
    flow = FlowVersion.objects.get().flow
    changed = {"name": "F", "source": source.replace("$answer", "$reply"), "base": "1", "do": "save"}
    owner.post(reverse("flow", args=[flow.pk]), changed)
    client.force_login(make_member(workspace, role).user)

    addresses = [
        reverse("flow", args=[flow.pk]),
        reverse("flow", args=[flow.pk]) + "?from=1",
        reverse("flow-versions", args=[flow.pk]),
        reverse("flow-version", args=[flow.pk, 1]),
        reverse("flow-version", args=[flow.pk, 2]),
    ]
    pages = [client.get(address).content.decode() for address in addresses]
    assert [TOKEN in page for page in pages] == [reads, reads, False, reads, reads]
    assert ["Keys in headers are masked" in page for page in pages] == [
        not reads, not reads, False, not reads, not reads,
    ]  # fmt: skip
