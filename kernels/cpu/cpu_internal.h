/**
 * @file cpu_internal.h
 * What the files of the CPU backend share: the opened backend, addresses, typed products.
 *
 * Parallelism: every operation cuts its output into pieces of fixed size, each computed by one
 * thread with a single-threaded BLAS call. The result therefore does not depend on the number of
 * threads, and OpenMP and BLAS never compete for cores.
 */
#ifndef DIVA_CPU_INTERNAL_H
#define DIVA_CPU_INTERNAL_H

#include "blas.h"
#include "kernels/backend.h"

/**
 * Rows that one thread takes at a time: many, so that packing the other factor pays, but enough
 * chunks for every thread. A fixed number where the bytes must not depend on the threads.
 */
int64_t diva_cpu_chunk_rows(const struct diva_backend_config *config);

/**
 * Into how many blocks a side of a square sum is cut: enough for every thread to have work, few
 * enough to keep the products large. A fixed number where the bytes must not depend on the threads.
 */
int64_t diva_cpu_blocks_a_side(const struct diva_backend_config *config);

struct diva_buffer {
  char *data;
  int64_t bytes;
  bool borrowed; /**< data is the host's (wrap) and not freed */
};

struct diva_backend {
  struct diva_blas blas;
  struct diva_backend_config config;
  int64_t chunk_rows;
  int64_t element;        /**< bytes of an element of tile type */
  int64_t scratch_stride; /**< elements, of a scratch row as wide as a tile */
  char *weighted;         /**< tile_rows x scratch_stride of tile type: sqrt|w| Z, or diag(w) Y */
  int64_t *places;        /**< tile_rows: where a row went in `weighted` */
  char *thread_scratch;   /**< threads x thread_bytes */
  int64_t thread_bytes;
  double *lambda_weights; /**< (outputs + 1) x columns: one lambda's W, and its shrinkage */
};

/** Address of element (row, column) of a matrix whose elements have `element` bytes. */
static inline void *diva_cpu_address(struct diva_matrix matrix, int64_t row, int64_t column,
                                     int64_t element) {
  return matrix.buffer->data + (matrix.offset + row * matrix.stride + column) * element;
}

/** float64 values of a vector; NULL where it is absent. */
static inline double *diva_cpu_reals(struct diva_vector vector) {
  return vector.buffer ? (double *)(void *)vector.buffer->data + vector.offset : NULL;
}

/** int32 values of a vector; NULL where it is absent. */
static inline int32_t *diva_cpu_integers(struct diva_vector vector) {
  return vector.buffer ? (int32_t *)(void *)vector.buffer->data + vector.offset : NULL;
}

/** Scratch of the calling thread. */
void *diva_cpu_thread_scratch(const struct diva_backend *backend);

/** One product C = alpha op(A) op(B) + beta C of single-threaded BLAS on row-major blocks. */
struct diva_cpu_product {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  double alpha;
  const void *a;
  int64_t lda;
  const void *b;
  int64_t ldb;
  double beta;
  void *c;
  int64_t ldc;
};

/** Runs it in float64 or float32. Nothing is done where m, n are 0; k = 0 scales C. */
void diva_cpu_multiply_block(const struct diva_backend *backend, bool double_values,
                             const struct diva_cpu_product *product);

/**
 * out = Z W' for the chunk of rows that starts at `first`, in tile type; out has rows of `outputs`
 * values. Returns how many rows the chunk has.
 */
int64_t diva_cpu_project_chunk(const struct diva_backend *backend, struct diva_matrix z,
                               int64_t first, const void *w, int64_t ldw, int64_t outputs,
                               void *out);

/* The operations, by file. */

/* rows_prepare.c */
enum diva_status diva_cpu_prepare_rows(struct diva_backend *, struct diva_matrix raw,
                                       const struct diva_preparation *, int64_t first_row,
                                       struct diva_matrix z, struct diva_buffer *fault,
                                       struct diva_error *);
enum diva_status diva_cpu_label_rows(struct diva_backend *, struct diva_vector labels,
                                     struct diva_matrix y, struct diva_error *);
