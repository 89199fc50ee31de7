"""Whole lives over simulated days."""

from datetime import timedelta

import msgspec
import pytest

from dovetail.wire.monitoring import Figures

START = [(0, "training", None), (0, "trained", "1"), (0, "compared", "1"), (0, "promoted", "1")]


def changing(lives, *, on: int, back: int | None = None):
    def truth(day: int):
        is_new = day >= on and (back is None or day < back)
        return lives.RAINY if is_new else lives.SUNNY

    return truth


def test_the_first_version_is_trained_evaluated_and_promoted(circle, lives):
    assert circle.live(range(1)) == START
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "1"}
    assert circle.serving.traffic == {lives.MODEL: {"1": 100.0}}
    assert circle.registry.tags[lives.MODEL, "1"] == {
        "dovetail.trained_until": "2023-12-30",
        "dovetail.evaluation": "pass",
    }
    reference = circle.monitoring.references[lives.MODEL, "1"]
    assert set(reference.features) == set(lives.COLUMNS)
    assert len(reference.scores) == len(reference.labels) == 3 * 150
    assert [e.job.name for e in circle.governance.lineage.values()] == ["train flights"]
    assert set(circle.serving.roles) == {"test"}
    assert all(circle.serving.binary)


def test_a_calm_world_is_left_alone(circle):
    assert circle.live(range(30)) == START
    assert len(circle.recipe.keys) == 1


def test_a_drifting_world_rejects_retrains_canaries_promotes_and_keeps(circle, lives):
    circle.world.truth = changing(lives, on=8)
    circle.monitoring.figures = Figures(predictions=60, outcomes=50, auc=0.8)
    happened = circle.live(range(16))
    assert happened == [
        *START,
        # the newest days are held out, so the first attempts have not seen the change
        (8, "training", None), (8, "trained", "2"), (8, "rejected", "2"),
        (10, "training", None), (10, "trained", "3"), (10, "rejected", "3"),
        (12, "training", None), (12, "trained", "4"), (12, "compared", "4"),
        (14, "canary", "4"), (14, "promoted", "4"),
    ]  # fmt: skip
    assert circle.registry.moves == [
        (lives.MODEL, "champion", "1"),
        (lives.MODEL, "champion", "4"),
    ]
    assert circle.serving.traffic == {lives.MODEL: {"4": 100.0}}
    assert set(circle.serving.loaded) == {(lives.MODEL, "1"), (lives.MODEL, "4")}
    assert circle.monitoring.questions == [
        {"start": "2024-01-14", "end": "2024-01-15", "role": "live", "version": "4"}
    ]
    found = [(e["version"], e["kind"], e["verdict"]) for e in circle.governance.evidence]
    assert found == [
        ("1", "evaluation", "pass"),
        ("2", "evaluation", "fail"),
        ("3", "evaluation", "fail"),
        ("4", "evaluation", "pass"),
        ("4", "canary", "pass"),
    ]
    store = circle.store()
    canary = next(e for e in store.history() if e.kind == "canary")
    assert canary.facts["live"] == {
        "predictions": 60, "outcomes": 50, "auc": 0.8, "log_loss": None,
    }  # fmt: skip
    lessons = store.get("lessons")
    assert [lesson["age"] for lesson in lessons] == [8, 10, 12]
    assert lessons[0]["gain"] == lessons[1]["gain"] == 0.0
    assert lessons[2]["gain"] > 0.3
    store.close()
    assert (18, "kept", "4") in circle.live(range(16, 24))


def test_the_canary_gets_its_share_while_it_is_tried(circle, lives):
    circle.world.truth = changing(lives, on=8)
    circle.live(range(13))
    assert circle.serving.traffic == {lives.MODEL: {"1": 80.0, "4": 20.0}}
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "1"}


