"""Writes mixed_model.json: the mixed model of mixed_model.rs's test by dense matrices.

    python mixed_model.py > mixed_model.json        # numpy 2.4, scipy 1.17
"""

import json
import math

import numpy as np
from scipy.optimize import minimize_scalar

values, categories = [], []
for category, n in enumerate([3, 8, 5, 12, 2, 7, 9]):
    for image in range(n):
        noise = ((category * 31 + image * 17) % 13) / 13
        categories.append(category)
        values.append(0.1 * math.sin(category * 1.7) + 0.3 * noise - 0.1)
y, k = np.array(values), np.array(categories)
n, ones = len(y), np.ones(len(y))


def fit(ratio):
    """Mean, standard error, z, variances between and within; and minus the restricted likelihood."""
    v = np.eye(n) + ratio * (k[:, None] == k[None, :])
    inverse = np.linalg.inv(v)
    weight = ones @ inverse @ ones
    mean = ones @ inverse @ y / weight
    within = (y - mean) @ inverse @ (y - mean) / (n - 1)
    minus = 0.5 * ((n - 1) * math.log(within) + np.linalg.slogdet(v)[1] + math.log(weight))
    error = math.sqrt(within / weight)
    return [mean, error, mean / error, ratio * within, within], minus


best = minimize_scalar(lambda log: fit(math.exp(log))[1], bracket=(-2, 0), tol=1e-12)
print(json.dumps([float(value) for value in fit(math.exp(best.x))[0]]))
