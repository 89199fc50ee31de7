import pytest
import sqlalchemy as sa

from dovetail.base.chain import Chain, chain_table
from dovetail.base.errors import IntegrityError
from dovetail.base.sql import Database

metadata = sa.MetaData()
table = chain_table("record", metadata)


@pytest.fixture
def database(database_url):
    opened = Database(database_url, metadata, name="chain")
    yield opened
    opened.close()


@pytest.fixture
def chain(database):
    made = Chain(database, table)
    for number in range(3):
        made.append(actor="ann", kind="alias.set", subject=f"m{number % 2}", body={"n": number})
    return made


def test_entries_come_newest_first_and_by_subject(chain):
    assert [e.body["n"] for e in chain.entries()] == [2, 1, 0]
    assert [e.number for e in chain.entries(subject="m0")] == [3, 1]
    assert [e.number for e in chain.entries(before=2)] == [1]
    assert chain.verify() == 3


@pytest.mark.parametrize(
    "tamper",
    [
        sa.update(table).where(table.c.number == 2).values(body='{"n":9}'),
        sa.delete(table).where(table.c.number == 2),
        sa.update(table).where(table.c.number == 2).values(actor="bob"),
    ],
    ids=["changed body", "removed", "changed actor"],
)
def test_tampering_is_found(chain, database, tamper):
    database.write(lambda c: c.execute(tamper))
    with pytest.raises(IntegrityError, match=r"entry 2 of record is not what was recorded"):
        chain.verify()
