"""Figures about people: intervals, gold, qualification, agreement, quality, pace."""

import math
import random

import pytest

from dovetail.base.errors import InvalidInputError
from dovetail.labels.people import agreement as agreements
from dovetail.labels.people import estimates, gold, pace, qualification
from dovetail.labels.people.checks import checks
from dovetail.labels.people.consensus import consensus
from dovetail.labels.people.given import Given, by_task, latest
from dovetail.labels.people.quality import quality

RULE = qualification.Rule((qualification.Tier("basic", 0.7), qualification.Tier("expert", 0.9)))


def crowd(
    accuracy: dict[str, float],
    items: int,
    *,
    classes: str = "abc",
    seed: int = 1,
    seconds: float = 5.0,
) -> tuple[list[Given], list[str]]:
    """Answers of people of known accuracy to items of known truth."""
    draw = random.Random(seed)
    truth = [draw.choice(classes) for _ in range(items)]
    answers = []
    for task in range(items):
        for person, share in accuracy.items():
            wrong = [c for c in classes if c != truth[task]]
            value = truth[task] if draw.random() < share else draw.choice(wrong)
            spent = seconds * math.exp(draw.gauss(0, 0.4))
            answers.append(Given(len(answers) + 1, task, person, task * 8000, spent, {"c": value}))
    return answers, truth


def right_and_wrong(pattern: str) -> list[gold.Marked]:
    """Marked answers of one person from a pattern such as `110`."""
    return [
        gold.Marked(Given(i, i, "ann", i, None, {}), {}, one == "1", ())
        for i, one in enumerate(pattern)
    ]


def test_the_interval_of_a_share_is_that_of_the_books() -> None:
    low, high = estimates.beta_interval(8.5, 2.5)
    assert (round(low, 3), round(high, 3)) == (0.497, 0.956)  # scipy.stats.beta.interval
    assert estimates.tail(8, 10, 0.5) == pytest.approx(0.0546875)
    assert round(estimates.at_least(2, [0.5, 0.5, 0.5]), 6) == 0.5


def test_an_interval_that_is_watched_all_the_time_errs_rarely() -> None:
    draw = random.Random(5)
    missed = 0
    for _ in range(300):
        right = 0
        for n in range(1, 101):
            right += draw.random() < 0.8
            low, high = estimates.anytime(right, n, 0.9)
            if not low <= 0.8 <= high:
                missed += 1
                break
    assert missed <= 30


def test_more_right_answers_than_answers_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="5 right answers of 4 cannot be"):
        estimates.anytime(5, 4)


def test_few_answers_neither_praise_nor_damn() -> None:
    found = {
        e.person: e for e in estimates.shrunk({"ann": (90, 100), "bob": (88, 100), "new": (1, 2)})
    }
    assert found["new"].share == 0.5
    assert found["new"].estimate > 0.7
    assert found["new"].differs == ""
    assert found["new"].high - found["new"].low > found["ann"].high - found["ann"].low


def test_equals_are_said_to_be_equals() -> None:
    calls = 0
    for seed in range(40):
        answers, truth = crowd(dict.fromkeys(["ann", "bob", "cy", "dee"], 0.85), 60, seed=seed)
        known = {task: {"c": truth[task]} for task in range(60)}
        counts = {k: (float(r), n) for k, (r, n) in gold.tally(gold.mark(answers, known)).items()}
        calls += bool(estimates.apart(counts))
    assert calls <= 4


def test_a_random_clicker_is_told_from_the_others_by_gold_and_without() -> None:
    answers, truth = crowd({"ann": 0.9, "bob": 0.88, "eve": 0.34}, 150)
    known = {task: {"c": truth[task]} for task in range(40)}
    for marked in ([], gold.mark(answers, known)):
        held = consensus(["c"], latest(answers), known if marked else {})
        found = quality(latest(answers), marked, ["ann", "bob", "eve"], held)
        assert found.basis == ("gold" if marked else "the others")
        assert {second for _, second in found.pairs} == {"eve"}
        assert found.text == "eve is right less often than all others; others cannot be told apart."
        assert [one.person for one in found.people] == ["ann", "bob", "eve"]
        assert next(one for one in found.people if one.person == "eve").differs == "worse"
        assert found.confused[0].person == "eve"


@pytest.mark.parametrize(
    ("skills", "items"),
    [((0.9, 0.88, 0.5), 100), ((0.95, 0.9, 0.55, 0.55), 150), ((0.9, 0.9), 100)],
    ids=["one clicks at random", "two do", "two people"],
)
def test_intervals_hold_what_people_are_right_in_without_any_gold(
    skills: tuple[float, ...], items: int
) -> None:
    names = ["ann", "bob", "cy", "dee"][: len(skills)]
    held = []
    for seed in range(25):
        crew = dict(zip(names, skills, strict=True))
        answers, _ = crowd(crew, items, seed=seed, classes="ab")
        found = quality(latest(answers), [], names, consensus(["c"], latest(answers), {}))
        held += [e.low <= crew[e.person] <= e.high for e in found.people]
        assert all(e.answers == items for e in found.people)
    assert sum(held) >= 0.9 * len(held)


