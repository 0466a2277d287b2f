/**
 * @file launches.h
 * The kernels as the host glue sees them: C functions that start one kernel on a stream.
 *
 * Pointers are device memory. A tile has elements of tile type, float64 where `is_double`. Each
 * returns what cudaGetLastError() says of the launch; an empty tile launches nothing.
 */
#ifndef DIVA_CUDA_LAUNCHES_H
#define DIVA_CUDA_LAUNCHES_H

#include "api.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A matrix as a kernel sees it; `values` is its element (0, 0). */
struct diva_cuda_tile {
  void *values;
  int64_t rows, columns;
  int64_t stride; /**< elements */
};

/** What prepare_rows() of backend.h is told, as addresses. */
struct diva_cuda_preparation {
  int type; /**< enum diva_dtype of `raw` */
  bool unit_rows, constant_column;
  const double *shift;      /**< NULL: 0 */
  const double *multiplier; /**< NULL: 1 */
  int64_t first_row;
  void *fault; /**< one int64 */
};

/** What loo_rows() of backend.h is told of rows; NULL where it is absent. */
struct diva_cuda_row_facts {
  const int32_t *labels;
  const double *targets;
  int64_t target_stride;
  const double *weight;
  const double *importance;
  const double *form;
  bool entropy; /**< cross-entropy, else the squared loss */
  double gradient_shift;
  double temperature;
};

/** What it writes; NULL where it is not wanted. */
struct diva_cuda_row_results {
  double *loss, *margin, *quality;
  int32_t *suggested;
  double *gradient_dot_r, *adjoint;
  void *scaled_gradient;
  int64_t gradient_stride;
  double *scores;
  const int32_t *score_rows; /**< read */
  int64_t score_stride;
};

/** The terms of derivative_rows() beside the product; `pull` and `quadratic` may be NULL. */
struct diva_cuda_derivative_terms {
  const double *weight, *form, *pull, *quadratic;
};

/* prepare.cu: from rows as stored, labels or float64 to tiles. */
cudaError_t diva_cuda_launch_prepare(bool is_double, struct diva_cuda_tile raw,
                                     struct diva_cuda_preparation preparation,
                                     struct diva_cuda_tile z, cudaStream_t stream);
cudaError_t diva_cuda_launch_labels(bool is_double, const int32_t *labels, struct diva_cuda_tile y,
                                    cudaStream_t stream);
cudaError_t diva_cuda_launch_convert(bool is_double, struct diva_cuda_tile from,
                                     struct diva_cuda_tile to, cudaStream_t stream);
/** to = diag(weight) from, rounded once. */
cudaError_t diva_cuda_launch_weigh(bool is_double, struct diva_cuda_tile from, const double *weight,
                                   struct diva_cuda_tile to, cudaStream_t stream);

/* halves.cu: float16 parts of float32 factors; what they are is said in halves.h. */

/** Rows that one row of squares sums. */
enum { DIVA_CUDA_SQUARES_ROWS = 256 };

/** Matrices of one even stride: the parts of a factor; those after the rest NULL: not wanted. */
struct diva_cuda_parts {
  void *whole, *rest;
  void *nearest;
  void *signed_whole; /**< with the signs of coefficients, which `nearest` then has too */
  int64_t stride;     /**< elements */
};

/** Powers of two over an inner index: near the norm of each slice, and one over it. */
struct diva_cuda_balance {
  double *norm, *inverse;
};

/** What a product of parts has to be multiplied by, by row and by column; NULL: 1. */
struct diva_cuda_units {
  const double *left, *right;
  int64_t step; /**< from one partial sum to the next */
};

cudaError_t diva_cuda_launch_signed_roots(const double *weight, int64_t count, double *out,
                                          cudaStream_t stream);
cudaError_t diva_cuda_launch_multiply_weights(const double *weight, const double *norm,
                                              int64_t count, double *out, cudaStream_t stream);
cudaError_t diva_cuda_launch_balance_rows(struct diva_cuda_tile from, struct diva_cuda_balance out,
                                          cudaStream_t stream);
/** Sums of squares of diag(coefficients) from by column, one row for every 256 rows; NULL: 1. */
cudaError_t diva_cuda_launch_squares(struct diva_cuda_tile from, const double *coefficients,
                                     double *squares, cudaStream_t stream);
/** From so many rows of squares. */
cudaError_t diva_cuda_launch_balance_columns(const double *squares, int64_t chunks, int64_t columns,
                                             struct diva_cuda_balance out, cudaStream_t stream);
/** Parts of diag(coefficients) from, with units by column for every `group` rows of squares: row
 * after row, as wide as the stride of the parts. */
cudaError_t diva_cuda_launch_split_columns(struct diva_cuda_tile from, const double *coefficients,
                                           const double *squares, int64_t group,
                                           struct diva_cuda_parts out, double *units,
                                           cudaStream_t stream);
/** Parts of from diag(balance), with units by row. */
cudaError_t diva_cuda_launch_split_rows(struct diva_cuda_tile from, const double *balance,
                                        struct diva_cuda_parts out, double *units,
                                        cudaStream_t stream);
/** to = alpha diag(left) from diag(right) + beta to. */
cudaError_t diva_cuda_launch_rescale(struct diva_cuda_tile from, struct diva_cuda_units units,
                                     double alpha, double beta, struct diva_cuda_tile to,
                                     cudaStream_t stream);
/** out_i = t_i . z_i for T scaled by its units; z.values NULL: |t_i|^2. */
cudaError_t diva_cuda_launch_row_forms(struct diva_cuda_tile t, struct diva_cuda_units units,
                                       struct diva_cuda_tile z, double *out, cudaStream_t stream);

