/* Sums over the rows of a tile: Gram and cross matrices and moments, float64 whatever the tile
 * type. */
#include "halves.h"

/* Two matrices with the same rows, whose product left' right is to be added to a sum. */
struct factors {
  struct diva_cuda_factor left;
  struct diva_cuda_factor right;
};

/* Rows and columns of a sum: [i0, i1) x [j0, ...). */
struct block {
  int64_t i0, i1, j0;
};

/* The partial sums of `count` times `rows` rows from `first` on, from the `place`-th partial on. */
static enum diva_status multiply_chunks(struct diva_backend *backend, const struct factors *factors,
                                        struct block block, struct diva_cuda_tile partial,
                                        int64_t place, int64_t first, int64_t rows, int64_t count,
                                        struct diva_error *error) {
  const int64_t apart = partial.rows * partial.stride;
  const struct diva_cuda_product product = {
      .transpose_a = true,
      .m = partial.rows,
      .n = partial.columns,
      .k = rows,
      .alpha = 1.0,
      .a = diva_cuda_element(backend, &factors->left, first, block.i0),
      .lda = factors->left.stride,
      .step_a = rows * factors->left.stride,
      .b = diva_cuda_element(backend, &factors->right, first, block.j0),
      .ldb = factors->right.stride,
      .step_b = rows * factors->right.stride,
      .beta = 0.0,
      .c = (char *)partial.values + place * apart * backend->element,
      .ldc = partial.stride,
      .step_c = apart,
      .count = count,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
}

/* Rows that a product of these factors adds in float32. */
static int64_t chunk_rows(const struct factors *factors) {
  return factors->left.units ? DIVA_CUDA_HALVES_ROWS : DIVA_CUDA_CHUNK_ROWS;
}

/* The units of a block of a chunk of rows and of those after it. */
static struct diva_cuda_units units_of(const struct factors *factors, struct block block,
                                       int64_t chunk) {
  const struct diva_cuda_factor *left = &factors->left;
  const struct diva_cuda_factor *right = &factors->right;
  if (!left->units) {
    return (struct diva_cuda_units){0};
  }
  return (struct diva_cuda_units){left->units + chunk * left->stride + block.i0,
                                  right->units + chunk * right->stride + block.j0, left->stride};
}

/* Adds the rows [first, end), at most as many chunks as partial sums fit, to a block of the sum. */
static enum diva_status add_rows(struct diva_backend *backend, const struct factors *factors,
                                 struct block block, bool upper, int64_t first, int64_t end,
                                 struct diva_matrix sum, struct diva_error *error) {
  const int64_t chunk = chunk_rows(factors);
  const int64_t whole = (end - first) / chunk;
  const int64_t rest = (end - first) % chunk;
  const struct diva_cuda_tile partial = {backend->scratch.partials, block.i1 - block.i0,
                                         sum.columns - block.j0, (sum.columns + 15) / 16 * 16};
  const struct diva_cuda_tile to = {
      diva_cuda_address(sum, block.i0, block.j0, (int64_t)sizeof(double)), partial.rows,
      partial.columns, sum.stride};
  enum diva_status status =
      multiply_chunks(backend, factors, block, partial, 0, first, chunk, whole, error);
  if (status == DIVA_OK && rest > 0) {
    status = multiply_chunks(backend, factors, block, partial, whole, end - rest, rest, 1, error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_add_partials(backend->config.double_tiles, partial,
                                                           partial.rows * partial.stride,
                                                           whole + (rest > 0 ? 1 : 0),
                                                           units_of(factors, block, first / chunk),
                                                           upper, to, backend->stream),
                             "a sum over rows", error);
  }
  return status;
}

/* sum += left' right; of an `upper` one only blocks from the diagonal on. */
static enum diva_status add_product(struct diva_backend *backend, const struct factors *factors,
                                    bool upper, struct diva_matrix sum, struct diva_error *error) {
  const int64_t step = backend->scratch.partial_count * chunk_rows(factors);
  const int64_t rows = factors->right.rows;
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < sum.rows; i += DIVA_CUDA_BLOCK_COLUMNS) {
    const int64_t next = i + DIVA_CUDA_BLOCK_COLUMNS;
    const struct block block = {i, next < sum.rows ? next : sum.rows, upper ? i : 0};
    for (int64_t first = 0; first < rows && status == DIVA_OK; first += step) {
      const int64_t end = first + step < rows ? first + step : rows;
      status = add_rows(backend, factors, block, upper, first, end, sum, error);
    }
  }
  return status;
}

