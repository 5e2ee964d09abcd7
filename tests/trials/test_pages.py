"""The test numbers' pages: adding, proving and removing phones without JavaScript, and that no page tells a code."""

import html
import re

import pytest
from django.test import Client
from django.urls import reverse

from smsadmin.core import errors
from smsadmin.core.message import Accepted
from smsadmin.providers.base import Exchange, Result
from smsadmin.quotas.models import Rule
from smsadmin.sending.models import Message
from smsadmin.trials.models import TestNumber
from tests.factories import make_member, make_number, make_workspace, refused
from tests.sending.conftest import NOW
from tests.trials.conftest import PHONE, code_in, make_test_number

LIST = "/settings/test-numbers/"


def words(response):
    bare = re.sub(r"<(svg|head|nav)\b.*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.DOTALL)
    return html.unescape(" ".join(bare.split()))


def address(number, step=""):
    return f"{LIST}{number.pk}/{step}"


def token(page):
    return re.search(r'name="token" value="([^"]+)"', page.content.decode())[1]


@pytest.fixture
def send(client, phone, sender):
    """Opens the number's page and sends its form, as a browser without JavaScript does."""

    def sent(number=phone, browser=client, **typed):
        form = {"sender": sender.pk, "token": token(browser.get(address(number)))}
        return browser.post(address(number, "send/"), form | typed, follow=True)

    return sent


@pytest.fixture
def verify(client, phone):
    def typed(code, number=phone):
        return client.post(address(number, "verify/"), {"code": code}, follow=True)

    return typed


# --- The whole path ---------------------------------------------------------------------------------


def test_a_phone_is_added_proven_and_listed_with_who_proved_it(client, workspace, editor, sender, received):
    editor.user.name = "Alex Admin"
    editor.user.save()
    page = client.post(LIST, {"label": "Alex's phone", "number": "+44 (0) 7400 123456"}, follow=True)
    number = TestNumber.objects.get()
    assert page.redirect_chain == [(address(number), 302)]
    assert (number.workspace, number.e164, number.created_by) == (workspace, PHONE, editor.user)
    assert "Not verified" in words(page)

    page = client.post(address(number, "send/"), {"sender": sender.pk, "token": token(page)}, follow=True)
    assert "A code is being sent to +44 7400 123456." in words(page)
    assert re.search(r"Waiting for its code until (21 Nov\S* )?10:17", words(page))

    page = client.post(address(number, "verify/"), {"code": received()}, follow=True)
    assert page.redirect_chain == [(LIST, 302)]
    assert "“Alex's phone” is verified: tests can go to it." in words(page)
    assert re.search(r"Alex's phone \+44 7400 123456 Verified .{3,25} by Alex Admin", words(page))


def test_a_code_may_be_typed_in_with_spaces(send, verify, received):
    send()
    code = received()

    assert "is verified" in words(verify(f" {code[:3]} {code[3:]} "))


def test_a_number_is_removed_and_its_messages_stay(client, send, phone):
    send()

    page = client.post(address(phone, "remove/"), follow=True)

    assert "“Alex's phone” is no longer a test number." in words(page)
    assert not TestNumber.objects.exists()
    assert Message.objects.get().recipient == PHONE


# --- What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"label": "", "number": "+447400123457"}, "label", "Say whose phone it is."),
        ({"label": "Mia", "number": ""}, "number", "Give the phone number."),
        ({"label": "Mia", "number": "07400 123456"}, "number", "has no country code"),
        ({"label": "Mia", "number": "+44 call me"}, "number", "is not a phone number"),
        ({"label": "Mia", "number": "+44 7400 123456"}, "number", "“Alex's phone” has this number already."),
    ],
)
def test_what_cannot_be_added_is_said_at_its_field_and_stays_typed(client, phone, typed, field, sentence):
    response = client.post(LIST, typed)

    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert sentence in words(response)
    for value in filter(None, typed.values()):
        assert f'value="{value}"' in response.content.decode()
    assert TestNumber.objects.count() == 1


def test_two_workspaces_may_have_the_same_phone(client, workspace):
    make_test_number(make_workspace())

    client.post(LIST, {"label": "Mine too", "number": PHONE})

    assert workspace.test_numbers.get().e164 == PHONE


def test_a_number_added_twice_at_once_is_said_at_its_field(client, workspace, monkeypatch):
    monkeypatch.setattr("smsadmin.trials.forms.AddForm.clean_number", lambda form: PHONE)
    make_test_number(workspace)

    response = client.post(LIST, {"label": "Mia", "number": PHONE})

    assert response.status_code == 422
    assert "Somebody else added this number a moment ago." in words(response)


def test_a_second_code_within_a_minute_is_refused_in_words(send):
    send()

    response = send()

    assert response.status_code == 422
    assert "A code went to this number less than a minute ago." in words(response)
    assert Message.objects.count() == 1


