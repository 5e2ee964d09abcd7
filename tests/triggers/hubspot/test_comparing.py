"""Our definition beside HubSpot's: what differs is named, what HubSpot adds is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from smsadmin.triggers.hubspot import comparing, definition
from smsadmin.triggers.hubspot.catalogue import ADVANCED

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def ours(db: None) -> dict[str, Any]:
    return definition.changeable(ADVANCED)


def differences(ours: dict[str, Any], change: Change) -> list[tuple[str, str, str, str]]:
    theirs = copy.deepcopy(ours)
    change(theirs)
    return [(each.part, each.name, each.state, each.facet) for each in comparing.differences(ours, theirs)]


def added_by_hubspot(theirs: dict[str, Any]) -> None:
    theirs |= {"id": "17", "revisionId": "3", "published": True, "functions": []}
    for each in [*theirs["inputFields"], *theirs["outputFields"]]:
        each["automationFieldType"] = None
        each["typeDefinition"] |= {"label": None, "externalOptions": False, "referencedObjectType": None}
        each["typeDefinition"].setdefault("optionsUrl", None)
        for option in each["typeDefinition"]["options"]:
            option |= {"description": "", "displayOrder": 4, "hidden": False}
    theirs["objectTypes"].reverse()
    theirs["labels"]["en"]["actionHint"] = None
    for rule in theirs["executionRules"]:
        rule["conditions"] = {
            name: value if isinstance(value, list) else [value] for name, value in rule["conditions"].items()
        }


def test_what_hubspot_adds_and_how_it_orders_is_no_difference(ours: dict[str, Any]) -> None:
    assert differences(ours, added_by_hubspot) == []


def of(theirs: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in theirs["inputFields"] if each["typeDefinition"]["name"] == name)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda it: it.update(actionUrl="https://old.example"), ("address", "", "changed", "value")),
        (lambda it: it["objectTypes"].remove("0-3"), ("types", "", "changed", "value")),
        (
            lambda it: it["objectRequestOptions"]["properties"].append("city"),
            ("properties", "", "changed", "value"),
        ),
        (lambda it: of(it, "message").update(isRequired=False), ("field", "message", "changed", "required")),
        (
            lambda it: of(it, "sender_number")["typeDefinition"].update(optionsUrl=None),
            ("field", "sender_number", "changed", "optionsUrl"),
        ),
        (
            lambda it: of(it, "send_as_mode")["typeDefinition"]["options"].pop(),
            ("field", "send_as_mode", "changed", "options"),
        ),
        (
            lambda it: of(it, "recipient")["supportedValueTypes"].append("STATIC_VALUE"),
            ("field", "recipient", "changed", "values"),
        ),
        (
            lambda it: it["inputFieldDependencies"].pop(),
            ("dependency", "sender_number → send_as_user", "missing", ""),
        ),
        (lambda it: it["outputFields"].pop(), ("output", "errorMessage", "missing", "")),
        (
            lambda it: it["executionRules"][0]["conditions"].update(errorCode="OTHER"),
            ("rule", "undelivered 1", "changed", "value"),
        ),
        (
            lambda it: it["labels"]["de"].update(actionName="SMS"),
            ("texts", "de", "changed", "actionName"),
        ),
        (
            lambda it: it["labels"]["en"]["inputFieldLabels"].pop("message"),
            ("texts", "en", "changed", "inputFieldLabels.message"),
        ),
        (lambda it: it["labels"].pop("de"), ("texts", "de", "missing", "")),
        (lambda it: it["labels"].update(fr={"actionName": "SMS"}), ("texts", "fr", "extra", "")),
    ],
)
def test_each_difference_is_named(
    ours: dict[str, Any], change: Change, expected: tuple[str, str, str, str]
) -> None:
    assert differences(ours, change) == [expected]


def test_a_field_more_at_hubspot_and_one_less_are_told_with_the_order(ours: dict[str, Any]) -> None:
    def change(theirs: dict[str, Any]) -> None:
        of(theirs, "message")["typeDefinition"]["name"] = "text"

    assert differences(ours, change) == [
        ("order", "fields", "changed", "value"),
        ("field", "message", "missing", ""),
        ("field", "text", "extra", ""),
    ]


def test_both_values_are_told(ours: dict[str, Any]) -> None:
    theirs = {**ours, "actionUrl": "https://old.example/send"}

    [found] = comparing.differences(ours, theirs)

    assert (found.ours, found.theirs) == (ours["actionUrl"], "https://old.example/send")
