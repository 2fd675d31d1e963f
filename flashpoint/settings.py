"""Everything that can be set from outside. The only module that reads the environment.

Nothing is read at import: whoever starts something builds a ``Settings`` and hands it on.
"""

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

#: Scheme, host and perhaps port, and nothing else. What is not on this machine comes over TLS.
_ORIGIN = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?")

#: An origin, and perhaps the path of one realm of several.
_ISSUER = re.compile(rf"(?:{_ORIGIN.pattern})(?:/[A-Za-z0-9._~/-]*)?")


class Settings(BaseSettings):
    """Settings, each read from ``FLASHPOINT_<NAME>``."""

    model_config = SettingsConfigDict(env_prefix="FLASHPOINT_", extra="ignore", frozen=True, hide_input_in_errors=True)

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
    key_refresh_seconds: float = Field(20, gt=0, le=55, description="How often each worker re-reads the API keys.")
    stale_after_minutes: float = Field(
        3, gt=0, description="Age without contact to the database after which the served matrix says it is stale."
    )
    stale_limit_minutes: float = Field(
        60, gt=0, description="Age without contact to the database after which neither matrix nor key is good."
    )

    requests_per_minute: int = Field(
        1200, ge=0, le=1_000_000, description="Requests that a key may make in a minute, on all processes; 0 for any."
    )
    cors_origins: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        None, description="Origins whose pages may ask from a browser, separated by commas; by default none."
    )
    metrics_token: SecretStr | None = Field(
        None, min_length=16, description="Secret that /metrics asks for; without it there are no metrics."
    )

    oidc_issuer: str | None = Field(
        None, description="Address of the OpenID Connect provider that people sign in with, exactly as its tokens say."
    )
    oidc_audience: str | None = Field(
        None, min_length=1, max_length=255, description="What the provider calls this service in the claim aud."
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="Secret that the provider shares with this service, for sign-in with a browser."
    )

    @field_validator("oidc_issuer")
    @classmethod
    def _safe_issuer(cls, value: str | None) -> str | None:
        if value is not None and _ISSUER.fullmatch(value) is None:
            raise ValueError("must be an https address without query, such as https://id.example.org/realms/field")
        return value

    @model_validator(mode="after")
    def _both_or_neither(self) -> "Settings":
        if (self.oidc_issuer is None) != (self.oidc_audience is None):
            raise ValueError("FLASHPOINT_OIDC_ISSUER and FLASHPOINT_OIDC_AUDIENCE are set together")
        return self

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _exact_origins(cls, value: object) -> object:
        named = tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
        if isinstance(named, tuple) and not all(isinstance(one, str) and _ORIGIN.fullmatch(one) for one in named):
            raise ValueError("must be exact origins such as https://dashboard.example.org, separated by commas")
        return named or None

    @field_validator("tick_minutes")
    @classmethod
    def _strikes_with_the_clock(cls, value: int) -> int:
        # Ages are counted from the quarter of an hour: a tick in between would show when something else happened.
        if value not in {1, 3, 5, 15}:
            raise ValueError("must be 1, 3, 5 or 15")
        return value
