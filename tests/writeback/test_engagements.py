"""Each message that left is logged on the record it was about, once, and never at the cost of the message."""

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier
from threading import Event as Flag
from types import SimpleNamespace

import httpx
import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.utils import timezone

from smsadmin import cache
from smsadmin.core.status import SETTLED, Status
from smsadmin.incoming.models import InboundMessage
from smsadmin.incoming.signals import received
from smsadmin.providers.hubspot import engagements as wire
from smsadmin.sandbox.crm import ASSOCIATION_TYPES, associate
from smsadmin.sending import log, settle
from smsadmin.sending.models import Message
from smsadmin.sending.signals import settled
from smsadmin.workspaces.models import Connection
from smsadmin.writeback import engagements, words, writing
from smsadmin.writeback.engagements import Undone
from smsadmin.writeback.models import Engagement
from tests.factories import (
    make_action,
    make_connection,
    make_member,
    make_message,
    make_number,
    make_workspace,
)
from tests.writeback.conftest import ADA, NOW, entry, give_phone, sent, write

HOUR = timedelta(hours=1)


def test_a_sent_message_is_logged_on_the_contact_with_text_time_and_our_id(workspace, portal, timeline):
    message = sent(workspace, body="Hi <Zoë> & co\nSee you")
    assert entry(message).state == "owed"
    assert timeline.asked == []

    assert write() == 1

    found = timeline.only
    assert found.properties["hs_communication_channel_type"] == "SMS"
    assert found.properties["hs_communication_logged_from"] == "CRM"
    assert found.properties["hs_timestamp"] == str(round(message.finished_at.timestamp() * 1000))
    assert found.properties["hs_communication_body"] == (
        f"Hi &lt;Zoë&gt; &amp; co<br>See you<br>Sent from +1 202-555-0100 · {message.pk}"
    )
    assert timeline.on(found) == {"contacts": {"4242"}}
    row = entry(message)
    assert (row.state, row.communication_id, row.told) == ("done", found.id, "sent")
    assert row.written_on == [["contact", "4242"]]
    assert write() == 0


def test_the_line_below_the_text_is_in_the_portals_language(workspace, portal, timeline):
    portal.language = "de"
    portal.save()
    with pytest.MonkeyPatch.context() as patch:
        spoken = []
        body = writing.composing.body
        patch.setattr(writing.composing, "body", lambda *args: spoken.append(args[-1]) or body(*args))
        sent(workspace)
        write()
    assert spoken == ["de"]


def test_pictures_are_told_though_they_are_not_logged(workspace, portal, timeline):
    sent(workspace, body="", media=["https://files.example/1", "https://files.example/2"])
    write()
    assert timeline.bodies[0].startswith("[2 pictures or files]<br>Sent from")


# Where


RECORDS = {
    "company": ("companies", True),
    "deal": ("deals", True),
    "ticket": ("tickets", True),
    "lead": ("leads", True),
    "order": ("orders", True),
    "quote": ("quotes", False),
    "cart": ("carts", False),
    "invoice": ("invoices", False),
}


def linked(timeline, path, *contacts):
    """A record of the type that has exactly these contacts."""
    records = timeline.standin.state.records
    record = next(iter(records[path].values()))
    record.associations["contacts"] = {}
    for contact in contacts:
        associate(records, path, record.id, "contacts", contact, ASSOCIATION_TYPES[path, "contacts"][0])
    return record.id


@pytest.mark.parametrize(("kind", "path", "itself"), [(kind, *rest) for kind, rest in RECORDS.items()])
def test_the_record_and_the_contact_whose_number_was_used_have_it(
    workspace, portal, timeline, kind, path, itself
):
    record_id = linked(timeline, path, "4243", "4242")
    message = sent(workspace, object_type=kind, object_id=record_id)
    write()
    own = {path: {record_id}} if itself else {}
    assert timeline.on(timeline.only) == {**own, "contacts": {"4242"}}
    assert entry(message).state == "done"