def test_who_answers_alone_is_not_judged_by_their_own_answer() -> None:
    answers = [Given(i, i, "ann", i, 1.0, {"c": "ab"[i % 2]}) for i in range(30)]
    assert consensus(["c"], answers, {}).right == {}


@pytest.mark.parametrize(
    ("pattern", "state", "tier", "is_sure"),
    [
        ("1111", "needs more", "", False),
        ("1" * 30, "passed", "expert", False),
        ("1" * 20, "passed", "basic", True),
        ("0" * 10, "failed", "", True),
        ("110" * 10, "failed", "", False),
        ("1110" * 8, "passed", "basic", False),
    ],
)
def test_a_qualification_ends_when_it_is_sure_or_used_up(
    pattern: str, state: str, tier: str, is_sure: bool
) -> None:
    verdict = qualification.judge(right_and_wrong(pattern), RULE, 30)
    assert (verdict.state, verdict.tier, verdict.is_sure) == (state, tier, is_sure)
    assert (verdict.left > 0) == (state == "needs more")
    assert verdict.low <= verdict.right / verdict.answers <= verdict.high


def test_a_small_set_decides_by_the_share_and_says_so() -> None:
    verdict = qualification.judge(right_and_wrong("11111"), RULE, 5)
    assert (verdict.state, verdict.tier, verdict.is_sure) == ("passed", "expert", False)
    assert verdict.text.endswith("the interval holds the threshold, the share decides.")


@pytest.mark.parametrize(
    "tiers",
    [(), (("a", 0.9), ("b", 0.8)), (("a", 0.7), ("a", 0.9)), (("a", 1.5),), ((" ", 0.5),)],
    ids=["none", "falling", "one name twice", "above one", "no name"],
)
def test_a_rule_that_makes_no_sense_is_refused(tiers: tuple[tuple[str, float], ...]) -> None:
    with pytest.raises(InvalidInputError):
        qualification.Rule(tuple(qualification.Tier(*tier) for tier in tiers))


def test_gold_comes_as_often_as_it_was_said_and_no_drought_is_long() -> None:
    since, gaps, due = 0, [], 0
    for n in range(2000):
        if gold.is_due(b"key", "ann", n, 0.1, since):
            due += 1
            gaps.append(since)
            since = 0
        else:
            since += 1
    assert 0.08 < due / 2000 < 0.13
    assert max(gaps) <= 30
    first = [gold.is_due(b"key", "ann", n, 0.1, 0) for n in range(200)]
    assert first != [gold.is_due(b"other", "ann", n, 0.1, 0) for n in range(200)]
    assert not gold.is_due(b"key", "ann", 0, 0.0, 10**6)


def test_only_the_first_answer_to_gold_counts() -> None:
    wrong, corrected = (
        Given(1, 7, "ann", 1, 1.0, {"c": "b"}),
        Given(2, 7, "ann", 2, 1.0, {"c": "a"}),
    )
    assert gold.tally(gold.mark([corrected, wrong], {7: {"c": "a"}})) == {"ann": (0, 1)}


def test_gold_that_good_people_fail_is_doubted_with_what_they_said() -> None:
    answers, truth = crowd({"ann": 0.95, "bob": 0.95, "cy": 0.95, "dee": 0.95}, 30)
    known = {task: {"c": truth[task]} for task in range(30)}
    known[3] = {"c": next(c for c in "abc" if c != truth[3])}
    found = gold.doubts(gold.mark(answers, known))
    assert [doubt.task for doubt in found] == [3]
    assert found[0].instead == {"c": truth[3]}
    assert found[0].instead_by == found[0].answered == 4


def test_gold_that_bad_people_fail_is_not_doubted() -> None:
    answers, truth = crowd(dict.fromkeys(["ann", "bob", "cy"], 0.34), 30)
    assert gold.doubts(gold.mark(answers, {t: {"c": truth[t]} for t in range(30)})) == []


def test_alpha_is_that_of_the_published_example() -> None:
    """Krippendorff 2011, computing alpha-reliability, example C: nominal alpha is 0.743."""
    table = (
        "1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .",
    )  # fmt: skip
    answers = [
        Given(row * 100 + task, task, f"p{row}", 0, None, {"c": value})
        for row, line in enumerate(table)
        for task, value in enumerate(line.split())
        if value != "."
    ]
    found = agreements.agreement("c", by_task(answers))
    assert found.alpha == pytest.approx(0.743, abs=5e-4)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.alpha < found.high
    assert (found.items, found.answers, found.note) == (11, 40, "on 11 items only")
    squared = agreements.agreement(
        "c", by_task(answers), lambda _, a, b: 1 - (int(a) - int(b)) ** 2 / 16
    )
    assert squared.alpha == pytest.approx(0.849, abs=2e-3)  # interval alpha of the same example


