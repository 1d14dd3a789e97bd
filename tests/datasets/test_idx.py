import gzip
import struct

import numpy as np
import pytest

from sknets.datasets._idx import DTYPES, read_idx


def header(code, *lengths):
    return struct.pack(f">BBBB{len(lengths)}I", 0, 0, code, len(lengths), *lengths)


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="numbers-idx"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


@pytest.mark.parametrize("code", DTYPES)
def test_every_type_of_number_is_read_in_the_machines_byte_order(code, write):
    expected = np.array([[1, 2, 3], [100, 50, 0]], dtype=DTYPES[code])

    found = read_idx(write(header(code, 2, 3) + expected.tobytes()))

    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype.newbyteorder("=")


@pytest.mark.parametrize("name", ["numbers-idx.gz", "numbers-idx"])
def test_compression_is_seen_in_the_content_whatever_the_name(name, write):
    content = header(0x08, 4) + bytes([1, 2, 3, 4])

    assert read_idx(write(content, name)).tolist() == [1, 2, 3, 4]
    assert read_idx(write(gzip.compress(content), name)).tolist() == [1, 2, 3, 4]


def test_the_array_is_writable(write):
    numbers = read_idx(write(header(0x08, 2) + bytes([1, 2])))

    numbers[0] = 9

    assert numbers.tolist() == [9, 2]


def test_a_file_of_no_rows_is_an_empty_array(write):
    assert read_idx(write(header(0x08, 0, 28, 28))).shape == (0, 28, 28)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "two zero bytes.*got an empty file.*right file"),
        (b"\x00\x00", "two zero bytes.*got 00 00"),
        (b"PK\x03\x04 a zip archive", "two zero bytes.*got 50 4b 03 04"),
        (header(0x0A, 1) + b"\x00", "third byte.*0x08.*got 0x0a.*get it again"),
        (header(0x08), "at least one; got 0 dimensions"),
        (header(0x08, 2, 2)[:9], "length of each dimension.*got 2 dimensions in a file of 9 bytes"),
        (header(0x0B, 2, 2) + bytes(7), r"shape \(2, 2\) and type int16 must hold 8 bytes; got 7"),
        (header(0x08, 2, 2) + bytes(5), "must hold 4 bytes; got 5"),
        (header(0x08, 2**32 - 1, 2**32 - 1, 2**32 - 1) + bytes(5), "must hold [0-9]{20,} bytes; got 5"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_reason(content, message, write):
    with pytest.raises(ValueError, match=rf"(?s)numbers-idx.*{message}"):
        read_idx(write(content))


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content[:15] + b"?" + content[16:]])
def test_a_damaged_compressed_file_is_refused_by_name_and_reason(damage, write):
    content = gzip.compress(header(0x08, 200) + bytes(range(200)))

    with pytest.raises(ValueError, match=r"numbers-idx.*unpack without error.*get it again"):
        read_idx(write(damage(content)))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere-idx"):
        read_idx(tmp_path / "nowhere-idx")
