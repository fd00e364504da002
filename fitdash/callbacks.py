"""The public callbacks, with the names, arguments and defaults of Keras 3; `ChangeSettings` is fitdash's own."""

from fitdash.engine.callbacks.backup_and_restore import BackupAndRestore
from fitdash.engine.callbacks.base import Callback, Moment
from fitdash.engine.callbacks.csv_logger import CSVLogger
from fitdash.engine.callbacks.early_stopping import EarlyStopping
from fitdash.engine.callbacks.history import History
from fitdash.engine.callbacks.lambda_callback import LambdaCallback
from fitdash.engine.callbacks.learning_rate_scheduler import LearningRateScheduler
from fitdash.engine.callbacks.model_checkpoint import ModelCheckpoint
from fitdash.engine.callbacks.progbar_logger import ProgbarLogger
from fitdash.engine.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from fitdash.engine.callbacks.remote_monitor import RemoteMonitor
from fitdash.engine.callbacks.tensorboard import TensorBoard
from fitdash.engine.callbacks.terminate_on_nan import TerminateOnNaN
from fitdash.runs.callbacks.change_settings import ChangeSettings

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "ChangeSettings",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Moment",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "TensorBoard",
    "TerminateOnNaN",
]
