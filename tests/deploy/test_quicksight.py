"""Is the dashboard what its description says, of the shape that QuickSight takes, and about columns that are written?

Held against botocore's model of the service and against the files of a real snapshot. Nothing here renders a picture:
that needs an account, and nothing of this has run in one."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections import Counter
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator
from fakes.accuracy import InMemoryAccuracyBook
from fakes.clock import NOW, TODAY, FakeClock
from fakes.examples import order_of, state_after
from fakes.faults import Faults
from fakes.state import InMemoryState
from planting import replaced

from deploy.checks.data_sets import OPERATIONS, columns_of
from deploy.checks.deployed import Deployed
from deploy.checks.pictures import pictures_show_what_is_there
from deploy.checks.shapes import request_shape, unfit
from deploy.profile import EXAMPLE
from deploy.quicksight.data_sets import DATA_SETS, TYPES, data_set
from deploy.quicksight.definition import definition, widths
from deploy.quicksight.layout import GRID_COLUMNS
from deploy.quicksight.picture import picture
from deploy.quicksight.sheets import SHEETS
from deploy.quicksight.stack import TEMPLATES, text
from deploy.quicksight.visuals import kpi, table
from deploy.template import FOLDER, Resolved, resolve, template
from domain.accuracy import EVERYTHING, Promise, Score
from domain.drift import Standing
from domain.events import ProductKey
from domain.product import ForecastNote
from handlers.ports import ScoredWeek
from worker.aws.state_codec import encode_header, encode_order
from worker.settings import Settings
from worker.snapshots.places import FolderUpload
from worker.snapshots.reading import Reading
from worker.snapshots.run import Days, take_snapshot
from worker.snapshots.tables import TABLES

ROOT = FOLDER.parent.parent
GIVEN = {**EXAMPLE, "Suffix": "-staging"}
STACKS = {name: resolve(name, template(name), GIVEN) for name in ("analytics", *TEMPLATES)}
TEA = ProductKey("tea")
WEEK = (TODAY - 1) // 7 - 1
# What a column of a file may be for a type of QuickSight's.
KINDS = {"STRING": str, "INTEGER": int, "DECIMAL": float, "DATETIME": (date, datetime)}


class OneProduct:
    """A state table with a product that has nothing on hand, and its order; the other tables are empty."""

    async def describe_table(self, **_):
        return {"Table": {"KeySchema": [{"AttributeName": "product_id"}]}}

    async def batch_get_item(self, RequestItems):  # noqa: N803 - DynamoDB's name
        (name,) = RequestItems
        item = {"product_id": {"S": "tea"}, "current_stock": {"N": "0"}}
        return {"Responses": {name: [item] if name == Settings().inventory_table else []}}

    async def scan(self, **_):
        note = ForecastNote(TODAY, 1, "model", ((1, 2.0, 0.1), (8, 16.0, 0.1), (28, 56.0, 0.1)))
        header = encode_header(state_after(TEA, 3, 4, 5)._replace(forecast=note), "token")
        return {"Items": [header, encode_order(order_of(TEA)._replace(decided_at=NOW), 1, None)]}


@pytest.fixture
async def files(tmp_path):
    """A real file of each table, by its name."""
    faults = Faults()
    book = InMemoryAccuracyBook(InMemoryState(faults), faults)
    await book.promise(WEEK, [Promise(TEA, "hot", WEEK * 7, 7, 20.0, 25, 0.5, 24.0)])
    await book.close(ScoredWeek(WEEK, {EVERYTHING: Score(1, 21, 20, 1, 3, 1)}, Standing(WEEK)), [])
    reading = Reading(Settings(), OneProduct(), FakeClock())
    await take_snapshot(reading, book, lambda name: FolderUpload(tmp_path, name), Days(TODAY, TODAY - 35))
    found = {}
    for each in TABLES:
        tables = [pq.read_table(path, partitioning=None) for path in (tmp_path / each.name).rglob("*.parquet")]
        found[each.name] = pa.concat_tables(tables)
    return found


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_template_is_what_the_description_says(name):
    assert (FOLDER / f"{name}.yaml").read_text() == text(name)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_botocore_would_send_every_request(kind):
    shape = get_session().get_service_model("quicksight").operation_model(OPERATIONS[kind]).input_shape
    requests = [said for stack in STACKS.values() for said in stack.of(kind).values()]
    assert requests
    for said in requests:
        assert ParamValidator().validate(said, shape).generate_report() == ""


async def test_every_column_of_a_data_set_is_in_the_file_and_of_a_fitting_type(files):
    for said in STACKS["quicksight"].of("AWS::QuickSight::DataSet").values():
        (physical,) = said["PhysicalTableMap"].values()
        rows = files[physical["RelationalTable"]["Name"]].to_pylist()
        assert rows
        for column in physical["RelationalTable"]["InputColumns"]:
            values = [row[column["Name"]] for row in rows]
            assert all(value is None or isinstance(value, KINDS[column["Type"]]) for value in values), column


async def test_every_column_that_a_picture_shows_is_in_the_file_or_reckoned_from_it(files):
    reckoned = {(each["DataSetIdentifier"], each["Name"]) for each in definition()["CalculatedFields"]}
    for data, name in columns_named(definition()):
        own = DATA_SETS[data].own
        assert name in files[data].column_names or name in own or (data, name) in reckoned


def columns_named(said):
    if isinstance(said, list):
        return {each for part in said for each in columns_named(part)}
    if not isinstance(said, dict):
        return set()
    if "ColumnName" in said:
        return {(said["DataSetIdentifier"], said["ColumnName"])}
    return {each for part in said.values() for each in columns_named(part)}


def test_no_name_in_the_dashboard_can_be_misspelt_unseen():
    """Each column, field of a sort, filter of a control and place, one after the other."""
    dashboard = STACKS["dashboard"].of("AWS::QuickSight::Dashboard")["Dashboard"]
    paths = list(names_in(dashboard["Definition"]))
    assert len(paths) > 200
    for path in paths:
        worse = copy.deepcopy(dashboard)
        at = worse["Definition"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] += "x"
        stack = Resolved("dashboard", {"Dashboard": ("AWS::QuickSight::Dashboard", worse)})
        assert list(pictures_show_what_is_there(Deployed("misspelt", {**STACKS, "dashboard": stack}))), path


def names_in(said, path=()):
    """The way to every name that stands for something said elsewhere."""
    elsewhere = {"ColumnName", "SourceFilterId", "ElementId", "SheetId", "DataSetIdentifier"}
    if "SortConfiguration" in path:
        elsewhere |= {"FieldId"}
    parts = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    for name, value in parts:
        if name in elsewhere and isinstance(value, str):
            yield (*path, name)
        yield from names_in(value, (*path, name))


def test_the_data_sets_of_a_second_shop_in_the_account_are_its_own():
    database = STACKS["analytics"].of("AWS::Glue::Database")["Database"]["DatabaseInput"]["Name"]
    assert database == "restock_staging"
    for said in STACKS["quicksight"].of("AWS::QuickSight::DataSet").values():
        (physical,) = said["PhysicalTableMap"].values()
        assert physical["RelationalTable"]["Schema"] == database
        assert said["DataSetId"].startswith("restock-staging-")


def test_money_is_in_whole_units_of_the_currency_that_is_said():
    yen = resolve("quicksight", template("quicksight"), {**GIVEN, "MinorUnits": "1"})
    (logical,) = yen.of("AWS::QuickSight::DataSet")["Stockouts"]["LogicalTableMap"].values()
    added = {
        each["ColumnName"]: each["Expression"]
        for each in logical["DataTransforms"][0]["CreateColumnsOperation"]["Columns"]
    }
    assert added["missing_revenue"] == "{missing_revenue_minor} / 1"
    assert columns_of(yen.of("AWS::QuickSight::DataSet")["Stockouts"])["missing_revenue"] == "DECIMAL"


def test_spice_is_filled_daily_and_a_data_set_that_asks_at_each_look_is_not():
    kind = "AWS::QuickSight::RefreshSchedule"
    assert len(STACKS["quicksight"].of(kind)) == len(TABLES)
    asking = resolve("quicksight", template("quicksight"), {**GIVEN, "ImportMode": "DIRECT_QUERY"})
    assert asking.of(kind) == {}


def test_the_five_questions_have_a_sheet_each_and_every_row_fills_the_grid():
    assert [sheet.name for sheet in SHEETS] == ["health", "forecast", "reorders", "accuracy", "stockouts"]
    for sheet in SHEETS:
        for row in sheet.rows:
            assert sum(widths(row)) == GRID_COLUMNS
    names = Counter(visual.name for sheet in SHEETS for visual in sheet.visuals)
    assert names.most_common(1)[0][1] == 1


def test_scores_of_everything_and_of_categories_are_never_added_up():
    (accuracy,) = [sheet for sheet in SHEETS if sheet.name == "accuracy"]
    assert {*accuracy.whole, *accuracy.parts} == {visual.name for visual in accuracy.visuals}
    assert set(accuracy.whole) & set(accuracy.parts) == set()


def test_a_misspelt_column_is_refused_where_the_dashboard_is_described():
    with pytest.raises(KeyError, match="inventory has no column on_hands"):
        kpi("x", "X", "inventory", "sum:on_hands")
    with pytest.raises(KeyError, match="x is sorted by sum:on_hand, which it does not show"):
        table("x", "X", "inventory", ["product"], ["sum:target"], "sum:on_hand")


def test_every_kind_of_column_has_a_type_of_quicksight_s():
    assert {column.kind for each in TABLES for column in each.columns} <= set(TYPES)
    assert data_set(TABLES[-1]).own == {}  # accuracy has neither products nor money


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("is 'TOTAL', none of", replaced("SUM", "TOTAL")),
        ("which [\\w\\-]+ does not let pass", replaced("by-band", "by band")),
    ],
)
def test_the_shapes_check_sees_what_botocore_lets_pass(what, change):
    dashboard = STACKS["dashboard"].of("AWS::QuickSight::Dashboard")["Dashboard"]
    shape = request_shape("quicksight", "CreateDashboard")
    worse = changed(dashboard, change)
    assert ParamValidator().validate(worse, shape).generate_report() == ""
    assert any(what in found for found in unfit(shape, worse))


def changed(said, change):
    if isinstance(said, dict):
        return {name: changed(value, change) for name, value in said.items()}
    return [changed(each, change) for each in said] if isinstance(said, list) else change(said)


def test_the_picture_in_the_docs_is_of_this_definition():
    assert (ROOT / "docs" / "quicksight.svg").read_text() == picture(definition())


def test_whoever_deploys_everything_gets_no_dashboard_unasked():
    command = [sys.executable, "-m", "deploy", "up", "small", "--stack", "quicksight", "--stack", "dashboard"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert said.returncode == 2
    assert said.stderr.strip().endswith("--set is missing for QuickSightPrincipal")
