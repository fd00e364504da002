import pytest
import torch

import fitdash as fd
from fitdash import callbacks as kit

X, Y = torch.rand(12, 2), torch.rand(12, 1)


class TwoOutputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x):
        return {"a": self.layer(x), "b": self.layer(x)}


TWO = {"y": [Y, Y], "metrics": [["mae"], ["mae"]]}


def fitted(folder, path, *, before=(), freq="epoch", best=False, metrics=("mae",), module=None, y=Y, **how):
    module = module or torch.nn.Linear(2, 1)
    weights = [value.clone() for value in module.parameters()]
    model = fd.Model(module).compile("sgd", "mse", metrics=list(metrics))
    checkpoint = kit.ModelCheckpoint(folder / path, save_freq=freq, save_best_only=best)
    how = {"epochs": 3, "verbose": 0, **how}
    try:
        model.fit(X, y, callbacks=[*before, checkpoint], **how)
    except ValueError:
        assert all(map(torch.equal, module.parameters(), weights))
        raise
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("path", "how", "words"),
    [
        ("{val_mse:.2f}", {"validation_split": 0.5}, "'val_mse', which is not available. Available: loss, mae, val_l"),
        ("{val_acc}", {"validation_split": 0.5, "metrics": ["accuracy"]}, "Did you mean 'val_accuracy'?"),
        ("{val_loss}", {}, "'val_loss', which is not available. Available: loss, mae, epoch."),
        ("{val_loss}", {"validation_split": 0.5, "validation_freq": 2}, "in epoch 1, which is not validated"),
        ("{val_loss}", {"validation_split": 0.5, "validation_freq": 9}, "'val_loss', which is not available."),
        ("{val_loss}", {"validation_split": 0.5, "freq": 2}, "'val_loss', which is not available. Available: loss, m"),
        ("{batch}", {}, "'batch', which is not available"),
        ("{learning_rate}", {}, "'learning_rate', which is not available"),
        ("{loss:d}", {}, "must be a template of names and number formats, got .*Unknown format code"),
        ("{}", {}, "must be a template"),
        ("{epoch", {}, "must be a template"),
        ("{loss}", {**TWO, "module": TwoOutputs()}, None),
        ("{b_loss}-{a_mae}", {**TWO, "module": TwoOutputs()}, None),
        ("{mse}", {**TWO, "module": TwoOutputs()}, "Available: loss, a_loss, b_loss, a_mae, b_mae, epoch."),
        ("{val_mae:.1f}-{epoch:02d}", {"validation_split": 0.5}, None),
        ("{val_loss}", {"validation_split": 0.5, "validation_freq": 2, "best": True}, None),
        ("{batch}-{epoch}-{loss:.1f}-{mae:e}", {"freq": 1}, None),
        ("{{epoch}}", {}, None),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:ModelCheckpoint watches")
def test_16_15_a_template_is_refused_before_the_first_update(tmp_path, path, how, words):
    if words is None:
        assert fitted(tmp_path, path, **how)
        return
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        fitted(tmp_path, path, **how)


def test_16_15_an_unknown_field_is_a_key_error(tmp_path):
    with pytest.raises(KeyError, match="'speed'"):
        fitted(tmp_path, "{speed}")


@pytest.mark.parametrize(
    "before", [kit.ReduceLROnPlateau("loss"), kit.LearningRateScheduler(lambda epoch: 0.1)], ids=["plateau", "schedule"]
)
def test_16_15_a_callback_before_it_may_log_the_rate(tmp_path, before):
    assert fitted(tmp_path, "{learning_rate:.2f}", before=[before])


def test_16_15_a_callback_of_the_user_may_add_names(tmp_path):
    adds = kit.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(speed=epoch))

    assert fitted(tmp_path, "{speed}", before=[adds]) == ["0", "1", "2"]
