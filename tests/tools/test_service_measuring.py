"""What is measured on a GPU through the service, in its quick form on the CPU."""

from benchmarks.card import service
from tests.service import Service


def test_the_service_is_measured(live_service: Service) -> None:
    figure = service.measure_meeting(live_service, 1)
    assert "word error rate 0.0" in figure.note
    assert service.measure_raw(live_service, 5, 1).value > 0
