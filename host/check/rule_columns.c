/* Feature columns: constant ones, copies of others, and values that are none. */
#include "run.h"

#include "host/core/core.h"
#include "host/dataset/prefetch.h"
#include "host/dataset/widen.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What is wrong with a column. */
enum fault { FAULT_NONE, FAULT_CONSTANT, FAULT_COPY };

struct columns {
  uint8_t *fault;   /* columns, enum fault (owned) */
  int64_t *copy_of; /* columns: the first column of the same values, -1 (owned) */
  int64_t count;    /* of constant columns and copies that count */
};

enum { SUBJECT_SIZE = 32 };

static void name_column(int64_t column, char subject[SUBJECT_SIZE]) {
  snprintf(subject, SUBJECT_SIZE, "column %lld", (long long)column);
}

/* A column and what it is sorted by. */
struct hashed {
  uint64_t hash;
  int64_t column;
};

static int compare_hashed(const void *left, const void *right) {
  const struct hashed *a = left;
  const struct hashed *b = right;
  if (a->hash != b->hash) {
    return a->hash < b->hash ? -1 : 1;
  }
  return a->column < b->column ? -1 : a->column > b->column;
}

/* The first column of the same values, -1: there is none before it. Constant columns are not
 * copies of each other. */
static enum diva_status find_copies(const struct diva_content *content, int64_t *copy_of,
                                    struct diva_error *error) {
  struct hashed *sorted = NULL;
  const enum diva_status status =
      diva_allocate(content->columns, sizeof *sorted, "columns", (void **)&sorted, error);
  if (status != DIVA_OK) {
    return status;
  }
  for (int64_t j = 0; j < content->columns; j++) {
    sorted[j] = (struct hashed){content->column_hash[j], j};
    copy_of[j] = -1;
  }
  qsort(sorted, (size_t)content->columns, sizeof *sorted, compare_hashed);
  for (int64_t s = 1; s < content->columns; s++) {
    const int64_t column = sorted[s].column;
    const int64_t before = sorted[s - 1].column;
    if (sorted[s].hash == sorted[s - 1].hash && !content->constant[column]) {
      copy_of[column] = copy_of[before] >= 0 ? copy_of[before] : before;
    }
  }
  free(sorted);
  return DIVA_OK;
}

/* Mean and variance of a column in a saved state, over all rows. */
static void recall_column(const struct diva_check_version *before, int64_t j, double *mean,
                          double *variance) {
  struct diva_state_sums sums;
  diva_state_sums(before->state, &sums);
  *mean = sums.row_mean[j];
  *variance = sums.row_square[j] / (double)before->rows;
}

static bool was_constant(const struct diva_check_run *run, int64_t j) {
  double mean;
  double variance;
  if (!run->before.state) {
    return run->before.content.constant[j];
  }
  recall_column(&run->before, j, &mean, &variance);
  return variance <= 1e-12 * mean * mean;
}

/* Whether two columns were equal; of a state it is enough that their moments are. */
static bool were_equal(const struct diva_check_run *run, int64_t a, int64_t b) {
  double mean[2];
  double variance[2];
  if (!run->before.state) {
    return run->before.content.column_hash[a] == run->before.content.column_hash[b];
  }
  recall_column(&run->before, a, &mean[0], &variance[0]);
  recall_column(&run->before, b, &mean[1], &variance[1]);
  return fabs(mean[0] - mean[1]) <= 1e-9 * sqrt(variance[0]) &&
         fabs(variance[0] - variance[1]) <= 1e-9 * variance[0];
}

/*
 * Rows of a state with another value than c, as few as its moments allow if all lie to one side:
 * m of n rows with the mean u of x - c and the variance s^2 have m >= n u^2 / (u^2 + s^2). Less
 * than one: they lie to both sides, and are many.
 */
static int64_t guess_others(const struct diva_check_run *run, int64_t j) {
  double mean;
  double variance;
  recall_column(&run->before, j, &mean, &variance);
  const double apart = mean - run->after.content.first[j];
  const double fewest = (double)run->before.rows * apart * apart / (apart * apart + variance);
  return fewest < 0.5 ? run->before.rows : (int64_t)ceil(fewest - 1e-6);
}

/* Counts for each column that is marked the rows of the baseline with another value than its
 * constant one here. */
