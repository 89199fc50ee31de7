"""The policy of pages that show items: pictures and sound from where the tasks say.

The kit's policy lets a page load pictures from this server only. Tasks name pictures at other
addresses, as they do in Label Studio, so these pages may load pictures and sound from anywhere;
scripts and styles still come from here alone, and the elements that show pictures do not tell the
other address where they were asked from.
"""

from dovetail.web.pages import POLICY

__all__ = ["ITEM_POLICY"]

_HERE = "img-src 'self' data:; "
_ANYWHERE = "img-src 'self' data: https: http:; media-src 'self' data: https: http:; "
ITEM_POLICY = POLICY.replace(_HERE, _ANYWHERE)
