"""Writes linkage.json: hierarchical clusterings by SciPy, for `trees_are_those_of_scipy`.

    python linkage.py > linkage.json        # numpy 2.4, scipy 1.17
"""

import json

import numpy as np
from scipy.cluster.hierarchy import cophenet, dendrogram, linkage

cases = []
for n, units in [(2, 3), (3, 3), (8, 5), (30, 12)]:
    w = np.random.default_rng(n).standard_normal((n, units))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    condensed = ((1 - w @ w.T) / 2)[np.triu_indices(n, 1)]
    case = {"n": n, "condensed": condensed.tolist()}
    for method in ("ward", "average"):
        tree = linkage(condensed, method)
        case[method] = tree.tolist()
        case[method + "_leaves"] = dendrogram(tree, no_plot=True)["leaves"]
        case[method + "_cophenetic"] = cophenet(tree).tolist()
    cases.append(case)
print(json.dumps(cases))
