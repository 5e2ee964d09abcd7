"""What an execution does not tell of its record is read from HubSpot, once, and only that."""

import httpx
import pytest

from smsadmin import cache
from smsadmin.crm.models import PropertyList
from smsadmin.pacing.models import Pace
from smsadmin.providers import http
from smsadmin.sandbox.crm import ASSOCIATION_TYPES, OBJECT_TYPES, associate
from smsadmin.sending.models import Message
from tests.crm.standin import stand_in
from tests.factories import make_action, make_connection, make_workspace
from tests.triggers.hubspot.conftest import SECRET, SEND, Portal, execution

ADA = {"firstname": "Ada", "phone": "+12025550123", "mobile_phone": None}
CONTACT = {"objectId": 4242, "objectType": "CONTACT", "properties": {}}
NO_SCOPE = {
    "category": "MISSING_SCOPES",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.read"]}}],
}


class HubSpot:
    """HubSpot's CRM: answers with `status` and `body` where set, else with the properties asked for."""

    def __init__(self):
        self.calls, self.answer = [], None

    def __call__(self, request):
        self.calls.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer:
            return self.answer
        if "/properties/" in request.url.path:
            return httpx.Response(200, json={"results": [{"name": name} for name in ADA]})
        asked = request.url.params["properties"].split(",")
        return httpx.Response(200, json={"id": "4242", "properties": {name: ADA[name] for name in asked}})

    @property
    def reads(self):
        return [call for call in self.calls if "/objects/" in call.url.path]


@pytest.fixture
def hubspot(monkeypatch):
    api = HubSpot()
    client = httpx.Client(transport=httpx.MockTransport(api))
    monkeypatch.setattr(http, "client", lambda: client)
    return api


@pytest.fixture
def action(portal, line):
    return make_action(portal.workspace, sender_number=line, message="Hi {{Contact.FirstName}}")


def run(portal, action, properties=None, **changes):
    record = {**CONTACT, "properties": properties or {}, **changes.pop("record", {})}
    return portal.call(f"{SEND}?action={action.pk}", execution(object=record, **changes))


def code(response):
    assert response.status_code == 200, response.content
    return response.json()["outputFields"]["errorCode"]


def test_nothing_is_read_when_the_execution_tells_everything(portal, action, hubspot):
    assert code(run(portal, action, {"phone": "+12025550123", "firstname": None})) == "TOKEN_UNRESOLVED"
    assert hubspot.calls == []


def test_only_what_is_missing_is_read_in_one_call_by_its_internal_name(portal, action, hubspot, settings):
    assert code(run(portal, action, {"phone": "+12025550199"})) == ""
    (read,) = hubspot.reads
    assert read.url.params["properties"] == "firstname"
    assert read.url.path.endswith("/contacts/4242")
    assert read.headers["authorization"] == "Bearer sandbox-hubspot-token"
    message = Message.objects.get()
    assert (message.body, message.recipient) == ("Hi Ada", "+12025550199")


def test_a_record_is_read_once_for_the_steps_that_it_passes_one_after_the_other(portal, action, hubspot):
    for number in range(3):
        run(portal, action, callbackId=f"ap-{number}")
    assert len(hubspot.reads) == 1
    assert {message.body for message in Message.objects.all()} == {"Hi Ada"}


def test_a_minute_later_it_is_read_again_but_not_what_its_properties_are_called(
    portal, action, hubspot, time_machine
):
    run(portal, action)
    cache._values = {key: (0.0, value) for key, (_ends, value) in cache._values.items()}
    run(portal, action, callbackId="ap-2")
    assert len(hubspot.reads) == 2
    assert len(hubspot.calls) == 3


def test_another_portal_reads_its_own_record(portal, action, hubspot):
    other = Portal(make_connection(make_workspace(), "hubspot", external_id="9000002"))
    its = make_action(other.workspace, message="Hi {{Contact.FirstName}}")
    run(portal, action)
    run(other, its, origin={"portalId": 9000002})
    assert len(hubspot.reads) == 2