enum diva_status diva_cpu_convert(struct diva_backend *, struct diva_matrix from,
                                  struct diva_matrix to, struct diva_error *);
/* fourier.c */
enum diva_status diva_cpu_fourier_rows(struct diva_backend *, struct diva_matrix u, double scale,
                                       struct diva_vector shift, bool constant_column,
                                       struct diva_matrix z, struct diva_error *);
/* sums.c */
enum diva_status diva_cpu_gram_accumulate(struct diva_backend *, struct diva_matrix z,
                                          struct diva_vector weight, struct diva_matrix sum,
                                          struct diva_error *);
enum diva_status diva_cpu_moments_accumulate(struct diva_backend *, struct diva_matrix z,
                                             struct diva_vector weight, struct diva_matrix sum,
                                             struct diva_error *);
enum diva_status diva_cpu_cross_accumulate(struct diva_backend *, struct diva_matrix y,
                                           struct diva_vector weight, struct diva_matrix z,
                                           struct diva_matrix sum, struct diva_error *);
/* products.c */
enum diva_status diva_cpu_residual(struct diva_backend *, struct diva_matrix z,
                                   struct diva_matrix w, struct diva_matrix y, struct diva_error *);
enum diva_status diva_cpu_row_leverage(struct diva_backend *, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_vector out,
                                       struct diva_error *);
enum diva_status diva_cpu_row_quadform(struct diva_backend *, struct diva_matrix z,
                                       struct diva_matrix upper, struct diva_vector out,
                                       struct diva_error *);
enum diva_status diva_cpu_multiply(struct diva_backend *, bool double_values, bool transpose_a,
                                   bool transpose_b, struct diva_matrix a, struct diva_matrix b,
                                   struct diva_matrix c, struct diva_error *);
/* rows.c */
enum diva_status diva_cpu_loo_rows(struct diva_backend *, struct diva_matrix e,
                                   const struct diva_row_facts *, const struct diva_row_results *,
                                   struct diva_error *);
enum diva_status diva_cpu_derivative_rows(struct diva_backend *, struct diva_matrix z,
                                          struct diva_matrix m, struct diva_matrix e,
                                          const struct diva_row_facts *,
                                          struct diva_vector gradient_dot_r,
                                          struct diva_vector quadratic, struct diva_vector out,
                                          struct diva_error *);
enum diva_status diva_cpu_expect_rows(struct diva_backend *, struct diva_vector labels,
                                      double temperature, struct diva_matrix e,
                                      struct diva_error *);
enum diva_status diva_cpu_scatter_rows(struct diva_backend *, struct diva_matrix from,
                                       struct diva_vector order, struct diva_matrix to,
                                       struct diva_error *);
enum diva_status diva_cpu_path_rows(struct diva_backend *, struct diva_matrix t,
                                    struct diva_matrix y, struct diva_vector eigenvalues,
                                    struct diva_vector penalised, struct diva_matrix cross,
                                    struct diva_vector weight, struct diva_vector share,
                                    struct diva_vector lambdas, struct diva_vector sums,
                                    struct diva_error *);
/* algebra.c */
enum diva_status diva_cpu_symmetrize(struct diva_backend *, struct diva_matrix a,
                                     struct diva_error *);
enum diva_status diva_cpu_fold_symmetric(struct diva_backend *, struct diva_matrix a,
                                         struct diva_error *);
enum diva_status diva_cpu_cholesky(struct diva_backend *, struct diva_matrix a,
                                   struct diva_error *);
enum diva_status diva_cpu_cholesky_solve(struct diva_backend *, struct diva_matrix r,
                                         struct diva_matrix b, struct diva_error *);
enum diva_status diva_cpu_triangular_inverse(struct diva_backend *, struct diva_matrix r,
                                             struct diva_error *);
enum diva_status diva_cpu_eigen(struct diva_backend *, struct diva_matrix a,
                                struct diva_vector eigenvalues, struct diva_error *);

#endif
