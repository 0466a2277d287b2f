/* Sums in an order that is always the same, whatever runs first. */
#include "kernel.cuh"

/* One thread an element of the sum; its partials in order. */
template <typename Tile>
static __global__ void add_partials(struct diva_cuda_tile partial, int64_t apart, int64_t count,
                                    struct diva_cuda_units units, bool upper,
                                    struct diva_cuda_tile sum) {
  const int64_t blocks_a_row = (sum.columns + DIVA_BLOCK - 1) / DIVA_BLOCK;
  const int64_t i = blockIdx.x / blocks_a_row;
  const int64_t j = blockIdx.x % blocks_a_row * DIVA_BLOCK + threadIdx.x;
  if (j >= sum.columns || (upper && j < i)) {
    return;
  }
  const Tile *from = diva_row<Tile>(partial, i) + j;
  double total = 0.0;
  for (int64_t b = 0; b < count; b++) {
    const double unit =
        units.left ? units.left[b * units.step + i] * units.right[b * units.step + j] : 1.0;
    total += unit * static_cast<double>(from[b * apart]);
  }
  diva_row<double>(sum, i)[j] += total;
}

enum { MOMENT_LANES = DIVA_BLOCK / DIVA_WARP };

/* A block sums DIVA_CUDA_MOMENT_ROWS rows of 32 columns: its warps take every eighth row, and the
 * first warp adds their sums in order. */
template <typename Tile>
static __global__ void sum_moments(struct diva_cuda_tile z, const double *weight,
                                   double *partials) {
  __shared__ double first[MOMENT_LANES][DIVA_WARP];
  __shared__ double second[MOMENT_LANES][DIVA_WARP];
  const int64_t stripes = (z.columns + DIVA_WARP - 1) / DIVA_WARP;
  const int64_t chunk = blockIdx.x / stripes;
  const int64_t j = blockIdx.x % stripes * DIVA_WARP + diva_lane();
  const int warp = static_cast<int>(threadIdx.x / DIVA_WARP);
  const int lane = static_cast<int>(diva_lane());
  const int64_t end =
      (chunk + 1) * DIVA_CUDA_MOMENT_ROWS < z.rows ? (chunk + 1) * DIVA_CUDA_MOMENT_ROWS : z.rows;
  double sum = 0.0;
  double squares = 0.0;
  for (int64_t i = chunk * DIVA_CUDA_MOMENT_ROWS + warp; i < end && j < z.columns;
       i += MOMENT_LANES) {
    const double value = static_cast<double>(diva_row<Tile>(z, i)[j]);
    const double factor = weight ? weight[i] : 1.0;
    sum += factor * value;
    squares += factor * value * value;
  }
  first[warp][lane] = sum;
  second[warp][lane] = squares;
  __syncthreads();
  if (warp != 0 || j >= z.columns) {
    return;
  }
  for (int other = 1; other < MOMENT_LANES; other++) {
    sum += first[other][lane];
    squares += second[other][lane];
  }
  partials[2 * chunk * z.columns + j] = sum;
  partials[(2 * chunk + 1) * z.columns + j] = squares;
}

/* One block: each thread every 256th value, then a tree. */
static __global__ void add_total(const double *values, int64_t count, double *sum) {
  __shared__ double sums[DIVA_BLOCK];
  double own = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += DIVA_BLOCK) {
    own += values[i];
  }
  sums[threadIdx.x] = own;
  for (unsigned half = DIVA_BLOCK / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      sums[threadIdx.x] += sums[threadIdx.x + half];
    }
  }
  if (threadIdx.x == 0) {
    *sum += sums[0];
  }
}

cudaError_t diva_cuda_launch_add_partials(bool is_double, struct diva_cuda_tile partial,
                                          int64_t apart, int64_t count,
                                          struct diva_cuda_units units, bool upper,
                                          struct diva_cuda_tile sum, cudaStream_t stream) {
  const int64_t blocks_a_row = (sum.columns + DIVA_BLOCK - 1) / DIVA_BLOCK;
  return diva_launch(is_double ? add_partials<double> : add_partials<float>,
                     diva_blocks_for(sum.rows * blocks_a_row, 1), dim3(DIVA_BLOCK), stream, partial,
                     apart, count, units, upper, sum);
}

cudaError_t diva_cuda_launch_moments(bool is_double, struct diva_cuda_tile z, const double *weight,
                                     double *partials, cudaStream_t stream) {
  const int64_t stripes = (z.columns + DIVA_WARP - 1) / DIVA_WARP;
  const int64_t chunks = (z.rows + DIVA_CUDA_MOMENT_ROWS - 1) / DIVA_CUDA_MOMENT_ROWS;
  return diva_launch(is_double ? sum_moments<double> : sum_moments<float>,
                     diva_blocks_for(stripes * chunks, 1), dim3(DIVA_BLOCK), stream, z, weight,
                     partials);
}

cudaError_t diva_cuda_launch_total(const double *values, int64_t count, double *sum,
                                   cudaStream_t stream) {
  return diva_launch(add_total, dim3(1), dim3(DIVA_BLOCK), stream, values, count, sum);
}
