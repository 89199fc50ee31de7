"""The AI labeller from answered tasks to predictions."""

import base64
import io
import zipfile

import numpy as np
import pytest
from tests.unit.labels.learning.examples import CONFIG, answered, choice, comments

from dovetail.base.errors import IntegrityError, InvalidInputError
from dovetail.labels.learning import Answered, Said, load, save, train

ANSWERED, OTHERS = comments(80), comments(200, seed=1)


def share_right(labeller, pairs) -> float:
    found = labeller.predict([{"text": text} for text, _ in pairs])
    right = [
        one.result[0]["value"]["choices"] == [mood]
        for one, (_, mood) in zip(found, pairs, strict=True)
    ]
    return float(np.mean(right))


def test_what_was_learned_of_texts_holds_on_others() -> None:
    labeller = train(CONFIG, answered(ANSWERED), [{"text": text} for text, _ in OTHERS])
    assert share_right(labeller, OTHERS) > 0.9
    (skill,) = labeller.skills
    assert skill.quality is not None
    assert skill.quality.lower < skill.quality.accuracy <= skill.quality.upper


def test_scores_are_true_on_average() -> None:
    labeller = train(CONFIG, answered(ANSWERED))
    found = labeller.predict([{"text": text} for text, _ in OTHERS])
    promised = np.mean([one.score for one in found])
    assert abs(promised - share_right(labeller, OTHERS)) < 0.08
    assert all(one.score <= 1 - 0.5 / (80 + 2) for one in found)


def test_a_labeller_is_the_same_after_it_was_written_and_read() -> None:
    labeller = train(CONFIG, answered(ANSWERED))
    tasks = [{"text": text} for text, _ in OTHERS]
    assert load(save(labeller)).predict(tasks) == labeller.predict(tasks)


@pytest.mark.parametrize(
    "body", [b"", b"no zip", b"PK\x03\x04", save(train(CONFIG, answered(ANSWERED)))[:-90]]
)
def test_a_file_that_is_no_labeller_is_refused(body: bytes) -> None:
    with pytest.raises(IntegrityError, match="no labeller"):
        load(body)


def test_a_file_with_pickled_objects_executes_nothing() -> None:
    class Bomb:
        def __reduce__(self):
            raise AssertionError("it was executed")

    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        array = io.BytesIO()
        np.save(array, np.array([{"a": 1}], object), allow_pickle=True)
        archive.writestr("facts.npy", array.getvalue())
    with pytest.raises(IntegrityError):
        load(body.getvalue())


def test_an_annotator_who_guesses_is_outvoted() -> None:
    rng = np.random.default_rng(0)
    other = {"good": "bad", "bad": "good"}

    def said(who: str, mood: str, right: float) -> Said:
        return Said(who, choice(mood if rng.random() < right else other[mood]))

    tasks = [
        Answered(
            {"text": text},
            [said("ann", mood, 0.95), said("bob", mood, 0.9), said("eve", mood, 0.5)],
        )
        for text, mood in ANSWERED
    ]
    assert share_right(train(CONFIG, tasks), OTHERS) > 0.85


def test_gold_counts_in_place_of_votes() -> None:
    other = {"good": "bad", "bad": "good"}
    tasks = [
        Answered(
            {"text": text},
            [Said("ann", choice(other[mood])), Said("bob", choice(mood), is_gold=True)],
        )
        for text, mood in ANSWERED
    ]
    assert share_right(train(CONFIG, tasks), OTHERS) > 0.9


def test_a_config_that_asks_for_boxes_only_cannot_be_learned() -> None:
    config = (
        '<View><Image name="i" value="$i"/><RectangleLabels name="b" toName="i">'
        '<Label value="x"/></RectangleLabels></View>'
    )
    with pytest.raises(InvalidInputError, match="asks nothing that can be learned"):
        train(config, [])


def test_answers_that_are_all_alike_teach_nothing_yet() -> None:
    pairs = [(text, "good") for text, _ in ANSWERED]
    with pytest.raises(InvalidInputError, match="all answers so far are the same"):
        train(CONFIG, answered(pairs))


def test_a_class_without_an_answer_is_unlikely_and_not_impossible() -> None:
    config = CONFIG.replace('<Choice value="bad"/>', '<Choice value="bad"/><Choice value="odd"/>')
    labeller = train(config, answered(ANSWERED))
    told = labeller.unsure(labeller.encoder.rows([{"text": "a lovely scene"}]))
    assert told is not None
    assert told.sum() == pytest.approx(1)
    assert 0 < told[0, 2] < 0.05


