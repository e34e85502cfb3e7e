"""What can go wrong in telling what a day lifts?

The simulated worker asks an endpoint of its own, so that only the forecaster's tests see these."""

from __future__ import annotations

from mutants.mutant import Edit, Mutant

FACTORS = "forecaster/day_factors.py"
TERMS = "forecaster/day_terms.py"
BLIND = "the simulated endpoint answers from recent demand, and no model is ever asked"

FORECASTING_MUTANTS = (
    Mutant(
        "drift-taken-for-an-event",
        "days are compared with the whole year before them instead of with their weeks, the day and its terms alike",
        (
            Edit(
                FACTORS,
                "    ratios = changes_of(_ratios(series.units, series.ends, begun, memory.periods.year).T).T\n",
                "    ratios = _ratios(series.units, series.ends, begun, memory.periods.year)\n",
            ),
            Edit(FACTORS, "    terms = view.changes[days]\n", "    terms = view.terms[days]\n"),
        ),
        test="forecaster/test_changing_shops.py::"
        "test_an_event_that_comes_more_often_while_the_level_is_high_is_given_its_own_lift_alone",
        blind=BLIND,
    ),
    Mutant(
        "weekdays-without-seasons",
        "a weekday has the same size in summer and in winter",
        (
            Edit(
                TERMS,
                "            terms.append(weekdays * turn(angle[:, [wave]]))\n",
                "            terms.append(0 * weekdays * turn(angle[:, [wave]]))\n",
            ),
        ),
        test="forecaster/test_changing_shops.py::test_a_weekday_may_be_large_in_summer_and_small_in_winter",
        blind=BLIND,
    ),
    Mutant(
        "unsold-yet-taken-for-unmoved",
        "that a product was not sold before it began is taken to say that no day lifts it",
        (Edit(FACTORS, "    ratios = _of_others(ratios, known, views, groups)\n", ""),),
        test="forecaster/test_changing_shops.py::test_a_series_that_begins_late_says_nothing_of_the_days_before",
        blind=BLIND,
    ),
)
