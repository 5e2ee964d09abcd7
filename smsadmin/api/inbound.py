"""What people texted to our numbers: /api/v1/inbound."""

from django.http import HttpResponse

from smsadmin.api import rows
from smsadmin.api.endpoint import Call, endpoint
from smsadmin.api.models import KeyScope
from smsadmin.api.parameters import MOST_ROWS, PAGE, Cursor, Moment, Query
from smsadmin.api.parameters import Number as WholeNumber
from smsadmin.incoming.models import InboundMessage
from smsadmin.keyset import Keyset

NEWEST_FIRST = Keyset(InboundMessage, "at")


class ListQuery(Query):
    since = Moment()
    until = Moment()
    limit = WholeNumber(1, MOST_ROWS, PAGE)
    cursor = Cursor(NEWEST_FIRST)


@endpoint(KeyScope.INBOUND)
def inbound(request: Call) -> HttpResponse:
    """Newest first, by when the provider received them."""
    asked = ListQuery.of(request)
    found = InboundMessage.objects.filter(workspace=request.key.workspace_id)
    if asked["since"]:
        found = found.filter(at__gte=asked["since"])
    if asked["until"]:
        found = found.filter(at__lt=asked["until"])
    page = NEWEST_FIRST.page(found.select_related("number"), asked["cursor"], most=asked["limit"])
    return rows.page("api-inbound", asked, [rows.inbound(each) for each in page.rows], page.older)
