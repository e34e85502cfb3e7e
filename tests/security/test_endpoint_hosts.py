"""Sales and session tokens go to AWS, to this machine, and to whomever the operator names; to nobody else."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from worker.endpoint_hosts import why_not
from worker.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.eu-central-1.amazonaws.com",
        "https://vpce-0a1b.sqs.eu-central-1.vpce.amazonaws.com:443/",
        "https://dynamodb.cn-north-1.amazonaws.com.cn",
        "https://sqs.eu-west-1.api.aws",
        "http://127.0.0.1:4566",
        "http://localhost:4566",
        "http://[::1]:4566",
        "http://emulator:4566",
        "https://SQS.eu-central-1.AMAZONAWS.COM.",
    ],
)
def test_where_requests_may_go(url):
    assert why_not(url, {"emulator"}) is None


@pytest.mark.parametrize(
    ("url", "because"),
    [
        ("https://sqs.eu-central-1.amazonaws.com.example.org", "neither"),
        ("https://amazonaws.com.example.org", "neither"),
        ("https://xamazonaws.com", "neither"),
        ("https://evil#.amazonaws.com", "neither"),
        ("https://evil\\.amazonaws.com", "http"),
        ("https://evil%2f.amazonaws.com", "http"),
        ("https://169.254.169.254/latest", "neither"),
        ("http://0.0.0.0:1", "neither"),
        ("http://127.0.0.1.example.org", "neither"),
        ("http://emulator.example.org", "neither"),
        ("http://sqs.eu-central-1.amazonaws.com", "https"),
        ("https://user:word@sqs.eu-central-1.amazonaws.com", "password"),
        ("https://sqs.amazonaws.com@example.org", "password"),
        ("file:///etc/passwd", "http"),
        ("ftp://sqs.eu-central-1.amazonaws.com", "http"),
        ("https://", "http"),
        ("https://[::1", "no URL"),
        ("sqs.eu-central-1.amazonaws.com", "http"),
    ],
)
def test_where_they_may_not(url, because):
    reason = why_not(url, {"emulator"})
    assert because in reason
    assert "word" not in reason.replace("password", "")


@pytest.mark.parametrize("name", ["endpoint_url", "runtime_endpoint_url"])
def test_a_worker_told_to_send_elsewhere_does_not_start(name):
    with pytest.raises(ValidationError, match=f"{name} host 'example.org' is neither of AWS nor this machine"):
        Settings(**{name: "https://example.org"})
    assert Settings(**{name: "https://example.org", "allowed_hosts": ("example.org",)})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"])
def test_not_even_by_botocores_own_variables(monkeypatch, name):
    monkeypatch.setenv(name, "https://example.org")
    with pytest.raises(ValidationError, match=f"{name} host"):
        Settings()
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert Settings()


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_collector_is_no_exception(monkeypatch, name):
    monkeypatch.setenv(name, "https://example.org/v1/traces")
    assert Settings()  # nobody traces
    with pytest.raises(ValidationError, match=f"{name} host"):
        Settings(traces=True)
    monkeypatch.setenv(name, "http://127.0.0.1:4318")
    assert Settings(traces=True)
