/**
 * @file cuda_internal.h
 * What the files of the CUDA backend share: the opened backend, addresses, products.
 *
 * A row-major n x d matrix is a column-major d x n one to cuBLAS and cuSOLVER: nothing is ever
 * transposed, a row-major upper triangle is their lower one, and C = A B is asked for as C' = B'
 * A'.
 *
 * Precision: float32 is accumulated over DIVA_CUDA_CHUNK_ROWS rows only; sums over more rows are
 * made of such pieces in float64, in the order of the rows. The same operations give the same
 * bytes.
 */
#ifndef DIVA_CUDA_INTERNAL_H
#define DIVA_CUDA_INTERNAL_H

#include "kernels/backend.h"
#include "launches.h"
#include "libraries.h"

/** The first device that is visible (CUDA_VISIBLE_DEVICES). */
enum { DIVA_CUDA_DEVICE = 0 };

/** Rows over which a product of float32 tiles adds in float32. */
enum { DIVA_CUDA_CHUNK_ROWS = 256 };

/** Size in each direction from which on a product of float32 factors is made by halves (halves.h),
 * as cuda.h says; INT64_MAX: none is. @return DIVA_ERROR_USAGE for a choice that is not known */
enum diva_status diva_cuda_choose_products(const struct diva_backend_config *config,
                                           int64_t *narrowest, struct diva_error *error);

/** Rows of a sum that are computed together: partial sums of so many rows stay in the L2 cache. */
enum { DIVA_CUDA_BLOCK_COLUMNS = 512 };

struct diva_buffer {
  char *data; /**< device */
  int64_t bytes;
};

/** Pinned memory that uploads pass through, so that they need not wait for the queue: two halves,
 * each free again once the event recorded behind its last copy has passed. */
struct diva_cuda_staging {
  char *data;
  cudaEvent_t done[2];
  int half;
  int64_t used; /**< bytes of the present half */
};

/** What products by halves are made in: two factors, their units, and what these are found by. */
struct diva_cuda_halves_scratch {
  int64_t narrowest;               /**< of a product: diva_cuda_choose_products() */
  struct diva_cuda_parts parts[2]; /**< as wide as a tile; absent where products are plain */
  double *units[2];
  double *squares;
  double *coefficients; /**< as long as the second factor has rows, as are those of `balance` */
  struct diva_cuda_balance balance;
};

/** Views of the one allocation that holds all scratch. */
struct diva_cuda_scratch {
  char *data;
  int64_t stride;        /**< elements, of a row as wide as a tile */
  void *rows;            /**< tile_rows x stride, tile type: diag(w) Z, diag(w) Y, Z U */
  int64_t output_stride; /**< elements, of a row of outputs */
  void *outputs;         /**< tile_rows x output_stride, tile type: Z M', T W' */
  void *lambda_weights;  /**< outputs x stride, tile type: W' of one lambda */
  double *shrinkage;     /**< columns */
  double *row_values;    /**< tile_rows */
  struct diva_cuda_halves_scratch halves;
  void *partials;        /**< tile type or float64 */
  int64_t partial_count; /**< how many of chunks of rows fit */
  int32_t *order;        /**< tile_rows: rows by class */
  int32_t *starts;       /**< outputs + 1: of each class in it */
  int *found;            /**< two of them: cuSOLVER's info, and a pivot */
};

struct diva_backend {
  struct diva_cuda_libraries libraries;
  struct diva_backend_config config;
  int64_t element; /**< bytes of an element of tile type */
  cudaStream_t stream;
  cudaStream_t copy_stream;
  cudaEvent_t prepared; /**< behind the last prepare_rows(): what copies wait for */
  cublasHandle_t blas;
  cusolverDnHandle_t solver;
  struct diva_cuda_staging staging;
  struct diva_cuda_scratch scratch;
  char *work; /**< of the algebra: grows */
  int64_t work_bytes;
};

/** Address of element (row, column) of a matrix whose elements have `element` bytes. */
static inline void *diva_cuda_address(struct diva_matrix matrix, int64_t row, int64_t column,
                                      int64_t element) {
  return matrix.buffer->data + (matrix.offset + row * matrix.stride + column) * element;
}

/** A matrix as kernels see it. */
static inline struct diva_cuda_tile diva_cuda_tile(struct diva_matrix matrix, int64_t element) {
  return (struct diva_cuda_tile){diva_cuda_address(matrix, 0, 0, element), matrix.rows,
                                 matrix.columns, matrix.stride};
}

/** float64 values of a vector; NULL where it is absent. */
static inline double *diva_cuda_reals(struct diva_vector vector) {
  return vector.buffer ? (double *)(void *)vector.buffer->data + vector.offset : NULL;
}

/** int32 values of a vector; NULL where it is absent. */
static inline int32_t *diva_cuda_integers(struct diva_vector vector) {
  return vector.buffer ? (int32_t *)(void *)vector.buffer->data + vector.offset : NULL;
}

/** DIVA_OK, or the failure of a call of the runtime, a launch included, said with `what`. */
enum diva_status diva_cuda_check(cudaError_t code, const char *what, struct diva_error *error);
enum diva_status diva_cuda_check_blas(cublasStatus_t code, const char *what,
                                      struct diva_error *error);
