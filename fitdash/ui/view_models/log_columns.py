"""The logs of a run as columns that grow with each epoch."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fitdash.charts.thin import Floats
from fitdash.runs.record.records import EpochRow


@dataclass
class LogColumns:
    """One column of numbers for each log, NaN where an epoch has none.

    Attributes:
        count: Epochs so far.
        values: By log name, all of this length.
    """

    count: int = 0
    values: dict[str, "array[float]"] = field(default_factory=dict)

    def add(self, rows: Iterable[EpochRow]) -> None:
        """Appends epochs, which must come after all that are here."""
        for row in rows:
            for name in row.logs:
                if name not in self.values:
                    self.values[name] = array("d", [np.nan]) * self.count
            for name, column in self.values.items():
                column.append(row.logs.get(name, np.nan))
            self.count += 1

    def arrays(self) -> Mapping[str, Floats]:
        """A copy of the columns, which later epochs do not change."""
        return {name: np.array(column) for name, column in self.values.items()}
