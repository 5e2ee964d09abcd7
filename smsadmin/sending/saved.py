"""Saved views: filters of the log under a name, a person's own or shared with everybody in the workspace."""

from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from smsadmin.workspaces.models import Member, Role, User, Workspace

#: So many of one's own, and so many that are shared: more would be looked for longer than typed anew.
MOST = 30


class SavedView(models.Model):
    """A filter of the log as its address says it. `person` is whose it is; None: the workspace's."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="saved_views")
    person = models.ForeignKey(User, models.CASCADE, null=True, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "person", "name"], name="one_own_view_per_name"),
            models.UniqueConstraint(
                fields=["workspace", "name"],
                name="one_shared_view_per_name",
                condition=Q(person=None),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def filters(self) -> dict[str, str]:
        return dict(parse_qsl(self.query))

    @property
    def is_shared(self) -> bool:
        return self.person_id is None


#: Filters that may name a recipient, in the address of a view.
_PERSONAL = r"(^|&)(recipient|q)="


def views_of(member: Member, sees_numbers: bool) -> QuerySet[SavedView]:
    """What this member sees above the log, by name: their own and the shared ones; of these none that may name a
    recipient, where the member does not see numbers."""
    shared = Q(person=None) if sees_numbers else Q(person=None) & ~Q(query__regex=_PERSONAL)
    views = SavedView.objects.filter(Q(person=member.user) | shared, workspace=member.workspace)
    return views.order_by(Lower("name"), "pk")


def may_change(member: Member, view: SavedView) -> bool:
    """Whether this member may delete a view they see: their own always, a shared one as an editor."""
    return not view.is_shared or member.may(Role.EDITOR)


class SaveForm(forms.Form):
    """The name of a new view and whom it is for; `save` raises no error once the form is valid."""

    name = forms.CharField(label=gettext_lazy("Name of this view"), max_length=60)
    shared = forms.BooleanField(label=gettext_lazy("For everybody in the workspace"), required=False)

    def __init__(self, member: Member, data: Any = None) -> None:
        self.member = member
        super().__init__(data, auto_id="id_view_%s")
        if not member.may(Role.EDITOR):
            del self.fields["shared"]

    def save(self, query: str) -> SavedView | None:
        """The saved view; None where the form says why there is none."""
        if not self.is_valid():
            return None
        person = None if self.cleaned_data.get("shared") else self.member.user
        same = SavedView.objects.filter(workspace=self.member.workspace, person=person)
        if same.count() >= MOST:
            self.add_error("name", _("There are %(most)s views already; delete one first.") % {"most": MOST})
            return None
        name = self.cleaned_data["name"]
        view, is_new = same.get_or_create(
            name=name, defaults={"workspace": self.member.workspace, "person": person, "query": query}
        )
        if not is_new:
            self.add_error(
                "name", _("There is a view “%(name)s” already; choose another name.") % {"name": name}
            )
        return view if is_new else None
