"""The pages of runs: all of a workspace or of a flow, newest first, and one run with every step it took."""

from uuid import UUID

from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from smsadmin.dashboard.filtering import ListFilter
from smsadmin.dashboard.pages import render_page, wants_fragment
from smsadmin.flows import presenters, reading
from smsadmin.flows.models import Flow, FlowRun
from smsadmin.flows.story import Story
from smsadmin.keyset import Keyset
from smsadmin.workspaces.access import viewer_required
from smsadmin.workspaces.models import Role, Workspace
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST_FIRST = Keyset(FlowRun)
#: Long columns that a row of a list does not show.
LONG = ("context", "effects", "steps")


class RunFilter(ListFilter):
    """Which runs to list; what cannot be read filters nothing."""

    flow = forms.ModelChoiceField(Flow.objects.none(), label=gettext_lazy("Flow"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    cause = forms.ChoiceField(label=gettext_lazy("Started by"), required=False)

    def __init__(self, workspace: Workspace, flow: Flow | None, data: dict[str, str]) -> None:
        super().__init__(data)
        fields: dict[str, forms.ModelChoiceField] = self.fields  # type: ignore[assignment]
        if flow:
            del self.fields["flow"]
        else:
            fields["flow"].queryset = Flow.objects.filter(workspace=workspace).order_by("name")
            fields["flow"].empty_label = _("Any")
        fields["state"].choices = [("", _("Any")), *FlowRun.State.choices]
        fields["cause"].choices = [("", _("Any")), *FlowRun.Cause.choices]
        self.is_valid()


@require_GET
@viewer_required
def runs(request: WorkspaceRequest, pk: int | None = None) -> HttpResponse:
    """Every run, newest first, or those of one flow; htmx asks for the list alone."""
    flow = get_object_or_404(Flow, pk=pk, workspace=request.workspace) if pk else None
    chosen = RunFilter(request.workspace, flow, request.GET.dict())
    address = reverse("flow-runs-of", args=[flow.pk]) if flow else reverse("flow-runs")
    found = FlowRun.objects.filter(workspace=request.workspace, **chosen.wanted)
    if flow:
        found = found.filter(flow=flow)
    shown = found.select_related("flow", "version", "number").defer(*LONG, "version__source")
    page = NEWEST_FIRST.page(shown, request.GET.get("before", ""), request.GET.get("after", ""))
    context = {
        "flow": flow,
        "filter": chosen,
        "here": address,
        "rows": presenters.run_rows(reading.for_reader(page.rows, request.member)),
        **page.turned(address, chosen.wanted),
        "may_run": request.member.may(Role.OPERATOR),
    }
    return render_page(request, "flows/runs.html", context, fragment="flows/_runs.html")


@require_GET
@viewer_required
def run(request: WorkspaceRequest, pk: UUID) -> HttpResponse:
    """One run with every step; htmx asks again while it goes on."""
    found = FlowRun.objects.select_related("flow__workspace", "version", "number", "by")
    shown = get_object_or_404(found.defer("version__source"), pk=pk, workspace=request.workspace)
    story = Story.of(shown, request.member)
    context = {
        "story": story,
        "run": story.run,
        "look": presenters.STATES[shown.state],
        "cause_words": presenters.cause_words(story.run),
        "moving": not shown.is_finished,
        "polled": wants_fragment(request),
        "may_run": request.member.may(Role.OPERATOR),
    }
    return render_page(request, "flows/run.html", context, fragment="flows/_run.html")
