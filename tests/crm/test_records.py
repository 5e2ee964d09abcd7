"""Records of the CRM: found for a person, read for a send with their contact, sampled for an editor."""

import json

import httpx
import pytest

from smsadmin import cache
from smsadmin.core.message import ActionConfig, Record
from smsadmin.crm import records, standard
from smsadmin.crm.records import Unreadable, examples, read, sample, search
from smsadmin.sandbox.crm import associate
from smsadmin.sandbox.seeds import NAMED_BY
from smsadmin.workspaces.models import Connection
from tests.crm.standin import NOW
from tests.factories import make_connection, make_workspace

ADA, DEAL = "4242", "200000"
PATHS = {"company": "companies"} | {kind: f"{kind}s" for kind in standard.PROPERTIES if kind != "company"}


def config(message="Hi", recipient="", sender="", send_as=""):
    return ActionConfig(
        sender_kind="property",
        recipient_property=recipient,
        sender_property=sender,
        send_as_property=send_as,
        message=message,
    )


@pytest.fixture(autouse=True)
def _portal(portal):
    return portal


@pytest.fixture
def ada(hubspot):
    found = hubspot.state.records["contacts"][ADA]
    found.properties |= {"firstname": "Ada", "lastname": "Lovelace", "phone": "+12025550150", "city": None}
    return found


@pytest.fixture
def deal(hubspot, ada):
    """A deal whose only contact is Ada."""
    found = hubspot.state.records["deals"][DEAL]
    found.associations["contacts"] = {}
    associate(hubspot.state.records, "deals", DEAL, "contacts", ADA, 3)
    return found


def titles(found):
    return [each.title for each in found]


# search


@pytest.mark.parametrize("text", [ADA, "ada love", "Lovelace, Ada", "contact1@example.com"])
def test_a_contact_is_found_by_id_name_and_email(workspace, hubspot, ada, text):
    first = search(workspace, "contact", text)[0]

    assert (first.object_type, first.object_id, first.title) == ("contact", ADA, "Ada Lovelace")
    assert first.detail.startswith("contact1@example.com · +1 202-555-0150")


@pytest.mark.parametrize("spelt", ["+12025550150", "(202) 555-0150", "001 202 555 0150", "+1 202.555.0150"])
@pytest.mark.parametrize("kept", ["+12025550150", "(202) 555-0150", "+1 202 555 0150"])
def test_a_contact_is_found_by_phone_in_any_spelling_of_either(workspace, hubspot, ada, spelt, kept):
    ada.properties |= {"phone": kept, "hs_searchable_calculated_phone_number": "2025550150"}

    assert ADA in [each.object_id for each in search(workspace, "contact", spelt)]


def test_the_same_national_digits_in_another_country_are_no_match(workspace, hubspot, ada):
    ada.properties |= {"phone": "+492025550150", "mobilephone": None}
    ada.properties["hs_searchable_calculated_phone_number"] = "2025550150"

    assert ADA not in [each.object_id for each in search(workspace, "contact", "+12025550150")]


@pytest.mark.parametrize(
    "object_type", [kind for kind in standard.PROPERTIES if kind not in ("contact", "user")]
)
def test_every_type_is_found_by_its_name_and_by_its_id(workspace, hubspot, object_type):
    path = PATHS[object_type]
    record = next(iter(hubspot.state.records[path].values()))
    name = record.properties[NAMED_BY[path]]

    assert record.id in [each.object_id for each in search(workspace, object_type, name, limit=50)]
    assert titles(search(workspace, object_type, record.id))[0] == name


@pytest.mark.parametrize("text", ["Mia Hoffmann", "mia@example.com"])
def test_a_user_is_found_by_name_and_email(workspace, hubspot, text):
    assert titles(search(workspace, "user", text)) == ["Mia Hoffmann"]


def test_the_record_with_the_id_comes_first_and_once(workspace, hubspot, ada):
    other = hubspot.state.records["contacts"]["4243"]
    other.properties |= {"phone": "+1202554242", "hs_searchable_calculated_phone_number": "202554242"}
    ada.properties |= {"firstname": ADA}

    found = [each.object_id for each in search(workspace, "contact", ADA)]
    assert found[0] == ADA
    assert len(found) == len(set(found))


