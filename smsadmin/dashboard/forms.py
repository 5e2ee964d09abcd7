"""How Django draws every form of the product: Tabler's classes, our field template."""

from typing import Any

from django.forms import BoundField, Widget, widgets
from django.forms.renderers import TemplatesSetting

CLASSES: list[tuple[type[Widget], str]] = [
    (widgets.CheckboxInput, "form-check-input"),
    (widgets.CheckboxSelectMultiple, "form-check-input"),
    (widgets.RadioSelect, "form-check-input"),
    (widgets.Select, "form-select"),
    (widgets.Input, "form-control"),
    (widgets.Textarea, "form-control"),
]


def css_class(widget: Widget) -> str:
    """The class Tabler wants on this kind of input; "" for one it does not know."""
    return next((name for kind, name in CLASSES if isinstance(widget, kind)), "")


class Field(BoundField):
    """A bound field whose input wears its class, and looks invalid when it is."""

    @property
    def is_checkbox(self) -> bool:
        """A lone checkbox: its label stands behind it."""
        return type(self.field.widget) is widgets.CheckboxInput

    def build_widget_attrs(self, attrs: dict[str, Any], widget: Widget | None = None) -> dict[str, Any]:
        own = widget or self.field.widget
        named = [own.attrs.get("class", ""), css_class(own), "is-invalid" if self.errors else ""]
        return super().build_widget_attrs({"class": " ".join(filter(None, named)), **attrs}, widget)


class Renderer(TemplatesSetting):
    """settings.FORM_RENDERER; needs django.forms in INSTALLED_APPS for the widgets' templates."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
    bound_field_class = Field