/* Weights are in the left factor alone. One rounding of each of its elements moves a sum by less
 * than 6e-8 of the sum of its absolute terms, whatever the signs of the weights. */
static enum diva_status weigh_factors(struct diva_backend *backend, struct diva_matrix left,
                                      struct diva_vector weight, struct diva_matrix right,
                                      struct factors *out, struct diva_error *error) {
  const struct diva_vector none = {0};
  const enum diva_status status = diva_cuda_factor_of(backend, left, weight, &out->left, error);
  return status == DIVA_OK ? diva_cuda_factor_of(backend, right, none, &out->right, error) : status;
}

enum diva_status diva_cuda_gram_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                           struct diva_vector weight, struct diva_matrix sum,
                                           struct diva_error *error) {
  struct factors factors;
  const enum diva_status status =
      diva_cuda_halves(backend, sum.rows, sum.columns, z.rows)
          ? diva_cuda_halve_gram(backend, z, weight, &factors.left, &factors.right, error)
          : weigh_factors(backend, z, weight, z, &factors, error);
  return status == DIVA_OK ? add_product(backend, &factors, true, sum, error) : status;
}

enum diva_status diva_cuda_cross_accumulate(struct diva_backend *backend, struct diva_matrix y,
                                            struct diva_vector weight, struct diva_matrix z,
                                            struct diva_matrix sum, struct diva_error *error) {
  struct factors factors;
  const enum diva_status status =
      diva_cuda_halves(backend, sum.rows, sum.columns, z.rows)
          ? diva_cuda_halve_cross(backend, y, weight, z, &factors.left, &factors.right, error)
          : weigh_factors(backend, y, weight, z, &factors, error);
  return status == DIVA_OK ? add_product(backend, &factors, false, sum, error) : status;
}

enum diva_status diva_cuda_class_accumulate(struct diva_backend *backend, struct diva_vector labels,
                                            struct diva_vector weight, struct diva_matrix z,
                                            struct diva_matrix sum, struct diva_error *error) {
  const struct diva_cuda_scratch *scratch = &backend->scratch;
  enum diva_status status =
      diva_cuda_check(diva_cuda_launch_order(diva_cuda_integers(labels), z.rows, sum.rows,
                                             scratch->order, scratch->starts, backend->stream),
                      "ordering rows by class", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_class_sums(
                                 backend->config.double_tiles, diva_cuda_tile(z, backend->element),
                                 diva_cuda_reals(weight), scratch->order, scratch->starts,
                                 diva_cuda_tile(sum, (int64_t)sizeof(double)), backend->stream),
                             "sums of classes", error);
  }
  return status;
}

enum diva_status diva_cuda_moments_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                              struct diva_vector weight, struct diva_matrix sum,
                                              struct diva_error *error) {
  const int64_t chunks = (z.rows + DIVA_CUDA_MOMENT_ROWS - 1) / DIVA_CUDA_MOMENT_ROWS;
  const struct diva_cuda_units none = {0};
  const struct diva_cuda_tile partial = {backend->scratch.partials, 2, z.columns, z.columns};
  const struct diva_cuda_tile to = {diva_cuda_address(sum, 0, 0, (int64_t)sizeof(double)), 2,
                                    z.columns, sum.stride};
  enum diva_status status = diva_cuda_check(
      diva_cuda_launch_moments(backend->config.double_tiles, diva_cuda_tile(z, backend->element),
                               diva_cuda_reals(weight), partial.values, backend->stream),
      "moments", error);
  if (status == DIVA_OK) {
    status = diva_cuda_check(diva_cuda_launch_add_partials(true, partial, 2 * z.columns, chunks,
                                                           none, false, to, backend->stream),
                             "moments", error);
  }
  return status;
}
