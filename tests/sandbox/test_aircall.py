"""Aircall's stand-in: credentials, lists, sends, webhooks."""

import httpx
import pytest

from smsadmin.sandbox.state import ProxyConfiguration

NATIVE = 812001  # "Support US 1", with Mia, Nora (5 segments left) and Ben
MIA, LEO, NORA = 456001, 456002, 456003
ADA = "+12135550142"


def first(sandbox, kind):
    return next(number for number in sandbox.state.numbers.values() if number.kind == kind)


def send(aircall, number_id=NATIVE, **body):
    body = {"to": ADA, "body": "Hello Ada"} | body
    return aircall.post(f"/v1/numbers/{number_id}/messages/native/send", json=body)


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({}, 401, "Unauthorized"),
        ({"Authorization": "Digest x"}, 401, "Unauthorized"),
        ({"Authorization": "Basic c2FuZGJveC1pZDp3cm9uZw=="}, 403, "Forbidden"),
        ({"Authorization": "Bearer unknown"}, 403, "Forbidden"),
    ],
)
def test_a_credential_is_missing_or_wrong(sandbox, headers, status, message):
    answer = httpx.get(f"{sandbox.url}/aircall/v1/ping", headers=headers, trust_env=False)

    assert (answer.status_code, answer.json()) == (status, {"message": message})


def test_an_unknown_path_is_not_found_at_the_edge(aircall):
    assert aircall.get("/v1/nothing").json() == {"message": "Not Found"}


BACK = "http://product.example/back?x=1"
ASKED = {
    "client_id": "sandbox-aircall-client",
    "redirect_uri": BACK,
    "response_type": "code",
    "scope": "public_api",
}
GRANT = {
    "grant_type": "authorization_code",
    "redirect_uri": BACK,
    "client_id": "sandbox-aircall-client",
    "client_secret": "sandbox-aircall-secret",
}


def agree(aircall, **asked):
    """Where the browser is sent after the page on which an admin agrees."""
    answer = aircall.get("/oauth/authorize", params={**ASKED, **asked}, auth=None)
    assert answer.status_code == 302
    return answer.headers["location"]


def granted(aircall):
    """An access token, got as an app gets it."""
    code = agree(aircall).rpartition("code=")[2]
    return aircall.post("/v1/oauth/token", json={**GRANT, "code": code}, auth=None).json()["access_token"]


def test_a_bearer_token_of_the_code_exchange_sees_its_integration(aircall, sandbox):
    token = granted(aircall)

    answer = aircall.get("/v1/integrations/me", headers={"Authorization": f"Bearer {token}"}, auth=None)

    assert len(token) == 40
    assert answer.json()["integration"]["numbers_count"] == 56
    assert aircall.get("/v1/integrations/me").status_code == 404


def test_whoever_agrees_comes_back_with_a_code_and_the_state(aircall, control):
    assert agree(aircall, state="s-1").startswith(f"{BACK}&code=")
    assert agree(aircall, state="s-1").endswith("&state=s-1")

    control.post("/settings", json={"aircall_admin_agrees": False})
    assert agree(aircall) == f"{BACK}&error=access_denied"


@pytest.mark.parametrize(
    "asked", [{"client_id": "x"}, {"redirect_uri": ""}, {"response_type": "token"}, {"scope": "all"}], ids=str
)
def test_the_page_to_agree_on_takes_the_documented_request_alone(aircall, asked):
    assert aircall.get("/oauth/authorize", params={**ASKED, **asked}, auth=None).status_code == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "another"},
        {"client_secret": "x"},
        {"client_id": "x"},
        {"redirect_uri": "http://x.example/"},
        {"grant_type": "x"},
    ],
    ids=str,
)
def test_a_code_is_exchanged_by_its_app_with_its_address_alone(aircall, wrong):
    code = agree(aircall).rpartition("code=")[2]

    answer = aircall.post("/v1/oauth/token", json={**GRANT, "code": code, **wrong}, auth=None)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})


def test_a_code_works_once(aircall):
    code = agree(aircall).rpartition("code=")[2]
    answers = [aircall.post("/v1/oauth/token", json={**GRANT, "code": code}, auth=None) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 400]


