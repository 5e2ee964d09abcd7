"""Call flows to begin with."""

from dataclasses import dataclass
from typing import Final

from smsadmin.core.errors import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Starter:
    key: str  # "missed-call"
    name: str  # English, to be translated
    description: str  # English, to be translated
    source: str  # YAML


#: Callr help, "Send SMS within a Call Flow": the example, as it stands there.
_MISSED_CALL = """\
branches:
  inbound-call:
    actions:
      - action: dial@v1
        params:
          targets:
            - number: "+33199001234"
              timeout: 25
          answerOnBranch: answered
        result: $dial

      - if: "!$dial?.ok"
        goto:
          branch: voicemail

  voicemail:
    actions:
      - if: call.fromType.match(/MOBILE/)
        action: sms@v1
        params:
          to:
            - ${{ call.fromNumber }}
          body: >
            Hello! You tried to reach us but we weren’t available.
            We’ll get back to you as soon as possible.
"""

_OPENING_HOURS = """\
description: Tell mobile callers when we call back
variables:
  $opens: "08:00"   # UTC, as now is
  $closes: "17:00"
branches:
  inbound-call:
    actions:
      - action: dial@v1
        params:
          targets:
            - number: "+33199001234"
              timeout: 25
        result: $dial
      - if: "!$dial?.ok && call.fromType?.match(/MOBILE/)"
        goto:
          branch: missed

  missed:
    actions:
      - if: JSON.stringify(now).split('T')[1] < $opens || JSON.stringify(now).split('T')[1] >= $closes
        goto:
          branch: closed
      - action: sms@v1
        params:
          to:
            - ${{ call.fromNumber }}
          body: >
            Sorry that we missed your call. We will ring you back within the hour.

  closed:
    actions:
      - action: sms@v1
        params:
          to:
            - ${{ call.fromNumber }}
          body: >
            Thank you for your call. We are closed at the moment and will ring you back when we open again.
"""

_REPLY = """\
description: Answer texts that come in
branches:
  inbound-sms:
    actions:
      - if: sms.bodyText.match(/\\b(price|quote)/i)
        goto:
          branch: quote
      - action: sms@v1
        params:
          to:
            - ${{ sms.fromNumber }}
          from: ${{ sms.toNumber }}
          trafficType: alerting
          body: >
            Thank you, we have your message and will answer today.

  quote:
    actions:
      - action: sms@v1
        params:
          to:
            - ${{ sms.fromNumber }}
          from: ${{ sms.toNumber }}
          trafficType: alerting
          body: >
            Thank you for asking. You will have our quote by tomorrow.
"""

_FETCH = """\
description: Greet known customers by name
variables:
  $customer: undefined
branches:
  inbound-call:
    actions:
      - action: dial@v1
        params:
          targets:
            - number: "+33199001234"
              timeout: 25
        result: $dial
      - if: "!$dial?.ok && call.fromType?.match(/MOBILE/)"
        goto:
          branch: missed

  missed:
    actions:
      - action: fetch@v2
        params:
          url: https://crm.example.com/customers
          method: POST
          headers:
            content-type: application/json
          body: |
            {"phone": ${{ JSON.stringify(call.fromNumber) }}, "run": ${{ JSON.stringify(run.id) }}}
          timeout: 4
        result: $customer
      - action: sms@v1
        params:
          to:
            - ${{ call.fromNumber }}
          body: >
            Hello${{ $customer?.json?.name ? " " + $customer.json.name : "" }}!
            We missed your call and will ring you back.
"""

_CODE = """\
description: Send a code that a program asked for
# The program begins it with {"run": {"id": "…", "to": "+33639980042", "code": "123456"}}.
branches:
  api-initiated:
    actions:
      - if: run.to && run.code
        action: sms@v1
        params:
          to:
            - ${{ run.to }}
          encoding: gsm
          trafficType: alerting
          body: >
            ${{ run.code }} is your code. It is good for ten minutes; give it to nobody.
"""

STARTERS: Final[tuple[Starter, ...]] = (
    Starter(
        "missed-call",
        _("Missed call follow-up"),
        _("Callr's own example: who calls from a mobile and reaches nobody gets a text."),
        _MISSED_CALL,
    ),
    Starter(
        "opening-hours",
        _("Missed call, by the time of day"),
        _("One text while you are open, another one while you are closed. Times are in UTC."),
        _OPENING_HOURS,
    ),
    Starter(
        "reply",
        _("Answer an incoming text"),
        _("Answers from the number that was texted, by what the text says."),
        _REPLY,
    ),
    Starter(
        "personal",
        _("Missed call, by name"),
        _("Asks your own system who called, and greets the customer by name."),
        _FETCH,
    ),
    Starter(
        "code",
        _("A code on request"),
        _("A program starts the flow with a number and a code, which leaves as an alert."),
        _CODE,
    ),
)
