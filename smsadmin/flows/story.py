"""A run as it is told: branch by branch, each step with its condition, what came of it, and the messages it sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.core import errors
from smsadmin.dashboard.templatetags.ui import Badge
from smsadmin.flows import reading
from smsadmin.flows.effects import made
from smsadmin.flows.models import FlowRun
from smsadmin.flows.presenters import problem_words
from smsadmin.privacy import reading as messages_reading
from smsadmin.sending import explain
from smsadmin.sending.models import Message
from smsadmin.workspaces.models import Member

VERDICTS: dict[str, Badge] = {
    "taken": Badge(gettext_lazy("taken"), "check", "good"),
    "skipped": Badge(gettext_lazy("skipped"), "minus", "neutral"),
    "given": Badge(gettext_lazy("came with the event"), "phone", "active"),
    "not_given": Badge(gettext_lazy("not known: nothing came with the event"), "alert-triangle", "warn"),
    "failed": Badge(gettext_lazy("failed"), "x", "bad"),
}

#: What each action does, where its name does not say it.
ACTIONS: dict[str, str | Promise] = {
    "sms@v1": gettext_lazy("Send a text"),
    "fetch@v1": gettext_lazy("Ask another service"),
    "fetch@v2": gettext_lazy("Ask another service"),
    "dial@v1": gettext_lazy("Call somebody"),
    "bridge@v1": gettext_lazy("Connect two calls"),
    "say@v2": gettext_lazy("Say something"),
    "gather@v2": gettext_lazy("Ask for digits"),
    "answer@v1": gettext_lazy("Answer the call"),
    "hangup@v1": gettext_lazy("Hang up"),
    "log@v1": gettext_lazy("Note something"),
}


@dataclass(frozen=True, slots=True)
class Text:
    """One recipient of a step: the message that was made, or what a rehearsal said of it."""

    recipient: str
    status: str
    id: str = ""  # of the message, which may be gone
    sender: str = ""
    body: str = ""
    segments: int = 0
    sentence: str = ""
    fix: str = ""
    message: Message | None = None
    is_gone: bool = False

    @property
    def would_send(self) -> bool:
        return not self.sentence


@dataclass(frozen=True, slots=True)
class StepTold:
    """One step of a run."""

    path: str
    line: int
    title: str
    name: str
    look: Badge
    condition: str = ""
    value: str = ""
    result_name: str = ""
    result: str = ""
    sentence: str = ""
    fix: str = ""
    texts: Sequence[Text] = ()


@dataclass(slots=True)
class Part:
    """A branch that was entered, with the steps that were looked at in it."""

    branch: str
    line: int
    steps: list[StepTold] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Story:
    """What became of one run, as its reader may see it."""

    run: FlowRun
    parts: Sequence[Part]
    sentence: str
    fix: str
    untold: list[Text] = field(default_factory=list)  # that no step tells of

    @classmethod
    def of(cls, run: FlowRun, member: Member) -> "Story":
        """Costs one query for all messages of the run."""
        (shown,) = reading.for_reader([run], member)
        found = _messages(run, member)
        parts = _parts(shown.steps, found)
        sentence, fix = problem_words(shown.error)
        return cls(shown, parts, sentence, fix, _untold(run, parts, found))

    @property
    def texts(self) -> list[Text]:
        return [text for part in self.parts for step in part.steps for text in step.texts] + self.untold

    @property
    def sends(self) -> list[Text]:
        """Of a rehearsal: the texts that would be sent."""
        return [text for text in self.texts if text.would_send]

    @property
    def given(self) -> list[str]:
        """The actions whose results came with the event, each once."""
        return self._named("given")

    @property
    def not_given(self) -> list[str]:
        """The actions that are done elsewhere and of which nothing came, each once."""
        return self._named("not_given")

    def _named(self, verdict: str) -> list[str]:
        looked = (step for part in self.parts for step in part.steps if step.look == VERDICTS[verdict])
        return list(dict.fromkeys(step.name for step in looked))


def _messages(run: FlowRun, member: Member) -> dict[str, Message]:
    """The messages that the run made, as the reader may see them, by id."""
    ids = made(run)
    if not ids:
        return {}
    found = Message.objects.filter(workspace=run.workspace_id, pk__in=ids)
    rows = messages_reading.for_reader(found.select_related("number"), member)
    return {str(row.pk): row for row in rows}


def _untold(run: FlowRun, parts: Iterable[Part], found: Mapping[str, Message]) -> list[Text]:
    """The messages that no step tells of: those of a run that goes on, or was cut off."""
    told = {text.id for part in parts for step in part.steps for text in step.texts}
    return [_text({"id": pk}, found) for pk in map(str, made(run)) if pk not in told]


def _parts(records: Iterable[Mapping[str, Any]], made: Mapping[str, Message]) -> list[Part]:
    parts: list[Part] = []
    for record in records:
        if record["kind"] == "branch" or not parts:
            parts.append(Part(record["name"] or record["path"], record["line"]))
        if record["kind"] != "branch":
            parts[-1].steps.append(_step(record, made))
    return parts


def _step(record: Mapping[str, Any], made: Mapping[str, Message]) -> StepTold:
    sentence, fix = problem_words(record.get("note") or {})
    return StepTold(
        path=record["path"],
        line=record["line"],
        title=_title(record),
        name=record["name"] if record["kind"] == "action" else "",
        look=VERDICTS[record["verdict"]],
        condition=record["condition"],
        value=record["value"],
        result_name=record["result_name"],
        result=_result(record),
        sentence=sentence,
        fix=fix,
        texts=[_text(text, made) for text in _told(record)],
    )


def _title(record: Mapping[str, Any]) -> str:
    if record["kind"] == "goto":
        return _("Go to %(branch)s") % {"branch": record["name"]}
    if record["kind"] == "event":
        return _("When %(event)s comes") % {"event": record["name"]}
    if record["kind"] == "then":
        return _("Do the steps below")
    return str(ACTIONS.get(record["name"], record["name"]))


def _told(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a step that texts says of each recipient."""
    result = record.get("result")
    found = result.get("messages") if isinstance(result, dict) else None
    is_sms = str(record.get("name", "")).startswith("sms@")
    return [each for each in found if isinstance(each, dict)] if is_sms and isinstance(found, list) else []


def _result(record: Mapping[str, Any]) -> str:
    """What an action answered, as JSON; the messages of a text are told by themselves."""
    result = record.get("result")
    if _told(record) and isinstance(result, dict):
        result = {name: value for name, value in result.items() if name != "messages" and value is not None}
    return "" if result in (None, {}) else json.dumps(result, indent=2, ensure_ascii=False)


def _text(told: Mapping[str, Any], made: Mapping[str, Message]) -> Text:
    if pk := told.get("id"):
        message = made.get(pk)
        if message is None:
            return Text(told.get("to", ""), told.get("status", ""), pk, is_gone=True)
        return Text(
            message.recipient or told.get("to", ""),
            message.status,
            pk,
            sender=message.sender,
            sentence=explain.sentence(message),
            fix=explain.fix(message),
            message=message,
        )
    error, facts = errors.CATALOGUE.get(told.get("code", "")), told.get("facts") or {}
    return Text(
        told.get("to", ""),
        told.get("status", ""),
        sender=told.get("from", ""),
        body=told.get("body", ""),
        segments=told.get("segments", 0),
        sentence=explain.said(error.sentence(facts), facts) if error else str(told.get("error") or ""),
        fix=explain.said(error.fix, facts) if error else "",
    )
