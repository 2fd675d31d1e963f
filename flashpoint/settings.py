"""Everything that can be set from outside. The only module that reads the environment.

Nothing is read at import: whoever starts something builds a ``Settings`` and hands it on.
"""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings, each read from ``FLASHPOINT_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="FLASHPOINT_", extra="ignore", frozen=True)

    home: Path = Field(Path(".flashpoint"), description="Folder for the private cluster, the pepper and the demo keys.")
    database_url: SecretStr | None = Field(
        None, description="A PostGIS database to use instead of a private cluster (postgresql://...)."
    )
    host: str = Field("127.0.0.1", description="Address on which the service listens.")
    port: int = Field(8000, ge=1, le=65535, description="Port on which the service listens.")
    pool_size: int = Field(8, ge=1, le=64, description="Database connections a process may hold; also its threads.")
    tick_minutes: int = Field(
        15, description="How often the matrix is evaluated when nothing changes: 1, 3, 5 or 15 minutes."
    )
    key_pepper: SecretStr | None = Field(
        None, description="Server secret that API keys are hashed with; without it, kept in the home folder."
    )
    key_refresh_seconds: float = Field(20, gt=0, le=60, description="How often each worker re-reads the API keys.")
    stale_after_minutes: float = Field(
        3, gt=0, description="Age without contact to the database after which the served matrix says it is stale."
    )
    stale_limit_minutes: float = Field(
        60, gt=0, description="Age without contact to the database after which neither matrix nor key is good."
    )

    @field_validator("tick_minutes")
    @classmethod
    def _strikes_with_the_clock(cls, value: int) -> int:
        # Ages are counted from the quarter of an hour: a tick in between would show when something else happened.
        if value not in {1, 3, 5, 15}:
            raise ValueError("must be 1, 3, 5 or 15")
        return value
