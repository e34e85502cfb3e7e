"""Whom does a connection trust? Whom it does not trust it tells nothing."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from lane_server import answer, says, serving

from worker.aws.clients import Endpoints, open_clients

OK = answer(b'{"a":1}', b"X-Amzn-RequestId: r1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate of 127.0.0.1 that signs for itself: its file, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    folder = tmp_path_factory.mktemp("authority")
    folder.joinpath("ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    folder.joinpath("key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


async def test_aws_ca_bundle_says_whom_to_trust(authority, credentials, monkeypatch):
    trusted, served = authority
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trusted))
    async with (
        serving(says(answer(b'{"Messages":[]}')), tls=served) as server,
        open_clients("us-east-1", Endpoints(server.url)) as clients,
    ):
        for _ in range(2):
            assert (await clients.sqs.receive_message(QueueUrl="q"))["Messages"] == []
        assert [number for number, _ in server.asked] == [1, 1]


async def test_who_is_not_trusted_is_told_nothing(authority, credentials, monkeypatch):
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    async with serving(says(OK), tls=authority[1]) as server:
        async with open_clients("us-east-1", Endpoints(server.url)) as clients:
            with pytest.raises(SSLError, match=server.url):
                await clients.sqs.receive_message(QueueUrl="q")
        assert server.asked == []