def test_a_repeat_reads_nothing_and_gets_the_first_answer(portal, action, hubspot):
    first = run(portal, action).json()
    hubspot.answer = httpx.Response(502)
    assert run(portal, action).json() == first
    assert len(hubspot.reads) == 1


def test_an_action_that_is_switched_off_reads_nothing(portal, action, hubspot):
    action.enabled = False
    action.save()
    assert code(run(portal, action)) == "ACTION_DISABLED"
    assert hubspot.calls == []


def test_without_a_token_nothing_is_read(portal, action, hubspot):
    portal.connection.secrets = {"client_secret": SECRET}
    portal.connection.save()
    assert code(run(portal, action)) == "RECIPIENT_MISSING"
    assert hubspot.calls == []


@pytest.mark.parametrize(
    "record", [{"objectType": "2-123"}, {"objectType": None}, {"objectId": None}, {"objectId": ""}]
)
def test_a_record_that_cannot_be_named_is_not_read(portal, action, hubspot, record):
    assert code(run(portal, action, record=record)) == "RECIPIENT_MISSING"
    assert hubspot.calls == []


def test_a_property_that_does_not_exist_is_an_unknown_token(portal, line, hubspot):
    action = make_action(portal.workspace, sender_number=line, message="{{Contact.ShoeSize}}")
    assert code(run(portal, action, {"phone": "+12025550123"})) == "TOKEN_UNKNOWN"
    assert hubspot.reads == []


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (httpx.Response(401, json={"category": "INVALID_AUTHENTICATION"}), "CREDENTIAL_REJECTED", "HubSpot"),
        (httpx.Response(403, json=NO_SCOPE), "SCOPE_MISSING", "crm.objects.contacts.read"),
        (httpx.Response(403, json=["odd"]), "SCOPE_MISSING", "—"),
        (httpx.Response(403, text="<html>"), "SCOPE_MISSING", "—"),
    ],
)
def test_a_token_that_may_not_read_refuses_the_message_with_the_reason_on_its_row(
    portal, action, hubspot, answer, expected, words
):
    hubspot.answer = answer
    response = run(portal, action)
    assert code(response) == expected
    outputs = response.json()["outputFields"]
    assert outputs["hs_execution_state"] == "FAIL_CONTINUE"
    assert words in outputs["errorMessage"]
    assert Message.objects.get().error_code == expected


@pytest.mark.parametrize(
    "answer",
    [
        *[httpx.Response(status) for status in (423, 429, 477, 500, 502, 503, 504, 524)],
        httpx.Response(200, text="<html>maintenance</html>"),
        httpx.Response(200, json=["odd"]),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("cut"),
    ],
    ids=repr,
)
def test_when_hubspot_cannot_answer_now_it_is_asked_to_call_again_and_nothing_is_accepted(
    portal, action, hubspot, answer
):
    hubspot.answer = answer
    assert run(portal, action).status_code == 503
    assert not Message.objects.exists()

    hubspot.answer = None
    Pace.objects.update(paused_until=None)  # until then nobody is asked
    assert code(run(portal, action)) == ""
    assert Message.objects.get().body == "Hi Ada"


@pytest.mark.parametrize(
    ("version", "path"),
    [("legacy", "/crm/v3/objects/contacts/4242"), ("2026-03", "/crm/objects/2026-03/contacts/4242")],
)
def test_both_path_families_are_spoken(portal, action, hubspot, settings, version, path):
    settings.HUBSPOT_API_VERSION = version
    run(portal, action)
    assert hubspot.reads[0].url.path.removeprefix("/hubspot") == path


@pytest.mark.parametrize("status", [400, 409, 414])
def test_what_hubspot_refuses_for_good_is_not_asked_for_again(portal, action, hubspot, status):
    hubspot.answer = httpx.Response(status, json={"message": "Property values were not valid"})
    fields = run(portal, action).json()["outputFields"]
    assert fields["errorCode"] == "PROVIDER_REJECTED"
    assert (
        f"HubSpot refused the message: Property values were not valid (HTTP {status})"
        in fields["errorMessage"]
    )


