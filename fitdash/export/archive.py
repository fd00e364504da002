"""Packs the files of a run into one ZIP, with a manifest that describes each file."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.errors import FitdashError

LARGEST_BYTES = 200_000_000
"""A larger file is left out of the ZIP, because the ZIP is built in memory."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class DownloadFile:
    """A file that the visitor can download.

    Attributes:
        name: File name.
        title: Text of the download button.
        what: Its content, described in one sentence.
        mime: MIME type.
        make: Builds the content when the file is downloaded.
        in_archive: Whether the ZIP includes it.
    """

    name: str
    title: str
    what: str
    mime: str
    make: Callable[[], bytes]
    in_archive: bool = True


def make_zip(parts: Sequence[DownloadFile], facts: Mapping[str, Any]) -> bytes:
    """The ZIP; a file whose content cannot be built is left out, and the manifest gives the error.

    Args:
        parts: Files to include.
        facts: Entries of the manifest about the run.
    """
    files, left_out = [], []
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in parts:
            try:
                content = part.make()
                if len(content) > LARGEST_BYTES:
                    raise FitdashError(f"{len(content):,} bytes are too many for a ZIP: take it by itself.")
            except (FitdashError, OSError, ValueError, RuntimeError) as error:
                left_out.append({"name": part.name, "why": str(error)})
                continue
            packed.writestr(part.name, content)
            digest = hashlib.sha256(content).hexdigest()
            files.append({"name": part.name, "bytes": len(content), "sha256": digest, "what": part.what})
        manifest = {**facts, "files": files, "left_out": left_out}
        packed.writestr(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return whole.getvalue()
