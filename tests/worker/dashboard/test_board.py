"""A board knows the newest of each product, and no more of them than it may."""

from __future__ import annotations

from browser.on_show import made_up_rows

from worker.dashboard.asking import Orders, Question, question_of, shown_row
from worker.dashboard.board import Board
from worker.dashboard.rows import REASONS, STATUSES
from worker.dashboard.tiles import SAMPLE_EVERY_MS, Tiles

ROWS = made_up_rows(2_000)


def board_of(rows=ROWS, products_max=10_000) -> Board:
    board = Board(products_max)
    board.put(rows)
    return board


def asked(board: Board, **said) -> list[str]:
    return [board.labels[slot] for slot in Orders(board).of(Question(**said), 0)]


def test_a_row_comes_back_as_it_was_put_however_many_there_are():
    board = board_of()
    assert [board.row(slot) for slot in range(len(ROWS))] == ROWS


def test_an_older_version_changes_nothing_and_a_newer_one_does():
    board = board_of()
    board.put([ROWS[5]._replace(version=3, on_hand=77.0)])
    board.put([ROWS[5]._replace(version=2, on_hand=11.0)])
    assert board.row(5).on_hand == 77.0
    assert len(board) == len(ROWS)


def test_a_row_that_is_read_again_as_it_was_is_nothing_new():
    row = ROWS[5]._replace(on_hand=float("nan"))
    board = board_of([row])
    before = board.version
    board.put([row])
    assert board.version == before
    board.put([row._replace(on_order=3.0)])
    assert board.version == before + 1


def test_what_is_beyond_the_most_is_counted_and_not_kept():
    board = board_of(products_max=1_500)
    assert (len(board), board.left_out) == (1_500, 500)
    board.put(row._replace(version=2) for row in ROWS[1_500:])
    assert board.left_out == 500  # the products, however often they come
    board.put([ROWS[3]._replace(version=9, on_hand=1.0)])
    assert board.row(3).on_hand == 1.0


def test_the_most_money_at_risk_comes_first():
    board = board_of()
    found = asked(board)
    by_risk = {row.label: row.risk for row in ROWS}
    assert sorted(by_risk.values(), reverse=True) == [by_risk[label] for label in found]


def test_every_column_sorts_both_ways_and_what_is_unknown_stands_last():
    rows = [ROWS[0]._replace(label=f"{level}", on_hand=level) for level in (3.0, float("nan"), -1.0, 8.0)]
    board = board_of(rows)
    assert asked(board, sort="on_hand", descending=False) == ["-1.0", "3.0", "8.0", "nan"]
    assert asked(board, sort="on_hand", descending=True) == ["8.0", "3.0", "-1.0", "nan"]


def test_names_sort_as_text_whenever_they_came():
    board = board_of(list(reversed(ROWS)))
    names = sorted(row.label for row in ROWS)
    assert asked(board, sort="product", descending=False) == names
    assert asked(board, sort="product", descending=True) == names[::-1]


def test_a_name_that_is_added_takes_its_place_in_an_order_that_was_asked_for():
    board = board_of(ROWS[1:])
    asked(board, sort="product", descending=False)
    board.put([ROWS[0]])
    assert asked(board, sort="product", descending=False)[0] == ROWS[0].label


def test_what_was_just_ordered_is_not_to_be_ordered():
    said = (("due", 5.0), ("ordered", 5.0), ("overridden", 5.0), ("approval", 5.0), ("frozen", 5.0), ("enough", 0.0))
    board = board_of(
        [ROWS[0]._replace(label=why, reason=REASONS.index(why), suggested=quantity) for why, quantity in said]
    )
    assert sorted(asked(board, show="toorder")) == ["approval", "due", "frozen"]


def test_a_search_finds_a_part_of_the_name_or_category_in_any_case():
    board = board_of()
    assert asked(board, search="sku-000042#") == ["SKU-000042#store-2"]
    garden = [row.label for row in ROWS if row.category == "Garden"]
    assert sorted(asked(board, search="garden")) == garden


def test_a_state_is_shown_alone():
    board = board_of()
    out = sorted(row.label for row in ROWS if STATUSES[row.status] == "out")
    assert sorted(asked(board, show="out")) == out


def test_a_question_that_makes_no_sense_falls_back():
    said = {"show": "x", "sort": "__class__", "start": "-1", "rows": "99999", "search": "a" * 5_000}
    question = question_of(said)
    assert question == Question(search="a" * 100, rows=100)
    assert question_of({"start": "٣", "rows": ""}) == Question()


def test_the_same_question_is_answered_once_until_something_is_new_for_a_second():
    board = board_of()
    orders = Orders(board)
    first = orders.of(Question(), 0)
    board.put([ROWS[5]._replace(version=3, risk=1e9)])
    assert orders.of(Question(start=50), 500) is first
    assert board.labels[orders.of(Question(), 1_500)[0]] == ROWS[5].label


def test_a_shown_row_has_nothing_that_json_does_not_know():
    row = ROWS[0]._replace(on_hand=float("nan"), cover=float("inf"), daily=1.23456)
    shown = shown_row(board_of([row]), 0)
    assert (shown["on_hand"], shown["cover"], shown["daily"]) == (None, None, 1.23)


def test_tiles_add_up_to_all_products_and_their_values():
    board = board_of()
    said = Tiles(board).said(0)
    counts = {tile["status"]: tile["count"] for tile in said["tiles"]}
    assert sum(counts.values()) == said["products"] == len(ROWS)
    values = {tile["status"]: tile["value_minor"] for tile in said["tiles"]}
    out = [row for row in ROWS if STATUSES[row.status] == "out"]
    excess = [row for row in ROWS if STATUSES[row.status] == "excess"]
    assert values["out"] == round(sum(row.risk for row in out))
    assert values["excess"] == round(sum(max(row.on_hand - row.target, 0) * row.unit for row in excess))


def test_a_trend_is_the_difference_to_the_oldest_sample():
    board = board_of([ROWS[0]._replace(status=0)])
    tiles = Tiles(board)
    tiles.sample(0)
    board.put([ROWS[0]._replace(status=0, label=f"more {number}") for number in range(4)])
    tiles.sample(SAMPLE_EVERY_MS - 1)
    said = tiles.said(60_000)
    assert (said["tiles"][0]["count"], said["tiles"][0]["trend"], said["since_s"]) == (5, 4, 60)
    assert said["tiles"][0]["past"] == [1]
