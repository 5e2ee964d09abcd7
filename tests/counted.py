"""Whether the counters of quotas say what the log says."""

from django.db.models import Max

from smsadmin.core.windows import Window
from smsadmin.quotas import recount
from smsadmin.quotas.models import Counter, Scope, Unit
from smsadmin.sending.models import Message


def assert_counters_equal_the_log() -> None:
    """Each counter, in the windows of the newest message that it counted, or would have."""
    counters = list(Counter.objects.all())
    assert counters
    for counter in counters:
        holder = "number" if counter.scope == Scope.NUMBER else "agent"
        accepted = Message.objects.filter(**{holder: counter.subject_id}, accepted_at__isnull=False)
        fresh = Counter(scope=counter.scope, subject_id=counter.subject_id, zone=counter.zone)
        recount.fill(fresh, accepted.aggregate(at=Max("accepted_at"))["at"])
        assert _figures(counter) == _figures(fresh), f"{counter} in {counter.zone}"


def _figures(counter: Counter) -> dict[str, int]:
    columns = [f"{window}_{what}" for window in Window for what in ("at", *Unit.values)]
    return {column: getattr(counter, column) for column in columns}
