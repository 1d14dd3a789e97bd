import errno
import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sknets.datasets._download import MAX_ATTEMPTS, Origin, download
from sknets.datasets._transfer import continue_transfer

NAME = "data.gz"
CONTENT = bytes(range(256)) * 400


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "some_set"


@pytest.fixture
def mirror(server):
    server.files[NAME] = CONTENT
    return server


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_the_file_is_placed_and_nothing_else_remains(mirror, folder, algorithm):
    path = download(NAME, folder, mirror.origin(algorithm=algorithm))

    assert path == folder / NAME
    assert path.read_bytes() == CONTENT
    assert names_in(folder) == [NAME]


def test_a_file_that_is_there_is_not_downloaded(mirror, folder):
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(b"the user's own")

    path = download(NAME, folder, mirror.origin())

    assert path.read_bytes() == b"the user's own"
    assert mirror.requests == []


def test_a_wrong_checksum_leaves_nothing_and_names_both_digests(mirror, folder):
    origin = Origin((mirror.url,), {NAME: "sha256:" + "0" * 64})
    found = hashlib.sha256(CONTENT).hexdigest()

    with pytest.raises(ConnectionError, match=rf"data\.gz: sha256 must be 0{{64}}, got {found}"):
        download(NAME, folder, origin)

    assert names_in(folder) == []
    assert len(mirror.requests) == 1


def test_a_connection_that_breaks_off_is_taken_up_where_it_stopped(mirror, folder):
    mirror.break_off_after = [40_000]

    path = download(NAME, folder, mirror.origin())

    assert path.read_bytes() == CONTENT
    assert mirror.requests == [(NAME, None), (NAME, "bytes=40000-")]
    assert mirror.n_bytes_sent == len(CONTENT)


def test_what_came_before_all_attempts_failed_is_kept_for_the_next_call(mirror, folder):
    mirror.break_off_after = [1000, 0]
    with pytest.raises(ConnectionError, match="broke off after 1000 of 102400 bytes"):
        download(NAME, folder, mirror.origin())
    assert names_in(folder) == [f"{NAME}.part"]

    path = download(NAME, folder, mirror.origin())

    assert path.read_bytes() == CONTENT
    assert mirror.requests[-1] == (NAME, "bytes=1000-")
    assert names_in(folder) == [NAME]


def test_a_mirror_that_always_breaks_off_is_given_up(mirror, folder):
    mirror.break_off_after = [10] * 100

    with pytest.raises(ConnectionError, match="broke off after 50 of"):
        download(NAME, folder, mirror.origin())

    assert len(mirror.requests) == MAX_ATTEMPTS


def test_a_server_that_cannot_start_in_the_middle_sends_everything_again(mirror, folder):
    mirror.honours_range = False
    mirror.break_off_after = [40_000]

    path = download(NAME, folder, mirror.origin())

    assert path.read_bytes() == CONTENT
    assert mirror.n_bytes_sent == 40_000 + len(CONTENT)


def test_a_damaged_beginning_is_thrown_away_and_all_is_fetched_once_more(mirror, folder):
    folder.mkdir(parents=True)
    (folder / f"{NAME}.part").write_bytes(b"x" * 500)

    path = download(NAME, folder, mirror.origin())

    assert path.read_bytes() == CONTENT
    assert mirror.requests == [(NAME, "bytes=500-"), (NAME, None)]


@pytest.mark.parametrize(("part", "n_requests"), [(CONTENT, 1), (CONTENT + b"more", 2)])
def test_a_part_that_is_already_whole_or_too_long_is_sorted_out(mirror, folder, part, n_requests):
    folder.mkdir(parents=True)
    (folder / f"{NAME}.part").write_bytes(part)

    assert download(NAME, folder, mirror.origin()).read_bytes() == CONTENT
    assert len(mirror.requests) == n_requests


def test_the_second_mirror_serves_where_the_first_is_dead(mirror, folder, dead_mirror):
    path = download(NAME, folder, mirror.origin(dead_mirror))

    assert path.read_bytes() == CONTENT


def test_the_second_mirror_serves_where_the_first_has_another_file(mirror, folder):
    mirror.files[f"old/{NAME}"] = b"an older release"

    path = download(NAME, folder, mirror.origin(f"{mirror.url}old/"))

    assert path.read_bytes() == CONTENT


def test_when_all_mirrors_fail_the_message_has_every_reason_and_a_remedy(mirror, folder, dead_mirror):
    origin = Origin((dead_mirror, f"{mirror.url}none/"), mirror.origin().checksums)
    message = (
        r"(?s)data\.gz is not on this machine.*http://127\.0\.0\.1:9/data\.gz: .*refused.*"
        rf"{mirror.url}none/data\.gz: HTTP 404.*put it at .*some_set.data\.gz.*data_home=.*SKNETS_DATA"
    )

    with pytest.raises(ConnectionError, match=message):
        download(NAME, folder, origin)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_named_and_the_part_is_removed(mirror, folder):
    folder.mkdir(parents=True)
    (folder / f"{NAME}.part").symlink_to("/dev/full")

    with pytest.raises(OSError, match=r"with room for data\.gz; got: No space left.*Make room.*SKNETS_DATA") as caught:
        download(NAME, folder, mirror.origin())

    assert caught.value.errno == errno.ENOSPC
    assert names_in(folder) == []


def test_a_disk_that_is_full_only_when_flushed_leaves_nothing(mirror, folder, monkeypatch):
    def refuse(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(OSError, match="Make room there"):
        download(NAME, folder, mirror.origin())

    assert names_in(folder) == []


def test_a_file_in_the_place_of_the_folder_is_named(mirror, tmp_path):
    (tmp_path / "taken").write_bytes(b"")

    with pytest.raises(OSError, match="taken must be a folder that can be written to"):
        download(NAME, tmp_path / "taken", mirror.origin())


def test_many_at_once_download_once(mirror, folder):
    origin, found = mirror.origin(), []
    threads = [
        threading.Thread(target=lambda: found.append(download(NAME, folder, origin).read_bytes())) for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [CONTENT] * 8
    assert len(mirror.requests) == 1
    assert names_in(folder) == [NAME]


@pytest.mark.slow
def test_two_processes_at_once_download_once(mirror, folder):
    program = (
        "from pathlib import Path; from sknets.datasets._download import Origin, download;"
        f"download({NAME!r}, Path({str(folder)!r}), Origin(*{tuple(mirror.origin())!r}))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]

    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert (folder / NAME).read_bytes() == CONTENT
    assert len(mirror.requests) == 1


def test_without_file_locks_each_process_has_a_part_of_its_own(mirror, folder, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    mirror.break_off_after = [1000, 0]

    with pytest.raises(ConnectionError, match="broke off"):
        download(NAME, folder, mirror.origin())

    assert names_in(folder) == [f"{NAME}.{os.getpid()}.part"]


def test_a_lock_that_its_holder_left_behind_keeps_nobody_out(mirror, folder):
    folder.mkdir(parents=True)
    (folder / f"{NAME}.lock").write_bytes(b"")

    assert download(NAME, folder, mirror.origin()).read_bytes() == CONTENT


def test_nothing_is_shown_where_nobody_watches(mirror, tmp_path, capsys):
    continue_transfer(f"{mirror.url}{NAME}", tmp_path / "part", NAME)

    assert capsys.readouterr() == ("", "")


def test_a_terminal_shows_a_progress_bar_on_standard_error(mirror, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")

    continue_transfer(f"{mirror.url}{NAME}", tmp_path / "part", NAME)

    out, err = capsys.readouterr()
    assert out == ""
    assert NAME in err
    assert "102.4" in err
