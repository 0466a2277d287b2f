/**
 * @file bench.h
 * How fast the passes are on a machine, beside what the same backend does in the same run: seconds
 * do not carry over from one machine to the next, ratios do.
 */
#ifndef DIVA_BENCH_H
#define DIVA_BENCH_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

struct diva_bench_options {
  int version;
  int64_t rows, columns, outputs; /**< of the generated set; not read where a dataset is given */
  enum diva_dtype type;           /**< of its features */
  int repeats;                    /**< runs, >= 1; the median by wall time is reported. Default 3 */
  enum diva_precision precision;
  bool deterministic;
  const char *backend; /**< NULL or "auto": the best that is ready */
  int threads;         /**< 0: one a core */
  int64_t memory;      /**< bytes a run may use; 0: what the machine has */
  uint64_t seed;       /**< of the features */
  struct diva_progress progress;
};

/** 20,000 x 512 float32, 10 outputs. */
DIVA_API void diva_bench_options_init(struct diva_bench_options *options);

/** One phase of a run. A ratio is NaN where there is nothing to compare. */
struct diva_bench_phase {
  const char *name; /**< static: diva_phase_name() */
  double seconds;
  double flops; /**< those that no method of this kind can avoid; 0 for a phase that is not matrix
                     work: n d (d + 2 k) each for the Gram matrix and the derivative, n d (2 d + 4
                     k) for leave-one-out, 14/3 d^3 + 4 d^2 k for the factor */
  double bytes; /**< of features that travelled, in all passes: rows that a device keeps do so once.
                     0 but for "read", which is the time that the work waited for them */
  double ratio; /**< flops a second to matrix_rate, or bytes a second to copy_rate */
};

struct diva_bench {
  int64_t rows, columns, outputs;
  enum diva_dtype type;
  char backend[32];
  char library[256]; /**< device and library */
  int threads;
  enum diva_precision precision; /**< as used */
  char products[32];  /**< how the backend multiplies in it, where there are several ways:
                           "float32" units, or "float32 by halves"; else empty */
  double matrix_rate; /**< flops a second of a square product, made in the same way */
  double copy_rate;   /**< bytes a second from the host to the backend's memory */
  double seconds;     /**< of the run */
  double ratio;       /**< useful flops of all phases a second, to matrix_rate */
  struct diva_bench_phase phases[DIVA_PHASES];
};

/**
 * Runs the analysis of `diva rank` (primal, squared loss, lambda = n / 100 given, standardised) on
 * a dataset, or on seeded features of full rank around class means, held in the memory that copies
 * to the backend are fastest from, and measures matrix product and copy before and after; the
 * better counts.
 *
 * @param dataset  NULL: features are generated
 * @return DIVA_ERROR_USAGE for options that make no sense, DIVA_ERROR_RESOURCE where memory or the
 *         backend are missing, else the errors of diva_analysis_run()
 * Cost: `repeats` runs, and about a second.
 */
DIVA_API enum diva_status diva_bench_run(const struct diva_bench_options *options,
                                         struct diva_dataset *dataset, struct diva_bench *out,
                                         struct diva_error *error);

DIVA_END_DECLARATIONS

#endif
