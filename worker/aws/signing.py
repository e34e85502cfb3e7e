"""How does AWS know that a request is ours?

Signature version 4 over the whole body, header by header what botocore's SigV4Auth computes. What does not change from
call to call is computed once: the canonical form of a kind of request, the date each second, the key each day."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Protocol

DATE, TOKEN = "x-amz-date", "x-amz-security-token"


class Credentials(Protocol):
    """Of one moment; botocore's ReadOnlyCredentials are such. token is None for keys that do not expire."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Form:
    """A POST to / that differs from call to call in its body and its date only. headers: those that are signed, by
    lower-case name, without the date and the token."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._plain = _template(headers, (DATE,))
        self._with_token = _template(headers, (DATE, TOKEN))
        self.signed_names = ";".join(sorted((*headers, DATE)))
        self.signed_names_with_token = ";".join(sorted((*headers, DATE, TOKEN)))

    def canonical(self, date: str, token: str | None, body: bytes) -> str:
        """The canonical request."""
        template = self._with_token if token else self._plain
        return template % {DATE: date, TOKEN: token, "body": sha256(body).hexdigest()}


def _template(headers: Mapping[str, str], varying: tuple[str, ...]) -> str:
    # Runs of blanks in a value count as one, and % is what the template itself is filled by.
    values = {name: " ".join(value.split()).replace("%", "%%") for name, value in headers.items()}
    values |= {name: f"%({name})s" for name in varying}
    names = sorted(values)
    lines = "".join(f"{name}:{values[name]}\n" for name in names)
    return f"POST\n/\n\n{lines}\n{';'.join(names)}\n%(body)s"


class Signer:
    """Signs for one service in one region. now: seconds since the epoch."""

    def __init__(self, region: str, service: str, now: Callable[[], float] = time.time) -> None:
        self._region = region
        self._service = service
        self._now = now
        self._second = -1
        self._date = self._scope = ""
        self._keyed_for = ("", "")
        self._key = b""

    def sign(self, form: Form, body: bytes, credentials: Credentials) -> dict[str, str]:
        """The headers to add."""
        second = int(self._now())
        if second != self._second:
            self._turn_to(second)
        # Blanks around a token, a line's end from a file say, are neither signed nor sent.
        date, token = self._date, credentials.token and credentials.token.strip()
        digest = sha256(form.canonical(date, token, body).encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{date}\n{self._scope}\n{digest}"
        # A variable may end in a new line, which would end the header as well.
        signature = hmac.digest(self._key_of(credentials.secret_key.strip()), text.encode(), "sha256").hex()
        names = form.signed_names_with_token if token else form.signed_names
        key = credentials.access_key.strip()
        said = f"Credential={key}/{self._scope}, SignedHeaders={names}, Signature={signature}"
        added = {DATE: date, "authorization": f"AWS4-HMAC-SHA256 {said}"}
        if token:
            added[TOKEN] = token
        return added

    def _turn_to(self, second: int) -> None:
        self._second = second
        self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        self._scope = f"{self._date[:8]}/{self._region}/{self._service}/aws4_request"

    def _key_of(self, secret: str) -> bytes:
        keyed_for = (secret, self._date[:8])
        if keyed_for != self._keyed_for:
            key = f"AWS4{secret}".encode()
            for part in self._scope.split("/"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._keyed_for, self._key = keyed_for, key
        return self._key
