"""The settings of a shared server: visibility of runs, and bounds on training, uploads and disk."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from fitdash.settings.declaration import Arg, Settings


@dataclass(frozen=True, kw_only=True)
class ServerArgs(Settings):
    """Settings of the server; `runs.scheduling.server_settings` reads them from a file and the environment."""

    section: ClassVar[str] = "server"

    shared: Annotated[
        bool | None,
        Arg(
            help="A run belongs to the visitor who started it, and nobody else sees, stops or downloads it unless it "
            "was shared. Off: everybody sees and steers every run.",
            unset="on where the server listens to other machines",
        ),
    ] = None
    runs_at_once: Annotated[
        int | None,
        Arg(
            help="Runs that train at the same time: one in the server, the others in processes of their own.",
            minimum=1,
            unset="one less than the cores, at least 1",
        ),
    ] = None
    queue_length: Annotated[
        int, Arg(help="Runs that wait for their turn, of all visitors together.", minimum=0, maximum=10_000)
    ] = 100
    queue_length_per_visitor: Annotated[
        int, Arg(help="Runs of one visitor that wait, on a shared server.", minimum=0, maximum=10_000)
    ] = 10
    rows: Annotated[int, Arg(help="Rows of the data that a run trains on.", minimum=2)] = 1_000_000
    parameters: Annotated[int, Arg(help="Parameters of a network.", minimum=1)] = 100_000_000
    upload_megabytes: Annotated[
        int, Arg(help="Size of a file that is uploaded, in millions of bytes.", minimum=1, maximum=100)
    ] = 100
    disk_gigabytes: Annotated[
        float | None,
        Arg(
            help="Disk that the store, checkpoints and uploads may take together, in thousands of millions of bytes. "
            "Beyond it no run begins until somebody makes room: nothing is removed unasked.",
            more_than=0,
            unset="no bound",
        ),
    ] = None
    disk_gigabytes_per_visitor: Annotated[
        float | None,
        Arg(
            help="Disk that the files of one visitor's runs and the uploads they are made with may take, on a shared "
            "server.",
            more_than=0,
            unset="no bound",
        ),
    ] = None
