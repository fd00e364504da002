"""What the first visitor of a server waits for."""

import os
import subprocess
import sys
from pathlib import Path

PAGES = Path(__file__).parents[2] / "pages"
PROGRAM = """if True:
    import sys

    from streamlit.testing.v1 import AppTest

    from fitdash.ui.session import server_resources

    server_resources.warm_up = lambda: None
    for path in sys.argv[1:]:
        page = AppTest.from_file(path, default_timeout=60).run()
        assert not page.exception, page.exception
        if "torch" in sys.modules:
            sys.exit(f"{path} imports torch")
"""


def test_no_page_waits_for_torch(tmp_path):
    environment = os.environ | {"FITDASH_HOME": str(tmp_path)}
    paths = [str(PAGES / name) for name in ("train.py", "compare.py", "sweep.py")]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *paths], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
