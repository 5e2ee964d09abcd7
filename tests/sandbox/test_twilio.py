"""The sandbox's Twilio over HTTP, by Twilio's own Python client too: what it takes, refuses, lists and tells."""

from urllib.parse import parse_qs, urlsplit

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from smsadmin.sandbox.state import TWILIO_AUTH_TOKEN, TWILIO_SHARED_KEY, TWILIO_SID
from tests.sandbox.conftest import client

ADA, OURS, VOICE = "+13125550123", "+12065550188", "+442079460955"
[SERVICE] = ["MG00000000000000000000000000000001"]
ACCOUNT = f"/2010-04-01/Accounts/{TWILIO_SID}"


class Redirected(TwilioHttpClient):
    """Twilio's own client, which finds the sandbox where it looks for Twilio."""

    def __init__(self, sandbox):
        super().__init__()
        self.sandbox = sandbox
        self.session.trust_env = False

    def request(self, method, url, **options):
        address = urlsplit(url)
        place = "/twilio/messaging" if address.netloc.startswith("messaging.") else "/twilio"
        return super().request(method, f"{self.sandbox.url}{place}{address.path}?{address.query}", **options)


@pytest.fixture
def official(sandbox):
    return Client(TWILIO_SID, TWILIO_AUTH_TOKEN, http_client=Redirected(sandbox))


@pytest.fixture
def twilio(sandbox):
    with client(f"{sandbox.url}/twilio", auth=(TWILIO_SID, TWILIO_AUTH_TOKEN)) as http:
        yield http


def send(twilio, **form):
    return twilio.post(f"{ACCOUNT}/Messages.json", data={"To": ADA, "From": OURS, "Body": "Hi", **form})


def parsed(call):
    return {name: values[0] for name, values in parse_qs(call.body.decode(), keep_blank_values=True).items()}


# Twilio's own client


def test_twilios_own_client_sends_reads_lists_and_is_told_of_refusals(official, sandbox):
    made = official.messages.create(to=ADA, from_=OURS, body="Hello")
    sandbox.state.wait_until(lambda: sandbox.state.messages[0].status == "delivered", 5)
    read = official.messages(made.sid).fetch()

    assert (made.status, made.num_segments, made.price) == ("queued", "1", None)
    assert (read.status, read.price, read.date_sent.tzinfo is not None) == ("delivered", "-0.00750", True)
    official.messages.create(to=ADA, messaging_service_sid=SERVICE, body="Hello")
    listed = official.messages.list(to=ADA, date_sent_after=made.date_created.date())
    assert made.sid in {each.sid for each in listed}
    with pytest.raises(TwilioRestException) as refusal:
        official.messages.create(to="+15005550004", from_=OURS, body="Hello")
    assert (refusal.value.code, refusal.value.status) == (21610, 400)


def test_twilios_own_client_lists_numbers_and_services_and_changes_a_number(official):
    numbers = official.incoming_phone_numbers.list()
    assert {each.phone_number: each.capabilities["sms"] for each in numbers} == {OURS: True, VOICE: False}
    changed = numbers[0].update(sms_url="https://example.com/texts", sms_method="POST")
    assert changed.sms_url == "https://example.com/texts"
    assert [each.sid for each in official.messaging.v1.services.list()] == [SERVICE]
    assert official.api.v2010.accounts(TWILIO_SID).fetch().status == "active"


# What it takes and refuses


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "12065550100", "From": ""}, 21211),
        ({"To": "12345"}, 21265),
        ({"To": OURS}, 21266),
        ({"ValidityPeriod": "0"}, 90007),
        ({"ValidityPeriod": "36001"}, 90007),
        ({"MediaUrl": ["https://example.com/a.png"] * 11}, 21623),
        ({"From": "", "Body": ""}, 21603),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601, "From": "+12065550100"}, 21617),
        ({"From": "+12065550100"}, 21606),
        ({"From": VOICE, "To": "+15005550001"}, 21661),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21606),
        ({"From": "+15005550008"}, 21611),
        ({"From": "", "MessagingServiceSid": "MG1"}, 21606),
        ({"StatusCallback": "https://my_host.example/x"}, 21609),
        *[({"To": to}, code) for to, code in [("+15005550001", 21211), ("+15005550002", 21612),
          ("+15005550003", 21408), ("+15005550004", 21610), ("+15005550009", 21614)]],
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_its_order(twilio, form, code):
    answer = send(twilio, **form)

    assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, code, 400)


