/* Operations on the rows of a tile: one kernel each, after a product where they need one. */
#include "cuda_internal.h"

static struct diva_cuda_tile output_scratch(const struct diva_backend *backend, int64_t rows,
                                            int64_t outputs) {
  return (struct diva_cuda_tile){backend->scratch.outputs, rows, outputs,
                                 backend->scratch.output_stride};
}

enum diva_status diva_cuda_prepare_rows(struct diva_backend *backend, struct diva_matrix raw,
                                        const struct diva_preparation *preparation,
                                        int64_t first_row, struct diva_matrix z,
                                        struct diva_buffer *fault, struct diva_error *error) {
  const struct diva_cuda_preparation how = {
      .type = (int)preparation->type,
      .unit_rows = preparation->unit_rows,
      .constant_column = preparation->constant_column,
      .shift = diva_cuda_reals(preparation->shift),
      .multiplier = diva_cuda_reals(preparation->multiplier),
      .first_row = first_row,
      .fault = fault->data,
  };
  const struct diva_cuda_tile stored = diva_cuda_tile(raw, diva_dtype_size(preparation->type));
  const enum diva_status status = diva_cuda_check(
      diva_cuda_launch_prepare(backend->config.double_tiles, stored, how,
                               diva_cuda_tile(z, backend->element), backend->stream),
      "preparing rows", error);
  return status == DIVA_OK ? diva_cuda_check(cudaEventRecord(backend->prepared, backend->stream),
                                             "preparing rows", error)
                           : status;
}

enum diva_status diva_cuda_fourier_rows(struct diva_backend *backend, struct diva_matrix u,
                                        double scale, struct diva_vector shift,
                                        bool constant_column, struct diva_matrix z,
                                        struct diva_error *error) {
  return diva_cuda_check(
      diva_cuda_launch_fourier(backend->config.double_tiles, diva_cuda_tile(u, backend->element),
                               scale, diva_cuda_reals(shift), constant_column,
                               diva_cuda_tile(z, backend->element), backend->stream),
      "Fourier features", error);
}

enum diva_status diva_cuda_label_rows(struct diva_backend *backend, struct diva_vector labels,
                                      struct diva_matrix y, struct diva_error *error) {
  return diva_cuda_check(
      diva_cuda_launch_labels(backend->config.double_tiles, diva_cuda_integers(labels),
                              diva_cuda_tile(y, backend->element), backend->stream),
      "rows of labels", error);
}

enum diva_status diva_cuda_convert(struct diva_backend *backend, struct diva_matrix from,
                                   struct diva_matrix to, struct diva_error *error) {
  return diva_cuda_check(diva_cuda_launch_convert(backend->config.double_tiles,
                                                  diva_cuda_tile(from, (int64_t)sizeof(double)),
                                                  diva_cuda_tile(to, backend->element),
                                                  backend->stream),
                         "converting rows", error);
}

/* Element (0, 0) of a matrix that may be absent. */
static void *address_or_null(struct diva_matrix matrix, int64_t element) {
  return matrix.buffer ? diva_cuda_address(matrix, 0, 0, element) : NULL;
}

enum diva_status diva_cuda_loo_rows(struct diva_backend *backend, struct diva_matrix e,
                                    const struct diva_row_facts *facts,
                                    const struct diva_row_results *results,
                                    struct diva_error *error) {
  const int64_t real = (int64_t)sizeof(double);
  const struct diva_cuda_row_facts known = {
      .labels = diva_cuda_integers(facts->labels),
      .targets = address_or_null(facts->targets, real),
      .target_stride = facts->targets.stride,
      .weight = diva_cuda_reals(facts->weight),
      .importance = diva_cuda_reals(facts->importance),
      .form = diva_cuda_reals(facts->form),
      .entropy = facts->loss == DIVA_LOSS_CROSS_ENTROPY,
      .gradient_shift = facts->gradient_shift,
      .temperature = facts->temperature,
  };
  const struct diva_cuda_row_results wanted = {
      .loss = diva_cuda_reals(results->loss),
      .margin = diva_cuda_reals(results->margin),
      .quality = diva_cuda_reals(results->quality),
      .suggested = diva_cuda_integers(results->suggested),
      .gradient_dot_r = diva_cuda_reals(results->gradient_dot_r),
      .adjoint = diva_cuda_reals(results->adjoint),
      .scaled_gradient = address_or_null(results->scaled_gradient, backend->element),
      .gradient_stride = results->scaled_gradient.stride,
      .scores = address_or_null(results->scores, real),
      .score_rows = diva_cuda_integers(results->score_rows),
      .score_stride = results->scores.stride,
  };
  return diva_cuda_check(diva_cuda_launch_loo(backend->config.double_tiles,
                                              diva_cuda_tile(e, backend->element), known, wanted,
                                              backend->stream),
                         "leave-one-out rows", error);
}

enum diva_status diva_cuda_expect_rows(struct diva_backend *backend, struct diva_vector labels,
                                       double temperature, struct diva_matrix e,
                                       struct diva_error *error) {
  return diva_cuda_check(
      diva_cuda_launch_expect(backend->config.double_tiles, diva_cuda_integers(labels), temperature,
                              diva_cuda_tile(e, backend->element), backend->stream),
      "expected residuals", error);
}

