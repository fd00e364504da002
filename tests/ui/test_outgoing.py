"""Messages that wait for a slow browser while parts of the page are drawn again."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from fitdash.ui import outgoing
from fitdash.ui.outgoing import keep_what_waits

WHOLE, PART = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY


@pytest.fixture
def queue(monkeypatch):
    """What waits after the whole page was drawn: two fields of one fragment, then how it ended."""
    monkeypatch.setattr(ForwardMsgQueue, "clear", outgoing._clear)
    keep_what_waits()
    keep_what_waits()
    return ForwardMsgQueue()


def field(place, text, fragment="form"):
    message = ForwardMsg()
    message.metadata.delta_path.extend([0, place])
    message.delta.fragment_id = fragment
    message.delta.new_element.markdown.body = text
    return message


def end(status):
    message = ForwardMsg()
    message.script_finished = status
    return message


def waiting(queue):
    """Texts of fields, and how drawings ended."""
    messages = queue.flush()
    return [
        message.delta.new_element.markdown.body if message.HasField("delta") else message.script_finished
        for message in messages
    ]


def fill(queue, status, *texts):
    for place, text in enumerate(texts):
        queue.enqueue(field(place, text))
    queue.enqueue(end(status))


def test_a_fragment_takes_nothing_out_of_a_whole_drawing_that_has_ended(queue):
    fill(queue, WHOLE, "epochs", "seed")

    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["form"])
    fill(queue, PART, "epochs again")

    assert waiting(queue) == ["epochs", "seed", WHOLE, "epochs again", PART]
    fill(queue, PART, "later")
    assert waiting(queue) == ["later", PART]


def test_a_fragment_takes_nothing_out_of_its_own_drawing_before(queue):
    fill(queue, PART, "seed 1", "width")

    queue.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["form"])
    fill(queue, PART, "seed")

    assert waiting(queue) == ["seed 1", "width", PART, "seed", PART]


def test_a_drawing_of_the_whole_page_takes_the_place_of_what_waits_as_before(queue):
    fill(queue, WHOLE, "epochs")

    queue.clear(retain_lifecycle_msgs=True)

    assert waiting(queue) == [ForwardMsg.FINISHED_EARLY_FOR_RERUN]


def test_without_that_the_end_of_a_whole_drawing_is_told_without_its_fields():
    """Where this fails, Streamlit has mended it, and `outgoing` can go."""
    queue = ForwardMsgQueue()
    fill(queue, WHOLE, "epochs")

    outgoing._clear(queue, retain_lifecycle_msgs=True, fragment_ids_this_run=["form"])

    assert [message.script_finished for message in queue._queue] == [WHOLE]