enum diva_status diva_cuda_check_solver(cusolverStatus_t code, const char *what,
                                        struct diva_error *error);

/** Device memory; a failure names the bytes needed and the bytes free. */
enum diva_status diva_cuda_allocate(int64_t bytes, const char *what, void **out,
                                    struct diva_error *error);

/** Workspace of at least this many bytes in backend->work; its contents are lost. */
enum diva_status diva_cuda_reserve_work(struct diva_backend *backend, int64_t bytes,
                                        struct diva_error *error);

/** Elements of a factor: of tile type, or, where there is a rest, its float16 parts. */
struct diva_cuda_operand {
  const void *whole, *rest;
  const void *partner; /**< what the rest of the other factor is multiplied by */
};

/** A factor of a product. */
struct diva_cuda_factor {
  struct diva_cuda_operand values; /**< its element (0, 0) */
  int64_t rows, stride;
  const double *units; /**< of float16 parts: by what the product is to be multiplied */
};

/** Its elements from (i, j) on. */
static inline struct diva_cuda_operand diva_cuda_element(const struct diva_backend *backend,
                                                         const struct diva_cuda_factor *factor,
                                                         int64_t i, int64_t j) {
  const struct diva_cuda_operand from = factor->values;
  const int64_t element = from.rest ? (int64_t)sizeof(uint16_t) : backend->element;
  const int64_t at = (i * factor->stride + j) * element;
  return (struct diva_cuda_operand){
      .whole = (const char *)from.whole + at,
      .rest = from.rest ? (const char *)from.rest + at : NULL,
      .partner = from.rest ? (const char *)from.partner + at : NULL,
  };
}

/** Whether a product with an m x n result, of sums of `inner` terms, is made by halves. */
bool diva_cuda_halves(const struct diva_backend *backend, int64_t m, int64_t n, int64_t inner);

/** diag(weight) times a matrix of tile type (weight absent: the matrix) as a factor, in the scratch
 * where it is weighed. */
enum diva_status diva_cuda_factor_of(struct diva_backend *backend, struct diva_matrix matrix,
                                     struct diva_vector weight, struct diva_cuda_factor *out,
                                     struct diva_error *error);

/** `count` products C = alpha op(A) op(B) + beta C on row-major blocks, `step_x` elements from one
 * X to the next. */
struct diva_cuda_product {
  bool transpose_a, transpose_b;
  int64_t m, n, k;
  double alpha;
  struct diva_cuda_operand a; /**< both factors have float16 parts, or neither */
  int64_t lda, step_a;
  struct diva_cuda_operand b;
  int64_t ldb, step_b;
  double beta;
  void *c;
  int64_t ldc, step_c;
  int64_t count;
};

/** Runs them in float64 or float32; those of float16 parts are in units of their factors. Nothing
 * is done where m, n or count is 0. */
enum diva_status diva_cuda_multiply_blocks(struct diva_backend *backend, bool double_values,
                                           const struct diva_cuda_product *product,
                                           struct diva_error *error);

/** out = alpha Z W' + beta out, in tile type; W is outputs x columns. */
enum diva_status diva_cuda_project(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix w, double alpha, double beta,
                                   struct diva_cuda_tile out, struct diva_error *error);

/* The operations, by file. */

/* memory.c */
enum diva_status diva_cuda_staging_open(struct diva_cuda_staging *staging,
                                        struct diva_error *error);
void diva_cuda_staging_close(struct diva_cuda_staging *staging);
enum diva_status diva_cuda_buffer_create(struct diva_backend *, int64_t bytes,
                                         struct diva_buffer **out, struct diva_error *);
void diva_cuda_buffer_destroy(struct diva_backend *, struct diva_buffer *buffer);
enum diva_status diva_cuda_upload(struct diva_backend *, struct diva_buffer *buffer,
                                  int64_t byte_offset, const void *host, int64_t bytes,
                                  struct diva_error *);
enum diva_status diva_cuda_download(struct diva_backend *, const struct diva_buffer *buffer,
                                    int64_t byte_offset, void *host, int64_t bytes,
                                    struct diva_error *);
enum diva_status diva_cuda_zero(struct diva_backend *, struct diva_buffer *buffer,
                                int64_t byte_offset, int64_t bytes, struct diva_error *);
enum diva_status diva_cuda_copy(struct diva_backend *, const struct diva_buffer *from,
                                struct diva_buffer *to, int64_t bytes, struct diva_error *);
enum diva_status diva_cuda_synchronize(struct diva_backend *, struct diva_error *);
enum diva_status diva_cuda_memory_free(struct diva_backend *, int64_t *bytes, struct diva_error *);
enum diva_status diva_cuda_host_create(struct diva_backend *, int64_t bytes, void **out,
                                       struct diva_error *);
void diva_cuda_host_destroy(struct diva_backend *, void *memory);
bool diva_cuda_host_is_fast(struct diva_backend *, const void *memory, int64_t bytes);
enum diva_status diva_cuda_upload_begin(struct diva_backend *, struct diva_buffer *buffer,
                                        int64_t byte_offset, const void *host, int64_t bytes,
                                        struct diva_error *);
