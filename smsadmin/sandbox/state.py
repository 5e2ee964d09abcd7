"""Everything the stand-ins know, in memory, behind one lock. It survives nothing, on purpose."""

import itertools
import pickle
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx

from smsadmin.sandbox.scheduler import Scheduler

PORTAL_ID = 9000001
APP_ID = 123456
HUBSPOT_CLIENT_ID = "sandbox-client-id"
HUBSPOT_STATIC_TOKEN = "sandbox-hubspot-token"  # noqa: S105
AIRCALL_API_ID = "sandbox-id"
AIRCALL_API_TOKEN = "sandbox-token"  # noqa: S105
AIRCALL_CLIENT_ID = "sandbox-aircall-client"
AIRCALL_CLIENT_SECRET = "sandbox-aircall-secret"  # noqa: S105
COMPANY_ID = 1
CALLR_SID = "sandbox1"
CALLR_API_KEY = "sandbox-callr-key"
CALLR_LOGIN = "sandbox-callr-login"
CALLR_PASSWORD = "sandbox-callr-password"  # noqa: S105
TWILIO_SID = "AC00000000000000000000000000000001"
TWILIO_AUTH_TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105
TWILIO_KEY_SID = "SK00000000000000000000000000000001"
TWILIO_KEY_SECRET = "sandbox-twilio-key-secret"  # noqa: S105
TWILIO_SHARED_KEY = "sandbox-twilio-shared-key"

SAMPLE_AGENT_TOKEN = "smsagent_sandbox1_ThisTokenIsOfTheSandboxAndOpensNothingElse2"  # noqa: S105
SAMPLE_AGENT_ID = "5a3db0c5-0000-4000-8000-000000000001"
SYNTHFLOW_API_KEY = "sandbox-synthflow-key"
SYNTHFLOW_WEBHOOK_SECRET = "sandbox-synthflow-secret"  # noqa: S105

KEPT_REQUESTS = 20_000


