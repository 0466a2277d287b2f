/**
 * @file state.h
 * The saved state of a dataset: the sums that the closed forms need, and what identifies its rows.
 *
 * With r_i the raw features of row i (unit rows for DIVA_SCALE_L2), alpha_i its weight, y_i its
 * target less base outputs, a state holds
 *
 *     s = sum alpha_i                        m = sum alpha_i r_i / s
 *     S = sum alpha_i (r_i - m)(r_i - m)'    T = sum alpha_i y_i    B = sum alpha_i y_i (r_i - m)'
 *
 * and for each row its id, label, weight, group and hashes of its features and targets. Sums about
 * their own mean can be added, taken apart and rescaled without cancellation: states of shards are
 * merged into the state of the whole, and a new version of a dataset costs only the rows that came,
 * left or changed. An analysis that is given a state (diva_analysis_options.sums) spares its first
 * pass. Sums of raw features serve DIVA_SCALE_NONE and DIVA_SCALE_STANDARDIZE alike, those of unit
 * rows DIVA_SCALE_L2 alone. The primal solver with the linear kernel is the only one that they are
 * of use to.
 */
#ifndef DIVA_STATE_H
#define DIVA_STATE_H

#include <diva/analysis.h>

DIVA_BEGIN_DECLARATIONS

struct diva_state;

/** What a state is of, and of which model. Strings are borrowed from the state. */
struct diva_state_info {
  int64_t rows;          /**< n, all of them */
  int64_t columns;       /**< d */
  int64_t outputs;       /**< k */
  int64_t labelled_rows; /**< rows with a label (or a target) */
  int64_t training_rows; /**< of these, of positive weight */
  double weight;         /**< s */
  enum diva_dtype feature_type;
  bool has_targets;
  bool has_ids; /**< else a row's id is its number, and versions are compared row by row */
  bool has_weights;
  bool has_base_outputs;
  bool has_class_names;
  bool has_groups;
  bool has_scores; /**< diva_state_take_scores() was called: figures and per-row losses exist */
  int64_t groups;  /**< codes of groups; rows of code -1 are their own */
  enum diva_scale scale;
  bool intercept;
  enum diva_loss loss; /**< of the scores */
  double lambda;       /**< of the scores, else as asked for; 0: neither, or merged states differ */
  bool lambda_given;   /**< asked for, not chosen: states of another are then not merged */
  struct diva_score loo;  /**< of the version saved; NaN without scores */
  const char *factor;     /**< what the groups are of, diva_dataset_group_factor(); NULL: unknown */
  const char *backend;    /**< what summed it in this process, static; NULL: nothing did */
  const char *path;       /**< the file read, or NULL */
  const char *provenance; /**< JSON text that was saved with it, or NULL */
  const char *checksum;   /**< SHA-256 of the content as 64 hex digits, or NULL if never saved */
};

/** The sums, borrowed. */
struct diva_state_sums {
  double weight;         /**< s */
  const double *mean;    /**< m: columns */
  const double *scatter; /**< S, upper triangle by rows: columns (columns + 1) / 2 values; row i
                              starts with S_ii and has columns - i of them */
  const double *target;  /**< T: outputs. Of labels without base outputs: weight of each class */
  const double *cross;   /**< B: outputs x columns */
  /** Of raw features, all rows alike, labelled or not: for drift. */
  const double *row_mean;   /**< columns */
  const double *row_square; /**< columns: sum of squares about row_mean */
};

/** One value a row, borrowed; rows in the order of the dataset (of merged states: one after the
 * other). */
struct diva_state_rows {
  int64_t rows;
  const int32_t *label;           /**< NULL for targets; -1 = unlabelled */
  const double *weight;           /**< alpha; 0 for unlabelled rows and the pool */
  const int32_t *group;           /**< NULL without groups; -1 = alone */
  const uint64_t *hash;           /**< of the features as stored */
  const uint64_t *target_hash;    /**< of targets and base outputs; NULL where there are neither */
  const double *loo_loss;         /**< NULL without scores, as the next; NaN where there is none */
  const int32_t *suggested_label; /**< class of the largest LOO score; -1 for targets */
};

/** Rows of one class or group. */
struct diva_state_part {
  int64_t rows;
  double weight;  /**< sum of alpha */
  int64_t scored; /**< labelled rows of positive weight in a state with scores */
  int64_t wrong;  /**< of these, by LOO; 0 for targets */
  double loss;    /**< sum of their LOO losses */
};

