"""Do both sides of the endpoint read what the other wrote, and refuse what nobody should have written?"""

from __future__ import annotations

import json

import numpy as np
import pytest

from domain.forecast import TotalDemand
from forecaster.dataset import panel_of
from forecaster.formats import (
    FEATURES,
    FORM,
    ItemFailed,
    MalformedPayload,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
    request_of,
)


@pytest.fixture
def request_(shop):
    panel = panel_of(shop)
    rows = np.arange(len(panel.products))
    items = [f"{panel.products[row].product_id} é#%" for row in rows]
    return request_of(items, panel.series(panel.until, rows), np.tile(np.array([1, 8]), (len(rows), 1)))


def test_a_request_is_read_as_it_was_written(request_):
    said = decode_request(encode_request(request_))
    assert (said.as_of, said.items) == (request_.as_of, request_.items)
    np.testing.assert_allclose(said.features, request_.features, atol=1e-9)
    np.testing.assert_array_equal(said.cover_days, request_.cover_days)
    np.testing.assert_array_equal(said.planned_share, request_.planned_share)


def test_windows_that_begin_later_are_read_as_they_were_written(shop):
    panel = panel_of(shop)
    rows = np.arange(2)
    lengths, offsets = np.array([[1, 8], [28, 7]]), np.array([[0, 3], [14, 0]])
    asked = request_of(["a", "b"], panel.series(panel.until, rows), lengths, offsets)
    said = decode_request(encode_request(asked))
    np.testing.assert_array_equal(said.begins, offsets)
    np.testing.assert_array_equal(said.cover_days, lengths)
    at_once = request_of(["a", "b"], panel.series(panel.until, rows), lengths)
    assert b"offsets" not in encode_request(at_once)
    assert not decode_request(encode_request(at_once)).begins.any()


def test_serving_answers_as_if_it_had_been_asked_directly(request_, trained):
    """What the wire rounds away changes no forecast that anyone could notice."""
    direct, served = (trained.model.predict(asked) for asked in (request_, decode_request(encode_request(request_))))
    for one, other in zip(direct, served, strict=True):
        assert [t.mean for t in one] == pytest.approx([t.mean for t in other], rel=1e-6)


def test_an_answer_is_read_as_it_was_written():
    totals = [(TotalDemand(8, 3.25, 0.5), TotalDemand(28, 11.0, 0.25)), ItemFailed("level is not above zero")]
    said = decode_response(encode_response("m", ["a", "b"], totals))
    assert said == {"a": totals[0], "b": totals[1]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        json.dumps({"form": "another"}).encode(),
        json.dumps({"form": FORM, "features": ["level"]}).encode(),
        json.dumps({"form": FORM, "features": list(FEATURES)}).encode(),
    ],
)
def test_what_is_no_request_is_refused(body):
    with pytest.raises(MalformedPayload):
        decode_request(body)


@pytest.mark.parametrize(
    "change",
    [
        {"as_of": "soon"},
        {"as_of": "2024-01-01T00:00:00+01:00"},
        {"rows": [[1, 2], [3]]},
        {"rows": [["a"] * len(FEATURES)]},
        {"cover_days": [[10**30]]},
        {"planned_share": [[0.0]]},
        {"offsets": [[1]]},
        {"offsets": "soon"},
    ],
)
def test_a_request_with_a_wrong_part_is_refused(request_, change):
    said = json.loads(encode_request(request_)) | change
    with pytest.raises(MalformedPayload):
        decode_request(json.dumps(said).encode())


@pytest.mark.parametrize("totals", ["[[Infinity, 1, 1]]", "[[1, 1%s, 1]]" % ("0" * 400), "[" * 100_000])
def test_an_answer_with_a_number_beyond_all_bounds_or_nested_without_end_is_refused(totals):
    with pytest.raises(MalformedPayload, match="not a"):
        decode_response(f'{{"predictions": [{{"item_id": "a", "totals": {totals}}}]}}'.encode())
