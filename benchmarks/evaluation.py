"""The Evaluator's throughput against the same model scored in a plain loop, and its memory by the number of sentences.

    make bench-evaluation [DATA=FILE] [ARGS="--model output/serving/VERSION"]

The peers, each a process, score the same examples (the lines of DATA, again and again, until they have a million
tokens) and take turns:

    evaluator  the component's own executor, from the TFRecord files to the verdict
    loop       TFRecord files, batches of 256 sentences of similar length, the `evaluate` signature, sums in NumPy

Libraries are imported and the model is loaded before the loop's clock starts; the Evaluator loads it within its time,
as in a pipeline. Prints a table, writes benchmarks/out/evaluation.json.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

NAME = "evaluation"
FOLDER = Path(__file__).parent
OUTPUT = FOLDER / "out" / f"{NAME}.json"
PEERS = ("evaluator", "loop")
# For the memory: so much less than the whole.
SMALL_SHARE = 0.1


def run_worker(peer: str, model: Path, examples: Path) -> dict[str, Any]:
    """Lets a peer work in a fresh process.

    Returns:
        `seconds`, `tokens`, `perplexity` and `peak_megabytes` (of the process's life).
    """
    command = [sys.executable, str(FOLDER / "evaluation_workers" / f"{peer}.py"), str(model), str(examples)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"{peer} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def table(figures: dict[str, Any]) -> Table:
    """The medians for people."""
    shown = Table("peer", "tokens/s", "slowest, fastest", "peak MB", "perplexity")
    for column in shown.columns[1:]:
        column.justify = "right"
    for peer in PEERS:
        rates = figures[peer]["rates"]
        edges = f"{min(rates):,.0f}, {max(rates):,.0f}"
        values = (f"{figures[peer]['peak_megabytes']:,.0f}", f"{figures[peer]['perplexity']:.4f}")
        shown.add_row(peer, f"{statistics.median(rates):,.0f}", edges, *values)
    return shown


@click.command()
@click.option("--data", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Lines of text.")
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A version's own folder.")
@click.option("--tokens", type=click.IntRange(min=1000), default=1_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
def main(data: Path | None, model: Path | None, tokens: int, rounds: int) -> None:
    """Measures the Evaluator."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Results beside other work are worth little; this shows whether there was some.
    load_average = os.getloadavg()[0]
    from evaluation_workers.examples import write_examples
    from serving import sample_lines

    lines = sample_lines(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if model is None:
            from serving_workers.model import build_model

            model = Path(build_model(lines, name))
        write_examples(lines, tokens, folder / "all")
        write_examples(lines, int(tokens * SMALL_SHARE), folder / "few")
        figures: dict[str, Any] = {peer: {"rates": []} for peer in PEERS}
        for _ in range(rounds):
            for peer in PEERS:
                found = run_worker(peer, model, folder / "all")
                figures[peer]["rates"].append(found["tokens"] / found["seconds"])
                figures[peer] |= {key: found[key] for key in ("tokens", "perplexity", "peak_megabytes")}
        figures["evaluator_few_peak_megabytes"] = run_worker("evaluator", model, folder / "few")["peak_megabytes"]
    ratios = {
        "evaluator_vs_loop": statistics.median(figures["evaluator"]["rates"])
        / statistics.median(figures["loop"]["rates"]),
        "memory_all_vs_few": figures["evaluator"]["peak_megabytes"] / figures["evaluator_few_peak_megabytes"],
    }
    report = {
        "name": NAME,
        "ratios": {key: round(value, 3) for key, value in ratios.items()},
        "figures": {**figures, "rounds": rounds},
        "machine": {
            "cores": os.cpu_count(),
            "load_average_before": load_average,
            "python": platform.python_version(),
            "system": platform.platform(),
        },
    }
    console = Console()
    console.print(table(figures))
    console.print_json(data=report["ratios"])
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written: {OUTPUT}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
