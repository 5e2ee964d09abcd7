"""The directory as the flow looks things up: a workspace's numbers and users in memory, for a moment."""

from dataclasses import dataclass, field

from smsadmin.cache import remembered
from smsadmin.directory.models import Agent, Association, Number, SenderKind
from smsadmin.providers.callr.ids import POOL
from smsadmin.routing.matching import in_order
from smsadmin.routing.models import Route


@dataclass(frozen=True, slots=True)
class Book:
    """Senders by id, phone numbers by E.164 too, agents by id and email, and which agent is on which number. Gone ones
    are in it by id, so that a message can say what became of them, but not by number, name or email.

    `by_name` are sender names, by their account and the name in small letters; `pools` the sender that an account picks
    itself, by the account: a messaging service is none, for it is chosen as numbers are. The senders come with their
    connection, without its secrets. `routes` are those that are on, as they are looked at (routing.matching).
    """

    numbers: dict[int, Number]
    by_e164: dict[str, Number]
    by_provider_id: dict[str, Number]
    agents: dict[int, Agent]
    by_email: dict[str, Agent]
    agent_by_provider_id: dict[str, Agent]
    on_number: dict[int, frozenset[int]]
    by_name: dict[tuple[int, str], Number] = field(default_factory=dict)
    pools: dict[int, Number] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()

    def named(self, connection_id: int | None, name: str) -> Number | None:
        """The account's sender of that name, in whichever case it is written; of no account, the only one there is."""
        if connection_id is not None:
            return self.by_name.get((connection_id, name.casefold()))
        return _only([found for (_pk, each), found in self.by_name.items() if each == name.casefold()])

    def phone(self, connection_id: int | None, e164: str) -> Number | None:
        """The phone number, that of the account where several accounts have it."""
        found = self.by_e164.get(e164)
        if found is None or connection_id in (None, found.connection_id):
            return found
        same = (each for each in self.numbers.values() if each.e164 == e164 and not each.gone_at)
        return next((each for each in same if each.connection_id == connection_id), found)

    def user(self, email: str, number: Number) -> Agent | None:
        """The user of that email, the one of the number's account where several accounts have one."""
        found = self.by_email.get(email.casefold())
        if found is None or found.connection_id == number.connection_id:
            return found
        same = (each for each in self.agents.values() if each.email.casefold() == email.casefold())
        here = (each for each in same if each.connection_id == number.connection_id and not each.gone_at)
        return next(here, found)

    @property
    def only_pool(self) -> Number | None:
        """What the workspace's account picks, where it has one such account and no more."""
        return _only(list(self.pools.values()))

    def agents_of(self, number: Number) -> list[Agent]:
        """The agents who may use the number, by name."""
        found = [self.agents[pk] for pk in self.on_number.get(number.pk, ()) if not self.agents[pk].gone_at]
        return sorted(found, key=lambda agent: (agent.name.casefold(), agent.pk))


def _only(found: list[Number]) -> Number | None:
    return found[0] if len(found) == 1 else None


def of(workspace_id: int) -> Book:
    """The workspace's book, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("book", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Book:
    senders = Number.objects.filter(workspace_id=workspace_id)
    listed = senders.select_related("connection").defer("connection__secrets")
    numbers = {number.pk: number for number in listed}
    here = {
        kind: [each for each in numbers.values() if each.kind == kind and not each.gone_at]
        for kind in SenderKind
    }
    agents = {agent.pk: agent for agent in Agent.objects.filter(workspace_id=workspace_id)}
    pairs: dict[int, set[int]] = {}
    for number_id, agent_id in Association.objects.filter(number__workspace_id=workspace_id).values_list(
        "number_id", "agent_id"
    ):
        pairs.setdefault(number_id, set()).add(agent_id)
    return Book(
        numbers=numbers,
        by_e164={number.e164: number for number in here[SenderKind.PHONE]},
        by_provider_id={
            number.provider_id: number for number in numbers.values() if number.kind == SenderKind.PHONE
        },
        agents=agents,
        by_email={agent.email.casefold(): agent for agent in agents.values() if not agent.gone_at},
        agent_by_provider_id={agent.provider_id: agent for agent in agents.values()},
        on_number={pk: frozenset(ids) for pk, ids in pairs.items()},
        by_name={(each.connection_id, each.e164.casefold()): each for each in here[SenderKind.NAME]},
        pools={each.connection_id: each for each in here[SenderKind.POOL] if each.provider_id == POOL},
        routes=tuple(in_order(Route.objects.filter(workspace_id=workspace_id, enabled=True))),
    )
