/* Nearest neighbours among a reference sample, and their votes. */
#include "neighbour_vote.h"

#include "device_scale.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_TILE_ROWS = 512, COUNTS = 5, MOST_NEIGHBOURS = 240 };
static const int counts[COUNTS] = {15, 30, 60, 120, MOST_NEIGHBOURS};
/* What the class shares weigh beside the neighbours. */
static const double PRIOR_VOTES = 2.0;

/* A vote in progress; arrays owned. */
struct vote {
  const struct diva_vote_request *request;
  struct diva_score_table *table;
  struct diva_device_rows device;
  struct diva_matrix reference; /* m x columns */
  struct diva_matrix products;  /* tile_rows x m */
  float *values;                /* the same on the host */
  float *square;                /* m: |r|^2 */
  double *alpha;                /* m: 0 does not vote */
  double *share;                /* classes */
  int neighbours;               /* K, once chosen */
};

struct neighbour {
  float distance; /* |r|^2 - 2 z . r: |z|^2 is the same for all of a row */
  int64_t at;
};

/* The nearest so far, in order. */
struct nearest {
  struct neighbour found[MOST_NEIGHBOURS];
  int most;
  int count;
};

/* Of equal ones the first stays. */
static void insert(struct nearest *nearest, struct neighbour found) {
  int place = nearest->count < nearest->most ? nearest->count++ : nearest->most - 1;
  while (place > 0 && nearest->found[place - 1].distance > found.distance) {
    nearest->found[place] = nearest->found[place - 1];
    place--;
  }
  nearest->found[place] = found;
}

static bool may_vote(const struct vote *vote, int64_t row, int64_t at) {
  const int32_t *groups = vote->request->groups;
  const int64_t voter = vote->request->reference->index[at];
  const bool together = groups && groups[row] >= 0 && groups[row] == groups[voter];
  return vote->alpha[at] > 0.0 && voter != row && !together;
}

static void find_nearest(const struct vote *vote, int64_t row, const float *products, int most,
                         struct nearest *nearest) {
  nearest->most = most;
  nearest->count = 0;
  for (int64_t at = 0; at < vote->reference.rows; at++) {
    const float distance = vote->square[at] - 2.0F * products[at];
    if ((nearest->count < most || distance < nearest->found[most - 1].distance) &&
        may_vote(vote, row, at)) {
      insert(nearest, (struct neighbour){distance, at});
    }
  }
}

/* Adds the votes of the neighbours first .. end - 1 and returns their sum. */
static double add_votes(const struct vote *vote, const struct nearest *nearest, int first, int end,
                        float *out) {
  double sum = 0.0;
  for (int j = first; j < end && j < nearest->count; j++) {
    const int64_t at = nearest->found[j].at;
    const double votes = vote->alpha[at] / sqrt((double)(j + 1));
    out[vote->request->reference->labels[at]] += (float)votes;
    sum += votes;
  }
  return sum;
}

static void begin_votes(const struct vote *vote, float *out) {
  for (int64_t c = 0; c < vote->table->classes; c++) {
    out[c] = (float)(PRIOR_VOTES * vote->share[c]);
  }
}

static void score_row(const struct vote *vote, int64_t row, const float *products) {
  struct nearest nearest;
  const int64_t k = vote->table->classes;
  float *out = vote->table->scores + row * k;
  find_nearest(vote, row, products, vote->neighbours, &nearest);
  begin_votes(vote, out);
  const double sum = PRIOR_VOTES + add_votes(vote, &nearest, 0, vote->neighbours, out);
  /* A class that no row of the sample has is next to ruled out, no more. */
  const double least = 1e-6;
  for (int64_t c = 0; c < k; c++) {
    out[c] = (float)log(fmax((double)out[c] / sum, least));
  }
}

static int32_t most_votes(const float *votes, int64_t classes) {
  int32_t best = 0;
  for (int32_t c = 1; c < classes; c++) {
    best = votes[c] > votes[best] ? c : best;
  }
  return best;
}

/* Whether the label of a row of the reference is mistaken, for each number of neighbours. `out` is
 * scratch. */
static void test_row(const struct vote *vote, int64_t at, const float *products, float *out,
                     uint8_t mistaken[COUNTS]) {
  const struct diva_subset *reference = vote->request->reference;
  struct nearest nearest;
  find_nearest(vote, reference->index[at], products, MOST_NEIGHBOURS, &nearest);
  begin_votes(vote, out);
  for (int i = 0; i < COUNTS; i++) {
    add_votes(vote, &nearest, i > 0 ? counts[i - 1] : 0, counts[i], out);
    mistaken[i] = most_votes(out, vote->table->classes) != reference->labels[at];
  }
}