@pytest.mark.parametrize(("kind", "path", "itself"), [(kind, *rest) for kind, rest in RECORDS.items()])
def test_where_the_number_is_none_of_its_contacts_the_record_has_it_else_its_first_contact(
    workspace, portal, timeline, kind, path, itself
):
    record_id = linked(timeline, path, "4244", "4243")
    sent(workspace, object_type=kind, object_id=record_id, recipient="+14155550777")
    write()
    assert timeline.on(timeline.only) == ({path: {record_id}} if itself else {"contacts": {"4243"}})


@pytest.mark.parametrize("kind", ["quote", "cart", "invoice", "user", "2-77"])
def test_a_record_that_cannot_have_it_and_has_no_contact_leaves_it_to_whoever_has_the_number(
    workspace, portal, timeline, kind
):
    record_id = linked(timeline, RECORDS[kind][0]) if kind in RECORDS else "456001"
    sent(workspace, object_type=kind, object_id=record_id)
    write()
    assert timeline.on(timeline.only) == {"contacts": {"4242"}}


def test_the_same_digits_in_another_country_are_somebody_else(workspace, portal, timeline):
    give_phone(timeline.record("contacts", "4242"), "+492025550150")
    message = sent(workspace, object_type="user", object_id="456001", recipient="+12025550150")
    write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "no_contact")
    assert timeline.communications == []


def test_hubspot_is_asked_how_to_log_on_a_record_type_that_nobody_documents_once_a_day(
    workspace, portal, timeline, monkeypatch
):
    monkeypatch.setitem(ASSOCIATION_TYPES, ("communications", "carts"), (999,))
    record_id = linked(timeline, "carts", "4242")
    for _ in range(2):
        sent(workspace, object_type="cart", object_id=record_id)
        write()
    assert [timeline.on(each) for each in timeline.communications] == [
        {"carts": {record_id}, "contacts": {"4242"}}
    ] * 2
    assert sum("labels" in each for each in timeline.asked) == 1


def test_a_record_that_may_not_be_read_has_it_all_the_same(workspace, portal, timeline):
    no_scope = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.read"]}}]}
    timeline.standin.fail(httpx.Response(403, json=no_scope), to="/associations/deals")
    record_id = linked(timeline, "deals", "4242")
    for _ in range(2):
        sent(workspace, object_type="deal", object_id=record_id)
        write()
    assert [timeline.on(each) for each in timeline.communications] == [{"deals": {record_id}}] * 2
    assert sum("/associations/" in each for each in timeline.asked) == 1


def test_a_contact_that_was_deleted_meanwhile_does_not_keep_it_from_the_record(workspace, portal, timeline):
    record_id = linked(timeline, "deals", "4242")
    sent(workspace, object_type="deal", object_id=record_id)
    with pytest.MonkeyPatch.context() as patch:
        contact = wire.Target("contact", "999999", 81)
        deal = wire.Target("deal", record_id, 85)
        patch.setattr(writing.targets, "of", lambda _, subjects: dict.fromkeys(subjects, (deal, contact)))
        write()
    assert timeline.on(timeline.only) == {"deals": {record_id}}


# Whose


def owner(timeline, email):
    return next(each for each in timeline.standin.state.owners if each["email"] == email)


def test_the_user_it_was_sent_as_is_its_owner_where_hubspot_knows_the_email(workspace, portal, timeline):
    known = timeline.standin.state.owners[0]
    for email in (known["email"].upper(), "nobody@example.com", ""):
        sent(workspace, send_as=email)
        write()
    owners = [each.properties.get("hubspot_owner_id") for each in timeline.communications]
    assert owners == [known["id"], None, None]


def test_an_owner_is_looked_up_once_an_hour(workspace, portal, timeline):
    for _ in range(3):
        sent(workspace, send_as="mia@example.com")
    write()
    sent(workspace, send_as="mia@example.com")
    write()
    assert sum("/owners" in each for each in timeline.asked) == 1


def test_without_the_scope_for_owners_it_is_logged_without_one(workspace, portal, timeline):
    timeline.standin.fail(httpx.Response(403, json={}), to="/owners")
    sent(workspace, send_as="mia@example.com")
    assert write() == 1


# Which


@pytest.mark.parametrize("status", sorted(SETTLED))
def test_what_left_is_logged_and_nothing_else(workspace, portal, timeline, status):
    sent(workspace, status=status)
    write()
    assert bool(timeline.communications) == (status in {"sent", "delivered", "undelivered"})