enum diva_status diva_cuda_upload_finish(struct diva_backend *, struct diva_error *);
/* rows.c */
enum diva_status diva_cuda_prepare_rows(struct diva_backend *, struct diva_matrix raw,
                                        const struct diva_preparation *, int64_t first_row,
                                        struct diva_matrix z, struct diva_buffer *fault,
                                        struct diva_error *);
enum diva_status diva_cuda_fourier_rows(struct diva_backend *, struct diva_matrix u, double scale,
                                        struct diva_vector shift, bool constant_column,
                                        struct diva_matrix z, struct diva_error *);
enum diva_status diva_cuda_label_rows(struct diva_backend *, struct diva_vector labels,
                                      struct diva_matrix y, struct diva_error *);
enum diva_status diva_cuda_convert(struct diva_backend *, struct diva_matrix from,
                                   struct diva_matrix to, struct diva_error *);
enum diva_status diva_cuda_loo_rows(struct diva_backend *, struct diva_matrix e,
                                    const struct diva_row_facts *, const struct diva_row_results *,
                                    struct diva_error *);
enum diva_status diva_cuda_expect_rows(struct diva_backend *, struct diva_vector labels,
                                       double temperature, struct diva_matrix e,
                                       struct diva_error *);
enum diva_status diva_cuda_scatter_rows(struct diva_backend *, struct diva_matrix from,
                                        struct diva_vector order, struct diva_matrix to,
                                        struct diva_error *);
enum diva_status diva_cuda_derivative_rows(struct diva_backend *, struct diva_matrix z,
                                           struct diva_matrix m, struct diva_matrix e,
                                           const struct diva_row_facts *,
                                           struct diva_vector gradient_dot_r,
                                           struct diva_vector quadratic, struct diva_vector out,
                                           struct diva_error *);
enum diva_status diva_cuda_path_rows(struct diva_backend *, struct diva_matrix t,
                                     struct diva_matrix y, struct diva_vector eigenvalues,
                                     struct diva_vector penalised, struct diva_matrix cross,
                                     struct diva_vector weight, struct diva_vector share,
                                     struct diva_vector lambdas, struct diva_vector sums,
                                     struct diva_error *);
/* sums.c */
enum diva_status diva_cuda_gram_accumulate(struct diva_backend *, struct diva_matrix z,
                                           struct diva_vector weight, struct diva_matrix sum,
                                           struct diva_error *);
enum diva_status diva_cuda_moments_accumulate(struct diva_backend *, struct diva_matrix z,
                                              struct diva_vector weight, struct diva_matrix sum,
                                              struct diva_error *);
enum diva_status diva_cuda_cross_accumulate(struct diva_backend *, struct diva_matrix y,
                                            struct diva_vector weight, struct diva_matrix z,
                                            struct diva_matrix sum, struct diva_error *);
enum diva_status diva_cuda_class_accumulate(struct diva_backend *, struct diva_vector labels,
                                            struct diva_vector weight, struct diva_matrix z,
                                            struct diva_matrix sum, struct diva_error *);
/* products.c */
enum diva_status diva_cuda_residual(struct diva_backend *, struct diva_matrix z,
                                    struct diva_matrix w, struct diva_matrix y,
                                    struct diva_error *);
enum diva_status diva_cuda_row_leverage(struct diva_backend *, struct diva_matrix z,
                                        struct diva_matrix upper, struct diva_vector out,
                                        struct diva_error *);
enum diva_status diva_cuda_row_quadform(struct diva_backend *, struct diva_matrix z,
                                        struct diva_matrix upper, struct diva_vector out,
                                        struct diva_error *);
enum diva_status diva_cuda_multiply(struct diva_backend *, bool double_values, bool transpose_a,
                                    bool transpose_b, struct diva_matrix a, struct diva_matrix b,
                                    struct diva_matrix c, struct diva_error *);
/* algebra.c */
enum diva_status diva_cuda_symmetrize(struct diva_backend *, struct diva_matrix a,
                                      struct diva_error *);
enum diva_status diva_cuda_fold_symmetric(struct diva_backend *, struct diva_matrix a,
                                          struct diva_error *);
enum diva_status diva_cuda_cholesky(struct diva_backend *, struct diva_matrix a,
                                    struct diva_error *);
enum diva_status diva_cuda_cholesky_solve(struct diva_backend *, struct diva_matrix r,
                                          struct diva_matrix b, struct diva_error *);
enum diva_status diva_cuda_triangular_inverse(struct diva_backend *, struct diva_matrix r,
                                              struct diva_error *);
enum diva_status diva_cuda_eigen(struct diva_backend *, struct diva_matrix a,
                                 struct diva_vector eigenvalues, struct diva_error *);
/** Bytes of backend->work that all of these take of the largest matrices of a config. */
enum diva_status diva_cuda_algebra_bytes(struct diva_backend *, const struct diva_backend_config *,
                                         int64_t *bytes, struct diva_error *);

#endif