def test_as_many_as_asked_for_those_changed_last_first(workspace, hubspot):
    for position, record in enumerate(hubspot.state.records["deals"].values()):
        record.properties["dealname"], record.updated_at = f"Same {position}", 1_700_000_000.0 + position

    assert titles(search(workspace, "deal", "same", limit=3)) == ["Same 59", "Same 58", "Same 57"]


def test_what_is_no_text_finds_nothing(workspace, hubspot):
    assert search(workspace, "contact", "  ") == []
    assert "/objects/contacts/search" not in hubspot.paths


def test_searching_takes_one_request_and_one_more_for_an_id(workspace, hubspot, ada):
    search(workspace, "contact", "Ada")
    assert hubspot.paths == ["/properties/contacts", "/objects/contacts/search"]
    search(workspace, "contact", "4242")
    assert hubspot.paths[2:] == ["/objects/contacts/4242", "/objects/contacts/search"]


MISSING = {
    "category": "MISSING_SCOPES",
    "errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}],
}
FAILURES = [
    (httpx.Response(401), "HubSpot no longer accepts the access token of this portal"),
    (httpx.Response(403, json=MISSING), "The connection lacks the permission crm.objects.deals.read."),
    (httpx.Response(429), "HubSpot asked to slow down"),
    (httpx.Response(502), "HubSpot did not answer usably: HTTP 502."),
    (httpx.ConnectError("refused"), "the connection was refused or the host is unknown"),
]


@pytest.mark.parametrize(("answer", "words"), FAILURES, ids=repr)
@pytest.mark.parametrize(
    "reading",
    [
        lambda workspace: search(workspace, "deal", "Acme"),
        lambda workspace: read(workspace, "deal", DEAL, config("{{dealname}}")),
    ],
    ids=["search", "read"],
)
@pytest.mark.parametrize("to", ["", "/objects/"], ids=["everything", "records"])
def test_what_prevents_the_reading_is_said_in_words(workspace, hubspot, reading, answer, words, to):
    hubspot.fail(answer, to=to)
    with pytest.raises(Unreadable, match=words):
        reading(workspace)


def test_a_refused_token_shows_on_the_connection(workspace, hubspot, portal):
    hubspot.fail(httpx.Response(401))
    with pytest.raises(Unreadable):
        search(workspace, "deal", "Acme")
    portal.refresh_from_db()
    assert portal.state == "rejected"


def test_without_a_portal_or_without_its_token_nothing_is_read(workspace, hubspot, portal):
    portal.secrets = {"client_secret": "x"}
    portal.save()
    with pytest.raises(Unreadable, match="Portal has no access token"):
        search(workspace, "deal", "Acme")
    Connection.objects.all().delete()
    with pytest.raises(Unreadable, match="No HubSpot portal is connected"):
        read(workspace, "deal", DEAL, config())
    assert hubspot.calls == []


def test_another_workspaces_portal_is_never_read(hubspot):
    with pytest.raises(Unreadable):
        search(make_workspace(), "deal", "Acme")


# read


def test_a_record_is_read_with_what_the_configuration_names_and_no_more(workspace, hubspot, ada):
    named = config("Hi {{Contact.FirstName}} {{city}}", "Contact.phone", "sms_sender_number", "Contact.email")

    found = read(workspace, "contact", ADA, named)

    assert (found.object_type, found.object_id, found.related) == ("contact", ADA, {})
    assert found.properties == {
        "firstname": "Ada",
        "city": None,
        "phone": "+12025550150",
        "sms_sender_number": ada.properties["sms_sender_number"],
        "email": "contact1@example.com",
    }
    assert hubspot.paths == ["/properties/contacts", f"/objects/contacts/{ADA}"]


