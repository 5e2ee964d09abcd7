"""Sending through Twilio: what goes over the wire, and what each answer means.

Each request that a test makes is held to tests/data/interfaces/twilio.json (tests/conftest.py does so): the calls that
we make, with their queries and forms, as Twilio's OpenAPI document has them (twilio_api_v2010 of its twilio-oai). Two
things there are as Twilio writes them elsewhere: an empty SmsApplicationSid takes the application away, and a sender
may be a name. Messaging services have a host and a list of their own, twilio_messaging.json.
"""

from urllib.parse import parse_qs

import httpx
import pytest

from smsadmin.core.message import Accepted
from smsadmin.providers.twilio.client import TwilioError, words
from smsadmin.providers.twilio.codes import OF_RECEIPTS, SHIPPED, Again, Codes, Meaning, Refusal
from smsadmin.providers.twilio.options import Options
from smsadmin.providers.twilio.send import TwilioSender
from smsadmin.routing.faults import of_refusal
from smsadmin.sandbox.faults import Fault
from smsadmin.sandbox.state import TWILIO_KEY_SECRET, TWILIO_KEY_SID, TWILIO_SID
from tests.providers.twilio.conftest import ADA, CALLBACK, OURS, make_client, make_sender, make_sms

SID, SERVICE = "SM00000000000000000000000000000001", "MG00000000000000000000000000000001"


def sent(requests):
    [request] = requests
    return {name: values[0] for name, values in parse_qs(request.content.decode()).items()}


def created(**over):
    return httpx.Response(201, json={"sid": SID, "status": "queued", "num_segments": "1", **over})


def refused(code, status=400, **more):
    return httpx.Response(status, json={"code": code, "message": "So it is", "status": status, **more})


@pytest.mark.parametrize(
    ("sender", "named"),
    [
        ({}, {"From": OURS}),
        ({"sender": "ACME", "sender_id": "name:ACME"}, {"From": "ACME"}),
        ({"sender": "", "sender_id": SERVICE}, {"MessagingServiceSid": SERVICE}),
    ],
    ids=["number", "name", "messaging service"],
)
def test_a_number_a_name_or_a_service_sends(twilio_answers, sender, named):
    requests = twilio_answers(created())
    result = make_sender().send(make_sms(**sender))

    callback = f"{CALLBACK}?message=message-1"
    assert sent(requests) == {"To": ADA, "Body": "Hello", "StatusCallback": callback, **named}
    assert result.accepted == Accepted(SID, "queued", 1)
    assert str(requests[0].url) == f"https://twilio.example/2010-04-01/Accounts/{TWILIO_SID}/Messages.json"
    assert b"To=%2B1312" in requests[0].content


def test_the_log_shows_the_text_and_not_the_address_of_our_webhook(twilio_answers):
    twilio_answers(created())
    exchange = make_sender().send(make_sms()).exchange

    assert exchange.request == {"To": ADA, "Body": "Hello", "From": OURS}


def test_what_is_left_to_choose_goes_along(twilio_answers):
    requests = twilio_answers(created())
    make_sender(smart_encoded=True, validity=600, overrides="rc=2&rp=all").send(make_sms())

    asked = sent(requests)
    assert (asked["SmartEncoded"], asked["ValidityPeriod"]) == ("true", "600")
    assert asked["StatusCallback"].endswith("#rc=2&rp=all")


def test_an_api_key_sends_where_there_is_one(sandbox):
    client = make_client(key_sid=TWILIO_KEY_SID, key_secret=TWILIO_KEY_SECRET)

    assert client.ping().status == 200
    assert client.account().status == 200  # the Auth Token reads it


# What an answer means


@pytest.mark.parametrize("segments", ["0", None, "", "x", "-1", "9999"])
def test_while_a_service_has_chosen_no_sender_the_segments_are_not_known(twilio_answers, segments):
    twilio_answers(created(num_segments=segments, status="accepted", **{"from": None}))

    assert make_sender().send(make_sms(sender="", sender_id=SERVICE)).accepted == Accepted(SID, "accepted")


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(503, html="<h1>Unavailable</h1>"),
        httpx.Response(302),
        httpx.Response(408),
        httpx.Response(201, content=b'{"sid": "SM'),
        httpx.Response(201, json=[]),
        httpx.Response(201, json={"status": "queued"}),
        httpx.ReadTimeout("slow"),
        httpx.ReadError(""),
        httpx.RemoteProtocolError(""),
    ],
)
def test_what_may_have_left_is_never_sent_again(twilio_answers, answer):
    requests = twilio_answers(answer)
    result = make_sender().send(make_sms())

    assert (result.error.code, result.retry_in, len(requests)) == ("PROVIDER_UNKNOWN", None, 1)


