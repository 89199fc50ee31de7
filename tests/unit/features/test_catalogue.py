"""The catalogue: features found by words, judged by statistics, compared with each other."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from dovetail.base.clock import ManualClock
from dovetail.features import catalog
from dovetail.features.applied import Ledger
from dovetail.features.catalogue import (
    ProfileFile,
    Profiles,
    entries,
    profiled,
    same_definitions,
    search,
)
from dovetail.features.catalogue.lineage import lineage
from dovetail.features.catalogue.models import ModelUse
from dovetail.features.cli import commands
from dovetail.features.errors import RowsError
from dovetail.features.piece import piece
from dovetail.features.settings import FeatureSettings
from dovetail.web.testing import RunningApp, run_piece

NOON = datetime(2013, 4, 1, 12, tzinfo=UTC)
SHOP = """
from dovetail.features import (
    Count, Entity, FeatureService, LatestView, Mean, OnDemandView, ParquetSource, WindowView,
)

shopper = Entity("shopper", description="who buys", tags={"domain": "retail"})
orders = ParquetSource(
    "orders", path="orders.parquet", event_time="at", id="order", owner="sales@example.com"
)
basket = WindowView(
    "basket", entities=[shopper], source=orders, tile="1h", windows=["24h", "7d"],
    aggregations=[Count(), Mean("price")], description="What was bought of late",
    tags={"team": "growth"},
)
copy = WindowView(
    "copy", entities=[shopper], source=orders, tile="1h", windows=["1d"],
    aggregations=[Mean("price", name="spend")], owner="ops@example.com",
)
last = LatestView("last", entities=[shopper], source=orders, features=["price", "euros", "shop"])
later = LatestView(
    "later", entities=[shopper], source=orders, features=["amount"],
    derive={"amount": "price"}, ttl="3h",
)
double = OnDemandView("double", inputs=[last[["price"]]], features={"twice": "price * 2"})
offers = FeatureService("offers", [basket, last, double], description="what to offer")
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "features.py"
    path.write_text(SHOP)
    count = 200
    price = np.random.default_rng(3).gamma(2.0, 10.0, count).round(2)
    pl.DataFrame(
        {
            "order": range(count),
            "shopper": [f"s{i % 50}" for i in range(count)],
            "at": [NOON - timedelta(hours=count - i) for i in range(count)],
            "price": price,
            "euros": price * 0.9,
            "shop": ["north" if i % 3 else "south" for i in range(count)],
        }
    ).write_parquet(tmp_path / "orders.parquet")
    pl.DataFrame(
        {"shopper": [f"s{i % 60}" for i in range(120)], "asked_at": [NOON] * 120}
    ).write_parquet(tmp_path / "questions.parquet")
    return path


def run(*words: str) -> str:
    done = CliRunner().invoke(commands, words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def profile(shop: Path) -> dict[str, Any]:
    asked = str(shop.with_name("questions.parquet"))
    return dict(json.loads(run("profile", str(shop), asked, "--service", "offers", "--json")))


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("mean 24h", "basket:price_mean_24h"),
        ("SPEND", "copy:spend_1d"),
        ("growth", "basket:count_24h"),
        ("team=growth 7d count", "basket:count_7d"),
        ("ops@example.com", "copy:spend_1d"),
        ("retail shop", "last:shop"),
        ("twice", "double:twice"),
        ("bought late", "basket:count_24h"),
    ],
)
def test_words_find_features_in_all_that_is_said_of_them(
    shop: Path, words: str, first: str
) -> None:
    found = search(entries(catalog.load(shop)), words)
    assert found[0].reference == first


def test_every_word_must_occur(shop: Path) -> None:
    every = entries(catalog.load(shop))
    assert search(every, "price nowhere") == []
    assert search(every, "") == list(every)


def test_a_feature_tells_what_it_means_and_who_answers_for_it(shop: Path) -> None:
    told = {e.reference: e for e in entries(catalog.load(shop))}
    basket, later, double = told["basket:price_mean_7d"], told["later:amount"], told["double:twice"]
    assert basket.meaning.text == "Mean(price) over 7d of orders by shopper"
    assert (basket.owner, basket.description) == ("sales@example.com", "What was bought of late")
    assert dict(basket.tags) == {"domain": "retail", "team": "growth"}
    assert later.meaning.text == "last amount = price of orders by shopper, at most 3h old"
    assert (double.meaning.text, double.source) == ("price * 2 when asked", "last")
    assert (basket.services, later.services) == (("offers",), ())


def test_what_is_computed_when_asked_uses_its_inputs(tmp_path: Path) -> None:
    path = tmp_path / "features.py"
    path.write_text(SHOP.replace("[basket, last, double]", "[double]"))
    told = {e.reference: e.services for e in entries(catalog.load(path)) if e.services}
    assert told == {"last:price": ("offers",), "double:twice": ("offers",)}


