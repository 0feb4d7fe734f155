"""The pigeonhole bootstrap in NumPy: multiplicities for all draws at once, then matrix products."""

import numpy as np

from protocol import serve

CONFIDENCE = 0.95


def means(cells, by_arm, by_item):
    """Mean of every arm and item, `[draw][arm][item]`.

    `cells[arm][item][run][prompt]` are pairs of a number of answers and their sum.
    """
    arms, items, runs, prompts, _ = cells.shape
    draws = len(by_arm)
    totals = np.empty((draws, arms, items, 2))
    for item in range(items):
        # Prompts first: one matrix product for both parts of all arms' runs.
        of_runs = cells[:, item].transpose(2, 3, 0, 1).reshape(prompts, -1)
        of_runs = (by_item[:, item] @ of_runs).reshape(draws, 2, arms, runs)
        totals[:, :, item] = np.einsum("dkar,dar->dak", of_runs, by_arm)
    return totals[..., 1] / totals[..., 0]


def run(cells, header):
    arms, items, runs, prompts, _ = cells.shape
    draws = header["draws"]
    rng = np.random.default_rng(2)
    by_arm = rng.multinomial(runs, np.full(runs, 1 / runs), (draws, arms)).astype(float)
    by_item = rng.multinomial(prompts, np.full(prompts, 1 / prompts), (draws, items)).astype(float)
    drawn = means(cells, by_arm, by_item)
    drawn = drawn[:, :-1] - drawn[:, -1:]
    observed = cells.sum(axis=(2, 3))
    observed = observed[..., 1] / observed[..., 0]
    estimate = observed[:-1] - observed[-1]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    stretch = np.sqrt(runs / (runs - 1))
    ends = [estimate, estimate + stretch * (low - estimate), estimate + stretch * (high - estimate)]
    return np.stack(ends, axis=-1)


if __name__ == "__main__":
    serve(run, [np])