@dataclass
class Settings:
    """How the stand-ins behave. Change any of them while running with POST /_control/settings.

    Times are in seconds, shares between 0 and 1.
    """

    base_url: str = "http://127.0.0.1:8000"
    """Where the product listens: the workflow runner calls it."""
    hubspot_client_secret: str = "sandbox-client-secret"  # noqa: S105

    aircall_requests_per_minute: int = 120
    """REST limit of the company in one calendar minute; 0 is no limit."""
    aircall_key_refused: bool = False
    """Whether the API key is refused, as after somebody deleted it; access tokens go on."""
    aircall_plan_has_api: bool = True
    """Whether the plan has sending by API (Professional); else the messaging endpoints answer 403."""
    aircall_plan_refusal: str = "service"
    """How they do: service (the messaging service's JSON) or edge (the gateway's)."""
    aircall_admin_agrees: bool = True
    """Whether whoever is sent to the OAuth page agrees."""
    aircall_app_active: bool = True
    """Whether GET /v1/integrations/me says that the app is switched on."""
    aircall_rate_headers: str = "at_limit"
    """X-AircallApi-* headers: at_limit or always."""
    aircall_users_in_number_list: bool = True
    """Whether GET /v1/numbers embeds `users`, as GET /v1/numbers/:id always does."""
    aircall_message_times: str = "ms"
    """Times in send answers: ms (epoch milliseconds) or iso."""
    aircall_raw_digits_plus: bool = False
    """Whether `raw_digits` in send answers starts with +."""
    aircall_number_limits: bool = True
    """Whether a number refuses once its segments of the hour, day or month are used up."""
    aircall_segments: str = "never"
    """Where messages say in `segments` how many were counted: never, answer (to the send) or events."""
    aircall_segments_added: int = 0
    """What is added to that count, as by a provider that cuts texts otherwise."""
    aircall_event_delay: float = 0.5
    """Longest wait before each message event; each one draws its own."""
    aircall_events_doubled: float = 0.0
    """Share of message events delivered twice."""
    aircall_events_shuffled: float = 0.0
    """Share of messages whose events arrive in the wrong order."""
    aircall_webhook_timeout: float = 5.0
    aircall_webhook_retry_delay: float = 1.0
    aircall_webhook_retries: int = 50
    aircall_webhook_disabled_after: int = 10
    """Failed deliveries in a row after which a webhook is switched off."""

    callr_requests_per_minute: int = 0
    """Limit of the account in one calendar minute; 0 is no limit. No source names one."""
    callr_credentials_refused: bool = False
    callr_build_mode: bool = False
    """Whether the account texts its testing numbers alone."""
    callr_testing_numbers: str = "+12025550147"
    """Separated by spaces."""
    callr_build_mode_code: str = "testing-number-required"
    """The error code of a number that is none of them; no source names it."""
    callr_reply_status: int = 201
    """Of an accepted SMS; no source says which."""
    callr_reply: str = "sms"
    """Its body: sms (the whole object), sid, hash, id (an object with that alone) or empty."""
    callr_sender_parameter: str = "from"
    """What the query calls the sender; another name is refused."""
    callr_encoding_parameter: str = "encoding"
    callr_pool: str = "36180"
    """The sender that is picked where none is named."""
    callr_webhooks: str = "v2"
    """Which events are told: v2, or legacy as of the earlier API."""
    callr_envelope: str = "snake"
    """How the envelope of v2 spells its keys: snake (event_id) or camel (eventId)."""
    callr_delivery_event: str = "v2.sms.outbound.status-updated"
    """What v2 calls the event of a delivery; no source names it."""
    callr_signature: str = "sha256"
    """Of webhooks: sha256, sha512, bad or none."""
    callr_signature_header: str = "X-CALLR-HmacSignature"
    callr_event_delay: float = 0.5
    """Longest wait before each event; each one draws its own."""
    callr_events_doubled: float = 0.0
    """Share of events delivered twice."""
    callr_events_shuffled: float = 0.0
    """Share of messages whose events arrive in the wrong order."""
    callr_webhook_timeout: float = 5.0
    callr_webhook_retry_delay: float = 1.0
    """Before the first repeat; doubled each time."""
    callr_webhook_retries: int = 8

    twilio_requests_per_minute: int = 0
    """Limit of the account in one calendar minute; 0 is no limit. No source names one."""
    twilio_retry_after: float = 1.0
    """Seconds in Retry-After of a 429; 0 leaves the header out."""
    twilio_credentials_refused: bool = False
    twilio_keys_may_read_account: bool = False
    """Whether an API key may read the account itself."""
    twilio_account_status: str = "active"
    """active, suspended or closed."""
    twilio_trial: bool = False
    """Whether the account is on trial: it texts verified numbers alone, and puts a sentence before each text."""
    twilio_verified_numbers: str = "+12025550147"
    """Separated by spaces."""
    twilio_error_shape: str = "classic"
    """How a refusal is told: classic (code, message, more_info, status), problem (RFC 9457) or html."""
    twilio_page_size: int = 2
    """The most a page of numbers or services has, so that every such list has several."""
    twilio_messages_page_size: int = 1000
    """The same of messages."""
    twilio_list_delay: float = 0.0
    """Seconds until a message is in the list."""
    twilio_list_has_unsent: bool = False
    """Whether a list that is narrowed by DateSent has messages that were not handed on yet."""
    twilio_messaging_status: int = 200
    """How the host of messaging services answers; 403 and 404 are seen with restricted keys."""
    twilio_price: str = "-0.00750"
    """Of a segment, once a message was handed on."""
    twilio_event_delay: float = 0.5
    """Longest wait before each callback; each one draws its own."""
    twilio_events_doubled: float = 0.0
    """Share of callbacks made twice."""
    twilio_events_shuffled: float = 0.0
    """Share of messages whose callbacks come in the wrong order."""
    twilio_events_dropped: float = 0.0
    """Share of callbacks that are never made."""
    twilio_signature: str = "auth_token"
    """Of callbacks: auth_token, shared_key, bad or none."""
    twilio_signed_port: bool = False
    """Whether the address is signed with the port that it has by itself."""
    twilio_callback_timeout: float = 15.0
    twilio_advanced_opt_out: bool = False
    """Whether OptOutType says what a text was taken for."""

    synthflow_key_refused: bool = False
    synthflow_page_size: int = 2
    """The most of a list that comes at once, whatever limit is asked for."""
    synthflow_error_shape: str = "detail"
    """How errors are told: detail (an object), list (of messages) or error (a word and a message)."""
    synthflow_signature_header: str = "Synthflow-Signature"
    """What the signature of the post-call webhook is called; no source says it for sure."""

    hubspot_token_seconds: int = 1800
    hubspot_consent: str = "given"
    """What happens at /oauth/authorize: given (everyone agrees at once), asked (on a page) or the `error` to answer."""
    hubspot_portal: int = PORTAL_ID
    """The portal that consent is given for. All portals have the same records."""
    hubspot_granted_scopes: str = "asked"
    """What new tokens of installs may: asked (what was asked for), or scopes separated by spaces."""
    hubspot_static_scopes: str = "all"
    """What the static token may: all, or scopes separated by spaces."""
    hubspot_installs: str = "good"
    """Tokens of installs: good, revoked (somebody uninstalled the app) or gone (the portal is no more)."""
    hubspot_rotate_refresh: bool = False
    """Whether a refresh hands out a new refresh token and ends the old one."""
    hubspot_requests_per_ten_seconds: int = 190
    """Rolling limit of the app; 0 is no limit."""
    hubspot_searches_per_second: int = 5
    hubspot_search_delay: float = 0.0
    """How long a new or changed record stays invisible to search."""

    hubspot_two_dependencies: bool = True
    """Whether a field of an action may depend on two others."""
    editor_timeout: float = 10.0
    """How long the workflow editor waits for the options of a dropdown."""

    runner_payload: str = "full"
    """full (every key seen in captured traffic) or documented (the documented core only)."""
    runner_signature: str = "v2+v3"
    """v2+v3, v2, bad, stale or none."""
    runner_empty_input: str = "missing"
    """How an input whose property has no value is sent: missing, null or empty."""
    runner_connect_timeout: float = 3.0
    runner_read_timeout: float = 30.0
    runner_workers: int = 8
    runner_retry_delay: float = 1.0
    """Before the first repeat after a 5xx or no answer; doubled each time."""
    runner_retry_cap: float = 8.0
    runner_attempts: int = 6
    runner_retry_after_unit: str = "ms"
    """Unit in which Retry-After of a 429 is understood: ms or s."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Settings from BASE_URL, HUBSPOT_CLIENT_SECRET, SANDBOX_AIRCALL_REQUESTS_PER_MINUTE and
        SANDBOX_CALLR_REQUESTS_PER_MINUTE.

        Raises ValueError where one of the last two is not a whole number.
        """
        settings = cls()
        if base_url := environ.get("BASE_URL"):
            settings.base_url = base_url.rstrip("/")
        if secret := environ.get("HUBSPOT_CLIENT_SECRET"):
            settings.hubspot_client_secret = secret
        if pace := environ.get("SANDBOX_AIRCALL_REQUESTS_PER_MINUTE"):
            settings.aircall_requests_per_minute = int(pace)
        if pace := environ.get("SANDBOX_CALLR_REQUESTS_PER_MINUTE"):
            settings.callr_requests_per_minute = int(pace)
        return settings

    def change(self, changes: Mapping[str, Any]) -> None:
        """Take over new values; raises ValueError, changing nothing, for an unknown name or a wrong type."""
        kinds = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"There is no setting {name}. Settings: {', '.join(kinds)}.")
            if kinds[name] is float and type(value) is int:
                continue
            if type(value) is not kinds[name]:
                raise ValueError(f"{name} takes a {kinds[name].__name__}, not {value!r}.")
        for name, value in changes.items():
            setattr(self, name, kinds[name](value))