@pytest.mark.parametrize(
    "over", [{"trigger": "test"}, {"trigger": "verification"}, {"trigger": "api", "origin": {"test": True}}]
)
def test_tests_and_codes_are_nothing_for_a_record(workspace, portal, timeline, over):
    message = sent(workspace, **over)
    assert not Engagement.objects.filter(message=message).exists()


@pytest.mark.parametrize("trigger", ["hubspot-classic", "resend", "inbox"])
def test_whoever_asked_for_it_it_is_logged(workspace, portal, timeline, trigger):
    sent(workspace, trigger=trigger)
    assert write() == 1


def test_an_unknown_message_is_logged_once_somebody_found_that_it_had_gone_out(workspace, portal, timeline):
    message = sent(workspace, status=Status.UNKNOWN, error_code="PROVIDER_UNKNOWN")
    assert not Engagement.objects.exists()
    settle.decide(message, True, "", make_member(workspace).user, timezone.now())
    assert write() == 1
    assert len(timeline.communications) == 1


def test_a_message_that_named_no_portal_goes_to_the_first_by_its_number(workspace, portal, timeline):
    make_connection(workspace, "hubspot", external_id="77")
    cache.forget()
    sent(workspace, trigger="inbox", origin={}, object_type="deal", object_id="200000")
    write()
    assert timeline.on(timeline.only) == {"contacts": {"4242"}}


def test_a_message_that_fails_after_it_was_taken_down_and_before_it_is_written_is_not_logged(
    workspace, portal, timeline
):
    message = sent(workspace)
    Message.objects.filter(pk=message.pk).update(status=Status.FAILED)
    write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "not_sent")


def test_each_portal_has_its_own(workspace, portal, timeline):
    other = make_workspace()
    make_number(other)
    mine = make_connection(other, "hubspot", external_id="77")
    cache.forget()
    here = sent(workspace)
    there = sent(other, origin={"portal": "77"})
    stray = sent(other, origin={"portal": portal.external_id})
    assert (entry(here).connection, entry(there).connection) == (portal, mine)
    assert (entry(stray).state, entry(stray).reason) == ("not_logged", "portal_gone")
    assert write() == 2


# What keeps it from being logged


def test_a_portal_that_wants_none_has_none(workspace, portal, timeline):
    portal.logs_messages = False
    portal.save()
    message = sent(workspace)
    assert (entry(message).state, entry(message).reason) == ("not_logged", "off")
    assert write() == 0


def test_what_is_owed_when_it_is_switched_off_is_not_written(workspace, portal, timeline):
    message = sent(workspace)
    portal.logs_messages = False
    portal.save()
    write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "off")
    assert timeline.asked == []


def test_without_a_token_nothing_is_asked(workspace, portal, timeline):
    portal.secrets = {"client_secret": "secret"}
    portal.save()
    assert entry(sent(workspace)).reason == "no_token"
    write()
    assert timeline.asked == []


def test_without_any_portal_there_is_nothing_to_take_down(workspace, timeline):
    sent(workspace)
    assert not Engagement.objects.exists()


def test_a_portal_that_was_disconnected_has_no_more(workspace, portal, timeline):
    message = sent(workspace)
    portal.delete()
    write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "portal_gone")


def test_a_text_that_its_action_hides_never_gets_there(workspace, portal, timeline):
    action = make_action(workspace, hide_values=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log, "forget_values", lambda *_: None)  # even if it is still there
        message = sent(workspace, action=action, version=action.current)
        write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "hidden")
    assert timeline.communications == []


def test_a_text_that_is_gone_before_it_was_logged_is_not_logged(workspace, portal, timeline):
    message = sent(workspace)
    log.forget_values([message.pk], timezone.now())
    write()
    assert (entry(message).state, entry(message).reason) == ("not_logged", "text_gone")
    assert timeline.communications == []


def test_a_row_holds_no_text_and_no_number(workspace, portal, timeline):
    timeline.faults = [400, 400]
    message = sent(workspace, body="Our secret")
    write()
    kept = str(vars(entry(message)))
    assert "secret" not in kept
    assert ADA not in kept


