"""When is it said that a model has drifted, and when is it left alone?"""

from __future__ import annotations

from itertools import pairwise

from domain.accuracy import EVERYTHING, Score
from domain.drift import BIASED, COOL_DOWN_WEEKS, DRIFTED, MISCOVERED, NO_BETTER, Standing, judge, reason_of

WEEK = 2_900


def week(wape=0.3, baseline=0.4, bias=0.0, coverage=0.9, windows=100.0, category="tea"):
    score = Score(windows, 1_000.0, 1_000.0 * (1 + bias), 1_000 * wape, 1_000 * baseline, coverage * windows)
    return {category: score, EVERYTHING: score}


def weeks(*boards, last=WEEK):
    """These boards, the last one of week `last`; as many good weeks before them as are looked at."""
    run = [week()] * 5 + list(boards)
    return {last - len(run) + 1 + at: board for at, board in enumerate(run)}


def rules(verdict, category="tea"):
    return {each.rule for each in verdict.announced if each.category == category}


def run_of(boards, backtest, start=Standing(0)):  # noqa: B008 - it is immutable
    """Judges week after week, as they close; returns the verdicts."""
    verdicts, standing = [], start
    for last in sorted(boards):
        seen = {at: board for at, board in boards.items() if at <= last}
        verdicts.append(judge(seen, last, standing, backtest))
        standing = verdicts[-1].standing
    return verdicts


def test_a_good_model_is_left_alone():
    verdict = judge(weeks(week(), week()), WEEK, Standing(0), {"tea": 0.3, EVERYTHING: 0.3})
    assert (verdict.findings, verdict.announced, verdict.standing.on_baseline) == ((), (), frozenset())


def test_one_bad_week_is_not_enough_and_two_are():
    """Four weeks together must be a tenth above the backtest, at the end of this week and of the one before."""
    bad = week(wape=0.50)
    verdicts = run_of(weeks(bad, bad), {"tea": 0.3})
    assert [rules(each) for each in verdicts[-2:]] == [set(), {DRIFTED}]


def test_without_a_backtest_nothing_can_have_drifted():
    verdicts = run_of(weeks(week(wape=0.39), week(wape=0.39)), {})
    assert not any(each.announced for each in verdicts)


def test_an_alarm_is_raised_once_within_its_cool_down_and_again_after_it():
    bad = [week(wape=0.38)] * (COOL_DOWN_WEEKS + 8)
    verdicts = run_of({WEEK + at: board for at, board in enumerate(bad)}, {"tea": 0.3})
    raised = [at for at, each in enumerate(verdicts) if rules(each)]
    assert len(raised) >= 2
    assert {later - earlier for earlier, later in pairwise(raised)} == {COOL_DOWN_WEEKS}
    assert all(each.findings for each in verdicts[raised[0] :])


def test_bias_is_a_matter_of_the_whole_shop():
    verdict = run_of(weeks(*[week(bias=-0.12)] * 5), {})[-5:]
    announced = [each for one in verdict for each in one.announced]
    assert {(each.rule, each.category) for each in announced} == {(BIASED, EVERYTHING)}


def test_coverage_outside_its_band_is_found_if_there_are_windows_enough():
    for coverage, windows, found in [
        (0.80, 100.0, True),
        (0.97, 100.0, True),
        (0.80, 20.0, False),
        (0.9, 100.0, False),
    ]:
        verdicts = run_of(weeks(*[week(coverage=coverage, windows=windows)] * 6), {})
        assert any(MISCOVERED in rules(each) for each in verdicts) is found, (coverage, windows)


def test_a_category_the_model_serves_no_better_goes_to_the_baseline_and_comes_back_when_it_is_clearly_better():
    worse, hardly_better, better = week(wape=0.45), week(wape=0.399), week(wape=0.30)
    boards = weeks(*[worse] * 6, *[hardly_better] * 6, *[better] * 6)
    verdicts = run_of(boards, {})
    served = ["tea" in each.standing.on_baseline for each in verdicts]
    fell, rose = served.index(True), len(served) - served[::-1].index(True)
    changes = sum(a != b for a, b in pairwise(served))
    assert changes == 2, "it changes over once, and back once"
    assert fell > 5
    assert rose > 5 + 6 + 6, "hardly better is not enough to be asked again"
    assert any(NO_BETTER in rules(each) for each in verdicts)


def test_nothing_is_said_of_a_few_windows_and_what_was_concluded_stays():
    few = week(wape=2.0, windows=3.0)
    for before in (frozenset(), frozenset({"tea"})):
        boards = {WEEK - at: few for at in range(6)}
        verdict = judge(boards, WEEK, Standing(WEEK - 1, before), {"tea": 0.3})
        assert verdict.findings == ()
        assert verdict.standing.on_baseline == before


def test_a_week_that_is_missing_keeps_silence():
    boards = weeks(*[week(wape=0.9)] * 6)
    del boards[WEEK - 2]
    assert judge(boards, WEEK, Standing(0), {"tea": 0.3}).findings == ()


def test_the_reason_is_a_line_for_a_person():
    verdict = run_of(weeks(*[week(wape=0.45, bias=0.2)] * 6), {"tea": 0.3})
    line = next(reason_of(each.announced) for each in verdict if len(each.announced) > 1)
    assert "(all): bias 0." in line
    assert "tea: WAPE 0." in line
