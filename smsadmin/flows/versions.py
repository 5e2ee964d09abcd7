"""The versions of a flow: what each said, what changed from one to the next, and making an old one new again."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from smsadmin.dashboard.pages import render_page
from smsadmin.flows import masking, presenters, saving
from smsadmin.flows.changes import differences
from smsadmin.flows.models import Flow, FlowRun, FlowVersion
from smsadmin.workspaces.access import editor_required, viewer_required
from smsadmin.workspaces.models import Role
from smsadmin.workspaces.requests import WorkspaceRequest

NEWEST = 10  # shown on the flow's own page
PER_PAGE = 50
MOST_COUNTED = 10_000


class RestoreForm(forms.Form):
    """What is said of a version that says again what an older one did."""

    note = forms.CharField(label=gettext_lazy("Why it is restored"), max_length=150, required=False)
    base = forms.IntegerField(widget=forms.HiddenInput)


def newest_first(flow: Flow) -> QuerySet[FlowVersion]:
    """The flow's versions for a list, without what they say."""
    return flow.versions.select_related("created_by").defer("source").order_by("-number")


@require_GET
@viewer_required
def versions(request: WorkspaceRequest, pk: int) -> HttpResponse:
    """Every version of a flow."""
    flow = get_object_or_404(Flow, pk=pk, workspace=request.workspace)
    page = Paginator(newest_first(flow), PER_PAGE).get_page(request.GET.get("page"))
    return render_page(request, "flows/versions.html", {"flow": flow, "page": page, "history": page})


@require_http_methods(["GET", "POST"])
@viewer_required
def version(request: WorkspaceRequest, pk: int, number: int) -> HttpResponse:
    """One version, read by everybody; editors make it the current one again."""
    flow = get_object_or_404(Flow, pk=pk, workspace=request.workspace)
    shown = get_object_or_404(flow.versions.select_related("flow", "created_by"), number=number)
    if request.method == "POST":
        return _restore(request, shown)
    return _version_page(request, shown)


@editor_required
def _restore(request: WorkspaceRequest, shown: FlowVersion) -> HttpResponse:
    form = RestoreForm(request.POST)
    if not form.is_valid() or presenters.checked(shown.source).errors:
        return _version_page(request, shown, form)
    note, base = form.cleaned_data["note"], form.cleaned_data["base"]
    restored = _("Restored from version %(number)d") % {"number": shown.number}
    note = f"{restored}: {note}" if note else restored
    try:
        is_new = saving.change(shown.flow, shown.flow.name, shown.source, note, request.user, base)
    except saving.SavedMeanwhile as other:
        rebased = RestoreForm({"note": form.cleaned_data["note"], "base": other.current.number})
        return _version_page(request, shown, rebased, theirs=other.current)
    if is_new:
        words = _("Version %(number)d is restored: it is version %(current)d now.")
    else:
        words = _("Version %(number)d says the same as the current version: nothing was saved.")
    messages.success(request, words % {"number": shown.number, "current": base + 1})
    return redirect("flow", shown.flow_id)


def _version_page(
    request: WorkspaceRequest,
    shown: FlowVersion,
    form: RestoreForm | None = None,
    *,
    theirs: FlowVersion | None = None,
) -> HttpResponse:
    """The page of a version; a `form` is one that was posted and is not done (422)."""
    all_versions = shown.flow.versions.select_related("created_by")
    current = all_versions.latest("number")
    before = all_versions.filter(number=shown.number - 1).first()
    said, says = (masking.for_reader(each.source, request.member) for each in (shown, current))
    earlier = masking.for_reader(before.source, request.member) if before else ""
    context = {
        "flow": shown.flow,
        "version": shown,
        "current": current,
        "before": before,
        "after": all_versions.filter(number=shown.number + 1).defer("source").first(),
        "since_before": differences(earlier, said) if before else [],
        "until_now": differences(said, says),
        "checked": presenters.checked(said),
        "runs": min(_runs(shown), MOST_COUNTED),
        "most_counted": MOST_COUNTED,
        "form": form or RestoreForm(initial={"base": current.number}),
        "refused": form is not None,
        "theirs": theirs,
        "next_number": current.number + 1,
        "is_masked": said != shown.source,
        "may_edit": request.member.may(Role.EDITOR),
    }
    return render_page(request, "flows/version.html", context, status=422 if form else 200)


def _runs(shown: FlowVersion) -> int:
    """How many runs took this version, counted up to a limit among the flow's newest."""
    newest = FlowRun.objects.filter(flow=shown.flow).order_by("-pk").values("pk")[:MOST_COUNTED]
    return FlowRun.objects.filter(pk__in=newest, version=shown).count()
