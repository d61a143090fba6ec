import errno
import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import ClientLeft, ServiceBusy, StorageFull, Unavailable
from app.work.upload_store import PREFIX, StoredUpload, UploadStore, storage_error


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_upload_has_no_name_on_disk_and_reads_back(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    with closing(store.new_upload()) as upload:
        upload.write(b"sound")
        upload.write(b"track")
        assert list(tmp_path.iterdir()) == []
        for _ in range(2):
            with upload.open() as path:
                assert path.read_bytes() == b"soundtrack"
        assert upload.size == 10


def test_no_descriptor_outlives_its_upload(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    before = descriptors()
    with pytest.raises(KeyError), closing(store.new_upload()) as upload, upload.open():
        raise KeyError
    assert descriptors() == before
    assert store.open_uploads == 0


def test_a_borrower_keeps_the_bytes_after_the_request_is_over(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    with closing(store.new_upload()) as upload:
        upload.write(b"mine")
        borrowed = upload.open()
        path = borrowed.__enter__()
    with closing(store.new_upload()) as other:
        other.write(b"of somebody else")
        assert path.read_bytes() == b"mine"
    borrowed.__exit__(None, None, None)


def test_a_closed_upload_cannot_be_read_or_written(tmp_path: Path) -> None:
    with closing(UploadStore(tmp_path).new_upload()) as upload:
        pass
    with pytest.raises(ClientLeft):
        upload.write(b"x")
    with pytest.raises(ClientLeft), upload.open():
        pass


def test_a_directory_that_was_cleaned_away_is_made_anew(tmp_path: Path) -> None:
    """System cleaners remove old directories from /tmp."""
    store = UploadStore(tmp_path / "uploads")
    (tmp_path / "uploads").rmdir()
    with closing(store.new_upload()) as upload:
        upload.write(b"x")


def test_what_a_crash_left_is_removed_at_the_start(tmp_path: Path) -> None:
    """Nothing but that: the directory may be one that others use too."""
    for name in (f"{PREFIX}x7k2", f"{PREFIX}abc", "meeting.mp3", "upload-abc"):
        (tmp_path / name).write_bytes(b"sound")
    UploadStore(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"meeting.mp3", "upload-abc"}


def test_a_directory_that_cannot_be_used_stops_the_start() -> None:
    with pytest.raises(OSError, match="proc"):
        UploadStore(Path("/proc/no-uploads-here"))


def test_a_directory_that_becomes_unusable_is_a_refusal_with_the_reason(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "uploads")
    (tmp_path / "uploads").rmdir()
    (tmp_path / "uploads").write_text("a file stands in its place")
    with pytest.raises(Unavailable, match="not writable"):
        store.new_upload()
    assert store.open_uploads == 0


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, StorageFull), (errno.EDQUOT, StorageFull), (errno.EFBIG, StorageFull),
     (errno.EMFILE, ServiceBusy), (errno.EROFS, Unavailable), (errno.EIO, Unavailable)],
)  # fmt: skip
def test_what_the_disk_says_is_told_in_words(code: int, kind: type[Unavailable]) -> None:
    assert type(storage_error(OSError(code, "x"))) is kind


def test_room_is_asked_for_before_it_is_needed(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    store.check_room(1)
    with pytest.raises(StorageFull):
        store.check_room(1 << 60)


def test_closing_waits_for_a_write_under_way(tmp_path: Path) -> None:
    """A late write can never reach a descriptor that meanwhile belongs to somebody else."""
    read_end, write_end = os.pipe()
    upload = StoredUpload(write_end)
    writer = threading.Thread(target=upload.write, args=(b"x" * (1 << 20),))
    writer.start()
    time.sleep(0.05)
    closer = threading.Thread(target=upload.close)
    closer.start()
    closer.join(0.05)
    assert closer.is_alive()
    received = 0
    while received < 1 << 20:
        received += len(os.read(read_end, 1 << 16))
    writer.join(2)
    closer.join(2)
    assert not closer.is_alive()
    os.close(read_end)


def test_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    """A process killed with uploads open leaves no file and gives their space back."""
    code = (
        "import sys, time; from pathlib import Path; from app.work.upload_store import PREFIX, UploadStore\n"
        "upload = UploadStore(Path(sys.argv[1])).new_upload()\n"
        "upload.write(bytes(1 << 20)); print('written', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"written\n"
    process.kill()
    process.wait()
    process.stdout.close()
    assert list(tmp_path.iterdir()) == []