def test_an_app_that_is_removed_is_told_once_and_its_token_and_webhooks_are_gone(
    aircall, control, product, sandbox
):
    bearer = {"Authorization": f"Bearer {granted(aircall)}"}
    hook = {"url": product.url, "events": ["integration.deleted"]}
    aircall.post("/v1/webhooks", json=hook)  # by a key: it does not hear of it
    aircall.post("/v1/webhooks", json=hook, headers=bearer, auth=None)

    control.post("/aircall/uninstall")

    assert product.next().json["data"] == {"integration_id": 42, "company_id": 1}
    assert aircall.get("/v1/ping", headers=bearer, auth=None).status_code == 403
    assert [each.of_app for each in sandbox.state.webhooks.values()] == [False]
    assert product.calls.empty()


def test_a_refused_key_is_a_switch_and_leaves_granted_access_alone(aircall, control):
    bearer = {"Authorization": f"Bearer {granted(aircall)}"}
    control.post("/settings", json={"aircall_key_refused": True})

    assert aircall.get("/v1/ping").json() == {"message": "Forbidden"}
    assert aircall.get("/v1/ping", headers=bearer, auth=None).status_code == 200


@pytest.mark.parametrize(
    ("how", "body"),
    [
        ("edge", {"message": "Forbidden"}),
        ("service", {"error": "Forbidden", "message": "Forbidden", "troubleshoot": "Forbidden"}),
    ],
)
def test_a_plan_without_api_messaging_is_a_switch(aircall, control, how, body):
    control.post("/settings", json={"aircall_plan_has_api": False, "aircall_plan_refusal": how})

    for answer in (send(aircall), aircall.get(f"/v1/numbers/{NATIVE}/messages/configuration")):
        assert (answer.status_code, answer.json()) == (403, body)
    assert aircall.get("/v1/ping").status_code == 200


def test_pictures_go_along_and_are_seen_in_what_was_received(aircall, control, sandbox):
    number = first(sandbox, "proxy")
    body = {"to": ADA, "body": "Look", "mediaUrl": ["https://files.example/a.png"]}

    answer = aircall.post(f"/v1/numbers/{number.id}/messages/send", json=body)

    assert answer.json()["media_url"] == body["mediaUrl"]
    assert control.get("/messages").json()[-1]["media"] == body["mediaUrl"]
    for wrong in ("https://files.example/a.png", ["a.png"], [1]):
        refused = aircall.post(f"/v1/numbers/{number.id}/messages/send", json=body | {"mediaUrl": wrong})
        assert (refused.status_code, refused.json()["error"]) == (400, "InvalidPayload")


def test_somebody_texts_in_the_app_and_a_group(aircall, control, product):
    hook = {"url": product.url, "events": ["message.sent", "group_message.sent"]}
    aircall.post("/v1/webhooks", json=hook)

    control.post("/outbound", json={"number": NATIVE, "to": ADA, "body": "From the app"}).raise_for_status()
    control.post(
        "/group-message", json={"number": NATIVE, "to": [ADA, ADA], "body": "All"}
    ).raise_for_status()

    told = {call.json["event"]: call.json["data"] for call in product.take(2)}
    assert told["message.sent"]["external_number"] == ADA
    assert told["group_message.sent"]["participants"] == [ADA, ADA]
    assert control.get("/messages").json()[-1]["service"] == "app"


def test_nobody_texts_in_the_app_from_a_number_in_proxy_mode(control, sandbox):
    text = {"number": first(sandbox, "proxy").id, "to": ADA, "body": "From the app"}

    assert control.post("/outbound", json=text).status_code == 400


def test_a_list_is_paged_and_ends_without_a_next_link(aircall):
    pages = [aircall.get("/v1/numbers", params={"per_page": 50, "page": page}).json() for page in (1, 2)]

    assert [len(page["numbers"]) for page in pages] == [50, 10]
    assert pages[0]["meta"]["next_page_link"].endswith("page=2&per_page=50")
    assert pages[1]["meta"]["next_page_link"] is None
    assert pages[1]["meta"] | {"total": 60, "count": 10, "current_page": 2} == pages[1]["meta"]


