/* Float16 parts of float32 factors (halves.h): balance, units, parts, and what scales results back.
 */
#include "kernel.cuh"

#include <cuda_fp16.h>

/* A block takes CHUNK rows of STRIPE columns: a lane two columns, a warp every eighth row. */
enum {
  CHUNK = DIVA_CUDA_SQUARES_ROWS,
  STRIPE = 2 * DIVA_WARP,
  WARPS = DIVA_WARPS_A_BLOCK,
};

struct pair {
  double first, second;
};

/* Elements j and j + 1 of a row; what lies beyond its end is 0. */
static __device__ struct pair load_pair(const float *row, int64_t j, int64_t columns) {
  if (j + 1 < columns && reinterpret_cast<uintptr_t>(row + j) % sizeof(float2) == 0) {
    const float2 both = *reinterpret_cast<const float2 *>(row + j);
    return pair{static_cast<double>(both.x), static_cast<double>(both.y)};
  }
  return pair{j < columns ? static_cast<double>(row[j]) : 0.0,
              j + 1 < columns ? static_cast<double>(row[j + 1]) : 0.0};
}

/* What has weight 0 is zero whatever it holds. */
static __device__ double times(double coefficient, double value) {
  return coefficient == 0.0 ? 0.0 : coefficient * value;
}

/* The least power of two above a norm, with a sixteenth to spare; of norms that are zero, not
 * finite or beyond what products of float32 hold, 1. */
static __device__ int norm_exponent(double squares) {
  int exponent = 0;
  if (squares >= 1e-280 && squares <= 1e280) {
    frexp(sqrt(squares) * (16.0 / 15.0), &exponent);
  }
  return exponent;
}

/* The norm by which slices of the inner index are balanced, and its inverse; 0 for a zero slice,
 * which takes its counterpart's part along. */
static __device__ void write_balance(double squares, const struct diva_cuda_balance &out,
                                     int64_t k) {
  const int exponent = norm_exponent(squares);
  out.norm[k] = squares == 0.0 ? 0.0 : ldexp(1.0, exponent);
  out.inverse[k] = squares == 0.0 ? 0.0 : ldexp(1.0, -exponent);
}

/* Exponent of the unit: the slice's norm is below 2^12 units, by more than the rounding of up to
 * 2^18 wholes can add. */
static __device__ int unit_exponent(double squares) {
  return norm_exponent(squares) - 12;
}

static __device__ uint32_t half_bits(double value) {
  return __half_as_ushort(__float2half_rn(static_cast<float>(value)));
}

static __device__ uint32_t pack(double first, double second) {
  return half_bits(first) | half_bits(second) << 16;
}

static __device__ void store_pair(void *values, int64_t at, uint32_t both) {
  *reinterpret_cast<uint32_t *>(static_cast<uint16_t *>(values) + at) = both;
}

/* An integer that float16 holds: beyond 2048 the even ones. */
static __device__ double whole_of(double x) {
  return fabs(x) < 2048.0 ? rint(x) : 2.0 * rint(0.5 * x);
}

/* Elements j and j + 1 of a row of parts; the parts have an even stride, so that there is room. */
static __device__ void write_parts(struct pair x, double sign, const struct diva_cuda_parts &out,
                                   int64_t at) {
  const struct pair whole = {whole_of(x.first), whole_of(x.second)};
  store_pair(out.whole, at, pack(whole.first, whole.second));
  store_pair(out.rest, at, pack(x.first - whole.first, x.second - whole.second));
  if (out.nearest) {
    store_pair(out.nearest, at, pack(sign * x.first, sign * x.second));
  }
  if (out.signed_whole) {
    store_pair(out.signed_whole, at, pack(sign * whole.first, sign * whole.second));
  }
}

static __global__ void take_signed_roots(const double *weight, int64_t count, double *out) {
  const int64_t i = diva_thread();
  if (i < count) {
    out[i] = copysign(sqrt(fabs(weight[i])), weight[i]);
  }
}

static __global__ void multiply_weights(const double *weight, const double *norm, int64_t count,
                                        double *out) {
  const int64_t i = diva_thread();
  if (i < count) {
    out[i] = weight[i] * norm[i];
  }
}

static __global__ void balance_rows(struct diva_cuda_tile from, struct diva_cuda_balance out) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const float *row = diva_row<float>(from, i);
  double squares = 0.0;
  for (int64_t j = 2 * diva_lane(); j < from.columns; j += STRIPE) {
    const struct pair x = load_pair(row, j, from.columns);
    squares += x.first * x.first + x.second * x.second;
  }
  squares = diva_warp_sum(squares);
  if (diva_lane() == 0) {
    write_balance(squares, out, i);
  }
}

/* Chunk of rows and first column of a block, and the column of the lane. */
struct place {
  int64_t chunk, column, end;
  int warp;
};

