"""Saving a flow: a change is a new version, never an edit; nobody overwrites what they have not seen."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from smsadmin import cache
from smsadmin.core import naming
from smsadmin.flows.models import Flow, FlowVersion
from smsadmin.workspaces.models import User, Workspace


class NameTaken(Exception):
    """Another flow of the workspace has this name; as text, a sentence for the person who chose it."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        super().__init__(name_problem(workspace, name))


class SavedMeanwhile(Exception):
    """Somebody saved a newer version after the form was opened; `current` is theirs."""

    def __init__(self, current: FlowVersion) -> None:
        self.current = current
        super().__init__(str(current))


def name_problem(workspace: Workspace, name: str, besides: Flow | None = None) -> str:
    """Why a flow (`besides`, or a new one) cannot have this name; "" when it can."""
    holder = Flow.objects.filter(workspace=workspace, name=name).first()
    if holder is None or holder == besides:
        return ""
    if holder.archived_at:
        return _("An archived flow has this name: choose a different one, or bring that one back.")
    return _("Another flow has this name: choose a different one.")


def free_name(workspace: Workspace, wanted: str) -> str:
    """The name, numbered where another flow has it, and shortened to what the column holds."""
    taken = set(Flow.objects.filter(workspace=workspace).values_list("name", flat=True))
    return naming.free_name(wanted, taken, Flow._meta.get_field("name").max_length or 0)


def create(workspace: Workspace, name: str, source: str, note: str, by: User) -> Flow:
    """A new flow, off, with its first version. Raises NameTaken."""
    try:
        with transaction.atomic():
            flow = Flow.objects.create(workspace=workspace, name=name)
            _add_version(flow, 1, source, note, by)
    except IntegrityError as error:
        raise NameTaken(workspace, name) from error
    cache.forget()
    return flow


def change(flow: Flow, name: str, source: str, note: str, by: User, base: int) -> bool:
    """Saves the next version unless it says the same as the current one; whether it was saved.

    `base` is the number of the version the form was opened with. Raises SavedMeanwhile and NameTaken.
    """
    try:
        with transaction.atomic():
            saved = _change(Flow.objects.select_for_update().get(pk=flow.pk), name, source, note, by, base)
    except IntegrityError as error:
        raise NameTaken(flow.workspace, name) from error
    cache.forget()
    return saved


def switch(flow: Flow, *, on: bool) -> None:
    """Switches the flow on or off; an archived one stays off."""
    with _locked(flow):
        flow.enabled = on and flow.archived_at is None
        flow.on_since = (flow.on_since or timezone.now()) if flow.enabled else None


def archive(flow: Flow) -> None:
    """Switches the flow off and puts it out of the way."""
    with _locked(flow):
        flow.enabled, flow.on_since = False, None
        flow.archived_at = flow.archived_at or timezone.now()


def bring_back(flow: Flow) -> None:
    """Takes the flow out of the archive, still off: switching it on is a decision of its own."""
    with _locked(flow):
        flow.archived_at = None


@contextmanager
def _locked(flow: Flow) -> Iterator[None]:
    """Changes of a flow's state, made to what it is now and seen at once by this process."""
    state = ["enabled", "on_since", "archived_at"]
    with transaction.atomic():
        flow.refresh_from_db(fields=state, from_queryset=Flow.objects.select_for_update())
        yield
        flow.save(update_fields=state)
    cache.forget()


def _change(flow: Flow, name: str, source: str, note: str, by: User, base: int) -> bool:
    current = flow.current
    if current is not None and current.number != base:
        raise SavedMeanwhile(current)
    if flow.name != name:
        flow.name = name
        flow.save(update_fields=["name"])
    if current is not None and current.source == source:
        return False
    _add_version(flow, base + 1, source, note, by)
    return True


def _add_version(flow: Flow, number: int, source: str, note: str, by: User) -> None:
    flow.current = FlowVersion.objects.create(
        flow=flow, number=number, source=source, note=note, created_by=by
    )
    flow.save(update_fields=["current"])
