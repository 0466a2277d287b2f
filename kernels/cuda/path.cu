/* One lambda of the LOO path: the shrinkage of every direction, then the loss of every row. */
#include "kernel.cuh"
#include "kernels/formulas.h"

static __device__ double shrinkage_of(const double *eigenvalues, const double *penalised,
                                      const double *lambda, int64_t a) {
  return diva_shrinkage(eigenvalues[a], *lambda * penalised[a]);
}

/* Row 0 of the launch writes the shrinkage itself, the rows after it those of W'. */
template <typename Tile>
static __global__ void shrink_rows(struct diva_cuda_tile cross, const double *eigenvalues,
                                   const double *penalised, const double *lambda, double *shrinkage,
                                   struct diva_cuda_tile weights) {
  const int64_t row = diva_row_of_warp();
  if (row > cross.rows) {
    return;
  }
  for (int64_t a = diva_lane(); a < cross.columns; a += DIVA_WARP) {
    const double factor = shrinkage_of(eigenvalues, penalised, lambda, a);
    if (row == 0) {
      shrinkage[a] = factor;
    } else {
      const double value = diva_row<double>(cross, row - 1)[a] * factor;
      diva_row<Tile>(weights, row - 1)[a] = static_cast<Tile>(value);
    }
  }
}

template <typename Tile>
static __global__ void path_rows(struct diva_cuda_tile t, struct diva_cuda_tile y,
                                 struct diva_cuda_tile fitted, const double *shrinkage,
                                 const double *weight, const double *share, double *out) {
  const int64_t i = diva_row_of_warp();
  if (i >= t.rows) {
    return;
  }
  const Tile *direction = diva_row<Tile>(t, i);
  double form = 0.0;
  for (int64_t a = diva_lane(); a < t.columns; a += DIVA_WARP) {
    const double value = static_cast<double>(direction[a]);
    form += value * value * shrinkage[a];
  }
  const double one_minus_h = diva_one_minus_leverage(weight[i], diva_warp_sum(form));
  double loss = 0.0;
  for (int64_t c = diva_lane(); c < y.columns; c += DIVA_WARP) {
    const double e = static_cast<double>(diva_row<Tile>(y, i)[c]) -
                     static_cast<double>(diva_row<Tile>(fitted, i)[c]);
    loss += e / one_minus_h * (e / one_minus_h);
  }
  loss = diva_warp_sum(loss);
  if (diva_lane() == 0) {
    out[i] = share[i] * loss;
  }
}

cudaError_t diva_cuda_launch_shrink(bool is_double, struct diva_cuda_tile cross,
                                    const double *eigenvalues, const double *penalised,
                                    const double *lambda, double *shrinkage,
                                    struct diva_cuda_tile weights, cudaStream_t stream) {
  return diva_launch(is_double ? shrink_rows<double> : shrink_rows<float>,
                     diva_blocks_for_rows(cross.rows + 1), dim3(DIVA_BLOCK), stream, cross,
                     eigenvalues, penalised, lambda, shrinkage, weights);
}

cudaError_t diva_cuda_launch_path(bool is_double, struct diva_cuda_tile t, struct diva_cuda_tile y,
                                  struct diva_cuda_tile fitted, const double *shrinkage,
                                  const double *weight, const double *share, double *out,
                                  cudaStream_t stream) {
  return diva_launch(is_double ? path_rows<double> : path_rows<float>, diva_blocks_for_rows(t.rows),
                     dim3(DIVA_BLOCK), stream, t, y, fitted, shrinkage, weight, share, out);
}