/* copy.cu */

/** Copies 32-bit words from pinned host memory, which the kernel reads itself. */
cudaError_t diva_cuda_launch_copy_words(const void *from, void *to, int64_t words,
                                        cudaStream_t stream);

/* fourier.cu */
cudaError_t diva_cuda_launch_fourier(bool is_double, struct diva_cuda_tile u, double scale,
                                     const double *shift, bool constant_column,
                                     struct diva_cuda_tile z, cudaStream_t stream);

/* rows.cu: one value or one row of values from each row. */

/** out_i = sum_j a_ij b_ij in float64. */
cudaError_t diva_cuda_launch_row_dots(bool is_double, struct diva_cuda_tile a,
                                      struct diva_cuda_tile b, double *out, cudaStream_t stream);
cudaError_t diva_cuda_launch_loo(bool is_double, struct diva_cuda_tile e,
                                 struct diva_cuda_row_facts facts,
                                 struct diva_cuda_row_results results, cudaStream_t stream);
cudaError_t diva_cuda_launch_expect(bool is_double, const int32_t *labels, double temperature,
                                    struct diva_cuda_tile e, cudaStream_t stream);
cudaError_t diva_cuda_launch_scatter(bool is_double, struct diva_cuda_tile from,
                                     const int32_t *order, struct diva_cuda_tile to,
                                     cudaStream_t stream);
/** The derivative of each row from its row of Z M'. */
cudaError_t diva_cuda_launch_derivative(bool is_double, struct diva_cuda_tile direct,
                                        struct diva_cuda_tile e,
                                        struct diva_cuda_derivative_terms terms, double *out,
                                        cudaStream_t stream);

/* path.cu: one lambda of the LOO path. */

/** `shrinkage` by direction, and W' = cross sums times it, in tile type. */
cudaError_t diva_cuda_launch_shrink(bool is_double, struct diva_cuda_tile cross,
                                    const double *eigenvalues, const double *penalised,
                                    const double *lambda, double *shrinkage,
                                    struct diva_cuda_tile weights, cudaStream_t stream);
/** out_i = share_i |y_i - fitted_i|^2 / (1 - h_i)^2. */
cudaError_t diva_cuda_launch_path(bool is_double, struct diva_cuda_tile t, struct diva_cuda_tile y,
                                  struct diva_cuda_tile fitted, const double *shrinkage,
                                  const double *weight, const double *share, double *out,
                                  cudaStream_t stream);

/* reduce.cu: sums in an order that is always the same. */

/** sum += partial 0 + partial 1 + ..., each scaled by its units, `apart` elements from one to the
 * next; all have the stride and type of `partial`. `upper`: only from the diagonal of `sum` on. */
cudaError_t diva_cuda_launch_add_partials(bool is_double, struct diva_cuda_tile partial,
                                          int64_t apart, int64_t count,
                                          struct diva_cuda_units units, bool upper,
                                          struct diva_cuda_tile sum, cudaStream_t stream);
/** Rows that one partial of launch_moments() sums. */
enum { DIVA_CUDA_MOMENT_ROWS = 256 };
/** Weighted sums and sums of squares by column, 2 x columns of float64 for every 256 rows. */
cudaError_t diva_cuda_launch_moments(bool is_double, struct diva_cuda_tile z, const double *weight,
                                     double *partials, cudaStream_t stream);
/** *sum += values_0 + values_1 + ... */
cudaError_t diva_cuda_launch_total(const double *values, int64_t count, double *sum,
                                   cudaStream_t stream);

/* classes.cu: `order` has room for every row, `starts` for one more than there are classes. */

/** The rows of each class, ascending, class after class; rows of label -1 are left out. */
cudaError_t diva_cuda_launch_order(const int32_t *labels, int64_t rows, int64_t classes,
                                   int32_t *order, int32_t *starts, cudaStream_t stream);
/** Row c of sum += the weighted rows of class c, in that order; weight NULL: 1. */
cudaError_t diva_cuda_launch_class_sums(bool is_double, struct diva_cuda_tile z,
                                        const double *weight, const int32_t *order,
                                        const int32_t *starts, struct diva_cuda_tile sum,
                                        cudaStream_t stream);

/* algebra.cu: float64 square matrices. */
cudaError_t diva_cuda_launch_symmetrize(struct diva_cuda_tile a, cudaStream_t stream);
cudaError_t diva_cuda_launch_fold(struct diva_cuda_tile a, cudaStream_t stream);
/** Upper triangle of `from` into `to`, which may be `from`; zeros below. */
cudaError_t diva_cuda_launch_copy_upper(struct diva_cuda_tile from, struct diva_cuda_tile to,
                                        cudaStream_t stream);
cudaError_t diva_cuda_launch_identity(struct diva_cuda_tile a, cudaStream_t stream);
/** 1-based index of the first diagonal element that is zero, not finite or, where `positive`, below
 * zero; 0 if there is none. */
cudaError_t diva_cuda_launch_find_pivot(struct diva_cuda_tile a, bool positive, int *found,
                                        cudaStream_t stream);
/** float64 -> float32 and back, strides apart. */
cudaError_t diva_cuda_launch_narrow(struct diva_cuda_tile from, float *to, cudaStream_t stream);
cudaError_t diva_cuda_launch_widen(const float *from, struct diva_cuda_tile to,
                                   cudaStream_t stream);

#ifdef __cplusplus
}
#endif

#endif
