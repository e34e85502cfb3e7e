"""How does the worker speak to our own container?

In the short form of forecaster/formats.py: a row of features a product instead of its history, and totals for an
answer. It is the only format that answers for totals itself."""

from __future__ import annotations

from domain.features import Ints
from forecaster.formats import CONTENT_TYPE, ItemFailed, decode_response, encode_request, request_of
from worker.aws.endpoints.form import Answer, Asked

PRODUCTS_PER_CALL = 2_000


class RestockForm:
    content_type = CONTENT_TYPE
    accept = CONTENT_TYPE
    calls_at_once = 1

    def products_a_call(self, cover_days: Ints) -> int:
        return PRODUCTS_PER_CALL

    def encode(self, asked: Asked) -> bytes:
        return encode_request(request_of(asked.items, asked.series, asked.cover_days))

    def decode(self, asked: Asked, body: bytes) -> list[Answer]:
        answers = decode_response(body)
        return [
            _over(lengths, answers.get(item, ItemFailed("absent from the answer")))
            for item, lengths in zip(asked.items, asked.cover_days.tolist(), strict=True)
        ]


def _over(lengths: list[int], answer: Answer) -> Answer:
    if isinstance(answer, ItemFailed) or [total.cover_days for total in answer] == lengths:
        return answer
    return ItemFailed("the totals do not cover the days asked for")