@pytest.mark.parametrize("size", ["0", "51", "many"])
def test_a_page_size_outside_1_to_50_is_refused(aircall, size):
    assert aircall.get("/v1/numbers", params={"per_page": size}).status_code == 400


def test_users_in_the_number_list_are_a_switch(aircall, control):
    assert "users" in aircall.get("/v1/numbers").json()["numbers"][0]

    control.post("/settings", json={"aircall_users_in_number_list": False})

    assert "users" not in aircall.get("/v1/numbers").json()["numbers"][0]
    assert "users" in aircall.get(f"/v1/numbers/{NATIVE}").json()["number"]


def test_a_user_is_found_by_id_and_by_email_in_any_case(aircall):
    for reference in (MIA, "mia@example.com", "MIA@example.com"):
        assert aircall.get(f"/v2/users/{reference}").json()["user"]["id"] == MIA
    assert aircall.get("/v2/users/nobody@example.com").status_code == 404
    assert [item["id"] for item in aircall.get(f"/v2/users/{LEO}/numbers").json()["numbers"]] == [812004]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"/v1/numbers/{NATIVE}/messages/native/send"),
        ("GET", f"/v1/numbers/{NATIVE}/messages/configuration"),
        ("GET", f"/v1/numbers/{NATIVE}/registration_status"),
        ("DELETE", "/v1/webhooks/unknown"),
    ],
)
def test_the_content_type_is_required_even_without_a_body(sandbox, method, path):
    auth = ("sandbox-id", "sandbox-token")
    answer = httpx.request(method, f"{sandbox.url}/aircall{path}", auth=auth, trust_env=False)

    assert (answer.status_code, answer.json()["error"]) == (400, "InvalidContentType")


