/* The operations: each notes what it reads and writes, and is left to the CPU when its turn comes.
 */
#include "shadow.h"
#include "shadow_internal.h"

#include "kernels/cpu/cpu.h"

#include <diva/dataset.h>

enum { REAL = sizeof(double), INTEGER = sizeof(int32_t) };

static int64_t tile_bytes(const struct diva_backend *backend) {
  return backend->config.double_tiles ? (int64_t)sizeof(double) : (int64_t)sizeof(float);
}

/* An argument of tile type that holds rows of a tile, as wide as the features or the outputs. */
static struct diva_matrix tile(const struct diva_backend *backend, struct diva_shadow_call *call,
                               struct diva_matrix view, int64_t widest, bool written) {
  call->oversize |= view.rows > backend->config.tile_rows || view.columns > widest;
  return diva_shadow_matrix(call, view, tile_bytes(backend), written);
}

static struct diva_matrix features(const struct diva_backend *backend,
                                   struct diva_shadow_call *call, struct diva_matrix view) {
  return tile(backend, call, view, backend->config.columns, false);
}

static struct diva_matrix outputs(const struct diva_backend *backend, struct diva_shadow_call *call,
                                  struct diva_matrix view, bool written) {
  return tile(backend, call, view, backend->config.outputs, written);
}

static struct diva_vector read_reals(struct diva_shadow_call *call, struct diva_vector view) {
  return diva_shadow_vector(call, view, REAL, false);
}

static struct diva_vector write_reals(struct diva_shadow_call *call, struct diva_vector view) {
  return diva_shadow_vector(call, view, REAL, true);
}

static enum diva_status run_prepare(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.prepare_rows(cpu, call->matrix[0], &call->preparation, call->number,
                                   call->matrix[1], call->buffer[0], error);
}

static enum diva_status prepare_rows(struct diva_backend *backend, struct diva_matrix raw,
                                     const struct diva_preparation *preparation, int64_t first_row,
                                     struct diva_matrix z, struct diva_buffer *fault_buffer,
                                     struct diva_error *error) {
  struct diva_shadow_call call = {
      .run = run_prepare, .preparation = *preparation, .number = first_row};
  backend->started = true;
  call.matrix[0] = diva_shadow_matrix(&call, raw, diva_dtype_size(preparation->type), false);
  call.matrix[1] = tile(backend, &call, z, backend->config.columns, true);
  call.preparation.shift = read_reals(&call, preparation->shift);
  call.preparation.multiplier = read_reals(&call, preparation->multiplier);
  call.buffer[0] = diva_shadow_bytes(&call, fault_buffer, 0, (int64_t)sizeof(int64_t), true);
  const enum diva_status status = diva_shadow_enqueue(backend, &call, error);
  if (status == DIVA_OK) {
    diva_shadow_mark(backend);
  }
  return status;
}

static enum diva_status run_fourier(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.fourier_rows(cpu, call->matrix[0], call->scale, call->vector[0],
                                   call->flag[0], call->matrix[1], error);
}

