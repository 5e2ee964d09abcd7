"""What people texted to our numbers: /api/v1/inbound."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponse

from smsadmin.api import rows
from smsadmin.api.endpoint import Call, endpoint
from smsadmin.api.models import KeyScope
from smsadmin.api.parameters import MOST_ROWS, PAGE, Moment, PlaceCursor, Query, place, placed
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.incoming.models import InboundMessage


class ListQuery(Query):
    since = Moment()
    until = Moment()
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = PlaceCursor()


@endpoint(KeyScope.INBOUND)
def inbound(request: Call) -> HttpResponse:
    """Newest first, by when the provider received them."""
    asked = ListQuery.of(request)
    found = InboundMessage.objects.filter(workspace=request.key.workspace_id)
    if asked["since"]:
        found = found.filter(at__gte=asked["since"])
    if asked["until"]:
        found = found.filter(at__lt=asked["until"])
    if asked["cursor"]:
        at, pk = place(asked["cursor"])
        found = found.filter(Q(at__lt=at) | Q(at=at, pk__lt=pk), at__lte=at)
    listed = list(found.select_related("number").order_by("-at", "-pk")[: asked["limit"] + 1])
    shown = listed[: asked["limit"]]
    after = placed(shown[-1].at, shown[-1].pk) if len(listed) > len(shown) else None
    return rows.page("api-inbound", asked, [_told(each) for each in shown], after)


def _told(found: InboundMessage) -> dict[str, Any]:
    return {
        "id": found.pk,
        "at": rows.moment(found.at),
        "from": found.sender or None,
        "number": rows.number(found.number),
        "text": found.body or None,
        "media": found.media,
        "answers": str(found.answers) if found.answers else None,
    }