def test_a_deal_is_read_with_its_contact_in_two_requests(workspace, hubspot, deal):
    found = read(workspace, "deal", DEAL, config("{{Deal.DealName}} {{Contact.firstname}}", "Contact.phone"))

    assert found.properties == {"dealname": deal.properties["dealname"]}
    assert found.related == {"contact": {"firstname": "Ada", "phone": "+12025550150"}}
    reads = [call for call in hubspot.calls if "/objects/" in call.url.path]
    assert [dict(call.url.params) for call in reads] == [
        {"properties": "dealname", "associations": "contacts"},
        {"properties": "firstname,phone"},
    ]


def test_no_contact_is_asked_for_where_none_is_named(workspace, hubspot, deal):
    read(workspace, "deal", DEAL, config("{{dealname}}"))

    assert "associations" not in hubspot.calls[-1].url.params
    assert "/properties/contacts" not in hubspot.paths


@pytest.mark.parametrize(
    "object_type", [kind for kind in standard.PROPERTIES if kind not in ("contact", "user")]
)
def test_every_type_that_has_contacts_is_read_with_one(workspace, hubspot, object_type):
    record_id, record = next(iter(hubspot.state.records[PATHS[object_type]].items()))
    first = min(record.associations["contacts"], key=int)

    found = read(workspace, object_type, record_id, config("{{Contact.email}}"))

    email = hubspot.state.records["contacts"][first].properties["email"]
    assert found.related == {"contact": {"email": email}}


def test_a_user_has_no_contact(workspace, hubspot):
    user = next(iter(hubspot.state.records["users"]))
    found = read(workspace, "user", user, config("{{Contact.email}} {{hs_email}}"))

    assert (dict(found.properties), found.related) == ({"hs_email": "mia@example.com"}, {})


@pytest.mark.parametrize(
    ("kind", "record_id", "plain", "primary"),
    [("leads", "400000", 608, 578), ("companies", "100000", 280, 2)],
)
def test_of_several_contacts_the_primary_one_is_taken_else_the_lowest_id(
    workspace, hubspot, kind, record_id, plain, primary
):
    object_type = {"leads": "lead", "companies": "company"}[kind]
    everything = hubspot.state.records
    everything[kind][record_id].associations["contacts"] = {}

    def email():
        found = read(workspace, object_type, record_id, config("{{Contact.email}}"))
        return found.related["contact"]["email"]

    for contact in ("4300", "4250", "4260"):
        associate(everything, kind, record_id, "contacts", contact, plain)
    assert email() == everything["contacts"]["4250"].properties["email"]
    associate(everything, kind, record_id, "contacts", "4300", primary)
    assert email() == everything["contacts"]["4300"].properties["email"]


@pytest.mark.parametrize("gone", [False, True])
def test_without_a_contact_its_properties_are_empty_so_that_fallbacks_count(workspace, hubspot, deal, gone):
    if gone:
        hubspot.state.records["contacts"][ADA].archived = True
    else:
        deal.associations["contacts"] = {}
    found = read(workspace, "deal", DEAL, config("{{Contact.firstname}} {{Contact.shoesize}}"))

    assert found.related == {"contact": {"firstname": None}}


@pytest.mark.parametrize(("language", "label"), [("en", "Mobile phone number"), ("de", "Mobiltelefonnummer")])
@pytest.mark.parametrize("workspace_language", ["en", "de"])
def test_a_property_named_by_its_label_is_found_under_both_names_in_either_language(
    workspace, hubspot, deal, ada, language, label, workspace_language
):
    workspace.language = workspace_language
    workspace.save()
    found = read(workspace, "deal", DEAL, config(f"{{{{Contact.{label}}}}}"))

    number = ada.properties["mobilephone"]
    assert found.related["contact"] == {"mobilephone": number, label: number}


def test_a_property_that_does_not_exist_is_not_asked_for(workspace, hubspot, ada):
    found = read(workspace, "contact", ADA, config("{{shoe_size}} {{firstname}}"))

    assert dict(found.properties) == {"firstname": "Ada"}
    assert hubspot.calls[-1].url.params["properties"] == "firstname"


def test_hidden_properties_can_be_named(workspace, hubspot, ada):
    found = read(workspace, "contact", ADA, config("{{hs_searchable_calculated_phone_number}}"))

    assert list(found.properties) == ["hs_searchable_calculated_phone_number"]