def test_a_missing_scope_is_named_costs_no_more_calls_and_is_made_up_for_after_reauthentication(
    workspace, portal, timeline
):
    body = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}}]}
    timeline.standin.fail(httpx.Response(403, json=body), to="communications")
    messages = [sent(workspace) for _ in range(3)]
    write()
    asked = len(timeline.asked)
    write(after=HOUR)
    assert len(timeline.asked) == asked
    rows = [entry(message) for message in messages]
    assert {(row.state, row.reason, row.detail) for row in rows} == {
        ("owed", "scope", "crm.objects.contacts.write")
    }
    assert "crm.objects.contacts.write" in words.why(rows[0])

    timeline.standin.fail(None)
    portal.refresh_from_db()
    portal.scopes_refused = []
    portal.save()
    assert write(after=2 * HOUR) == 3


def test_a_refused_token_is_shown_on_the_connection_and_nothing_more_is_tried(workspace, portal, timeline):
    timeline.faults = [401]
    message = sent(workspace)
    write()
    asked = len(timeline.asked)
    sent(workspace)
    write()
    assert len(timeline.asked) == asked
    portal.refresh_from_db()
    assert portal.state == "rejected"
    assert (entry(message).state, entry(message).reason) == ("owed", "credentials")


def test_a_refused_token_is_tried_again_once_in_a_while_and_goes_on_when_it_is_accepted(
    workspace, portal, timeline
):
    timeline.standin.fail(httpx.Response(401, json={}))
    message = sent(workspace)
    write()
    asked = len(timeline.asked)
    write(after=HOUR)
    sent(workspace)
    write(after=HOUR)
    assert len(timeline.asked) == asked + 1
    assert entry(message).reason == "credentials"

    timeline.standin.fail(None)
    assert write(after=2 * HOUR) == 2
    portal.refresh_from_db()
    assert (portal.state, portal.lost_at) == ("working", None)


# One that is refused does not keep the others


def refuses(timeline, monkeypatch, response, about, path="communications"):
    """HubSpot answers so to requests of these paths that name something."""
    answer = timeline.standin

    def handle(request):
        if path in request.url.path and about in request.content.decode():
            answer.calls.append(request)
            return response
        return timeline(request)

    client = httpx.Client(transport=httpx.MockTransport(handle))
    monkeypatch.setattr(writing.client.http, "client", lambda: client)


@pytest.mark.parametrize("status", [400, 403])
def test_one_search_for_a_contact_that_is_refused_puts_off_that_entry_alone(
    workspace, portal, timeline, monkeypatch, status
):
    good = sent(workspace)
    odd = sent(workspace, object_type="user", object_id="456001", recipient="+14155550777")
    refuses(timeline, monkeypatch, httpx.Response(status, json={}), "4155550777", "/search")

    assert write() == 1
    row = entry(odd)
    assert entry(good).state == "done"
    assert (row.state, row.attempts, row.alone) == ("owed", 1, True)


def test_one_look_for_an_entry_that_is_refused_puts_off_that_entry_alone(
    workspace, portal, timeline, monkeypatch
):
    good, odd = sent(workspace), sent(workspace)
    Engagement.objects.update(unclear=True)
    Engagement.objects.filter(message=odd).update(at=NOW - HOUR)
    moment = str(round((NOW - HOUR).timestamp() * 1000))
    refuses(timeline, monkeypatch, httpx.Response(400, json={}), moment, "communications/search")

    assert write() == 1
    row = entry(odd)
    assert entry(good).state == "done"
    assert (row.state, row.attempts, row.alone) == ("owed", 1, True)


def test_a_record_that_may_not_be_written_leaves_the_entry_to_its_contact(
    workspace, portal, timeline, monkeypatch
):
    record_id = linked(timeline, "deals", "4242")
    odd = sent(workspace, object_type="deal", object_id=record_id)
    good = sent(workspace)
    no_scope = {"errors": [{"context": {"requiredGranularScopes": ["crm.objects.deals.write"]}}]}
    refuses(timeline, monkeypatch, httpx.Response(403, json=no_scope), f'"{record_id}"')

    write()
    assert entry(odd).alone
    assert write(after=HOUR) == 2
    assert (entry(good).state, entry(odd).state) == ("done", "done")
    assert entry(odd).written_on == [["contact", "4242"]]