static enum diva_status read_others(const struct diva_check_run *run, const uint8_t *marked,
                                    int64_t *others, struct diva_error *error) {
  struct diva_dataset_info info;
  struct diva_prefetch *prefetch = NULL;
  const int64_t d = run->before.columns;
  const int64_t tile_rows = 1 + (4 << 20) / (d * (int64_t)sizeof(double));
  double *row = NULL;
  diva_dataset_describe(run->before.dataset, &info);
  enum diva_status status = diva_allocate(d, sizeof *row, "a row", (void **)&row, error);
  if (status == DIVA_OK) {
    status = diva_prefetch_start(run->before.dataset, tile_rows < info.rows ? tile_rows : info.rows,
                                 &prefetch, error);
  }
  for (int64_t done = 0; done < info.rows && status == DIVA_OK;) {
    struct diva_prefetch_tile tile = {0};
    status =
        diva_progress_report(&run->options->analysis.progress, "columns", done, info.rows, error);
    if (status == DIVA_OK) {
      status = diva_prefetch_next(prefetch, &tile, error);
    }
    for (int64_t i = 0; i < tile.count && status == DIVA_OK; i++) {
      diva_widen((const char *)tile.features + i * d * diva_dtype_size(info.feature_type),
                 info.feature_type, d, row);
      for (int64_t j = 0; j < d; j++) {
        others[j] += marked[j] && row[j] != run->after.content.first[j];
      }
    }
    done = tile.first + tile.count;
  }
  diva_prefetch_stop(prefetch);
  free(row);
  return status;
}

static enum diva_status count_others(const struct diva_check_run *run, const uint8_t *marked,
                                     int64_t *others, struct diva_error *error) {
  if (!run->before.state) {
    return read_others(run, marked, others, error);
  }
  for (int64_t j = 0; j < run->before.columns; j++) {
    others[j] = marked[j] ? guess_others(run, j) : 0;
  }
  return DIVA_OK;
}

/*
 * Whether a column that `others` of the baseline's rows would not let be constant can have lost
 * them by chance: none of them is among the rows kept, nor among the added ones if those are drawn
 * alike.
 */
static bool is_chance(const struct diva_check_run *run, int64_t others) {
  const double rows = (double)run->before.rows;
  const double kept = (double)run->match.kept / rows;
  const double share = (double)others / rows;
  const double chance =
      pow(1.0 - kept, (double)others) * pow(1.0 - share, (double)run->match.added);
  return chance > (1.0 - run->options->policy.confidence) / (double)run->after.columns;
}

/* Constant columns count unless they were so before, or can have become so by chance. */
static enum diva_status judge_constant(const struct diva_check_run *run, struct columns *columns,
                                       struct diva_error *error) {
  const struct diva_content *after = &run->after.content;
  const int64_t d = after->columns;
  const bool compare = run->has_baseline && run->before.columns == d;
  int64_t *others = NULL;
  int64_t constant = 0;
  for (int64_t j = 0; j < d; j++) {
    if (after->constant[j] && !(compare && was_constant(run, j))) {
      columns->fault[j] = FAULT_CONSTANT;
      constant++;
    }
  }
  if (!compare || constant == 0) {
    return DIVA_OK;
  }
  enum diva_status status =
      diva_allocate(d, sizeof *others, "constant columns", (void **)&others, error);
  if (status == DIVA_OK) {
    status = count_others(run, columns->fault, others, error);
  }
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    if (columns->fault[j] == FAULT_CONSTANT && is_chance(run, others[j])) {
      columns->fault[j] = FAULT_NONE;
    }
  }
  free(others);
  return status;
}

static enum diva_status judge_copies(const struct diva_check_run *run, struct columns *columns,
                                     struct diva_error *error) {
  const struct diva_content *after = &run->after.content;
  const bool compare = run->has_baseline && run->before.columns == after->columns;
  enum diva_status status = find_copies(after, columns->copy_of, error);
  for (int64_t j = 0; j < after->columns && status == DIVA_OK; j++) {
    const int64_t first = columns->copy_of[j];
    const bool was = compare && first >= 0 && were_equal(run, j, first);
    if (first >= 0 && !was && columns->fault[j] == FAULT_NONE) {
      columns->fault[j] = FAULT_COPY;
    }
  }
  return status;
}

