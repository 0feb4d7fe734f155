"""Welch's test and interval of scipy, all contrasts in one call."""

import numpy as np
import scipy
from scipy.stats import ttest_ind

from protocol import serve

RUNS = 6
CONFIDENCE = 0.95


def run(values, _header):
    test = ttest_ind(values[:, :RUNS], values[:, RUNS:], axis=1, equal_var=False)
    interval = test.confidence_interval(CONFIDENCE)
    return np.stack([test.pvalue, interval.low, interval.high], axis=-1)


if __name__ == "__main__":
    serve(run, [np, scipy])