def test_a_service_has_chosen_no_sender_yet(twilio):
    made = send(twilio, From="", MessagingServiceSid=SERVICE).json()

    assert (made["status"], made["from"], made["num_segments"]) == ("accepted", None, "0")


def test_on_trial_verified_numbers_alone_are_texted_with_a_sentence_before(twilio, control):
    control.post("/settings", json={"twilio_trial": True, "twilio_verified_numbers": ADA})

    assert send(twilio).json()["body"] == "Sent from your Twilio trial account - Hi"
    assert send(twilio, To="+13125550124").json()["code"] == 21608
    assert send(twilio, From="ACME").json()["code"] == 21267


@pytest.mark.parametrize(("shape", "key"), [("classic", "message"), ("problem", "detail")])
def test_a_limit_and_refused_credentials_are_told_in_either_shape(twilio, control, shape, key):
    control.post("/settings", json={"twilio_requests_per_minute": 1, "twilio_error_shape": shape})
    send(twilio)
    answer = send(twilio)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()["code"]) == (429, "1", 20429)
    control.post("/settings", json={"twilio_credentials_refused": True})
    assert (send(twilio).status_code, send(twilio).json()[key]) == (401, "Authenticate")


def test_a_key_may_not_read_the_account_unless_it_is_said(sandbox, control):
    with client(f"{sandbox.url}/twilio", auth=(_key())) as by_key:
        assert by_key.get(f"{ACCOUNT}.json").status_code == 401
        assert send(by_key).status_code == 201
        control.post("/settings", json={"twilio_keys_may_read_account": True})
        assert by_key.get(f"{ACCOUNT}.json").json()["status"] == "active"


def _key():
    return "SK00000000000000000000000000000001", "sandbox-twilio-key-secret"


def test_a_fault_meets_sends_alone_and_may_come_after_the_message_was_taken(twilio, control, sandbox):
    control.post("/faults", json={"service": "twilio", "kind": "500_after", "count": 1})

    assert twilio.get(f"{ACCOUNT}/Messages.json").json()["messages"] == []
    assert send(twilio).status_code == 500
    assert len(sandbox.state.messages) == 1


def test_lists_have_pages_that_name_the_next_by_its_path(twilio, control):
    for serial in range(3):
        control.post("/twilio/numbers", json={"e164": f"+1206555020{serial}"})
    page = twilio.get(f"{ACCOUNT}/IncomingPhoneNumbers.json", params={"PageSize": "50"}).json()
    seen = []
    while page:
        seen += [each["phone_number"] for each in page["incoming_phone_numbers"]]
        page = twilio.get(page["next_page_uri"]).json() if page["next_page_uri"] else None

    assert len(seen) == len(set(seen)) == 5


def test_a_list_is_narrowed_by_the_day_in_either_direction(twilio, control):
    control.post("/settings", json={"twilio_list_has_unsent": True})
    send(twilio)
    found = {
        f"{name}{day}": len(twilio.get(f"{ACCOUNT}/Messages.json", params={name: day}).json()["messages"])
        for name in ("DateSent", "DateSent<", "DateSent>")
        for day in ("2026-11-20", "2026-11-21", "2026-11-22")
    }

    assert [name for name, count in found.items() if count] == [
        "DateSent2026-11-21",
        "DateSent<2026-11-21",
        "DateSent<2026-11-22",
        "DateSent>2026-11-20",
        "DateSent>2026-11-21",
    ]


# What it tells


