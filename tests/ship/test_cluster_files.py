"""The files of a box with several cards agree with each other and with the service."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings.schema import Settings
from tests.ship.test_compose import CLUSTER, LONGEST_STOP, MARGIN, ROOT

HAPROXY = (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))["services"]
CARDS = {name: service for name, service in SERVICES.items() if name != "haproxy"}
DEFAULTS = Settings(_env_file=None)


def entry(name: str) -> dict[str, Any]:
    found: dict[str, Any] = SERVICES[name]
    return found


def presets() -> dict[str, str]:
    return dict(re.findall(r"^    presetenv (\w+) (\S+)$", HAPROXY, re.MULTILINE))


@pytest.mark.parametrize("name", CARDS)
def test_each_card_has_one_gpu_of_its_own(name: str) -> None:
    (device,) = CARDS[name]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {
        "driver": "nvidia",
        "device_ids": [name.removeprefix("card-")],
        "capabilities": ["gpu"],
    }


def test_cards_differ_in_nothing_else_and_nobody_reaches_them_but_haproxy() -> None:
    first, *others = ({**card, "deploy": None} for card in CARDS.values())
    assert others
    assert all(card == first for card in others)
    assert "ports" not in first
    assert first["environment"]["FORWARDED_ALLOW_IPS"] == "*"


def test_haproxy_finds_the_cards_by_the_name_that_they_share() -> None:
    (alias,) = next(iter(CARDS.values()))["networks"]["default"]["aliases"]
    assert presets()["CARDS"] == f"{alias}:9000"
    assert HAPROXY.count('server-template card- 16 "${CARDS}"') == 3


def test_a_card_is_out_before_it_refuses_and_ends_before_it_is_killed() -> None:
    card = next(iter(CARDS.values()))
    delay, grace = (
        int(card["environment"][name]) for name in ("SHUTDOWN_DELAY_SECONDS", "SHUTDOWN_GRACE_SECONDS")
    )
    (interval,), (fall,) = re.findall(r"inter (\d+)s", HAPROXY), re.findall(r"fall (\d+)", HAPROXY)
    (answer,) = re.findall(r"timeout check (\d+)s", HAPROXY)
    assert delay >= int(fall) * int(interval) + int(answer)
    stop = int(card["stop_grace_period"].removesuffix("m")) * 60
    assert stop >= delay + grace + LONGEST_STOP - DEFAULTS.shutdown_grace_seconds + MARGIN


def test_what_haproxy_knows_of_the_limits_is_what_the_service_says() -> None:
    """These are written twice, since HAProxy reads no settings of ours: here they are held together."""
    told = presets()
    assert int(told["MAX_QUEUE_SIZE"]) == DEFAULTS.max_queue_size
    assert int(told["QUEUE_TIMEOUT"]) == DEFAULTS.queue_timeout
    assert int(told["CARD_PLACES"]) == DEFAULTS.gpu_concurrency + 1
    assert int(told["LONGEST_ANSWER"]) >= DEFAULTS.queue_timeout + DEFAULTS.request_timeout


def test_what_compose_hands_to_haproxy_has_a_default_there() -> None:
    assert set(entry("haproxy")["environment"]) <= set(presets())
    assert all(f"${{{name}}}" in HAPROXY for name in presets())


def test_haproxy_reads_its_file_from_the_repository_and_can_write_nothing() -> None:
    haproxy = entry("haproxy")
    (mounted,) = haproxy["volumes"]
    assert (ROOT / Path(mounted.split(":")[0])).exists()
    assert mounted.endswith(":ro")
    assert haproxy["read_only"] is True
    assert haproxy["cap_drop"] == ["ALL"]