@dataclass
class ProxyConfiguration:
    token: str
    callback_url: str | None


@dataclass
class Number:
    """An Aircall number, with the facts that Aircall's own API does not tell."""

    id: int
    name: str
    e164: str
    digits: str
    country: str
    time_zone: str
    kind: str
    created_at: float
    sms: bool = True
    third_party: bool = False
    connected_to_hubspot: bool = True
    registration_status: str = "verified"
    body_cap: int = 1600
    limits: dict[str, int] = field(default_factory=dict)
    """Segments per hour, day and month."""
    used: dict[tuple[str, str], int] = field(default_factory=dict)
    """(window, its start) to segments used."""
    user_ids: list[int] = field(default_factory=list)
    configuration: ProxyConfiguration | None = None


@dataclass
class User:
    id: int
    name: str
    email: str
    created_at: float
    language: str = "en-US"
    time_zone: str = "America/New_York"
    available: bool = True
    segments_left: int = 13_000


@dataclass
class Webhook:
    id: str
    url: str
    custom_name: str
    events: list[str]
    token: str
    created_at: float
    active: bool = True
    failures: int = 0
    """Failed deliveries in a row."""
    of_app: bool = False
    """Made with an app's access token: it hears of the app's end."""


@dataclass
class Message:
    """An SMS that a stand-in accepted or received."""

    id: str
    service: str
    number_id: int
    sender: str
    recipient: str
    body: str
    time: float
    status: str
    direction: str = "outbound"
    mode: str = "native"
    user_id: int | None = None
    user: str | None = None
    """Email of the send-as user."""
    segments: int = 1
    media: list[str] = field(default_factory=list)
    traffic: str = ""
    encoding: str = ""


