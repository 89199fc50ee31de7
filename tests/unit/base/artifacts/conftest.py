"""The same store three times: in a folder, in memory, and in a bucket of a real S3 server."""

import pytest

from dovetail.base.artifacts import LocalStore, MemoryStore, open_store


@pytest.fixture(params=["local", "memory", "s3"])
def store(request, tmp_path):
    if request.param == "s3":
        return open_store(request.getfixturevalue("s3_url"))
    return LocalStore(tmp_path / "blobs") if request.param == "local" else MemoryStore()
