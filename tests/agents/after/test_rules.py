"""Rules over the end of a call: what each condition asks, what they say, and how they are written."""

import pytest

from smsadmin.agents.after import rules
from smsadmin.agents.after.forms import RuleForm
from smsadmin.agents.after.story import Executed, Story

STORY = Story(
    status="no-answer",
    end_reason="human_goodbye",
    direction="inbound",
    duration=32,
    actions=(
        Executed("book", values={"slot": "noon", "Slot.startDate": "3 March", "City": "Boston"}),
        Executed("pay", error="card declined"),
    ),
    variables={"interested": True, "city": "New York", "count": 2, "Appointment Date": "3 March", "日": "x"},
)
NOTHING = Story()


def rule(*conditions, match="all"):
    names = ("fact", "test", "name", "value")
    listed = [dict(zip(names, (*each, "", "")[:4], strict=True)) for each in conditions]
    return {"match": match, "conditions": listed}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (("status", "is", "", "No answer"), True),  # platforms spell it in three ways
        (("status", "is", "", "busy"), False),
        (("status", "is_not", "", "busy"), True),
        (("status", "is_not", "", "no_answer"), False),
        (("status", "contains", "", "answer"), True),
        (("end_reason", "is", "", "HUMAN goodbye"), True),
        (("end_reason", "contains", "", "agent"), False),
        (("duration", "at_least", "", "32"), True),
        (("duration", "at_least", "", "33"), False),
        (("duration", "at_most", "", "32"), True),
        (("duration", "at_most", "", "31"), False),
        (("direction", "is", "", "inbound"), True),
        (("direction", "is", "", "outbound"), False),
        (("action", "present", "book"), True),
        (("action", "present", "pay"), True),  # it was executed, and failed
        (("action", "present", "sing"), False),
        (("action", "absent", "sing"), True),
        (("action", "absent", "book"), False),
        (("action", "failed", "pay"), True),
        (("action", "failed", "book"), False),
        (("variable", "is", "city", "new york"), True),
        (("variable", "is", "count", "2"), True),
        (("variable", "contains", "city", "york"), True),
        (("variable", "contains", "city", "boston"), False),
        (("variable", "true", "interested"), True),
        (("variable", "true", "city"), False),
        (("variable", "is", "slot", "noon"), True),  # what an action returned
        (("variable", "present", "city"), True),
        (("variable", "present", "country"), False),
        (("variable", "absent", "country"), True),
        (("variable", "true", "Interested"), True),  # spelt otherwise, as values for texts may be
        (("variable", "present", "appointment_date"), True),
        (("variable", "present", "appointmentDate"), True),
        (("variable", "present", "slot.start_date"), True),
        (("variable", "present", "slot_start_date"), False),
        (("variable", "is", "City", "boston"), True),  # the very name first
        (("variable", "present", "月"), False),
    ],
)
def test_a_condition_asks_one_fact(condition, holds):
    assert rules.judge(rule(condition), STORY).holds is holds


@pytest.mark.parametrize(
    "condition",
    [
        ("status", "is_not", "", "busy"),
        ("end_reason", "contains", "", "a"),
        ("duration", "at_most", "", "99"),
        ("direction", "is", "", "inbound"),
        ("variable", "is", "x", "y"),
    ],
)
def test_what_nobody_told_meets_no_condition_but_absence(condition):
    assert rules.judge(rule(condition), NOTHING).holds is False
    assert rules.judge(rule(("action", "absent", "x"), ("variable", "absent", "x")), NOTHING).holds


def test_all_or_one_of_them_and_none_at_all():
    one_of_two = (("direction", "is", "", "inbound"), ("direction", "is", "", "outbound"))
    assert rules.judge(rule(*one_of_two), STORY).holds is False
    assert rules.judge(rule(*one_of_two, match="any"), STORY).holds
    assert rules.judge({}, STORY).holds


def test_a_verdict_says_what_each_condition_saw():
    verdict = rules.judge(rule(("duration", "at_least", "", "60"), ("variable", "is", "x", "y")), STORY)
    assert [(each["holds"], each["seen"]) for each in verdict.as_json()] == [(False, "32"), (False, None)]


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {"match": "some", "conditions": []},
        {"match": "all", "conditions": "x"},
        rule(("mood", "is", "", "good")),
        rule(("status", "failed")),
        rule(("variable", "is", "", "x")),
        rule(("duration", "at_least", "", "long")),
    ],
)
def test_what_is_no_rule_is_not_guessed_at(stored):
    with pytest.raises(rules.RuleError):
        rules.judge(stored, STORY)
    assert "cannot be read" in rules.words(stored)


def test_a_rule_in_words():
    assert rules.words({}) == "After every call that has ended."
    several = rule(("status", "is", "", "completed"), ("action", "failed", "pay"), match="any")
    assert rules.words(several) == (
        "Where one of these holds: the status is “completed”; the action “pay” failed."
    )


# --- The form -----------------------------------------------------------------------------------------


def posted(**fields):
    return {f"rule-{name.replace('__', '-')}": value for name, value in fields.items()}


def test_the_form_gives_back_the_rule_that_it_was_given():
    stored = rule(("status", "is", "", "completed"), ("variable", "true", "x"), match="any")
    shown = RuleForm(initial=stored)
    again = RuleForm(
        data={field.html_name: field.value() or "" for row in shown.rows for field in row.fields}
        | {"rule-match": "any", "rule-rows": str(shown.count)}
    )
    assert again.is_valid()
    assert again.rule == stored


def test_empty_rows_count_for_nothing_and_always_has_to_be_meant():
    assert list(RuleForm(data=posted(rows="3", match="all")).errors) == ["always"]
    form = RuleForm(data=posted(rows="3", match="all", always="on"))
    assert form.is_valid()
    assert form.rule == {}
    assert [RuleForm(initial=each)["always"].value() for each in ({}, None, rules.UNWRITTEN)] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"0__kind": "status:is"}, "rule-0-value"),
        ({"0__kind": "variable:true"}, "rule-0-name"),
        ({"0__kind": "duration:at_least", "0__value": "soon"}, "rule-0-value"),
        ({"0__kind": "direction:is", "0__value": "upwards"}, "rule-0-value"),
        ({"0__kind": "", "0__value": "completed"}, "rule-0-kind"),
        ({"0__kind": "mood:is", "0__value": "good"}, "rule-0-kind"),
    ],
)
def test_a_row_says_what_it_lacks(fields, wrong):
    form = RuleForm(data=posted(rows="3", match="all", **fields))
    assert not form.is_valid()
    assert [form.add_prefix(name) for name in form.errors] == [wrong]


def test_another_row_is_asked_for_without_saving():
    form = RuleForm(
        data=posted(rows="3", match="all", more="1", **{"2__kind": "status:is", "2__value": "busy"})
    )
    assert form.wants_row
    assert len(form.rows) == 4
    assert form.rows[2].value.value() == "busy"


def test_the_number_of_rows_has_an_end():
    form = RuleForm(data=posted(rows="999", more="1"))
    assert len(form.rows) == rules.MOST_CONDITIONS
    assert not form.may_grow