@dataclass
class CallrNumber:
    e164: str
    country: str
    type: str = "geographic"
    assigned: bool = True


@dataclass
class CallrWebhook:
    """Made by a person in Callr's portal."""

    url: str
    secret: str


@dataclass
class TwilioNumber:
    sid: str
    e164: str
    name: str
    sms: bool = True
    sms_url: str = ""
    sms_method: str = "POST"
    sms_fallback_url: str = ""  # called, by POST, where sms_url is not answered with 2xx
    sms_application_sid: str = ""  # with one, none of both is called


@dataclass
class TwilioMessage:
    """What Twilio knows of a message beside what every stand-in does."""

    message: Message
    service_sid: str = ""
    callback: str = ""
    updated_at: float = 0.0
    sent_at: float | None = None
    error_code: int | None = None


@dataclass
class Record:
    """A HubSpot record; `associations` maps an object path name to {record id: type ids}."""

    id: str
    properties: dict[str, str | None]
    created_at: float
    updated_at: float
    archived: bool = False
    associations: dict[str, dict[str, set[int]]] = field(default_factory=dict)


@dataclass
class Seeds:
    """What a fresh sandbox starts with."""

    numbers: dict[int, Number]
    users: dict[int, User]
    records: dict[str, dict[str, Record]]
    properties: dict[str, dict[str, dict[str, Any]]]
    owners: list[dict[str, Any]]
    workflows: dict[str, Any]
    callr_numbers: dict[str, CallrNumber] = field(default_factory=dict)
    twilio_numbers: dict[str, TwilioNumber] = field(default_factory=dict)
    twilio_services: dict[str, str] = field(default_factory=dict)
    synthflow_assistants: dict[str, dict[str, Any]] = field(default_factory=dict)
    synthflow_actions: dict[str, dict[str, Any]] = field(default_factory=dict)


@cache
def _tls() -> ssl.SSLContext:
    """Read once: each client of its own would take as long as everything else that a fresh sandbox needs."""
    return httpx.create_ssl_context()


