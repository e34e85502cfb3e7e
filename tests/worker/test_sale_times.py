"""A column of times is read to the same moments as text by text, whatever a sender writes in it."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from worker.sale_times import NO_MOMENT, moment_of, moments_of

usual = st.datetimes(datetime(1900, 1, 1), datetime(2300, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"))  # noqa: DTZ001
nearly = st.from_regex(r"\A(19|20|22)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z\Z")
other = st.sampled_from(
    ["2024-06-01", "2024-06-01 10:00:00Z", "2024-06-01T10:00:00.5", "2024-06-01T10:00+02:00", "2024-W22-6", "", "never"]
)
spoilt = st.builds(
    lambda text, at, letter: text[:at] + letter + text[at + 1 :],
    usual,
    st.integers(0, 19),
    st.sampled_from("0:-T /9Ä٣"),
)


@given(texts=st.lists(usual | nearly | other | spoilt, max_size=6) | st.lists(nearly | spoilt, max_size=6))
@example(texts=["2023-02-29T00:00:00Z", "2024-02-29T23:59:59Z", "2000-02-29T00:00:00Z", "2100-02-29T00:00:00Z"])
@example(texts=["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z", "2200-01-01T00:00:00Z"])
@example(texts=["2024-00-10T00:00:00Z", "2024-13-10T00:00:00Z", "2024-06-00T00:00:00Z", "2024-06-01T24:00:00Z"])
def test_many_texts_are_read_as_each_alone(texts):
    assert moments_of(texts).tolist() == [moment_of(text) for text in texts]


@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2300, 1, 1)))  # noqa: DTZ001
def test_a_moment_is_in_whole_milliseconds_of_utc(at):
    expected = int(at.replace(tzinfo=UTC, microsecond=0).timestamp()) * 1_000
    assert moment_of(at.strftime("%Y-%m-%dT%H:%M:%S")) == expected
    assert moment_of(at.strftime("%Y-%m-%dT%H:%M:%SZ")) == expected


def test_what_is_before_the_epoch_or_no_time_is_no_moment():
    assert moment_of("1969-12-31T23:59:59Z") < 0
    assert moment_of("never") == NO_MOMENT