@pytest.mark.parametrize("status", [423, 429, 477, 500])
def test_what_passes_by_itself_is_asked_for_again(portal, action, hubspot, status):
    hubspot.answer = httpx.Response(status)
    assert run(portal, action).status_code == 503
    assert not Message.objects.exists()


@pytest.mark.parametrize(("status", "state"), [(401, "rejected"), (403, "untested"), (400, "untested")])
def test_a_refused_token_shows_on_the_connection(portal, action, hubspot, status, state):
    hubspot.answer = httpx.Response(status, json={})
    run(portal, action)
    portal.connection.refresh_from_db()
    assert portal.connection.state == state


# Of a record that has no phone of its own, and of properties named by their label


DEAL = {"objectId": 200000, "objectType": "0-3", "properties": {"dealname": "Big one"}}


@pytest.fixture
def deal(monkeypatch):
    """The sandbox's HubSpot, where the deal's only contact is Ada."""
    standin = stand_in(monkeypatch)
    contact, found = standin.state.records["contacts"]["4242"], standin.state.records["deals"]["200000"]
    contact.properties |= {"firstname": "Ada", "mobilephone": "+12025550123"}
    found.associations["contacts"] = {}
    associate(standin.state.records, "deals", "200000", "contacts", "4242", 3)
    return standin


def of_a_deal(portal, line, message, recipient="Contact.MobilePhone"):
    return make_action(
        portal.workspace,
        sender_number=line,
        object_type="deal",
        recipient_property=recipient,
        message=message,
    )


def test_a_deals_message_goes_to_its_contact_read_at_that_moment_in_two_requests(portal, line, deal):
    action = of_a_deal(portal, line, "Hi {{Contact.FirstName}}, about {{Deal.dealname}}: {{amount}}")
    deal.state.records["deals"]["200000"].properties["amount"] = "350"

    assert code(run(portal, action, record=DEAL)) == ""

    message = Message.objects.get()
    assert (message.recipient, message.body) == ("+12025550123", "Hi Ada, about Big one: 350")
    reads = [call.url for call in deal.calls if "/objects/" in call.url.path]
    assert [(url.path.rpartition("/")[2], dict(url.params)) for url in reads] == [
        ("200000", {"properties": "amount", "associations": "contacts"}),
        ("4242", {"properties": "firstname,mobilephone"}),
    ]


def test_a_repeat_for_a_deal_reads_nothing(portal, line, deal):
    action = of_a_deal(portal, line, "Hi {{Contact.FirstName}}")
    first, asked = run(portal, action, record=DEAL).json(), len(deal.calls)
    deal.fail(httpx.Response(502))

    assert run(portal, action, record=DEAL).json() == first
    assert len(deal.calls) == asked


def test_a_deal_without_a_contact_has_no_recipient(portal, line, deal):
    action = of_a_deal(portal, line, "Hello")
    deal.state.records["deals"]["200000"].associations["contacts"] = {}

    assert code(run(portal, action, record=DEAL)) == "RECIPIENT_MISSING"


@pytest.mark.parametrize(
    ("token", "expected"),
    [("{{Contact.firstname|default('there')}}", ""), ("{{Contact.firstname}}", "TOKEN_UNRESOLVED")],
)
def test_a_contact_without_a_value_leaves_the_token_its_fallback(portal, line, deal, token, expected):
    action = of_a_deal(portal, line, f"Hi {token}")
    deal.state.records["contacts"]["4242"].properties["firstname"] = None

    assert code(run(portal, action, record=DEAL)) == expected


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("label", ["Mobile phone number", "MobilePhoneNumber", "Mobiltelefonnummer"])
def test_a_property_may_be_named_by_its_label_in_either_language(portal, line, deal, label, language):
    portal.workspace.language = language
    portal.workspace.save()
    action = of_a_deal(portal, line, f"Your number is {{{{Contact.{label}}}}}", f"Contact.{label}")

    assert code(run(portal, action, record=DEAL)) == ""
    assert Message.objects.get().body == "Your number is +12025550123"


