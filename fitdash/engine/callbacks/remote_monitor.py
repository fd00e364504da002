"""`RemoteMonitor`: sends the logs of each epoch to a server."""

import http.client
import json
import math
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

from fitdash.engine.callbacks.base import Callback, Logs

_PATIENCE_SECONDS = 5.0


class RemoteMonitor(Callback):
    """POSTs {"epoch", and the logs} at the end of each epoch; a server that cannot be reached is a warning.

    Args:
        root: Address of the server.
        path: Path on that server.
        field: Name of the form's field that holds the JSON.
        headers: Further headers of the request.
        send_as_json: Send the JSON itself instead of a form.

    Source: Keras 3 `RemoteMonitor`; numbers that are not finite are sent as null.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        text = json.dumps({"epoch": epoch, **{name: _plain(value) for name, value in (logs or {}).items()}})
        body = text if self.send_as_json else urllib.parse.urlencode({self.field: text})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        try:
            _post(self.root + self.path, body.encode(), {"Content-Type": kind, **(self.headers or {})})
        except (OSError, ValueError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            warnings.warn(f"RemoteMonitor could not reach the server at {self.root}: {error}.", stacklevel=2)


def _post(address: str, body: bytes, headers: Mapping[str, str]) -> None:
    request = urllib.request.Request(address, body, dict(headers), method="POST")
    if request.type not in ("http", "https"):
        raise ValueError(f"the address must begin with http:// or https://, got {address!r}")
    with urllib.request.urlopen(request, timeout=_PATIENCE_SECONDS):
        pass


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
