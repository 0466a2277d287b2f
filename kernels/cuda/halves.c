/* Factors of products taken apart into float16 parts. */
#include "halves.h"

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t quotient_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/* One piece of the scratch after another, each on 256 bytes. */
static void *take(char *data, int64_t *end, int64_t count, int64_t element) {
  enum { ALIGNMENT = 256 };
  void *piece = data ? data + *end : NULL;
  *end += quotient_up(larger(count, 1) * element, ALIGNMENT) * ALIGNMENT;
  return piece;
}

/* The left factor is a tile, the right one also a matrix of its columns or outputs. */
static int64_t most_rows(const struct diva_backend_config *config, int place) {
  return place == 0 ? config->tile_rows
                    : larger(config->tile_rows, larger(config->columns, config->outputs));
}

bool diva_cuda_halves_fit(const struct diva_backend *backend, struct diva_matrix left,
                          struct diva_matrix right) {
  const struct diva_backend_config *config = &backend->config;
  const int64_t stride = backend->scratch.stride;
  return left.rows <= most_rows(config, 0) && right.rows <= most_rows(config, 1) &&
         left.columns <= stride && right.columns <= stride;
}

int64_t diva_cuda_halves_lay_out(const struct diva_backend_config *config, int64_t stride,
                                 char *data, struct diva_cuda_halves_scratch *out) {
  const int64_t half = (int64_t)sizeof(uint16_t);
  const int64_t real = (int64_t)sizeof(double);
  const int64_t most = most_rows(config, 1);
  const int64_t rows[] = {most_rows(config, 0), most};
  int64_t end = 0;
  for (int i = 0; i < 2; i++) {
    const int64_t groups = quotient_up(rows[i], DIVA_CUDA_HALVES_ROWS);
    out->parts[i].stride = stride;
    out->parts[i].whole = take(data, &end, rows[i] * stride, half);
    out->parts[i].rest = take(data, &end, rows[i] * stride, half);
    out->units[i] = take(data, &end, larger(groups * stride, rows[i]), real);
  }
  out->parts[0].nearest = take(data, &end, rows[0] * stride, half);
  out->squares = take(data, &end, quotient_up(most, DIVA_CUDA_SQUARES_ROWS) * stride, real);
  out->coefficients = take(data, &end, most, real);
  out->balance.norm = take(data, &end, larger(most, stride), real);
  out->balance.inverse = take(data, &end, larger(most, stride), real);
  return end;
}

/* The parts in a place of the scratch as a factor: the left one in place 0. */
static struct diva_cuda_factor factor_in(const struct diva_backend *backend, int place,
                                         int64_t rows) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  const struct diva_cuda_parts *parts = &halves->parts[place];
  return (struct diva_cuda_factor){
      .values = {.whole = parts->whole,
                 .rest = parts->rest,
                 .partner = parts->nearest ? parts->nearest : parts->whole},
      .rows = rows,
      .stride = parts->stride,
      .units = halves->units[place],
  };
}

static enum diva_status launched(cudaError_t code, struct diva_error *error) {
  return diva_cuda_check(code, "taking a factor apart", error);
}

/* Parts of diag(coefficients) from, with a unit for every column of `unit_rows` rows. */
static enum diva_status split_columns(struct diva_backend *backend, struct diva_cuda_tile from,
                                      const double *coefficients, int64_t unit_rows,
                                      struct diva_cuda_parts parts, double *units,
                                      struct diva_error *error) {
  double *squares = backend->scratch.halves.squares;
  const int64_t group = quotient_up(unit_rows, DIVA_CUDA_SQUARES_ROWS);
  const enum diva_status status =
      launched(diva_cuda_launch_squares(from, coefficients, squares, backend->stream), error);
  return status == DIVA_OK
             ? launched(diva_cuda_launch_split_columns(from, coefficients, squares, group, parts,
                                                       units, backend->stream),
                        error)
             : status;
}

/* The factors have their parts in common. Signs are in one factor of each of the three products: in
 * the wholes of the left one, and in both partners. */
