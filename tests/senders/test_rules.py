"""What recipients' countries make of sender names and of alphabets, before anything is sent."""

import pytest

from smsadmin import cache
from smsadmin.core import countries, numbers, sender_names
from smsadmin.core.trace import Step
from smsadmin.directory.models import Number, SenderKind
from smsadmin.senders import rules
from smsadmin.senders.models import CountryRule
from smsadmin.sending import explain
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from tests.factories import ask, make_pool, make_sender_name

FRANCE, SINGAPORE, US, CANADA, PUERTO_RICO = (
    "+33612345678",
    "+6591234567",
    "+13125550123",
    "+14165550123",
    "+17872345678",
)
CALLR_SAMPLE = "+33639980042"  # of a range that the plan of France has not given out


def send(account, phone, sender="ACME", **over) -> Message:
    number = Number.objects.get(connection=account, kind=SenderKind.PHONE)
    config = {"sender_kind": "given", "sender_given": sender, "sender_connection_id": account.pk}
    return accept(ask(number, phone=phone, **config, **over))


def said(message: Message, name: str) -> Step:
    return next(each for each in map(Step.from_json, message.trace) if each.name == name)


def set_rule(account, country, **columns):
    CountryRule.objects.update_or_create(workspace=account.workspace, country=country, defaults=columns)
    cache.forget()


@pytest.mark.parametrize(
    ("phone", "approvals", "outcome"),
    [
        (FRANCE, {}, "sender_id.allowed"),
        (FRANCE, {"FR": "requested"}, "sender_id.allowed"),  # nobody asks for it there
        (FRANCE, {"FR": "approved"}, "sender_id.approved"),
        (CALLR_SAMPLE, {}, "sender_id.allowed"),
        (FRANCE, {"FR": "refused"}, "refused"),
        (SINGAPORE, {}, "never requested"),
        (SINGAPORE, {"SG": "requested"}, "requested"),
        (SINGAPORE, {"SG": "refused"}, "refused"),
        (SINGAPORE, {"SG": "approved"}, "sender_id.approved"),
        (SINGAPORE, {"FR": "approved"}, "never requested"),
        (US, {"US": "approved"}, "unsupported"),
        (CANADA, {}, "unsupported"),
        (PUERTO_RICO, {}, "unsupported"),
        ("+15550199", {}, "unsupported"),  # a number of no known range goes to the code's main country
        ("+870773111632", {}, "sender_id.nowhere"),  # a satellite telephone
    ],
)
def test_a_name_is_sent_where_its_country_lets_it(account, phone, approvals, outcome):
    make_sender_name(account, "ACME", **approvals)
    message = send(account, phone)
    if outcome.startswith("sender_id."):
        assert (message.status, said(message, "sender_id").say) == ("queued", outcome)
    else:
        assert (message.status, message.error_code) == ("rejected", "SENDER_ID_NOT_APPROVED")
        assert message.error_facts["why"] == outcome


@pytest.mark.parametrize(
    ("phone", "approvals", "sentence"),
    [
        (SINGAPORE, {}, "The sender name “ACME” is not approved for Singapore, so nothing was sent."),
        (
            SINGAPORE,
            {"SG": "requested"},
            "The sender name “ACME” is requested for Singapore and not approved yet, so nothing was sent.",
        ),
        (
            SINGAPORE,
            {"SG": "refused"},
            "The sender name “ACME” was refused for Singapore, so nothing was sent.",
        ),
        (US, {}, "United States takes no sender names, so nothing was sent as “ACME”."),
    ],
)
def test_the_sentence_names_the_country_and_how_far_its_approval_is(account, phone, approvals, sentence):
    make_sender_name(account, "ACME", **approvals)
    assert explain.cause(send(account, phone)) == sentence


@pytest.mark.parametrize("sender", ["+33644600001", ""])
def test_numbers_and_what_the_account_picks_are_free_of_these_rules(account, sender):
    make_pool(account)
    message = send(account, SINGAPORE, sender)
    assert (message.status, said(message, "sender_id").say) == ("queued", "sender_id.none")