static __device__ struct place find_place(const struct diva_cuda_tile &tile) {
  const int64_t stripes = (tile.columns + STRIPE - 1) / STRIPE;
  const int64_t chunk = blockIdx.x / stripes;
  const int64_t end = (chunk + 1) * CHUNK < tile.rows ? (chunk + 1) * CHUNK : tile.rows;
  return place{chunk, blockIdx.x % stripes * STRIPE + 2 * diva_lane(), end,
               static_cast<int>(threadIdx.x / DIVA_WARP)};
}

static __global__ void sum_squares(struct diva_cuda_tile from, const double *coefficients,
                                   double *squares) {
  __shared__ double sums[WARPS][STRIPE];
  const struct place at = find_place(from);
  const int lane = static_cast<int>(2 * diva_lane());
  struct pair sum = {0.0, 0.0};
  for (int64_t i = at.chunk * CHUNK + at.warp; i < at.end; i += WARPS) {
    const double c = coefficients ? coefficients[i] : 1.0;
    const struct pair x = load_pair(diva_row<float>(from, i), at.column, from.columns);
    sum.first += times(c, x.first) * times(c, x.first);
    sum.second += times(c, x.second) * times(c, x.second);
  }
  sums[at.warp][lane] = sum.first;
  sums[at.warp][lane + 1] = sum.second;
  __syncthreads();
  const int column = static_cast<int>(threadIdx.x);
  const int64_t j = at.column - lane + column;
  if (column >= STRIPE || j >= from.columns) {
    return;
  }
  double total = 0.0;
  for (int warp = 0; warp < WARPS; warp++) {
    total += sums[warp][column];
  }
  squares[at.chunk * from.columns + j] = total;
}

/* The squares of chunks [first, end) of a column. */
static __device__ double add_squares(const double *squares, int64_t columns, int64_t first,
                                     int64_t end, int64_t j) {
  double total = 0.0;
  for (int64_t chunk = first; chunk < end && j < columns; chunk++) {
    total += squares[chunk * columns + j];
  }
  return total;
}

static __global__ void balance_columns(const double *squares, int64_t chunks, int64_t columns,
                                       struct diva_cuda_balance out) {
  const int64_t j = diva_thread();
  if (j < columns) {
    write_balance(add_squares(squares, columns, 0, chunks, j), out, j);
  }
}

/* Units of each column for every `group` chunks. */
static __global__ void split_columns(struct diva_cuda_tile from, const double *coefficients,
                                     const double *squares, int64_t group,
                                     struct diva_cuda_parts out, double *units) {
  const struct place at = find_place(from);
  const int64_t chunks = (from.rows + CHUNK - 1) / CHUNK;
  const int64_t first = at.chunk / group * group;
  const int64_t last = first + group < chunks ? first + group : chunks;
  const int exponents[] = {
      unit_exponent(add_squares(squares, from.columns, first, last, at.column)),
      unit_exponent(add_squares(squares, from.columns, first, last, at.column + 1))};
  if (at.column >= from.columns) {
    return;
  }
  if (at.chunk == first && at.warp == 0) {
    units[at.chunk / group * out.stride + at.column] = ldexp(1.0, exponents[0]);
    units[at.chunk / group * out.stride + at.column + 1] = ldexp(1.0, exponents[1]);
  }
  const struct pair scale = {ldexp(1.0, -exponents[0]), ldexp(1.0, -exponents[1])};
  for (int64_t i = at.chunk * CHUNK + at.warp; i < at.end; i += WARPS) {
    const double given = coefficients ? coefficients[i] : 1.0;
    const double sign = out.signed_whole && given < 0.0 ? -1.0 : 1.0;
    const double c = sign * given;
    const struct pair x = load_pair(diva_row<float>(from, i), at.column, from.columns);
    write_parts(pair{times(c, x.first) * scale.first, times(c, x.second) * scale.second}, sign, out,
                i * out.stride + at.column);
  }
}

static __device__ struct pair balanced_pair(const float *row, int64_t j, int64_t columns,
                                            const double *balance) {
  const struct pair x = load_pair(row, j, columns);
  return pair{times(balance[j], x.first), j + 1 < columns ? times(balance[j + 1], x.second) : 0.0};
}

/* One unit a row; the second pass finds the row in the cache. */
static __global__ void split_rows(struct diva_cuda_tile from, const double *balance,
                                  struct diva_cuda_parts out, double *units) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const float *row = diva_row<float>(from, i);
  double squares = 0.0;
  for (int64_t j = 2 * diva_lane(); j < from.columns; j += STRIPE) {
    const struct pair x = balanced_pair(row, j, from.columns, balance);
    squares += x.first * x.first + x.second * x.second;
  }
  const int exponent = unit_exponent(diva_warp_sum(squares));
  const double scale = ldexp(1.0, -exponent);
  if (diva_lane() == 0) {
    units[i] = ldexp(1.0, exponent);
  }
  for (int64_t j = 2 * diva_lane(); j < from.columns; j += STRIPE) {
    const struct pair x = balanced_pair(row, j, from.columns, balance);
    write_parts(pair{x.first * scale, x.second * scale}, 1.0, out, i * out.stride + j);
  }
}

