"""Laws and examples of what a client takes and has: content codings and entity tags."""

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from api.negotiation import CODINGS, compress, matches, negotiate


@pytest.mark.parametrize(
    ("field", "matching"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", W/"abc"', True),
        ('"x,y","abc"', True),
        ("*", True),
        (" * ", True),
        ('"x"', False),
        ('"abcd"', False),
        ("abc", False),
        ("", False),
        ('"', False),
    ],
)
def test_if_none_match(field, matching):
    assert matches(field, '"abc"') is matching


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZip", "gzip"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0.5", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0, zstd;q=0", "identity"),
        ("br, deflate", "identity"),
        ("*", "zstd"),
        ("*;q=0.1, gzip;q=0.2", "gzip"),
        ("zstd;q=0, *", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("identity;q=0", "identity"),
        ("*;q=0", "identity"),
        ("gzip;q=2, zstd;q=x", "identity"),
        ("gzip ; q=0.3 , zstd ; q=0.2", "gzip"),
        (",;q=1,,gzip", "gzip"),
    ],
)
def test_negotiation(field, coding):
    assert negotiate(field) == coding


@given(st.text(max_size=60))
def test_negotiation_and_comparison_take_anything(field):
    assert negotiate(field) in CODINGS
    assert matches(field, '"abc"') in (True, False)


@given(st.binary(max_size=5_000), st.integers(1, 400))
def test_what_is_coded_is_read_by_others_and_comes_the_same_again(piece, times):
    plain = piece * times
    for coding, decode in {"gzip": gzip.decompress, "zstd": zstandard.ZstdDecompressor().decompress}.items():
        coded = compress(plain, coding)
        assert coded == compress(plain, coding)
        assert decode(coded) == plain
