"""Whether a workspace may use the classic action now: asked by its dropdowns and by every execution."""

from datetime import datetime

from django.utils import timezone

from smsadmin.cache import remembered
from smsadmin.classic.models import ClassicSettings
from smsadmin.core import errors

FEATURE = "classic"


def of(workspace_id: int) -> ClassicSettings:
    """The workspace's settings, at most settings.CONFIGURATION_TTL seconds old; nobody set any: it is off."""
    return remembered(("classic", workspace_id), lambda: read(workspace_id))


def read(workspace_id: int) -> ClassicSettings:
    """The settings as they are at this moment, not saved where nobody set any."""
    found = ClassicSettings.objects.filter(workspace_id=workspace_id).select_related("workspace").first()
    return found or ClassicSettings(workspace_id=workspace_id)


def refusal(workspace_id: int, now: datetime) -> errors.FeatureNotEnabled | None:
    """Why the classic action may not be used; None where it may. Its last day is a day of the workspace's zone."""
    settings = of(workspace_id)
    if not settings.enabled:
        return errors.FeatureNotEnabled(feature=FEATURE)
    if settings.sunset_on and settings.is_over(timezone.localdate(now, settings.workspace.zone)):
        return errors.FeatureNotEnabled(feature=FEATURE, last_day=settings.sunset_on.isoformat())
    return None
