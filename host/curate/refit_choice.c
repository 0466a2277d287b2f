/* Which refit finds planted wrong labels best. */
#include "refit_choice.h"

#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>

static const double LEAST_SHARE = 0.02;
static const double LARGEST_SHARE = 0.1;
static const int64_t FEWEST_PLANTED = 20;
/* Share of the pairs (planted, right) in the wrong order that a refit must put right. */
static const double WORTHWHILE = 0.01;
/* Planted labels flatter the two together: only a clear gain over either is believed. */
static const double WORTHWHILE_OF_BOTH = 0.05;
/* There is nothing left to gain. */
static const double FLAWLESS_AUROC = 0.9999;
enum { ENOUGH_PLANTED = 1000, MOST_ROUNDS = 5 };

/* The pilot with planted labels, and what is needed to look for them. */
struct trial {
  struct diva_dataset *dataset;
  const struct diva_analysis_options *options;
  struct diva_planting planting;
  struct diva_detection plain;
  const struct diva_label_noise *noise; /* of the labels as given */
  double *weights;
  double *score;
};

/* All scores are taken at the sharpness of the given labels, which is that of the planted ones. */
static void score_rows(const struct trial *trial, const struct diva_detection *detection) {
  struct diva_label_noise noise = detection->noise;
  const int64_t k = noise.classes;
  noise.confusable = trial->noise->confusable;
  for (int64_t i = 0; i < trial->planting.rows; i++) {
    trial->score[i] =
        diva_issue_score(&noise, detection->scores.scores + i * k, trial->planting.labels[i]);
  }
}

static enum diva_status judge(const struct trial *trial, const struct diva_detection *detection,
                              struct diva_finding *verdict, struct diva_error *error) {
  score_rows(trial, detection);
  return diva_planting_judge(&trial->planting, trial->score, verdict, error);
}

/* Looks with trial->weights. */
static enum diva_status look(struct trial *trial, const struct diva_subset *pilot,
                             struct diva_finding *finding, struct diva_error *error) {
  struct diva_analysis_options options = *trial->options;
  struct diva_detection detection = {0};
  options.weights = trial->weights;
  enum diva_status status =
      diva_detection_run(trial->dataset, &options, pilot->weights, &detection, error);
  if (status == DIVA_OK) {
    status = judge(trial, &detection, finding, error);
  }
  diva_detection_free(&detection);
  return status;
}

/* Where reweight was tried just before, both starts from the same weights. */
static enum diva_status try_refit(struct trial *trial, const struct diva_subset *pilot,
                                  enum diva_refit refit, bool reweighted,
                                  struct diva_finding *finding, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (refit == DIVA_REFIT_BOTH && reweighted) {
    diva_refit_trim_surest(trial->dataset, &trial->plain, trial->weights);
  } else {
    status = diva_refit_weights(refit, trial->dataset, trial->options, pilot->weights,
                                &trial->plain, trial->weights, error);
  }
  if (status == DIVA_OK) {
    status = look(trial, pilot, finding, error);
  }
  /* What cannot be solved so finds nothing. */
  if (status == DIVA_ERROR_INPUT || status == DIVA_ERROR_NUMERICAL) {
    *finding = (struct diva_finding){.average_precision = 0.0, .auroc = 0.0};
    status = DIVA_OK;
  }
  return status;
}

