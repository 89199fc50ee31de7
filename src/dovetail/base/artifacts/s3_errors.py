"""What S3's errors mean to the person who set the store up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from dovetail.base.errors import (
    ConflictError,
    DovetailError,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
)

__all__ = ["asking"]

_NO_ACCESS = {
    "403",
    "AccessDenied",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
}
_ABSENT = {"404", "NoSuchKey", "NoSuchUpload", "NotFound"}
_BAD = {
    "EntityTooLarge",
    "EntityTooSmall",
    "InvalidArgument",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidRange",
    "KeyTooLongError",
    "MalformedXML",
}


class Asked(Protocol):
    """The store of which something is asked."""

    bucket: str
    client: Any


@contextmanager
def asking(store: Asked) -> Iterator[None]:
    """Turn errors of boto3 into ours.

    Raises:
        UnavailableError: bucket, credentials or endpoint are wrong, or do not answer.
        NotFoundError: there is no such object or upload.
        InvalidInputError: S3 refuses what was given.
        ConflictError: the object is another by now.
    """
    from botocore import exceptions as theirs

    try:
        yield
    except theirs.ClientError as error:
        raise _meaning(store, error.response.get("Error", {})) from error
    except (theirs.NoCredentialsError, theirs.PartialCredentialsError) as error:
        raise UnavailableError(
            f"S3 bucket {store.bucket!r} cannot be used",
            why=str(error),
            fix="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        ) from error
    except theirs.ParamValidationError as error:
        raise InvalidInputError("S3 cannot be asked for this", why=str(error)) from error
    except (theirs.BotoCoreError, theirs.HTTPClientError) as error:
        raise UnavailableError(
            f"S3 at {store.client.meta.endpoint_url} does not answer",
            why=str(error),
            fix="check AWS_ENDPOINT_URL_S3 and the network",
        ) from error


def _meaning(store: Asked, error: dict[str, str]) -> DovetailError:
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    where = f"S3 bucket {store.bucket!r} at {store.client.meta.endpoint_url}"
    if code == "NoSuchBucket":
        return UnavailableError(f"{where} does not exist", fix="make it, or name another")
    if code in _NO_ACCESS:
        return UnavailableError(
            f"{where} refuses us",
            why=message or code,
            fix="check the credentials and what they may do",
        )
    if code in _ABSENT:
        return NotFoundError(message or "S3 has no such object")
    if code in ("PreconditionFailed", "412"):
        return ConflictError("the object is another by now")
    if code in _BAD or code == "416":
        return InvalidInputError("S3 refuses what was given", why=f"{code}: {message}")
    return UnavailableError(f"{where} failed", why=f"{code}: {message}")
