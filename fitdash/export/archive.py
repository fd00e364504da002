"""Several files of a run as one ZIP with a manifest that tells what each is."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fitdash.errors import FitdashError

LARGEST_BYTES = 200_000_000
"""A larger file is left out of the ZIP, which is made in memory."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class DownloadFile:
    """A file that can be taken away.

    Attributes:
        name: Of the file.
        title: What a button says.
        what: What it is, in one sentence.
        mime: Its type for browsers.
        make: Gives its content when it is asked for.
        in_archive: The ZIP holds it too.
    """

    name: str
    title: str
    what: str
    mime: str
    make: Callable[[], bytes]
    in_archive: bool = True


def make_zip(parts: Sequence[DownloadFile], facts: Mapping[str, Any]) -> bytes:
    """The ZIP; what cannot be made is left out, and the manifest says why.

    Args:
        parts: What goes in.
        facts: What the manifest says of the run.
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
