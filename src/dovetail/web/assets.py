"""Static files: found in web's folder or a piece's, hashed, compressed once and cached for good.

Pages name a file through `url("web/dovetail.css")`, which carries the hash of the content, so a
browser may keep it for ever and still sees a new one at once. The style sheets and the small
scripts of the page kit live one element a file and are served joined, because a page may make
eight requests at most. A piece's files lie in `dovetail/<piece>/ui/static` and are read without
importing the piece; a script comes with the modules that it imports.
"""

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from dovetail.web import folders, scripts

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}
COMPRESSED = {".css", ".js", ".json", ".svg"}
COMMENTS = re.compile(r"/\*.*?\*/[ \n]?|^[ \t]*//[^\n]*\n", re.DOTALL | re.MULTILINE)
FOREVER = "public, max-age=31536000, immutable"
SCRIPTS = ("shell.js", "refresh.js", "relative-time.js", "copy-button.js")
FIRST_STYLES = ("tokens.css", "base.css", "shell.css")


@dataclass(frozen=True)
class Asset:
    """One static file as it goes over the wire."""

    body: bytes
    zipped: bytes | None
    digest: str
    media_type: str


class NoSuchAsset(LookupError):
    """No static file has this name; the request gets a plain 404."""


_cache: dict[str, tuple[tuple[int, ...], Asset]] = {}


def url(name: str) -> str:
    """The address of a static file, with the hash of its content.

    Args:
        name: Folder and file, such as `web/dovetail.css` or `serving/traffic.js`.
    """
    return f"/static/{name}?v={asset(name).digest}"


def asset(name: str) -> Asset:
    """Read a static file, or take it from memory where the files on disk have not changed.

    Raises:
        NoSuchAsset: The name leaves its folder, has an unknown suffix or no file.
    """
    paths = _parts(name)
    stamp = tuple(path.stat().st_mtime_ns for path in paths)
    held = _cache.get(name)
    if held is None or held[0] != stamp:
        held = (stamp, _load(name, paths))
        _cache[name] = held
    return held[1]


def routes() -> list[BaseRoute]:
    """The route that serves every static file of web and of all pieces."""
    return [Route("/static/{name:path}", _serve, name="static")]


def _parts(name: str) -> list[Path]:
    """The files that make one static file: itself, or those which a bundle joins."""
    static = folders.static("web")
    if name == "web/dovetail.css":
        rest = sorted({p.name for p in static.glob("*.css")} - set(FIRST_STYLES))
        vendored = folders.static("vendor") / "uPlot.min.css"
        return [vendored, *(static / part for part in (*FIRST_STYLES, *rest))]
    if name == "web/dovetail.js":
        return [static / part for part in SCRIPTS]
    owner, _, inner = name.partition("/")
    pure = PurePosixPath(inner)
    if pure.suffix not in MEDIA_TYPES or ".." in pure.parts or pure.is_absolute():
        raise NoSuchAsset(name)
    try:
        root = folders.static(owner).resolve()
        path = (root / pure).resolve()
    except (ValueError, OSError) as error:
        raise NoSuchAsset(name) from error
    if not path.is_relative_to(root) or not path.is_file():
        raise NoSuchAsset(name)
    return scripts.order(path) if pure.suffix == ".js" and owner != "vendor" else [path]


def _load(name: str, paths: list[Path]) -> Asset:
    suffix = PurePosixPath(name).suffix
    if suffix in (".js", ".css") and not name.startswith("vendor/"):
        body = _join(paths, suffix, blocks=name.startswith("web/"))
    else:
        body = paths[0].read_bytes()
    zipped = gzip.compress(body, 9, mtime=0) if suffix in COMPRESSED else None
    digest = hashlib.sha256(body).hexdigest()[:16]
    return Asset(body, zipped, digest, MEDIA_TYPES[suffix])


def _join(paths: list[Path], suffix: str, *, blocks: bool) -> bytes:
    """Our own scripts or styles as one file, without the comments, which are a quarter of it.

    The kit's scripts import nothing: each keeps its names to itself in a block of its own. A
    piece's script shares one scope with the modules that it imports.
    """
    texts = [COMMENTS.sub("", path.read_text(encoding="utf-8")) for path in paths]
    if suffix == ".js" and len(texts) > 1:
        if not blocks:
            return scripts.join(texts).encode()
        texts = [f"{{\n{text}}}" for text in texts]
    return "\n".join(texts).encode()


def _serve(request: Request) -> Response:
    """Return a static file, compressed; a hashed name is cached for good."""
    try:
        found = asset(request.path_params["name"])
    except (NoSuchAsset, FileNotFoundError):
        return Response("no such file\n", 404, media_type="text/plain")
    zipped = found.zipped is not None and "gzip" in request.headers.get("accept-encoding", "")
    etag = f'"{found.digest}-gz"' if zipped else f'"{found.digest}"'
    headers = {
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": FOREVER if request.query_params.get("v") == found.digest else "no-cache",
    }
    if _matches(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    body = found.zipped if zipped else found.body
    return Response(body, headers=headers, media_type=found.media_type)


def _matches(condition: str, etag: str) -> bool:
    """Whether `If-None-Match` holds this tag, by the weak comparison of RFC 9110."""
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return "*" in tags or etag in tags
