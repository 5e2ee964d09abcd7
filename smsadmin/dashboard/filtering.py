"""Forms that narrow a list."""

from django import forms


class ListFilter(forms.Form):
    """Which rows to list; what cannot be read filters nothing."""

    @property
    def wanted(self) -> dict[str, str]:
        """The filters that are set, as the address carries them."""
        return {name: str(getattr(value, "pk", value)) for name, value in self.cleaned_data.items() if value}