static enum diva_status prepare(const struct diva_subset *pilot, const struct diva_detection *plain,
                                int round, struct trial *trial, struct diva_error *error) {
  const double share = fmin(fmax(plain->noise.rate, LEAST_SHARE), LARGEST_SHARE);
  enum diva_status status =
      diva_planting_make(pilot->labels, plain->columns.probability, pilot->rows, &plain->noise,
                         share, trial->options->seed + (uint64_t)round, &trial->planting, error);
  if (status == DIVA_OK) {
    status = diva_subset_relabel(pilot, trial->planting.labels, &trial->dataset, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(pilot->rows, sizeof *trial->weights, "weights", (void **)&trial->weights,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(pilot->rows, sizeof *trial->score, "planted scores",
                           (void **)&trial->score, error);
  }
  return status;
}

static void clear(struct trial *trial) {
  diva_detection_free(&trial->plain);
  diva_dataset_close(trial->dataset);
  diva_planting_free(&trial->planting);
  free(trial->weights);
  free(trial->score);
  trial->dataset = NULL;
  trial->weights = trial->score = NULL;
}

/* Sums of the verdicts of all rounds, by refit. */
struct tally {
  struct diva_finding sum[DIVA_REFIT_BOTH + 1];
  int64_t planted;
  int rounds;
};

static void add(struct tally *tally, enum diva_refit refit, const struct diva_finding *verdict) {
  tally->sum[refit].average_precision += verdict->average_precision;
  tally->sum[refit].auroc += verdict->auroc;
}

/* One planting, looked at in every way that may be taken. */
static enum diva_status play_round(struct trial *trial, const struct diva_subset *pilot,
                                   enum diva_refit asked, struct tally *tally,
                                   struct diva_error *error) {
  struct diva_finding verdict;
  enum diva_status status =
      diva_detection_run(trial->dataset, trial->options, pilot->weights, &trial->plain, error);
  if (status == DIVA_OK) {
    status = judge(trial, &trial->plain, &verdict, error);
  }
  if (status == DIVA_OK) {
    add(tally, DIVA_REFIT_NONE, &verdict);
  }
  const bool flawless =
      status == DIVA_OK && asked == DIVA_REFIT_AUTO && verdict.auroc > FLAWLESS_AUROC;
  for (enum diva_refit refit = DIVA_REFIT_TRIM;
       refit <= DIVA_REFIT_BOTH && status == DIVA_OK && !flawless; refit++) {
    if (asked == DIVA_REFIT_AUTO || asked == refit) {
      status = try_refit(trial, pilot, refit, asked == DIVA_REFIT_AUTO, &verdict, error);
      if (status == DIVA_OK) {
        add(tally, refit, &verdict);
      }
    }
  }
  return status;
}

/* Other than plain scores are taken only where they are clearly better. */
static enum diva_refit best_refit(const struct tally *tally) {
  enum diva_refit best = DIVA_REFIT_NONE;
  double least = (double)tally->rounds - tally->sum[DIVA_REFIT_NONE].auroc;
  for (enum diva_refit refit = DIVA_REFIT_TRIM; refit <= DIVA_REFIT_BOTH; refit++) {
    const double worthwhile = refit == DIVA_REFIT_BOTH ? WORTHWHILE_OF_BOTH : WORTHWHILE;
    const double missed = (double)tally->rounds - tally->sum[refit].auroc;
    if (missed < (1.0 - worthwhile) * least) {
      best = refit;
      least = missed;
    }
  }
  return best;
}

enum diva_status diva_refit_choose(const struct diva_subset *pilot,
                                   const struct diva_analysis_options *options,
                                   const struct diva_detection *plain, enum diva_refit asked,
                                   struct diva_refit_choice *out, struct diva_error *error) {
  struct tally tally = {0};
  enum diva_status status = DIVA_OK;
  bool enough = false;
  while (status == DIVA_OK && !enough) {
    struct trial trial = {.options = options, .noise = &plain->noise};
    status = prepare(pilot, plain, tally.rounds, &trial, error);
    enough = status == DIVA_OK && trial.planting.planted < FEWEST_PLANTED;
    if (status == DIVA_OK && !enough) {
      status = play_round(&trial, pilot, asked, &tally, error);
      tally.planted += trial.planting.planted;
      enough = ++tally.rounds == MOST_ROUNDS || tally.planted >= ENOUGH_PLANTED;
    }
    clear(&trial);
  }
  out->refit = asked == DIVA_REFIT_AUTO ? best_refit(&tally) : asked;
  out->planted = tally.planted;
  out->verdict = (struct diva_finding){
      .average_precision = tally.sum[out->refit].average_precision / (double)tally.rounds,
      .auroc = tally.sum[out->refit].auroc / (double)tally.rounds};
  return status;
}
