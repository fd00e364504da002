"""Messages between processes, events among them, as lines of JSON and back, without loss.

Floats come back as the same floats, NaN and the infinities too: see `json_codec`.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fitdash.runs.protocol import events
from fitdash.runs.protocol.events import Event
from fitdash.runs.protocol.json_codec import decode, encode

JobSpec = Mapping[str, Any]
"""What a worker process is to train, as plain values; `fitdash.jobs.job_spec` makes one and makes a job of it."""

# From the classes themselves, so that no kind of event is forgotten here. Read off the module and not off
# `Event.__subclasses__()`, which also lists each class as it was before `slots=True` made it anew.
_KINDS: dict[str, type[Event]] = {
    name: kind for name, kind in vars(events).items() if isinstance(kind, type) and issubclass(kind, Event)
}


def to_line(message: Mapping[str, Any] | Event) -> bytes:
    """A message, or an event as a message, as a line of JSON."""
    if isinstance(message, Event):
        facts = {field.name: getattr(message, field.name) for field in fields(message)}
        message = {"is": "event", "kind": type(message).__name__, "facts": facts}
    # Code points in a user's text that UTF-8 lacks, such as half a surrogate pair, pass as they are.
    return encode(message).encode("utf-8", "surrogatepass") + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """The message that a line holds."""
    return dict(decode(line.decode("utf-8", "surrogatepass")))


def event_of(message: Mapping[str, Any]) -> Event:
    """The event in a message that `to_line` made of one."""
    return _KINDS[message["kind"]](**message["facts"])