def test_an_entry_that_may_be_written_nowhere_is_tried_again_less_and_less_often(workspace, portal, timeline):
    message = sent(workspace)
    timeline.faults = [403]
    write()
    row = entry(message)
    assert (row.state, row.reason, row.attempts, row.alone) == ("owed", "scope", 1, True)
    assert write(after=HOUR) == 1


def test_many_searches_for_contacts_renew_the_lease(workspace, portal, timeline, monkeypatch):
    monkeypatch.setattr(writing, "SEARCHES", 2)
    asked = []
    of = writing.targets.of

    def slow(connection, subjects):
        asked.append(len(subjects))
        Engagement.objects.update(next_at=NOW)  # it took long
        return of(connection, subjects)

    monkeypatch.setattr(writing.targets, "of", slow)
    renewed = []
    renew = writing._Batch._renewed
    monkeypatch.setattr(
        writing._Batch, "_renewed", lambda self, rows: renewed.append(len(rows)) or renew(self, rows)
    )
    for _ in range(5):
        sent(workspace, object_type="user", object_id="456001")
    assert write() == 5
    assert asked == [2, 2, 1]
    assert renewed[:3] == [5, 5, 5]


def test_what_hubspot_refuses_is_given_up(workspace, portal, timeline):
    timeline.faults = [400]
    message = sent(workspace)
    write()
    row = entry(message)
    assert (row.state, row.reason, row.detail) == ("failed", "refused", "HTTP 400 INJECTED")
    assert write(after=HOUR) == 0


@pytest.mark.parametrize("fault", [423, 429, 477, 500, 502, "dropped"])
def test_what_may_work_later_is_tried_again_less_and_less_often_and_given_up_after_a_week(
    workspace, portal, timeline, fault
):
    message = sent(workspace)
    timeline.faults = [fault] * 12
    now, waits = timezone.now() + HOUR, []
    for _ in range(12):
        writing.write_owed(now)
        row = entry(message)
        assert (row.state, row.reason) == ("owed", "unanswered")
        waits.append(row.next_at - now)
        now = row.next_at
    assert waits == sorted(waits)
    assert timedelta(seconds=15) <= waits[0] <= writing.SEARCH_AFTER
    assert waits[-1] == writing.LONGEST

    timeline.faults = [fault]
    writing.write_owed(message.finished_at + timedelta(days=8))
    writing.write_owed(now + timedelta(days=800))
    assert entry(message).state in ("failed", "done")


@pytest.mark.parametrize("fault", [400, 401, 404, 429, 500, "lost", "dropped"])
def test_no_failure_changes_what_became_of_the_message(workspace, portal, timeline, fault):
    message = sent(workspace)
    before = Message.objects.filter(pk=message.pk).values().get()
    timeline.faults = [fault]
    write()
    assert Message.objects.filter(pk=message.pk).values().get() == before


def test_a_database_that_fails_does_not_stop_whoever_settled_them(workspace, portal, timeline, monkeypatch):
    def broken(*_):
        raise DatabaseError

    monkeypatch.setattr(engagements, "_settled", broken)
    sent(workspace)
    monkeypatch.undo()
    assert engagements.make_up(NOW - HOUR) == 0  # from before this installation logged anything


# Once


def test_an_entry_whose_answer_was_lost_is_found_and_not_written_again(workspace, portal, timeline):
    timeline.faults = ["lost"]
    message = sent(workspace)
    write()
    assert (entry(message).state, entry(message).unclear) == ("owed", True)
    assert write(after=HOUR) == 1
    assert entry(message).communication_id == timeline.only.id


def test_an_entry_that_hubspot_never_got_is_written_later(workspace, portal, timeline):
    timeline.faults = ["dropped"]
    sent(workspace)
    write()
    assert timeline.communications == []
    assert write(after=HOUR) == 1
    assert len(timeline.communications) == 1


def test_nothing_is_looked_for_before_a_search_can_find_it(workspace, portal, timeline):
    timeline.faults = ["lost"]
    message = sent(workspace)
    now = timezone.now() + timedelta(seconds=5)
    writing.write_owed(now)
    assert entry(message).next_at == now + writing.SEARCH_AFTER