static __global__ void rescale_rows(struct diva_cuda_tile from, struct diva_cuda_units units,
                                    double alpha, double beta, struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const float *source = diva_row<float>(from, i);
  float *target = diva_row<float>(to, i);
  const double scale = alpha * units.left[i];
  for (int64_t j = diva_lane(); j < from.columns; j += DIVA_WARP) {
    const double before = beta == 0.0 ? 0.0 : beta * static_cast<double>(target[j]);
    const double value = scale * units.right[j] * static_cast<double>(source[j]);
    target[j] = static_cast<float>(value + before);
  }
}

static __global__ void row_forms(struct diva_cuda_tile t, struct diva_cuda_units units,
                                 struct diva_cuda_tile z, double *out) {
  const int64_t i = diva_row_of_warp();
  if (i >= t.rows) {
    return;
  }
  const float *row = diva_row<float>(t, i);
  const float *other = z.values ? diva_row<float>(z, i) : nullptr;
  double sum = 0.0;
  for (int64_t j = diva_lane(); j < t.columns; j += DIVA_WARP) {
    const double value = units.left[i] * units.right[j] * static_cast<double>(row[j]);
    sum += value * (other ? static_cast<double>(other[j]) : value);
  }
  sum = diva_warp_sum(sum);
  if (diva_lane() == 0) {
    out[i] = sum;
  }
}

static dim3 blocks_for(const struct diva_cuda_tile &from) {
  const int64_t stripes = (from.columns + STRIPE - 1) / STRIPE;
  return diva_blocks_for(stripes * ((from.rows + CHUNK - 1) / CHUNK), 1);
}

cudaError_t diva_cuda_launch_balance_rows(struct diva_cuda_tile from, struct diva_cuda_balance out,
                                          cudaStream_t stream) {
  return diva_launch(balance_rows, diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from,
                     out);
}

cudaError_t diva_cuda_launch_signed_roots(const double *weight, int64_t count, double *out,
                                          cudaStream_t stream) {
  return diva_launch(take_signed_roots, diva_blocks_for(count, DIVA_BLOCK), dim3(DIVA_BLOCK),
                     stream, weight, count, out);
}

cudaError_t diva_cuda_launch_multiply_weights(const double *weight, const double *norm,
                                              int64_t count, double *out, cudaStream_t stream) {
  return diva_launch(multiply_weights, diva_blocks_for(count, DIVA_BLOCK), dim3(DIVA_BLOCK), stream,
                     weight, norm, count, out);
}

cudaError_t diva_cuda_launch_squares(struct diva_cuda_tile from, const double *coefficients,
                                     double *squares, cudaStream_t stream) {
  return diva_launch(sum_squares, blocks_for(from), dim3(DIVA_BLOCK), stream, from, coefficients,
                     squares);
}

cudaError_t diva_cuda_launch_balance_columns(const double *squares, int64_t chunks, int64_t columns,
                                             struct diva_cuda_balance out, cudaStream_t stream) {
  return diva_launch(balance_columns, diva_blocks_for(columns, DIVA_BLOCK), dim3(DIVA_BLOCK),
                     stream, squares, chunks, columns, out);
}

cudaError_t diva_cuda_launch_split_columns(struct diva_cuda_tile from, const double *coefficients,
                                           const double *squares, int64_t group,
                                           struct diva_cuda_parts out, double *units,
                                           cudaStream_t stream) {
  return diva_launch(split_columns, blocks_for(from), dim3(DIVA_BLOCK), stream, from, coefficients,
                     squares, group, out, units);
}

cudaError_t diva_cuda_launch_split_rows(struct diva_cuda_tile from, const double *balance,
                                        struct diva_cuda_parts out, double *units,
                                        cudaStream_t stream) {
  return diva_launch(split_rows, diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from,
                     balance, out, units);
}

cudaError_t diva_cuda_launch_rescale(struct diva_cuda_tile from, struct diva_cuda_units units,
                                     double alpha, double beta, struct diva_cuda_tile to,
                                     cudaStream_t stream) {
  return diva_launch(rescale_rows, diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from,
                     units, alpha, beta, to);
}

cudaError_t diva_cuda_launch_row_forms(struct diva_cuda_tile t, struct diva_cuda_units units,
                                       struct diva_cuda_tile z, double *out, cudaStream_t stream) {
  return diva_launch(row_forms, diva_blocks_for_rows(t.rows), dim3(DIVA_BLOCK), stream, t, units, z,
                     out);
}