def test_agreement_without_any_difference_is_not_called_perfect() -> None:
    answers = [Given(i, i // 2, "ab"[i % 2], i, None, {"c": "yes"}) for i in range(20)]
    found = agreements.agreement("c", by_task(answers))
    assert (found.alpha, found.note) == (
        None,
        "every answer is the same, so chance explains all",
    )
    assert agreements.agreement("d", by_task(answers)).note == "no item has two answers"


def test_each_pair_of_people_is_counted_where_both_answered() -> None:
    answers, _ = crowd({"ann": 1.0, "bob": 1.0, "eve": 0.0}, 20)
    found = agreements.pairs("c", by_task(answers))
    assert [(pair.first, pair.second, pair.items, pair.same) for pair in found[:2]] == [
        ("ann", "bob", 20, 20),
        ("ann", "eve", 20, 0),
    ]


def test_honest_people_are_left_in_peace() -> None:
    accused = 0
    for seed in range(30):
        answers, _ = crowd(dict.fromkeys(["ann", "bob", "cy", "dee"], 0.85), 120, seed=seed)
        accused += bool(checks(answers))
    assert accused <= 1


def test_answers_in_no_time_are_shown() -> None:
    answers, _ = crowd({"ann": 0.9, "bob": 0.9, "eve": 0.9}, 60)
    answers = [
        Given(g.annotation, g.task, g.person, g.at_ms, 0.2, g.values) if g.person == "eve" else g
        for g in answers
    ]
    (found,) = checks(answers)
    assert (found.person, found.kind) == ("eve", "too fast")
    assert found.text.startswith("60 of 60 answers took under")
    assert [one.text for one in found.evidence] == ["0.2 s"] * 8


def test_who_answers_alone_and_faster_than_anybody_reads_is_shown() -> None:
    def alone(seconds: float) -> list[Given]:
        return [Given(t, t, "eve", t * 1000, seconds, {"c": "ab"[t % 2]}) for t in range(60)]

    (found,) = checks(alone(0.07))
    assert found.text == (
        "60 of 60 answers took under 0.25 s; faster than anybody reads and chooses"
    )
    assert checks(alone(0.6)) == []


def test_one_answer_all_day_is_shown_unless_the_items_are_like_that() -> None:
    answers, _ = crowd({"ann": 0.9, "bob": 0.9}, 60, classes="ab")
    lazy = [Given(9000 + t, t, "eve", t * 8000, 5.0, {"c": "a"}) for t in range(60)]
    (found,) = checks(answers + lazy)
    assert (found.person, found.kind) == ("eve", "same answer in a row")
    assert found.text.startswith("60 times a in a row")
    spam = [
        Given(n, n // 3, "abe"[n % 3], n * 3000, 5.0, {"c": "spam" if n < 150 else "ham"})
        for n in range(180)
    ]
    assert checks(spam) == []


def test_who_contradicts_themselves_on_near_repeats_is_shown() -> None:
    answers, _ = crowd({"ann": 0.97, "bob": 0.97, "eve": 0.97}, 40, classes="ab")
    flipped = {"a": "b", "b": "a"}
    again = [
        Given(
            g.annotation + 5000, g.task + 1000, g.person, g.at_ms + 10**6, 5.0,
            {"c": flipped[g.values["c"]] if g.person == "eve" else g.values["c"]},
        )
        for g in answers
    ]  # fmt: skip
    alike = {g.task: g.task % 1000 for g in answers + again}
    found = checks(answers + again, alike=alike)
    assert [(one.person, one.kind) for one in found] == [("eve", "contradicts themselves")]
    assert found[0].text.startswith("40 of 40 near-repeats were answered differently")


def test_tiredness_shows_within_sessions() -> None:
    draw = random.Random(3)
    answers, right = [], {}
    for session in range(4):
        for n in range(120):
            hours = n / 40
            at = session * 86_400_000 + int(hours * 3_600_000)
            number = len(answers) + 1
            spent = 6 * math.exp(0.35 * hours + draw.gauss(0, 0.3))
            answers.append(Given(number, number, "ann", at, spent, {"c": "a"}))
            right[number] = float(draw.random() < 0.97 - 0.15 * hours)
    (found,) = pace.trends(answers, right)
    assert (found.sessions, found.answers) == (4, 480)
    assert found.pace is not None
    assert found.pace_low is not None
    assert 1.3 < found.pace < 1.55
    assert found.pace_low > 1.2
    assert found.quality is not None
    assert -0.2 < found.quality < -0.1
    assert "answers take longer" in found.text.lower()
    assert "the share of right answers falls" in found.text


def test_steady_people_show_no_trend() -> None:
    answers, _ = crowd({"ann": 0.9}, 400)
    (found,) = pace.trends(answers, {g.annotation: 1.0 for g in answers})
    assert found.text == "No trend seen."
    assert pace.trends(answers[:5], {})[0].text == "Too few answers to tell."


def test_a_script_that_saves_by_the_hundred_is_not_called_tired() -> None:
    answers = [Given(n, n, "bot", n * 3, 1.0 + n % 7, {"c": "a"}) for n in range(300)]
    assert pace.trends(answers, {})[0].text == "Too few answers to tell."
