"""Our Feast messages against the models of Feast's own feature server."""

import msgspec
import pytest

from dovetail.wire import feast as wire

pytestmark = pytest.mark.compat

pytest.importorskip("feast", reason="the incumbent is not installed")


@pytest.fixture(scope="module")
def server():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from feast import feature_server
    return feature_server


PAIRS = {
    "GetOnlineFeaturesRequest": wire.GetOnlineFeatures(
        entities={"k": ["N1"]}, features=("o:f1",), full_feature_names=True
    ),
    "PushFeaturesRequest": wire.Push(push_source_name="p", df={"k": [1]}, to="offline"),
    "WriteToFeatureStoreRequest": wire.WriteToOnlineStore(feature_view_name="v", df={"k": [1]}),
    "MaterializeRequest": wire.Materialize(start_ts="2013-01-01", feature_views=("v",)),
    "MaterializeIncrementalRequest": wire.MaterializeIncremental(end_ts="2013-01-01"),
}
OURS = {"as_of"}  # our extension


@pytest.mark.parametrize(("name", "message"), PAIRS.items(), ids=list(PAIRS))
def test_feast_reads_what_we_write_and_we_what_feast_writes(server, name, message):
    model = getattr(server, name)
    names = {field.encode_name for field in msgspec.structs.fields(message)} - OURS
    assert names == set(model.model_fields)
    theirs = model.model_validate_json(msgspec.json.encode(message))
    assert wire.decode(theirs.model_dump_json().encode(), type(message)) == message