def test_what_surely_never_left_is_tried_again(twilio_answers):
    twilio_answers(httpx.ConnectError("refused"))

    assert make_sender().send(make_sms()).reason == "unreachable"


@pytest.mark.parametrize(("headers", "least"), [({}, 2.0), ({"Retry-After": "7"}, 7.0)])
def test_429_was_never_processed_and_is_tried_again_after_a_pause(twilio_answers, headers, least):
    twilio_answers(httpx.Response(429, headers=headers, json={"code": 20429}))
    result = make_sender().send(make_sms())

    assert (result.reason, result.error) == ("rate_limited", None)
    assert least <= result.retry_in <= least * 1.5


@pytest.mark.parametrize("code", [21611, 63017])
def test_a_full_queue_is_waited_for(twilio_answers, code):
    twilio_answers(refused(code))
    result = make_sender().send(make_sms())

    assert (result.reason, result.error) == ("rate_limited", None)
    assert result.about == ("sender" if code == 21611 else "")
    assert result.retry_in >= 60


def test_refused_credentials_stop_the_account_once_another_request_says_so_too(twilio_answers):
    twilio_answers(refused(20003, 401), refused(20003, 401))
    assert make_sender().send(make_sms()).reason == "credential"

    twilio_answers(refused(20003, 401), httpx.Response(503))
    assert make_sender().send(make_sms()).reason == "unreachable"


@pytest.mark.parametrize("status", [200, 403])
def test_a_key_that_may_not_send_is_said_so_and_is_no_lost_account(twilio_answers, status):
    twilio_answers(refused(20003, 401), httpx.Response(status, json={}))
    result = make_sender().send(make_sms())

    assert (result.error.code, result.reason, result.about) == ("PROVIDER_REJECTED", "", "account")
    assert "Give the API key that permission" in str(result.error)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (21211, "RECIPIENT_REFUSED"),
        (21212, "SENDER_REFUSED"),
        (21408, "COUNTRY_NOT_ALLOWED"),
        (21602, "MESSAGE_EMPTY"),
        (21603, "PROVIDER_REJECTED"),
        (21606, "SENDER_REFUSED"),
        (21608, "ACCOUNT_IN_BUILD_MODE"),
        (21610, "RECIPIENT_OPTED_OUT"),
        (21612, "SENDER_REFUSED"),
        (21614, "RECIPIENT_NOT_MOBILE"),
        (21617, "MESSAGE_TOO_LONG"),
        (30034, "NUMBER_NOT_REGISTERED"),  # some see it at once, others in a receipt
        (29999, "PROVIDER_REJECTED"),
    ],
)
def test_a_refusal_is_what_its_code_is_in_the_table(twilio_answers, code, error):
    twilio_answers(refused(code))
    result = make_sender().send(make_sms())

    assert (result.error.code, result.retry_in) == (error, None)
    assert "…" not in str(result.error)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"json": {"code": 21610, "message": "Unsubscribed"}}, "21610: Unsubscribed"),
        ({"json": {"type": "t", "title": "T", "status": 400, "code": "21610", "detail": "D"}}, "21610: D"),
        ({"json": {"title": "Bad request", "status": 400}}, "Bad request"),
        ({"html": "<h1>Bad Request</h1>"}, "<h1>Bad Request</h1>"),
        ({"json": ["x"]}, '["x"]'),
        ({}, "—"),
    ],
)
def test_a_refusal_is_read_in_every_shape_there_is(twilio_answers, body, answer):
    twilio_answers(httpx.Response(400, **body))

    assert make_sender().send(make_sms()).error.facts["answer"] == answer