/**
 * Sums over a dataset and what identifies its rows; without scores.
 *
 * @param dataset  read, not changed. Rows that are not trained on (without a label, of weight 0)
 *                 are kept track of and in no sum but row_mean and row_square
 * @param options  scale (settled), intercept, lambda, weights, backend, threads, memory,
 *                 deterministic, progress; precision FLOAT32 sums in float32 tiles, anything else
 * in float64; the rest plays no part
 * @param out      owned by the caller: diva_state_destroy()
 * @return DIVA_ERROR_USAGE for an RBF kernel, the dual solver or importances; DIVA_ERROR_INPUT for
 *         NaN or infinity with row and column; DIVA_ERROR_NUMERICAL where squares overflow;
 *         DIVA_ERROR_RESOURCE
 * Cost: one pass, n d^2 + 2 n d k flops; 8 d (d + k) + about 50 n bytes.
 */
DIVA_API enum diva_status diva_state_create(struct diva_dataset *dataset,
                                            const struct diva_analysis_options *options,
                                            struct diva_state **out, struct diva_error *error);

/**
 * Keeps lambda, the LOO losses and predictions of an analysis of the same dataset.
 * @param lambda_given  whether lambda was asked for
 * @return DIVA_ERROR_USAGE where its rows, weights or scale are not those of the state
 */
DIVA_API enum diva_status diva_state_take_scores(struct diva_state *state,
                                                 const struct diva_analysis *analysis,
                                                 bool lambda_given, struct diva_error *error);

/** How the sums of a new version came about. */
struct diva_state_work {
  int64_t added_rows;      /**< contributions put in */
  int64_t subtracted_rows; /**< taken out */
  int64_t rescored_rows;   /**< same features, other label or weight: their terms alone changed */
  bool recomputed;         /**< over all rows instead; `reason` says why */
  char reason[256];
  double seconds_hash; /**< reading and hashing every row of the new version */
  double seconds_sums; /**< reading what is touched, and the sums */
};

/**
 * The state of a new version of the dataset, from the state of the old one.
 *
 * Rows are matched by id. Rows that came are added, with their features from `dataset`. Rows of
 * which label or weight alone changed need no features but those. Rows that left, or whose features
 * (or targets) changed, are subtracted exactly as they were, which takes their features:
 * `old_dataset`. Where that is not given, or where so much is subtracted that digits would be lost,
 * or most rows are touched, the sums are recomputed over all rows, and `work` says so. The result
 * is that of diva_state_create() on `dataset`, to 1e-12 with float64 sums.
 *
 * @param old_dataset  NULL, or the dataset that `old` is of, the same rows in the same order
 * @param options      as of diva_state_create()
 * @param work         nullable
 * @return DIVA_ERROR_INPUT where diva_state_check() refuses, or `old_dataset` is not what `old` was
 *         made of; else the errors of diva_state_create()
 * Cost: reads and hashes all rows of `dataset`; (touched rows) d^2 flops, O(d^2).
 */
DIVA_API enum diva_status
diva_state_update(const struct diva_state *old, struct diva_dataset *old_dataset,
                  struct diva_dataset *dataset, const struct diva_analysis_options *options,
                  struct diva_state_work *work, struct diva_state **out, struct diva_error *error);

/**
 * The state of several sets of rows as one, without scores, whose LOO is that of the whole alone.
 *
 * Sets without ids are numbered on, one after the other, as a dataset opened from such shards is.
 * @return DIVA_ERROR_INPUT, naming the file where there is one, for an id that occurs twice, states
 *         of another width, element type, scale, intercept, lambda (where given), or with other
 *         class names, targets for labels, groups, base outputs or ids present in some only
 */
DIVA_API enum diva_status diva_state_merge(const struct diva_state *const *states, int64_t count,
                                           struct diva_state **out, struct diva_error *error);

/**
 * Whether a state can serve a version of its dataset and a model: DIVA_OK, or DIVA_ERROR_INPUT with
 * the reason (feature width or type, targets for labels, number of targets, base outputs, ids;
 * scale, intercept, loss, or another lambda).
 * @param dataset  NULL: only the model is checked
 * @param options  NULL: only the dataset is checked; scale AUTO and lambda 0 agree with any
 */
DIVA_API enum diva_status diva_state_check(const struct diva_state *state,
                                           const struct diva_dataset *dataset,
                                           const struct diva_analysis_options *options,
                                           struct diva_error *error);

/** Sets scale, intercept, loss and lambda (where the state has one) of `options` to those of the
 * state, with the linear kernel: the model that a new version is compared by. */
