"""Messages that wait for a slow browser while parts of the page are drawn again."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession, AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from fitdash.ui.session import streamlit_patches
from fitdash.ui.session.streamlit_patches import patch_streamlit
from tests.ui.loops import awaited

WHOLE, PART = ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY


@pytest.fixture
def queue(monkeypatch):
    """What waits after the whole page was drawn: two fields of one fragment, then how it ended."""
    monkeypatch.setattr(ForwardMsgQueue, "clear", streamlit_patches._clear)
    patch_streamlit()
    patch_streamlit()
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

    streamlit_patches._clear(queue, retain_lifecycle_msgs=True, fragment_ids_this_run=["form"])

    assert [message.script_finished for message in queue._queue] == [WHOLE]


class Thread:
    """Draws, as long as it goes on."""

    def __init__(self, name, goes_on):
        self.name, self.goes_on, self.asked = name, goes_on, []

    def request_rerun(self, asked):
        self.asked += [asked] if self.goes_on else []
        return self.goes_on


@pytest.fixture
def session(monkeypatch):
    """One whose thread has ended by itself; what it sent is taken where it is the session's own."""
    monkeypatch.setattr(AppSession, "_create_scriptrunner", streamlit_patches._begin)
    told = []
    made = SimpleNamespace(_scriptrunner=Thread("first", goes_on=False), _state=AppSessionState.APP_NOT_RUNNING)

    def begin(session, asked):
        session._scriptrunner = Thread(asked, goes_on=True)
        told.append(f"{asked} begins")

    monkeypatch.setattr(streamlit_patches, "_begin", begin)
    patch_streamlit()
    made.told = told
    made.send = lambda text: told.append(text) if made._scriptrunner.name == "first" else None
    return made


def after(session, *steps):
    """What was told once a loop has done these."""

    async def all_of_them():
        session._event_loop = asyncio.get_running_loop()
        session._event_loop.call_soon(session.send, "draw me again")
        for step in steps:
            step()
        for _ in range(5):
            await asyncio.sleep(0)

    awaited(all_of_them())
    return session.told


def test_a_thread_begins_behind_what_the_one_before_has_sent(session):
    assert after(session, lambda: AppSession._create_scriptrunner(session, "tick")) == ["draw me again", "tick begins"]


def test_who_asks_meanwhile_asks_the_thread_that_begins(session):
    ask = [lambda name=name: AppSession._create_scriptrunner(session, name) for name in ("tick", "click")]

    assert after(session, *ask) == ["draw me again", "tick begins"]
    assert session._scriptrunner.asked == ["click"]


def test_no_thread_begins_in_a_session_that_has_ended_meanwhile(session):
    def end():
        session._state = AppSessionState.SHUTDOWN_REQUESTED

    assert after(session, lambda: AppSession._create_scriptrunner(session, "tick"), end) == ["draw me again"]


def test_a_thread_that_was_told_to_stop_is_not_waited_for(session):
    session._scriptrunner = None

    def ask():
        AppSession._create_scriptrunner(session, "click")
        assert session.told == ["click begins"]

    assert after(session, ask) == ["click begins"]
