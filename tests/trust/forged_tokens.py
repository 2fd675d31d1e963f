"""Tokens that must not let anybody in, made from a table of what has been tried elsewhere.

Two kinds are told apart. A forger has the provider's public keys and a genuine token of somebody else's, and signs
what the provider never signed. And the provider signs much that is not meant for us, not now, or not for somebody
who is enrolled.
"""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sign_in_provider import ALGORITHMS, AUDIENCE, Key, Provider, encoded, new_key, signed, signer

from api.tokens import LONGEST

#: Order of the group of P-256.
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Forged:
    """A token, and what is wrong with it."""

    kind: str
    token: str


@dataclass(frozen=True)
class Subjects:
    """Whom the tokens are about, as the provider knows them."""

    enrolled: str
    revoked: str
    expired: str


class Forger:
    """Makes the tokens, each about somebody who is enrolled unless it says otherwise."""

    def __init__(self, provider: Provider, subjects: Subjects) -> None:
        self.provider = provider
        self.rsa, self.ec = provider.keys[:2]
        self.subjects = subjects
        self.own = new_key("own")
        self.own_ec = new_key("own-ec", "ES256")

    def everything(self) -> list[Forged]:
        """Make one of each; no two are the same."""
        tables = (
            *(self.unsigned, self.public_key_as_secret, self.wrong_keys, self.key_ids, self.other_algorithms),
            *(self.own_key_along, self.damaged_signatures, self.swapped_parts, self.weak_signatures, self.envelopes),
            *(self.claims_missing, self.claims_of_another_kind, self.not_for_us, self.not_now, self.not_enrolled),
            *(self.said_twice, self.understood_otherwise),
        )
        made = [Forged(kind, token) for table in tables for kind, token in table()]
        return list({one.token: one for one in made}.values())

    def claims(self, **changes: Any) -> dict[str, Any]:
        return self.provider.claims(self.subjects.enrolled, **changes)

    def header(self, key: Key | None = None, **changes: Any) -> dict[str, Any]:
        key = key or self.rsa
        return {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"} | changes

    def genuine(self, header: Any = None, claims: Any = None, key: Key | None = None) -> str:
        """Sign as the provider would, whatever it is."""
        key = key or self.rsa
        header, claims = (self.header(key) if header is None else header), (self.claims() if claims is None else claims)
        return signed(header, claims, signer(key.algorithm, key.private))

    def of_length(self, length: int) -> str:
        """Make a genuine token of that length, or of one letter more."""
        padding = (length - len(self.genuine(claims=self.claims(padding="")))) * 3 // 4
        while len(token := self.genuine(claims=self.claims(padding="x" * padding))) < length:
            padding += 1
        return token

    # -- what the provider never signed -------------------------------------------------------------------------------

    def unsigned(self) -> Iterator[tuple[str, str]]:
        copied = self.genuine().rpartition(".")[2]
        for name in ("none", "None", "NONE", "nOnE", "none ", "", "null"):
            before = f"{encoded(self.header(alg=name))}.{encoded(self.claims())}"
            for signature in ("", copied, "AA"):
                yield f"alg {name!r}", f"{before}.{signature}"
        for name in (None, 0, [], ["none"], {"alg": "none"}, True):
            yield "alg of another kind", f"{encoded(self.header(alg=name))}.{encoded(self.claims())}.{copied}"

    def public_key_as_secret(self) -> Iterator[tuple[str, str]]:
        for key in (self.rsa, self.ec):
            for secret in _secrets(key):
                for algorithm in ("HS256", "HS384", "HS512"):
                    by_hand = ALGORITHMS[algorithm]
                    sign = partial(by_hand.sign, key=secret)
                    yield (
                        f"{algorithm} with what is public",
                        signed(
                            self.header(key, alg=algorithm), self.claims(), lambda content, sign=sign: sign(content)
                        ),
                    )

    def wrong_keys(self) -> Iterator[tuple[str, str]]:
        for claimed, own in ((self.rsa, self.own), (self.ec, self.own_ec)):
            token = signed(self.header(claimed), self.claims(), signer(own.algorithm, own.private))
            yield "another key under the right id", token
        yield "another key under its own id", self.genuine(self.header(self.own), key=self.own)
        yield "PS256 of another key", signed(self.header(alg="PS256"), self.claims(), signer("PS256", self.own.private))
        yield (
            "ES256 under the id of an RSA key",
            signed(self.header(alg="ES256"), self.claims(), signer("ES256", self.own_ec.private)),
        )
        yield (
            "RS256 under the id of an EC key",
            signed(self.header(self.ec, alg="RS256"), self.claims(), signer("RS256", self.own.private)),
        )

    def key_ids(self) -> Iterator[tuple[str, str]]:
        ids = [
            *("../../../../dev/null", "/dev/null", "file:///dev/null", "rsa-1/../own", "rsa-1\x00", " rsa-1", "RSA-1"),
            *("rsa-1' OR '1'='1", "rsa-1; SELECT 1", "$(id)", "http://127.0.0.1:1/keys", "rsa-1\n", "", "k" * 1000),
            *(0, 1, None, True, ["rsa-1"], {"kid": "rsa-1"}, 1e3, "\uff52sa-1"),
        ]
        for kid in ids:
            yield "key id", signed(self.header(kid=kid), self.claims(), signer("RS256", self.own.private))
            yield (
                "key id and an empty secret",
                signed(self.header(kid=kid, alg="HS256"), self.claims(), partial(ALGORITHMS["HS256"].sign, key=b"")),
            )
        without = {name: value for name, value in self.header().items() if name != "kid"}
        yield "no key id", self.genuine(without)

    def own_key_along(self) -> Iterator[tuple[str, str]]:
        jwk = self.own.jwk
        brought: list[dict[str, Any]] = [
            {"jwk": jwk},
            {"jwk": jwk, "kid": self.own.kid},
            {"jku": "http://127.0.0.1:1/keys"},
            {"jku": self.provider.issuer + "/keys"},
            {"jku": self.provider.issuer + "/keys", "kid": self.own.kid},
            {"x5u": "http://127.0.0.1:1/chain"},
            {"x5c": [base64.b64encode(b"certificate").decode()]},
            {"x5t": "abc", "kid": self.own.kid},
        ]
        for members in brought:
            yield (
                f"own key by {min(members)}",
                signed(self.header(**members), self.claims(), signer("RS256", self.own.private)),
            )

    def damaged_signatures(self) -> Iterator[tuple[str, str]]:
        for key in (self.rsa, self.ec):
            token = self.genuine(key=key)
            before, _, signature = token.rpartition(".")
            raw = base64.urlsafe_b64decode(signature + "==")
            for length in (0, 1, 8, len(raw) // 2, len(raw) - 1):
                yield "truncated signature", f"{before}.{encoded(raw[:length])}"
            for more in (b"\x00", b"\x01", raw):
                yield "extended signature", f"{before}.{encoded(raw + more)}"
                yield "signature with something before it", f"{before}.{encoded(more + raw)}"
            for position in range(0, len(raw) * 8, len(raw)):
                flipped = bytearray(raw)
                flipped[position // 8] ^= 1 << position % 8
                yield "flipped bit", f"{before}.{encoded(bytes(flipped))}"
            for byte in (b"\x00", b"\xff"):
                yield "constant signature", f"{before}.{encoded(byte * len(raw))}"
            yield "other letters for the same bytes", before + "." + _with_other_last_bits(signature)

    def swapped_parts(self) -> Iterator[tuple[str, str]]:
        head, body, signature = self.genuine().split(".")
        other = self.genuine(claims=self.claims(exp=int(time.time()) + 300)).split(".")
        yield "another's claims", f"{head}.{other[1]}.{signature}"
        yield "another's signature", f"{head}.{body}.{other[2]}"
        yield "another key's header", f"{encoded(self.header(self.ec))}.{body}.{signature}"
        yield "header changed after signing", f"{encoded(self.header(typ='at+jwt'))}.{body}.{signature}"
        for changes in ({"sub": "somebody"}, {"role": "coordinator"}, {"aud": [AUDIENCE]}, {"exp": 2**40}):
            yield "claims changed after signing", f"{head}.{encoded(self.claims(**changes))}.{signature}"

    def weak_signatures(self) -> Iterator[tuple[str, str]]:
        """What some implementations took without any key."""
        before = f"{encoded(self.header(self.ec))}.{encoded(self.claims())}"
        for r, s in ((0, 0), (0, 1), (1, 0), (_N, _N), (_N, 0), (1, 1), (_N - 1, 1)):
            yield "ECDSA with chosen numbers", f"{before}.{encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
        genuine = ALGORITHMS["ES256"].sign(before.encode(), self.ec.private)
        whole = [int.from_bytes(half, "big") for half in (genuine[:32], genuine[32:])]
        yield "ECDSA in another encoding", f"{before}.{encoded(encode_dss_signature(*whole))}"
        yield "ECDSA out of range", f"{before}.{encoded(genuine[:32] + ((whole[1] + _N) % 2**256).to_bytes(32, 'big'))}"
        modulus = self.rsa.public.public_numbers().n
        before = f"{encoded(self.header())}.{encoded(self.claims())}"
        for number in (1, modulus - 1, modulus, modulus + 1):
            yield "RSA with chosen numbers", f"{before}.{encoded(number.to_bytes(257, 'big')[-256:])}"

    def envelopes(self) -> Iterator[tuple[str, str]]:
        head, body, signature = self.genuine().split(".")
        shapes = [
            *(f"{head}.{body}", f"{head}..{signature}", f".{body}.{signature}", "..", f"{head}.{body}.", "a.b.c"),
            *(f"{head}.{body}.{signature}.", f".{head}.{body}.{signature}", f"{head}.{body}.{signature}.{signature}"),
            *(f"{head}.{body}.{signature}=", f"{head}.{body}.{signature}==", f"{head}=.{body}.{signature}"),
            *(f"{head}.{body}\n.{signature}", f"{head}. {body}.{signature}", f"{head}.{body}\t.{signature}"),
            *(f"{head}.{body}.{signature}é", f"é{head}.{body}.{signature}", f"{head}.{body}%2E{signature}"),
            *(
                f"{head}.{body}.{signature[:-4]}+/+/",
                f"Bearer {head}.{body}.{signature}",
                f'"{head}.{body}.{signature}"',
            ),
        ]
        yield from (("envelope", shape) for shape in shapes)
        encryption = encoded({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": self.rsa.kid})
        yield "encrypted", f"{encryption}.{signature}.AAAA.{body}.AAAA"
        yield "encrypted in three parts", f"{encryption}.{body}.{signature}"
        yield "JSON serialisation", json.dumps({"protected": head, "payload": body, "signature": signature})
        yield "huge", self.genuine(claims=self.claims(padding="x" * 50_000))
        yield "one letter too long", self.of_length(LONGEST + 1)

    # -- what the provider signed, and is not for us ------------------------------------------------------------------

    def other_algorithms(self) -> Iterator[tuple[str, str]]:
        for algorithm in ("RS384", "RS512", "PS256", "PS384", "PS512"):
            yield (
                "an algorithm the key is not for",
                signed(self.header(alg=algorithm), self.claims(), signer(algorithm, self.rsa.private)),
            )
        for written in ("rs256", "Rs256", "RS256 ", "RS-256"):
            yield "an algorithm misspelt", self.genuine(self.header(alg=written))

    def claims_missing(self) -> Iterator[tuple[str, str]]:
        for name in ("iss", "aud", "sub", "exp", "iat"):
            rest = {one: value for one, value in self.claims().items() if one != name}
            yield f"no {name}", self.genuine(claims=rest)
            yield f"{name} is null", self.genuine(claims=rest | {name: None})

    def claims_of_another_kind(self) -> Iterator[tuple[str, str]]:
        soon = int(time.time()) + 600
        odd = ("", [], {}, True, [soon], str(soon), f"{soon} ", hex(soon), soon + 0.5, -1, 0, 2**63 - 1, "never")
        for value in odd:
            yield "exp", self.genuine(claims=self.claims(exp=value))
        for value in (*odd[:-1], soon - 1200.5, -(2**40)):
            yield "iat", self.genuine(claims=self.claims(iat=value))
        for value in ("", [], {}, True, str(soon - 1200), soon - 1200.5):
            yield "nbf", self.genuine(claims=self.claims(nbf=value))
        for value in (1, [], {}, True, [self.subjects.enrolled], ""):
            yield "sub", self.genuine(claims=self.claims(sub=value))
        for raw in ("NaN", "Infinity", "-Infinity", "1e400", str(10**400), '"\\ud800"'):
            text = json.dumps(self.claims(exp="here")).replace('"here"', raw)
            yield "exp that is no number", self.genuine(claims=text)

    def not_for_us(self) -> Iterator[tuple[str, str]]:
        issuer = self.provider.issuer
        for other in (
            *(issuer + "/", issuer + "/realm", issuer.upper(), issuer.replace("http", "https"), issuer + "\x00", ""),
            *(" " + issuer, issuer + "#", issuer + "@evil.example", "https://evil.example", [issuer], {"iss": issuer}),
        ):
            yield "iss", self.genuine(claims=self.claims(iss=other))
        for other in (
            *("", "other", AUDIENCE.upper(), AUDIENCE + " ", AUDIENCE + "\x00", AUDIENCE[:-1], AUDIENCE + "-2", "*"),
            *([], ["other"], [[AUDIENCE]], [AUDIENCE, 1], [AUDIENCE, None], {AUDIENCE: True}, list(AUDIENCE), True, 7),
            *([AUDIENCE.upper()], [""], [None], f"other {AUDIENCE}", f"other,{AUDIENCE}", f'["{AUDIENCE}"]'),
        ):
            yield "aud", self.genuine(claims=self.claims(aud=other))
        for kind in ("logout+jwt", "secevent+jwt", "dpop+jwt", "JWE", "", 1, None, ["JWT"]):
            yield "typ", self.genuine(self.header(typ=kind))
        yield "bound to a key", self.genuine(claims=self.claims(cnf={"jkt": "abc"}))

    def not_now(self) -> Iterator[tuple[str, str]]:
        now = int(time.time())
        for since, until in ((-600, -40), (-86_400, -3600), (-90_000, -1), (-(2**30), -(2**29))):
            yield "expired", self.genuine(claims=self.claims(iat=now + since, exp=now + until))
        for since in (120, 3600, 86_400, 2**31):
            yield "of the future", self.genuine(claims=self.claims(iat=now + since, exp=now + since + 60))
            yield "not yet valid", self.genuine(claims=self.claims(nbf=now + since))
        for seconds in (86_401, 10**6, 2**40):
            yield "good for too long", self.genuine(claims=self.claims(iat=now, exp=now + seconds))
        yield "over before it began", self.genuine(claims=self.claims(iat=now, exp=now - 1))
        yield "over when it began", self.genuine(claims=self.claims(iat=now, exp=now))

    def not_enrolled(self) -> Iterator[tuple[str, str]]:
        known = self.subjects.enrolled
        for subject in (
            *("somebody", known.upper(), known + " ", " " + known, known + "\n", known[:-1], known + known, "%", "*"),
            *("é" + known, known + "\u200b", "x" * 256, "admin", "console", f"{known}\x00", "' OR 1=1 --"),
            *(self.subjects.revoked, self.subjects.expired),
        ):
            yield "sub", self.genuine(claims=self.claims(sub=subject))
            yield "sub, EC", self.genuine(claims=self.claims(sub=subject), key=self.ec)

    def said_twice(self) -> Iterator[tuple[str, str]]:
        for name, other in (("sub", "somebody"), ("exp", 1), ("aud", "other"), ("iss", "other"), ("iat", 1)):
            whole = json.dumps(self.claims())
            yield f"{name} twice", self.genuine(claims=f'{{"{name}": {json.dumps(other)}, {whole[1:]}')
            yield (
                f"{name} twice, once escaped",
                self.genuine(claims=f'{{"{_escaped(name)}": {json.dumps(other)}, {whole[1:]}'),
            )
        for name, other in (("alg", "none"), ("kid", "own"), ("typ", "none")):
            whole = json.dumps(self.header())
            yield f"{name} twice", self.genuine(f'{{"{name}": "{other}", {whole[1:]}')

    def understood_otherwise(self) -> Iterator[tuple[str, str]]:
        for members in (
            *({"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": True}, {"crit": "b64"}, {"crit": None}),
            *({"b64": False}, {"b64": False, "crit": ["b64"]}, {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A256GCM"}),
            *({"jwk": self.rsa.jwk}, {"jku": "http://127.0.0.1:1/"}, {"x5u": "http://127.0.0.1:1/"}, {"x5c": []}),
            *({"epk": {}}, {"p2c": 10**9}, {"p2s": "AAAA"}),
        ):
            yield f"header with {min(members)}", self.genuine(self.header(**members))
        good = json.dumps(self.claims())
        for text in (
            *("[]", '"sub"', "1", "null", "", "{", good + "x", good + good, "\ufeff" + good, "[" * 3000, '{"a":' * 200),
            *(good[:-1] + ', "x": "\\u0000"}', good[:-1] + ', "x": "\x01"}', good[:-1] + ",}", good.replace('"', "'")),
        ):
            yield "claims that are none", self.genuine(claims=text)
        yield "claims that are no text", self.genuine(claims=good.encode("utf-16"))
        for text in ("[]", '"RS256"', "1", "null", "", "{", "\ufeff" + json.dumps(self.header()), "[" * 3000):
            yield "header that is none", self.genuine(text)


def _secrets(key: Key) -> list[bytes]:
    public = key.public
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [pem, pem.strip(), der, json.dumps(key.jwk).encode(), key.kid.encode(), b""]


def _with_other_last_bits(signature: str) -> str:
    """Change the bits of the last letter that stand for nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + letters[letters.index(signature[-1]) ^ 1]


def _escaped(name: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in name)
