"""Where torchaudio keeps the weights of its aligners."""


def pipeline_file(pipeline: str) -> str | None:
    """Return the file name of a torchaudio pipeline's weights; None if torchaudio knows no such pipeline."""
    import torchaudio

    path = getattr(getattr(torchaudio.pipelines, pipeline, None), "_path", None)
    return str(path) if path is not None else None
