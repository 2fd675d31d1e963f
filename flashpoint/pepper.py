"""The server's own secret, with which API keys are hashed: from the settings, or kept in the home folder."""

import os
import secrets
from pathlib import Path

from flashpoint.errors import Unavailable
from flashpoint.settings import Settings

_BYTES = 32


def pepper(settings: Settings) -> bytes:
    """Give the pepper; without one in the settings it is made on first use, for the owner's eyes only.

    Raises:
        Unavailable: it is too short, as when a disk ran full.
    """
    if settings.key_pepper is not None:
        return _whole(settings.key_pepper.get_secret_value().encode(), "FLASHPOINT_KEY_PEPPER")
    path = settings.home / "pepper"
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        kept = _made(path)
    return _whole(kept, str(path))


def _whole(secret: bytes, where: str) -> bytes:
    if len(secret) < _BYTES:
        raise Unavailable(f"{where} holds less than {_BYTES} bytes: keys hashed with it would not be safe")
    return secret


def _made(path: Path) -> bytes:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"pepper.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link is never there by half, and whoever is second takes what the first one made.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()
