/**
 * @file run.h
 * A check in progress: both versions, the model they are compared by, and the rules. Internal.
 */
#ifndef DIVA_CHECK_RUN_H
#define DIVA_CHECK_RUN_H

#include "findings.h"
#include "mean_change.h"
#include "version.h"

/** A model fitted to one version, and how it did on each row left out, and on target rows. */
struct diva_check_fit {
  struct diva_analysis *analysis; /**< owned; NULL: not fitted */
  struct diva_columns columns;
  struct diva_summary summary;
  int64_t rows;  /**< of the version; those of the target come behind */
  double *wrong; /**< 1: misclassified, 0: not, NaN: not trained on, or no classes (owned) */
  double *loss;  /**< NaN where not trained on (owned) */
};

struct diva_check_run {
  const struct diva_check_options *options;
  struct diva_check_findings *findings;
  struct diva_check_version after, before, target;
  bool has_baseline, has_target;
  struct diva_check_match match;
  int64_t *target_rows;     /**< 0, 1, ...: a target row is itself in the other fit (owned) */
  const char *blocked;      /**< why features cannot be analysed; NULL: they can */
  const char *incomparable; /**< why the baseline cannot be fitted and compared; NULL: it can */
  struct diva_analysis_options model; /**< settled on the baseline, or without one here */
  bool fitted;
  struct diva_check_fit now, then; /**< of this version; of the baseline */
  struct diva_state *sums; /**< of this version, from the state of the baseline (owned); NULL */
};

/** Fits the model to both versions, once; DIVA_OK and nothing done where `blocked`. */
enum diva_status diva_check_fits(struct diva_check_run *run, struct diva_error *error);

/** What a fit is made with, beside the model. */
struct diva_check_fit_request {
  const double *weights; /**< rows of the version; NULL: its own */
  const int32_t *groups; /**< rows: left out together; NULL: none */
  bool derivative;
  const struct diva_state *sums; /**< of exactly these rows and weights; NULL: none */
};

/** One more fit of a version by the settled model. Free with diva_check_fit_free(). */
enum diva_status diva_check_fit_run(const struct diva_check_run *run,
                                    const struct diva_check_version *version,
                                    const struct diva_check_fit_request *request,
                                    struct diva_check_fit *out, struct diva_error *error);
void diva_check_fit_free(struct diva_check_fit *fit);

/** The error (for targets the loss) that versions are judged by: on the target, else LOO. */
struct diva_mean_change_request diva_check_outcomes(const struct diva_check_run *run,
                                                    const struct diva_check_fit *after,
                                                    const struct diva_check_fit *before);

/** Shares of rows: a value in [0, 1] for each row of both versions, borrowed. */
struct diva_mean_change_request diva_check_shares(const struct diva_check_run *run,
                                                  const double *after, const double *before);

/** Width of an interval in standard errors, where `tests` of them are looked at together. */
double diva_check_width(const struct diva_check_run *run, int64_t tests);

/** What a rule finds on a change of shares: the value is its low end. */
struct diva_check_finding diva_check_change(const struct diva_mean_change *change, double z);

/** Words that findings share: "2.31 % was 2.10 % (+0.21 points, -0.05 to +0.47)". */
enum { DIVA_CHECK_WORDS = 160 };
void diva_check_change_words(const struct diva_check_finding *finding,
                             char words[DIVA_CHECK_WORDS]);

/** A row of this version by number, its id in scratch: what diva_check_name() takes. */
struct diva_check_row diva_check_row_of(const struct diva_check_version *version, int64_t row,
                                        char scratch[DIVA_ID_SCRATCH_SIZE]);

/* The rules, each in the file of its family: findings and rows, or a reason to skip. */
enum diva_status diva_check_ids(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_relabelled(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_columns(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_classes(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_class_balance(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_unlabelled(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_weights(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_loo_error(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_class_error(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_group_error(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_label_noise(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_added_rows(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_near_duplicates(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_leakage(struct diva_check_run *run, struct diva_error *error);
enum diva_status diva_check_drift(struct diva_check_run *run, struct diva_error *error);

#endif