def test_definitions_that_are_the_same_but_for_their_names_are_found(shop: Path) -> None:
    assert same_definitions(catalog.load(shop)) == (("basket:price_mean_24h", "copy:spend_1d"),)


def test_statistics_are_those_of_the_training_set(shop: Path) -> None:
    found = {p["feature"]: p for p in profile(shop)["features"]}
    price, where = found["last:price"], found["last:shop"]
    held = pl.read_parquet(shop.with_name("orders.parquet")).tail(50)["price"].to_list()
    values = np.array(held * 2)  # each of the 50 shoppers that exist is asked twice
    assert (price["rows"], price["nulls"], price["distinct"]) == (120, 20, len(set(held)))
    assert price["mean"] == pytest.approx(values.mean())
    assert price["sd"] == pytest.approx(values.std(ddof=1))
    assert (price["least"], price["greatest"]) == (values.min(), values.max())
    assert price["quantiles"] == pytest.approx(
        np.quantile(values, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]).tolist()
    )
    assert sum(price["bins"]) == 100
    assert [level["value"] for level in where["top"]] == ["north", "south"]
    assert sum(level["rows"] for level in where["top"]) == 100


def test_near_duplicates_are_correlated_columns(shop: Path) -> None:
    pairs = {(t["one"], t["other"]): t for t in profile(shop)["twins"]}
    near = pairs["last:price", "last:euros"]
    assert near["pearson"] == pytest.approx(1.0)
    assert near["rows"] == 100
    assert ("basket:count_24h", "last:price") not in pairs


def frame_of(**columns: Any) -> Profiles:
    frame = pl.DataFrame(columns)
    return profiled(frame, {f"v:{name}": name for name in frame.columns}, NOON)


def test_correlations_agree_with_numpy_over_the_rows_in_common() -> None:
    dice = np.random.default_rng(1)
    a = dice.normal(size=500)
    b = a + dice.normal(size=500) * 0.1
    gaps = np.where(dice.random(500) < 0.3, np.nan, b)
    (pair,) = frame_of(a=a, b=gaps).twins
    both = ~np.isnan(gaps)
    assert pair.rows == both.sum()
    assert pair.pearson == pytest.approx(np.corrcoef(a[both], b[both])[0, 1], abs=1e-6)


def test_ranks_find_what_rises_but_not_in_a_line() -> None:
    x = np.arange(100.0)
    (pair,) = frame_of(x=x, y=np.exp(x), z=np.resize([0.0, 1.0], 100)).twins
    assert pair.spearman == 1.0
    assert abs(pair.pearson or 0) < 0.95
    assert pair.said == "1.000 correlated by rank"


def test_a_column_that_falls_as_another_rises_is_alike() -> None:
    x = np.arange(50.0)
    (pair,) = frame_of(x=x, y=-x).twins
    assert (pair.pearson, pair.is_equal, pair.said) == (-1.0, False, "-1.000 correlated")


def test_equal_columns_are_said_to_be_equal_text_and_numbers_alike() -> None:
    text = ["a", None, "b"] * 20
    found = frame_of(
        one=text, two=list(text), whole=range(60), real=[float(i) for i in range(60)],
        constant=[1] * 60, constant_too=[1] * 60,
    )  # fmt: skip
    pairs = {(t.one, t.other): (t.is_equal, t.said) for t in found.twins}
    said = (True, "equal in every row")
    assert pairs == {("v:one", "v:two"): said, ("v:whole", "v:real"): said}


@pytest.mark.parametrize(
    "values",
    [
        [None] * 40,
        [float("nan"), float("inf"), 1.0] * 20,
        [1e308, -1e308, 0.0] * 20,
        [5] * 40,
        [True, False] * 20,
        [[1, 2], [3]] * 20,
        [NOON, None] * 20,
        [b"\xff\x00", b"x"] * 20,
    ],
    ids=["null", "not finite", "huge", "constant", "boolean", "list", "time", "bytes"],
)
def test_any_column_has_statistics_that_can_be_written(values: list[Any], tmp_path: Path) -> None:
    found = frame_of(x=values, y=list(range(len(values))))
    file = ProfileFile(tmp_path / "p.json")
    assert file.write(found) == found
    assert ProfileFile(tmp_path / "p.json").read() == found


def test_newer_statistics_replace_those_of_the_same_features_only(tmp_path: Path) -> None:
    file = ProfileFile(tmp_path / "p.json")
    first = frame_of(a=range(50), b=range(50))
    file.write(first)
    held = file.write(frame_of(b=[0, 1] * 25, c=[1, 0] * 25))
    assert [p.feature for p in held.features] == ["v:a", "v:b", "v:c"]
    assert [(t.one, t.other) for t in held.twins] == [("v:a", "v:b"), ("v:b", "v:c")]
    assert [t.other for t in held.twins_of("v:b")] == ["v:a", "v:c"]
    assert list(tmp_path.iterdir()) == [tmp_path / "p.json"]