def test_a_record_that_does_not_exist_is_said_so(workspace, hubspot):
    with pytest.raises(Unreadable, match=r"no such record \(ID 1\)"):
        read(workspace, "deal", "1", config("{{dealname}}"))


@pytest.mark.parametrize("message", ["{{unclosed", "{{Company.name}}", "plain"])
def test_what_cannot_be_read_for_this_type_is_left_to_the_send_to_refuse(workspace, hubspot, message):
    assert read(workspace, "deal", DEAL, config(message)) == Record("deal", DEAL)
    assert hubspot.calls == []


# sample


def test_a_sample_holds_the_records_changed_last_with_every_visible_property(workspace, hubspot, ada):
    ada.updated_at = NOW
    found = sample(workspace, "contact", config("{{Mobile phone number}}"))

    assert len(found) == 50
    assert found[0].object_id == ADA
    assert found[0].properties["city"] is None
    assert found[0].properties["Mobile phone number"] == ada.properties["mobilephone"]
    assert "hs_searchable_calculated_phone_number" not in found[0].properties
    named = sample(workspace, "contact", config("{{hs_searchable_calculated_phone_number}}"))
    assert named[0].properties["hs_searchable_calculated_phone_number"]


def test_a_sample_of_deals_comes_with_their_contacts_in_four_requests(workspace, hubspot, deal):
    deal.updated_at = NOW
    lonely = hubspot.state.records["deals"]["200001"]
    lonely.updated_at, lonely.associations["contacts"] = NOW - 1, {}

    first, second, *_ = sample(workspace, "deal", config())

    assert first.related["contact"]["phone"] == "+12025550150"
    assert set(second.related["contact"].values()) == {None}
    assert [path for path in hubspot.paths if "properties" not in path] == [
        "/objects/deals/search",
        "/objects/deals/batch/read",
        "/associations/deals/contacts/batch/read",
        "/objects/contacts/batch/read",
    ]


def test_a_sample_takes_the_same_contact_as_a_send(workspace, hubspot):
    lead = next(iter(hubspot.state.records["leads"]))
    hubspot.state.records["leads"][lead].associations["contacts"] = {"4250": {608}, "4300": {608, 578}}

    sampled = {each.object_id: each for each in sample(workspace, "lead", config())}[lead]
    sent = read(workspace, "lead", lead, config("{{Contact.email}}"))

    assert sampled.related["contact"]["email"] == sent.related["contact"]["email"] == "contact59@example.com"


@pytest.mark.parametrize("version", ["legacy", "2026-03"])
@pytest.mark.parametrize("object_type", standard.PROPERTIES)
def test_every_type_can_be_sampled_in_both_path_families(workspace, hubspot, settings, object_type, version):
    settings.HUBSPOT_API_VERSION = version

    found = sample(workspace, object_type, config())

    assert found
    assert [bool(each.related) for each in found] == [object_type not in ("contact", "user")] * len(found)


def test_a_search_for_a_sample_stays_small(workspace, hubspot):
    sample(workspace, "contact", config())

    (asked,) = [json.loads(call.content) for call in hubspot.calls if call.url.path.endswith("/search")]
    assert asked["properties"] == ["hs_object_id"]


def test_a_sample_is_kept_for_ten_minutes_whatever_the_text_and_never_in_the_database(
    workspace, hubspot, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: now[0])
    sample(workspace, "contact", config())
    asked = len(hubspot.calls)
    for seconds in (0, 61, 599):
        now[0] = 1000.0 + seconds
        sample(workspace, "contact", config(f"Hello {seconds} {{{{firstname}}}}"))
    assert len(hubspot.calls) == asked

    now[0] = 1000.0 + 661
    sample(workspace, "contact", config())
    assert len(hubspot.calls) == asked + 2


