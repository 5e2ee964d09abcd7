"""Running a flow with a sample call: rehearsed at once, or for real after a page that says what would be sent."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from smsadmin.core import numbers, strict_json
from smsadmin.dashboard.pages import render_page
from smsadmin.directory.models import Number, SenderKind
from smsadmin.flows import fetching, presenters, running, starting, voice
from smsadmin.flows.effects import FOR_REAL
from smsadmin.flows.forms import named
from smsadmin.flows.language import actions
from smsadmin.flows.language import context as facts
from smsadmin.flows.language.document import Document, Step
from smsadmin.flows.models import Flow, FlowRun
from smsadmin.flows.story import Story
from smsadmin.workspaces.access import operator_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

#: The number that a sample call is to, where no number of ours is chosen (ARCEP: kept for films and books).
SAMPLE_NUMBER = "+33199009999"


class AnswerField(forms.CharField):
    """What another service answers in a dry run, as JSON; the result that the step keeps, {} for no answer."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"})

    def __init__(self, step: Step) -> None:
        super().__init__(label=_label(step), required=False)

    def to_python(self, value: Any) -> Any:
        body = super().to_python(value)
        if not body:
            return {}
        if len(body) > fetching.MOST_FETCHED:
            most = {"most": fetching.MOST_FETCHED}
            raise ValidationError(_("An answer has %(most)d characters at most: more is not read.") % most)
        try:
            answer = strict_json.read(body)
        except ValueError as error:
            raise ValidationError(_("This is not JSON: %(reason)s") % {"reason": error}) from error
        return {"ok": True, "status": 200, "statusText": "OK", "headers": {}, "body": body, "json": answer}

    def run_validators(self, value: Any) -> None:
        """The validators of a text do not fit what it was read as; to_python() has said all of it."""


class TryForm(forms.Form):
    """Which call or text a flow is tried with, and how the calls inside it ended."""

    event = forms.ChoiceField(label=gettext_lazy("What happens"), widget=forms.RadioSelect)
    from_number = forms.CharField(
        label=gettext_lazy("From another number"),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off"}),
        help_text=gettext_lazy(
            "With its country code, as in +33612345678. For real it has to be a test number that was verified."
        ),
    )
    to_number = forms.ModelChoiceField(
        Number.objects.none(), label=gettext_lazy("To our number"), required=False
    )
    body = forms.CharField(
        label=gettext_lazy("What the text says"),
        required=False,
        max_length=1600,
        help_text=gettext_lazy("Left empty, it is the sample's."),
    )
    branch = forms.ChoiceField(label=gettext_lazy("Begin with the branch"), required=False)
    #: Of the page that asks before it is run for real: a second click is the same run.
    key = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, flow: Flow, document: Document, data: Any = None, *, for_real: bool = False) -> None:
        self.samples = [sample for sample in facts.SAMPLES if sample.branch in document.branches]
        super().__init__(data, initial={"event": self.samples[0].key, "key": uuid4()})
        self.for_real = for_real
        self.given = _kept(document, actions.GIVEN, "given")
        self.fetched = _kept(document, actions.FETCHES, "fetched")
        fields: dict[str, Any] = self.fields
        fields["event"].choices = [(sample.key, _(sample.name)) for sample in self.samples]
        fields["branch"].choices = [
            ("", _("The one that the sample begins")),
            *((name, name) for name in document.branches),
        ]
        there = Number.objects.filter(workspace=flow.workspace_id, kind=SenderKind.PHONE, gone_at=None)
        fields["to_number"].queryset = there.order_by("name", "pk")
        fields["to_number"].empty_label = numbers.pretty(SAMPLE_NUMBER)
        fields["to_number"].label_from_instance = named
        self.initial["to_number"] = next(
            (number for number in fields["to_number"].queryset if number.is_eligible), None
        )
        if not any(sample.body for sample in self.samples):
            del self.fields["body"]
        self.fields |= {name: _given_field(step) for name, step in self.given.items()}
        self.fields |= {name: AnswerField(step) for name, step in self.fetched.items()}

    @property
    def results(self) -> list[forms.BoundField]:
        """The fields that say how the calls inside the flow ended."""
        return [self[name] for name in self.given]

    @property
    def answers(self) -> list[forms.BoundField]:
        """The fields that say what other services answer in a dry run."""
        return [self[name] for name in self.fetched]

    @property
    def sample(self) -> facts.Sample:
        return next(each for each in self.samples if each.key == self.cleaned_data["event"])

    def clean_from_number(self) -> str:
        given = self.cleaned_data["from_number"]
        if not given:
            if self.for_real:
                raise ValidationError(
                    _(
                        "Give a verified test number: those of the samples are examples, so nobody gets the text."
                    )
                )
            return ""
        try:
            return numbers.read(given).e164
        except numbers.NumberError as error:
            raise ValidationError(
                _("“%(text)s” is not a full international number: write it with + and its country code.")
                % {"text": given}
            ) from error

    @property
    def begins(self) -> str:
        """The branch that is begun."""
        return str(self.cleaned_data.get("branch") or self.sample.branch)

    def context(self, flow: Flow, key: UUID) -> dict[str, Any]:
        """What expressions will see, with the results of the calls inside the flow."""
        chosen, ours = self.cleaned_data, self.cleaned_data["to_number"]
        sample = replace(
            self.sample,
            from_number=chosen["from_number"] or self.sample.from_number,
            body=chosen.get("body") or self.sample.body,
        )
        to = ours.e164 if ours else SAMPLE_NUMBER
        seen = facts.of_sample(sample, to, timezone.now(), id_=str(key), scenario_name=flow.name)
        missed = facts.missed_dial(seen["call"]) if "call" in seen else {"ok": False}
        given = {
            step.result: {**missed, "ok": True} if chosen[name] == "ok" else missed
            for name, step in self.given.items()
        }
        answers = {step.result: chosen[name] for name, step in self.fetched.items() if chosen[name]}
        return {
            **seen,
            "scenario": starting.scenario(flow),
            "given": given | answers,
            FOR_REAL: self.for_real,
        }


