"""The previous run, drawn behind the curves of the run that is shown."""

from fitdash.runs.protocol.events import ENDED
from fitdash.ui.session.identity import may_see, visitor_id
from fitdash.ui.session.live_changes import current_experiment
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.plan_line import difference_line
from fitdash.ui.view_models.run_view import RunReader, RunView

MOST_LOOKED_THROUGH = 50


def previous_run(server: ServerResources, run: RunView) -> RunView | None:
    """The run on the same data that this session showed before, else the one that trained before; None without one."""
    page = page_state()
    if run.is_example:
        return None
    if page.ghost_of != run.uid:
        page.ghost_of = run.uid
        shown = page.ghost.read(server.store) if page.ghost else None
        # Curves of other data cannot be compared.
        if shown is None or shown.uid == run.uid or shown.name != run.name:
            page.ghost = _before(server, run)
    found = page.ghost.read(server.store) if page.ghost else None
    return found if found and found.rows and may_see(server, found) else None


def _before(server: ServerResources, run: RunView) -> RunReader | None:
    """Reader of the newest older run on the same data: found even if the page was opened later, or by a link."""
    lines = server.store.lines(owner=visitor_id(server), limit=MOST_LOOKED_THROUGH)
    places = [place for place, line in enumerate(lines) if line.uid == run.uid]
    older = lines[places[0] + 1 :] if places else []
    return next((RunReader(line.uid) for line in older if line.name == run.name and line.state in ENDED), None)


def describe_comparison(previous: RunView, run: RunView) -> str:
    """What is different between the two runs, as markdown."""
    before, now = current_experiment(previous), run.experiment
    if before is None or now is None:
        return "Grey and dashed: the previous run."
    line = difference_line(before, now)
    return f"Since the previous run, which is grey and dashed: {line or 'nothing was changed'}."
