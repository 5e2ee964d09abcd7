"""Aircall's own rules by country: what is refused, what is warned of, and where that is shown."""

import pytest
from django.urls import reverse

from smsadmin import cache
from smsadmin.actions.forms import ActionForm
from smsadmin.core import errors
from smsadmin.core.trace import Step
from smsadmin.directory import book, country
from smsadmin.directory.models import Number
from smsadmin.directory.registration import meaning
from smsadmin.sending.accept import accept
from smsadmin.sending.models import Message
from smsadmin.sending.rehearse import rehearse
from smsadmin.sending.resolve import Draft
from smsadmin.triggers.hubspot import options
from tests.factories import ask, make_number

FRENCH_MOBILE, FRENCH_LANDLINE, BRITISH = "+33639980012", "+33199000101", "+442079460101"
LONG_CODE, TOLL_FREE = "+12025550199", "+18005550199"
TO_US, TO_CANADA, TO_FRANCE = "+13125550123", "+14165550123", "+33612345678"


def accepted(number: Number, **over: object) -> Message:
    return accept(ask(number, **over))


def of_country(message: Message) -> Step | None:
    steps = [Step.from_json(stored) for stored in message.trace]
    return next((step for step in steps if step.name == "country"), None)


@pytest.mark.parametrize(
    ("e164", "from_", "registration", "over", "says"),
    [
        # France: automated sending from mobiles is forbidden, answers by people are not
        (FRENCH_MOBILE, "FR", "", {}, "refused NUMBER_NOT_FOR_AUTOMATION"),
        (FRENCH_MOBILE, "FR", "", {"trigger": "api"}, "refused NUMBER_NOT_FOR_AUTOMATION"),
        (FRENCH_MOBILE, "FR", "", {"by_person": True}, "passed country.none"),
        (FRENCH_LANDLINE, "FR", "", {}, "passed country.none"),
        # The United States and Canada: registration of long codes (A2P 10DLC)
        (LONG_CODE, "US", "registered", {}, "passed country.none"),
        (LONG_CODE, "US", "unregistered", {}, "refused NUMBER_NOT_REGISTERED"),
        (LONG_CODE, "US", "unregistered", {"by_person": True}, "refused NUMBER_NOT_REGISTERED"),
        (LONG_CODE, "US", "pending", {}, "warning country.pending"),
        (LONG_CODE, "US", "", {}, "warning country.unknown"),
        (LONG_CODE, "", "", {}, "warning country.unknown"),
        ("+14165550199", "CA", "unregistered", {}, "refused NUMBER_NOT_REGISTERED"),
        # Toll-free numbers whose verification is pending
        (TOLL_FREE, "US", "registered", {"phone": TO_CANADA}, "passed country.none"),
        (TOLL_FREE, "US", "pending", {"phone": TO_CANADA}, "refused TOLL_FREE_NOT_VERIFIED"),
        (TOLL_FREE, "US", "pending", {"phone": TO_US}, "warning country.toll_free_pending"),
        (TOLL_FREE, "US", "pending", {"phone": TO_FRANCE}, "passed country.none"),
        (TOLL_FREE, "US", "", {"phone": TO_CANADA}, "warning country.toll_free_unknown"),
        # Everywhere: one-way marketing is not supported
        (BRITISH, "GB", "", {"traffic": "marketing"}, "warning country.marketing"),
        (BRITISH, "GB", "", {"traffic": "marketing", "by_person": True}, "passed country.none"),
        (BRITISH, "GB", "", {}, "passed country.none"),
        # The graver one is told
        (LONG_CODE, "US", "pending", {"traffic": "marketing"}, "warning country.pending"),
        (LONG_CODE, "US", "unregistered", {"traffic": "marketing"}, "refused NUMBER_NOT_REGISTERED"),
    ],
)
def test_a_rule_refuses_or_warns(workspace, e164, from_, registration, over, says):
    number = make_number(workspace, e164, country=from_, registration=registration)
    message = accepted(number, **over)
    step = of_country(message)
    assert step is not None
    assert f"{step.verdict} {step.say}" == says
    assert message.status == ("rejected" if says.startswith("refused") else "queued")


@pytest.mark.parametrize(
    ("e164", "length", "code", "limit"),
    [
        (FRENCH_MOBILE, 670, "", 670),
        (FRENCH_MOBILE, 671, "MESSAGE_TOO_LONG", 670),
        (FRENCH_LANDLINE, 671, "MESSAGE_TOO_LONG", 670),
        (BRITISH, 671, "", 1600),
        (BRITISH, 1601, "MESSAGE_TOO_LONG", 1600),
    ],
)
def test_a_french_number_takes_670_characters(workspace, e164, length, code, limit):
    number = make_number(workspace, e164, country="FR" if e164.startswith("+33") else "GB")
    message = accepted(number, message="a" * length, by_person=True)
    assert message.error_code == code
    if code:
        assert message.error_facts == {"characters": length, "limit": limit}


