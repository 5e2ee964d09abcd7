"""What every look at a rule goes by, whatever is held against it."""

from datetime import datetime, timedelta

from smsadmin.notices.models import NoticeRule

#: What came so long before the last look is looked at again: what another process writes is seen a little later.
OVERLAP = timedelta(minutes=5)
#: So many things are told one by one when they begin together: a flood of them is no flood of mails.
MOST_TOLD = 10


def moved_on(rule: NoticeRule, now: datetime) -> bool:
    """Whether this look is the one that counts. Call it inside the transaction of the look: it locks the rule."""
    mine = NoticeRule.objects.filter(pk=rule.pk, enabled=True, looked_at=rule.looked_at, looked_at__lt=now)
    return bool(mine.update(looked_at=now))
