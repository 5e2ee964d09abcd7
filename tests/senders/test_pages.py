"""The pages of the sender IDs: names, their approvals by country, and what each country takes."""

import html
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import Status
from smsadmin.directory.models import Number, SenderKind
from smsadmin.flows.models import Flow, FlowVersion
from smsadmin.senders import names, rules
from smsadmin.senders.models import Approval, CountryRule, SenderName
from smsadmin.workspaces.models import Connection, Role
from tests.factories import (
    make_connection,
    make_member,
    make_message,
    make_sender_name,
    make_workspace,
)

LIST = "sender-ids"


def words(response) -> str:
    text = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(text).split())


def post_name(signed_in, account, name="ACME", **over):
    return signed_in.post(
        reverse("sender-id-new"), {"connection": account.pk, "name": name, **over}, follow=True
    )


def test_a_name_that_is_requested_is_a_row_of_the_directory_that_no_list_of_numbers_offers(
    signed_in, account
):
    shown = words(post_name(signed_in, account, purpose="Follow-ups", countries=["FR", "SG"]))
    assert "“ACME” is entered. Ask Callr for it now." in shown
    number = Number.objects.get(kind=SenderKind.NAME)
    assert (number.e164, number.provider_id, number.connected, number.sms_capable) == (
        "ACME",
        "name:ACME",
        True,
        True,
    )
    assert number.connection == account
    assert not number.is_eligible
    states = Approval.objects.values_list("country", "state")
    assert list(states) == [("FR", "requested"), ("SG", "requested")]
    assert ">ACME<" not in signed_in.get(reverse("directory")).content.decode()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "Give the name that recipients are to see."),
        ("ACME Germany", "“ACME Germany” has 12 characters, and 11 are the most."),
        ("12345", "“12345” has no letter: it would look like a number."),
        (
            "Café",
            "“Café” has other characters than letters from A to Z, digits, spaces, dashes and underscores.",
        ),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_what_is_wrong(signed_in, account, name, says):
    response = post_name(signed_in, account, name)
    assert response.status_code == 422
    assert says in words(response)
    assert not SenderName.objects.exists()


def test_a_name_that_not_all_countries_take_is_entered_with_a_warning(signed_in, account):
    assert "may change “ACME-24”" in words(post_name(signed_in, account, "ACME-24"))


def test_a_name_is_taken_in_whichever_case_but_not_for_another_account(signed_in, account):
    post_name(signed_in, account, "ACME")
    again = post_name(signed_in, account, "Acme")
    assert again.status_code == 422
    assert "“Acme” is a sender name of this account already." in words(again)
    other = make_connection(account.workspace, Connection.Kind.CALLR)
    assert post_name(signed_in, other, "Acme").status_code == 200


def test_a_name_is_not_asked_for_where_there_are_none(signed_in, account):
    response = post_name(signed_in, account, countries=["US"])
    assert response.status_code == 422
    assert "United States: no sender names there." in words(response)


def test_accounts_that_send_from_numbers_alone_are_not_offered(signed_in, account):
    aircall = make_connection(account.workspace)
    theirs = make_connection(make_workspace(), Connection.Kind.CALLR)
    for other in (aircall, theirs):
        assert post_name(signed_in, other).status_code == 422
    assert not SenderName.objects.exists()


def test_without_such_an_account_the_list_leads_to_the_connections(signed_in):
    shown = signed_in.get(reverse(LIST)).content.decode()
    assert "Connect a Callr or Twilio account first." in shown
    assert reverse("connections") in shown


def test_an_approval_is_set_with_its_documents_and_dates(signed_in, account):
    sender = make_sender_name(account, SG="requested")
    given = {"country": "SG", "state": "approved", "documents": "Letter of authorisation", "note": "No. 4711"}
    signed_in.post(reverse("sender-id", args=[sender.pk]), given)
    found = sender.approvals.get()
    assert (found.state, found.documents, found.note) == ("approved", "Letter of authorisation", "No. 4711")
    assert found.requested_at < found.decided_at
    assert rules.of(account.workspace_id).approval(sender.number_id, "SG") == "approved"
    signed_in.post(reverse("sender-id", args=[sender.pk]), {"country": "SG", "state": "requested"})
    assert sender.approvals.get().decided_at is None
    change = signed_in.get(reverse("sender-id", args=[sender.pk]), {"country": "SG"}).content.decode()
    assert '<option value="SG" selected>' in change


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"country": "", "state": "approved"}, "This field is required."),
        ({"country": "XX", "state": "approved"}, "Select a valid choice."),
        ({"country": "US", "state": "approved"}, "United States: no sender names there."),
    ],
)
def test_an_approval_that_cannot_be_is_refused(signed_in, account, given, says):
    sender = make_sender_name(account)
    response = signed_in.post(reverse("sender-id", args=[sender.pk]), given)
    assert response.status_code == 422
    assert says in words(response)
    assert not sender.approvals.exists()


def make_flow(workspace, name, source):
    flow = Flow.objects.create(workspace=workspace, name=name)
    flow.current = FlowVersion.objects.create(flow=flow, number=1, source=source)
    flow.save()
    return flow


