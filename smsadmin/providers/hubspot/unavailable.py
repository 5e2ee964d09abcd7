"""HubSpot cannot answer now: what everybody who calls it has to expect."""


class Unavailable(Exception):
    """HubSpot could not answer now; the same call may succeed later."""


class RateLimited(Unavailable):
    """HubSpot has had too many calls from this portal's apps for the moment."""