@cache
def _packed(seeds: Callable[[], Seeds]) -> bytes:
    """The seeds, the same every time: to unpack them is quicker than to make them anew."""
    return pickle.dumps(seeds())


class State:
    """One running sandbox. Handlers hold `lock` while they work; deliveries do not."""

    def __init__(self, settings: Settings, seeds: Callable[[], Seeds], now: Callable[[], float] = time.time):
        self.settings = settings
        self.now = now
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.scheduler = Scheduler()
        self.http = httpx.Client(
            verify=_tls(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=64)
        )
        self._seeds = seeds
        self._first_settings = replace(settings)
        # Numbered from the clock, so that a product that outlives the sandbox never sees an id again.
        self._ids = itertools.count(int(time.time() * 1000))
        self.reset()

    def reset(self) -> None:
        """Back to the seeds and the first settings; what was under way is dropped."""
        with self.lock:
            self.scheduler.clear()
            self.settings = replace(self._first_settings)
            self.random = random.Random(20261121)  # noqa: S311
            self._reset_aircall(seeds := pickle.loads(_packed(self._seeds)))  # noqa: S301  our own
            self._reset_callr(seeds)
            self._reset_twilio(seeds)
            self._reset_hubspot(seeds)
            self._reset_synthflow(seeds)
            self.requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
            self.faults: list[Any] = []

    def _reset_aircall(self, seeds: Seeds) -> None:
        self.numbers = seeds.numbers
        self.users = seeds.users
        self.webhooks: dict[str, Webhook] = {}
        self.messages: list[Message] = []
        self.calls: dict[int, dict[str, Any]] = {}
        self.aircall_tokens: set[str] = set()
        self.aircall_codes: dict[str, str] = {}
        """Code to the redirect_uri it was given for."""
        self.aircall_minute = (0, 0)

    def _reset_callr(self, seeds: Seeds) -> None:
        self.callr_numbers = seeds.callr_numbers
        self.callr_sms: dict[str, Message] = {}
        self.callr_webhooks: dict[str, CallrWebhook] = {}
        """By address."""
        self.callr_minute = (0, 0)

    def _reset_twilio(self, seeds: Seeds) -> None:
        self.twilio_numbers = seeds.twilio_numbers
        self.twilio_services = seeds.twilio_services
        """SID to name."""
        self.twilio_messages: dict[str, TwilioMessage] = {}
        self.twilio_opted_out: set[tuple[str, str]] = set()
        """(our number, recipient)"""
        self.twilio_minute = (0, 0)

    def _reset_synthflow(self, seeds: Seeds) -> None:
        self.synthflow_assistants = seeds.synthflow_assistants
        self.synthflow_actions = seeds.synthflow_actions
        self.synthflow_calls: dict[str, dict[str, Any]] = {}
        """By id: the records of calls that were had here."""

    def _reset_hubspot(self, seeds: Seeds) -> None:
        self.records = seeds.records
        self.properties = seeds.properties
        self.owners = seeds.owners
        self.workflows = seeds.workflows
        self.actions: dict[str, Any] = {}
        self.access_tokens: dict[str, dict[str, Any]] = {}
        self.refresh_tokens: dict[str, dict[str, Any]] = {}
        self.authorization_codes: dict[str, dict[str, Any]] = {}
        self.hubspot_calls: deque[float] = deque()
        self.hubspot_searches: deque[float] = deque()
        self.executions: dict[str, Any] = {}
        self.enrolments: dict[int, Any] = {}
        self.callbacks: list[dict[str, Any]] = []

    def new_id(self) -> int:
        """A number never handed out before, not even by an earlier sandbox."""
        return next(self._ids)

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait, without the lock, until a change makes `true` hold; False when the time is up."""
        with self.changed:
            return self.changed.wait_for(true, seconds)

    def close(self) -> None:
        self.scheduler.close()
        self.http.close()


def iso(moment: float) -> str:
    """Epoch seconds as both services write times: 2026-01-02T03:04:05.678Z."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