/* Products of the rows of a tile with the reference, to the host. */
static enum diva_status multiply(struct vote *vote, int64_t count, struct diva_error *error) {
  const struct diva_engine *engine = &vote->device.engine;
  struct diva_matrix z = vote->device.z;
  struct diva_matrix products = vote->products;
  z.rows = products.rows = count;
  const enum diva_status status = engine->ops->multiply(engine->backend, false, false, true, z,
                                                        vote->reference, products, error);
  return status == DIVA_OK
             ? diva_device_rows_download(&vote->device, products, count, vote->values, error)
             : status;
}

static enum diva_status visit(void *context, const struct diva_prefetch_tile *tile,
                              struct diva_error *error) {
  struct vote *vote = context;
  const enum diva_status status = multiply(vote, tile->count, error);
  const int64_t rows = status == DIVA_OK ? tile->count : 0;
#pragma omp parallel for schedule(dynamic, 16) num_threads(vote->device.engine.threads)
  for (int64_t i = 0; i < rows; i++) {
    score_row(vote, tile->first + i, vote->values + i * vote->reference.rows);
  }
  return status;
}

/* Mistakes on the reference, by number of neighbours. */
struct test {
  struct vote *vote;
  float *votes;      /* tile_rows x classes */
  uint8_t *mistaken; /* tile_rows x COUNTS */
  int64_t mistakes[COUNTS];
};

static enum diva_status visit_test(void *context, const struct diva_prefetch_tile *tile,
                                   struct diva_error *error) {
  struct test *test = context;
  const struct vote *vote = test->vote;
  const int64_t k = vote->table->classes;
  const enum diva_status status = multiply(test->vote, tile->count, error);
  const int64_t rows = status == DIVA_OK ? tile->count : 0;
#pragma omp parallel for schedule(dynamic, 16) num_threads(vote->device.engine.threads)
  for (int64_t i = 0; i < rows; i++) {
    test_row(vote, tile->first + i, vote->values + i * vote->reference.rows, test->votes + i * k,
             test->mistaken + i * COUNTS);
  }
  for (int64_t i = 0; i < rows * COUNTS; i++) {
    test->mistakes[i % COUNTS] += test->mistaken[i];
  }
  return status;
}

/* The most, or the fewest, neighbours that mistake hardly more labels than the best number does. */
static int as_good_as_best(const int64_t mistakes[COUNTS], int64_t rows, double smoothing) {
  int64_t least = rows;
  for (int i = 0; i < COUNTS; i++) {
    least = mistakes[i] < least ? mistakes[i] : least;
  }
  const double wrong = (double)least;
  const double slack = fabs(2.0 * smoothing - 1.0);
  const double most = wrong + slack * sqrt(wrong * (1.0 - wrong / (double)rows));
  const bool many = smoothing >= 0.5;
  int chosen = 0;
  for (int i = 0; i < COUNTS; i++) {
    chosen = (double)mistakes[i] <= most && (many || chosen == 0) ? counts[i] : chosen;
  }
  return chosen;
}

static enum diva_status choose_neighbours(struct vote *vote, struct diva_error *error) {
  const struct diva_subset *reference = vote->request->reference;
  const int64_t rows = vote->device.tile_rows;
  struct test test = {.vote = vote};
  enum diva_status status = diva_allocate(rows * vote->table->classes, sizeof *test.votes, "votes",
                                          (void **)&test.votes, error);
  if (status == DIVA_OK) {
    status = diva_allocate(rows * COUNTS, sizeof *test.mistaken, "votes", (void **)&test.mistaken,
                           error);
  }
  if (status == DIVA_OK) {
    status = diva_device_rows_each(&vote->device, reference->dataset, "neighbours", visit_test,
                                   &test, error);
  }
  vote->neighbours = as_good_as_best(test.mistakes, reference->rows, vote->request->smoothing);
  free(test.votes);
  free(test.mistaken);
  return status;
}

