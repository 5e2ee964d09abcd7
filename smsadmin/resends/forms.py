"""What is decided about a message of which nobody knows whether it went out."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from smsadmin.resends.doubts import Doubt

ARRIVED, LOST, LOST_AND_AGAIN = "arrived", "lost", "again"


class SettleForm(forms.Form):
    """What became of it, without a default, and a note. `may_again`: whether it could be sent again then. A doubt that
    the program has is asked about in the form itself."""

    became = forms.ChoiceField(
        label=_("What became of it"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose what became of it.")},
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=300,
        help_text=_("How you know, for example: asked the customer. It stays on the message."),
    )

    def __init__(self, may_again: bool, data: Any = None) -> None:
        super().__init__(data)
        choices: list[tuple[str, Any]] = [
            (ARRIVED, _("It arrived. The message is marked as sent; nothing is sent.")),
            (LOST, _("It did not arrive. The message is marked as failed; nothing is sent now.")),
        ]
        if may_again:
            again = _(
                "It did not arrive, and I want to send it again now. It is marked as failed, and the next page shows "
                "what would be sent."
            )
            choices.append((LOST_AND_AGAIN, again))
        became: Any = self.fields["became"]
        became.choices = choices

    def doubted(self, doubt: Doubt) -> None:
        """Asks whether it is sure that it did not arrive, though this speaks against it. What was confirmed of another
        doubt is not ticked."""
        label = _("I know all the same that it did not arrive")
        box = forms.CheckboxInput({"value": doubt.kind}, check_test=lambda _ticked: False)
        self.fields["sure"] = forms.BooleanField(label=label, required=False, widget=box)
        self.add_error("sure", doubt.why)

    def is_sure_despite(self, doubt: Doubt) -> bool:
        """Whether that was asked of such a doubt, and confirmed."""
        return bool(self.data.get("sure") == doubt.kind)

    @property
    def arrived(self) -> bool:
        return bool(self.cleaned_data["became"] == ARRIVED)

    @property
    def sends_again(self) -> bool:
        return bool(self.cleaned_data["became"] == LOST_AND_AGAIN)
