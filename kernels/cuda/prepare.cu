/* From rows as stored, from labels and from float64 to tiles: one warp a row. */
#include "kernel.cuh"

#include <cfloat>

/* What divides a row by its norm: z = scale * x 2^-exponent. */
struct unit_scale {
  double scale;
  int exponent;
};

/* Squares of extreme float64 values leave the range of the type: such rows, and only they, are
 * brought to values near 1 by a power of two first. float32 has no such rows. */
static __device__ bool leaves_range(double squares) {
  return !(squares > 0x1p-900 && squares < 0x1p900);
}

template <typename Tile>
static __device__ struct unit_scale find_unit_scale(const struct diva_cuda_tile &raw, int type,
                                                    int64_t i) {
  const int64_t start = i * raw.stride;
  double squares = 0.0;
  double largest = 0.0;
  int exponent = 0;
  for (int64_t j = diva_lane(); j < raw.columns; j += DIVA_WARP) {
    const double x = static_cast<double>(diva_stored_value<Tile>(raw.values, type, start + j));
    squares += x * x;
    largest = fmax(largest, fabs(x));
  }
  squares = diva_warp_sum(squares);
  largest = diva_warp_largest(largest);
  if (sizeof(Tile) == sizeof(double) && leaves_range(squares)) {
    double again = 0.0;
    frexp(largest, &exponent);
    for (int64_t j = diva_lane(); j < raw.columns; j += DIVA_WARP) {
      const double x = static_cast<double>(diva_stored_value<Tile>(raw.values, type, start + j));
      again += ldexp(x, -exponent) * ldexp(x, -exponent);
    }
    squares = diva_warp_sum(again);
  }
  return unit_scale{squares > 0.0 ? 1.0 / sqrt(squares) : 0.0, exponent};
}

static __device__ bool is_finite(double x) {
  return fabs(x) <= DBL_MAX;
}

/* z = (scale x - shift) * multiplier in float64, rounded once; returns the first column that is NaN
 * or infinite, or INT64_MAX. */
template <typename Tile>
static __device__ long long scale_row(const struct diva_cuda_tile &raw,
                                      const struct diva_cuda_preparation &p, struct unit_scale unit,
                                      int64_t i, Tile *z) {
  long long bad = INT64_MAX;
  for (int64_t j = diva_lane(); j < raw.columns; j += DIVA_WARP) {
    const Tile x = diva_stored_value<Tile>(raw.values, p.type, i * raw.stride + j);
    const double wide = static_cast<double>(x);
    const double near = unit.exponent != 0 ? ldexp(wide, -unit.exponent) : wide;
    const double shift = p.shift ? p.shift[j] : 0.0;
    const double multiplier = p.multiplier ? p.multiplier[j] : 1.0;
    z[j] = static_cast<Tile>((unit.scale * near - shift) * multiplier);
    if (!is_finite(wide) && bad > j) {
      bad = j;
    }
  }
  return diva_warp_least(bad);
}

template <typename Tile>
static __global__ void prepare_rows(struct diva_cuda_tile raw, struct diva_cuda_preparation p,
                                    struct diva_cuda_tile z) {
  const int64_t i = diva_row_of_warp();
  if (i >= raw.rows) {
    return;
  }
  struct unit_scale unit = {1.0, 0};
  if (p.unit_rows) {
    unit = find_unit_scale<Tile>(raw, p.type, i);
  }
  Tile *row = diva_row<Tile>(z, i);
  const long long bad = scale_row<Tile>(raw, p, unit, i, row);
  if (diva_lane() == 0 && p.constant_column) {
    row[raw.columns] = static_cast<Tile>(1.0);
  }
  if (diva_lane() == 0 && bad != INT64_MAX) {
    atomicMin(static_cast<long long *>(p.fault), (p.first_row + i) * raw.columns + bad);
  }
}

template <typename Tile>
static __global__ void label_rows(const int32_t *labels, struct diva_cuda_tile y) {
  const int64_t i = diva_row_of_warp();
  if (i >= y.rows) {
    return;
  }
  Tile *row = diva_row<Tile>(y, i);
  for (int64_t c = diva_lane(); c < y.columns; c += DIVA_WARP) {
    row[c] = static_cast<Tile>(c == labels[i] ? 1.0 : 0.0);
  }
}

template <typename Tile>
static __global__ void convert_rows(struct diva_cuda_tile from, struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const double *source = diva_row<double>(from, i);
  Tile *target = diva_row<Tile>(to, i);
  for (int64_t j = diva_lane(); j < from.columns; j += DIVA_WARP) {
    target[j] = static_cast<Tile>(source[j]);
  }
}

/* A row of weight 0 is zero whatever it holds. */
template <typename Tile>
static __global__ void weigh_rows(struct diva_cuda_tile from, const double *weight,
                                  struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_warp();
  if (i >= from.rows) {
    return;
  }
  const double factor = weight[i];
  const Tile *source = diva_row<Tile>(from, i);
  Tile *target = diva_row<Tile>(to, i);
  for (int64_t j = diva_lane(); j < from.columns; j += DIVA_WARP) {
    const double value = factor == 0.0 ? 0.0 : factor * static_cast<double>(source[j]);
    target[j] = static_cast<Tile>(value);
  }
}

cudaError_t diva_cuda_launch_prepare(bool is_double, struct diva_cuda_tile raw,
                                     struct diva_cuda_preparation preparation,
                                     struct diva_cuda_tile z, cudaStream_t stream) {
  return diva_launch(is_double ? prepare_rows<double> : prepare_rows<float>,
                     diva_blocks_for_rows(raw.rows), dim3(DIVA_BLOCK), stream, raw, preparation, z);
}

cudaError_t diva_cuda_launch_labels(bool is_double, const int32_t *labels, struct diva_cuda_tile y,
                                    cudaStream_t stream) {
  return diva_launch(is_double ? label_rows<double> : label_rows<float>,
                     diva_blocks_for_rows(y.rows), dim3(DIVA_BLOCK), stream, labels, y);
}

cudaError_t diva_cuda_launch_convert(bool is_double, struct diva_cuda_tile from,
                                     struct diva_cuda_tile to, cudaStream_t stream) {
  return diva_launch(is_double ? convert_rows<double> : convert_rows<float>,
                     diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from, to);
}

cudaError_t diva_cuda_launch_weigh(bool is_double, struct diva_cuda_tile from, const double *weight,
                                   struct diva_cuda_tile to, cudaStream_t stream) {
  return diva_launch(is_double ? weigh_rows<double> : weigh_rows<float>,
                     diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from, weight, to);
}
