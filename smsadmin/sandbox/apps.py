from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """Gives Django the `sandbox` and `enrol` commands; there are no models."""

    name = "smsadmin.sandbox"