def test_a_file_of_something_else_is_refused_and_left_alone(shop: Path) -> None:
    other = shop.with_name("other.json")
    other.write_text('{"features": 3}')
    words = ["profile", str(shop), str(shop.with_name("questions.parquet")), "--service", "offers"]
    done = CliRunner().invoke(commands, [*words, "--out", str(other)])
    assert isinstance(done.exception, RowsError)
    assert "does not hold statistics" in str(done.exception)
    assert other.read_text() == '{"features": 3}'


def test_search_and_twins_print_what_a_person_needs(shop: Path) -> None:
    profile(shop)
    (found,) = json.loads(run("search", "price", "7d", str(shop), "--json"))
    assert found["feature"] == "basket:price_mean_7d"
    assert found["profile"]["rows"] == 120
    assert run("search", "last", "nothing", str(shop)) == ""
    assert run("search", "last", "euros", str(shop)).splitlines() == [
        "last:euros",
        "    last euros of orders by shopper",
        "    owner sales@example.com; in offers",
        "    16.7% null, 50 distinct, of 120 rows",
        "    like last:price: 1.000 correlated",
    ]
    assert "defined alike" in run("twins", str(shop))


@pytest.fixture
def server(shop: Path, tmp_path: Path) -> Any:
    settings = FeatureSettings(definitions=str(shop))
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOON)) as running:
        yield running


def seen(server: RunningApp, path: str) -> str:
    answer = httpx.get(server.url + path)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_page_lists_all_that_say_the_same(server: RunningApp, shop: Path) -> None:
    before = json.loads(seen(server, "/features/twins.json"))["pairs"]
    assert {pair["how"] for pair in before} == {"defined alike"}
    profile(shop)  # while the server runs
    pairs = json.loads(seen(server, "/features/twins.json"))["pairs"]
    assert len({frozenset((pair["one"], pair["other"])) for pair in pairs}) == len(pairs)
    told = {frozenset((pair["one"], pair["other"])): pair["how"] for pair in pairs}
    assert told[frozenset(("last:euros", "last:price"))] == "1.000 correlated"
    assert all(frozenset((pair["one"], pair["other"])) in told for pair in before)
    assert 'href="/features/views/last/euros"' in seen(server, "/features/twins")
    assert 'href="/features/twins"' in seen(server, "/features")


def test_the_page_finds_features_without_script(server: RunningApp, shop: Path) -> None:
    assert '<input type="search" name="q"' in seen(server, "/features")
    profile(shop)  # while the server runs
    page = seen(server, "/features?q=price+7d")
    assert "Mean(price) over 7d of orders by shopper" in page
    assert 'class="histogram"' in page
    twin = json.loads(seen(server, "/features.json?q=price+7d"))
    assert [line["reference"] for line in twin["found"]] == ["basket:price_mean_7d"]
    line = json.loads(seen(server, "/features.json"))["views"][-1]
    assert (line["name"], line["kind"], line["source"]) == ("double", "on demand", "last")
    assert "price * 2 when asked" in seen(server, line["href"])
    assert "No feature has all of these words" in seen(server, "/features?q=<b>nothing</b>")


def test_pages_of_views_and_features_show_statistics_and_likeness(
    server: RunningApp, shop: Path
) -> None:
    assert "No statistics of this feature" in seen(server, "/features/views/last/price")
    profile(shop)
    page = seen(server, "/features/views/last/price")
    assert "last:euros" in page
    assert 'class="histogram"' in page
    assert "north" in seen(server, "/features/views/last/shop")
    assert "price * 2 when asked" in seen(server, "/features/views/double/twice")
    view = json.loads(seen(server, "/features/views/basket.json"))
    assert view["owner"] == "sales@example.com"
    assert view["features"][1]["told"]["profile"]["rows"] == 120
    assert httpx.get(server.url + "/features/views/last/nothing").status_code == 404


def test_a_file_that_cannot_be_read_is_said_on_the_page(server: RunningApp, shop: Path) -> None:
    shop.with_name("features.profile.json").write_text("nonsense")
    assert "does not hold statistics" in seen(server, "/features/views/last/price")


def ask(server: RunningApp, times: int, **question: Any) -> None:
    body = {"entities": {"shopper": ["s1"]}, **question}
    for _ in range(times):
        answer = httpx.post(server.url + "/get-online-features", json=body)
        assert answer.status_code == 200, answer.text