def test_the_same_form_sent_twice_sends_one_code_and_says_no_error(client, phone, sender, received, verify):
    form = {"sender": sender.pk, "token": token(client.get(address(phone)))}

    for _click in range(2):
        response = client.post(address(phone, "send/"), form, follow=True)

    assert response.status_code == 200
    assert Message.objects.count() == 1
    assert "is verified" in words(verify(received()))


def test_a_wrong_code_is_said_at_its_field_with_the_tries_left(send, verify, received):
    send()
    code = received()

    response = verify("000000" if code != "000000" else "000001")

    assert response.status_code == 422
    assert "This is not the code. 4 more tries are left." in words(response)


def test_after_too_many_wrong_codes_only_a_new_one_helps(client, send, verify, received, phone):
    send()
    code = received()
    for _try in range(5):
        page = words(verify("000000" if code != "000000" else "000001"))

    assert "Too many wrong codes were typed in, so this one no longer counts." in page
    assert "Type the code in" not in page
    assert "Send a new code" in page


def test_a_code_typed_in_too_late_is_said_to_be(send, verify, received, clock):
    send()
    code = received()
    clock.sleep(601)

    page = words(verify(code))

    assert "The code has expired. Send a new one." in page
    assert "Type the code in" not in page


def test_a_verified_number_gets_no_more_codes(client, workspace, sender, send):
    number = make_test_number(workspace, "+447400123457", verified_at=NOW)
    form = {"sender": sender.pk, "token": "from a page opened before"}

    page = client.post(address(number, "send/"), form, follow=True)

    assert "Send a new code" not in words(page)
    assert not Message.objects.exists()


def test_what_cannot_be_a_code_is_no_try(send, verify, phone):
    send()

    for typed, sentence in (("", "Type in the code"), ("12345", "has 6 digits"), ("١٢٣٤٥٦", "has 6 digits")):
        response = verify(typed)
        assert response.status_code == 422
        assert sentence in words(response)
    phone.refresh_from_db()
    assert phone.wrong_codes == 0


def test_a_code_goes_out_from_an_offered_number_of_the_workspace_only(client, workspace, phone, send):
    not_offered = make_number(workspace, name="Not offered", sms_capable=False)
    theirs = make_number(make_workspace(), name="Their line")

    page = words(client.get(address(phone)))
    assert "+1 202-555-0101 · Sales US" in page
    assert "Not offered" not in page
    assert "Their line" not in page
    for number in (not_offered, theirs):
        response = send(sender=number.pk)
        assert response.status_code == 422
        assert "This number is not offered any more" in words(response)
    assert not Message.objects.exists()


def test_without_an_offered_number_the_page_leads_to_the_directory(client, workspace):
    number = make_test_number(workspace)

    page = client.get(address(number))

    assert "No number can send it" in words(page)
    assert f'<a class="btn" href="{reverse("directory")}">' in page.content.decode()


def test_a_code_that_was_rejected_says_why_and_leads_to_its_message(send, workspace):
    Rule.objects.filter(workspace=workspace, window="minute").update(limit=0)

    page = send()

    [message] = Message.objects.all()
    assert message.status == "rejected"
    assert "is being sent" not in words(page)
    assert re.search(r"Code not sent Not sent: .*0 of 0 .* See the message", words(page))
    assert f'href="{reverse("message", args=[message.pk])}"' in page.content.decode()
    assert "Type the code in" not in words(page)


def test_a_code_that_aircall_refused_says_why(client, send, phone, provider, received):
    provider.answer(PHONE, refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)))
    send()
    received()

    for page in (client.get(address(phone)), client.get(LIST)):
        assert "Code not sent Not sent: Aircall refused the message: no (HTTP 400)." in words(page)


# --- Who may ----------------------------------------------------------------------------------------


def test_the_pages_need_a_sign_in(phone):
    for page in (LIST, address(phone)):
        assert Client().get(page).url.startswith(reverse("account_login"))


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_below_editor_one_reads_and_changes_nothing(workspace, phone, role):
    browser = Client()
    browser.force_login(make_member(workspace, role).user)

    for page in (browser.get(LIST), browser.get(address(phone))):
        assert "Alex's phone" in words(page)
        assert "Owners and editors can add" in words(page)
        assert 'class="btn btn-primary"' not in page.content.decode()
        assert "Remove" not in words(page)
    for target in (LIST, *(address(phone, step) for step in ("send/", "verify/", "remove/"))):
        assert browser.post(target, {}).status_code == 403
    assert TestNumber.objects.count() == 1


def test_another_workspaces_numbers_do_not_exist(client):
    theirs = make_test_number(make_workspace(), label="Their phone")

    assert "Their phone" not in words(client.get(LIST))
    assert client.get(address(theirs)).status_code == 404
    for step in ("send/", "verify/", "remove/"):
        assert client.post(address(theirs, step)).status_code == 404
    assert TestNumber.objects.get() == theirs


# --- The code stays on the phone --------------------------------------------------------------------


