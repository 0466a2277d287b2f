/* Square float64 matrices: triangles, the diagonal, and their float32 copies. */
#include "kernel.cuh"

enum { SIDE = 32, SIDE_ROWS = DIVA_BLOCK / SIDE };

/* A block turns one square of 32 x 32 above the diagonal into the one below, through shared memory
 * so that both are touched row by row; the column more keeps a column off a single bank. */
static __global__ void symmetrize(struct diva_cuda_tile a) {
  __shared__ double square[SIDE][SIDE + 1];
  const int64_t squares = (a.columns + SIDE - 1) / SIDE;
  const int64_t top = blockIdx.x / squares * SIDE;
  const int64_t left = blockIdx.x % squares * SIDE;
  const int lane = static_cast<int>(threadIdx.x % SIDE);
  const int first = static_cast<int>(threadIdx.x / SIDE);
  if (left < top) {
    return;
  }
  for (int r = first; r < SIDE; r += SIDE_ROWS) {
    if (top + r < a.rows && left + lane < a.columns) {
      square[r][lane] = diva_row<double>(a, top + r)[left + lane];
    }
  }
  __syncthreads();
  for (int r = first; r < SIDE; r += SIDE_ROWS) {
    const int64_t i = left + r;
    const int64_t j = top + lane;
    if (i < a.rows && j < i) {
      diva_row<double>(a, i)[j] = square[lane][r];
    }
  }
}

static __global__ void fold(struct diva_cuda_tile a) {
  const int64_t i = diva_row_of_warp();
  if (i >= a.rows) {
    return;
  }
  double *row = diva_row<double>(a, i);
  for (int64_t j = diva_lane(); j < a.columns; j += DIVA_WARP) {
    if (j != i) {
      row[j] = j < i ? 0.0 : 2.0 * row[j];
    }
  }
}

static __global__ void copy_upper(struct diva_cuda_tile from, struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const double *source = diva_row<double>(from, i);
  double *target = diva_row<double>(to, i);
  for (int64_t j = diva_lane(); j < from.columns; j += DIVA_WARP) {
    target[j] = j < i ? 0.0 : source[j];
  }
}

static __global__ void set_identity(struct diva_cuda_tile a) {
  const int64_t i = diva_row_of_warp();
  if (i >= a.rows) {
    return;
  }
  double *row = diva_row<double>(a, i);
  for (int64_t j = diva_lane(); j < a.columns; j += DIVA_WARP) {
    row[j] = i == j ? 1.0 : 0.0;
  }
}

/* One warp walks the diagonal. A NaN fails every comparison. */
static __global__ void find_pivot(struct diva_cuda_tile a, bool positive, int *found) {
  long long first = INT64_MAX;
  for (int64_t i = diva_lane(); i < a.rows; i += DIVA_WARP) {
    const double pivot = diva_row<double>(a, i)[i];
    const bool good = positive ? pivot > 0.0 && pivot < INFINITY : pivot != 0.0;
    if (!good && i < first) {
      first = i;
    }
  }
  first = diva_warp_least(first);
  if (diva_lane() == 0) {
    *found = first == INT64_MAX ? 0 : static_cast<int>(first + 1);
  }
}

static __global__ void narrow(struct diva_cuda_tile from, float *to) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const double *source = diva_row<double>(from, i);
  for (int64_t j = diva_lane(); j < from.columns; j += DIVA_WARP) {
    to[i * from.columns + j] = static_cast<float>(source[j]);
  }
}

static __global__ void widen(const float *from, struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_warp();
  if (i >= to.rows) {
    return;
  }
  double *target = diva_row<double>(to, i);
  for (int64_t j = diva_lane(); j < to.columns; j += DIVA_WARP) {
    target[j] = static_cast<double>(from[i * to.columns + j]);
  }
}

cudaError_t diva_cuda_launch_symmetrize(struct diva_cuda_tile a, cudaStream_t stream) {
  const int64_t squares = (a.columns + SIDE - 1) / SIDE;
  return diva_launch(symmetrize, diva_blocks_for(squares * squares, 1), dim3(DIVA_BLOCK), stream,
                     a);
}

cudaError_t diva_cuda_launch_fold(struct diva_cuda_tile a, cudaStream_t stream) {
  return diva_launch(fold, diva_blocks_for_rows(a.rows), dim3(DIVA_BLOCK), stream, a);
}

cudaError_t diva_cuda_launch_copy_upper(struct diva_cuda_tile from, struct diva_cuda_tile to,
                                        cudaStream_t stream) {
  return diva_launch(copy_upper, diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from,
                     to);
}

cudaError_t diva_cuda_launch_identity(struct diva_cuda_tile a, cudaStream_t stream) {
  return diva_launch(set_identity, diva_blocks_for_rows(a.rows), dim3(DIVA_BLOCK), stream, a);
}

cudaError_t diva_cuda_launch_find_pivot(struct diva_cuda_tile a, bool positive, int *found,
                                        cudaStream_t stream) {
  return diva_launch(find_pivot, dim3(1), dim3(DIVA_WARP), stream, a, positive, found);
}

cudaError_t diva_cuda_launch_narrow(struct diva_cuda_tile from, float *to, cudaStream_t stream) {
  return diva_launch(narrow, diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from, to);
}

cudaError_t diva_cuda_launch_widen(const float *from, struct diva_cuda_tile to,
                                   cudaStream_t stream) {
  return diva_launch(widen, diva_blocks_for_rows(to.rows), dim3(DIVA_BLOCK), stream, from, to);
}
