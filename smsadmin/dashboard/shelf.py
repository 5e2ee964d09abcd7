"""Lists of what has a name, is on or off, and may be archived: actions, call flows and agents."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Count, Model, Q, QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

Row = TypeVar("Row", bound=Model)

PER_PAGE = 50
#: The tabs of such a list; the archive is out of the way.
SHOW: Mapping[str, Q] = {
    "": Q(archived_at=None),
    "on": Q(enabled=True),
    "off": Q(enabled=False, archived_at=None),
    "archived": Q(archived_at__isnull=False),
}


class NameFilter(forms.Form):
    """Which rows to list; what cannot be read filters nothing."""

    q = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=80)
    show = forms.ChoiceField(
        choices=[(name, name) for name in SHOW], required=False, widget=forms.HiddenInput
    )


@dataclass(frozen=True, slots=True)
class Shelf(Generic[Row]):
    """A page of such a list, and how many rows each tab has."""

    chosen: NameFilter
    show: str
    counts: dict[str, int]
    page: "Page[Row]"

    @property
    def context(self) -> dict[str, Any]:
        """What templates of such lists read."""
        return {"filter": self.chosen, "show": self.show, "counts": self.counts, "page": self.page}


def shelf(request: HttpRequest, rows: "QuerySet[Row]", listed: "QuerySet[Row] | None" = None) -> Shelf[Row]:
    """The page that the request asks for, by name. `listed` are the same rows with all that the list shows of them."""
    chosen = NameFilter(request.GET)
    chosen.is_valid()
    show, text = chosen.cleaned_data.get("show", ""), chosen.cleaned_data.get("q")
    named = Q(name__icontains=text) if text else Q()
    counts = rows.filter(named).aggregate(
        **{name or "all": Count("pk", filter=tab) for name, tab in SHOW.items()}
    )
    found = (rows if listed is None else listed).filter(named, SHOW[show]).order_by(Lower("name"), "pk")
    return Shelf(chosen, show, counts, Paginator(found, PER_PAGE).get_page(request.GET.get("page")))
