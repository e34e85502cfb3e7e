"""Is every header that we sign the one that botocore would send?"""

from __future__ import annotations

import string
from datetime import UTC, datetime

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from worker.aws.signing import DATE, TOKEN, Form, Signer

REGION, SERVICE = "eu-central-1", "sqs"
NOT_TO_BE_SIGNED = {name.lower() for name in botocore.auth.SIGNED_HEADERS_BLACKLIST}
OF_THE_SIGNATURE = {DATE, TOKEN, "authorization", "date", "host", "x-amz-content-sha256"}

names = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20).filter(
    lambda name: name not in NOT_TO_BE_SIGNED | OF_THE_SIGNATURE
)
# Blanks inside and around, and what a template would trip over.
values = st.text(string.ascii_letters + string.digits + " \t%(){}:;,/=", max_size=40)
keys = st.text(string.ascii_letters + string.digits + "+/=", min_size=1, max_size=60)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda moment: moment.replace(tzinfo=UTC)
)


def by_botocore(headers, body, credentials, at) -> dict[str, str]:
    """What it adds to a request to the same endpoint."""
    request = AWSRequest("POST", f"https://{headers['host']}/", headers=dict(headers), data=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: at)
        botocore.auth.SigV4Auth(credentials, SERVICE, REGION).add_auth(request)
    added = {name.lower(): value for name, value in request.headers.items()}
    return {name: value for name, value in added.items() if name not in headers}


@given(
    st.dictionaries(names, values, max_size=6),
    st.binary(max_size=200),
    st.builds(ReadOnlyCredentials, keys, keys, st.none() | st.just("") | keys),
    moments,
)
def test_a_request_is_signed_as_botocore_signs_it(headers, body, credentials, at):
    headers = {"host": "sqs.eu-central-1.amazonaws.com", **headers}
    signer = Signer(REGION, SERVICE, at.timestamp)
    assert signer.sign(Form(headers), body, credentials) == by_botocore(headers, body, credentials, at)


class Moments:
    """A clock that is set."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> float:
        return self.at.timestamp()


@given(st.lists(st.tuples(moments, st.sampled_from("ab"), st.sampled_from([None, "token"])), min_size=2, max_size=8))
def test_one_signer_signs_for_any_time_and_any_keys_one_after_the_other(turns):
    """What it keeps from call to call is never that of another second, day, or secret."""
    headers, clock = {"host": "here"}, Moments(turns[0][0])
    signer, form = Signer(REGION, SERVICE, clock.now), Form(headers)
    for at, secret, token in turns:
        clock.at, credentials = at, ReadOnlyCredentials("key", secret, token)
        assert signer.sign(form, b"{}", credentials) == by_botocore(headers, b"{}", credentials, at)


def test_the_line_end_that_a_token_was_read_with_is_not_sent():
    credentials = ReadOnlyCredentials("key", "secret", "token\n")
    added = Signer(REGION, SERVICE, lambda: 0.0).sign(Form({"host": "here"}), b"", credentials)
    expected = by_botocore({"host": "here"}, b"", credentials, datetime.fromtimestamp(0, UTC))
    assert added == {**expected, TOKEN: "token"}