def test_a_run_that_dies_is_taken_over_and_what_it_wrote_is_found(workspace, portal, timeline, monkeypatch):
    message = sent(workspace)
    with monkeypatch.context() as patch:
        patch.setattr(writing._Batch, "_finish", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write()
    assert entry(message).state == "writing"
    assert write(after=timedelta(seconds=60)) == 0
    assert write(after=timedelta(seconds=60) + writing.LEASE) == 1
    assert len(timeline.communications) == 1


def test_many_are_written_a_hundred_at_a_time(workspace, portal, timeline):
    for _ in range(101):
        sent(workspace)
    assert write() == 101
    assert sum("batch/create" in each for each in timeline.asked) == 1
    assert len(set(timeline.bodies)) == 101


def test_a_batch_that_is_refused_is_written_one_by_one_and_only_the_odd_one_fails(
    workspace, portal, timeline
):
    good = [sent(workspace) for _ in range(4)]
    odd = sent(workspace, object_id="999999")
    good += [sent(workspace)]
    write()
    assert write(after=HOUR) == 5
    assert entry(odd).state == "failed"
    assert {entry(message).state for message in good} == {"done"}
    assert len(timeline.communications) == 5


def test_what_a_batch_did_not_take_is_written_alone(workspace, portal, timeline, monkeypatch):
    messages = [sent(workspace) for _ in range(3)]
    create = wire.create_many

    def partly(connection, what):
        answer = create(connection, what)
        taken = answer.body["results"][:1]
        for each in answer.body["results"][1:]:
            timeline.record("communications", each["id"]).archived = True
        return writing.Answer(answer.exchange, body={"results": taken})

    monkeypatch.setattr(wire, "create_many", partly)
    assert write() == 1
    assert write(after=HOUR) == 2
    assert {entry(message).state for message in messages} == {"done"}
    assert len(timeline.communications) == 3


def test_settling_again_does_not_log_again(workspace, portal, timeline):
    message = sent(workspace)
    for status in (Status.SENT, Status.DELIVERED):
        Message.objects.filter(pk=message.pk).update(status=status)
        settled.send(sender=Message, ids=[message.pk])
        write()
    assert len(timeline.communications) == 1


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_runs_that_see_the_same_at_once_write_nothing_twice(workspace, portal, timeline, monkeypatch):
    for _ in range(12):
        sent(workspace)
    seen = Flag()
    together = Barrier(4, seen.set)

    def claim():
        """A claim is made once it is known what is due: here to all of them."""
        if not seen.is_set():
            together.wait(20)
        return uuid.uuid4()

    def run(_):
        try:
            return write()
        finally:
            database.close()

    monkeypatch.setattr(writing, "uuid", SimpleNamespace(uuid4=claim, UUID=uuid.UUID))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, range(4))) == 12
    assert len(timeline.bodies) == len(set(timeline.bodies)) == 12


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_two_signals_at_once_take_a_message_down_once(workspace, portal, timeline):
    messages = [make_message(workspace).pk for _ in range(20)]
    together = Barrier(4)

    def tell(_):
        together.wait()
        try:
            engagements.owe(messages)
        finally:
            database.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(tell, range(4)))
    assert Engagement.objects.count() == 20


# Late news


def test_a_message_that_is_not_delivered_after_all_says_so_on_the_record(workspace, portal, timeline):
    message = sent(workspace)
    write()
    log.move(message.pk, Status.UNDELIVERED, timezone.now())
    settled.send(sender=Message, ids=[message.pk])
    assert write() == 1
    assert timeline.bodies == [f"Hi Ada<br>Sent from +1 202-555-0100, but not delivered · {message.pk}"]
    assert entry(message).told == "undelivered"
    assert write(after=HOUR) == 0


def test_news_that_come_while_the_entry_is_written_are_not_overlooked(
    workspace, portal, timeline, monkeypatch
):
    message, create = sent(workspace), wire.create

    def meanwhile(*args):
        log.move(message.pk, Status.UNDELIVERED, timezone.now())
        settled.send(sender=Message, ids=[message.pk])
        return create(*args)

    monkeypatch.setattr(wire, "create", meanwhile)
    write()
    monkeypatch.undo()
    write()
    assert "not delivered" in timeline.bodies[0]


