"""Twilio's signatures: vectors that its own library computed, what must be refused, and that library beside ours."""

import json

import pytest
from twilio.request_validator import RequestValidator

from smsadmin.providers.twilio.signatures import SHA1, SHA256, algorithm_of, is_signed, sign

TOKEN, ROOT = "0123456789abcdef0123456789abcdef", "https://sms.example.com"
STATUS, INBOUND = f"{ROOT}/hooks/twilio/status/", f"{ROOT}/hooks/twilio/inbound/"
CALLED = "https://mycompany.com/myapp.php?foo=1&bar=2"
HASHED = (
    f"{ROOT}/hooks/twilio/events/?bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)
BODY = b'{"property": "value", "boolean": true}'


def form(**parameters):
    return {name: [value] for name, value in parameters.items()}


CALL = form(
    CallSid="CA1234567890ABCDE", Digits="1234", From="+14158675309", To="+18005551212", Caller="+14158675309"
)
RECEIPT = form(
    AccountSid="AC00000000000000000000000000000001",
    ApiVersion="2010-04-01",
    From="+15005550006",
    MessageSid="SM00000000000000000000000000000001",
    MessageStatus="delivered",
    SmsSid="SM00000000000000000000000000000001",
    SmsStatus="delivered",
    To="+14155550100",
)
UNDELIVERED = {**RECEIPT, **form(MessageStatus="undelivered", SmsStatus="undelivered", ErrorCode="30005")}
TEXT = form(
    AccountSid="AC00000000000000000000000000000001",
    Body="Déjà vu 👍 & more = 100%",
    From="+14155550100",
    MessageSid="SM00000000000000000000000000000002",
    NumMedia="0",
    NumSegments="1",
    To="+15005550006",
)
SPACED = form(Body="  STOP ", From="+14155550100", MediaUrl0="", To="+15005550006")
SEVERAL = {"Sid": ["CA123"], "SidAccount": ["AC123"], "Digits": ["5678", "1234", "1234"]}

VECTORS = {
    "S1": (CALLED, CALL, "12345", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
    "S2": (STATUS, RECEIPT, TOKEN, "Vj19PueGTVaeFHicgL+KdEd+jWQ="),
    "S3": (f"{STATUS}?a=42&b=x%20y", UNDELIVERED, TOKEN, "LINkDTXgpfkdoYP+QCNSv4Q140A="),
    "S4": (INBOUND, TEXT, TOKEN, "MCBmNxnn8nlYSKIvr/P1BCz/nuM="),
    "S5": (INBOUND, SPACED, TOKEN, "H7SLR8eWYsY0My1Tjk0G2FmCIBc="),
    "S6": (
        "https://sms.example.com:443/hooks/twilio/status/",
        RECEIPT,
        TOKEN,
        "DW6gG48ihNfsBJH3RP7zIkPkrqk=",
    ),
    "S7": (
        "https://sms.example.com:8443/hooks/twilio/status/",
        RECEIPT,
        TOKEN,
        "lE/ebkdRNNrPusnsOWwfpbAuu3Q=",
    ),
    "S8": (STATUS, {}, TOKEN, "VHP7PMaTK2MCTvrXKo3R66XxWrk="),
    "S11": (CALLED, SEVERAL, "12345", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
}
SIGNED = VECTORS["S2"][3]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_every_vector_is_signed_and_believed(vector):
    url, parameters, token, signature = vector

    assert sign(url, parameters, token) == signature
    assert is_signed(url, parameters, signature, token)


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_twilios_own_library_comes_to_the_same(vector):
    url, parameters, token, signature = vector

    class Form(dict):
        def getlist(self, name):
            return self[name]

    official = RequestValidator(token)
    assert official.compute_signature(url, Form(parameters)) == sign(url, parameters, token)
    assert official.validate(url, Form(parameters), signature) == is_signed(url, parameters, signature, token)


def test_s6_and_s7_are_believed_for_the_address_without_the_port_and_the_other_way_round():
    assert is_signed(STATUS, RECEIPT, VECTORS["S6"][3], TOKEN)
    assert is_signed("https://sms.example.com:443/hooks/twilio/status/", RECEIPT, SIGNED, TOKEN)
    assert is_signed("https://sms.example.com:8443/hooks/twilio/status/", RECEIPT, SIGNED, TOKEN)


def test_s9_a_shared_key_signs_with_sha_256_and_only_where_the_header_says_so():
    secret, signature = "sharedkeysecret", "vgeUprTRsZTFqUcMQaxSJd1iTffNIsjxQzokExao4Jg="

    assert algorithm_of("key=webhooks_1,algorithm=HMAC_SHA256") == SHA256
    assert is_signed(STATUS, RECEIPT, signature, secret, algorithm=SHA256)
    assert not is_signed(STATUS, RECEIPT, signature, secret)
    assert RequestValidator(secret).validate(
        STATUS, {name: values[0] for name, values in RECEIPT.items()}, signature, SHA256
    )


def test_s10_of_a_body_that_is_no_form_the_address_has_the_hash():
    signature = "E1ugpV7fFsxQHHOYyLnaRalOeGw="

    assert is_signed(HASHED, {}, signature, TOKEN, body=BODY)
    assert not is_signed(HASHED, {}, signature, TOKEN, body=BODY + b" ")
    assert RequestValidator(TOKEN).validate(HASHED, json.dumps(json.loads(BODY)), signature)


@pytest.mark.parametrize(
    ("url", "parameters", "signature"),
    [
        (STATUS, {**RECEIPT, "MessageStatus": ["sent"]}, SIGNED),
        (STATUS.replace("https", "http"), RECEIPT, SIGNED),
        (STATUS.rstrip("/"), RECEIPT, SIGNED),
        (STATUS, RECEIPT, ""),
        (STATUS, RECEIPT, SIGNED.lower()),
        (STATUS, RECEIPT, "é"),
        (f"{STATUS}?bodySHA256=abc", RECEIPT, SIGNED),
    ],
    ids=[
        "another status",
        "http",
        "no slash",
        "no header",
        "lower case",
        "no base64",
        "a hash beside a form",
    ],
)
def test_what_must_be_refused_is(url, parameters, signature):
    assert not is_signed(url, parameters, signature, TOKEN)


@pytest.mark.parametrize("name", ["HMAC_SHA512", "none", "HMAC_MD5"])
def test_an_algorithm_that_nobody_documents_is_never_believed(name):
    algorithm = algorithm_of(f"key=k,algorithm={name}")

    assert algorithm not in (SHA1, SHA256)
    assert not is_signed(STATUS, RECEIPT, SIGNED, TOKEN, algorithm=algorithm)


@pytest.mark.parametrize("settings", ["", "key=k", "algorithm=", "nonsense"])
def test_without_an_algorithm_the_auth_token_signs(settings):
    assert algorithm_of(settings) == SHA1


def test_without_a_secret_nothing_is_believed():
    assert not is_signed(STATUS, RECEIPT, sign(STATUS, RECEIPT, ""), "")
