"""Reproducible gzip members, made side by side, and reading any gzip back."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator

import pytest

from gomab_tasks.oci.compression import CHUNK, compress, decompress, gzip_member, split_chunks


def test_a_member_is_gzip_with_a_fixed_header() -> None:
    """Time and operating system are those of no machine."""
    member = gzip_member(b"content" * 100)
    assert member[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    assert gzip.decompress(member) == b"content" * 100


def test_the_compressed_bytes_are_pinned() -> None:
    """Another version of deflate would change the digests of everybody's images."""
    text = b"".join(b"%d\n" % number for number in range(100_000))
    digest = hashlib.sha256(gzip_member(text)).hexdigest()
    assert digest == "45af93d9d0edd7994a054206a7e98d6f9a908e4aa025a40a154787a7e4a9729f"


@pytest.mark.parametrize("sizes", [[], [0], [1], [CHUNK], [CHUNK - 1, 2], [3 * CHUNK + 5], [CHUNK // 3] * 7])
def test_chunks_do_not_depend_on_the_pieces(sizes: list[int]) -> None:
    """All are full but the last, and nothing is lost or empty."""
    pieces = [os.urandom(size) for size in sizes]
    chunks = list(split_chunks(pieces))
    assert b"".join(chunks) == b"".join(pieces)
    assert all(len(chunk) == CHUNK for chunk in chunks[:-1])
    assert all(chunks)


@pytest.mark.parametrize("jobs", [0, 1, 2, 5, 100])
def test_members_come_in_order_whatever_the_jobs(jobs: int) -> None:
    """The same bytes come out of one thread and of many."""
    chunks = [bytearray([number]) * (100_000 - 15_000 * number) for number in range(6)]
    written: list[bytes] = []
    compress(iter(chunks), jobs, written.append)
    assert written == [gzip_member(chunk) for chunk in chunks]


def test_few_chunks_are_alive_at_a_time() -> None:
    """Memory stays bounded: jobs + 2 chunks, the one being filled included."""
    jobs, written, most = 2, 0, 0

    def chunks() -> Iterator[bytearray]:
        nonlocal most
        for number in range(20):
            most = max(most, number + 1 - written)
            yield bytearray(1000)

    def write(member: bytes) -> None:
        nonlocal written
        written += bool(member)

    compress(chunks(), jobs, write)
    assert written == 20
    assert most <= jobs + 2


def test_an_error_of_the_source_ends_the_work() -> None:
    """No thread is left waiting."""

    def chunks() -> Iterator[bytearray]:
        yield bytearray(10)
        raise ValueError("source")

    with pytest.raises(ValueError, match="source"):
        compress(chunks(), 2, lambda _: None)


def pieces_of(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("members", [1, 3])
def test_gzip_reads_back_however_it_is_cut(size: int, members: int) -> None:
    """Members may end anywhere in a piece."""
    parts = [os.urandom(2000) + bytes(3000) for _ in range(members)]
    stored = b"".join(map(gzip_member, parts))
    assert b"".join(decompress(pieces_of(stored, size))) == b"".join(parts)


def test_other_programs_gzip_reads_back() -> None:
    """A base's layers have names, times and one member."""
    content = os.urandom(100_000)
    assert b"".join(decompress([gzip.compress(content, 1, mtime=1)])) == content


def test_pieces_stay_small_however_much_unpacks() -> None:
    """64 MiB of zeros are 64 KB of gzip, and never in memory at once."""
    stored = gzip.compress(bytes(64 << 20))
    sizes = [len(piece) for piece in decompress([stored])]
    assert (sum(sizes), max(sizes)) == (64 << 20, 1 << 20)


def test_damaged_gzip_is_an_error() -> None:
    """Cut off, with something after it, or with a wrong checksum."""
    stored = gzip_member(b"content" * 100)
    for cut in (stored[:-1], stored[:20], stored[:5], stored + stored[:30], b""):
        with pytest.raises(EOFError):
            list(decompress([cut]))
    for damaged in (b"not gzip", stored + b"rest of another kind", stored[:-8] + b"\1" + stored[-7:]):
        with pytest.raises(zlib.error):
            list(decompress([damaged]))
