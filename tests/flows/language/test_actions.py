"""What sms@v1 and fetch@v1|v2 may be given, as it is written and as it is filled in."""

import pytest

from smsadmin.flows.language import actions
from smsadmin.flows.language.actions import ParamsError
from smsadmin.flows.language.expressions import UNDEFINED
from smsadmin.flows.language.problems import KINDS

ADA = "+33639980042"
SMS = {"to": [ADA], "body": "Hello"}
FETCH = {"url": "https://crm.example.com/"}


def wrongs(action, params):
    found = actions.check(action, params)
    assert all(wrong.code in KINDS for wrong in found)
    return [(wrong.code, wrong.path) for wrong in found]


# --- sms@v1: the options of the source, each by its name ----------------------------------------------


@pytest.mark.parametrize(
    "to", [[ADA], ADA, [ADA, "+12025550123"], "${{ call.fromNumber }}", ["${{ call.a }}", ADA]]
)
def test_to_is_one_number_or_many(to):
    assert wrongs("sms@v1", {**SMS, "to": to}) == []


@pytest.mark.parametrize(
    ("to", "code", "path"),
    [
        (None, "SMS_TO_MISSING", ()),
        ("", "SMS_TO_MISSING", ("to",)),
        ([], "SMS_TO_MISSING", ("to",)),
        ({"a": ADA}, "SMS_TO_FORM", ("to",)),
        ([[ADA]], "SMS_TO_FORM", ("to", 0)),
        ([ADA, None], "SMS_TO_FORM", ("to", 1)),
        ("0612345678", "SMS_TO_NUMBER", ("to",)),
        ([ADA, "+33 6 39 98 00 42"], "SMS_TO_NUMBER", ("to", 1)),
        ([33639980042], "SMS_TO_NUMBER", ("to", 0)),
        ("Ada", "SMS_TO_NUMBER", ("to",)),
    ],
)
def test_to_must_be_full_international_numbers(to, code, path):
    assert wrongs("sms@v1", {**SMS, "to": to}) == [(code, path)]


def test_body_is_required():
    assert wrongs("sms@v1", {"to": [ADA]}) == [("SMS_BODY_MISSING", ())]
    assert wrongs("sms@v1", {**SMS, "body": ""}) == [("SMS_BODY_MISSING", ("body",))]
    assert wrongs("sms@v1", {**SMS, "body": 1234}) == [("SMS_BODY_FORM", ("body",))]


@pytest.mark.parametrize(
    "sender", ["", None, ADA, "ACME", "Acme 24-7_x", "A2345678901", "${{ call.toNumber }}"]
)
def test_from_is_a_number_a_name_or_left_to_callr(sender):
    assert wrongs("sms@v1", {**SMS, "from": sender}) == []


@pytest.mark.parametrize(
    "sender", ["A23456789012", "12345", "Acmé", "A!", " ACME", "0639980042", 5, ["ACME"]]
)
def test_from_has_at_most_11_characters_and_a_letter(sender):
    assert wrongs("sms@v1", {**SMS, "from": sender}) == [("SMS_FROM", ("from",))]


def test_encoding_is_gsm_or_unicode_or_left_to_the_text():
    for good in ("gsm", "unicode", "", None):
        assert wrongs("sms@v1", {**SMS, "encoding": good}) == []
    for bad in ("GSM", "utf-8", "auto", 7):
        assert wrongs("sms@v1", {**SMS, "encoding": bad}) == [("SMS_ENCODING", ("encoding",))]


def test_traffic_type_is_marketing_or_alerting():
    for good in ("marketing", "alerting", None):
        assert wrongs("sms@v1", {**SMS, "trafficType": good}) == []
    assert wrongs("sms@v1", {**SMS, "trafficType": "otp"}) == [("SMS_TRAFFIC", ("trafficType",))]


def test_unknown_params_are_refused():
    assert wrongs("sms@v1", {**SMS, "traffictype": "alerting"}) == [("UNKNOWN_KEY", ("traffictype",))]


def test_params_once_filled_in_are_whole():
    assert actions.sms(SMS) == {
        "to": [ADA],
        "body": "Hello",
        "from": "",
        "encoding": "",
        "trafficType": "marketing",
    }
    assert actions.sms(
        {"to": ADA, "body": 1234, "from": "ACME", "encoding": "gsm", "trafficType": "alerting"}
    ) == {"to": [ADA], "body": "1234", "from": "ACME", "encoding": "gsm", "trafficType": "alerting"}