def test_several_labels_are_learned_each_for_itself() -> None:
    config = CONFIG.replace("<Choices ", '<Choices choice="multiple" ')
    rng = np.random.default_rng(0)
    tasks, truths = [], []
    for (one, first), (two, second) in zip(comments(150), comments(150, seed=5), strict=True):
        has = [first] if rng.random() < 0.5 else sorted({first, second})
        text = one if len(has) == 1 else f"{one} {two}"
        value = {"choices": has}
        region = {"from_name": "mood", "to_name": "text", "type": "choices", "value": value}
        tasks.append(Answered({"text": text}, [Said("ann", [region])]))
        truths.append(has)
    labeller = train(config, tasks[:110])
    found = labeller.predict([task.data for task in tasks[110:]])
    right = [
        sorted(one.result[0]["value"]["choices"] if one.result else []) == truth
        for one, truth in zip(found, truths[110:], strict=True)
    ]
    assert np.mean(right) > 0.7


def number_task(row: dict[str, object], stars: float) -> Answered:
    region = {"from_name": "s", "to_name": "t", "type": "rating", "value": {"rating": stars}}
    return Answered(row, [Said("ann", [region])])


def test_a_rating_is_learned_from_a_table_with_gaps() -> None:
    config = '<View><Table name="t" value="$row"/><Rating name="s" toName="t"/></View>'
    rng = np.random.default_rng(0)
    tasks, truth = [], []
    for _ in range(300):
        size, kind = float(rng.normal()), str(rng.choice(["a", "b"]))
        stars = float(np.clip(round(3 + size + (1 if kind == "b" else -1)), 1, 5))
        row = {"size": size, "kind": kind, "empty": None, "gap": None if rng.random() < 0.3 else 1}
        tasks.append(number_task({"row": row}, stars))
        truth.append(stars)
    labeller = train(config, tasks[:200])
    found = labeller.predict([task.data for task in tasks[200:]])
    wrong = [
        abs(one.result[0]["value"]["rating"] - stars)
        for one, stars in zip(found, truth[200:], strict=True)
    ]
    assert np.mean(wrong) < 0.4
    assert {type(one.result[0]["value"]["rating"]) for one in found} == {int}
    assert abs(np.mean([one.score for one in found]) - np.mean(np.array(wrong) == 0)) < 0.15


def picture(bright: bool, rng: np.random.Generator) -> str:
    from PIL import Image

    pixels = rng.integers(0, 90, (20, 20), np.uint8)
    pixels[:, 8:12] += 150 if bright else 0
    pixels[8:12] += 0 if bright else 150
    body = io.BytesIO()
    Image.fromarray(pixels).save(body, "PNG")
    return "data:image/png;base64," + base64.b64encode(body.getvalue()).decode()


IMAGES = CONFIG.replace('<Text name="text"', '<Image name="text"')


def test_images_within_the_tasks_are_learned() -> None:
    rng = np.random.default_rng(0)
    moods = ["good" if i % 2 else "bad" for i in range(60)]
    pairs = [(picture(mood == "good", rng), mood) for mood in moods]
    labeller = train(IMAGES, answered(pairs[:30]))
    assert share_right(labeller, pairs[30:]) == 1.0


def test_a_hostile_image_is_as_good_as_none() -> None:
    rng = np.random.default_rng(0)
    pairs = [(picture(i % 2 == 0, rng), "good" if i % 2 else "bad") for i in range(20)]
    labeller = train(IMAGES, answered(pairs))
    hostile = ["data:image/png;base64,AAAA", "file:///etc/passwd", "http://127.0.0.1/x.png", 7]
    found = labeller.predict([{"text": one} for one in hostile])
    assert len({one.score for one in found}) == 1


def test_an_embedding_in_a_field_is_used_where_it_is_named() -> None:
    rng = np.random.default_rng(0)
    pairs = [("same text", "good" if i % 2 else "bad") for i in range(60)]
    tasks = [
        Answered(
            {**task.data, "vector": (rng.normal(size=8) + (mood == "good") * 2).tolist()}, task.said
        )
        for task, (_, mood) in zip(answered(pairs), pairs, strict=True)
    ]
    labeller = train(CONFIG, tasks[:40], fields=["vector"])
    found = labeller.predict([task.data for task in tasks[40:]])
    right = [
        one.result[0]["value"]["choices"] == [mood]
        for one, (_, mood) in zip(found, pairs[40:], strict=True)
    ]
    assert np.mean(right) > 0.9


