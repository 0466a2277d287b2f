/**
 * @file backend.h
 * The operations a backend supplies to the engine. For backend authors; users see include/diva.
 *
 * An opened backend owns an ordered queue: operations take effect in the order they are called, and
 * have taken effect for the host after synchronize() or a download(). Tile operations never
 * allocate (open() is told the largest tile; the algebra of square matrices may take workspace),
 * never read host memory except in upload(), and check nothing that the engine has planned, except
 * what only they can see (a pivot, a launch, a NaN). A verdict that is in a status (cholesky) is
 * waited for. What an operation writes overlaps nothing else that it is given. A failure on the
 * device may be reported by a later call, synchronize() or download() at the latest.
 *
 * Matrices are row-major: element (i, j) is at offset + i * stride + j. A symmetric matrix holds
 * its upper triangle (j >= i) unless said otherwise. "Tile type" is float32 or float64, as the
 * backend was opened; vectors over rows and all sums over rows are float64. Matrices over outputs
 * and columns (W, M, cross sums) are stored outputs x columns.
 */
#ifndef DIVA_BACKEND_H
#define DIVA_BACKEND_H

#include <diva/analysis.h>
#include <diva/system.h>

enum { DIVA_BACKEND_VERSION = 1 };

struct diva_backend; /**< an opened backend: one device, one queue, its scratch */
struct diva_buffer;  /**< memory of the device */

/** A view of device memory; the buffer is borrowed. */
struct diva_matrix {
  struct diva_buffer *buffer;
  int64_t offset; /**< elements */
  int64_t rows;
  int64_t columns;
  int64_t stride; /**< elements from a row to the next, >= columns */
};

/** A view of float64 (or, where said, int32) values, contiguous; an absent vector has buffer NULL.
 */
struct diva_vector {
  struct diva_buffer *buffer;
  int64_t offset; /**< elements */
  int64_t length;
};

/** How products of float32 tiles are made, by a backend that has a choice. */
enum diva_products {
  DIVA_PRODUCTS_AUTO,   /**< by what the device is fast at */
  DIVA_PRODUCTS_PLAIN,  /**< in float32 */
  DIVA_PRODUCTS_HALVES, /**< by float16 parts, at float32 accuracy, where products are wide */
};

/** What open() needs to know to hold all scratch that operations will ask for. */
struct diva_backend_config {
  bool double_tiles; /**< tile type float64, else float32 */
  enum diva_products products;
  bool deterministic; /**< the same bytes whatever the number of threads */
  int threads;        /**< of the host; >= 1 */
  int64_t tile_rows;
  int64_t columns; /**< of the largest tile matrix */
  int64_t outputs;
  bool reserves;  /**< open() leaves the scratch to reserve(), of a backend that has that */
  int64_t square; /**< columns of the largest matrix that is factored; 0: not known */
  bool eigen;     /**< and one as large is diagonalised */
};

/** How stored features become rows of Z: z = ((x / |x|) - shift) * multiplier, then a constant 1.
 */
struct diva_preparation {
  enum diva_dtype type;          /**< of the stored features */
  bool unit_rows;                /**< divide each row by its norm first (a zero row stays zero) */
  bool constant_column;          /**< append a column of ones */
  struct diva_vector shift;      /**< columns; absent: 0 */
  struct diva_vector multiplier; /**< columns; absent: 1 */
};

/** What the rows of a tile are, for loo_rows(). Vectors are float64 over the rows of the tile. */
struct diva_row_facts {
  struct diva_vector labels;     /**< int32, -1 = none; absent where there are targets */
  struct diva_matrix targets;    /**< float64 rows x outputs; buffer NULL where there are labels */
  struct diva_vector weight;     /**< alpha; 0 for rows not trained on */
  struct diva_vector importance; /**< v, the weight of the row in the objective */
  struct diva_vector form;       /**< k_ii = z' C z; absent: 0 (rows of another set) */
  enum diva_loss loss;
  double gradient_shift; /**< c, usually 0: scaled_gradient is g / (1 - h) - c alpha e */
  double temperature;    /**< t; NaN: not known yet, what needs it is not computed */
};

/** What loo_rows() writes; a view with buffer NULL is not wanted. */
struct diva_row_results {
  struct diva_vector loss;            /**< l(F, y) */
  struct diva_vector margin;          /**< NaN for label -1 */
  struct diva_vector quality;         /**< softmax(t F) of the label; NaN for label -1 */
  struct diva_vector suggested;       /**< int32: class of the largest F */
  struct diva_vector gradient_dot_r;  /**< g . r */
  struct diva_vector adjoint;         /**< b = alpha (g . r) / (1 - h) */
  struct diva_matrix scaled_gradient; /**< tile type, rows x outputs: g / (1 - h) - c alpha e */
  struct diva_matrix scores;          /**< float64 rows x outputs: F */
  struct diva_vector score_rows; /**< int32, read: which row of `scores` a row's F goes to, none
                                      twice; -1: nowhere. Absent: its own */
};

