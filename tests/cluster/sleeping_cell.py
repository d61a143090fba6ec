"""Replicas of Ray Serve on engines that sleep: what app.cluster starts, but for the models."""

import os
from pathlib import Path

from fastapi import FastAPI
from ray.serve import Application

from app.cluster import Choices, cell
from app.main import create_app
from app.settings.schema import Settings
from tests.cluster.sleeping_engines import SleepingEngines


def build(settings: Settings) -> FastAPI:
    """Return the application; the journal of all replicas is named by the environment."""
    engines = SleepingEngines(path=Path(os.environ["JOURNAL"]), writer=f"replica-{os.getpid()}")
    return create_app(settings, engines=engines)


def application(choices: Choices) -> Application:
    return cell(build, choices)