def test_odd_data_is_passed_over_and_not_stumbled_over() -> None:
    deep: object = "x"
    for _ in range(3000):
        deep = [deep]
    odd = [deep, None, 1e308, "9" * 400, "\ud800", "x" * 5_000_000, {"a": deep}, [1e300] * 3, True]
    tasks = answered(ANSWERED)
    tasks += [Answered({"text": value}, [Said("ann", choice("good"))]) for value in odd]
    labeller = train(CONFIG, tasks)
    assert len(labeller.predict([{"text": value} for value in odd] + [{}])) == len(odd) + 1
    assert share_right(labeller, OTHERS) > 0.85


@pytest.mark.parametrize("odd", [1e308, -1e308, 10**400, "1e400", "nan", float("inf"), [], {}])
def test_odd_numbers_do_not_spoil_a_table(odd: object) -> None:
    config = '<View><Table name="t" value="$row"/><Rating name="s" toName="t"/></View>'
    rng = np.random.default_rng(0)
    rows = [{"size": float(x)} for x in rng.normal(size=60)]
    tasks = [number_task({"row": row}, 2.0 + 2.0 * (row["size"] > 0)) for row in rows]
    tasks += [number_task({"row": {"size": odd}}, 4.0)] * 3
    found = train(config, tasks).predict([{"row": {"size": 1.5}}, {"row": {"size": odd}}])
    assert found[0].result[0]["value"]["rating"] > 3
    assert all(np.isfinite(one.score) for one in found)


PAIRS = (
    '<View><Text name="a" value="$one"/><Text name="b" value="$two"/>'
    '<Pairwise name="better" toName="a,b"/></View>'
)


def side(one: str) -> list[dict[str, object]]:
    value = {"selected": one}
    return [{"from_name": "better", "to_name": "better", "type": "pairwise", "value": value}]


def duels(count: int, seed: int = 0) -> list[tuple[dict[str, str], str]]:
    """Pairs of a good and a bad comment, in either order, and which one is better."""
    rng = np.random.default_rng(seed)
    told = comments(count * 6, seed)
    good, bad = ([text for text, mood in told if mood == kind] for kind in ("good", "bad"))
    found = []
    for first, second in zip(good[:count], bad[:count], strict=True):
        is_left = bool(rng.random() < 0.5)
        data = {"one": first, "two": second} if is_left else {"one": second, "two": first}
        found.append((data, "left" if is_left else "right"))
    return found


def test_of_a_pair_it_learns_by_how_the_sides_differ() -> None:
    answers = [Answered(data, [Said("ann", side(better))]) for data, better in duels(60)]
    labeller = train(PAIRS, answers)
    others = duels(100, seed=1)
    found = labeller.predict([data for data, _ in others])
    assert [one.result[0]["value"] for one in found] == [{"selected": b} for _, b in others]
    turned = labeller.predict([{"one": d["two"], "two": d["one"]} for d, _ in others])
    flipped = {"left": "right", "right": "left"}
    assert [one.result for one in turned] != [one.result for one in found]
    assert [one.result[0]["value"]["selected"] for one in turned] == [flipped[b] for _, b in others]
    assert load(save(labeller)).predict([d for d, _ in others]) == found


def test_pairs_stand_beside_other_questions() -> None:
    config = PAIRS.replace(
        "</View>",
        '<Choices name="mood" toName="a"><Choice value="good"/><Choice value="bad"/></Choices>'
        "</View>",
    )
    mood = {"left": "good", "right": "bad"}
    answers = [
        Answered(data, [Said("ann", [*side(better), *choice(mood[better])])])
        for data, better in duels(80)
    ]
    labeller = train(config, answers)
    found = labeller.predict([data for data, _ in duels(50, seed=1)])
    both = [(one.result[0]["value"], one.result[1]["value"]) for one in found]
    right = [
        pair == ({"choices": [mood[b]]}, {"selected": b})
        or pair == ({"selected": b}, {"choices": [mood[b]]})
        for pair, (_, b) in zip(both, duels(50, seed=1), strict=True)
    ]
    assert np.mean(right) > 0.85


@pytest.mark.parametrize("value", [None, "", 7, ["a"], {"deep": {"er": 1}}])
def test_a_side_that_is_missing_or_odd_hurts_nobody(value: object) -> None:
    answers = [Answered(data, [Said("ann", side(better))]) for data, better in duels(40)]
    labeller = train(PAIRS, answers)
    (found,) = labeller.predict([{"one": value}])
    assert found.result[0]["value"]["selected"] in ("left", "right")
