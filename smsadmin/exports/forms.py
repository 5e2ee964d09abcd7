"""What is chosen when an export is asked for; which rows it holds is in the address."""

from django import forms
from django.utils.translation import gettext_lazy as _

from smsadmin.exports.models import Export

FORMATS = [
    (
        Export.Format.CSV,
        _("CSV: for spreadsheets, with an apostrophe before each phone number, which keeps it text"),
    ),
    (
        Export.Format.XLSX,
        _("Excel (XLSX): at most 1,048,575 messages, which is all that a sheet has room for"),
    ),
    (Export.Format.NDJSON, _("NDJSON: for programs, one JSON object a line")),
]


class ExportForm(forms.Form):
    format = forms.ChoiceField(
        label=_("Format"), choices=FORMATS, initial=Export.Format.CSV, widget=forms.RadioSelect
    )
    with_text = forms.BooleanField(
        label=_("With the text of each message"),
        required=False,
        help_text=_("Texts may name people. The codes for test numbers are left out in any case."),
    )
