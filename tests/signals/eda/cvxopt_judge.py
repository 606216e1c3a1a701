"""cvxEDA as a sparse quadratic program for cvxopt, for tests and benchmarks: an opinion that is not ours.

From the formulas of Greco, Valenza, Lanata, Scilingo, Citi (IEEE TBME 2016) with the boundaries of the authors' code
of 2025. The unknowns are q (the driver through the response's moving average), a line and the knots of a spline.
"""
import time

import cvxopt
import numpy as np
import scipy.sparse as sp


def to_cvxopt(matrix):
    matrix = matrix.tocoo()
    return cvxopt.spmatrix(matrix.data.tolist(), matrix.row.tolist(), matrix.col.tolist(), matrix.shape)


def solve(x, rate_hz):
    """x standardised; gives the objective, CPU seconds of the solver alone, and the phasic part."""
    cvxopt.solvers.options.update(show_progress=False, reltol=1e-9)
    n, dt = len(x), 1.0 / rate_hz
    fast, slow = 1 / 0.7, 1 / 2.0
    ar = np.array([(fast * dt + 2) * (slow * dt + 2), 2 * fast * slow * dt * dt - 8,
                   (fast * dt - 2) * (slow * dt - 2)]) / ((fast - slow) * dt * dt)
    A = sp.diags([np.full(n, v) for v in ar], [0, -1, -2], shape=(n, n))
    M = sp.diags([np.full(n, v) for v in (1.0, 2.0, 1.0)], [0, -1, -2], shape=(n, n))
    k = int(round(10.0 / dt))
    triangle = k - np.abs(np.arange(-k + 1, k))
    bump = np.convolve(triangle, triangle) / np.sum(triangle * triangle)
    knots = np.arange(0, n + k // 2, k)
    at = np.arange(n)[:, None] - knots[None, :] + 2 * k - 2
    B = sp.csc_matrix(np.where((at >= 0) & (at < len(bump)), bump[np.clip(at, 0, len(bump) - 1)], 0.0))
    C = sp.csc_matrix(np.column_stack([np.ones(n), np.arange(1, n + 1) / n]))
    J = sp.hstack([M, C, B]).tocsc()
    num_knots = B.shape[1]
    H = to_cvxopt(J.T @ J + sp.diags(np.r_[np.zeros(n + 2), np.full(num_knots, 1e-2)]))
    sparsity = np.r_[8e-4 * np.asarray(A.sum(axis=0)).ravel(), np.zeros(2 + num_knots)]
    f = cvxopt.matrix(sparsity - J.T @ x)
    G = to_cvxopt(sp.hstack([-A, sp.csc_matrix((n, 2 + num_knots))]))
    start = time.process_time()
    result = cvxopt.solvers.qp(H, f, G, cvxopt.matrix(np.zeros(n)))
    seconds = time.process_time() - start
    q = np.array(result["x"]).ravel()[:n]
    return result["primal objective"] + 0.5 * x @ x, seconds, M @ q