static enum diva_status fourier_rows(struct diva_backend *backend, struct diva_matrix u,
                                     double scale, struct diva_vector shift, bool constant_column,
                                     struct diva_matrix z, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_fourier, .scale = scale, .flag = {constant_column}};
  call.matrix[0] = features(backend, &call, u);
  call.vector[0] = read_reals(&call, shift);
  call.matrix[1] = tile(backend, &call, z, backend->config.columns, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_labels(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                   struct diva_error *error) {
  return diva_cpu_ops.label_rows(cpu, call->vector[0], call->matrix[0], error);
}

static enum diva_status label_rows(struct diva_backend *backend, struct diva_vector labels,
                                   struct diva_matrix y, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_labels};
  call.vector[0] = diva_shadow_vector(&call, labels, INTEGER, false);
  call.matrix[0] = outputs(backend, &call, y, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_convert(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.convert(cpu, call->matrix[0], call->matrix[1], error);
}

static enum diva_status convert(struct diva_backend *backend, struct diva_matrix from,
                                struct diva_matrix to, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_convert};
  call.matrix[0] = diva_shadow_matrix(&call, from, REAL, false);
  call.matrix[1] = diva_shadow_matrix(&call, to, tile_bytes(backend), true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_gram(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  return diva_cpu_ops.gram_accumulate(cpu, call->matrix[0], call->vector[0], call->matrix[1],
                                      error);
}

static enum diva_status gram_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                        struct diva_vector weight, struct diva_matrix sum,
                                        struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_gram};
  call.matrix[0] = features(backend, &call, z);
  call.vector[0] = read_reals(&call, weight);
  call.matrix[1] = diva_shadow_matrix(&call, sum, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_moments(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.moments_accumulate(cpu, call->matrix[0], call->vector[0], call->matrix[1],
                                         error);
}

static enum diva_status moments_accumulate(struct diva_backend *backend, struct diva_matrix z,
                                           struct diva_vector weight, struct diva_matrix sum,
                                           struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_moments};
  call.matrix[0] = features(backend, &call, z);
  call.vector[0] = read_reals(&call, weight);
  call.matrix[1] = diva_shadow_matrix(&call, sum, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_cross(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                  struct diva_error *error) {
  return diva_cpu_ops.cross_accumulate(cpu, call->matrix[0], call->vector[0], call->matrix[1],
                                       call->matrix[2], error);
}

static enum diva_status cross_accumulate(struct diva_backend *backend, struct diva_matrix y,
                                         struct diva_vector weight, struct diva_matrix z,
                                         struct diva_matrix sum, struct diva_error *error) {
  const struct diva_backend_config *config = &backend->config;
  const int64_t widest = config->columns > config->outputs ? config->columns : config->outputs;
  struct diva_shadow_call call = {.run = run_cross};
  call.matrix[0] = tile(backend, &call, y, widest, false);
  call.vector[0] = read_reals(&call, weight);
  call.matrix[1] = features(backend, &call, z);
  call.matrix[2] = diva_shadow_matrix(&call, sum, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_residual(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                     struct diva_error *error) {
  return diva_cpu_ops.residual(cpu, call->matrix[0], call->matrix[1], call->matrix[2], error);
}

static enum diva_status residual(struct diva_backend *backend, struct diva_matrix z,
                                 struct diva_matrix w, struct diva_matrix y,
                                 struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_residual};
  call.matrix[0] = features(backend, &call, z);
  call.matrix[1] = diva_shadow_matrix(&call, w, tile_bytes(backend), false);
  call.matrix[2] = outputs(backend, &call, y, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_leverage(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                     struct diva_error *error) {
  return diva_cpu_ops.row_leverage(cpu, call->matrix[0], call->matrix[1], call->vector[0], error);
}

static enum diva_status run_quadform(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                     struct diva_error *error) {
  return diva_cpu_ops.row_quadform(cpu, call->matrix[0], call->matrix[1], call->vector[0], error);
}

static enum diva_status enqueue_forms(struct diva_backend *backend, struct diva_shadow_call *call,
                                      struct diva_matrix z, struct diva_matrix upper,
                                      struct diva_vector out, struct diva_error *error) {
  call->matrix[0] = features(backend, call, z);
  call->matrix[1] = diva_shadow_matrix(call, upper, tile_bytes(backend), false);
  call->vector[0] = write_reals(call, out);
  return diva_shadow_enqueue(backend, call, error);
}

static enum diva_status row_leverage(struct diva_backend *backend, struct diva_matrix z,
                                     struct diva_matrix upper, struct diva_vector out,
                                     struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_leverage};
  return enqueue_forms(backend, &call, z, upper, out, error);
}

static enum diva_status row_quadform(struct diva_backend *backend, struct diva_matrix z,
                                     struct diva_matrix upper, struct diva_vector out,
                                     struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_quadform};
  return enqueue_forms(backend, &call, z, upper, out, error);
}

static struct diva_row_facts note_facts(struct diva_shadow_call *call,
                                        const struct diva_row_facts *facts) {
  struct diva_row_facts inner = *facts;
  inner.labels = diva_shadow_vector(call, facts->labels, INTEGER, false);
  inner.targets = diva_shadow_matrix(call, facts->targets, REAL, false);
  inner.weight = read_reals(call, facts->weight);
  inner.importance = read_reals(call, facts->importance);
  inner.form = read_reals(call, facts->form);
  return inner;
}

static struct diva_row_results note_results(const struct diva_backend *backend,
                                            struct diva_shadow_call *call,
                                            const struct diva_row_results *results) {
  return (struct diva_row_results){
      .loss = write_reals(call, results->loss),
      .margin = write_reals(call, results->margin),
      .quality = write_reals(call, results->quality),
      .suggested = diva_shadow_vector(call, results->suggested, INTEGER, true),
      .gradient_dot_r = write_reals(call, results->gradient_dot_r),
      .adjoint = write_reals(call, results->adjoint),
      .scaled_gradient = outputs(backend, call, results->scaled_gradient, true),
      .scores = diva_shadow_matrix(call, results->scores, REAL, true),
      .score_rows = diva_shadow_vector(call, results->score_rows, INTEGER, false),
  };
}

static enum diva_status run_loo(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                struct diva_error *error) {
  return diva_cpu_ops.loo_rows(cpu, call->matrix[0], &call->facts, &call->results, error);
}

static enum diva_status loo_rows(struct diva_backend *backend, struct diva_matrix e,
                                 const struct diva_row_facts *facts,
                                 const struct diva_row_results *results, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_loo};
  call.matrix[0] = outputs(backend, &call, e, false);
  call.facts = note_facts(&call, facts);
  call.results = note_results(backend, &call, results);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_expect(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                   struct diva_error *error) {
  return diva_cpu_ops.expect_rows(cpu, call->vector[0], call->scale, call->matrix[0], error);
}

static enum diva_status expect_rows(struct diva_backend *backend, struct diva_vector labels,
                                    double temperature, struct diva_matrix e,
                                    struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_expect, .scale = temperature};
  call.vector[0] = diva_shadow_vector(&call, labels, INTEGER, false);
  call.matrix[0] = outputs(backend, &call, e, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_scatter(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.scatter_rows(cpu, call->matrix[0], call->vector[0], call->matrix[1], error);
}

static enum diva_status scatter_rows(struct diva_backend *backend, struct diva_matrix from,
                                     struct diva_vector order, struct diva_matrix to,
                                     struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_scatter};
  call.matrix[0] = outputs(backend, &call, from, false);
  call.vector[0] = diva_shadow_vector(&call, order, INTEGER, false);
  call.matrix[1] = outputs(backend, &call, to, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_derivative(struct diva_backend *cpu,
                                       const struct diva_shadow_call *call,
                                       struct diva_error *error) {
  return diva_cpu_ops.derivative_rows(cpu, call->matrix[0], call->matrix[1], call->matrix[2],
                                      &call->facts, call->vector[0], call->vector[1],
                                      call->vector[2], error);
}

static enum diva_status derivative_rows(struct diva_backend *backend, struct diva_matrix z,
                                        struct diva_matrix m, struct diva_matrix e,
                                        const struct diva_row_facts *facts,
                                        struct diva_vector gradient_dot_r,
                                        struct diva_vector quadratic, struct diva_vector out,
                                        struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_derivative};
  call.matrix[0] = features(backend, &call, z);
  call.matrix[1] = diva_shadow_matrix(&call, m, tile_bytes(backend), false);
  call.matrix[2] = outputs(backend, &call, e, false);
  call.facts = note_facts(&call, facts);
  call.vector[0] = read_reals(&call, gradient_dot_r);
  call.vector[1] = read_reals(&call, quadratic);
  call.vector[2] = write_reals(&call, out);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_path(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  const struct diva_vector *v = call->vector;
  return diva_cpu_ops.path_rows(cpu, call->matrix[0], call->matrix[1], v[0], v[1], call->matrix[2],
                                v[2], v[3], v[4], v[5], error);
}

static enum diva_status path_rows(struct diva_backend *backend, struct diva_matrix t,
                                  struct diva_matrix y, struct diva_vector eigenvalues,
                                  struct diva_vector penalised, struct diva_matrix cross,
                                  struct diva_vector weight, struct diva_vector share,
                                  struct diva_vector lambdas, struct diva_vector sums,
                                  struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_path};
  call.matrix[0] = features(backend, &call, t);
  call.matrix[1] = outputs(backend, &call, y, false);
  call.matrix[2] = diva_shadow_matrix(&call, cross, REAL, false);
  const struct diva_vector inputs[] = {eigenvalues, penalised, weight, share, lambdas};
  for (int i = 0; i < 5; i++) {
    call.vector[i] = read_reals(&call, inputs[i]);
  }
  call.vector[5] = write_reals(&call, sums);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_multiply(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                     struct diva_error *error) {
  return diva_cpu_ops.multiply(cpu, call->flag[0], call->flag[1], call->flag[2], call->matrix[0],
                               call->matrix[1], call->matrix[2], error);
}

static enum diva_status multiply(struct diva_backend *backend, bool double_values, bool transpose_a,
                                 bool transpose_b, struct diva_matrix a, struct diva_matrix b,
                                 struct diva_matrix c, struct diva_error *error) {
  const int64_t element = double_values ? REAL : tile_bytes(backend);
  struct diva_shadow_call call = {.run = run_multiply,
                                  .flag = {double_values, transpose_a, transpose_b}};
  call.matrix[0] = diva_shadow_matrix(&call, a, element, false);
  call.matrix[1] = diva_shadow_matrix(&call, b, element, false);
  call.matrix[2] = diva_shadow_matrix(&call, c, element, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_symmetrize(struct diva_backend *cpu,
                                       const struct diva_shadow_call *call,
                                       struct diva_error *error) {
  return diva_cpu_ops.symmetrize(cpu, call->matrix[0], error);
}

static enum diva_status symmetrize(struct diva_backend *backend, struct diva_matrix a,
                                   struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_symmetrize};
  call.matrix[0] = diva_shadow_matrix(&call, a, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_fold(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                 struct diva_error *error) {
  return diva_cpu_ops.fold_symmetric(cpu, call->matrix[0], error);
}

static enum diva_status fold_symmetric(struct diva_backend *backend, struct diva_matrix a,
                                       struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_fold};
  call.matrix[0] = diva_shadow_matrix(&call, a, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_cholesky(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                     struct diva_error *error) {
  return diva_cpu_ops.cholesky(cpu, call->matrix[0], error);
}

/* Its verdict is in the status: it cannot wait. */
static enum diva_status cholesky(struct diva_backend *backend, struct diva_matrix a,
                                 struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_cholesky};
  call.matrix[0] = diva_shadow_matrix(&call, a, REAL, true);
  const enum diva_status status = diva_shadow_enqueue(backend, &call, error);
  return status == DIVA_OK ? diva_shadow_drain(backend, error) : status;
}

static enum diva_status run_solve(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                  struct diva_error *error) {
  return diva_cpu_ops.cholesky_solve(cpu, call->matrix[0], call->matrix[1], error);
}

static enum diva_status cholesky_solve(struct diva_backend *backend, struct diva_matrix r,
                                       struct diva_matrix b, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_solve};
  call.matrix[0] = diva_shadow_matrix(&call, r, REAL, false);
  call.matrix[1] = diva_shadow_matrix(&call, b, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_inverse(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                    struct diva_error *error) {
  return diva_cpu_ops.triangular_inverse(cpu, call->matrix[0], error);
}

static enum diva_status triangular_inverse(struct diva_backend *backend, struct diva_matrix r,
                                           struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_inverse};
  call.matrix[0] = diva_shadow_matrix(&call, r, REAL, true);
  return diva_shadow_enqueue(backend, &call, error);
}

static enum diva_status run_eigen(struct diva_backend *cpu, const struct diva_shadow_call *call,
                                  struct diva_error *error) {
  return diva_cpu_ops.eigen(cpu, call->matrix[0], call->vector[0], error);
}

static enum diva_status eigen(struct diva_backend *backend, struct diva_matrix a,
                              struct diva_vector eigenvalues, struct diva_error *error) {
  struct diva_shadow_call call = {.run = run_eigen};
  call.matrix[0] = diva_shadow_matrix(&call, a, REAL, true);
  call.vector[0] = write_reals(&call, eigenvalues);
  return diva_shadow_enqueue(backend, &call, error);
}

const struct diva_backend_ops diva_shadow_ops = {
    .version = DIVA_BACKEND_VERSION,
    .name = "shadow",
    .probe = diva_shadow_probe,
    .open = diva_shadow_open,
    .close = diva_shadow_close,
    .scratch_bytes = diva_shadow_scratch_bytes,
    .buffer_create = diva_shadow_buffer_create,
    .buffer_destroy = diva_shadow_buffer_destroy,
    .wrap = NULL,
    .upload = diva_shadow_upload,
    .download = diva_shadow_download,
    .zero = diva_shadow_zero,
    .copy = diva_shadow_copy,
    .synchronize = diva_shadow_synchronize,
    .prepare_rows = prepare_rows,
    .fourier_rows = fourier_rows,
    .label_rows = label_rows,
    .convert = convert,
    .gram_accumulate = gram_accumulate,
    .moments_accumulate = moments_accumulate,
    .cross_accumulate = cross_accumulate,
    .residual = residual,
    .row_leverage = row_leverage,
    .row_quadform = row_quadform,
    .loo_rows = loo_rows,
    .expect_rows = expect_rows,
    .scatter_rows = scatter_rows,
    .derivative_rows = derivative_rows,
    .path_rows = path_rows,
    .multiply = multiply,
    .symmetrize = symmetrize,
    .fold_symmetric = fold_symmetric,
    .cholesky = cholesky,
    .cholesky_solve = cholesky_solve,
    .triangular_inverse = triangular_inverse,
    .eigen = eigen,
    .memory_free = diva_shadow_memory_free,
    .reserve_bytes = diva_shadow_reserve_bytes,
    .reserve = diva_shadow_reserve,
    .host_create = diva_shadow_host_create,
    .host_destroy = diva_shadow_host_destroy,
    .host_is_fast = diva_shadow_host_is_fast,
    .upload_begin = diva_shadow_upload_begin,
    .upload_finish = diva_shadow_upload_finish,
};
