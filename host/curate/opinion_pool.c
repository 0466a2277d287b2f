/* Averaging what several scorers say. */
#include "opinion_pool.h"

#include "host/core/core.h"

#include <math.h>

enum diva_status diva_opinion_pool_open(int64_t rows, int64_t classes, double noise_rate,
                                        struct diva_opinion_pool *out, struct diva_error *error) {
  *out = (struct diva_opinion_pool){.noise_rate = noise_rate};
  return diva_score_table_create(&out->sum, rows, classes, error);
}

static double share_mistaken(const struct diva_score_sample *sample) {
  int64_t mistaken = 0;
  for (int64_t i = 0; i < sample->rows; i++) {
    mistaken += sample->predicted[i] != sample->labels[i];
  }
  return (double)mistaken / (double)sample->rows;
}

static double weigh(double error, double noise_rate, int64_t rows) {
  const double standard_error =
      sqrt(fmax(error * (1.0 - error), 0.25 / (double)rows) / (double)rows);
  const double own = fmax(error - noise_rate, standard_error);
  return pow(own, -4.0);
}

enum diva_status diva_opinion_pool_add(struct diva_opinion_pool *pool, const char *name,
                                       const struct diva_labelled_scores *rows,
                                       struct diva_error *error) {
  struct diva_score_sample sample;
  const enum diva_status status = diva_score_sample_take(rows, &sample, error);
  if (status == DIVA_OK) {
    struct diva_opinion *opinion = &pool->opinions[pool->count++];
    opinion->name = name;
    opinion->error = share_mistaken(&sample);
    opinion->temperature = diva_score_sample_temperature(&sample, rows->threads);
    opinion->weight = weigh(opinion->error, pool->noise_rate, sample.rows);
    const float factor = (float)(opinion->weight * opinion->temperature);
    for (int64_t i = 0; i < pool->sum.rows * pool->sum.classes; i++) {
      pool->sum.scores[i] += factor * rows->table->scores[i];
    }
  }
  diva_score_sample_free(&sample);
  return status;
}

void diva_opinion_pool_close(struct diva_opinion_pool *pool) {
  double sum = 0.0;
  for (int m = 0; m < pool->count; m++) {
    sum += pool->opinions[m].weight;
  }
  for (int m = 0; m < pool->count; m++) {
    pool->opinions[m].weight /= sum;
  }
  for (int64_t i = 0; i < pool->sum.rows * pool->sum.classes; i++) {
    pool->sum.scores[i] /= (float)sum;
  }
}

void diva_opinion_pool_free(struct diva_opinion_pool *pool) {
  diva_score_table_free(&pool->sum);
  *pool = (struct diva_opinion_pool){0};
}
