"""Where the pages of other pieces are, as far as the joints say."""

from collections.abc import Callable
from urllib.parse import quote

__all__ = ["VersionLink", "version_link"]

VersionLink = Callable[[str, str], str]
"""Takes a model and a version, gives the address of the version's page, "" where there is none."""


def version_link(tracking: str) -> VersionLink:
    """The pages of model versions in the registry.

    Args:
        tracking: What the joint of that name is: `embedded`, `off` or the URL of an MLflow server.

    Example:
        >>> version_link("http://mlflow:5000/")("fl/ights", "3")
        'http://mlflow:5000/#/models/fl%2Fights/versions/3'
    """
    if not tracking or tracking == "off":
        return lambda model, version: ""
    base = "/tracking" if tracking == "embedded" else f"{tracking.rstrip('/')}/#"

    def link(model: str, version: str) -> str:
        if not model or not version:
            return ""
        return f"{base}/models/{quote(model, safe='')}/versions/{quote(version, safe='')}"

    return link