def test_the_minute_holds_as_many_requests_as_set_and_then_reopens(aircall, control, clock):
    control.post("/settings", json={"aircall_requests_per_minute": 2})
    answers = [aircall.get("/v1/ping") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert "X-AircallApi-Limit" not in answers[0].headers
    assert answers[2].headers["X-AircallApi-Remaining"] == "0"
    assert int(answers[2].headers["X-AircallApi-Reset"]) == clock() + 60
    clock.seconds += 60
    assert aircall.get("/v1/ping").status_code == 200


def test_rate_headers_on_every_answer_are_a_switch(aircall, control):
    control.post("/settings", json={"aircall_rate_headers": "always"})

    assert aircall.get("/v1/ping").headers["X-AircallApi-Remaining"] == "119"


def test_a_send_is_answered_unwrapped_and_kept_with_its_user(aircall, control):
    answer = send(aircall, agentId=MIA).json()

    assert answer["status"] == "pending"
    assert answer["raw_digits"] == ADA.removeprefix("+")
    assert isinstance(answer["sent_at"], int)
    assert answer["number"]["id"] == NATIVE
    [message] = control.get("/messages").json()
    assert message["id"] == answer["id"]
    kept = {name: message[name] for name in ("service", "sender", "recipient", "body", "user")}
    assert kept == {
        "service": "aircall",
        "sender": "+12025550101",
        "recipient": ADA,
        "body": "Hello Ada",
        "user": "mia@example.com",
    }


# Each row breaks one check; the row's later checks would fail too, so the order shows.
@pytest.mark.parametrize(
    ("kind", "body", "status", "key"),
    [
        (None, {}, 404, "Not Found"),
        ("proxy", {"to": "123"}, 403, "LineIsNotNativeException"),
        ("third_party", {"to": "123"}, 403, "LineIsNotNativeException"),
        ("voice_only", {"to": "123"}, 403, "LineNotSmsEnabled"),
        ("native", {"to": "123", "body": ""}, 400, "InvalidPayload"),
        ("native", {"to": "2135550142"}, 400, "InvalidPayload"),
        ("native", {"to": "+12025550101", "body": ""}, 400, "SameDestinationAsSender"),
        ("native", {"body": "", "agentId": LEO}, 400, "InvalidPayload"),
        ("native", {"body": "x" * 1601, "agentId": LEO}, 400, "InvalidPayload"),
        ("french_mobile", {"body": "x" * 671}, 400, "InvalidPayload"),
        ("native", {"body": "x" * 900, "agentId": LEO}, 400, "InvalidAgent"),
        ("native", {"body": "x" * 900, "agentId": NORA}, 403, "Forbidden"),
    ],
)
def test_a_send_is_refused_by_the_first_check_that_fails(aircall, control, sandbox, kind, body, status, key):
    number_id = first(sandbox, kind).id if kind else 1
    answer = send(aircall, number_id, **body)

    assert (answer.status_code, answer.json()["error"]) == (status, key)
    assert control.get("/messages").json() == []


def test_how_many_segments_were_counted_is_told_where_a_switch_says(aircall, product, control):
    subscribe(aircall, product, "message.sent")
    assert "segments" not in send(aircall).json()
    assert "segments" not in product.next().json["data"]

    control.post("/settings", json={"aircall_segments": "answer", "aircall_segments_added": 2})
    assert send(aircall).json()["segments"] == 3
    assert "segments" not in product.next().json["data"]

    control.post("/settings", json={"aircall_segments": "events"})
    assert "segments" not in send(aircall).json()
    assert product.next().json["data"]["segments"] == 3


def test_proxy_send_needs_a_configuration(aircall, sandbox, control):
    body = {"to": ADA, "body": "Hello"}
    assert (
        aircall.post(f"/v1/numbers/{NATIVE}/messages/send", json=body).json()["error"]
        == "NumberNotConfigured"
    )
    aircall.post(f"/v1/numbers/{NATIVE}/messages/configuration", json={})
    assert aircall.post(f"/v1/numbers/{NATIVE}/messages/send", json=body).status_code == 200
    assert control.get("/messages").json()[0]["mode"] == "proxy"


def test_a_user_sends_until_the_segments_are_used_up(aircall):
    statuses = [send(aircall, agentId=NORA).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [403]


def test_a_number_refuses_once_its_hour_is_used_up_and_names_the_window(aircall, sandbox, clock):
    mobile = first(sandbox, "french_mobile")
    mobile.limits = {"hour": 1}

    assert send(aircall, mobile.id).status_code == 200
    refused = send(aircall, mobile.id)
    assert (refused.status_code, "current hour (UTC)" in refused.json()["message"]) == (403, True)
    clock.seconds += 3600
    assert send(aircall, mobile.id).status_code == 200


def test_proxy_mode_is_set_read_and_left(aircall):
    path = f"/v1/numbers/{NATIVE}/messages/configuration"
    assert aircall.get(path).json() == {"error": "NotFound"}

    made = aircall.post(path, json={"callbackUrl": "http://127.0.0.1:9/"}).json()

    assert made["type"] == "Public Api"
    assert aircall.get(path).json() == made
    assert aircall.post(path, json={}).json()["token"] == made["token"]
    assert aircall.delete(path).status_code == 204
    assert aircall.get(path).status_code == 404


# Webhooks


def subscribe(aircall, product, *events):
    body = {"url": f"{product.url}/hook", "events": list(events)}
    return aircall.post("/v1/webhooks", json=body).json()["webhook"]


def test_a_native_send_is_told_by_webhook_until_it_is_delivered(aircall, product):
    webhook = subscribe(aircall, product, "message.sent", "message.status_updated")
    message_id = send(aircall).json()["id"]

    calls = [call.json for call in product.take(3)]

    assert sorted((call["event"], call["data"]["status"]) for call in calls) == [
        ("message.sent", "sent"),
        ("message.status_updated", "delivered"),
        ("message.status_updated", "sent"),
    ]
    assert {call["token"] for call in calls} == {webhook["token"]}
    assert {call["data"]["id"] for call in calls} == {message_id}


@pytest.mark.parametrize(
    ("recipient", "status"), [("+12025550191", "undelivered"), ("+12025550192", "failed")]
)
def test_the_recipient_decides_whether_a_message_arrives(aircall, product, recipient, status):
    subscribe(aircall, product, "message.status_updated")
    send(aircall, to=recipient)

    assert status in {call.json["data"]["status"] for call in product.take(2)}


def test_events_can_come_twice(aircall, control, product):
    control.post("/settings", json={"aircall_events_doubled": 1.0})
    subscribe(aircall, product, "message.sent")
    send(aircall)

    assert len({call.json["data"]["id"] for call in product.take(2)}) == 1


def test_a_proxy_number_calls_back_once_with_another_envelope(aircall, sandbox, product):
    number = first(sandbox, "proxy")
    number.configuration = ProxyConfiguration("the-token", f"{product.url}/callback")
    aircall.post(f"/v1/numbers/{number.id}/messages/send", json={"to": ADA, "body": "Hi"})

    calls = [call.json for call in product.take(2)]

    assert {call["event_name"] for call in calls} == {"message.updated"}
    assert {call["token"] for call in calls} == {"the-token"}
    assert calls[0]["data"]["raw_digits"] == ADA.removeprefix("+")
    assert calls[0]["timestamp"] > 10**12


def test_a_webhook_that_keeps_failing_is_switched_off_and_revived_by_a_success(
    aircall, control, product, sandbox
):
    control.post("/settings", json={"aircall_webhook_disabled_after": 2, "aircall_webhook_retries": 3})
    webhook = subscribe(aircall, product, "message.received")
    hook = sandbox.state.webhooks[webhook["webhook_id"]]
    seen_active = []

    def answer(call):
        seen_active.append(hook.active)
        return (500 if len(seen_active) < 4 else 200), {}

    product.answer = answer
    control.post("/inbound", json={"number": NATIVE, "from": ADA, "body": "Hello"})
    product.take(4)

    assert seen_active == [True, True, False, False]
    assert sandbox.state.wait_until(lambda: hook.active, 5)
    assert aircall.get(f"/v1/webhooks/{hook.id}").json()["webhook"]["active"] is True


def test_webhooks_are_made_changed_listed_and_deleted(aircall, product):
    everything = subscribe(aircall, product)
    path = f"/v1/webhooks/{everything['webhook_id']}"

    assert {"message.sent", "call.ended", "number.created"} <= set(everything["events"])
    assert aircall.put(path, json={"events": ["call.ended"]}).json()["webhook"]["events"] == ["call.ended"]
    added = aircall.put(path, params={"events_action": "add"}, json={"events": ["message.sent"]})
    assert added.json()["webhook"]["events"] == ["call.ended", "message.sent"]
    assert len(aircall.get("/v1/webhooks").json()["webhooks"]) == 1
    assert aircall.delete(path).status_code == 204
    assert aircall.get(path).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"url": "nowhere"}, {"url": "http://127.0.0.1:9/", "events": ["sms.sent"]}]
)
def test_a_webhook_without_url_or_with_an_unknown_event_is_refused(aircall, body):
    assert aircall.post("/v1/webhooks", json=body).status_code == 400