def test_a_rule_of_the_workspace_replaces_the_shipped_one_for_it_alone(account):
    make_sender_name(account, "ACME")
    set_rule(account, "SG", names="allowed")
    set_rule(account, "FR", names="unsupported")
    assert send(account, SINGAPORE).status == "queued"
    assert send(account, FRANCE).error_code == "SENDER_ID_NOT_APPROVED"
    assert rules.of(account.workspace_id + 1).rule("FR").names == "allowed"


@pytest.mark.parametrize(
    ("message", "encoding", "code", "characters"),
    [
        ("Grüße", "auto", "", None),
        ("See you 🎉", "auto", "ENCODING_NOT_SUPPORTED", "“🎉” (U+1F389)"),
        ("It’s ready", "auto", "ENCODING_NOT_SUPPORTED", "“’” (U+2019)"),
        ("It’s ready", "gsm", "", None),  # look-alikes replace it
        ("Ready", "unicode", "ENCODING_NOT_SUPPORTED", ""),
    ],
)
def test_a_country_of_gsm_alone_refuses_unicode_from_every_sender(
    account, message, encoding, code, characters
):
    set_rule(account, "FR", names="allowed", gsm_only=True)
    found = send(account, FRANCE, "+33644600001", message=message, encoding=encoding)
    assert found.error_code == code
    if code:
        assert found.error_facts == {"encoding": "GSM-7", "country": "FR", "characters": characters}
        assert explain.cause(found).startswith("France takes GSM-7 alone, and the text ")
    else:
        assert said(found, "alphabet").say == "alphabet.gsm"
    assert send(account, "+491701234567", "+33644600001", message="🎉").status == "queued"


def test_a_rehearsal_takes_the_same_steps(account):
    make_sender_name(account, "ACME")
    number = Number.objects.get(connection=account, kind=SenderKind.PHONE)
    config = {"sender_kind": "given", "sender_given": "ACME", "sender_connection_id": account.pk}
    rehearsal = rehearse(ask(number, phone=SINGAPORE, build_mode=True, **config))
    refused = {step.name: step.say for step in rehearsal.trace if step.verdict == "refused"}
    assert refused == {"sender_id": "SENDER_ID_NOT_APPROVED", "test_numbers": "TEST_NUMBERS_ONLY"}


def test_the_rules_are_read_once_in_a_while_not_for_each_message(
    account, settings, django_assert_num_queries
):
    settings.CONFIGURATION_TTL = 60
    make_sender_name(account, "ACME")
    rules.of(account.workspace_id)
    with django_assert_num_queries(0):
        assert rules.of(account.workspace_id).rule("SG").names == "registered"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("ACME", ""),
        ("Acme-24_7 x", ""),
        ("A", ""),
        ("", "empty"),
        ("12345", "no_letter"),
        ("- _", "no_letter"),
        ("ACME Corp 24", "too_long"),
        (" ACME", "characters"),
        ("ACME!", "characters"),
        ("Café", "characters"),
        ("ACME\n", "characters"),
    ],
)
def test_a_sender_name_has_up_to_11_characters_one_of_them_a_letter(name, fault):
    assert sender_names.fault(name) == fault


def test_every_shipped_country_has_a_name_in_both_languages():
    for code in rules.SHIPPED:
        assert countries.name(code, "en") not in ("", code)
        assert countries.name(code, "de") not in ("", code)
    assert countries.name("DE", "de") == "Deutschland"
    assert countries.name("DE", "fr-CA") == "Allemagne"
    assert countries.name("the moon", "en") == "the moon"


@pytest.mark.parametrize(
    ("e164", "home"), [(FRANCE, "FR"), (CANADA, "CA"), ("+447700900123", "GB"), ("+870773111632", "")]
)
def test_the_home_of_a_number_is_its_countrys_or_that_of_its_calling_code(e164, home):
    assert numbers.home_of(numbers.read(e164)) == home
