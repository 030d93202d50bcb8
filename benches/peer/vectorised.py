"""The analyses in vectorised NumPy, written with care: no loop over images or pairs.

One step of the representations is in the caches' reach at a time, products go to BLAS, pairs
within a zone are summed by class, and a bootstrap is a product of multiplicities and values.
"""

import time

import numpy as np
import published

REPLICATES = 1000
# Replicates whose multiplicities are held at once.
PART = 100


def outcomes(answers, labels):
    """Stable step of every image (-1: not stable) by both rules, and its course."""
    steps = len(answers)
    last = answers[-1]
    differs = answers != last
    step = np.where(differs.any(0), steps - np.argmax(differs[::-1], axis=0), 0)
    before = np.arange(steps)[:, None] < step
    stable = (steps - step >= 2) & ~((answers == last) & before).any(0)
    right, ever = last == labels, (answers == labels).any(0)
    course = np.where(stable, np.where(right, 0, 1), np.where(ever, 2, 3))
    return np.where(stable, step, -1), course


def first_pass(r, answers, labels, weight, margins):
    """Norms, changes and cosines of every image and step: `[step, image]`."""
    steps, n, _ = r.shape
    norms, cosines = np.empty((steps, n)), np.empty((steps, n, len(weight)))
    changes, margin = np.empty((steps - 1, n)), np.empty((steps, n))
    weight = weight.astype(r.dtype)
    lengths = np.linalg.norm(weight, axis=1)
    products = weight @ weight.T
    apart = np.sqrt(np.maximum(lengths[:, None] ** 2 + lengths**2 - 2 * products, 0))
    np.fill_diagonal(apart, np.inf)
    for t in range(steps):
        norms[t] = np.sqrt(np.einsum("ij,ij->i", r[t], r[t]))
        scores = r[t] @ weight.T
        if margins:
            c = answers[t]
            distance = (scores[np.arange(n), c][:, None] - scores) / apart[c]
            distance[np.arange(n), c] = np.inf
            margin[t] = distance.min(1)
        np.divide(scores, norms[t][:, None] * lengths, out=cosines[t])
        if t + 1 < steps:
            difference = r[t + 1] - r[t]
            changes[t] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return norms, changes, cosines, margin


class Crowd:
    """Images not yet correct, in one zone at one step."""

    def __init__(self, images, cosines, labels):
        self.images, self.cosines = images, cosines[images]
        self.member = np.zeros_like(self.cosines)
        self.member[np.arange(len(images)), labels[images]] = 1
        self.own = self.member * self.cosines

    def sums(self, w):
        """Sums and counts over own classes and over pairs, for rows of multiplicities."""
        w = w[:, self.images]
        occurs, of_all, of_own = w @ self.member, w @ self.cosines, w @ self.own
        everyone = w.sum(1, keepdims=True)
        pairs = (occurs * (of_all - of_own)).sum(1), (occurs * (everyone - occurs)).sum(1)
        return of_own.sum(1), everyone[:, 0], *pairs


def ratio(sums, counts):
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


