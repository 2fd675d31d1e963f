"""Numbers that count more than their reader may know of, under names that count nothing.

The audit log numbers the entries of all operations in one. Whoever may see those of one operation alone could tell by
their numbers how much is logged in the others. A number goes by a permutation of it, under a key of the installation:
the same number has the same name, and without the key a name says neither which number it is nor how far from another.
"""

import hmac
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from flashpoint.errors import Invalid, Violation

_HALF = 8


class Numbers:
    """Names for numbers of 63 bits, by a key derived from the server's secret."""

    def __init__(self, pepper: bytes) -> None:
        """Derive the key, so that no second secret has to be kept."""
        key = hmac.digest(pepper, b"numbers", "sha256")[:16]
        # One block alone is enciphered, and no two numbers are the same: a permutation is what is wanted here.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305

    def name(self, number: int) -> UUID:
        """Give the name of a number."""
        encryptor = self._cipher.encryptor()
        return UUID(bytes=encryptor.update(bytes(_HALF) + number.to_bytes(_HALF)) + encryptor.finalize())

    def number(self, name: UUID) -> int:
        """Give the number of a name.

        Raises:
            Invalid: it is no name that was given here.
        """
        decryptor = self._cipher.decryptor()
        block = decryptor.update(name.bytes) + decryptor.finalize()
        number = int.from_bytes(block[_HALF:])
        if any(block[:_HALF]) or number >> 63:
            raise Invalid(Violation("?after", "cursor", "must be a cursor given by an earlier page"))
        return number
