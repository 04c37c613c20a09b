"""Contestant: PyTorch as a specialist writes it. Packed batches, logits of real positions only, fused Adam.

Also in bfloat16 (autocast), with PyTorch's adaptive softmax, and with its loss that computes the logits in chunks.

The batches are those of our buckets, and are tensors on their device before the first round, so no input pipeline
is timed. Runs on the processor or (`device: cuda`) on the first GPU, there with TensorFloat-32, as ours does.
It needs an environment with PyTorch, and nothing of this package.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy, linear
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from training_workers.turns import Turns, available_cores, specification


class Model(nn.Module):
    """Embedding, LSTM layers, projection; dropout in the same places as ours."""

    def __init__(self, vocabulary: int, options: dict[str, Any], chunked: bool):
        super().__init__()
        units, dropout = options["units"], options["dropout"]
        self.embedding = nn.Embedding(vocabulary, units)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.recurrent = nn.LSTM(units, units, num_layers=options["layers"], dropout=dropout)
        self.drop = nn.Dropout(dropout)
        self.chunks = nn.LinearCrossEntropyOptions() if chunked else None
        self.adaptive = None
        if options["output"] == "adaptive":
            cutoffs = [cutoff for cutoff in options["adaptive_cutoffs"] if cutoff < vocabulary]
            self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(units, vocabulary, cutoffs)
            return
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.kernel = self.embedding.weight
        if not options["tied_embedding"]:
            self.kernel = nn.Parameter(torch.empty(vocabulary, units))
            nn.init.xavier_uniform_(self.kernel)

    def forward(self, inputs: PackedSequence, targets: torch.Tensor) -> torch.Tensor:
        """Returns nats per token; `targets` are the [tokens] ids in the order of the packed inputs."""
        embedded = inputs._replace(data=self.drop(self.embedding(inputs.data)))
        states, _ = self.recurrent(embedded)
        hidden = self.drop(states.data)
        if self.adaptive is not None:
            # It takes no other dtype than that of its products, which autocast makes bfloat16.
            dtype = torch.bfloat16 if torch.is_autocast_enabled(hidden.device.type) else hidden.dtype
            return self.adaptive(hidden.to(dtype), targets).loss
        if self.chunks is not None:
            # Releases before 2.13 have none.
            return functional.linear_cross_entropy(
                hidden, self.kernel, targets, linear_bias=self.bias, options=self.chunks
            )
        return cross_entropy(linear(hidden, self.kernel, self.bias), targets)


def packed(sentences: list[list[int]], start_id: int) -> tuple[PackedSequence, torch.Tensor]:
    """Returns packed inputs and the targets in the same order, the longest sentence first.

    Example: targets 7, 9, 3 and 8, 3 with start 2 are inputs 2, 2, 7, 8, 9 and targets 7, 8, 9, 3, 3.
    """
    longest_first = sorted(sentences, key=len, reverse=True)
    inputs = pack_sequence([torch.tensor([start_id, *ids[:-1]]) for ids in longest_first])
    return inputs, pack_sequence([torch.tensor(ids) for ids in longest_first]).data


def main() -> None:
    """Trains one round per turn."""
    turns, asked = Turns(), specification()
    device = asked["device"]
    on_gpu = device == "cuda"
    torch.set_float32_matmul_precision("high" if on_gpu else "highest")
    torch.set_num_threads(available_cores())
    sample, options = asked["sample"], asked["options"]
    torch.manual_seed(options["seed"])
    on_host = (packed(sentences, sample["start_id"]) for sentences in sample["batches"])
    batches = [(inputs.to(device), targets.to(device)) for inputs, targets in on_host]
    tokens = sum(len(targets) for _, targets in batches)
    model = Model(asked["vocabulary"], options, asked["chunked"]).to(device)
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, options["learning_rate"], fused=True)
    # Adam creates its two moments in its first step; with gradients of 0 that step changes nothing.
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    facts = {"device": {"name": torch.cuda.get_device_name()}, "pytorch": torch.__version__} if on_gpu else {}
    turns.ready(state_bytes=3 * sum(each.numel() * each.element_size() for each in parameters), **facts)
    while True:
        turns.begin()
        total = torch.zeros((), device=device)
        for inputs, targets in batches:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast(device, torch.bfloat16, enabled=options["precision"] == "bfloat16"):
                loss = model(inputs, targets)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, options["clip_norm"])
            optimizer.step()
            total += loss.detach() * len(targets)
        # Waits for the GPU.
        loss_per_token = float(total) / tokens
        turns.end(work=tokens, loss=loss_per_token, device_peak=torch.cuda.max_memory_allocated() if on_gpu else None)


if __name__ == "__main__":
    main()