def test_inbound_messages_and_calls_are_made_by_hand(aircall, control, product):
    subscribe(aircall, product, "message.received", "call.ended")
    control.post("/inbound", json={"number": "+12025550101", "from": ADA, "body": "STOP"})
    received = product.next().json
    assert (received["event"], received["data"]["external_number"]) == ("message.received", ADA)

    call = control.post(
        "/calls", json={"number": NATIVE, "from": ADA, "missed_call_reason": "short_abandoned"}
    )
    ended = product.next().json["data"]
    assert (ended["missed_call_reason"], ended["answered_at"]) == ("short_abandoned", None)
    assert "user" not in ended
    assert aircall.get(f"/v1/calls/{call.json()['id']}").json()["call"]["sid"] == ended["call_uuid"]


def test_numbers_come_and_go_with_events_but_users_join_silently(aircall, control, product):
    subscribe(aircall, product)
    made = control.post("/aircall/numbers", json={"e164": "+12145550199", "name": "New line"}).json()
    control.post(f"/aircall/numbers/{made['id']}/users", json={"user": "leo@example.com"})
    control.delete(f"/aircall/numbers/{made['id']}")

    created, deleted = sorted((call.json for call in product.take(2)), key=lambda call: call["event"])
    assert (created["event"], created["data"]["e164_digits"]) == ("number.created", "+12145550199")
    assert (deleted["event"], deleted["data"]["users"]) == ("number.deleted", [])
    assert product.calls.empty()