def test_a_canary_that_does_worse_is_rolled_back(circle, lives):
    circle.world.truth = changing(lives, on=8, back=13)
    happened = circle.live(range(15))
    assert happened[-1] == (14, "rolled_back", "4")
    assert circle.serving.traffic == {lives.MODEL: {"1": 100.0}}
    assert set(circle.serving.loaded) == {(lives.MODEL, "1")}
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "1"}
    assert circle.registry.tags[lives.MODEL, "4"]["dovetail.canary"] == "fail"


def test_a_canary_without_outcomes_goes_on(circle, lives):
    circle.world.truth = changing(lives, on=8)
    circle.live(range(13))
    examples = circle.recipe.examples
    circle.recipe.examples = lambda start, end: examples(start, start)
    assert circle.live(range(13, 20)) == []
    circle.recipe.examples = examples
    assert [kind for _, kind, _ in circle.live(range(20, 21))] == ["canary", "promoted"]


def test_a_champion_that_turns_out_worse_gives_way_to_the_one_before(circle, lives):
    circle.world.truth = changing(lives, on=8, back=15)
    circle.live(range(15))
    circle.serving.loaded.pop((lives.MODEL, "1"))  # as if someone had unloaded it
    happened = circle.live(range(15, 19))
    assert (18, "rolled_back", "4") in happened
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "1"}
    assert circle.serving.traffic == {lives.MODEL: {"1": 100.0}}
    assert set(circle.serving.loaded) == {(lives.MODEL, "1")}
    store = circle.store()
    assert store.get("champion") == "1"
    assert store.get("trained_until") == "2023-12-30"
    store.close()


def test_a_day_of_judgement_that_was_missed_is_made_up_for_once(circle, lives):
    circle.world.truth = changing(lives, on=8, back=15)
    circle.live(range(15))
    happened = circle.live(range(20, 30))
    assert happened[0] == (20, "rolled_back", "4")
    assert sum(kind == "rolled_back" for _, kind, _ in happened) == 1


def test_no_probation_where_it_is_off(circle, lives):
    circle.settings = msgspec.structs.replace(lives.SETTINGS, probation=0)
    circle.world.truth = changing(lives, on=8)
    assert not {"kept", "rolled_back"} & {kind for _, kind, _ in circle.live(range(24))}


def test_a_return_that_the_registry_refuses_moves_traffic_and_is_tried_again(circle, lives):
    circle.world.truth = changing(lives, on=8, back=15)
    circle.world.gate = lambda day: "the registry is frozen" if 17 < day < 21 else None
    happened = circle.live(range(20))
    assert happened[-1] == (18, "refused", "1")
    assert circle.serving.traffic == {lives.MODEL: {"1": 100.0}}
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "4"}
    assert circle.live(range(20, 22))[0] == (21, "rolled_back", "4")
    assert circle.registry.aliases == {(lives.MODEL, "champion"): "1"}


def test_a_refused_promotion_is_told_once_and_tried_each_day(circle, lives):
    circle.world.truth = changing(lives, on=8)
    circle.world.gate = lambda day: "an approval is missing" if 0 < day < 17 else None
    happened = circle.live(range(20))
    assert [e for e in happened if e[1] in ("refused", "promoted")][1:] == [
        (14, "refused", "4"),
        (17, "promoted", "4"),
    ]
    assert circle.registry.moves[-1] == (lives.MODEL, "champion", "4")


def test_without_a_canary_a_better_version_is_promoted_at_once(circle, lives):
    circle.settings = msgspec.structs.replace(lives.SETTINGS, canary_days=0)
    circle.world.truth = changing(lives, on=8)
    happened = circle.live(range(13))
    assert [kind for day, kind, _ in happened if day == 12] == [
        "training", "trained", "compared", "promoted",
    ]  # fmt: skip


def test_a_day_is_done_once(circle, lives):
    circle.live(range(3))
    assert circle.live(range(3)) == []
    store = circle.store()
    with circle.joints() as joints:
        assert circle.loop(joints, store).tick(lives.FIRST - timedelta(days=9)) == []
    store.close()