def test_an_entry_that_somebody_deleted_stays_deleted(workspace, portal, timeline):
    message = sent(workspace)
    write()
    timeline.only.archived = True
    log.move(message.pk, Status.UNDELIVERED, timezone.now())
    settled.send(sender=Message, ids=[message.pk])
    write()
    assert timeline.communications == []
    assert entry(message).state == "done"


def test_good_news_change_nothing(workspace, portal, timeline):
    message = sent(workspace)
    write()
    asked = len(timeline.asked)
    log.move(message.pk, Status.DELIVERED, timezone.now())
    settled.send(sender=Message, ids=[message.pk])
    write()
    assert len(timeline.asked) == asked


# Texts from outside


def text(workspace, **columns):
    number = workspace.numbers.get()
    common = {"connection": number.connection, "number": number, "sender": ADA, "body": "Yes & no", "at": NOW}
    common |= {"provider_id": str(uuid.uuid4())}
    inbound = InboundMessage.objects.create(workspace=workspace, **{**common, **columns})
    received.send(sender=InboundMessage, inbound=inbound)
    return inbound


def test_a_text_is_logged_on_the_contact_with_its_number(workspace, portal, timeline):
    inbound = text(workspace)
    write()
    row = Engagement.objects.get(inbound=inbound)
    assert timeline.bodies == [f"Yes &amp; no<br>Received on +1 202-555-0100 · {row.pk}"]
    assert timeline.on(timeline.only) == {"contacts": {"4242"}}


def test_a_reply_is_logged_on_the_record_of_the_message_that_it_answers(workspace, portal, timeline):
    record_id = linked(timeline, "deals", "4243", "4242")
    message = make_message(workspace, object_type="deal", object_id=record_id, recipient=ADA)
    text(workspace, answers=message.pk)
    write()
    assert timeline.on(timeline.only) == {"deals": {record_id}, "contacts": {"4242"}}


@pytest.mark.parametrize("sender", ["12345", "PARCELS", "", "+14155550777"])
def test_a_text_of_nobody_that_hubspot_knows_is_not_logged(workspace, portal, timeline, sender):
    inbound = text(workspace, sender=sender)
    write()
    assert Engagement.objects.get(inbound=inbound).reason == "no_contact"


def test_a_text_is_looked_up_in_one_portal_after_the_other(workspace, portal, timeline, monkeypatch):
    second = make_connection(workspace, "hubspot", external_id="77")
    cache.forget()
    find = writing.targets._by_phone
    monkeypatch.setattr(
        writing.targets, "_by_phone", lambda where, phone: find(where, phone) if where == second else None
    )
    inbound = text(workspace)
    write()
    write()
    row = Engagement.objects.get(inbound=inbound)
    assert (row.state, row.connection) == ("done", second)


def test_the_record_of_another_portal_is_not_taken_for_one_of_this(workspace, portal, timeline):
    message = make_message(workspace, origin={"portal": "gone"}, object_type="deal", object_id="200000")
    text(workspace, answers=message.pk)
    write()
    assert timeline.on(timeline.only) == {"contacts": {"4242"}}


def test_the_same_text_told_twice_is_logged_once(workspace, portal, timeline):
    inbound = text(workspace)
    received.send(sender=InboundMessage, inbound=inbound)
    write()
    assert len(timeline.communications) == 1


# What a process that was killed left behind


@pytest.fixture
def since(portal, monkeypatch):
    """Messages were logged from so long ago on."""
    Connection.objects.filter(pk=portal.pk).update(created_at=NOW - timedelta(days=20))
    monkeypatch.setattr(engagements, "_since_when", lambda: NOW - timedelta(days=30))
    return NOW - HOUR


def test_messages_and_texts_whose_signals_were_lost_are_made_up_for(workspace, portal, timeline, since):
    make_message(workspace, at=NOW, recipient=ADA)
    number = workspace.numbers.get()
    InboundMessage.objects.create(
        workspace=workspace, connection=number.connection, number=number, sender=ADA, at=NOW, provider_id="1"
    )
    assert engagements.make_up(since) == 2
    assert engagements.make_up(since) == 0
    assert write() == 2


