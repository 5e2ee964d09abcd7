"""What is decided about a message of which nobody knows whether it went out."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

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

    def doubted(self, why: str) -> None:
        """Asks whether it is sure that it did not arrive, though this speaks against it."""
        label = _("I know all the same that it did not arrive")
        self.fields["sure"] = forms.BooleanField(label=label, required=False)
        self.add_error("sure", why)

    @property
    def is_sure(self) -> bool:
        """Whether that was asked, and confirmed."""
        return "sure" in self.data

    @property
    def arrived(self) -> bool:
        return bool(self.cleaned_data["became"] == ARRIVED)

    @property
    def sends_again(self) -> bool:
        return bool(self.cleaned_data["became"] == LOST_AND_AGAIN)
