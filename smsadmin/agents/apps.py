from django.apps import AppConfig


class AgentsConfig(AppConfig):
    name = "smsadmin.agents"

    def ready(self) -> None:
        """Registers checks."""
        from smsadmin.agents import checks  # noqa: F401
