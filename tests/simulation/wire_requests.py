"""What arrives over HTTP, once its encodings are undone, and what goes back?"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from typing import NamedTuple
from zlib import crc32


class Request(NamedTuple):
    """One HTTP request as it arrives; header names in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def received(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """The request with its encodings undone and its checksum verified."""
    encodings = [name.strip() for name in headers.get("content-encoding", "").split(",") if name.strip()]
    for encoding in reversed(encodings):
        if encoding == "aws-chunked":
            body = _unchunked(body, headers["x-amz-trailer"])
        elif encoding == "gzip":
            body = gzip.decompress(body)
        else:
            raise NotImplementedError(f"no service knows the encoding {encoding}")
    return Request(method, url, {name: value for name, value in headers.items() if name != "content-encoding"}, body)


def _unchunked(body: bytes, trailer: str) -> bytes:
    parts, rest = [], body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            break
        parts.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n", "a chunk that is longer than it says"
        rest = rest[length + 2 :]
    whole = b"".join(parts)
    assert trailer == "x-amz-checksum-crc32"
    checksum = base64.b64encode(crc32(whole).to_bytes(4, "big"))
    assert rest == b"x-amz-checksum-crc32:" + checksum + b"\r\n\r\n", "the body is not what was sent"
    return whole