enum diva_status diva_cuda_halve_gram(struct diva_backend *backend, struct diva_matrix z,
                                      struct diva_vector weight, struct diva_cuda_factor *left,
                                      struct diva_cuda_factor *right, struct diva_error *error) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  struct diva_cuda_parts parts = halves->parts[0];
  const double *roots = NULL;
  enum diva_status status = DIVA_OK;
  *left = *right = factor_in(backend, 0, z.rows);
  right->values.partner = parts.whole;
  if (weight.buffer) {
    roots = halves->coefficients;
    parts.signed_whole = halves->parts[1].whole;
    left->values.whole = right->values.partner = parts.signed_whole;
    status = launched(diva_cuda_launch_signed_roots(diva_cuda_reals(weight), z.rows,
                                                    halves->coefficients, backend->stream),
                      error);
  }
  return status == DIVA_OK ? split_columns(backend, diva_cuda_tile(z, backend->element), roots,
                                           DIVA_CUDA_HALVES_ROWS, parts, halves->units[0], error)
                           : status;
}

enum diva_status diva_cuda_halve_cross(struct diva_backend *backend, struct diva_matrix y,
                                       struct diva_vector weight, struct diva_matrix z,
                                       struct diva_cuda_factor *left,
                                       struct diva_cuda_factor *right, struct diva_error *error) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  const struct diva_cuda_tile tile = diva_cuda_tile(z, backend->element);
  const double *norms = weight.buffer ? halves->coefficients : halves->balance.norm;
  *left = factor_in(backend, 0, y.rows);
  *right = factor_in(backend, 1, z.rows);
  enum diva_status status =
      launched(diva_cuda_launch_balance_rows(tile, halves->balance, backend->stream), error);
  if (status == DIVA_OK && weight.buffer) {
    status =
        launched(diva_cuda_launch_multiply_weights(diva_cuda_reals(weight), halves->balance.norm,
                                                   z.rows, halves->coefficients, backend->stream),
                 error);
  }
  if (status == DIVA_OK) {
    status = split_columns(backend, diva_cuda_tile(y, backend->element), norms,
                           DIVA_CUDA_HALVES_ROWS, halves->parts[0], halves->units[0], error);
  }
  return status == DIVA_OK
             ? split_columns(backend, tile, halves->balance.inverse, DIVA_CUDA_HALVES_ROWS,
                             halves->parts[1], halves->units[1], error)
             : status;
}

static enum diva_status split_rows(struct diva_backend *backend, struct diva_matrix from,
                                   const double *balance, int place, struct diva_error *error) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  return launched(diva_cuda_launch_split_rows(diva_cuda_tile(from, backend->element), balance,
                                              halves->parts[place], halves->units[place],
                                              backend->stream),
                  error);
}

enum diva_status diva_cuda_halve_outputs(struct diva_backend *backend, struct diva_matrix z,
                                         struct diva_matrix w, struct diva_cuda_factor *left,
                                         struct diva_cuda_factor *right, struct diva_error *error) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  const int64_t chunks = quotient_up(w.rows, DIVA_CUDA_SQUARES_ROWS);
  *left = factor_in(backend, 0, z.rows);
  *right = factor_in(backend, 1, w.rows);
  enum diva_status status =
      launched(diva_cuda_launch_squares(diva_cuda_tile(w, backend->element), NULL, halves->squares,
                                        backend->stream),
               error);
  if (status == DIVA_OK) {
    status = launched(diva_cuda_launch_balance_columns(halves->squares, chunks, w.columns,
                                                       halves->balance, backend->stream),
                      error);
  }
  if (status == DIVA_OK) {
    status = split_rows(backend, w, halves->balance.inverse, 1, error);
  }
  return status == DIVA_OK ? split_rows(backend, z, halves->balance.norm, 0, error) : status;
}

enum diva_status diva_cuda_halve_upper(struct diva_backend *backend, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_cuda_factor *left,
                                       struct diva_cuda_factor *right, struct diva_error *error) {
  const struct diva_cuda_halves_scratch *halves = &backend->scratch.halves;
  const struct diva_cuda_tile u = diva_cuda_tile(upper, backend->element);
  *left = factor_in(backend, 0, z.rows);
  *right = factor_in(backend, 1, upper.rows);
  enum diva_status status =
      launched(diva_cuda_launch_balance_rows(u, halves->balance, backend->stream), error);
  if (status == DIVA_OK) {
    status = split_columns(backend, u, halves->balance.inverse, upper.rows, halves->parts[1],
                           halves->units[1], error);
  }
  return status == DIVA_OK ? split_rows(backend, z, halves->balance.norm, 0, error) : status;
}
