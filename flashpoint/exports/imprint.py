"""What every file says of itself: of what it is, as of when, for whom, and under which agreement. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from flashpoint.features import dumps
from flashpoint.layers import ABOUT, Layer, Text
from flashpoint.matrix import CLASSIFICATION
from flashpoint.protocol import Named
from flashpoint.types import Audience

GENERATOR = "Flashpoint"
_READERS = {Audience.CLUSTER: "the protection cluster", Audience.MISSION: "the mission"}


@dataclass(frozen=True, slots=True)
class Imprint:
    """The imprint of a file. ``more`` is what the matrix alone has to say: ``data_through``, ``methodology`` ..."""

    layer: Layer
    operation: str
    audience: Audience
    as_of: datetime
    rows: int
    protocol: Named | None
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> Text:
        """What the layer is called."""
        return ABOUT[self.layer].title

    @property
    def description(self) -> Text:
        """What the layer holds."""
        return ABOUT[self.layer].description

    @property
    def classification(self) -> str:
        """For whom it is, as the classification says it."""
        return CLASSIFICATION[self.audience]

    @property
    def licence(self) -> str:
        """Say who may use it and by which agreement: data of this kind have no open licence."""
        reader = _READERS[self.audience]
        if self.protocol is None:
            return f"Restricted: for the use of {reader} alone. No information-sharing protocol is in force."
        version = self.protocol.version
        return f"Restricted: for the use of {reader} under the information-sharing protocol {version}."

    def members(self) -> dict[str, Any]:
        """Give it as members of JSON, the moment first."""
        # That a protocol ends soon changes with the day, and the file must not.
        named = self.protocol and {"version": self.protocol.version, "until": self.protocol.until}
        members = {
            "as_of": self.as_of,
            **self.more,
            "layer": self.layer,
            "operation": self.operation,
            "audience": self.audience,
            "classification": self.classification,
            "licence": self.licence,
            "protocol": named,
            "rows": self.rows,
            "title": self.title.en,
            "description": self.description.en,
            "generator": GENERATOR,
        }
        written: dict[str, Any] = orjson.loads(dumps(members))
        return written

    def lines(self) -> dict[str, str]:
        """Give it as names and plain texts, for formats that have nothing else; what is not there is left out."""
        found: dict[str, str] = {}
        for name, value in self.members().items():
            parts = {f"{name}_{part}": one for part, one in value.items()} if isinstance(value, dict) else {name: value}
            found |= {part: str(one) for part, one in parts.items() if one is not None}
        return found