def test_the_preview_refuses_what_the_send_refuses(workspace):
    number = make_number(workspace, FRENCH_MOBILE, country="FR")
    refusals = [
        step.say for step in rehearse(ask(number, message="a" * 671)).trace if step.verdict == "refused"
    ]
    assert refusals == ["MESSAGE_TOO_LONG", "NUMBER_NOT_FOR_AUTOMATION"]


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("verified", "registered"),
        ("Approved", "registered"),
        ("in progress", "pending"),
        ("PENDING", "pending"),
        ("not-registered", "unregistered"),
        ("rejected", "unregistered"),
        ("carrier vetting", ""),
        ("", ""),
    ],
)
def test_likely_words_have_a_meaning_and_others_none(word, means):
    assert meaning(word) == means


@pytest.mark.parametrize("generation", ["advanced", "classic"])
def test_both_generations_of_the_action_are_automated(workspace, generation):
    number = make_number(workspace, FRENCH_MOBILE, country="FR")
    draft = Draft(ask(number, generation=generation), book.of(workspace.pk), number)
    with pytest.raises(errors.NumberNotForAutomation):
        country.within_its_rules(draft)


# Where it is shown


def test_the_page_of_rules_names_sources_and_the_numbers_concerned(workspace, viewer):
    make_number(workspace, FRENCH_MOBILE, name="Mobile FR", country="FR")
    make_number(workspace, LONG_CODE, name="Denver", registration="unregistered")
    page = viewer.get(reverse("directory-rules")).content.decode()
    for rule in country.RULES:
        assert str(rule.says) in page
        assert str(rule.source) in page
    assert "Mobile FR" in page
    assert "Denver" in page


def test_the_page_of_rules_costs_the_same_for_any_number(workspace, viewer, django_assert_max_num_queries):
    for n in range(20):
        make_number(workspace, f"+1202555{n:04}")
    viewer.get(reverse("directory-rules"))
    with django_assert_max_num_queries(12):
        viewer.get(reverse("directory-rules"))


def test_a_number_s_row_and_page_tell_its_rules(workspace, viewer):
    number = make_number(workspace, FRENCH_MOBILE, country="FR")
    forbidden = "Automated sending from French mobile numbers is forbidden"
    assert forbidden in viewer.get(reverse("directory")).content.decode()
    assert forbidden in viewer.get(reverse("number", args=[number.pk])).content.decode()


def test_an_admin_says_that_a_number_is_registered_and_may_let_aircall_be_asked(workspace, editor):
    number = make_number(workspace, LONG_CODE, registration="", registration_said="vetting")
    facts = {"connected": "yes", "sms_capable": "yes", "third_party": "no", "proxy_mode": "ask"}
    editor.post(reverse("number", args=[number.pk]), facts | {"registration": "registered"})
    number.refresh_from_db()
    assert (number.registration, number.registration_source) == ("registered", "admin")

    editor.post(reverse("number", args=[number.pk]), facts | {"registration": "ask"})
    number.refresh_from_db()
    assert (number.registration_source, number.probed_at) == ("probe", None)


@pytest.mark.parametrize(("e164", "from_", "offered"), [(LONG_CODE, "US", True), (BRITISH, "GB", False)])
def test_only_north_american_numbers_have_a_registration(workspace, editor, e164, from_, offered):
    number = make_number(workspace, e164, country=from_)
    page = editor.get(reverse("number", args=[number.pk])).content.decode()
    assert ('name="registration"' in page) == offered


def test_the_editor_is_advised_of_the_rules_of_the_chosen_number(workspace):
    pending = make_number(workspace, LONG_CODE, registration="pending")
    assert country.advice(pending, "alerting") == [
        "While the registration of a long code (A2P 10DLC) is pending, carriers may block its texts."
    ]
    assert len(country.advice(pending, "marketing")) == 2
    assert country.advice(make_number(workspace, BRITISH, country="GB"), "alerting") == []


def test_numbers_in_proxy_mode_disappear_from_the_actions_list_with_that_reason(workspace, viewer):
    make_number(workspace, LONG_CODE, name="Offered line")
    make_number(workspace, "+12025550198", name="Proxy line", proxy_mode=True)
    cache.forget()
    listed = [choice["label"] for choice in options.sender_numbers(workspace, options.Question())["options"]]
    assert [label.partition(" (")[0] for label in listed] == ["Offered line"]
    form = ActionForm(workspace)
    in_editor = str(form["sender_number"])
    assert "Offered line" in in_editor
    assert "Proxy line" not in in_editor
    page = viewer.get(reverse("directory")).content.decode()
    assert "It is used by the Aircall Messaging API (proxy mode)." in page
