"""How much memory is free."""

from fitdash.runs.scheduling.free_memory import free_bytes


def test_the_smaller_of_machine_and_container_counts(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2000 kB\n")
    assert free_bytes(tmp_path / "meminfo", tmp_path) == 2_048_000

    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 50000\n")
    assert free_bytes(tmp_path / "meminfo", tmp_path) == 150_000

    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(tmp_path / "meminfo", tmp_path) == 2_048_000


def test_where_the_system_does_not_tell_nobody_knows(tmp_path):
    assert free_bytes(tmp_path / "nothing", tmp_path / "nothing") is None