def test_a_late_failure_whose_signal_was_lost_is_made_up_for(workspace, portal, timeline, since):
    message = sent(workspace)
    write()
    Message.objects.filter(pk=message.pk).update(status=Status.UNDELIVERED)
    assert engagements.make_up(since) == 1
    write()
    assert "not delivered" in timeline.bodies[0]


def test_what_was_sent_before_messages_were_logged_here_is_not(workspace, portal, timeline):
    make_message(workspace, at=NOW)
    assert engagements.make_up(NOW - HOUR) == 0


def test_nothing_from_before_the_first_portal_is_made_up_for(workspace, portal, timeline, since):
    Connection.objects.filter(pk=portal.pk).update(created_at=NOW - timedelta(minutes=5))
    make_message(workspace, at=NOW - timedelta(minutes=6))
    message = make_message(workspace, at=NOW)

    assert engagements.make_up(since) == 1
    assert Engagement.objects.get().message == message


def test_what_is_made_up_for_comes_in_batches(workspace, portal, timeline, since, monkeypatch):
    monkeypatch.setattr(engagements, "BATCH", 2)
    for turn in range(5):
        make_message(workspace, at=NOW + timedelta(seconds=turn), trigger="test" if turn < 2 else "hubspot")
    sizes = []
    settled = engagements._settled
    monkeypatch.setattr(engagements, "_settled", lambda rows: sizes.append(rows.count()) or settled(rows))

    assert engagements.make_up(since) == 3
    assert sizes == [2, 2, 1]


# How many


def test_what_is_not_logged_is_counted_for_each_portal(workspace, portal, timeline):
    sent(workspace)
    write()
    sent(workspace)
    log.forget_values([sent(workspace).pk], timezone.now())
    sent(workspace, origin={"portal": "gone"})
    assert engagements.undone(workspace.pk) == {portal.pk: Undone(owed=2)}
    write()
    assert engagements.undone(workspace.pk) == {}  # one was written, and one had nothing left to write


# Everything at once


@pytest.mark.parametrize("seed", range(6))
def test_whatever_goes_wrong_on_the_way_each_message_is_logged_exactly_once(
    workspace, portal, timeline, monkeypatch, seed
):
    """A history of sends, repeats, late news, lost answers, refusals and killed runs, until all is quiet."""
    chance = random.Random(seed)
    finish = writing._Batch._finish

    def perhaps_killed(self, *args, **kwargs):
        if chance.random() < 0.05:
            raise KeyboardInterrupt
        finish(self, *args, **kwargs)

    monkeypatch.setattr(writing._Batch, "_finish", perhaps_killed)
    now, messages = timezone.now(), []
    for _ in range(25):
        messages += [sent(workspace) for _ in range(chance.choice([0, 1, 1, 4]))]
        if messages and chance.random() < 0.4:
            lucky = chance.choice(messages)
            log.move(lucky.pk, chance.choice([Status.DELIVERED, Status.UNDELIVERED]), now)
            settled.send(sender=Message, ids=[lucky.pk] * 2)
        timeline.faults = [chance.choice(["lost", "dropped", 429, 400, 502, 500])] * chance.choice([0, 0, 1])
        now += timedelta(seconds=chance.choice([5, 30, 150]))
        with suppress(KeyboardInterrupt):
            writing.write_owed(now)
    monkeypatch.setattr(writing._Batch, "_finish", finish)
    timeline.faults = []
    for _ in range(8):
        now += HOUR
        writing.write_owed(now)

    refused = {row.message_id for row in Engagement.objects.filter(state="failed")}  # alone, and clearly
    assert {entry(m).state for m in messages if m.pk not in refused} == {"done"}
    by_message = {body.rpartition(" ")[2]: body for body in timeline.bodies}
    assert len(timeline.bodies) == len(by_message)
    assert by_message.keys() == {str(m.pk) for m in messages} - {str(pk) for pk in refused}
    for message in messages:
        message.refresh_from_db()
        told = by_message.get(str(message.pk), "not delivered" if message.status == "undelivered" else "")
        assert ("not delivered" in told) == (message.status == Status.UNDELIVERED)