DIVA_API void diva_state_model(const struct diva_state *state,
                               struct diva_analysis_options *options);

/** What became of a row between two versions. Several may be true at once. */
enum diva_row_change {
  DIVA_ROW_ADDED = 1,      /**< its id is new: nothing else is said of it */
  DIVA_ROW_FEATURES = 2,   /**< other features or, where there are labels, other base outputs */
  DIVA_ROW_RELABELLED = 4, /**< another class, by name where both have names; labelled or unlabelled
                                since; for targets: other targets */
  DIVA_ROW_REWEIGHTED = 8  /**< another weight, rows labelled or unlabelled since apart */
};

/** Two versions compared by id; arrays borrowed. */
struct diva_state_changes {
  int64_t rows;           /**< of the new version */
  const int64_t *old_row; /**< of each new row its row in the old version, -1: added */
  const uint8_t *change;  /**< of each new row, enum diva_row_change put together */
  int64_t removed;
  const int64_t *removed_row; /**< `removed` rows of the old version, ascending */
  int64_t added, changed_features, relabelled, reweighted; /**< how many rows */
  const int32_t *class_of; /**< of each old class its number in the new version, -1: gone; NULL for
                                targets */
};

struct diva_state_comparison;

/**
 * @param old_state, new_state  borrowed for the call
 * @param out  owned by the caller: diva_state_comparison_destroy()
 * @return DIVA_ERROR_INPUT where one has ids and the other has none, or the element types differ
 * (the hashes then say nothing) Cost: O(n), no features.
 */
DIVA_API enum diva_status diva_state_compare(const struct diva_state *old_state,
                                             const struct diva_state *new_state,
                                             struct diva_state_comparison **out,
                                             struct diva_error *error);

DIVA_API void diva_state_changes(const struct diva_state_comparison *comparison,
                                 struct diva_state_changes *out);

/** Frees; NULL is fine. */
DIVA_API void diva_state_comparison_destroy(struct diva_state_comparison *comparison);

DIVA_API void diva_state_describe(const struct diva_state *state, struct diva_state_info *out);
DIVA_API void diva_state_sums(const struct diva_state *state, struct diva_state_sums *out);
DIVA_API void diva_state_rows(const struct diva_state *state, struct diva_state_rows *out);

/** Id of a row, its number as text where there are none; borrowed from state or scratch. */
DIVA_API const char *diva_state_id(const struct diva_state *state, int64_t row,
                                   char scratch[DIVA_ID_SCRATCH_SIZE]);

/** Lets go of the groups, where they are of another factor than those they would be compared with.
 */
DIVA_API void diva_state_drop_groups(struct diva_state *state);

/** The row of an id, -1: none has it. */
DIVA_API int64_t diva_state_find(const struct diva_state *state, const char *id);

/** Name of a class; NULL out of range or where classes have no names. */
DIVA_API const char *diva_state_class_name(const struct diva_state *state, int64_t class_index);

/** Name of a group; NULL out of range. */
DIVA_API const char *diva_state_group_name(const struct diva_state *state, int64_t group);

/** Rows of a class, or of a group; zeros out of range. */
DIVA_API void diva_state_class(const struct diva_state *state, int64_t class_index,
                               struct diva_state_part *out);
DIVA_API void diva_state_group(const struct diva_state *state, int64_t group,
                               struct diva_state_part *out);

/**
 * Writes a state: HDF5 with a version and the SHA-256 of the content; the same state and provenance
 * give the same bytes. The file appears under its name only when complete.
 * @param inputs      nullable: a dataset whose own files must not be written over
 * @param provenance  nullable: JSON text kept in the file, and written to PATH.provenance.json
 */
DIVA_API enum diva_status diva_state_write(const struct diva_state *state, const char *path,
                                           const struct diva_dataset *inputs,
                                           const char *provenance, struct diva_error *error);

/**
 * Reads a state.
 * @return DIVA_ERROR_INPUT "PATH: ..." for a file that is missing, no state, of another version,
 *         truncated, or whose content does not match its checksum
 */
DIVA_API enum diva_status diva_state_read(const char *path, struct diva_state **out,
                                          struct diva_error *error);

/** Whether a file is an HDF5 file that calls itself a state; it may still be damaged. */
DIVA_API bool diva_state_is_file(const char *path);

/** Frees; NULL is fine. */
DIVA_API void diva_state_destroy(struct diva_state *state);

DIVA_END_DECLARATIONS

#endif