def test_what_nothing_is_in_is_left_to_where_messages_are_refused():
    filled = actions.sms({"to": [None, UNDEFINED, 33639980042, "x"], "body": UNDEFINED, "from": None})

    assert filled["to"] == ["", "", "33639980042", "x"]
    assert (filled["body"], filled["from"]) == ("", "")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"to": []}, "SMS_TO_MISSING"),
        ({"to": {}}, "SMS_TO_FORM"),
        ({"to": [[ADA]]}, "SMS_TO_FORM"),
        ({"body": ["x"]}, "SMS_BODY_FORM"),
        ({"from": "123"}, "SMS_FROM"),
        ({"encoding": "x"}, "SMS_ENCODING"),
        ({"trafficType": "x"}, "SMS_TRAFFIC"),
    ],
)
def test_what_comes_out_wrong_is_refused_by_the_same_rules(params, code):
    with pytest.raises(ParamsError) as raised:
        actions.sms({**SMS, **params})

    assert raised.value.code == code


def test_what_is_filled_in_has_an_end():
    longest = {"to": [ADA] * 1_000, "body": "x" * 10_000}

    assert actions.sms(longest)["to"] == longest["to"]
    for params, code in (
        ({"body": "x" * 10_001}, "PARAM_LONG"),
        ({"to": [ADA] * 1_001}, "SMS_TO_MANY"),
        ({"to": [ADA, "1" * 101]}, "SMS_TO_NUMBER"),
    ):
        with pytest.raises(ParamsError) as raised:
            actions.sms({**SMS, **params})
        assert raised.value.code == code
        assert len(str(raised.value.facts)) < 200


def test_what_is_written_has_the_same_end():
    assert wrongs("sms@v1", {**SMS, "body": "x" * 10_001}) == [("PARAM_LONG", ("body",))]
    assert wrongs("sms@v1", {**SMS, "to": [ADA] * 1_001}) == [("SMS_TO_MANY", ("to",))]


# --- fetch --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {
            "method": "post",
            "headers": {"a": "b", "c": 1},
            "body": "x",
            "timeout": 4,
            "audio": {"enabled": True},
        },
        {"url": "${{ call.a }}", "headers": "${{ call.b }}"},
    ],
)
def test_fetch_takes_these(params):
    assert wrongs("fetch@v2", {**FETCH, **params}) == []


@pytest.mark.parametrize(
    ("params", "code", "path"),
    [
        ({"url": None}, "FETCH_URL", ()),
        ({"url": "ftp://x"}, "FETCH_URL", ("url",)),
        ({"method": "TRACE"}, "FETCH_METHOD", ("method",)),
        ({"headers": ["a"]}, "FETCH_HEADERS", ("headers",)),
        ({"headers": {"a": ["b"]}}, "FETCH_HEADERS", ("headers", "a")),
        ({"body": {"a": 1}}, "FETCH_BODY", ("body",)),
        ({"timeout": 0}, "FETCH_TIMEOUT", ("timeout",)),
        ({"timeout": "4"}, "FETCH_TIMEOUT", ("timeout",)),
        ({"retries": 3}, "FETCH_PARAM", ("retries",)),
    ],
)
def test_and_nothing_else(params, code, path):
    assert wrongs("fetch@v1", {**FETCH, **params}) == [(code, path)]


def test_fetch_params_once_filled_in_are_whole():
    assert actions.fetch("fetch@v2", {**FETCH, "method": "post", "headers": {"a": 1, "b": None}}) == {
        "url": "https://crm.example.com/",
        "method": "POST",
        "headers": {"a": "1", "b": ""},
        "body": "",
        "timeout": None,
    }
    with pytest.raises(ParamsError):
        actions.fetch("fetch@v2", {**FETCH, "body": {"a": 1}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", f"https://crm.example.com/{'x' * 7_977}"),
        ("body", "x" * 65_537),
        ("headers", {"a": "x" * 65_536}),
    ],
)
def test_what_a_fetch_sends_has_an_end(key, value):
    with pytest.raises(ParamsError) as raised:
        actions.fetch("fetch@v2", {**FETCH, key: value})

    assert (raised.value.code, raised.value.facts["key"]) == ("PARAM_LONG", key)
    shorter = {name: each[:-1] for name, each in value.items()} if key == "headers" else value[:-1]
    assert actions.fetch("fetch@v2", {**FETCH, key: shorter})[key] == shorter


@pytest.mark.parametrize(
    "name", ["authorization", "Authorization", "X-API-Key", "cookie", "proxy-authorization"]
)
def test_a_credential_that_stands_in_the_text_is_told(name):
    assert wrongs("fetch@v2", {**FETCH, "headers": {name: "secret", "b": "${{ run.a }}"}}) == [
        ("FETCH_SECRET", ("headers", name))
    ]


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer ${{ run.token }}"}, {"cookie": ""}, {"accept": "a"}],
)
def test_what_comes_with_the_run_is_no_credential_of_the_text(headers):
    assert wrongs("fetch@v2", {**FETCH, "headers": headers}) == []


# --- The others ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [*actions.GIVEN, "log@v1"])
def test_params_of_what_is_given_are_not_judged(action):
    assert wrongs(action, {"anything": [1]}) == []
