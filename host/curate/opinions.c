/* Asking a smoother model, and the neighbours. */
#include "opinions.h"

#include "host/core/core.h"
#include "neighbour_vote.h"

#include <diva/system.h>
#include <string.h>

static const double SMOOTHER = 256.0;

/* The pool, and the table that the opinion at hand is written to. */
struct gathering {
  const struct diva_opinions_request *request;
  struct diva_opinion_pool pool;
  struct diva_score_table table;
};

static enum diva_status add(struct gathering *gathering, const char *name,
                            const struct diva_score_table *table, struct diva_error *error) {
  const struct diva_opinions_request *request = gathering->request;
  const int threads = request->options->threads;
  const struct diva_labelled_scores rows = {.table = table,
                                            .labels = diva_dataset_labels(request->dataset),
                                            .weight = request->given,
                                            .threads =
                                                threads > 0 ? threads : diva_cores_available(),
                                            .seed = request->options->seed};
  return diva_opinion_pool_add(&gathering->pool, name, &rows, error);
}

/* A system that cannot be solved has no opinion. */
static enum diva_status ask_smoother(struct gathering *gathering, struct diva_error *error) {
  struct diva_analysis_options options = *gathering->request->options;
  struct diva_analysis *analysis = NULL;
  options.lambda *= SMOOTHER;
  options.derivative = false;
  options.scores = diva_score_table_take;
  options.scores_context = &gathering->table;
  const enum diva_status status =
      diva_analysis_run(gathering->request->dataset, NULL, &options, &analysis, error);
  diva_analysis_destroy(analysis);
  if (status == DIVA_ERROR_NUMERICAL) {
    return DIVA_OK;
  }
  return status == DIVA_OK ? add(gathering, "smoother model", &gathering->table, error) : status;
}

static enum diva_status ask_neighbours(struct gathering *gathering, struct diva_error *error) {
  const struct diva_opinions_request *request = gathering->request;
  const struct diva_vote_request vote = {.dataset = request->dataset,
                                         .reference = request->pilot,
                                         .given = request->given,
                                         .judging = request->options->weights,
                                         .groups = request->options->groups,
                                         .scale = request->options->scale,
                                         .smoothing = diva_label_noise_smoothing(request->noise),
                                         .backend = request->options->backend,
                                         .threads = request->options->threads,
                                         .progress = &request->options->progress};
  const enum diva_status status = diva_neighbour_vote(&vote, &gathering->table, error);
  return status == DIVA_OK ? add(gathering, "nearest neighbours", &gathering->table, error)
                           : status;
}

static enum diva_status gather(struct gathering *gathering, const struct diva_score_table *scores,
                               struct diva_error *error) {
  enum diva_status status = add(gathering, "model", scores, error);
  if (status == DIVA_OK) {
    status = ask_smoother(gathering, error);
  }
  return status == DIVA_OK ? ask_neighbours(gathering, error) : status;
}

enum diva_status diva_opinions_pool(const struct diva_opinions_request *request,
                                    struct diva_score_table *scores,
                                    struct diva_opinion said[DIVA_OPINIONS], int *count,
                                    struct diva_error *error) {
  struct gathering gathering = {.request = request};
  enum diva_status status = diva_opinion_pool_open(scores->rows, scores->classes,
                                                   request->noise->rate, &gathering.pool, error);
  if (status == DIVA_OK) {
    status = diva_score_table_create(&gathering.table, scores->rows, scores->classes, error);
  }
  if (status == DIVA_OK) {
    status = gather(&gathering, scores, error);
  }
  if (status == DIVA_OK) {
    diva_opinion_pool_close(&gathering.pool);
    memcpy(said, gathering.pool.opinions, sizeof gathering.pool.opinions);
    *count = gathering.pool.count;
    memcpy(scores->scores, gathering.pool.sum.scores,
           (size_t)(scores->rows * scores->classes) * sizeof *scores->scores);
  }
  diva_score_table_free(&gathering.table);
  diva_opinion_pool_free(&gathering.pool);
  return status;
}
