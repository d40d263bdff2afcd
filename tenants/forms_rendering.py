"""How every form field looks: the design's `.field`, for our forms and for allauth's."""

from typing import Any

from django.forms.renderers import TemplatesSetting


class FoyerRenderer(TemplatesSetting):
    """Renders `{{ form.field.as_field_group }}` with `includes/field.html`."""

    field_template_name = "includes/field.html"

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        self._dress(context.get("widget"))
        return super().render(template_name, context, request)

    @staticmethod
    def _dress(widget: dict[str, Any] | None) -> None:
        """Give a plain control the class of the design."""
        if not widget or widget.get("type") in {"checkbox", "radio", "hidden"}:
            return
        attrs = widget["attrs"]
        if "class" not in attrs:
            attrs["class"] = "input"