@pytest.mark.parametrize(
    "to", ["/objects/deals", "/objects/contacts", "/properties/deals", "/properties/contacts"]
)
def test_when_any_part_of_it_cannot_be_read_now_nothing_is_accepted(portal, line, deal, to):
    action = of_a_deal(portal, line, "{{Contact.FirstName}} {{amount}}")
    deal.fail(httpx.Response(502), to=to)
    assert run(portal, action, record=DEAL).status_code == 503
    assert not Message.objects.exists()

    deal.fail(None)
    assert code(run(portal, action, record=DEAL)) == ""


@pytest.mark.parametrize("to", ["/objects/deals", "/objects/contacts"])
def test_a_permission_that_is_missing_for_any_part_refuses_the_message(portal, line, deal, to):
    action = of_a_deal(portal, line, "{{Contact.FirstName}}")
    deal.fail(httpx.Response(403, json=NO_SCOPE), to=to)

    assert code(run(portal, action, record=DEAL)) == "SCOPE_MISSING"


def test_sends_go_on_with_an_old_list_of_properties(portal, line, deal):
    action = of_a_deal(portal, line, "{{Contact.FirstName}}")
    run(portal, action, record=DEAL)
    for kept in PropertyList.objects.all():
        kept.tried_at = kept.read_at = kept.read_at.replace(year=2020)
        kept.save()
    cache.forget()
    deal.fail(httpx.Response(502), to="/properties/")

    assert code(run(portal, action, record=DEAL, callbackId="ap-2")) == ""


def test_a_users_message_has_no_contact_to_go_to(portal, line, deal):
    action = of_a_deal(portal, line, "Hello {{hs_given_name}}")
    user = {"objectId": 456001, "objectType": "USER"}

    assert code(run(portal, action, record=user)) == "RECIPIENT_MISSING"
    assert "associations" not in deal.calls[-1].url.params


# Every record type


ASSOCIATED = ["companies", "deals", "tickets", "quotes", "orders", "carts", "invoices", "leads"]


@pytest.mark.parametrize("spelling", ["name", "type_id"])
@pytest.mark.parametrize("path", ASSOCIATED)
def test_a_record_of_every_type_is_texted_by_its_contact_with_its_own_properties(
    portal, line, deal, path, spelling
):
    kind, records = OBJECT_TYPES[path], deal.state.records
    name = {"companies": "name", "deals": "dealname", "tickets": "subject", "quotes": "hs_title"}.get(path) or {
        "orders": "hs_order_name", "carts": "hs_cart_name", "invoices": "hs_number", "leads": "hs_lead_name"
    }[path]  # fmt: skip
    record = next(iter(records[path].values()))
    record.properties[name], record.associations["contacts"] = "No 7", {}
    associate(records, path, record.id, "contacts", "4242", ASSOCIATION_TYPES[path, "contacts"][0])
    action = make_action(
        portal.workspace,
        sender_number=line,
        object_type=kind.name.lower(),
        recipient_property="Contact.mobilephone",
        message=f"{{{{Contact.firstname}}}}: {{{{{name}}}}}",
    )

    asked = {"objectId": int(record.id), "objectType": getattr(kind, spelling)}
    assert code(run(portal, action, record=asked)) == ""

    message = Message.objects.get()
    assert (message.object_type, message.object_id) == (kind.name.lower(), record.id)
    assert (message.recipient, message.body) == ("+12025550123", "Ada: No 7")
    assert sum("/objects/" in call.url.path for call in deal.calls) == 2


@pytest.mark.parametrize(("path", "phone"), [("contacts", "mobilephone"), ("users", "hs_additional_phone")])
def test_a_person_is_texted_by_their_own_number(portal, line, deal, path, phone):
    record = next(iter(deal.state.records[path].values()))
    record.properties[phone] = "+12025550123"
    action = make_action(
        portal.workspace,
        sender_number=line,
        object_type=OBJECT_TYPES[path].name.lower(),
        recipient_property=phone,
        message="Hello",
    )
    asked = {"objectId": int(record.id), "objectType": OBJECT_TYPES[path].name}
    assert code(run(portal, action, record=asked)) == ""
    assert sum("/objects/" in call.url.path for call in deal.calls) == 1