def _kept(document: Document, kinds: Collection[str], prefix: str) -> dict[str, Step]:
    """The steps of these kinds whose results a flow keeps, one for each variable, by the name of their field."""
    steps = (step for branch in document.branches.values() for step in presenters.steps_of(branch))
    found: dict[str, Step] = {}
    for step in steps:
        if step.result and step.action in kinds:
            found.setdefault(step.result, step)
    return {f"{prefix}_{nth}": step for nth, step in enumerate(found.values())}


def _label(step: Step) -> str:
    told = {"action": step.action, "line": step.line, "variable": step.result}
    return _("%(action)s in line %(line)d (%(variable)s)") % told


def _given_field(step: Step) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=_label(step),
        choices=[("missed", _("Nobody took it, or it failed")), ("ok", _("It worked"))],
        initial="missed" if step.action in voice.DIALS else "ok",
        widget=forms.RadioSelect,
    )


@require_http_methods(["GET", "POST"])
@operator_required
def trying(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """A flow as it was saved last, run with a sample: `do` is dry, ask (what would be sent?) or real."""
    flow = get_object_or_404(Flow.objects.select_related("current"), pk=pk, workspace=request.workspace)
    checked = presenters.checked(flow.current.source if flow.current else "")
    if flow.current is None or checked.document is None or flow.archived_at:
        status = 200 if request.method == "GET" else 422
        return render_page(request, "flows/try.html", {"flow": flow, "checked": checked}, status=status)
    if request.method == "GET":
        return _page(request, flow, TryForm(flow, checked.document))
    do = request.POST.get("do", "dry")
    form = TryForm(flow, checked.document, request.POST, for_real=do in ("ask", "real"))
    form.is_valid()
    if form.for_real and request.POST.get("version") != str(flow.current.number):
        form.add_error(
            None,
            _("Version %(number)d was saved meanwhile. Look at what it does first.")
            % {"number": flow.current.number},
        )
    if not form.is_valid():
        return _page(request, flow, form, status=422)
    if do == "real":
        return redirect("flow-run", _begun(request, flow, form, form.cleaned_data["key"] or uuid4()).pk)
    story = Story.of(_rehearsed(request, flow, form), request.member)
    if do == "ask":
        context = {"flow": flow, "form": form, "story": story, "sends": story.sends}
        return render_page(request, "flows/try_real.html", context)
    return _page(request, flow, form, story)


def _rehearsed(request: WorkspaceRequest, flow: Flow, form: TryForm) -> FlowRun:
    run = _begun(request, flow, form, uuid4(), dry=True)
    running.take(run)
    run.refresh_from_db()
    return run


def _begun(request: WorkspaceRequest, flow: Flow, form: TryForm, key: UUID, *, dry: bool = False) -> FlowRun:
    assert flow.current
    cause, seen = FlowRun.Cause.SAMPLE, form.context(flow, key)
    return starting.begin(
        flow, flow.current, cause, form.begins, seen, f"sample:{key}", dry=dry, by=request.user
    )


def _page(
    request: WorkspaceRequest, flow: Flow, form: TryForm, story: Story | None = None, status: int = 200
) -> HttpResponse:
    context = {"flow": flow, "form": form, "story": story, "may_edit": request.member.may(Role.EDITOR)}
    return render_page(request, "flows/try.html", context, fragment="flows/_tried.html", status=status)