/**
 * The table of operations. Every entry is required but `products`, `wrap`, `class_accumulate`, and
 * the last group, which a backend has as a whole or not at all. All but `probe`, `close` and the
 * two that destroy return a status and record failures in the last parameter.
 */
struct diva_backend_ops {
  int version; /**< DIVA_BACKEND_VERSION */
  const char *name;

  /** Whether open() can succeed here; `detail` gets the device and library, or the reason. */
  enum diva_backend_state (*probe)(char *detail, size_t detail_size);

  enum diva_status (*open)(const struct diva_backend_config *config, struct diva_backend **out,
                           struct diva_error *error);
  void (*close)(struct diva_backend *backend);
  /** Bytes of scratch that open() would take for a config. */
  int64_t (*scratch_bytes)(const struct diva_backend_config *config);
  /** How products of tiles are made for a config, in a few words. NULL for a backend that has one
   * way for each tile type. */
  const char *(*products)(const struct diva_backend_config *config);

  enum diva_status (*buffer_create)(struct diva_backend *backend, int64_t bytes,
                                    struct diva_buffer **out, struct diva_error *error);
  /** Takes effect in its turn: operations that were called before still find the buffer. */
  void (*buffer_destroy)(struct diva_backend *backend, struct diva_buffer *buffer);
  /** host -> device; the host memory may be reused once the call returns. */
  enum diva_status (*upload)(struct diva_backend *backend, struct diva_buffer *buffer,
                             int64_t byte_offset, const void *host, int64_t bytes,
                             struct diva_error *error);
  /** device -> host, complete when it returns. */
  enum diva_status (*download)(struct diva_backend *backend, const struct diva_buffer *buffer,
                               int64_t byte_offset, void *host, int64_t bytes,
                               struct diva_error *error);
  /**
   * A buffer over host memory that the device reads where it lies, without a copy; the memory is
   * borrowed until buffer_destroy(). NULL for a backend whose device cannot: upload() instead.
   */
  enum diva_status (*wrap)(struct diva_backend *backend, const void *host, int64_t bytes,
                           struct diva_buffer **out, struct diva_error *error);
  enum diva_status (*zero)(struct diva_backend *backend, struct diva_buffer *buffer,
                           int64_t byte_offset, int64_t bytes, struct diva_error *error);
  /** device -> device, from the start of one buffer to the start of another. */
  enum diva_status (*copy)(struct diva_backend *backend, const struct diva_buffer *from,
                           struct diva_buffer *to, int64_t bytes, struct diva_error *error);
  enum diva_status (*synchronize)(struct diva_backend *backend, struct diva_error *error);

  /**
   * Z = prepared rows of `raw` (raw.rows x raw.columns of preparation->type; Z one column wider
   * with a constant column). `fault` (one int64 in `fault_buffer`) becomes the least of its value
   * and first_row * raw.columns + the linear index of the first NaN or infinity.
   */
  enum diva_status (*prepare_rows)(struct diva_backend *backend, struct diva_matrix raw,
                                   const struct diva_preparation *preparation, int64_t first_row,
                                   struct diva_matrix z, struct diva_buffer *fault_buffer,
                                   struct diva_error *error);
  /**
   * Random Fourier features of rows whose projections on the frequencies are u (rows x P, tile
   * type): z = scale [cos u, sin u] - shift, all cosines first, then a constant 1 where asked for.
   * For any u the error is at most 2e-7 (float64: 1e-15) of scale + |shift|; a NaN or an infinity
   * becomes NaN. `shift` has 2 P values; absent: 0. Z is rows x 2 P, or one column wider.
   */
  enum diva_status (*fourier_rows)(struct diva_backend *backend, struct diva_matrix u, double scale,
                                   struct diva_vector shift, bool constant_column,
                                   struct diva_matrix z, struct diva_error *error);
  /** Y = one-hot rows of int32 labels, tile type; a row of label -1 is zero. */
  enum diva_status (*label_rows)(struct diva_backend *backend, struct diva_vector labels,
                                 struct diva_matrix y, struct diva_error *error);
  /** Converts float64 to tile type. */
  enum diva_status (*convert)(struct diva_backend *backend, struct diva_matrix from,
                              struct diva_matrix to, struct diva_error *error);