enum diva_status diva_cuda_scatter_rows(struct diva_backend *backend, struct diva_matrix from,
                                        struct diva_vector order, struct diva_matrix to,
                                        struct diva_error *error) {
  return diva_cuda_check(
      diva_cuda_launch_scatter(backend->config.double_tiles, diva_cuda_tile(from, backend->element),
                               diva_cuda_integers(order), diva_cuda_tile(to, backend->element),
                               backend->stream),
      "rows put in their places", error);
}

enum diva_status diva_cuda_derivative_rows(struct diva_backend *backend, struct diva_matrix z,
                                           struct diva_matrix m, struct diva_matrix e,
                                           const struct diva_row_facts *facts,
                                           struct diva_vector gradient_dot_r,
                                           struct diva_vector quadratic, struct diva_vector out,
                                           struct diva_error *error) {
  const struct diva_cuda_tile direct = output_scratch(backend, z.rows, m.rows);
  const struct diva_cuda_derivative_terms terms = {
      .weight = diva_cuda_reals(facts->weight),
      .form = diva_cuda_reals(facts->form),
      .pull = diva_cuda_reals(gradient_dot_r),
      .quadratic = diva_cuda_reals(quadratic),
  };
  const enum diva_status status = diva_cuda_project(backend, z, m, 1.0, 0.0, direct, error);
  if (status != DIVA_OK) {
    return status;
  }
  return diva_cuda_check(diva_cuda_launch_derivative(backend->config.double_tiles, direct,
                                                     diva_cuda_tile(e, backend->element), terms,
                                                     diva_cuda_reals(out), backend->stream),
                         "derivatives of rows", error);
}

/* What the rows of a path are, as addresses. */
struct path {
  struct diva_matrix t, y, cross;
  const double *eigenvalues, *penalised, *weight, *share, *lambdas;
  double *sums;
};

/* T W', whole: T is the same for many lambdas, each with a W of its own. */
static enum diva_status fit_path(struct diva_backend *backend, struct diva_matrix t,
                                 struct diva_cuda_tile w, struct diva_cuda_tile out,
                                 struct diva_error *error) {
  const struct diva_cuda_product product = {
      .transpose_b = true,
      .m = t.rows,
      .n = w.rows,
      .k = t.columns,
      .alpha = 1.0,
      .a = {.whole = diva_cuda_address(t, 0, 0, backend->element)},
      .lda = t.stride,
      .b = {.whole = w.values},
      .ldb = w.stride,
      .beta = 0.0,
      .c = out.values,
      .ldc = out.stride,
      .count = 1,
  };
  return diva_cuda_multiply_blocks(backend, backend->config.double_tiles, &product, error);
}

static enum diva_status add_path_point(struct diva_backend *backend, const struct path *path,
                                       int64_t l, struct diva_error *error) {
  const bool doubles = backend->config.double_tiles;
  const struct diva_cuda_scratch *scratch = &backend->scratch;
  const struct diva_cuda_tile weights = {scratch->lambda_weights, path->cross.rows,
                                         path->cross.columns, scratch->stride};
  const struct diva_cuda_tile fitted = output_scratch(backend, path->t.rows, path->cross.rows);
  enum diva_status status = diva_cuda_check(
      diva_cuda_launch_shrink(doubles, diva_cuda_tile(path->cross, (int64_t)sizeof(double)),
                              path->eigenvalues, path->penalised, path->lambdas + l,
                              scratch->shrinkage, weights, backend->stream),
      "the path of lambda", error);
  if (status == DIVA_OK) {
    status = fit_path(backend, path->t, weights, fitted, error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(
        diva_cuda_launch_path(doubles, diva_cuda_tile(path->t, backend->element),
                              diva_cuda_tile(path->y, backend->element), fitted, scratch->shrinkage,
                              path->weight, path->share, scratch->row_values, backend->stream),
        "the path of lambda", error);
  }
  if (status == DIVA_OK) {
    status = diva_cuda_check(
        diva_cuda_launch_total(scratch->row_values, path->t.rows, path->sums + l, backend->stream),
        "the path of lambda", error);
  }
  return status;
}

enum diva_status diva_cuda_path_rows(struct diva_backend *backend, struct diva_matrix t,
                                     struct diva_matrix y, struct diva_vector eigenvalues,
                                     struct diva_vector penalised, struct diva_matrix cross,
                                     struct diva_vector weight, struct diva_vector share,
                                     struct diva_vector lambdas, struct diva_vector sums,
                                     struct diva_error *error) {
  const struct path path = {
      .t = t,
      .y = y,
      .cross = cross,
      .eigenvalues = diva_cuda_reals(eigenvalues),
      .penalised = diva_cuda_reals(penalised),
      .weight = diva_cuda_reals(weight),
      .share = diva_cuda_reals(share),
      .lambdas = diva_cuda_reals(lambdas),
      .sums = diva_cuda_reals(sums),
  };
  enum diva_status status = DIVA_OK;
  for (int64_t l = 0; l < lambdas.length && status == DIVA_OK; l++) {
    status = add_path_point(backend, &path, l, error);
  }
  return status;
}
