"""Is an item as large as DynamoDB says?"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.aws.item_size import READ_UNIT_BYTES, WRITE_UNIT_BYTES, item_bytes, units


@pytest.mark.parametrize(
    ("number", "size"),
    # The developer guide's rule, and what was measured where it is silent: see the module.
    [
        ("27", 2),
        ("-27", 3),
        ("461", 3),
        ("0", 1),
        ("-0", 1),
        ("0.00", 1),
        ("12345", 4),
        ("1764115200123", 8),
        ("1000", 2),
        ("1E125", 2),
        ("0.001", 2),
        ("1e-3", 2),
        ("10.5", 3),
        ("-1.5", 4),
        ("100.25", 4),
        ("007", 2),
        ("+7", 2),
    ],
)
def test_a_number_takes_its_significant_digits(number, size):
    assert item_bytes({"n": {"N": number}}) == 1 + size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é€😀"}, 2 + 3 + 4),
        ({"B": b"\x00\x01"}, 2),
        ({"BOOL": True}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "c"]}, 3),
        ({"NS": ["27", "461"]}, 2 + 3),
        ({"BS": [b"a", b"bc"]}, 3),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"N": "27"}]}, 3 + (1 + 2) + (1 + 2)),
        ({"M": {"k": {"S": "ab"}}}, 3 + 1 + (1 + 2)),
        ({"L": [{"M": {"k": {"BOOL": False}}}]}, 3 + 1 + (3 + 1 + (1 + 1))),
    ],
)
def test_a_value_takes_what_its_kind_takes(value, size):
    assert item_bytes({"name": value}) == len("name") + size


def test_names_count_in_bytes_and_attributes_add_up():
    assert item_bytes({"pk": {"S": "é"}, "n": {"N": "12345"}, "b": {"B": b"abc"}}) == (2 + 2) + (1 + 4) + (1 + 3)
    assert item_bytes({"größe": {"S": ""}}) == 7
    assert item_bytes({}) == 0


@pytest.mark.parametrize(
    ("size", "unit", "count"),
    [(0, WRITE_UNIT_BYTES, 1), (1_024, WRITE_UNIT_BYTES, 1), (1_025, WRITE_UNIT_BYTES, 2), (8_193, READ_UNIT_BYTES, 3)],
)
def test_each_begun_unit_counts_and_one_at_least(size, unit, count):
    assert units(size, unit) == count


def slowly(number: Decimal) -> int:
    """The rule spelled out on the value itself."""
    if number == 0:
        return 1
    whole, _, fraction = f"{number.copy_abs():f}".partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if not fraction:
        whole = whole.rstrip("0")
    if not whole:
        fraction = fraction.lstrip("0")
    return 1 + (len(whole) + 1) // 2 + (len(fraction) + 1) // 2 + (number < 0)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=None, min_value=-(10**30), max_value=10**30))
def test_the_quick_way_and_the_slow_way_agree_on_every_number(number):
    for text in {str(number), f"{number:f}"}:
        assert item_bytes({"": {"N": text}}) == slowly(number)
