from starlette.requests import Request

from dovetail.web.sorting import Sort


def asked(query: str) -> "Sort":
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    return Sort.of(request, allowed={"auc", "name"}, default="-auc")


def test_a_wish_outside_the_columns_gives_the_default() -> None:
    assert asked("sort=password") == asked("")
    assert asked("") == Sort(by="auc", descending=True)


def test_a_link_turns_the_column_in_use_and_keeps_the_rest_of_the_address() -> None:
    sort = asked("q=a%26b&sort=auc")
    assert sort.href("auc") == "?q=a%26b&sort=-auc"
    assert sort.href("name") == "?q=a%26b&sort=name"
    assert (sort.state("auc"), sort.state("name")) == ("ascending", "none")


def test_rows_without_a_value_come_last_in_either_direction() -> None:
    rows: list[float | None] = [0.6, None, 0.8]
    assert asked("sort=auc").apply(rows, key=lambda row: row) == [0.6, 0.8, None]
    assert asked("sort=-auc").apply(rows, key=lambda row: row) == [0.8, 0.6, None]
