"""What other pages say about the log. `{% load log %}`."""

from django import template

from smsadmin.sending import asked

register = template.Library()


@register.simple_tag
def search_words() -> list[tuple[str, str, str]]:
    """`{% search_words as words %}`: the words of the search box: key, what it narrows, an example."""
    return asked.hints()
