"""The directory as the flow looks things up: a workspace's numbers and users in memory, for a moment."""

from dataclasses import dataclass

from smsadmin.cache import remembered
from smsadmin.directory.models import Agent, Association, Number


@dataclass(frozen=True, slots=True)
class Book:
    """Numbers by id and E.164, agents by id and email, and which agent is on which number. Gone ones are in it
    by id, so that a message can say what became of them, but not by number or email."""

    numbers: dict[int, Number]
    by_e164: dict[str, Number]
    by_provider_id: dict[str, Number]
    agents: dict[int, Agent]
    by_email: dict[str, Agent]
    agent_by_provider_id: dict[str, Agent]
    on_number: dict[int, frozenset[int]]

    def agents_of(self, number: Number) -> list[Agent]:
        """The agents who may use the number, by name."""
        found = [self.agents[pk] for pk in self.on_number.get(number.pk, ()) if not self.agents[pk].gone_at]
        return sorted(found, key=lambda agent: (agent.name.casefold(), agent.pk))


def of(workspace_id: int) -> Book:
    """The workspace's book, at most settings.CONFIGURATION_TTL seconds old."""
    return remembered(("book", workspace_id), lambda: _read(workspace_id))


def _read(workspace_id: int) -> Book:
    numbers = {number.pk: number for number in Number.objects.filter(workspace_id=workspace_id)}
    agents = {agent.pk: agent for agent in Agent.objects.filter(workspace_id=workspace_id)}
    pairs: dict[int, set[int]] = {}
    for number_id, agent_id in Association.objects.filter(number__workspace_id=workspace_id).values_list(
        "number_id", "agent_id"
    ):
        pairs.setdefault(number_id, set()).add(agent_id)
    return Book(
        numbers=numbers,
        by_e164={number.e164: number for number in numbers.values() if not number.gone_at},
        by_provider_id={number.provider_id: number for number in numbers.values()},
        agents=agents,
        by_email={agent.email.casefold(): agent for agent in agents.values() if not agent.gone_at},
        agent_by_provider_id={agent.provider_id: agent for agent in agents.values()},
        on_number={pk: frozenset(ids) for pk, ids in pairs.items()},
    )