@pytest.mark.parametrize("to", ["", "/search", "/objects/deals/batch", "/associations/", "/objects/contacts"])
@pytest.mark.parametrize("answer", [httpx.Response(403, json=MISSING), httpx.ReadTimeout("slow")], ids=repr)
def test_whatever_fails_there_is_no_sample_and_no_second_attempt_within_a_minute(
    workspace, hubspot, monkeypatch, answer, to
):
    now = [1000.0]
    monkeypatch.setattr(cache.time, "monotonic", lambda: now[0])
    hubspot.fail(answer, to=to)
    assert sample(workspace, "deal", config()) == []
    asked = len(hubspot.calls)
    assert sample(workspace, "deal", config("other")) == []
    assert len(hubspot.calls) == asked

    if to:  # without even the lists of properties, those rest for a minute by the clock on the wall
        hubspot.fail(None)
        now[0] += 61
        assert sample(workspace, "deal", config())


def test_without_a_portal_or_records_there_is_no_sample(workspace, hubspot):
    assert sample(make_workspace(), "contact", config()) == []
    hubspot.state.records["carts"].clear()
    assert sample(workspace, "cart", config()) == []


def test_two_portals_never_share_a_sample(workspace, hubspot, ada):
    sample(workspace, "contact", config())
    other = make_workspace()
    make_connection(other, "hubspot", external_id="2")

    sample(other, "contact", config())

    assert hubspot.paths.count("/objects/contacts/search") == 2


# examples


def test_an_example_is_the_first_value_there_is():
    found = [
        Record("deal", "1", {"dealname": None, "amount": "5"}, {"contact": {"firstname": None}}),
        Record("deal", "2", {"dealname": "Big", "amount": "9"}, {"contact": {"firstname": "Ada"}}),
        Record("deal", "3", {"dealname": "Small"}),
    ]

    assert examples(found, "deal") == {"amount": "5", "dealname": "Big"}
    assert examples(found, "contact") == {"firstname": "Ada"}
    assert examples([], "deal") == {}


# what a send lacks


@pytest.mark.parametrize(
    ("payload", "reads"),
    [
        ({"mobilephone": "+12025550155"}, []),  # told under its internal name: nothing to read
        ({"phone": "+12025550155"}, [f"/objects/contacts/{ADA}"]),
    ],
)
def test_a_label_that_the_payload_answers_is_not_read(hubspot, portal, ada, payload, reads):
    record = Record("contact", ADA, payload)
    found = records.completed(record, {("contact", "MobilePhoneNumber")}, portal)

    assert found.properties["MobilePhoneNumber"] == found.properties["mobilephone"]
    assert [path for path in hubspot.paths if "/objects/" in path] == reads


def test_a_record_that_is_gone_stays_as_it_was_told(hubspot, portal):
    record = Record("deal", "1", {"amount": "5"})

    assert records.completed(record, {("deal", "dealname"), ("contact", "phone")}, portal) == record


def test_what_the_payload_told_is_not_overwritten(hubspot, portal, deal):
    record = Record("deal", DEAL, {"dealname": "As told"})
    found = records.completed(record, {("deal", "amount"), ("contact", "phone")}, portal)

    assert found.properties["dealname"] == "As told"
    assert set(found.properties) == {"dealname", "amount"}


# many at once


def test_many_records_are_read_as_each_would_be_alone(workspace, hubspot, portal, deal):
    ids = list(hubspot.state.records["deals"])[:5]
    wanted = {
        ("deal", "DealName"),
        ("deal", "Amount"),
        ("contact", "firstname"),
        ("contact", "MobilePhoneNumber"),
    }
    alone = {each: records.completed(Record("deal", each), wanted, portal) for each in ids}
    hubspot.calls.clear()
    paced = []

    found = records.many(portal, "deal", [*ids, "1"], wanted, lambda: paced.append(1))

    assert found.keys() == set(ids)
    for each, record in found.items():
        for name, value in alone[each].properties.items():
            assert record.properties[name] == value
        for name, value in alone[each].related["contact"].items():
            assert record.related["contact"][name] == value
    assert len(paced) == len(hubspot.calls) == 3


def test_many_records_take_one_call_where_no_contact_is_named(hubspot, portal, ada):
    found = records.many(portal, "contact", {ADA}, {("contact", "firstname")}, lambda: None)
    assert found[ADA].properties["firstname"] == "Ada"
    assert [path for path in hubspot.paths if "/objects/" in path] == ["/objects/contacts/batch/read"]
