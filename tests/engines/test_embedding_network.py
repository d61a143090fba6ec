"""Embedding networks split at their statistics pooling give what they give whole."""

import numpy as np
import pytest
import torch
from pyannote.audio.models.embedding import WeSpeakerResNet34, XVectorMFCC

from app.audio.waveform import to_float32
from app.engines.diarization.embedding_network import split_at_pooling
from app.engines.diarization.embeddings import EmbeddingExtractor, Windows
from app.engines.diarization.speaker_activity import SpeakerActivity

NETWORKS = {"WeSpeaker": WeSpeakerResNet34, "x-vector": lambda: XVectorMFCC(dimension=64)}
SAMPLES, FRAMES = 32000, 100


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> torch.nn.Module:
    torch.manual_seed(0)
    built: torch.nn.Module = NETWORKS[request.param]().eval()
    return built


def masks() -> torch.Tensor:
    drawn = torch.rand(3, FRAMES, generator=torch.Generator().manual_seed(4))
    return (drawn > 0.4).float()


def test_the_halves_make_the_whole(network: torch.nn.Module) -> None:
    halves = split_at_pooling(network)
    assert halves is not None
    sound = torch.randn(3, 1, SAMPLES, generator=torch.Generator().manual_seed(3)) * 0.1
    with torch.inference_mode():
        ours = halves.pooling(halves.encoder(halves.features(sound)), masks())
        whole = network(sound, weights=masks())
    torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)


def test_vectors_are_those_of_one_run_per_speaker(network: torch.nn.Module) -> None:
    """Also for a speaker who is silent, whom we never run, and for a window where all are."""
    sound = np.random.default_rng(5).normal(0, 3000, 5 * SAMPLES // 2).astype(np.int16)
    activity = np.zeros((4, FRAMES, 2), dtype=np.float32)
    activity[0, :60, 0] = 1
    activity[1, :, 0] = activity[1, 40:, 1] = 1
    activity[3, 50:, 1] = 1
    starts = (0, SAMPLES // 2, SAMPLES, 2 * SAMPLES)
    halves = split_at_pooling(network)
    assert halves is not None
    extractor = EmbeddingExtractor(
        network=halves,
        dimension=64 if isinstance(network, XVectorMFCC) else 256,
        device=torch.device("cpu"),
        dtype=torch.float32,
        batch_size=2,
        min_samples=4000,
        exclude_overlap=False,
    )
    vectors = extractor.extract(sound, Windows(starts, SAMPLES, SpeakerActivity.pack(activity)), lambda: None)
    padded = torch.nn.functional.pad(torch.from_numpy(to_float32(sound)), (0, SAMPLES))
    for window, start in enumerate(starts):
        for speaker in range(2):
            mask = torch.from_numpy(activity[window, :, speaker]).unsqueeze(0)
            with torch.inference_mode():
                whole = network(padded[None, None, start : start + SAMPLES], weights=mask)[0]
            np.testing.assert_allclose(vectors[window, speaker], whole.numpy(), atol=1e-4, rtol=1e-4)


def test_networks_of_other_kinds_are_left_to_pyannote() -> None:
    assert split_at_pooling(torch.nn.Linear(2, 2)) is None
