"""The products of the counted runs are such as the worker itself would have left."""

import json

import pytest

from bench.cost.__main__ import main
from bench.cost.catalogue import Catalogue, product_at
from bench.cost.shapes import SHAPES, Shape
from bench.cost.tables import PAGE, in_page, written
from domain.events import MS_PER_DAY
from worker.aws import state_codec as codec
from worker.aws.item_size import item_bytes
from worker.cost.touched import touched
from worker.decode import decode
from worker.producer import pack

NOW = 20_800 * MS_PER_DAY
SHAPE = Shape("test", 20, 1, products=200)


@pytest.fixture(scope="module")
def items():
    return list(Catalogue(SHAPE, NOW).items())


def test_every_product_that_will_be_sold_has_a_header_and_the_segments_it_names(items):
    catalogue = Catalogue(SHAPE, NOW)
    headers = [item for item in items if item["sk"]["S"] == codec.HEADER]
    assert len(headers) == len(set(catalogue.ranks))
    for item in headers:
        product = product_at(int(item["pk"]["S"].rpartition("-")[2]))
        found = [each for each in items if each["pk"] == item["pk"] and each["sk"]["S"].startswith("E#")]
        state = codec.decode_header(product, item, tuple(codec.decode_segment(each) for each in found))
        assert len(found) == state.ledger.next_number - state.ledger.first
        assert not state.dirty
        assert state.newest_day == NOW // MS_PER_DAY - 1
        assert len(state.buckets) > 80


def test_their_headers_are_grown_up(items):
    sizes = [item_bytes(item) for item in items if item["sk"]["S"] == codec.HEADER]
    assert min(sizes) > 1_100


def test_the_sales_are_read_as_sales_of_these_products():
    catalogue = Catalogue(SHAPE, NOW)
    messages = list(pack(catalogue.rows(0, 20, NOW), fifo_groups=None, sales_per_message=10))
    assert [message.sales for message in messages] == [10, 10]
    events, rejected = decode(messages[0].body, "m", NOW)
    assert not rejected
    assert [each.event.product for each in events] == [product_at(rank) for rank in catalogue.ranks[:10]]
    assert len({each.event.event_id for each in events}) == 10


def test_the_shop_holds_enough_or_nothing():
    stocked = [int(item["current_stock"]["N"]) for item in Catalogue(SHAPE, NOW).stock()]
    assert min(stocked) >= 50
    empty = Shape("test", 20, 1, products=200, stocked=False)
    assert {item["current_stock"]["N"] for item in Catalogue(empty, NOW).stock()} == {"0"}


def test_the_shapes_sell_as_many_products_as_reckoned():
    for shape in SHAPES:
        if shape.batch_sales >= 1_000:
            ranks = Catalogue(shape, NOW).ranks[: shape.batch_sales]
            assert len(set(ranks)) == pytest.approx(touched(shape.batch_sales, shape.products, shape.zipf), rel=0.05)


@pytest.mark.parametrize(
    ("arguments", "reason"), [(["--only", "nothing"], "no run is called"), (["--quick"], "--output")]
)
def test_wrong_use_is_refused(arguments, reason, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert reason in capsys.readouterr().err


def test_a_sale_is_json_as_a_producer_sends_it():
    (row,) = Catalogue(Shape("one", 1, 0), NOW).rows(0, 1, NOW)
    assert set(json.loads(json.dumps(row))) == {"event_id", "product_id", "occurred_at", "quantity", "unit_price"}


def test_the_docs_tell_what_the_counts_and_the_commands_in_them_come_to():
    """`python -m bench.cost --tables` renews them."""
    assert in_page(PAGE.read_text()) == written()