def test_withdrawing_says_what_stops_and_what_goes_out_all_the_same(signed_in, account):
    sender = make_sender_name(account, FR="approved")
    make_flow(account.workspace, "Missed call", 'from: "Acme"')
    make_flow(account.workspace, "Other", "from: Globex")
    make_flow(make_workspace(), "Theirs", "from: ACME")
    make_message(account.workspace, number=sender.number, status=Status.QUEUED)
    make_message(account.workspace, number=sender.number)
    address = reverse("sender-id-withdraw", args=[sender.pk])
    shown = words(signed_in.get(address))
    assert "Missed call" in shown
    assert "Other" not in shown
    assert "Theirs" not in shown
    assert "1 message under this name was accepted and waits to be sent" in shown
    assert not Number.objects.get(pk=sender.number_id).gone_at
    told = words(signed_in.post(address, follow=True))
    assert (
        "no further message is accepted under it. 1 message that was accepted before still goes out." in told
    )
    assert Number.objects.get(pk=sender.number_id).gone_at
    assert "Withdrawn" in words(signed_in.get(reverse(LIST)))
    assert signed_in.get(address).status_code == 302


def test_of_a_withdrawn_name_under_which_nothing_waits_the_notice_says_no_more(signed_in, account):
    sender = make_sender_name(account)
    make_message(account.workspace, number=sender.number)
    told = words(signed_in.post(reverse("sender-id-withdraw", args=[sender.pk]), follow=True))
    assert "“ACME” is withdrawn: no further message is accepted under it." in told
    assert "accepted before" not in told


def test_a_withdrawn_name_is_taken_up_again_with_its_approvals(signed_in, account):
    sender = make_sender_name(account, FR="approved")
    names.withdraw(sender, timezone.now())
    post_name(signed_in, account, "Acme")
    number = Number.objects.get(kind=SenderKind.NAME)
    assert (number.pk, number.e164, number.gone_at) == (sender.number_id, "Acme", None)
    assert sender.approvals.get().state == "approved"


def test_the_list_asks_as_few_questions_for_many_names_as_for_few(
    signed_in, account, django_assert_max_num_queries
):
    make_sender_name(account, "ACME", FR="approved", SG="requested")
    signed_in.get(reverse(LIST))
    with django_assert_max_num_queries(12) as few:
        signed_in.get(reverse(LIST))
    asked = len(few)
    for n in range(5):
        make_sender_name(account, f"Brand {n}", FR="approved")
    signed_in.get(reverse(LIST))  # what the process forgot meanwhile
    with django_assert_max_num_queries(asked):
        signed_in.get(reverse(LIST))


def test_the_table_has_every_country_with_a_rule_and_who_says_so(signed_in, account):
    CountryRule.objects.create(
        workspace=account.workspace, country="DE", names="allowed", gsm_only=True, note="T-Mobile"
    )
    cache.forget()
    shown = words(signed_in.get(reverse("sender-id-countries")))
    for expected in ("United States US No sender names", "Singapore SG Only approved", "“-AD”", "AWS help"):
        assert expected in shown
    assert "Germany DE Sender names are allowed GSM-7 only T-Mobile Yours" in shown


def test_a_rule_of_ours_replaces_the_shipped_one_and_gives_way_again(signed_in, account):
    address = reverse("sender-id-country", args=["SG"])
    signed_in.post(address, {"names": "allowed", "note": "Callr, May"})
    assert rules.of(account.workspace_id).rule("SG") == rules.Rule(
        "SG", "allowed", note="Callr, May", is_ours=True
    )
    assert "Go back to the shipped rule" in words(signed_in.get(address))
    signed_in.post(reverse("sender-id-country-back", args=["SG"]))
    assert rules.of(account.workspace_id).rule("SG") == rules.SHIPPED["SG"]


def test_any_other_country_can_be_chosen_and_nothing_else(signed_in):
    chosen = signed_in.get(reverse("sender-id-countries"), {"country": "DE"})
    assert chosen["Location"] == reverse("sender-id-country", args=["DE"])
    assert signed_in.get(reverse("sender-id-country", args=["XX"])).status_code == 404
    assert signed_in.get(reverse("sender-id-countries"), {"country": "../"}).status_code == 404


def test_a_viewer_reads_and_changes_nothing(client, workspace, account):
    sender = make_sender_name(account)
    client.force_login(make_member(workspace, Role.VIEWER).user)
    for name, arguments in ((LIST, ()), ("sender-id", (sender.pk,)), ("sender-id-countries", ())):
        assert client.get(reverse(name, args=arguments)).status_code == 200
    changes = (
        ("sender-id-new", ()),
        ("sender-id", (sender.pk,)),
        ("sender-id-withdraw", (sender.pk,)),
        ("sender-id-country", ("SG",)),
        ("sender-id-country-back", ("SG",)),
    )
    for name, arguments in changes:
        assert client.post(reverse(name, args=arguments), {}).status_code == 403


def test_names_of_another_workspace_are_not_there(signed_in, account):
    theirs = make_sender_name(make_connection(make_workspace(), Connection.Kind.CALLR), "GLOBEX")
    assert "GLOBEX" not in words(signed_in.get(reverse(LIST)))
    for name in ("sender-id", "sender-id-withdraw"):
        assert signed_in.get(reverse(name, args=[theirs.pk])).status_code == 404


def test_an_account_with_names_but_no_messages_can_be_disconnected(account):
    make_sender_name(account, FR="approved")
    account.delete()
    assert not SenderName.objects.exists()