/* NaN and infinity fail at once, however few they are: nothing can be computed. */
static enum diva_status find_values(struct diva_check_run *run, struct diva_error *error) {
  const struct diva_content *content = &run->after.content;
  enum diva_status status = DIVA_OK;
  for (int64_t j = 0; j < content->columns && status == DIVA_OK; j++) {
    char subject[SUBJECT_SIZE];
    char scratch[DIVA_ID_SCRATCH_SIZE];
    struct diva_check_finding finding = diva_check_finding_none();
    if (content->fault_count[j] == 0) {
      continue;
    }
    name_column(j, subject);
    finding.subject = subject;
    finding.value = (double)content->fault_count[j] / (double)content->rows;
    finding.own_limits = true;
    finding.limits = (struct diva_limits){(double)NAN, 0.0};
    status = diva_check_find(
        run->findings, DIVA_RULE_COLUMNS, &finding, error,
        "column %lld holds NaN or infinity in %lld row%s, first in row %lld (id '%s')",
        (long long)j, (long long)content->fault_count[j], diva_plural(content->fault_count[j]),
        (long long)content->fault_row[j],
        diva_check_id(&run->after, content->fault_row[j], scratch));
  }
  for (int64_t i = 0; i < content->rows && content->faulty_rows > 0 && status == DIVA_OK; i++) {
    if (content->fault_column[i] >= 0) {
      char scratch[DIVA_ID_SCRATCH_SIZE];
      char subject[SUBJECT_SIZE];
      struct diva_check_row row = diva_check_row_of(&run->after, i, scratch);
      name_column(content->fault_column[i], subject);
      row.subject = subject;
      status = diva_check_name(run->findings, DIVA_RULE_COLUMNS, &row, error,
                               "NaN or infinity in column %d", content->fault_column[i]);
    }
  }
  return status;
}

/* One finding a column, held against no limit of its own: the share of all columns is. */
static enum diva_status find_column(struct diva_check_run *run, struct columns *columns, int64_t j,
                                    struct diva_error *error) {
  const struct diva_content *content = &run->after.content;
  char subject[SUBJECT_SIZE];
  struct diva_check_finding finding = diva_check_finding_none();
  name_column(j, subject);
  if (columns->fault[j] == FAULT_NONE ||
      diva_policy_waiver(&run->options->policy, DIVA_RULE_COLUMNS, NULL, subject,
                         run->options->today)) {
    return DIVA_OK;
  }
  columns->count++;
  finding.subject = subject;
  finding.value = 1.0 / (double)content->columns;
  if (columns->fault[j] == FAULT_CONSTANT) {
    return diva_check_find(run->findings, DIVA_RULE_COLUMNS, &finding, error,
                           "column %lld is %.6g in every row", (long long)j, content->first[j]);
  }
  return diva_check_find(run->findings, DIVA_RULE_COLUMNS, &finding, error,
                         "column %lld is a copy of column %lld", (long long)j,
                         (long long)columns->copy_of[j]);
}

static enum diva_status find_columns(struct diva_check_run *run, struct columns *columns,
                                     struct diva_error *error) {
  const int64_t d = run->after.columns;
  struct diva_check_finding finding = diva_check_finding_none();
  enum diva_status status = find_values(run, error);
  for (int64_t j = 0; j < d && status == DIVA_OK; j++) {
    status = find_column(run, columns, j, error);
  }
  finding.value = (double)columns->count / (double)d;
  finding.after = (double)d;
  if (run->has_baseline) {
    finding.before = (double)run->before.columns;
  }
  if (status == DIVA_OK && run->has_baseline && run->before.columns != d) {
    finding.own_limits = true;
    finding.limits = (struct diva_limits){(double)NAN, 0.0};
    return diva_check_find(run->findings, DIVA_RULE_COLUMNS, &finding, error,
                           "there are %lld columns, the baseline has %lld", (long long)d,
                           (long long)run->before.columns);
  }
  return status == DIVA_OK ? diva_check_find(run->findings, DIVA_RULE_COLUMNS, &finding, error,
                                             "%lld of %lld columns %s constant or copies of others",
                                             (long long)columns->count, (long long)d,
                                             run->has_baseline ? "became" : "are")
                           : status;
}

enum diva_status diva_check_columns(struct diva_check_run *run, struct diva_error *error) {
  struct columns columns = {0};
  enum diva_status status = diva_allocate(run->after.columns, sizeof *columns.fault, "columns",
                                          (void **)&columns.fault, error);
  if (status == DIVA_OK) {
    status = diva_allocate(run->after.columns, sizeof *columns.copy_of, "columns",
                           (void **)&columns.copy_of, error);
  }
  if (status == DIVA_OK) {
    status = judge_constant(run, &columns, error);
  }
  if (status == DIVA_OK) {
    status = judge_copies(run, &columns, error);
  }
  if (status == DIVA_OK) {
    status = find_columns(run, &columns, error);
  }
  free(columns.fault);
  free(columns.copy_of);
  return status;
}