@pytest.mark.parametrize(
    ("to", "steps", "code"),
    [
        (ADA, ["sending", "sent", "delivered"], None),
        ("+12025550192", ["sending", "sent", "undelivered"], "30005"),
        ("+12025550193", ["sending", "sent"], None),
        ("+12025550194", ["sending", "failed"], "30034"),
    ],
)
def test_each_status_is_told_with_a_signature_that_twilios_own_library_believes(
    twilio, product, to, steps, code
):
    url = f"{product.url}/status?message=1"
    sid = send(twilio, To=to, StatusCallback=f"{url}#rc=2").json()["sid"]
    calls = product.take(len(steps))

    told = sorted((parsed(call) for call in calls), key=lambda form: steps.index(form["MessageStatus"]))
    assert [(form["MessageSid"], form["MessageStatus"]) for form in told] == [(sid, each) for each in steps]
    assert told[-1].get("ErrorCode") == code
    assert "Body" not in told[0]
    for call in calls:
        signature = call.headers["x-twilio-signature"]
        assert RequestValidator(TWILIO_AUTH_TOKEN).validate(url, parsed(call), signature)


def test_callbacks_are_doubled_dropped_or_signed_with_a_shared_key_on_demand(twilio, product, control):
    control.post("/settings", json={"twilio_events_doubled": 1.0, "twilio_signature": "shared_key"})
    send(twilio, StatusCallback=f"{product.url}/status")
    calls = product.take(6)
    assert sorted(parsed(call)["MessageStatus"] for call in calls) == sorted(
        ["sending", "sent", "delivered"] * 2
    )
    signed = calls[0].headers["x-twilio-webhooks-signature-settings"]
    assert signed.endswith("algorithm=HMAC_SHA256")
    signature = calls[0].headers["x-twilio-signature"]
    official = RequestValidator(TWILIO_SHARED_KEY)
    assert official.validate(f"{product.url}/status", parsed(calls[0]), signature, "HMAC_SHA256")

    control.post("/settings", json={"twilio_events_dropped": 1.0})
    sid = send(twilio, StatusCallback=f"{product.url}/status").json()["sid"]
    while twilio.get(f"{ACCOUNT}/Messages/{sid}.json").json()["status"] != "delivered":
        pass
    assert product.calls.empty()


def test_a_text_whose_call_fails_is_told_at_the_other_address(twilio, product, control):
    [number, _voice] = twilio.get(f"{ACCOUNT}/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    urls = {"SmsUrl": f"{product.url}/texts", "SmsFallbackUrl": f"{product.url}/spare#rc=2"}
    twilio.post(f"{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json", data=urls)
    product.answer = lambda call: (503 if call.path == "/texts" else 200, b"")

    control.post("/inbound", json={"number": OURS, "from": ADA, "body": "STOP"})
    first, second = product.take(2)
    assert (second.path, parsed(second)) == ("/spare", parsed(first))


def test_a_text_is_told_where_the_number_says_and_stop_blocks_the_pair(twilio, product, control):
    [number, _voice] = twilio.get(f"{ACCOUNT}/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    path = f"{ACCOUNT}/IncomingPhoneNumbers/{number['sid']}.json"
    twilio.post(path, data={"SmsUrl": f"{product.url}/texts", "SmsMethod": "POST"})
    control.post("/settings", json={"twilio_advanced_opt_out": True})

    control.post("/inbound", json={"number": OURS, "from": ADA, "body": "STOP please"})
    assert "OptOutType" not in parsed(product.next())
    assert send(twilio).status_code == 201
    control.post("/inbound", json={"number": OURS, "from": ADA, "body": "stop"})
    heard = product.next()
    assert (heard.path, parsed(heard)["OptOutType"], parsed(heard)["From"]) == ("/texts", "STOP", ADA)
    by_service = {"From": "", "MessagingServiceSid": SERVICE}
    assert [send(twilio, **form).json()["code"] for form in ({}, by_service)] == [21610, 21610]
    control.post("/inbound", json={"number": OURS, "from": ADA, "body": "START"})
    assert [send(twilio, **form).status_code for form in ({}, by_service)] == [201, 201]