/* Rows of the reference go to their places on the device, and their squares to the host. */
static enum diva_status place(void *context, const struct diva_prefetch_tile *tile,
                              struct diva_error *error) {
  struct vote *vote = context;
  const struct diva_engine *engine = &vote->device.engine;
  const int64_t d = vote->device.info.columns;
  const int64_t real = (int64_t)sizeof *vote->values;
  enum diva_status status =
      diva_device_rows_download(&vote->device, vote->device.z, tile->count, vote->values, error);
  for (int64_t i = 0; i < tile->count && status == DIVA_OK; i++) {
    const float *row = vote->values + i * d;
    double square = 0.0;
    for (int64_t j = 0; j < d; j++) {
      square += (double)row[j] * (double)row[j];
    }
    vote->square[tile->first + i] = (float)square;
    status = engine->ops->upload(engine->backend, vote->reference.buffer,
                                 (tile->first + i) * vote->reference.stride * real, row, d * real,
                                 error);
  }
  return status;
}

static enum diva_status open_device(struct vote *vote, struct diva_error *error) {
  const struct diva_vote_request *request = vote->request;
  const int64_t m = request->reference->rows;
  const struct diva_device_request device = {.dataset = request->dataset,
                                             .most_tile_rows = MOST_TILE_ROWS,
                                             .widest = m,
                                             .backend = request->backend,
                                             .threads = request->threads,
                                             .progress = request->progress};
  const int64_t real = (int64_t)sizeof(float);
  enum diva_status status = diva_device_rows_open(&device, &vote->device, error);
  vote->device.preparation.unit_rows = request->scale == DIVA_SCALE_L2;
  if (status == DIVA_OK) {
    status = diva_engine_matrix(&vote->device.engine, m, vote->device.info.columns, real,
                                &vote->reference, error);
  }
  return status == DIVA_OK ? diva_engine_matrix(&vote->device.engine, vote->device.tile_rows, m,
                                                real, &vote->products, error)
                           : status;
}

static enum diva_status allocate(struct vote *vote, struct diva_error *error) {
  const int64_t m = vote->request->reference->rows;
  const int64_t d = vote->device.info.columns;
  const char *what = "neighbours";
  enum diva_status status =
      diva_allocate(vote->device.tile_rows * (m > d ? m : d), sizeof *vote->values, what,
                    (void **)&vote->values, error);
  if (status == DIVA_OK) {
    status = diva_allocate(m, sizeof *vote->square, what, (void **)&vote->square, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(m, sizeof *vote->alpha, what, (void **)&vote->alpha, error);
  }
  return status == DIVA_OK ? diva_allocate(vote->table->classes, sizeof *vote->share, what,
                                           (void **)&vote->share, error)
                           : status;
}

static double weight_of(const struct diva_vote_request *request, int64_t row) {
  if (request->judging && request->judging[row] <= 0.0) {
    return 0.0;
  }
  return request->given ? request->given[row] : 1.0;
}

static void weigh_voters(struct vote *vote) {
  const struct diva_subset *reference = vote->request->reference;
  double sum = 0.0;
  for (int64_t at = 0; at < reference->rows; at++) {
    vote->alpha[at] = weight_of(vote->request, reference->index[at]);
    vote->share[reference->labels[at]] += vote->alpha[at];
    sum += vote->alpha[at];
  }
  for (int64_t c = 0; c < vote->table->classes; c++) {
    vote->share[c] /= sum;
  }
}

enum diva_status diva_neighbour_vote(const struct diva_vote_request *request,
                                     struct diva_score_table *table, struct diva_error *error) {
  struct vote vote = {.request = request, .table = table};
  enum diva_status status = open_device(&vote, error);
  if (status == DIVA_OK) {
    status = allocate(&vote, error);
  }
  if (status == DIVA_OK && request->scale == DIVA_SCALE_STANDARDIZE) {
    const struct diva_column_scaling scaling = {
        .dataset = request->reference->dataset, .divide = true, .phase = "neighbours"};
    status = diva_device_rows_scale(&vote.device, &scaling, error);
  }
  if (status == DIVA_OK) {
    status = diva_device_rows_each(&vote.device, request->reference->dataset, "neighbours", place,
                                   &vote, error);
  }
  if (status == DIVA_OK) {
    weigh_voters(&vote);
    status = choose_neighbours(&vote, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_device_rows_each(&vote.device, request->dataset, "neighbours", visit, &vote, error);
  }
  diva_device_rows_close(&vote.device);
  free(vote.values);
  free(vote.square);
  free(vote.alpha);
  free(vote.share);
  return status;
}