def test_a_message_that_was_made_and_failed_at_once_is_refused(twilio_answers):
    own = {30008: Meaning(30008, "", "RATE_LIMITED", Again.LATER)}
    for code, error in (
        (30034, "NUMBER_NOT_REGISTERED"),
        (30008, "DELIVERY_FAILED"),
        (20003, "DELIVERY_FAILED"),
    ):
        twilio_answers(created(status="failed", error_code=code))
        result = make_sender(Codes(own)).send(make_sms())
        assert (result.error.code, result.retry_in) == (error, None)
        assert of_refusal(result, result.error) is None  # Twilio had it: it goes on from nowhere else


# The table


def test_a_workspace_overrules_the_table_and_may_have_a_code_waited_for(twilio_answers):
    own = {
        21612: Meaning(21612, "", "RECIPIENT_REFUSED"),
        29999: Meaning(29999, "", "RATE_LIMITED", Again.LATER),
    }
    sender = make_sender(Codes(own))

    twilio_answers(refused(21612))
    assert sender.send(make_sms()).error.code == "RECIPIENT_REFUSED"
    twilio_answers(refused(29999))
    assert sender.send(make_sms()).reason == "rate_limited"


def test_every_shipped_code_makes_an_error_whose_sentence_is_whole():
    for meaning in SHIPPED.values():
        for status in (0, 400):
            refusal = Refusal(meaning.code, http_status=status)
            error = Codes().error(refusal, sender=OURS, recipient=ADA, characters=5)
            assert error.code == (
                meaning.error if status or meaning.error in OF_RECEIPTS else "DELIVERY_FAILED"
            )
            assert "…" not in str(error), meaning


def test_a_code_that_nobody_knows_is_what_its_http_status_is():
    codes = Codes()

    assert codes.of(Refusal(1, http_status=429)).again == Again.LATER
    assert codes.of(Refusal(1, http_status=400)).error == "PROVIDER_REJECTED"
    assert codes.of(Refusal(1)).error == "DELIVERY_FAILED"


# Reading


def test_a_list_is_read_page_by_page_from_our_own_address(sandbox):
    for serial in range(5):
        sandbox.state.twilio_numbers[f"+1206555{serial:04}"] = sandbox.state.twilio_numbers[OURS]
    told = []
    client = make_client()

    assert len(list(client.numbers(lambda read, total: told.append((read, total))))) == 7
    assert told == [(2, 2), (4, 4), (6, 6), (7, 7)]
    assert client.reads == 4


def test_a_page_of_another_host_is_not_followed(twilio_answers):
    requests = twilio_answers(
        httpx.Response(200, json={"messages": [], "next_page_uri": "https://evil.example/2010-04-01/x"})
    )
    assert list(make_client().messages()) == []
    assert len(requests) == 1


def test_what_cannot_be_read_is_said_in_words(twilio_answers):
    twilio_answers(*[httpx.Response(429)] * 4)
    with pytest.raises(TwilioError, match="slow down"):
        list(make_client().messages())
    twilio_answers(refused(20003, 401))
    with pytest.raises(TwilioError) as refusal:
        make_client().message(SID)
    assert refusal.value.credential
    twilio_answers(httpx.Response(200, json={"calls": []}))
    with pytest.raises(TwilioError, match="not in the form"):
        list(make_client().messages())


def test_an_answer_says_what_it_was_in_one_sentence(twilio_answers):
    twilio_answers(refused(20404, 404))

    assert words(make_client().account()) == "Twilio answered HTTP 404: 20404: So it is"


# Against the sandbox, over the wire


@pytest.mark.parametrize(
    ("kind", "code"),
    [("500", "PROVIDER_UNKNOWN"), ("reset_after", "PROVIDER_UNKNOWN"), ("invalid_json", "PROVIDER_UNKNOWN"),
     ("400", "PROVIDER_REJECTED")],
)  # fmt: skip
def test_the_sandboxs_faults_mean_what_they_do_elsewhere(sandbox, kind, code):
    sandbox.state.faults.append(Fault.parse({"service": "twilio", "kind": kind, "count": 1}))

    assert TwilioSender(make_client()).send(make_sms()).error.code == code


def test_options_that_nobody_knows_or_of_a_wrong_type_are_as_installed():
    assert Options.read({"validity": "600", "smart_encoded": True, "x": 1}) == Options(smart_encoded=True)
