"""`{% load routes %}`: what the pages of senders say of the routes that have to do with them."""

from typing import Any

from django import template

from smsadmin.directory.models import Number
from smsadmin.routing import listing
from smsadmin.routing.advice import ALWAYS
from smsadmin.workspaces.models import Connection

register = template.Library()


@register.inclusion_tag("routing/_of_sender.html")
def routes_of(number: Number) -> dict[str, Any]:
    """`{% routes_of number %}`: the routes that are for its texts or lead to it; nothing where there are none."""
    found = listing.using(number)
    leads_here = any(each.enabled and each.when == ALWAYS and each.via_id == number.pk for each in found)
    return {"routes": listing.rows(found), "leads_here": leads_here}


@register.inclusion_tag("routing/_of_account.html")
def routes_with(account: Connection) -> dict[str, Any]:
    """`{% routes_with connection %}`: the routes that are deleted with the account's senders."""
    return {"routes": listing.rows(listing.with_account(account))}
