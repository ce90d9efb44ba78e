"""Links in proxied HTML pages: those that begin at the backend's root lead below the proxied path, as upstream's do.

A page passes through in pieces. What is no start tag with such a link in it is passed on byte for byte, as is what
cannot be made sense of: this is no parser, and need not be one. Neighbour: `apiserver.rest.proxy`.
"""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

# Elements and their attributes that hold a URL (upstream: apimachinery's proxy transport).
_LINKS: Final = {
    b"a": (b"href",),
    b"applet": (b"codebase",),
    b"area": (b"href",),
    b"audio": (b"src",),
    b"base": (b"href",),
    b"blockquote": (b"cite",),
    b"body": (b"background",),
    b"button": (b"formaction",),
    b"command": (b"icon",),
    b"del": (b"cite",),
    b"embed": (b"src",),
    b"form": (b"action",),
    b"frame": (b"longdesc", b"src"),
    b"head": (b"profile",),
    b"html": (b"manifest",),
    b"iframe": (b"longdesc", b"src"),
    b"img": (b"longdesc", b"src", b"usemap"),
    b"input": (b"src", b"usemap", b"formaction"),
    b"ins": (b"cite",),
    b"link": (b"href",),
    b"object": (b"classid", b"codebase", b"data", b"usemap"),
    b"q": (b"cite",),
    b"script": (b"src",),
    b"source": (b"src",),
    b"video": (b"poster", b"src"),
}
# What is in these is text, however much it looks like tags.
_TEXT_ONLY: Final = frozenset({b"iframe", b"noembed", b"noframes", b"script", b"style", b"textarea", b"title", b"xmp"})
_TAG: Final = re.compile(rb"""<([a-zA-Z][^\s/>]*+)((?:[^>"']|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE: Final = re.compile(rb"""([^\s"'<>/=]++)(\s*+=\s*+)(?:"([^"]*+)"|'([^']*+)'|([^\s"'=<>`]++))""")
# Whoever has a longer tag or comment has its links as they are.
_LONGEST: Final = 16 * 1024
_PIECE: Final = 64 * 1024


class LinkRewriter:
    """feed(bytes), any number of times, then finish(): the page again, with `rewrite` applied to the URLs in it."""

    def __init__(self, rewrite: Callable[[str], str]) -> None:
        self._rewrite = rewrite
        self._left = b""
        self._at = 0  # how much of what is left is done with
        self._until = b""  # in a text-only element: the end tag that ends it

    def feed(self, data: bytes) -> bytes:
        self._left += data
        done = b"".join(self._pieces())
        self._left, self._at = self._left[self._at :], 0
        return done

    def finish(self) -> bytes:
        left, self._left = self._left, b""
        return left

    def _pieces(self) -> Iterator[bytes]:
        """What is known to be complete."""
        while self._at < len(self._left):
            piece = self._text() if self._until else self._markup()
            if piece is None:
                if len(self._left) - self._at < _LONGEST:
                    return
                piece = self._take(1)
            yield piece

    def _take(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        return self._left[start : self._at]

    def _text(self) -> bytes | None:
        """Of a text-only element, up to its end; None for what may be the beginning of the end."""
        text = self._left[self._at :].lower()
        end = text.find(self._until)
        if end >= 0:
            self._until = b""
            return self._take(end)
        length = len(text) - len(self._until) + 1
        return self._take(length) if length > 0 else None

    def _markup(self) -> bytes | None:
        """Text up to a tag, or a tag, or a comment; None while its end is not there yet."""
        left, at = self._left, self._at
        start = left.find(b"<", at)
        if start != at:
            return self._take((len(left) if start < 0 else start) - at)
        if left.startswith(b"<!--", at):
            end = left.find(b"-->", at + len(b"<!--"))
            return self._take(end + len(b"-->") - at) if end >= 0 else None
        if len(left) - at < len(b"<!--"):
            return None
        if not left[at + 1 : at + 2].isalpha():
            return self._take(1)
        tag = _TAG.match(left, at)
        if tag is None:
            return None
        self._at = tag.end()
        return self._tag(tag)

    def _tag(self, tag: re.Match[bytes]) -> bytes:
        name = tag[1].lower()
        if name in _TEXT_ONLY:
            self._until = b"</" + name
        links = _LINKS.get(name, ())
        if not links:
            return tag[0]
        attributes = _ATTRIBUTE.sub(lambda found: self._attribute(found, links), tag[2])
        return b"<" + tag[1] + attributes + b">"

    def _attribute(self, found: re.Match[bytes], links: tuple[bytes, ...]) -> bytes:
        if found[1].lower() not in links:
            return found[0]
        value = next(each for each in found.groups()[2:] if each is not None)
        # Whatever the page's encoding: ASCII is ASCII in it, and the rest comes out as it went in.
        url = html.unescape(value.decode("latin-1"))
        rewritten = self._rewrite(url)
        if rewritten == url:
            return found[0]
        text = html.escape(rewritten).encode("latin-1", "xmlcharrefreplace")
        return found[1] + found[2] + b'"' + text + b'"'


class Inflater:
    """Undoes a Content-Encoding in pieces of bounded size. Raises `zlib.error`."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            yield self._inflate.decompress(data, _PIECE)
            data = self._inflate.unconsumed_tail


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data


def decoder(headers: Mapping[str, str]) -> Inflater | _Plain | None:
    """How to read a page; None for what is no HTML page, or is encoded in a way not known here."""
    if headers.get("Content-Type", "").partition(";")[0].strip().lower() != "text/html":
        return None
    match headers.get("Content-Encoding", "").lower():
        case "" | "identity":
            return _Plain()
        case "gzip":
            return Inflater()
    return None
