import pytest

from fitdash.engine.callbacks.base import Callback, Moment
from fitdash.engine.callbacks.callback_list import CallbackList, make_callbacks
from fitdash.engine.callbacks.early_stopping import EarlyStopping
from fitdash.engine.callbacks.history import History
from fitdash.engine.callbacks.progbar_logger import ProgbarLogger


class Trace(Callback):
    """Notes what it is told in a list that several share."""

    def __init__(self, trace, name="trace"):
        super().__init__()
        self.trace, self.name = trace, name

    def set_model(self, model):
        self.trace.append((self.name, "set_model"))

    def set_params(self, params):
        self.trace.append((self.name, "set_params"))

    def on_epoch_end(self, epoch, logs=None):
        self.trace.append((self.name, epoch, dict(logs)))
        logs[f"from_{self.name}"] = 1.0


def moment(first=0, last=0):
    return Moment(epoch=0, first=first, last=last, steps=4, logs=dict)


def test_15_2_models_are_set_on_all_before_params_are_set_on_any(stand_in):
    trace = []

    CallbackList([Trace(trace, "a"), Trace(trace, "b")], stand_in(), {})

    assert trace == [("a", "set_model"), ("b", "set_model"), ("a", "set_params"), ("b", "set_params")]


def test_15_4_history_and_then_the_progress_bar_follow_the_given_callbacks(stand_in):
    mine, watcher = EarlyStopping(), Callback()

    made = make_callbacks([mine], History(), 1, [watcher])

    assert [type(one).__name__ for one in made] == ["EarlyStopping", "History", "ProgbarLogger", "Callback"]
    assert (made[0], made[-1]) == (mine, watcher)


def test_15_4_one_callback_needs_no_list():
    mine = EarlyStopping()

    assert make_callbacks(mine, None, 0) == [mine]
    assert make_callbacks(((mine,),), None, 0) == [mine]
    assert make_callbacks(None, None, 0) == []


def test_15_6_all_share_one_dict_and_the_callers_is_left_alone(stand_in):
    trace, logs = [], {"loss": 1.0}
    told = CallbackList([Trace(trace, "a"), Trace(trace, "b")], stand_in(), {})

    told.on_epoch_end(3, logs)

    assert trace[-2:] == [("a", 3, {"loss": 1.0}), ("b", 3, {"loss": 1.0, "from_a": 1.0})]
    assert logs == {"loss": 1.0}


@pytest.mark.parametrize("hook", ["on_train_begin", "on_test_begin", "on_predict_begin", "on_predict_end"])
def test_15_5_a_beginning_has_empty_logs(stand_in, hook):
    got = []
    one = Callback()
    setattr(one, hook, got.append)

    getattr(CallbackList([one], stand_in(), {}), hook)()

    assert got == [{}]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (print, "got <built-in function print> of type builtin_function_or_method."),
        (EarlyStopping, r"got the class EarlyStopping. Make an instance of it: EarlyStopping\(…\)."),
        ([EarlyStopping(), "stop"], "got 'stop' of type str."),
        ([None], "got None of type NoneType."),
        (int, "got the class int.$"),
    ],
)
def test_15_10_what_is_no_callback_is_refused_by_name(given, message):
    with pytest.raises(TypeError, match=message):
        make_callbacks(given, History(), 1)


def test_15_10_what_a_callback_raises_comes_out(stand_in):
    one = Callback()
    one.on_train_begin = lambda logs: 1 / 0

    with pytest.raises(ZeroDivisionError):
        CallbackList([one], stand_in(), {}).on_train_begin()


def test_15_1_batch_hooks_call_the_older_names(stand_in):
    class Older(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch, logs))

        def on_batch_end(self, batch, logs=None):
            seen.append(("end", batch, logs))

    seen = []
    told = CallbackList([Older()], stand_in(), {})

    told.on_train_batch_begin(2)
    told.on_train_batch_end(2, {"loss": 1.0})

    assert told.watches_train_batches
    assert seen == [("begin", 2, {}), ("end", 2, {"loss": 1.0})]


@pytest.mark.parametrize("kind", ["train", "test", "predict"])
@pytest.mark.parametrize("end", ["begin", "end"])
def test_overridden_batch_hooks_are_known_by_kind(stand_in, kind, end):
    hook = f"on_{kind}_batch_{end}"
    mine = type("Mine", (Callback,), {hook: lambda self, batch, logs=None: None})()

    told = CallbackList([EarlyStopping(), mine], stand_in(), {})

    watched = {name: getattr(told, f"watches_{name}_batches") for name in ("train", "test", "predict")}
    assert watched == {name: name == kind for name in watched}


def test_a_hook_set_on_an_instance_counts_as_overridden(stand_in):
    one = Callback()
    one.on_train_batch_end = lambda batch, logs: None

    assert CallbackList([one], stand_in(), {}).watches_train_batches


def test_the_stock_callbacks_need_no_batch_hook(stand_in):
    told = CallbackList(make_callbacks(EarlyStopping(), History(), 1), stand_in(), {"verbose": 1, "epochs": 1})

    assert not any((told.watches_train_batches, told.watches_test_batches, told.watches_predict_batches))
    assert told.has_seam


def test_15_8b_all_are_asked_between_steps_though_one_ends_training(stand_in):
    asked = []

    class Ends(Callback):
        def between_steps(self, moment):
            asked.append(moment.last)
            return True

    told = CallbackList([Ends(), Ends()], stand_in(), {})

    assert told.between_steps(moment(0, 3)) is True
    assert asked == [3, 3]
    assert CallbackList([Callback()], stand_in(), {}).between_steps(moment()) is False


def test_15_4_who_looks_between_steps_looks_once_and_before_later_batch_hooks(stand_in):
    seen = []

    class Looks(Callback):
        def between_steps(self, moment):
            seen.append((moment.epoch, moment.last, moment.logs()))
            return True

    class Hears(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    told = CallbackList([Looks(), Hears()], stand_in(), {})

    told.on_epoch_begin(2)
    told.on_train_batch_end(5, {"loss": 1.0})
    ends = told.between_steps(moment(5, 5))

    assert seen == [(2, 5, {"loss": 1.0}), 5]
    assert ends is True


def test_the_callback_due_first_limits_the_steps_without_a_look(stand_in):
    def due_in(steps):
        one = Callback()
        one.steps_until_due = lambda: steps
        return one

    assert CallbackList([Callback()], stand_in(), {}).steps_until_due() is None
    assert CallbackList([due_in(7), due_in(None), due_in(3)], stand_in(), {}).steps_until_due() == 3


def test_16_24_an_own_history_keeps_its_place_and_is_the_models(stand_in):
    model, mine = stand_in(), History()

    made = make_callbacks([mine, EarlyStopping()], History(), 0)
    told = CallbackList(made, model, {})

    assert [type(one) for one in made] == [History, EarlyStopping]
    assert told.history is mine
    assert model.history is mine


def test_16_25_an_own_progress_bar_is_the_only_one():
    mine = ProgbarLogger()

    made = make_callbacks([mine], History(), 1)

    assert [one for one in made if isinstance(one, ProgbarLogger)] == [mine]


def test_callbacks_that_override_on_tell_are_listed_in_their_order(stand_in):
    class Listening(Callback):
        def on_tell(self, event): ...

    first, second = Listening(), Callback()
    second.on_tell = print

    assert CallbackList([first, Callback(), second], stand_in(), {}).listeners == [first, second]
