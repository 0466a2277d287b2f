/**
 * @file manifest.h
 * What DIVA writes: rows as JSONL, CSV, NPY or HDF5, and the provenance beside them.
 *
 * A file appears under its name only when it is complete (written beside, then renamed); on any
 * error or cancellation nothing is left. The same input gives the same bytes.
 */
#ifndef DIVA_MANIFEST_H
#define DIVA_MANIFEST_H

#include <diva/curate.h>
#include <diva/extend.h>
#include <diva/reweight.h>
#include <diva/target.h>
#include <diva/verify.h>
#include <diva/what_if.h>

DIVA_BEGIN_DECLARATIONS

enum diva_format { DIVA_FORMAT_JSONL, DIVA_FORMAT_CSV, DIVA_FORMAT_NPY, DIVA_FORMAT_HDF5 };

/** Format by name ("jsonl", "csv", "npy", "hdf5"; NULL: by the extension of `path`, "-" is JSONL).
 * @return DIVA_ERROR_USAGE for a name or extension that is not known, saying which are */
DIVA_API enum diva_status diva_format_choose(const char *name, const char *path,
                                             enum diva_format *out, struct diva_error *error);

DIVA_API const char *diva_format_name(enum diva_format format);

enum diva_column_type {
  DIVA_COLUMN_REAL,    /**< const double *; NaN is null */
  DIVA_COLUMN_BOOLEAN, /**< const uint8_t * */
  DIVA_COLUMN_CLASS,   /**< const int32_t *; written as class name where there are names, -1 null */
  DIVA_COLUMN_CHOICE,  /**< const uint8_t *, index into `choices` */
  DIVA_COLUMN_ROW,     /**< const int64_t *, a row of the dataset; written as its id, -1 null */
  DIVA_COLUMN_COUNT    /**< const int64_t *, >= 0; -1 is null */
};

/** One column of a manifest; everything borrowed. */
struct diva_column {
  const char *name;
  enum diva_column_type type;
  const void *data; /**< one value a dataset row, indexed by row; NULL: absent (CLASS, ROW) */
  const char *const *choices; /**< for DIVA_COLUMN_CHOICE, else NULL */
};

/** A manifest to be written. Columns id, index and label come first by themselves. */
struct diva_manifest {
  int version;
  const struct diva_dataset *dataset;
  const struct diva_column *columns;
  int64_t column_count;
  const int64_t *order; /**< the rows to write, in this order; NULL: all, input order */
  int64_t order_count;
  int real_digits; /**< significant digits of reals in text: 17 (float64) or 9 (float32) */
  /** For DIVA_FORMAT_NPY: what the array holds, exactly one of the two. */
  const int64_t *npy_indices; /**< int64 (npy_count) */
  const double *npy_values;   /**< npy_count of them, written as npy_type */
  enum diva_dtype npy_type;   /**< DIVA_FLOAT64 (default) or DIVA_FLOAT32 */
  int64_t npy_count;
  int64_t npy_columns; /**< 0: one dimension; else shape (npy_count, npy_columns), row-major */
};

DIVA_API void diva_manifest_init(struct diva_manifest *manifest);

/**
 * Writes a manifest to `path` ("-": standard output, JSONL and CSV only) and, if `provenance` is
 * not NULL and path is not "-", that text to PATH.provenance.json. Both appear, or neither. A
 * device or a pipe is written in place, without provenance. In HDF5 an absent class or choice is an
 * empty string (-1 where classes have no names), an absent count -1 and an absent real NaN.
 * @return DIVA_ERROR_RESOURCE where the disk, a folder or a permission refuses;
 *         DIVA_ERROR_USAGE if path is one of the dataset's own files
 */
DIVA_API enum diva_status diva_manifest_write(const struct diva_manifest *manifest,
                                              const char *path, enum diva_format format,
                                              const char *provenance,
                                              const struct diva_progress *progress,
                                              struct diva_error *error);

/** What a provenance record or a summary is made from; everything borrowed. */
struct diva_report {
  int version;
  int argument_count;
  char *const *arguments; /**< the command line */
  const struct diva_dataset *dataset;
  const struct diva_dataset *validation;   /**< NULL: none */
  const struct diva_summary *before;       /**< of the set as given */
  const struct diva_summary *held_against; /**< whose scores stand for those before; NULL: before */
  const struct diva_summary *after;        /**< re-solved on the changed set; NULL: not done */
  const struct diva_score *kept_before;    /**< LOO score on the kept rows before; NULL: not done */
  int64_t flagged;                         /**< label issues; -1: not decided */
  int64_t kept;                            /**< -1: not decided */
  const struct diva_verification *verification; /**< NULL: none was asked for, or ... */
  const char *unverified;                       /**< ... it failed, for this reason; NULL: not so */
  const struct diva_noise_summary *noise;       /**< of clean; NULL: not decided by it */
  const struct diva_what_if_summary *what_if;   /**< NULL: not asked */
  const struct diva_reweight_summary *reweight; /**< NULL: not asked */
  const char *weights_by;           /**< what rows share a weight by; NULL: each has its own */
  const char *const *weight_groups; /**< names of the groups but that of -1; NULL: none */
  const struct diva_extend_summary *extend; /**< NULL: not asked */
  /** Near-duplicates; -1 rows: not looked for. */
  int64_t duplicate_rows, duplicate_groups, duplicate_conflicts;
  const struct diva_target_summary *target; /**< what rows count for; NULL: all alike */
  const struct diva_dataset *target_rows;   /**< rows of a target; NULL: none */
  const char *group;                        /**< name of the groups left out together; NULL: none */
  const char *probabilities; /**< path of the probabilities written too; NULL: none were */
};

DIVA_API void diva_report_init(struct diva_report *report);

/**
 * The record as JSON text, to be freed with diva_string_free(). Holds version, command_line, input,
 * sha256, n, d, k, lambda, scaling, model, temperature, seed, backend, precision, threads,
 * mpi_ranks, objective_before, objective_after and more (see the README). `timings` adds seconds,
 * which differ from run to run. Reads each input once for its SHA-256.
 */
DIVA_API enum diva_status diva_report_json(const struct diva_report *report, bool timings,
                                           char **out, struct diva_error *error);

DIVA_API void diva_string_free(char *text);

DIVA_END_DECLARATIONS

#endif
