import pytest

from fitdash.settings.schedules import learning_rate_at


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        ("step", [1.0, 1.0, 0.25, 0.25, 0.0625]),
        ("exponential", [1.0, 0.5, 0.25, 0.125, 0.0625]),
        ("linear", [1.0, 0.8125, 0.625, 0.4375, 0.25]),
        ("cosine", [1.0, 0.890165, 0.625, 0.359835, 0.25]),
        ("warmup", [0.5, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_a_schedule_is_a_course_over_the_epochs(schedule, rates):
    course = [learning_rate_at(schedule, epoch, initial=1.0, epochs=5, factor=0.25, every=2) for epoch in range(5)]

    assert course == pytest.approx(rates, abs=1e-6)


def test_a_single_epoch_starts_at_the_initial_rate():
    assert learning_rate_at("cosine", 0, initial=0.1, epochs=1, factor=0.0, every=1) == 0.1
