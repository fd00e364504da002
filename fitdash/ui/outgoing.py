"""What waits to be sent to a browser: of a drawing of the whole page that has ended nothing may be left out.

Streamlit drops what a fragment has waiting when that fragment is drawn again. Where the whole page was drawn just
before, and a busy server has not sent it yet, its end is sent all the same: the browser then takes the rest of the
fragment for gone, forgets its fields, and tells their defaults with the next click as if somebody had typed them. On a
server of ten visitors this set the epochs of a run that was on from 400 to 10.
"""

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

_clear = ForwardMsgQueue.clear


def keep_whole_drawings() -> None:
    """From now on, let no fragment take anything out of a drawing of the whole page; more than once is fine."""
    ForwardMsgQueue.clear = _clear_less  # type: ignore[method-assign, assignment]


def _clear_less(
    queue: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    if fragment_ids_this_run is None or not any(map(_ends_whole_drawing, queue._queue)):
        _clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        return
    # What comes now stays behind the end of that drawing, rather than taking the place of what is in it.
    queue._delta_index_map = {}


def _ends_whole_drawing(message: ForwardMsg) -> bool:
    return message.HasField("script_finished") and message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY
