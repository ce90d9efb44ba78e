"""Links in HTML pages that pass through the proxy."""

from __future__ import annotations

import gzip
import zlib

import pytest

from apiserver.rest.html_links import LinkRewriter, decoder


def below(url: str) -> str:
    return f"/proxy{url}" if url.startswith("/") else url


def rewritten(page: str, step: int = 1 << 20) -> str:
    rewriter = LinkRewriter(below)
    data = page.encode()
    pieces = [rewriter.feed(data[start : start + step]) for start in range(0, len(data), step)]
    return b"".join([*pieces, rewriter.finish()]).decode()


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<a href="/x">test</a>', '<a href="/proxy/x">test</a>'),
        ("<A HREF = '/x' id=y>", '<A HREF = "/proxy/x" id=y>'),
        ("<img src=/x/ alt=a>", '<img src="/proxy/x/" alt=a>'),
        ('<form action="/x?a=1&amp;b=2">', '<form action="/proxy/x?a=1&amp;b=2">'),
        ('<script src="/x">if (a<b) "<a href=\'/y\'>"</script><a href=/z>',
         '<script src="/proxy/x">if (a<b) "<a href=\'/y\'>"</script><a href="/proxy/z">'),
        ("<script></script><a href=/z>", '<script></script><a href="/proxy/z">'),
        ('<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/proxy/y">'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_links_to_the_root_lead_below_the_proxied_path(page: str, expected: str, step: int) -> None:
    assert rewritten(page, step) == expected


@pytest.mark.parametrize(
    "page",
    [
        '<a href="x">', '<a title="/x">', '<p href="/x">', "a < b > c", "<", '<a href="/x', "<!-- /x", "<script>/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("step", [7, 1 << 20])
def test_everything_else_passes_as_it_is(page: str, step: int) -> None:
    assert rewritten(page, step) == page


def test_a_tag_without_end_is_not_kept_for_long() -> None:
    rewriter = LinkRewriter(below)
    assert rewriter.feed(b'<a href="/x" ' + b" " * 20_000)
    assert rewriter.feed(b'><a href="/y">').endswith(b'<a href="/proxy/y">')


def test_pages_are_read_that_are_compressed_or_not() -> None:
    page = b"<p>" * 100_000
    compressed = decoder({"Content-Type": "text/html; charset=utf-8", "Content-Encoding": "gzip"})
    assert compressed is not None
    assert b"".join(compressed.feed(gzip.compress(page))) == page
    plain = decoder({"Content-Type": "Text/HTML"})
    assert plain is not None and list(plain.feed(page)) == [page]
    assert decoder({"Content-Type": "text/plain"}) is None
    assert decoder({"Content-Type": "text/html", "Content-Encoding": "br"}) is None
    broken = decoder({"Content-Type": "text/html", "Content-Encoding": "gzip"})
    assert broken is not None
    with pytest.raises(zlib.error):
        list(broken.feed(b"no gzip"))