class Statistics:
    """Every statistic as a function of how often each image counts."""

    def __init__(self, r, p, labels, weight, margins):
        answers = np.argmax(p, axis=2)
        self.answers, self.labels = answers, labels
        self.steps = len(answers)
        self.stable, self.course = outcomes(answers, labels)
        correct = self.course == 0
        norms, changes, cosines, margin = first_pass(r, answers, labels, weight, margins)
        steps = np.arange(self.steps)[:, None]
        self.now = (correct & (self.stable <= steps)).astype(float)
        self.later = (correct & (self.stable > steps)).astype(float)
        self.right = (answers == labels).astype(float)
        current = np.take_along_axis(cosines, answers[:, :, None], 2)[:, :, 0]
        self.quantities = [norms, current] + ([margin] if margins else [])
        self.groups = [np.flatnonzero(correct & (self.stable == s)) for s in range(self.steps)]
        self.changes = changes
        self.crowds = []
        for t in range(self.steps):
            later = np.flatnonzero(self.later[t])
            order = later[np.argsort(answers[t, later], kind="stable")]
            bounds = np.flatnonzero(np.diff(answers[t, order])) + 1
            crowds = np.split(order, bounds) if len(order) else []
            self.crowds.append([Crowd(images, cosines[t], labels) for images in crowds])
        moved = answers[1:] != answers[:-1]
        self.transitions = moved.sum(0).astype(float)
        self.distinct = (np.diff(np.sort(answers, axis=0), axis=0) != 0).sum(0) + 1.0

    def of(self, w):
        """`[replicate, ...]` of every statistic for multiplicities `[replicate, image]`."""
        n = w.sum(1, keepdims=True)
        accuracy = w @ self.right.T / n
        contrasts = []
        for quantity in self.quantities:
            for side in (self.now, self.later):
                contrasts.append(ratio(w @ (quantity * side).T, w @ side.T))
        own, other = np.full((2, len(w), self.steps), np.nan)
        for t, crowds in enumerate(self.crowds):
            if crowds:
                sums = np.sum([crowd.sums(w) for crowd in crowds], axis=0)
                own[:, t], other[:, t] = ratio(sums[0], sums[1]), ratio(sums[2], sums[3])
        changes = []
        for group in filter(len, self.groups):
            sums, counts = w[:, group] @ self.changes[:, group].T, w[:, group].sum(1, keepdims=True)
            changes.append(ratio(sums, np.broadcast_to(counts, sums.shape)))
        paths = w @ np.stack([self.transitions, self.distinct], 1) / n
        return [accuracy, *contrasts, own, other, *changes, paths]


def interval(values):
    """The 2.5 % and 97.5 % quantiles along the first axis, of the values that exist."""
    values = np.sort(values, axis=0)  # NaN last
    last = np.maximum(np.count_nonzero(~np.isnan(values), axis=0) - 1, 0)
    ends = []
    for q in (0.025, 0.975):
        place = np.asarray(q * last)
        below = np.floor(place).astype(int)
        at = lambda index: np.take_along_axis(values, index[None], axis=0)[0]
        low, high = at(below), at(np.minimum(below + 1, last))
        ends.append(low + (place - below) * (high - low))
    return ends


def bootstrap(statistics):
    """95 % intervals over images, resampled within their classes."""
    generator = np.random.default_rng(0)
    labels = statistics.labels
    n = len(labels)
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 1))
    sizes = np.bincount(labels)
    first, size = starts[labels[order]], sizes[labels[order]]
    parts = []
    for begin in range(0, REPLICATES, PART):
        count = min(PART, REPLICATES - begin)
        drawn = order[first + (generator.random((count, n)) * size).astype(int)]
        drawn += np.arange(count)[:, None] * n
        w = np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(float)
        parts.append(statistics.of(w))
    return [interval(np.concatenate(values)) for values in zip(*parts)]


def transition_graph(statistics, classes):
    """How often images go from one class to another, by step."""
    counts = []
    for before, after in zip(statistics.answers[:-1], statistics.answers[1:]):
        moved = before != after
        flat = before[moved] * classes + after[moved]
        counts.append(np.bincount(flat, minlength=classes * classes).reshape(classes, classes))
    return counts


def analyse(request):
    start = time.perf_counter()
    intervals = request["set"] == "first_paper"
    r, p, labels, weight = published.load(request["npz"])
    statistics = Statistics(r, p, labels, weight, margins=intervals)
    values = [value[0] for value in statistics.of(np.ones((1, len(labels))))]
    published.dendrogram(weight)
    if intervals:
        bootstrap(statistics)
        transition_graph(statistics, len(weight))
    seconds = time.perf_counter() - start
    contrasts = 2 * len(statistics.quantities)
    accuracy, (norm, cosine) = values[0], (values[1:3], values[3:5])
    future, changes = values[1 + contrasts : 3 + contrasts], values[3 + contrasts : -1]
    courses = np.bincount(statistics.course, minlength=4)
    by_step = [len(group) for group in statistics.groups]
    numbers = published.in_order(accuracy, norm, cosine, future, changes, courses, by_step)
    return {"seconds": seconds, "numbers": numbers}
