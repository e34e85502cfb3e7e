"""A wrong question is refused before anything is read."""

import argparse

import pytest

from forecaster.evaluation.arguments import MODELS, add_evaluate, levels, models

ASKED = ["--sales", "sales.csv", "--cutoff", "2011-02-01", "--horizon", "7", "--report", "report"]


def parsed(*more):
    parser = argparse.ArgumentParser()
    add_evaluate(parser)
    return parser.parse_args([*ASKED, *more])


def test_a_question_needs_no_more_than_sales_cutoff_horizon_and_report():
    chosen = parsed()
    assert (chosen.freq, chosen.origins, chosen.models, chosen.calendar) == ("D", 1, MODELS, None)


def test_quantiles_are_put_in_order_each_once():
    assert levels(".75,.25, 0.5,.25") == (0.25, 0.5, 0.75)


@pytest.mark.parametrize("text", ["0", "1", ".5,1.5", "-.1", "nan", "a", "", ".5,,.6"])
def test_a_quantile_lies_between_zero_and_one(text):
    with pytest.raises(argparse.ArgumentTypeError):
        levels(text)


def test_models_are_taken_in_the_order_they_are_named():
    assert models("mean_30,restock,mean_30") == ("mean_30", "restock")


def test_a_model_that_there_is_not_is_named_beside_those_that_there_are():
    with pytest.raises(argparse.ArgumentTypeError, match=r"prophet: unknown; known are restock"):
        models("restock,prophet")


@pytest.mark.parametrize(
    "wrong",
    [
        ("--horizon", "0"),
        ("--horizon", "many"),
        ("--origins", "0"),
        ("--freq", "H"),
        ("--cutoff", "yesterday"),
        ("--quantiles", "1.2"),
        ("--models", "nobody"),
    ],
)
def test_wrong_use_exits_with_two(wrong, capsys):
    with pytest.raises(SystemExit) as left:
        parsed(*wrong)
    assert left.value.code == 2
    assert wrong[0] in capsys.readouterr().err


def test_months_are_forecast_from_the_first_of_one(capsys):
    chosen = parsed("--freq", "M", "--cutoff", "2011-02-02")
    assert chosen.run(chosen) == 2
    assert "first of a month" in capsys.readouterr().err
