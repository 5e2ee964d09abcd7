"""Everything that can be wrong with a call flow, in its text or in a run: one sentence and one fix each.

A code is stable: runs keep it. Both texts are English here and are translated where they are shown, with the facts of
the case filled in by `smsadmin.core.errors.fill`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from smsadmin.core.errors import gettext_noop as _

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Kind:
    say: str
    fix: str
    near: str = ""  # in place of `fix`, where the facts name the `nearest` that is known
    severity: Severity = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where: line and column count from 1."""

    line: int
    column: int
    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def say(self) -> str:
        return KINDS[self.code].say

    @property
    def fix(self) -> str:
        return fix_of(self.code, self.facts)

    @property
    def severity(self) -> Severity:
        return KINDS[self.code].severity


def fix_of(code: str, facts: Mapping[str, Any]) -> str:
    """What to do about it, still to be filled in with the facts."""
    kind = KINDS[code]
    return kind.near if kind.near and facts.get("nearest") else kind.fix


def excerpt(text: str) -> str:
    """A text on one line, as long as a sentence can hold."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:39] + "…"


def quoted(text: str) -> str:
    """A text in quotes as YAML reads them."""
    if '"' in text or "\\" in text:
        return "'" + text.replace("'", "''") + "'"
    return f'"{text}"'


def nearest(name: str, known: Collection[str]) -> str:
    """The known name that was probably meant, "" where none is like it."""
    by_case = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold()[:80], by_case, n=1, cutoff=0.6)
    return by_case[found[0]] if found else ""


KINDS: dict[str, Kind] = {
    # The YAML itself
    "EMPTY": Kind(
        _("There is no call flow here yet."), _("Start with a template, or paste the YAML of a scenario.")
    ),
    "TOO_LONG": Kind(
        _("The script has {characters} characters, and Callr takes {most} at most."),
        _("Shorten it, or make two flows of it."),
    ),
    "TOO_DEEP": Kind(
        _("Values stand inside each other here for more than {most} levels."),
        _("Move what is inside to a branch of its own."),
    ),
    "TOO_MANY_VALUES": Kind(
        _("With every anchor (&) repeated where it is named (*), this script has more than {most} values."),
        _("Write out what is meant instead of repeating it."),
    ),
    "YAML_SYNTAX": Kind(
        _("This cannot be read as YAML: {reason}."),
        _("Check the indentation, and put values with special characters in quotes."),
    ),
    "YAML_COLON": Kind(
        _("The “: ” inside ${{{{ }}}} ends the value here, because the value has no quotes."),
        _("Put the whole value in single quotes, from before ${{{{ to after }}}}."),
    ),
    "YAML_COLON_PLAIN": Kind(
        _("There is a second “: ” in this line, so YAML takes its text for another key."),
        _("Put the value in quotes."),
    ),
    "YAML_FLOW": Kind(
        _("Between [ ] or {{ }}, YAML reads the braces of ${{{{ }}}} as its own."),
        _("Write each value on a line of its own after “- ”, or put ${{{{ }}}} in quotes."),
    ),
    "YAML_BANG": Kind(
        _("A value that begins with ! is a tag in YAML, so “{written}” is not read as an expression."),
        _("Put it in quotes: {quoted}."),
    ),
    "YAML_TAG": Kind(
        _("The tag “{written}” has no meaning in a call flow."), _("Remove it, or put the value in quotes.")
    ),
    "YAML_TAB": Kind(_("There is a tab at the beginning of a value."), _("Indent with spaces.")),
    "YAML_START": Kind(
        _("A value cannot begin with “{written}” unless it is in quotes."), _("Put the value in quotes.")
    ),
    "YAML_QUOTE": Kind(
        _("The quote that opens here is never closed."),
        _("Close it, or use the other kind of quotes around a text that has this one in it."),
    ),
    "YAML_QUOTE_INSIDE": Kind(
        _("The text goes on after its closing quote."),
        _("Use the other kind of quotes around it, or begin it with “>” on a line of its own."),
    ),
    "YAML_ALIAS": Kind(
        _("A value that begins with * repeats an anchor in YAML, and there is none of that name."),
        _("Put the value in quotes."),
    ),
    "YAML_DOCUMENTS": Kind(
        _("A second document begins here, after “---”."), _("Keep one call flow only, and remove the line.")
    ),
    "YAML_CHARACTER": Kind(
        _("There is a character here that no text may have: {written}."),
        _("Delete it, or type the word again."),
    ),
    "DUPLICATE_KEY": Kind(
        _("“{key}” stands here twice: it is in line {first} already."),
        _("Keep one of them. Steps that follow each other are each an item of their own, with “- ”."),
    ),
    "KEY_NOT_TEXT": Kind(_("The name of a value must be a plain word."), _("Write one word before the “:”.")),
    "NUMBER_AS_INTEGER": Kind(
        _("{written} is read as the number {read}: the rest of it is lost."), _("Put it in quotes: {quoted}.")
    ),
    "NUMBER_TOO_LONG": Kind(
        _("{written} has {characters} characters, and a number may have {most}."),
        _("Put it in quotes, so that it is a text."),
    ),
    "READ_OTHERWISE": Kind(
        _("{written} is a text here. Other readers of YAML take it for {read}."),
        _("Put it in quotes: {quoted}."),
        severity="warning",
    ),
    # The document
    "NOT_A_MAPPING": Kind(
        _("“{key}” must hold names and values."), _("Write “name: value” below it, further to the right.")
    ),
    "NOT_A_FLOW": Kind(
        _("A call flow begins with names and values, and “branches:” among them."),
        _("Write “branches:” and the branches below it."),
    ),
    "NOT_A_LIST": Kind(
        _("“{key}” must hold a list of steps."), _("Write each step below it, beginning with “- ”.")
    ),
    "NOT_TEXT": Kind(_("“{key}” must be a text."), _("Write one value in quotes after “{key}:”.")),
    "UNKNOWN_KEY": Kind(
        _("“{key}” is not known here."),
        _("Remove it. Known are: {known}."),
        near=_("Write “{nearest}”. Known are: {known}."),
    ),
    "NO_BRANCHES": Kind(
        _("There are no branches, so nothing can ever run."),
        _("Write “branches:” with a branch “inbound-call:” below it."),
    ),
    "NO_START": Kind(
        _("No branch begins anything: none is called inbound-call, inbound-sms or api-initiated."),
        _("Give the branch that comes first one of these names."),
        near=_("Call “{written}” “{nearest}”."),
    ),
    "BRANCH_NAME": Kind(
        _("“{name}” cannot name a branch."),
        _("Write up to {most} letters without accents, digits, - and _, as in call-back."),
    ),
    "EVENT_NAME": Kind(
        _("“{name}” cannot name an event."),
        _("Write up to {most} letters without accents, digits, - and _, as in ready."),
    ),
    "EMPTY_BRANCH": Kind(
        _("The branch “{branch}” has no steps."),
        _("Add a step below “actions:”, or remove the branch."),
        severity="warning",
    ),
    "STEP_FORM": Kind(
        _("A step must be names and values."), _("Write “- action: name@v1”, with the action's name.")
    ),
    "STEP_EMPTY": Kind(
        _("This step does nothing: it has neither action, goto nor then."),
        _("Add “action:”, “goto:” or “then:” to it, or remove it."),
    ),
    "STEP_TWICE": Kind(
        _("This step has both {first} and {second}, and nobody knows which comes first."),
        _("Make two steps of it, each with its own “- ”."),
    ),
    "NEEDS_ACTION": Kind(
        _("“{key}” belongs to an action, and this step has none."),
        _("Add “action:” to the step, or remove it."),
    ),
    "NOTHING_DECIDES": Kind(
        _("“then” is always done, because the step has no “if”."),
        _("Add “if:”, or move the steps out of “then”."),
        severity="warning",
    ),
    "GOTO_FORM": Kind(_("“goto” names no branch."), _("Write “goto:” and, below it, “branch: name”.")),
    "UNKNOWN_BRANCH": Kind(
        _("There is no branch “{branch}” to go to."),
        _("Add it. There are: {known}."),
        near=_("Write “{nearest}”, or add the branch."),
    ),
    "UNREACHABLE_BRANCH": Kind(
        _("Nothing ever goes to the branch “{branch}”."),
        _("Go to it from a step with “goto”, or remove it."),
        severity="warning",
    ),
    "UNREACHABLE_STEP": Kind(
        _("This step is never reached: the “goto” before it always leaves the branch."),
        _("Give the “goto” a condition, or remove the step."),
        severity="warning",
    ),
    "ENDLESS_LOOP": Kind(
        _("This goes round for ever: {branches}."),
        _("Give one “goto” on the way a condition, or end the last branch without one."),
    ),
    "TEXTS_AGAIN": Kind(
        _("Each round of {branches} sends a text again. A run texts one person at most {most} times."),
        _("Leave the round before sms@v1, or send the text after the last round."),
        severity="warning",
    ),
    "UNKNOWN_ACTION": Kind(
        _("There is no action “{action}”."),
        _("Known are: {known}."),
        near=_("Write “{nearest}”. Known are: {known}."),
    ),
    "JAVASCRIPT": Kind(
        _("javascript@v1 runs a program, and no programs are run here."),
        _("Write conditions in “if” and values in ${{{{ }}}}, or fetch what the program works out."),
    ),
    "RESULT_NAME": Kind(
        _("“{name}” cannot hold a result."),
        _("Write a name that begins with $, as in $sms: letters, digits and _."),
    ),
    "VARIABLE_NAME": Kind(
        _("“{name}” cannot be a variable."),
        _("Write a name that begins with $, as in $user: letters, digits and _."),
    ),
    "VARIABLE_EXPRESSION": Kind(
        _("The variable {name} begins with an expression, and nothing has happened yet that it could read."),
        _("Begin with a fixed value or with undefined, and set it by the “result” of a step."),
    ),
    "IF_BRACES": Kind(_("“if” holds a bare expression, without ${{{{ }}}}."), _("Write if: {quoted}")),
    # Expressions, as they are written
    "TOO_MANY_EXPRESSIONS": Kind(
        _("With this value, the call flow has more than {most} expressions."),
        _("Make two flows of it, or fetch what the expressions work out."),
    ),
    "UNCLOSED_EXPRESSION": Kind(
        _("The ${{{{ that opens here is never closed."),
        _("Add }}}}. If the expression has a “ #” in it, put the whole value in quotes."),
    ),
    "EMPTY_EXPRESSION": Kind(
        _("There is no expression here."), _("Name a value, as in call.fromNumber, or remove it.")
    ),
    "EXPRESSION_TOO_LONG": Kind(
        _("This expression has more than {most} characters."), _("Take it apart, or fetch what it works out.")
    ),
    "EXPRESSION_TOO_DEEP": Kind(
        _("This expression has too many parts inside each other."), _("Take it apart.")
    ),
    "EXPRESSION_SYNTAX": Kind(
        _("The expression cannot be read at “{piece}”."),
        _("Check its brackets and quotes around this place."),
    ),
    "EXPRESSION_CONSTRUCT": Kind(
        _("“{piece}” cannot be used in a call flow."),
        _(
            "Known are: values by name, ?. and [ ], texts, numbers and /patterns/, !, comparisons, &&, ||, +, ? :, "
            ".match(), .split(), .join(), .length and JSON.stringify()."
        ),
    ),
    "UNKNOWN_METHOD": Kind(
        _(".{name}() cannot be used in a call flow."),
        _("Known are: .match(), .split(), .join() and JSON.stringify()."),
        near=_("Write .{nearest}(). Known are: .match(), .split(), .join() and JSON.stringify()."),
    ),
    "METHOD_ARGUMENTS": Kind(
        _(".{name}() takes exactly one value."), _("Write one value between the brackets.")
    ),
    "FORBIDDEN_PROPERTY": Kind(
        _("“{name}” cannot be read in a call flow."), _("Read only the values that the call brought along.")
    ),
    "UNKNOWN_NAME": Kind(
        _("Nothing is called “{name}”."),
        _("Known are: {known}."),
        near=_("Write “{nearest}”. Known are: {known}."),
    ),
    "BAD_PATTERN": Kind(
        _("The pattern {piece} cannot be read."), _("Check its brackets and the letters after its last /.")
    ),
    # Expressions, as they are worked out
    "NOTHING_TO_READ": Kind(
        _("{object} is {nothing}, so its {property} cannot be read."),
        _("Write {object}?.{property} where it may be missing."),
    ),
    "NEEDS_TEXT": Kind(
        _(".{name}() works on a text, and {object} is none."),
        _("Use it on a text, or ask for the value first."),
    ),
    "NEEDS_LIST": Kind(
        _(".{name}() works on a list, and {object} is none."), _("Use it on what .split() or .match() found.")
    ),
    "EXPRESSION_TIME": Kind(
        _("The expression “{piece}” took longer than {milliseconds} ms and was stopped."),
        _("Simplify its pattern: repeated parts inside repeated parts, as in (a+)+, may take for ever."),
    ),
    "EXPRESSION_MEMORY": Kind(
        _("The expression “{piece}” needs more memory than a call flow may use."),
        _("Use a smaller part of the value."),
    ),
    "EXPRESSION_FAILED": Kind(
        _("The expression “{piece}” has no value: {reason}."), _("Check what it reads.")
    ),
    # What actions are given
    "PARAMS_FORM": Kind(
        _("The params of {action} must be names and values."), _("Write “name: value” below “params:”.")
    ),
    "SMS_TO_MISSING": Kind(
        _("sms@v1 has nobody to send to: “to” is missing."),
        _("Write “to:” and a number below it, as in - ${{{{ call.fromNumber }}}}."),
    ),
    "SMS_TO_FORM": Kind(
        _("“to” must be a phone number or a list of them."), _("Write each number in quotes after “- ”.")
    ),
    "SMS_TO_NUMBER": Kind(
        _("“{value}” in “to” is not a full international number."),
        _('Write + and the country code, then digits only, in quotes: "+33612345678".'),
    ),
    "SMS_TO_MANY": Kind(
        _("“to” names {count} recipients, and one step may have {most}."),
        _("Send to fewer people here: a call flow answers somebody who called."),
    ),
    "PARAM_LONG": Kind(
        _("“{key}” of {action} has {characters} characters, and {most} are the most."),
        _("Shorten it, or use less of the values in it."),
    ),
    "SMS_BODY_MISSING": Kind(_("sms@v1 has no text: “body” is missing."), _("Write “body:” and the text.")),
    "SMS_BODY_FORM": Kind(_("“body” must be a text."), _("Put it in quotes.")),
    "SMS_FROM": Kind(
        _("“{value}” cannot be a sender."),
        _(
            "Write a number with + and country code in quotes, or a name of up to 11 letters, digits, spaces, dashes "
            "and underscores with at least one letter, or leave “from” out."
        ),
    ),
    "SMS_ENCODING": Kind(
        _("“{value}” is not an encoding."), _("Write gsm or unicode, or leave it out: the text decides then.")
    ),
    "SMS_TRAFFIC": Kind(
        _("“{value}” is not a traffic type."),
        _("Write marketing or alerting. Left out, it is marketing."),
        near=_("Write {nearest}. Left out, it is marketing."),
    ),
    "FETCH_PARAM": Kind(
        _("“{key}” of {action} is not known here and does nothing."),
        _("Remove it. Known are: {known}."),
        near=_("Write “{nearest}”. Known are: {known}."),
        severity="warning",
    ),
    "FETCH_URL": Kind(
        _("{action} needs a “url” that begins with https:// or http://."),
        _("Write the whole address in quotes."),
    ),
    "FETCH_METHOD": Kind(_("“{value}” is not an HTTP method."), _("Write one of {known}.")),
    "FETCH_HEADERS": Kind(
        _("“headers” must be names and texts."),
        _("Write each as “name: text” below “headers:”, the text in quotes."),
    ),
    "FETCH_SECRET": Kind(
        _("Everybody who may read this flow can read what “{header}” holds here."),
        _(
            "Keep it with its host in Flows › Allowed hosts, where credentials are encrypted, and remove it here."
        ),
        severity="warning",
    ),
    "FETCH_BODY": Kind(
        _("The “body” of {action} must be a text."), _("Put it in quotes, or below “body: |”.")
    ),
    "FETCH_TIMEOUT": Kind(
        _("“timeout” must be a number of seconds, more than 0."), _("Write a number, as in 4.")
    ),
    # A run
    "NO_SUCH_BRANCH": Kind(
        _("The flow has no branch “{branch}” to begin with."), _("Add it, or start the flow otherwise.")
    ),
    "LIMIT_STEPS": Kind(
        _("The run was stopped after {most} steps."),
        _("Look for branches that go to each other all the time."),
    ),
    "LIMIT_GOTOS": Kind(
        _("The run was stopped after going from branch to branch {most} times."),
        _("Look for branches that go to each other all the time."),
    ),
    "LIMIT_TIME": Kind(
        _("The run was stopped: its expressions took more than {seconds} s together."), _("Simplify them.")
    ),
    "LIMIT_VALUES": Kind(
        _("The run was stopped: its expressions came to more than {most} characters together."),
        _("Read only the part of a value that is needed, as in $answer.json.name."),
    ),
    "LIMIT_FETCHES": Kind(
        _("The run was stopped: it may call other services {most} times at most."),
        _("Fetch once and keep the answer, and look for branches that go to each other all the time."),
    ),
    "LIMIT_RECORDS": Kind(
        _("The run was stopped: what is kept of its steps came to more than {most} characters together."),
        _("Fetch less, and look for branches that go to each other all the time."),
    ),
    "EFFECT_FAILED": Kind(
        _("{action} could not be done: {reason}."), _("Run the flow again; what was sent is not sent twice.")
    ),
}
