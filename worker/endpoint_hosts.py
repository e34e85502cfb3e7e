"""May requests be sent there?

They carry sales and, signed, a session token: whoever can set one variable must not be able to have them sent to a host
of his own. AWS by TLS and this machine are known; any other host must stand in RESTOCK_ALLOWED_HOSTS. A name and a
password in an address are refused, because addresses are logged."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

HOST = re.compile(r"[a-z0-9._:-]+")
# AWS, in China, its newer names, and the European Sovereign Cloud.
AWS_DOMAINS = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "api.aws",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
)


def configured_urls(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The endpoints that botocore itself takes from the environment, each with its variable."""
    if environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return
    for name, value in sorted(environment.items()):
        if (name == "AWS_ENDPOINT_URL" or name.startswith("AWS_ENDPOINT_URL_")) and value:
            yield name, value


def collector_urls(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Where traces are sent, each with its variable."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        if environment.get(name):
            yield name, environment[name]


def why_not(url: str, allowed_hosts: Collection[str]) -> str | None:
    """Why no request may be sent to this URL, None if it may. The reason repeats nothing of what must not be logged."""
    try:
        parts = urlsplit(url)
        host, secret = (parts.hostname or "").rstrip("."), parts.username is not None or parts.password is not None
    except ValueError:
        return "is no URL"
    # Of a host with other characters, what reads the address later may think otherwise than we do.
    if parts.scheme not in ("http", "https") or not HOST.fullmatch(host):
        return "must be an http or https URL"
    if secret:
        return "must hold no name or password"
    if is_this_machine(host) or host in allowed_hosts:
        return None
    if not any(host.endswith(f".{domain}") for domain in AWS_DOMAINS):
        return f"host {host!r} is neither of AWS nor this machine, and does not stand in allowed_hosts"
    return None if parts.scheme == "https" else "must be an https URL: requests to AWS carry a session token"


def is_this_machine(host: str) -> bool:
    """Whether a host is the loopback: nobody else reaches it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
