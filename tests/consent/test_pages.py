"""The pages of opt-outs: who sees what, what a form changes, and what it refuses."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from smsadmin import keyset
from smsadmin.consent import importing, listing, opting
from smsadmin.consent.models import Change, OptOut, Policy, PropertyWrite, Review, Source
from smsadmin.consent.opting import Statement
from smsadmin.crm.models import PropertyList
from smsadmin.privacy.models import Policy as Privacy
from tests.consent.conftest import ADA, BOB, is_out, texted
from tests.crm.standin import stand_in
from tests.factories import make_connection, make_message, make_number, make_workspace

NOW = timezone.now()


def out(workspace, number=ADA, minutes=0, **more):
    said = Statement(Source.PERSON, NOW - timedelta(minutes=minutes), **more)
    opting.opt_out(workspace.pk, number, said)
    return OptOut.objects.get(workspace=workspace, number=number)


def source(response):
    return response.content.decode()


def many(workspace, count):
    numbers = [f"+1312555{each:04}" for each in range(count)]
    for each, number in enumerate(numbers):
        out(workspace, number, minutes=each)
    return numbers


# The list


def test_an_empty_list_says_why(workspace, signed_in, policy):
    assert "Whoever texts STOP" in source(signed_in().get("/opt-outs/"))


def test_without_a_list_the_page_says_what_that_means(workspace, signed_in):
    page = source(signed_in().get("/opt-outs/"))
    assert "Nothing is checked here" in page
    assert "/opt-outs/settings/" in page


def test_a_number_is_found_however_it_is_spelt(workspace, signed_in, policy):
    make_number(workspace)  # in the United States
    out(workspace), out(workspace, BOB)
    client = signed_in()

    for spelling in (ADA, "(312) 555-0123", "+1 312 555 0123"):
        page = source(client.get("/opt-outs/", {"q": spelling}))
        assert "+1 312-555-0123" in page
        assert "+33 6 12 34 56 78" not in page
    assert "No such number" in source(client.get("/opt-outs/", {"q": "+4915112345678"}))


def test_what_is_no_number_is_said_beside_the_field(workspace, signed_in, policy):
    response = signed_in().get("/opt-outs/", {"q": "Ada"})
    assert response.status_code == 422
    assert "is not a phone number" in source(response)


def test_the_list_is_narrowed_by_state(workspace, signed_in, policy):
    out(workspace), out(workspace, BOB)
    opting.opt_in(workspace.pk, BOB, Statement(Source.PERSON, NOW))
    client = signed_in()

    assert "+33 6 12 34 56 78" not in source(client.get("/opt-outs/?state=out"))
    assert "+33 6 12 34 56 78" in source(client.get("/opt-outs/?state=in"))


def test_the_list_comes_page_by_page_at_the_same_cost(
    workspace, signed_in, policy, monkeypatch, django_assert_max_num_queries
):
    monkeypatch.setattr(keyset, "PER_PAGE", 3)
    numbers = many(workspace, 8)
    rows = OptOut.objects.filter(workspace=workspace)
    first = listing.page_of(rows)
    second = listing.page_of(rows, before=first.older)
    third = listing.page_of(rows, before=second.older)

    assert [[row.number for row in page.rows] for page in (first, second, third)] == [
        numbers[:3],
        numbers[3:6],
        numbers[6:],
    ]
    assert (first.newer, third.older) == ("", "")
    assert listing.page_of(rows, after=third.newer) == second
    assert listing.page_of(rows, before="letters") == first
    client = signed_in()
    with django_assert_max_num_queries(18):
        client.get("/opt-outs/")


def test_viewers_see_masked_numbers_and_no_reasons(workspace, signed_in, policy, number):
    out(workspace, words="Ada Lovelace called")
    texted(number, "STOP", BOB)
    texted(number, "stop calling ada please", "+13125550199")
    viewer = signed_in("viewer")

    for path in ("/opt-outs/", f"/opt-outs/{OptOut.objects.first().pk}/", "/opt-outs/review/"):
        page = source(viewer.get(path))
        assert "555-0123" not in page
        assert "Ada" not in page
        assert "ada" not in page.split("<main")[1].replace("data-", "")
    assert viewer.get("/opt-outs/export/").status_code == 403
    Privacy.objects.create(workspace=workspace, viewers="everything")


@pytest.mark.parametrize(
    "path", ["/opt-outs/add/", "/opt-outs/import/", "/opt-outs/export/", "/opt-outs/{pk}/change/"]
)
def test_viewers_change_nothing(workspace, signed_in, policy, path):
    address = path.format(pk=out(workspace).pk)
    assert signed_in("viewer").get(address).status_code == 403
    assert signed_in("operator").get(address).status_code == 200


def test_numbers_of_another_workspace_are_not_there(workspace, signed_in, policy):
    theirs = out(make_workspace())
    client = signed_in()

    assert client.get(f"/opt-outs/{theirs.pk}/").status_code == 404
    assert client.post(f"/opt-outs/{theirs.pk}/change/", {"do": "in", "reason": "x"}).status_code == 404
    assert "555-0123" not in source(client.get("/opt-outs/"))


# By hand


def test_a_number_is_added_with_a_reason(workspace, signed_in, policy):
    response = signed_in().post("/opt-outs/add/", {"number": "+1 (312) 555-0123", "reason": "Asked by phone"})

    assert response.status_code == 302
    change = Change.objects.get()
    assert (change.opt_out.number, change.is_out, change.source, change.words) == (
        ADA,
        True,
        "person",
        "Asked by phone",
    )
    assert change.by


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("312 555 0123", "no country code"),
        ("Ada", "not a phone number"),
        ("+1312", "few digits"),
        ("", "Give the phone"),
    ],
)
def test_a_number_is_never_guessed(workspace, signed_in, policy, number, why):
    response = signed_in().post("/opt-outs/add/", {"number": number, "reason": "x"})

    assert response.status_code == 422
    assert why in source(response)
    assert not OptOut.objects.exists()


def test_back_in_asks_first_and_needs_a_reason(workspace, signed_in, policy):
    shown, client = out(workspace), signed_in()
    assert "will get texts again" in source(client.get(f"/opt-outs/{shown.pk}/change/"))

    assert client.post(f"/opt-outs/{shown.pk}/change/", {"do": "in"}).status_code == 422
    assert is_out(workspace)
    client.post(f"/opt-outs/{shown.pk}/change/", {"do": "in", "reason": "Asked for it by mail"})
    assert not is_out(workspace)


def test_a_button_does_what_it_says_also_where_somebody_was_quicker(workspace, signed_in, policy):
    shown, client = out(workspace), signed_in()
    opting.opt_in(workspace.pk, ADA, Statement(Source.PERSON, timezone.now()))

    client.post(f"/opt-outs/{shown.pk}/change/", {"do": "in", "reason": "x"})

    assert not is_out(workspace)


# The review list


@pytest.fixture
def doubts(workspace, number, policy):
    for serial, body in enumerate(["please stop texting me", "stp", "no more texts"]):
        texted(number, body, f"+131255501{serial:02}")
    return list(Review.objects.order_by("pk"))


def test_one_click_opts_out_or_dismisses(workspace, signed_in, doubts):
    client = signed_in()
    assert "To review (3)" in source(client.get("/opt-outs/review/"))

    client.post("/opt-outs/review/", {"act": doubts[0].pk})
    client.post("/opt-outs/review/", {"dismiss": doubts[1].pk})

    assert is_out(workspace, "+13125550100")
    assert not is_out(workspace, "+13125550101")
    assert [each.state for each in Review.objects.order_by("pk")] == ["acted", "dismissed", "open"]
    change = Change.objects.get()
    assert (change.source, change.inbound) == ("person", doubts[0].inbound)
    assert change.by
    assert "Opted out by" in source(client.get("/opt-outs/review/?show=decided"))


def test_several_are_decided_together(workspace, signed_in, doubts):
    signed_in().post("/opt-outs/review/", {"do": "act", "id": [doubts[0].pk, doubts[2].pk]})

    assert [is_out(workspace, f"+131255501{n:02}") for n in range(3)] == [True, False, True]


def test_what_was_decided_is_not_decided_again(workspace, signed_in, doubts):
    client = signed_in()
    client.post("/opt-outs/review/", {"dismiss": doubts[0].pk})
    response = client.post("/opt-outs/review/", {"act": doubts[0].pk}, follow=True)

    assert not is_out(workspace, "+13125550100")
    assert "decided by somebody else" in source(response)


def test_a_text_whose_number_is_gone_can_only_be_dismissed(workspace, signed_in, doubts):
    doubts[0].inbound.__class__.objects.update(sender="", body="")
    client = signed_in()
    assert "Opt out<" not in source(client.get("/opt-outs/review/"))

    client.post("/opt-outs/review/", {"act": doubts[0].pk})
    assert not OptOut.objects.exists()
    client.post("/opt-outs/review/", {"dismiss": doubts[0].pk})
    assert Review.objects.filter(state="dismissed").count() == 1


def test_texts_of_another_workspace_cannot_be_decided(workspace, signed_in, doubts):
    other = make_workspace()
    Review.objects.update(workspace=other)
    signed_in().post("/opt-outs/review/", {"do": "act", "id": [each.pk for each in doubts]})

    assert not OptOut.objects.exists()


def test_viewers_decide_nothing(workspace, signed_in, doubts):
    assert signed_in("viewer").post("/opt-outs/review/", {"act": doubts[0].pk}).status_code == 403


def test_reviews_cost_the_same_however_many(workspace, signed_in, doubts, django_assert_max_num_queries):
    client = signed_in()
    with django_assert_max_num_queries(14):
        client.get("/opt-outs/review/")


# Files


def upload(text):
    return SimpleUploadedFile("numbers.csv", text.encode("utf-8-sig") if isinstance(text, str) else text)


@pytest.mark.services
def test_a_file_of_numbers_is_imported(workspace, signed_in, policy):
    out(workspace)
    text = "Phone;Name\n'+1 312 555 0123;Ada\n+33612345678;Bob\n\n+33612345678;Bob\n"
    response = signed_in().post(
        "/opt-outs/import/", {"file": upload(text), "reason": "The old system"}, follow=True
    )

    assert "1 number is opted out. 1 was so already." in source(response)
    assert is_out(workspace, BOB)
    assert Change.objects.filter(source="import").get().words == "The old system"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "+33612345678\n0612345678\nAda\n",
            ["2", "0612345678", "no country code", "3", "Ada", "not a phone number"],
        ),
        ("number\n+1312\n", ["2", "few digits"]),
    ],
)
def test_a_wrong_line_imports_nothing_and_is_named(workspace, signed_in, policy, text, told):
    response = signed_in().post("/opt-outs/import/", {"file": upload(text), "reason": "x"})

    assert response.status_code == 422
    table = source(response).partition("wrong-caption")[2]
    assert all(each in table for each in told)
    assert not OptOut.objects.exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "There is no number"),
        ({"file": upload(b"\xff\xfe+336")}, "not in UTF-8"),
        ({"lines": "+33612345678\n" * 5001}, "more than 5,000 lines"),
        ({"file": upload('+33612345678\n+13125550123,"' + "x" * 131_073)}, "From line 2 on"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(workspace, signed_in, policy, data, why):
    response = signed_in().post("/opt-outs/import/", {**data, "reason": "x"})

    assert response.status_code == 422
    assert why in source(response)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_lines_end_as_any_system_ends_them(end):
    read = importing.read(end.join(["Phone;Name", f"{ADA};Ada", f"{BOB};Bob", "0612"]))

    assert read.numbers == (ADA, BOB)
    assert [wrong.line for wrong in read.wrong] == [4]


def test_an_import_costs_the_same_for_many(workspace, policy, django_assert_max_num_queries):
    numbers = [f"+1312555{each:04}" for each in range(400)]
    with django_assert_max_num_queries(16):
        changed = opting.standing(workspace.pk, numbers, Statement(Source.IMPORT, NOW), is_out=True)
    assert len(changed) == 400


def test_the_list_is_exported_as_it_is_filtered(workspace, signed_in, policy, monkeypatch):
    monkeypatch.setattr(keyset, "PER_PAGE", 2)
    many(workspace, 5)
    out(workspace, BOB, words="=cmd()")
    opting.opt_in(workspace.pk, BOB, Statement(Source.PERSON, NOW, words="=cmd()"))
    client = signed_in()

    def exported(query=""):
        response = client.get(f"/opt-outs/export/{query}")
        text = b"".join(response.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(StringIO(text)))

    assert len(exported()) == 6
    assert [row["number"] for row in exported("?state=in")] == [f"'{BOB}"]
    assert exported("?state=in")[0]["words"].startswith("“")


@pytest.mark.parametrize("query", ["q=nobody", "state=dead"])
def test_a_filter_that_cannot_be_read_exports_nothing(workspace, signed_in, policy, query):
    out(workspace)
    response = signed_in().get(f"/opt-outs/export/?{query}")

    assert response.status_code == 422
    assert "text/html" in response["Content-Type"]
    assert "555-0123" not in source(response)


# Settings


SETTINGS = {
    "kept_by": "here",
    "hubspot_property": "sms_opt_out",
    "languages": ["en", "de"],
    "writes_back": "on",
}


def test_an_editor_decides_who_keeps_opt_outs(workspace, signed_in):
    response = signed_in("editor").post(
        "/opt-outs/settings/", {**SETTINGS, "own_stop": "Raus\nWeg", "stop_answer": "Done."}
    )

    assert response.status_code == 302
    saved = Policy.objects.get()
    assert (saved.kept_by, saved.languages, saved.own_stop, saved.stop_answer) == (
        "here",
        ["en", "de"],
        ["Raus", "Weg"],
        "Done.",
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hubspot_property": "SMS Opt-out"}, "not an internal name"),
        ({"kept_by": "hubspot", "hubspot_property": ""}, "Name the property"),
        ({"languages": []}, "Choose a language"),
        ({"stop_answer": "Bye {{Contact.firstname}}"}, "cannot have tokens"),
        ({"own_stop": "!!!"}, "neither letters nor digits"),
        ({"own_stop": "weg", "own_start": "Weg!"}, "stands above already"),
        ({"own_stop": "\n".join(map(str, range(51)))}, "at most 50 words"),
    ],
)
def test_settings_that_cannot_work_are_refused_beside_their_field(workspace, signed_in, changes, why):
    response = signed_in("editor").post("/opt-outs/settings/", {**SETTINGS, **changes})

    assert response.status_code == 422
    assert why in source(response)
    assert not Policy.objects.exists()


def test_operators_read_the_settings_and_change_nothing(workspace, signed_in):
    client = signed_in("operator")
    assert client.get("/opt-outs/settings/").status_code == 200
    assert client.post("/opt-outs/settings/", SETTINGS).status_code == 403
    assert client.post("/opt-outs/settings/property/").status_code == 403


def test_the_property_is_created_on_request(workspace, signed_in, keep, monkeypatch):
    hubspot = stand_in(monkeypatch)
    keep(hubspot_property="no_texts")
    make_connection(workspace, "hubspot")
    client = signed_in("editor")
    assert "Create the property in HubSpot" in source(client.get("/opt-outs/settings/"))

    page = source(client.post("/opt-outs/settings/property/", follow=True))

    assert "has the property no_texts now" in page
    assert "Create the property in HubSpot" not in page
    assert "no_texts" in hubspot.state.properties["contacts"]
    again = source(client.post("/opt-outs/settings/property/", follow=True))
    assert "had the property no_texts" in again


def test_every_portal_is_read_again_once_the_property_is_created(workspace, signed_in, keep, monkeypatch):
    stand_in(monkeypatch)
    keep(hubspot_property="no_texts")
    for portal in ("1", "2"):
        make_connection(workspace, "hubspot", external_id=portal, name=portal)
    client = signed_in("editor")
    assert source(client.get("/opt-outs/settings/")).count("Missing") == 2

    page = source(client.post("/opt-outs/settings/property/", follow=True))

    assert "Missing" not in page


def test_hubspot_is_not_asked_where_its_property_is_not_read(workspace, signed_in, keep, monkeypatch):
    stand_in(monkeypatch)
    keep(kept_by="nobody", hubspot_property="no_texts")
    make_connection(workspace, "hubspot")

    assert "The property no_texts" not in source(signed_in().get("/opt-outs/settings/"))
    assert not PropertyList.objects.exists()


def test_the_recipe_names_the_property_and_the_words(workspace, signed_in):
    page = source(signed_in("viewer").get("/opt-outs/recipe/"))
    assert "sms_opt_out" in page
    assert "UNSUBSCRIBE" in page


# HubSpot's queue


def test_what_hubspot_was_not_told_is_shown_and_tried_again(workspace, signed_in, keep):
    keep(hubspot_property="sms_opt_out")
    make_connection(workspace, "hubspot")
    shown = out(workspace)
    PropertyWrite.objects.update(state="failed", next_try_at=None, error="The connection was reset")
    client = signed_in()
    assert "HubSpot could not be told of 1 number" in source(client.get("/opt-outs/"))

    client.post("/opt-outs/retry/", {"opt_out": shown.pk})

    assert PropertyWrite.objects.get().state == "waiting"


@pytest.mark.parametrize("named", ["", "x", "-1", "9" * 30, "theirs"])
def test_a_number_that_is_not_there_has_nothing_tried_again(workspace, signed_in, keep, named):
    keep(hubspot_property="sms_opt_out")
    make_connection(workspace, "hubspot")
    out(workspace)
    theirs = out(make_workspace())
    PropertyWrite.objects.update(state="failed", next_try_at=None)

    pk = theirs.pk if named == "theirs" else named
    assert signed_in().post("/opt-outs/retry/", {"opt_out": pk}).status_code == 404
    assert PropertyWrite.objects.get().state == "failed"


# The message page


def test_the_message_page_says_that_its_recipient_is_out(workspace, signed_in, policy, number):
    message = make_message(workspace, number=number, recipient=ADA, recipient_given=ADA)
    client = signed_in()
    assert "opted out" not in source(client.get(f"/log/{message.pk}/"))

    shown = out(workspace)
    assert f'href="/opt-outs/{shown.pk}/"' in source(client.get(f"/log/{message.pk}/"))


def test_the_answer_to_a_word_says_what_it_is(workspace, signed_in, keep, number):
    keep(stop_answer="Done.")
    texted(number, "STOP")

    page = source(signed_in().get(f"/log/{workspace.messages.get().pk}/"))
    assert "Answer to STOP" in page
    assert "This text tells somebody who opted out that it is done" in page
