"""Reads a pasted text as settings for the form, with sentences about what was not understood."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fitdash.pasted.calls import CALL_READERS, SettingsReader
from fitdash.pasted.python_parser import read_python
from fitdash.pasted.r_parser import read_r
from fitdash.pasted.syntax_tree import Argument, Call, ParsedProgram, Statement, calls_in, quote_value
from fitdash.settings.callbacks import CallbackArgs
from fitdash.settings.experiment import SECTIONS, Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.weight_expressions import restore_file_content

LONGEST = 40_000
BARE = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*")
R_SIGNS = re.compile(
    r"<-|%>%|\|>|%<>%|\bTRUE\b|\bFALSE\b|\bNULL\b|\b\d+L\b|\blibrary\(|\bfunction\(|\blist\(|\bc\(|\w\$\w|::|"
    r"\b(?:callback|optimizer|layer|loss|metric|keras_model)_\w+"
)
PYTHON_SIGNS = re.compile(
    r"^\s*(?:import|from|def|class|with) |\bTrue\b|\bFalse\b|\bNone\b|\w\.\w+\(|[\[{]|\*\*|^>>> ", re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class PastedSettings:
    """The settings in a pasted text.

    Attributes:
        language: "Python" or "R".
        settings: Values by address: "fit.epochs", "compile.loss", "seed".
        callbacks: The callbacks in the text; None where it does not set them.
        sections: Parts of an experiment that a call sets as a whole, with defaults for what it leaves out.
        not_understood: Sentences about what has no counterpart in the form.
        passed_over: Other calls of the program, which set nothing.
    """

    language: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    callbacks: tuple[CallbackArgs, ...] | None = None
    sections: frozenset[str] = frozenset()
    not_understood: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def says_something(self) -> bool:
        """Whether the text sets anything."""
        return bool(self.settings or self.sections or self.callbacks)

    def applied(self, experiment: Experiment) -> Experiment:
        """The experiment with the settings of the text."""
        parts: dict[str, Any] = {}
        for name, cls in SECTIONS.items():
            given = {key.partition(".")[2]: value for key, value in self.settings.items() if key.startswith(f"{name}.")}
            parts[name] = replace(cls() if name in self.sections else getattr(experiment, name), **given)
        before = experiment.data
        if parts["data"].name == "upload" and parts["data"].filename == before.filename:
            parts["data"] = replace(parts["data"], content=before.content)
        held, kept = parts["fit"].validation_data, experiment.fit.validation_data
        if held is not None and held.kind == "upload" and kept is not None and held.filename == kept.filename:
            parts["fit"] = replace(parts["fit"], validation_data=replace(held, content=kept.content))
        if weighs := parts["fit"].sample_weight:
            parts["fit"] = replace(
                parts["fit"], sample_weight=restore_file_content(weighs, experiment.fit.sample_weight)
            )
        callbacks = experiment.callbacks if self.callbacks is None else self.callbacks
        return replace(experiment, **parts, callbacks=callbacks, seed=self.settings.get("seed", experiment.seed))


def read_pasted(text: str) -> PastedSettings:
    """The settings in a text of Python or R; no text makes it raise."""
    if len(text) > LONGEST:
        size = f"got {len(text):,}"
        return PastedSettings(language="", not_understood=(f"The text must have at most {LONGEST:,} signs, {size}.",))
    try:
        return _read_text(text.replace("\x00", ""))
    except RecursionError:
        return PastedSettings(language="", not_understood=("The text is nested too deeply to be read.",))


def _read_text(text: str) -> PastedSettings:
    program = _program(text)
    reading = SettingsReader(program.language, own="fitdash" in text)
    passed_over = [quote_value(one.value) for one in program.statements if not _read(reading, one)]
    if not (reading.sections or reading.settings or reading.callbacks is not None):
        _read_loose(reading, program)
    network, complaints = reading.layers.settings()
    if network:
        reading.sections.add("network")
    missed = [*program.complaints, *reading.not_understood, *complaints]
    if text.strip() and not (reading.settings or network or reading.sections or missed):
        missed.append("There is no call of fit or compile in it.")
    return PastedSettings(
        language=program.language,
        settings=network | reading.settings,
        callbacks=reading.callbacks,
        sections=frozenset(reading.sections),
        not_understood=tuple(dict.fromkeys(missed)),
        passed_over=tuple(dict.fromkeys(passed_over)),
    )


def _program(text: str) -> ParsedProgram:
    """The text parsed as the language that it looks like, or as the other one where that gives more."""
    bare = BARE.sub("''", text)
    is_r = len(R_SIGNS.findall(bare)) > len(PYTHON_SIGNS.findall(bare))
    first, second = (read_r, read_python) if is_r else (read_python, read_r)
    program = first(text)
    if program.complaints:
        loose = _arguments(text, first)
        if loose is not None:
            return loose
        other = second(text)
        if _meaning(other) > _meaning(program):
            return other
    return program


def _meaning(program: ParsedProgram) -> tuple[int, int]:
    """How many calls of a program set something, then, negative, how many complaints it has."""
    calls = [call for one in program.statements for call in calls_in(one.value)]
    return sum(call.name in CALL_READERS for call in calls), -len(program.complaints)


def _arguments(text: str, read: Any) -> ParsedProgram | None:
    """Arguments that were pasted without their call, as those of `arguments`; None for any other text."""
    program: ParsedProgram = read(f"arguments({text.strip().strip(',')}\n)")
    single = len(program.statements) == 1 and isinstance(program.statements[0].value, Call)
    call: Any = program.statements[0].value if single else None
    is_plain = call is not None and call.name == "arguments" and any(one.name is not None for one in call.given)
    return program if is_plain and not program.complaints else None


def _read(reading: SettingsReader, statement: Statement) -> bool:
    """Reads a statement; false for a call that sets nothing and is assigned to no variable."""
    found = [call for call in calls_in(statement.value) if reading.take(call)]
    for name in statement.names:
        if len(statement.names) == 1:
            reading.known[name] = statement.value
    return bool(found or statement.names) or not isinstance(statement.value, Call)


def _read_loose(reading: SettingsReader, program: ParsedProgram) -> None:
    """Reads variables that are named like arguments of `fit`, in a text without a call that sets something."""
    names = FitArgs.__dataclass_fields__
    given = [Argument(name.lower(), one.value) for one in program.statements for name in one.names]
    reading.take(Call("arguments", tuple(one for one in given if one.name in names)))
