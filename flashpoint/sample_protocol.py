"""The information-sharing protocol of the demonstration: proposed by one coordinator, put in force by another."""

from datetime import timedelta
from typing import Any

from flashpoint import agreement
from flashpoint.store.engine import Vault
from flashpoint.store.places import ALWAYS
from flashpoint.store.protocols import Decision
from flashpoint.types import Actor


def agree(vault: Vault, people: list[Actor], operation: str, sample: dict[str, Any]) -> None:
    """Agree on the sample's protocol; its days are counted from the loading. Like the method, it is known since always.

    Raises:
        Invalid: the file is not in order.
    """
    proposer, adopter = people[:2]
    days = {"until": "until_in_days", "review_on": "review_in_days"}
    written = dict(sample["document"])
    for member, name in days.items():
        written[member] = (vault.at.date() + timedelta(days=sample[name])).isoformat()
    proposal = {"version": sample["version"], "reason": sample["reason"], "document": written}
    made = agreement.propose(vault, proposer, operation, proposal)
    agreement.adopt(vault, adopter, operation, Decision(made.version, sample["adopted_because"], ALWAYS))
