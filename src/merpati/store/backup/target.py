"""Which place is meant by the words of the settings or of a command."""

from __future__ import annotations

from pathlib import Path

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import read_key_file
from merpati.store.backup.bucket import Bucket, is_url, read_key
from merpati.store.backup.folder import Folder
from merpati.store.backup.place import Place


def find_place(words: str, ids: Ids, key_file: Path | None = None) -> Place:
    """A bucket when it is a URL, else a folder.

    Raises:
        Fault: CONFIG for what is no URL of a bucket, and for a bucket without a file of its key.
    """
    if not is_url(words):
        return Folder(Path(words).absolute(), ids)
    if key_file is None:
        text = f"{words} is a bucket: name the file of its key: --bucket-key-file"
        raise Fault(Kind.CONFIG, text)
    return Bucket(words, read_key(read_key_file(key_file), str(key_file)), ids)
