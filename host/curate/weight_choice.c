/* The choice of a start and of a number of steps. */
#include "weight_choice.h"

#include "cross_fit.h"
#include "folds.h"
#include "host/core/core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The search at hand. */
struct search {
  const struct diva_weight_choice_request *request;
  const struct diva_weight_problem *problem;
  struct diva_cross_fit_request cross_fit;
  int32_t *folds;            /* owned */
  double *share;             /* owned */
  struct diva_held_out base; /* as it is */
  struct diva_held_out best;
  enum diva_reweight_start best_start;
  bool found;
};

static const double *start_of(const struct search *search, enum diva_reweight_start start) {
  return search->request->site->starts[start];
}

static enum diva_status deal(struct search *search, struct diva_error *error) {
  const struct diva_weight_problem *problem = search->problem;
  const struct diva_weight_choice_request *request = search->request;
  const struct diva_folds_request train = {.rows = problem->rows,
                                           .support = start_of(search, request->base),
                                           .labels = diva_dataset_labels(problem->request.train),
                                           .groups = problem->groups,
                                           .count = request->folds,
                                           .seed = request->seed,
                                           .what = problem->groups ? "rows or groups to train on"
                                                                   : "rows to train on"};
  enum diva_status status =
      diva_allocate(problem->rows + problem->target_rows, sizeof *search->folds, "folds",
                    (void **)&search->folds, error);
  if (status == DIVA_OK) {
    status = diva_folds_deal(&train, search->folds, error);
  }
  if (status != DIVA_OK || !problem->request.target) {
    return status;
  }
  const struct diva_folds_request target = {.rows = problem->target_rows,
                                            .support = problem->request.target_importance,
                                            .labels = diva_dataset_labels(problem->request.target),
                                            .count = request->folds,
                                            .seed = request->seed + 1,
                                            .what = "target rows"};
  return diva_folds_deal(&target, search->folds + problem->rows, error);
}

/* Makes a set's entries add up to `total`; rows in no fold count nothing. */
static enum diva_status fill_share(const double *importance, const int32_t *folds, int64_t rows,
                                   double total, double *share, struct diva_error *error) {
  double sum = 0.0;
  for (int64_t i = 0; i < rows; i++) {
    share[i] = folds[i] < 0 ? 0.0 : importance ? importance[i] : 1.0;
    sum += share[i];
  }
  for (int64_t i = 0; i < rows; i++) {
    share[i] *= sum > 0.0 ? total / sum : 0.0;
  }
  return rows > 0 && total > 0.0 && !(sum > 0.0)
             ? diva_error_set(error, DIVA_ERROR_INPUT,
                              "none of the rows that count in the objective has a label and a "
                              "positive weight")
             : DIVA_OK;
}

static enum diva_status weigh(struct search *search, struct diva_error *error) {
  const struct diva_weight_problem *problem = search->problem;
  const double target = problem->request.target_share;
  enum diva_status status =
      diva_allocate(problem->rows + problem->target_rows, sizeof *search->share,
                    "shares of the rows", (void **)&search->share, error);
  if (status == DIVA_OK) {
    status = fill_share(problem->importance, search->folds, problem->rows, 1.0 - target,
                        search->share, error);
  }
  return status == DIVA_OK
             ? fill_share(problem->request.target_importance, search->folds + problem->rows,
                          problem->target_rows, target, search->share + problem->rows, error)
             : status;
}

static bool are_alike(const struct search *search, enum diva_reweight_start a,
                      enum diva_reweight_start b) {
  const size_t size = (size_t)search->problem->rows * sizeof(double);
  return start_of(search, a) && start_of(search, b) &&
         memcmp(start_of(search, a), start_of(search, b), size) == 0;
}

/* A start that is the same as one before has the same figures. */
static bool is_known(const struct search *search, enum diva_reweight_start start,
                     struct diva_reweight_summary *out) {
  for (enum diva_reweight_start other = DIVA_REWEIGHT_UNIFORM; other < start; other++) {
    if (are_alike(search, other, start)) {
      out->plain[start] = out->plain[other];
      return true;
    }
  }
  return false;
}

static void keep(struct diva_held_out *from, struct diva_held_out *to) {
  diva_held_out_free(to);
  *to = *from;
  *from = (struct diva_held_out){0};
}

static enum diva_status try_start(struct search *search, enum diva_reweight_start start,
                                  struct diva_reweight_summary *out, struct diva_error *error) {
  const bool allowed = search->request->allowed[start];
  struct diva_held_out plain = {0};
  struct diva_held_out best = {0};
  search->cross_fit.most_steps = allowed ? search->request->most_steps : 0;
  const enum diva_status status =
      diva_cross_fit(&search->cross_fit, start_of(search, start), &plain, &best, error);
  if (status == DIVA_OK) {
    out->plain[start] = (struct diva_reweight_figures){plain.mean, plain.error};
    if (allowed && (!search->found || best.mean < search->best.mean)) {
      keep(&best, &search->best);
      search->best_start = start;
      search->found = true;
    }
    if (start == search->request->base) {
      keep(&plain, &search->base);
    }
  }
  diva_held_out_free(&plain);
  diva_held_out_free(&best);
  return status;
}

static void judge(const struct search *search, struct diva_reweight_summary *out) {
  diva_held_out_compare(&search->cross_fit, &search->base, &search->best, &out->gain,
                        &out->gain_error);
  out->best_start = search->best_start;
  out->best_steps = search->best.steps;
  out->best = (struct diva_reweight_figures){search->best.mean, search->best.error};
  out->base_is_best = !(out->gain > out->gain_error);
  out->folds = search->request->folds;
  for (int64_t i = 0; i < search->problem->rows; i++) {
    out->cross_fit_rows += search->folds[i] >= 0;
  }
}

/* The base comes first, so that of equal ones it is the best. */
static enum diva_status try_starts(struct search *search, struct diva_reweight_summary *out,
                                   struct diva_error *error) {
  const enum diva_reweight_start base = search->request->base;
  enum diva_status status = try_start(search, base, out, error);
  for (int s = 0; s < DIVA_REWEIGHT_STARTS && status == DIVA_OK; s++) {
    const enum diva_reweight_start start = (enum diva_reweight_start)s;
    if (start != base && start_of(search, start) && !is_known(search, start, out)) {
      status = try_start(search, start, out, error);
    }
  }
  return status;
}

enum diva_status diva_weight_choose(const struct diva_weight_choice_request *request,
                                    struct diva_reweight_summary *out, struct diva_error *error) {
  struct search search = {.request = request, .problem = &request->site->problem};
  for (int s = 0; s < DIVA_REWEIGHT_STARTS; s++) {
    out->plain[s] = (struct diva_reweight_figures){NAN, NAN};
  }
  enum diva_status status = deal(&search, error);
  if (status == DIVA_OK) {
    status = weigh(&search, error);
  }
  if (status == DIVA_OK) {
    search.cross_fit = (struct diva_cross_fit_request){.problem = search.problem,
                                                       .folds = search.folds,
                                                       .fold_count = request->folds,
                                                       .share = search.share};
    status = try_starts(&search, out, error);
  }
  if (status == DIVA_OK) {
    judge(&search, out);
  }
  diva_held_out_free(&search.base);
  diva_held_out_free(&search.best);
  free(search.folds);
  free(search.share);
  return status;
}
