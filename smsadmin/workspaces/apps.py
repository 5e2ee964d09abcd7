from django.apps import AppConfig


class WorkspacesConfig(AppConfig):
    name = "smsadmin.workspaces"

    def ready(self) -> None:
        """Binds shared tasks to our Celery app in every process, and registers checks and the audit log."""
        from smsadmin.workspaces import audit, checks  # noqa: F401

        audit.register()
