"""What both peers share: the published file, and numbers in the order of the benchmark."""

import numpy as np


def load(path):
    """Arrays as the published scripts save and load them, all in memory."""
    data = np.load(path)
    return (
        data["representations_all"],
        np.exp(data["outputs_all"]),
        data["labels_all"].astype(int),
        data["readout_weight"],
    )


def in_order(accuracy, norm, cosine, future, changes, courses, correct_by_step):
    """One list: None where a group is empty."""
    rows = [accuracy, *norm, *cosine, *future, *changes]
    numbers = [None if x is None or np.isnan(x) else float(x) for row in rows for x in row]
    return numbers + [int(n) for n in courses] + [int(n) for n in correct_by_step]


def dendrogram(weight):
    """Ward's linkage of half of one minus the cosine; None without SciPy."""
    try:
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform
    except ImportError:
        return None
    unit = weight / np.linalg.norm(weight, axis=1, keepdims=True)
    distance = (1 - unit @ unit.T) / 2
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0)
    return linkage(squareform(distance), "ward")