def test_a_champion_that_is_there_already_is_adopted(circle, lives):
    version = circle.recipe.train(lives.FIRST - timedelta(days=20), "by hand")
    circle.registry.tags[lives.MODEL, version]["dovetail.trained_until"] = "2023-12-12"
    circle.registry.aliases[lives.MODEL, "champion"] = version
    assert circle.live(range(3)) == [(0, "adopted", version)]
    assert circle.serving.traffic == {lives.MODEL: {version: 100.0}}
    assert circle.registry.moves == []
    store = circle.store()
    assert store.get("trained_until") == "2023-12-12"
    store.close()


@pytest.mark.parametrize(
    ("created", "until"),
    [(1703980800000, "2023-12-31"), (1704412800000, "2024-01-02")],
    ids=["before", "some days later"],
)
def test_an_adopted_version_without_a_tag_counts_from_its_registration(
    circle, lives, created, until
):
    circle.recipe.train(lives.FIRST, "by hand")
    circle.registry.versions[lives.MODEL, "1"]["creation_timestamp"] = created
    circle.registry.aliases[lives.MODEL, "champion"] = "1"
    circle.live(range(1))
    store = circle.store()
    assert store.get("trained_until") == until
    store.close()


@pytest.mark.parametrize("tag", ["2024-01-03", None], ids=["trained later", "registered later"])
def test_a_champion_of_later_days_is_not_adopted(circle, lives, tag):
    circle.recipe.train(lives.FIRST, "by hand")
    circle.registry.aliases[lives.MODEL, "champion"] = "1"
    circle.registry.versions[lives.MODEL, "1"]["creation_timestamp"] = 1893456000000
    if tag:
        circle.registry.tags[lives.MODEL, "1"]["dovetail.trained_until"] = tag
    assert circle.live(range(1))[-1] == (0, "promoted", "2")


def test_the_first_training_waits_for_labelled_rows(circle):
    examples = circle.recipe.examples
    circle.recipe.examples = lambda start, end: examples(start, start)
    assert circle.live(range(3)) == []
    assert circle.recipe.keys == {}
    circle.recipe.examples = examples
    assert circle.live(range(3, 4))[-1] == (3, "promoted", "1")


@pytest.mark.parametrize("until", [13, 15, 17], ids=["canary", "promoted", "refused"])
def test_what_an_inference_server_forgot_is_loaded_again(circle, lives, until):
    circle.world.truth = changing(lives, on=8)
    circle.world.gate = lambda day: "wait" if until == 17 and day else None
    circle.settings = msgspec.structs.replace(lives.SETTINGS, pinned=("2", "9"))
    circle.live(range(until))
    loaded, traffic = set(circle.serving.loaded), dict(circle.serving.traffic)
    assert {version for _, version in loaded} == {"1", "2", "4"}
    circle.serving.forget()
    circle.live(range(0))
    assert set(circle.serving.loaded) == loaded
    assert circle.serving.traffic == traffic


def test_a_kept_version_that_is_gone_from_the_registry_does_not_stop_the_loop(circle, lives):
    circle.world.truth = changing(lives, on=8)
    circle.live(range(15))
    circle.serving.forget()
    del circle.registry.files[f"{lives.MODEL}/1/model.lgb"]
    circle.live(range(0))
    assert set(circle.serving.loaded) == {(lives.MODEL, "4")}


def test_the_version_before_the_last_is_unloaded_unless_pinned(circle, lives):
    def truth(day: int):
        return lives.SUNNY if day < 8 else lives.RAINY if day < 24 else lives.SUNNY

    circle.world.truth = truth
    happened = circle.live(range(34))
    promoted = [version for _, kind, version in happened if kind == "promoted"]
    assert len(promoted) == 3
    assert {version for _, version in circle.serving.loaded} == set(promoted[-2:])