  /** sum += Z' diag(weight) Z, upper triangle, float64; weight of either sign, absent: 1. */
  enum diva_status (*gram_accumulate)(struct diva_backend *backend, struct diva_matrix z,
                                      struct diva_vector weight, struct diva_matrix sum,
                                      struct diva_error *error);
  /** Row 0 of sum += weight' Z, row 1 += weight' (Z o Z), elementwise square; float64, 2 x columns;
   * weight absent: 1. */
  enum diva_status (*moments_accumulate)(struct diva_backend *backend, struct diva_matrix z,
                                         struct diva_vector weight, struct diva_matrix sum,
                                         struct diva_error *error);
  /** sum += Y' diag(weight) Z, float64, outputs x columns. Y may also be as wide as a tile: the
   * sum is then columns x columns. */
  enum diva_status (*cross_accumulate)(struct diva_backend *backend, struct diva_matrix y,
                                       struct diva_vector weight, struct diva_matrix z,
                                       struct diva_matrix sum, struct diva_error *error);
  /**
   * Row c of sum += the sum of weight_i z_i over the rows with label c: what cross_accumulate()
   * makes of label_rows(), for many classes without their product. NULL for a backend that gains
   * nothing.
   */
  enum diva_status (*class_accumulate)(struct diva_backend *backend, struct diva_vector labels,
                                       struct diva_vector weight, struct diva_matrix z,
                                       struct diva_matrix sum, struct diva_error *error);
  /** E = Y - Z W' in place of Y; W tile type, outputs x columns. */
  enum diva_status (*residual)(struct diva_backend *backend, struct diva_matrix z,
                               struct diva_matrix w, struct diva_matrix y,
                               struct diva_error *error);
  /** out_i = |z_i' U|^2 for an upper triangular U of tile type: z' C z where C = U U'. */
  enum diva_status (*row_leverage)(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix upper, struct diva_vector out,
                                   struct diva_error *error);
  /** out_i = z_i' U z_i for an upper triangular U of tile type (see fold_symmetric). */
  enum diva_status (*row_quadform)(struct diva_backend *backend, struct diva_matrix z,
                                   struct diva_matrix upper, struct diva_vector out,
                                   struct diva_error *error);
  /** Per-row results from residuals E (tile type, rows x outputs). */
  enum diva_status (*loo_rows)(struct diva_backend *backend, struct diva_matrix e,
                               const struct diva_row_facts *facts,
                               const struct diva_row_results *results, struct diva_error *error);
  /**
   * Residuals E = -F (tile type) of rows with label -1 become those that the row has on average
   * over its label, drawn from the model's own probabilities: softmax(t F) - F. Other rows stay.
   */
  enum diva_status (*expect_rows)(struct diva_backend *backend, struct diva_vector labels,
                                  double temperature, struct diva_matrix e,
                                  struct diva_error *error);
  /** Row order_i of `to` = row i of `from`, both of tile type; `order` is int32, a value a row of
   * `from`, none twice. */
  enum diva_status (*scatter_rows)(struct diva_backend *backend, struct diva_matrix from,
                                   struct diva_vector order, struct diva_matrix to,
                                   struct diva_error *error);
  /**
   * derivative_j = (Z M')_j . e_j - gradient_dot_r_j k_jj / (1 - h_j) + quadratic_j.
   * M: tile type, outputs x columns. facts gives weight and form; `gradient_dot_r` and `quadratic`
   * may be absent (0): the derivative of another set's loss.
   */
  enum diva_status (*derivative_rows)(struct diva_backend *backend, struct diva_matrix z,
                                      struct diva_matrix m, struct diva_matrix e,
                                      const struct diva_row_facts *facts,
                                      struct diva_vector gradient_dot_r,
                                      struct diva_vector quadratic, struct diva_vector out,
                                      struct diva_error *error);
  /**
   * The LOO path over one tile. T = Z V' holds rows in the eigenbasis (tile type), `eigenvalues` s,
   * `cross` V' sums (float64, outputs x columns: eigenbasis), Y tile type. For each lambda_l adds
   * sum_i share_i |r_i|^2 to sums[l], `share` being how much each row counts; eigenvalues of
   * directions without penalty are given as +s with `penalised` 0 (else 1), so that their shrinkage
   * is 1/s at every lambda.
   */
  enum diva_status (*path_rows)(struct diva_backend *backend, struct diva_matrix t,
                                struct diva_matrix y, struct diva_vector eigenvalues,
                                struct diva_vector penalised, struct diva_matrix cross,
                                struct diva_vector weight, struct diva_vector share,
                                struct diva_vector lambdas, struct diva_vector sums,
                                struct diva_error *error);