def echoing(error=None):
    """A provider that repeats the text in its answer, as Aircall may."""

    def react(sms):
        body = {"to": sms.recipient, "body": sms.body}
        exchange = Exchange(
            "POST", "https://provider.example/", body, 400 if error else 200, f"said {sms.body}"
        )
        return Result(exchange, error=error) if error else Result(exchange, accepted=Accepted("SM1"))

    return react


@pytest.fixture
def kept(monkeypatch):
    """Its text stays in the log: the pages hide it all the same."""
    monkeypatch.setattr("smsadmin.sending.log.forget_text", lambda ids, now: None)


def test_no_page_ever_tells_the_code(client, send, verify, phone, provider, received, kept):
    provider.answer(PHONE, echoing())
    answers = [send()]
    message = Message.objects.get()
    code = code_in(message.body)

    answers += pages(client, phone, message)  # while it waits
    assert received() == code
    answers += [verify(f"{(int(code) + 1) % 1_000_000:06}"), *pages(client, phone, message)]
    answers += [verify(code), *pages(client, phone, message)]
    assert_untold(code, answers)


@pytest.mark.parametrize(
    "error",
    [errors.ProviderUnknown(provider="Aircall", reason="HTTP 500"), errors.RateLimited(attempts=5)],
    ids=["unknown", "failed"],
)
def test_nor_where_it_was_not_sent(client, send, phone, provider, received, kept, error):
    provider.answer(PHONE, echoing(error))
    send()
    code = received()

    assert_untold(code, pages(client, phone, Message.objects.get()))


def assert_untold(code, answers):
    assert all(answer.status_code in (200, 422) for answer in answers)
    for answer in answers:
        assert code not in words(answer)
        assert code not in re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", answer.content.decode())


def pages(client, phone, message):
    """Every page that shows the number or the message, whole and as htmx asks for it."""
    message_page, log = reverse("message", args=[message.pk]), reverse("log")
    paths = [address(phone), LIST, message_page, log, reverse("settings"), reverse("overview")]
    fragments = [client.get(path, headers={"HX-Request": "true"}) for path in (address(phone), message_page)]
    return [client.get(path) for path in paths] + fragments


def test_the_message_page_says_that_the_code_is_not_shown_but_how_it_went(client, send, provider, received):
    provider.answer(PHONE, echoing())
    send()
    received()

    page = words(client.get(reverse("message", args=[Message.objects.get().pk])))

    assert "The code is not shown here." in page
    assert "POST https://provider.example/" in page
    assert "HTTP 200" in page


# --- Small things -----------------------------------------------------------------------------------


def test_the_page_asks_again_only_while_the_code_is_under_way(client, send, phone, received):
    def polls():
        return 'hx-trigger="every 3s"' in client.get(address(phone)).content.decode()

    assert not polls()
    send()
    assert polls()
    fragment = client.get(address(phone), headers={"HX-Request": "true"}).content.decode()
    assert fragment.startswith('<div id="progress"')
    received()
    assert not polls()


def test_the_page_is_asked_for_anew_when_the_code_failed_meanwhile(client, send, phone, provider, received):
    provider.answer(PHONE, refused(errors.ProviderRejected(provider="Aircall", answer="no", http_status=400)))
    send()
    received()

    assert client.get(address(phone), headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize("sandbox", [True, False])
def test_only_the_sandbox_says_where_its_phone_is_read(send, settings, sandbox):
    settings.SANDBOX = sandbox

    page = send()

    link = f"http://127.0.0.1:{settings.SANDBOX_PORT}/_control/messages?recipient=%2B447400123456"
    assert (link in page.content.decode()) is sandbox


def test_the_list_costs_the_same_for_any_number(
    client, workspace, editor, send, django_assert_max_num_queries
):
    send()
    for n in range(10):
        make_test_number(
            workspace,
            f"+4474001235{n:02}",
            verified_at=NOW,
            verified_by=editor.user,
            created_by=editor.user,
            code_sent_at=NOW,
            code_message=Message.objects.get(),
        )

    with django_assert_max_num_queries(6):
        page = client.get(LIST)
    assert words(page).count("Verified") == 10


def test_an_empty_list_says_what_to_do(client):
    assert "No test numbers yet" in words(client.get(LIST))


def test_the_settings_lead_to_the_test_numbers(client):
    assert f'href="{LIST}"' in client.get(reverse("settings")).content.decode()


def test_an_owner_sets_the_name_that_customers_know(workspace):
    browser = Client()
    browser.force_login(make_member(workspace, "owner").user)
    form = {"name": "Shop", "time_zone": "UTC", "language": "en"}

    browser.post(reverse("settings"), form | {"business_name": "Example Shoes"})
    workspace.refresh_from_db()
    assert workspace.known_as == "Example Shoes"

    browser.post(reverse("settings"), form)
    workspace.refresh_from_db()
    assert workspace.known_as == "Shop"
