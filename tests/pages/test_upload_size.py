"""A file that is larger than the server allows."""


def test_a_file_beyond_the_bound_of_the_server_is_refused_and_not_kept(monkeypatch, home, open_page):
    monkeypatch.setenv("FITDASH_UPLOAD_MEGABYTES", "1")
    page = open_page()
    rows = b"a,b\n" + b"1.5,2\n" * 200_000

    page.file_uploader(key="data.file").set_value(("large.csv", rows, "text/csv")).run()

    assert not page.exception
    said = "large.csv must be at most 1 MB, got 1.2 MB."
    assert [str(error.value).replace("\\", "").partition(" Leave")[0] for error in page.error] == [said]
    assert not (home / "uploads").exists()


def test_a_file_within_the_bound_is_taken(monkeypatch, home, open_page):
    monkeypatch.setenv("FITDASH_UPLOAD_MEGABYTES", "1")
    page = open_page()

    page.file_uploader(key="data.file").set_value(("small.csv", b"a,b\n" + b"1.5,2\n2.5,3\n" * 20, "text/csv")).run()

    assert [str(error.value) for error in page.error] == []
    assert len(list((home / "uploads").iterdir())) == 1


def test_a_file_for_which_there_is_no_room_is_refused_and_not_kept(monkeypatch, home, open_page):
    monkeypatch.setenv("FITDASH_DISK_GIGABYTES", "0.001")
    page = open_page()
    rows = b"a,b\n" + b"1.5,2\n" * 200_000

    page.file_uploader(key="data.file").set_value(("large.csv", rows, "text/csv")).run()

    assert not page.exception
    (error,) = page.error
    said = str(error.value).replace("\\", "")
    assert said.startswith("The runs and uploads of this server must take at most 0.001 GB, got 0.0012")
    assert not (home / "uploads").exists()