  /** C = A B (or A B', A' B): tile type or float64 throughout, as `double_values` says. */
  enum diva_status (*multiply)(struct diva_backend *backend, bool double_values, bool transpose_a,
                               bool transpose_b, struct diva_matrix a, struct diva_matrix b,
                               struct diva_matrix c, struct diva_error *error);
  /** Copies the upper triangle of a float64 matrix into the lower. */
  enum diva_status (*symmetrize)(struct diva_backend *backend, struct diva_matrix a,
                                 struct diva_error *error);
  /** Doubles the strict upper triangle and zeroes the lower, so that z' U z = z' A z for symmetric
   * float64 A. */
  enum diva_status (*fold_symmetric)(struct diva_backend *backend, struct diva_matrix a,
                                     struct diva_error *error);
  /**
   * A = R' R, R upper, in place (float64; the lower triangle is set to zero). A pivot that is not
   * positive is DIVA_ERROR_NUMERICAL with foreign_code = its 1-based index.
   */
  enum diva_status (*cholesky)(struct diva_backend *backend, struct diva_matrix a,
                               struct diva_error *error);
  /** Solves R' R X' = B' in place: B is right-hand sides x columns, float64. */
  enum diva_status (*cholesky_solve)(struct diva_backend *backend, struct diva_matrix r,
                                     struct diva_matrix b, struct diva_error *error);
  /** R^-1 in place, float64. */
  enum diva_status (*triangular_inverse)(struct diva_backend *backend, struct diva_matrix r,
                                         struct diva_error *error);
  /**
   * A = V' diag(s) V: eigenvectors as rows in place of A, s ascending. Stored as float64, computed
   * in tile type: what lambda is chosen by need not be finer than the rows it is chosen on.
   */
  enum diva_status (*eigen)(struct diva_backend *backend, struct diva_matrix a,
                            struct diva_vector eigenvalues, struct diva_error *error);

  /* Of a device with memory of its own, to which rows travel while it works; else all NULL. */

  /** Bytes that buffers, scratch and workspace may still take on the device. */
  enum diva_status (*memory_free)(struct diva_backend *backend, int64_t *bytes,
                                  struct diva_error *error);
  /** Bytes on the device that reserve() would take for a config. */
  enum diva_status (*reserve_bytes)(struct diva_backend *backend,
                                    const struct diva_backend_config *config, int64_t *bytes,
                                    struct diva_error *error);
  /**
   * Takes scratch for the tiles of a config and workspace for its `square` and `eigen`, so that no
   * operation that keeps to them allocates. Once, before the first operation, and only where
   * open() was told that it `reserves`; in all else the config is that of open().
   */
  enum diva_status (*reserve)(struct diva_backend *backend,
                              const struct diva_backend_config *config, struct diva_error *error);
  /** Host memory from which upload_begin() is fastest; to be destroyed before close(). */
  enum diva_status (*host_create)(struct diva_backend *backend, int64_t bytes, void **out,
                                  struct diva_error *error);
  void (*host_destroy)(struct diva_backend *backend, void *memory);
  /** Whether upload_begin() is as fast from these bytes of the host: memory of host_create(), by
   * whichever opened backend, or what the caller has pinned for the device. */
  bool (*host_is_fast)(struct diva_backend *backend, const void *memory, int64_t bytes);
  /**
   * Begins host -> device beside the queue, into rows that prepare_rows() is to read: the copy
   * starts once the last prepare_rows() called before has taken effect, and with it all that was
   * called before that; so it waits for who reads the rows that it replaces, and not for the work
   * on them. What was called since (or since synchronize()) touches none of the same bytes, nor
   * does anything until upload_finish(): till then they and the host memory are the copy's.
   */
  enum diva_status (*upload_begin)(struct diva_backend *backend, struct diva_buffer *buffer,
                                   int64_t byte_offset, const void *host, int64_t bytes,
                                   struct diva_error *error);
  /** Waits for all copies begun: operations called after it see what they brought. It waits for
   * no operation but those that the copies wait for. */
  enum diva_status (*upload_finish)(struct diva_backend *backend, struct diva_error *error);
};

/** The backend at an index, best first, or NULL past the end. A name known but not compiled in has
 * an entry with `ops` NULL. */
struct diva_backend_entry {
  const char *name;
  const struct diva_backend_ops *ops; /**< NULL: not compiled */
  bool for_tests; /**< taken by name only, and not described to users; the last entries */
};

const struct diva_backend_entry *diva_backend_at(int index);

/**
 * Chooses by name; NULL or "auto": the one that the environment variable DIVA_BACKEND names, else
 * the first that is ready.
 * @return DIVA_ERROR_USAGE for an unknown name, DIVA_ERROR_RESOURCE for one not compiled or without
 *         a device, with the reason
 */
enum diva_status diva_backend_choose(const char *name, const struct diva_backend_ops **out,
                                     struct diva_error *error);

/**
 * The same for a known amount of work. Where the choice is left open, a device with memory of its
 * own is passed over, and not even probed, for work that the CPU does while the device starts.
 */
enum diva_status diva_backend_choose_for(const char *name, double flops,
                                         const struct diva_backend_ops **out,
                                         struct diva_error *error);

/** Whether no backend is named, neither by `name` nor by DIVA_BACKEND. */
bool diva_backend_left_open(const char *name);

#endif
