"""Only HubSpot's own calls are believed (HubSpot docs: "Validating requests"). The oracle is HubSpot's client."""

import json
from pathlib import Path

import pytest
from hubspot.utils.signature import Signature

from smsadmin.triggers.hubspot import signature
from smsadmin.triggers.hubspot.signature import SignatureError, Signed, verify

VECTORS = json.loads((Path(__file__).parents[2] / "payloads/hubspot_signatures.json").read_text())
NOW = 1_795_291_200_000
SECRET, URI, BODY = (
    "the-secret",
    "https://sms.example.com/hubspot/actions/send-sms?ws=main",
    '{"name":"Zoë 👋"}',
)
V2 = Signature.get_signature(SECRET, BODY, "v2", URI, "POST")
V3 = Signature.get_signature(SECRET, BODY, "v3", URI, "POST", str(NOW))


def headers_of(vector):
    if "timestamp" not in vector:
        return {"X-HubSpot-Signature": vector["signature"], "X-HubSpot-Signature-Version": "v2"}
    return {
        "X-HubSpot-Signature-v3": vector["signature"],
        "X-HubSpot-Request-Timestamp": vector["timestamp"],
    }


def v3_headers(given=V3, timestamp=NOW):
    return {"X-HubSpot-Signature-v3": given, "X-HubSpot-Request-Timestamp": str(timestamp)}


def check(headers, *, method="POST", uri=URI, body=BODY, secrets=(SECRET,), now=NOW):
    verify(Signed(method, uri, body.encode(), headers), secrets, now)


def reason(headers, **changes):
    with pytest.raises(SignatureError) as error:
        check(headers, **changes)
    return error.value.reason


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_published_vector_is_accepted(vector):
    signed = Signed(vector["method"], vector["uri"], vector["body"].encode(), headers_of(vector))
    verify(signed, [vector["secret"]], int(vector.get("timestamp", NOW)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_every_published_vector_is_what_hubspots_own_client_makes(vector):
    uri = vector.get("signed_uri", vector["uri"])  # the client leaves the decoding of escapes to its caller
    version = "v3" if "timestamp" in vector else "v2"
    made = Signature.get_signature(
        vector["secret"], vector["body"], version, uri, vector["method"], vector.get("timestamp")
    )
    assert made == vector["signature"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
@pytest.mark.parametrize("part", ["method", "uri", "body", "secret"])
def test_no_vector_survives_a_changed_part(vector, part):
    changed = {**vector, part: vector[part] + "x"}
    signed = Signed(changed["method"], changed["uri"], changed["body"].encode(), headers_of(vector))
    with pytest.raises(SignatureError) as error:
        verify(signed, [changed["secret"]], int(vector.get("timestamp", NOW)))
    assert error.value.reason == "mismatch"


@pytest.mark.parametrize(
    ("wire", "signed"),
    [
        ("%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B", ":/?@!$'()*,;"),
        ("%3a%2f%3f%2a%2c%3b", ":/?*,;"),
        ("%20%2B%3D%26%C3%BC%25%23", "%20%2B%3D%26%C3%BC%25%23"),
        ("%253A", "%253A"),
        ("a?b=c", "a?b=c"),
    ],
    ids=["the twelve", "lower case", "all others stay", "not twice", "plain"],
)
def test_v3_decodes_twelve_escapes_and_no_other(wire, signed):
    assert signature.decoded(wire) == signed


def test_v2_takes_the_uri_as_it_came():
    uri = f"{URI}&cb=https%3A%2F%2Fa.example"
    check({"X-HubSpot-Signature": Signature.get_signature(SECRET, BODY, "v2", uri, "POST")}, uri=uri)
    decoded = Signature.get_signature(SECRET, BODY, "v2", signature.decoded(uri), "POST")
    assert reason({"X-HubSpot-Signature": decoded}, uri=uri) == "mismatch"


@pytest.mark.parametrize("skew", [-300_000, -1, 0, 299_999, 300_000])
def test_a_v3_timestamp_within_five_minutes_is_fresh(skew):
    check(v3_headers(), now=NOW + skew)


@pytest.mark.parametrize("skew", [-300_001, 300_001, 86_400_000, -86_400_000])
def test_a_v3_timestamp_further_away_is_stale_in_past_and_future(skew):
    assert reason(v3_headers(), now=NOW + skew) == "stale"


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1.5", "١٧٩٥٢٩١٢٠٠٠٠٠", "9" * 5_000, f" {NOW}"])
def test_a_timestamp_that_is_no_number_counts_as_missing(timestamp):
    assert reason(v3_headers(timestamp=timestamp)) == "missing"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "missing"),
        ({"X-HubSpot-Request-Timestamp": str(NOW)}, "missing"),
        ({"X-HubSpot-Signature-v3": V3}, "missing"),
        ({"X-HubSpot-Signature": ""}, "mismatch"),
        ({"X-HubSpot-Signature": V2.upper()}, "mismatch"),
        ({"X-HubSpot-Signature": V3}, "mismatch"),
        ({"X-HubSpot-Signature": "ünïcode"}, "mismatch"),
        (v3_headers(given=V2), "mismatch"),
        (v3_headers(given=V3.rstrip("=")), "mismatch"),
    ],
)
def test_a_refusal_names_the_part_that_failed(headers, expected):
    assert reason(headers) == expected


def test_where_v3_came_a_good_v2_does_not_help():
    good_v2 = {"X-HubSpot-Signature": V2}
    check(good_v2)
    assert reason(good_v2 | v3_headers(given="x")) == "mismatch"
    assert reason(good_v2 | v3_headers(), now=NOW + 400_000) == "stale"


@pytest.mark.parametrize("headers", [{"X-HubSpot-Signature": V2}, v3_headers()], ids=["v2", "v3"])
def test_either_of_two_secrets_may_have_signed(headers):
    check(headers, secrets=[SECRET, "the-next-one"])
    check(headers, secrets=["the-next-one", SECRET])
    assert reason(headers, secrets=["the-next-one"]) == "mismatch"


@pytest.mark.parametrize("headers", [{"X-HubSpot-Signature": V2}, v3_headers()], ids=["v2", "v3"])
def test_without_a_secret_nothing_is_believed(headers):
    assert reason(headers, secrets=[]) == "mismatch"


def test_signatures_are_compared_in_constant_time_and_with_every_secret(monkeypatch):
    compared = []
    monkeypatch.setattr(signature.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or True)
    check({"X-HubSpot-Signature": "anything"}, secrets=[SECRET, "other"])
    assert [given for _, given in compared] == [b"anything", b"anything"]


def test_a_mismatch_names_the_address_but_never_the_secret():
    with pytest.raises(SignatureError) as error:
        check({"X-HubSpot-Signature": "x"})
    assert URI in str(error.value)
    assert SECRET not in str(error.value)
    assert V2 not in str(error.value)