def test_lineage_goes_from_the_table_to_the_models(shop: Path) -> None:
    found = catalog.load(shop)
    price = [e for e in entries(found) if e.reference == "last:price"]
    nodes, edges = lineage(found, price, {"offers": [ModelUse("uplift", ("7", "6"))]})
    names = {node.id: node.label for node in nodes}
    assert {(names[e.source], names[e.target]) for e in edges} == {
        ("orders.parquet", "orders"),
        ("orders", "last"),
        ("last", "double"),
        ("last", "offers"),
        ("double", "offers"),
        ("offers", "uplift"),
    }
    assert next(n.note for n in nodes if n.label == "uplift") == "versions 7, 6"


def test_pages_draw_lineage(server: RunningApp) -> None:
    for path in ("/features/views/last", "/features/views/last/price"):
        assert "lineage of" in seen(server, path)
        assert "orders.parquet" in seen(server, path)


def test_lookups_are_counted_and_survive_a_restart(shop: Path, tmp_path: Path) -> None:
    settings = FeatureSettings(definitions=str(shop))
    clock = ManualClock(NOON)
    state = tmp_path / "s"
    with run_piece(piece, settings, state=state, clock=clock) as server:
        ask(server, 3, feature_service="offers")
        ask(server, 2, features=["copy:spend_1d", "last:price"])
        body = {"entities": {"shopper": ["s1"]}, "feature_service": "nobody"}
        assert httpx.post(server.url + "/get-online-features", json=body).status_code == 404
    clock.advance(timedelta(days=40))
    with run_piece(piece, settings, state=state, clock=clock) as server:
        (line,) = json.loads(seen(server, "/features.json"))["services"]
        assert (line["asked"], line["last_asked"]) == (3, "2013-04-01T12:00:00Z")
        page = json.loads(seen(server, "/features/views/last/price.json"))
        assert page["asked"] == 5
        ask(server, 1, features=["copy:spend_1d"])
        unused = json.loads(seen(server, "/features/unused.json"))
        told = {line["feature"]: line["why"] for line in unused["unused"]}
        assert told["basket:count_7d"] == "nobody asked offers for 30d"
        assert told["later:amount"] == "in no service"
        assert "copy:spend_1d" not in told
        assert json.loads(run("unused", "--url", server.url, "--json"))[0]["why"]
        longer = json.loads(seen(server, "/features/unused.json?days=60"))
        assert longer["is_short"]
        assert [line["feature"] for line in longer["unused"]] == ["later:amount"]
        assert "Not asked for" in seen(server, "/features/unused")


@pytest.mark.parametrize("days", ["0", "-1", "many", "\u0664", "9" * 5000])
def test_a_number_of_days_that_is_none_is_refused(server: RunningApp, days: str) -> None:
    answer = httpx.get(server.url + "/features/unused.json", params={"days": days})
    assert answer.status_code in (400, 422)
    assert "number of days" in answer.text


def test_unused_features_are_known_from_the_definitions_alone(shop: Path) -> None:
    found = {line["feature"] for line in json.loads(run("unused", str(shop), "--json"))}
    assert found == {"copy:spend_1d", "later:amount"}
    done = CliRunner().invoke(commands, ["unused", "--url", "http://127.0.0.1:9"])
    assert "No feature server answers at http://127.0.0.1:9" in str(done.exception)
    assert CliRunner().invoke(commands, ["unused"]).exit_code == 2


def test_many_kinds_of_questions_lose_no_count(server: RunningApp) -> None:
    names = ["count_24h", "count_7d", "price_mean_24h", "price_mean_7d"]
    with httpx.Client(base_url=server.url) as client:
        for n in range(300):  # more kinds than plans are kept
            chosen = [f"basket:{names[(n >> i) % 4]}" for i in (0, 2, 4, 6)]
            body = {
                "entities": {"shopper": ["s1"]},
                "features": [*dict.fromkeys(chosen), "last:shop"],
                "full_feature_names": n >= 256,
            }
            assert client.post("/get-online-features", json=body).status_code == 200
    assert json.loads(seen(server, "/features/views/last/shop.json"))["asked"] == 300


def test_versions_of_a_service_and_models_that_were_recorded_count_for_it(
    shop: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'applied.db'}"
    with Ledger(url, ManualClock(NOON)) as ledger:
        ledger.apply(catalog.load(shop), by="ann")
        ledger.use("offers", model="uplift", model_version="4")
        ledger.use("offers@1", model="uplift", model_version="12")
    settings = FeatureSettings(definitions=str(shop), applied=url)
    with run_piece(piece, settings, state=tmp_path / "s", clock=ManualClock(NOON)) as server:
        ask(server, 1, feature_service="offers")
        ask(server, 2, feature_service="offers@1")
        (line,) = json.loads(seen(server, "/features.json"))["services"]
        assert (line["asked"], line["models"]) == (3, "uplift")
        nodes = json.loads(seen(server, "/features/views/last.json"))["lineage"]["nodes"]
        assert nodes[-1]["note"] == "versions 12, 4"
