"""The Whisper network with the parameter names of transformers' WhisperModel, open to guided attention."""

import math

import torch
from torch import nn
from torch.nn import functional

FRAMES = 1500  # encoder positions of 30 s
POSITIONS = 448  # decoder positions
MELS = 80
EXPLICIT_SCORES = 800 * 800  # on a CPU, up to this many the plain formula trains faster than the fused one


CODE_SCALE = 0.1  # brings position codes to the size of trained embeddings


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor | None = None,
        *,
        causal: bool = False,
        weights: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, L, width) and, if asked for, the weights (B, heads, L, M)."""
        memory = x if memory is None else memory
        batch, _, width = x.shape

        def split(y: torch.Tensor) -> torch.Tensor:
            return y.view(batch, -1, self.heads, width // self.heads).transpose(1, 2)

        queries, keys, values = split(self.q_proj(x)), split(self.k_proj(memory)), split(self.v_proj(memory))
        attended = None
        if weights or (not causal and queries.shape[2] * keys.shape[2] <= EXPLICIT_SCORES):
            scores = (queries * (width // self.heads) ** -0.5) @ keys.transpose(2, 3)
            attended = scores.softmax(-1).to(values.dtype)
            heard = attended @ values
        else:
            heard = functional.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
        return self.out_proj(heard.transpose(1, 2).reshape(batch, -1, width)), attended if weights else None


class EncoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def feed_forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.feed_forward(x + self.self_attn(self.self_attn_layer_norm(x))[0])


class DecoderLayer(EncoderLayer):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__(width, heads, hidden)
        self.encoder_attn = Attention(width, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)

    def attend(
        self, x: torch.Tensor, memory: torch.Tensor, *, weights: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        x = x + self.self_attn(self.self_attn_layer_norm(x), causal=True)[0]
        heard, attended = self.encoder_attn(self.encoder_attn_layer_norm(x), memory, weights=weights)
        return self.feed_forward(x + heard), attended


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(MELS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding.from_pretrained(sinusoids(FRAMES, width), freeze=True)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, hidden) for _ in range(depth))
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """(B, 80, T) log mel frames of 10 ms → (B, T/2, width)."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.layer_norm(x)


class Decoder(nn.Module):
    def __init__(self, vocabulary: int, width: int, heads: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.embed_positions = nn.Embedding(POSITIONS, width)
        self.layers = nn.ModuleList(DecoderLayer(width, heads, hidden) for _ in range(depth))
        self.layer_norm = nn.LayerNorm(width)
        nn.init.normal_(self.embed_tokens.weight, std=0.05)
        nn.init.normal_(self.embed_positions.weight, std=0.02)

    def forward(
        self, tokens: torch.Tensor, memory: torch.Tensor, watched: frozenset[int] = frozenset()
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """Logits (B, L, vocabulary) and the cross-attention weights of the `watched` layers.

        Component 0 of the last state is the constant 1, so column 0 of the embedding is a bias per token: the
        export gives untrained tokens a large negative one.
        """
        x = self.embed_tokens(tokens) + self.embed_positions.weight[: tokens.shape[1]]
        attended = {}
        for index, layer in enumerate(self.layers):
            x, weights = layer.attend(x, memory, weights=index in watched)
            if weights is not None:
                attended[index] = weights
        state = self.layer_norm(x)
        state = torch.cat([torch.ones_like(state[..., :1]), state[..., 1:]], -1)
        return state @ self.embed_tokens.weight.T.to(state.dtype), attended


class TinyWhisper(nn.Module):
    """Encoder, decoder, and a CTC head over letters that only training uses."""

    WIDTH, HEADS, HIDDEN, DEPTH = 128, 4, 512, 4

    def __init__(self, vocabulary: int, letters: int) -> None:
        super().__init__()
        sizes = (self.WIDTH, self.HEADS, self.HIDDEN, self.DEPTH)
        self.encoder = Encoder(*sizes)
        self.decoder = Decoder(vocabulary, *sizes)
        self.letters = nn.Linear(self.WIDTH, letters)

    @torch.no_grad()
    def code_times(self, rows: torch.Tensor) -> None:
        """Sets the embeddings of evenly spaced timestamps to the position codes of the frames they name."""
        embedding = self.decoder.embed_tokens.weight
        frames = torch.linspace(0, FRAMES - 1, len(rows)).round().long()
        codes = self.encoder.embed_positions.weight[frames] * CODE_SCALE
        codes[:, 0] = embedding[rows, 0].mean()  # the bias per token
        embedding[rows] = codes


def sinusoids(length: int, width: int) -> torch.Tensor:
    """(length, width): Whisper's fixed position codes."""
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2))
    angles = torch.arange(length)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], 1)
